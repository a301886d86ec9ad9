//! Time lines through faults as text: a character a tenth of a second.

use std::fmt::Write;

use super::wrapped;
use crate::faults::matrix::Row;
use crate::results::{Results, Timeline};

/// Whose time lines are worth a line each, in the order in which they compare.
const TOLD: [Row; 7] = [
    Row::LeaderKilled,
    Row::LeaderStopped,
    Row::LeaderPaused,
    Row::LeaderCutOff,
    Row::FollowerKilled,
    Row::FollowerStopped,
    Row::FetchPathCut,
];
/// As many steps as fit a line.
const STEPS_MAX: usize = 62;
const TITLE: &str = "One trial of each, a character each 0.1 s: # acknowledged at more than half of the usual rate, + at less, \
                     . nothing; | the fault begins, ^ another leads, - a member leaves the set, x the fault ends.";

/// The lines; nothing where nothing was watched.
pub(super) fn section(results: &Results) -> String {
    let mut text = String::new();
    for row in TOLD {
        for timeline in results.timelines.iter().filter(|timeline| timeline.fault == row.name()) {
            let setting = timeline.title.split_once('/').map_or("", |(_, setting)| setting);
            let setting = setting.split('/').next().unwrap_or_default();
            let _ = writeln!(text, "{row:<16} {setting:<14} {}", strip(timeline));
        }
    }
    if text.is_empty() { text } else { format!("{}\n{text}\n", wrapped(TITLE)) }
}

fn strip(timeline: &Timeline) -> String {
    let Some(series) = timeline.series(Timeline::ACKNOWLEDGED) else { return String::new() };
    let counts: Vec<f64> = series.points.iter().map(|(_, count)| count.unwrap_or_default()).collect();
    let mut sorted = counts.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() * 3 / 4).copied().unwrap_or_default();
    let mut strip = String::new();
    for ((from, _), count) in series.points.iter().zip(counts).take(STEPS_MAX) {
        let until = series.points.get(1).map_or(0.0, |(step, _)| *step) + from;
        let here = timeline.events.iter().filter(|event| event.time_ms >= *from && event.time_ms < until);
        let marks = here.filter_map(|event| mark(&event.what));
        strip.push(match marks.min() {
            Some((_, mark)) => mark,
            None if count == 0.0 => '.',
            None if count < usual / 2.0 => '+',
            None => '#',
        });
    }
    strip
}

/// What is drawn for an event, the most telling first.
fn mark(what: &str) -> Option<(u8, char)> {
    match what {
        "elected" => Some((1, '^')),
        "left the set" => Some((2, '-')),
        "joined the set" => None,
        "restart" | "resume" | "heal" | "join" => Some((3, 'x')),
        _ => Some((0, '|')),
    }
}

#[cfg(test)]
mod tests {
    use partition::log::Durability;
    use partition::partition::Acks;

    use super::*;
    use crate::faults::matrix::Ground;
    use crate::results::tests::results;
    use crate::results::{TimelineEvent, TimelineSeries};
    use crate::system::System;

    #[test]
    fn a_silence_is_seen_between_the_fault_and_the_next_leader() {
        let counts = [9, 8, 9, 0, 0, 0, 2, 9, 8, 9];
        let points = (0..).zip(counts).map(|(at, count)| (f64::from(at) * 100.0, Some(f64::from(count))));
        let event = |time_ms, what: &str| TimelineEvent { time_ms, what: what.to_owned(), replica: None };
        let timeline = Timeline {
            title: "leader-killed/isr-3:2/committed/synced".to_owned(),
            fault: "leader-killed".to_owned(),
            system: System::Isr,
            replicas: 3,
            min_isr: Some(2),
            acks: Acks::Committed,
            durability: Durability::Synced,
            switches: Vec::new(),
            ground: Ground::Processes,
            seed: 1,
            events: vec![event(250.0, "kill"), event(560.0, "elected"), event(810.0, "restart")],
            series: vec![TimelineSeries {
                name: Timeline::ACKNOWLEDGED.to_owned(),
                unit: "appends".to_owned(),
                points: points.collect(),
            }],
        };
        assert_eq!(strip(&timeline), "##|..^+#x#");
        let mut all = results(vec![]);
        all.timelines.push(timeline);
        assert!(section(&all).contains("leader-killed    isr-3:2        ##|..^+#x#"));
    }
}
