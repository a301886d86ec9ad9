//! Time lines through faults: what was acknowledged in each tenth of a second, with the fault drawn on it.

use std::collections::BTreeMap;

use super::silences::ground_told;
use crate::faults::matrix::{Ground, Row};
use crate::report::evidence::Evidence;
use crate::report::figure::{Figure, Shown};
use crate::report::palette::label;
use crate::report::sheet::{Sheet, exact};
use crate::report::trace::{Event, Lane, Trace};
use crate::results::Timeline;

/// Faults that tell most, in the order in which they are shown.
const FAULTS: [Row; 9] = [
    Row::LeaderKilled,
    Row::LeaderStopped,
    Row::LeaderPaused,
    Row::FollowerPaused,
    Row::FetchPathCut,
    Row::ControllersLost,
    Row::LeaderCutOff,
    Row::FollowerKilled,
    Row::OneMoreKilled,
];
/// More than these make no page better.
const FIGURES_MAX: usize = 6;
/// The setting that they are shown for.
const SETTINGS: [&str; 3] =
    ["isr-3:2/committed/synced", "k-of-isr-3:2/committed/synced", "quorum-3/committed/synced"];

/// A figure for each fault with time lines.
#[must_use]
pub fn timelines(evidence: &Evidence<'_>) -> Vec<Shown> {
    // The latest run counts.
    let mut latest: BTreeMap<(&str, Ground), &Timeline> = BTreeMap::new();
    for timeline in evidence.sources.iter().flat_map(|source| &source.results.timelines) {
        latest.insert((&timeline.title, timeline.ground), timeline);
    }
    let figures = FAULTS.into_iter().filter_map(|fault| {
        let on = |ground: Ground| {
            let of = |setting: &&str| {
                let title = format!("{}/{setting}", fault.name());
                latest.get(&(title.as_str(), ground)).copied()
            };
            let lines: Vec<&Timeline> = SETTINGS.iter().filter_map(of).collect();
            (!lines.is_empty()).then(|| figure(fault, ground, &lines))
        };
        on(Ground::Processes).or_else(|| on(Ground::Simulated))
    });
    let shown: Vec<Shown> = figures.take(FIGURES_MAX).map(Shown::Figure).collect();
    if shown.is_empty() {
        return vec![Shown::Missing(
            "Time lines through faults",
            "compare faults --processes --only leader-killed",
        )];
    }
    shown
}

fn figure(fault: Row, ground: Ground, lines: &[&Timeline]) -> Figure {
    let id = format!("timeline-{}", fault.name().replace('.', "-"));
    let title = format!("{} {}", fault.what(), capital(ground_told(ground)));
    let lanes: Vec<Lane> = lines.iter().map(|line| lane(line)).collect();
    let named: Vec<&str> = lines.iter().map(|line| label(line.system)).collect();
    let trace = Trace {
        name: "acknowledged",
        title: "Appends acknowledged in each 0.1 s",
        alt: format!(
            "Appends acknowledged over time while this happens: {} For each of {}.",
            fault.what(),
            named.join(", ")
        ),
        lanes: &lanes,
    };
    Figure {
        panels: vec![trace.panel()],
        caption: "One trial of each, on the same scale. The shaded time is the fault's, as long as it lasts; what the cluster did is \
                  noted when it was next looked at. Three replicas, \
                  acknowledged when committed, stored when synced."
            .to_owned(),
        data: data(&id, &title, lines),
        title,
        id,
    }
}

fn lane(line: &Timeline) -> Lane {
    let points =
        line.series(Timeline::ACKNOWLEDGED).map(|series| series.points.as_slice()).unwrap_or_default();
    let values = points.iter().map(|(ms, count)| (ms / 1e3, count.unwrap_or_default())).collect();
    let event = |at: usize| {
        let event = &line.events[at];
        let whom = event.replica.map_or_else(String::new, |node| format!(" (replica {})", node.0));
        Event { at: event.time_ms / 1e3, words: format!("{}{whom}", event.what) }
    };
    let all = || 0..line.events.len();
    let begins = all().find(|at| kind(&line.events[*at].what) == Kind::Begins).map(event);
    let ends = all().rfind(|at| kind(&line.events[*at].what) == Kind::Ends).map(event);
    // The first leader of all is no news.
    let since = begins.as_ref().map_or(0.0, |begins| begins.at);
    let follows = all().filter(|at| kind(&line.events[*at].what) == Kind::Follows).map(event);
    let follows = follows.filter(|event| event.at >= since).collect();
    Lane { system: line.system, name: label(line.system), values, begins, ends, follows }
}

/// What an event is to a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Begins,
    Ends,
    /// What the cluster did about it.
    Follows,
}

fn kind(what: &str) -> Kind {
    match what {
        "elected" | "left the set" | "joined the set" => Kind::Follows,
        "restart" | "resume" | "heal" | "join" => Kind::Ends,
        _ => Kind::Begins,
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn data(id: &str, title: &str, lines: &[&Timeline]) -> Sheet {
    let mut sheet = Sheet::new(id, title, &["system", "seed", "series", "unit", "time_ms", "value"]);
    for line in lines {
        let mut row = |series: &str, unit: &str, at: f64, value: String| {
            let names = [line.system.to_string(), line.seed.to_string(), series.to_owned(), unit.to_owned()];
            sheet.push(names.into_iter().chain([at.to_string(), value]));
        };
        for series in &line.series {
            for (at, value) in &series.points {
                row(&series.name, &series.unit, *at, exact(*value));
            }
        }
        for event in &line.events {
            row("event", "", event.time_ms, event.what.clone());
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Source, html};
    use crate::results::tests::results;
    use crate::results::{TimelineEvent, TimelineSeries};
    use crate::system::System;
    use partition::ids::NodeId;
    use partition::log::Durability;
    use partition::partition::Acks;

    fn timeline(system: System, setting: &str) -> Timeline {
        let event =
            |time_ms, what: &str| TimelineEvent { time_ms, what: what.to_owned(), replica: Some(NodeId(1)) };
        let points =
            (0..40).map(|at| (f64::from(at) * 100.0, Some(if (10..20).contains(&at) { 0.0 } else { 30.0 })));
        let acknowledged = TimelineSeries {
            name: Timeline::ACKNOWLEDGED.to_owned(),
            unit: "appends".to_owned(),
            points: points.collect(),
        };
        Timeline {
            title: format!("leader-killed/{setting}"),
            fault: "leader-killed".to_owned(),
            system,
            replicas: 3,
            min_isr: None,
            acks: Acks::Committed,
            durability: Durability::Synced,
            switches: Vec::new(),
            ground: Ground::Processes,
            seed: 1,
            events: vec![event(1000.0, "kill"), event(1900.0, "elected"), event(3000.0, "restart")],
            series: vec![acknowledged],
        }
    }

    #[test]
    fn the_fault_is_drawn_on_each_systems_line() {
        let mut results = results(vec![]);
        results.timelines = vec![timeline(System::Isr, SETTINGS[0]), timeline(System::Quorum, SETTINGS[2])];
        let page = html(&[Source { name: "r".to_owned(), link: "r".to_owned(), results }]);
        let figure = &page[page.find("id=\"timeline-leader-killed\"").expect("it is shown")..];
        let figure = &figure[..figure.find("</figure>").unwrap()];
        assert_eq!(figure.matches("class=\"s\"").count(), 2, "the fault's time in each lane: {figure}");
        assert_eq!(figure.matches(">elected<").count(), 2, "{figure}");
        assert!(figure.contains("kill (replica 1)") && figure.contains("Real processes"), "{figure}");
    }

    #[test]
    fn a_fault_without_time_lines_is_left_out_and_none_at_all_tells_the_command() {
        let page = html(&[Source { name: "r".to_owned(), link: "r".to_owned(), results: results(vec![]) }]);
        assert!(page.contains("compare faults --processes --only leader-killed"));
    }
}
