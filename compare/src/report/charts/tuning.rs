//! What `replica.lag.time.max.ms` trades: how long one that hangs stalls everybody, against who is put out though it is well.

use crate::report::evidence::Evidence;
use crate::report::figure::{Figure, Shown};
use crate::report::lines::{Across, Line, Lines, Point};
use crate::report::scale::{number, seconds};
use crate::report::sheet::{Sheet, exact};
use crate::results::TuningPoint;
use crate::system::System;

/// A figure of the latest run that tried settings.
#[must_use]
pub fn tuning(evidence: &Evidence<'_>) -> Vec<Shown> {
    let tried = evidence.sources.iter().rev().map(|source| source.results.tuning.as_slice());
    match tried.into_iter().find(|points| !points.is_empty()) {
        Some(points) => vec![Shown::Figure(figure(points))],
        None => vec![Shown::Missing("What replica.lag.time.max.ms trades", "compare faults --tuning")],
    }
}

fn figure(points: &[TuningPoint]) -> Figure {
    let stall = Lines {
        name: "stall",
        title: "A follower hangs: silence, s",
        below: SETTING,
        alt: format!("How long nothing is acknowledged when a follower hangs, against {SETTING}"),
        across: Across::Ratios(Vec::new()),
        lines: &[
            line("longest", points, |point| {
                let longest = point.stall_ms.max? / 1e3;
                Some((longest, format!("{} at most", seconds(longest))))
            }),
            line("median", points, |point| {
                let median = point.stall_ms.p50? / 1e3;
                Some((median, format!("{} (median of {})", seconds(median), point.stall_ms.trials)))
            }),
        ],
    };
    let lasting: Vec<f64> =
        points.first().iter().flat_map(|point| &point.pauses).map(|pause| pause.pause_ms).collect();
    // The longest first: their lines end nearest to their names.
    let evicted: Vec<Line> = lasting
        .iter()
        .rev()
        .map(|lasts| {
            let name = format!("pause {}", seconds(lasts / 1e3));
            let line = line(&name, points, |point| {
                let pause = point.pauses.iter().find(|pause| pause.pause_ms == *lasts && pause.count > 0)?;
                let told = format!("{} of {} were put out of the set", pause.evicted, pause.count);
                Some((100.0 * pause.evicted as f64 / pause.count as f64, told))
            });
            until_none(line)
        })
        .collect();
    let pauses = Lines {
        name: "evicted",
        title: "A follower pauses and is well: put out, %",
        below: SETTING,
        alt: format!("How often a follower that only pauses is put out of the set, against {SETTING}"),
        across: Across::Ratios(Vec::new()),
        lines: &evicted,
    };
    Figure {
        id: ID.to_owned(),
        title: "Three replicas, min-ISR 2, simulated clusters, virtual time".to_owned(),
        caption: "On the left the price of a long setting: what everybody waits when a follower hangs. On the right the price of a \
                  short one: followers that only paused, as collectors of garbage make them, and are put out of the set all the \
                  same, a copy fewer until they are back; a line ends where none is any more. A majority has no such setting, and waits for neither."
            .to_owned(),
        panels: vec![stall.panel(), pauses.panel()],
        data: data(points),
    }
}

const ID: &str = "tuning";
/// Under the horizontal axis.
const SETTING: &str = "replica.lag.time.max.ms, in seconds";

fn line(name: &str, points: &[TuningPoint], of: impl Fn(&TuningPoint) -> Option<(f64, String)>) -> Line {
    let point = |point: &TuningPoint| {
        let setting = point.lag_max_ms / 1e3;
        let (y, told) = of(point)?;
        let words = format!("{name}, at {} s: {told}", number(setting));
        Some(Point { x: setting, y, interval: None, predicted: None, is_void: false, words })
    };
    Line { system: System::Isr, name: name.to_owned(), points: points.iter().filter_map(point).collect() }
}

/// The line up to the first setting that puts nobody out: beyond that all lines would be one.
fn until_none(line: Line) -> Line {
    let borne = line.points.iter().position(|point| point.y == 0.0).unwrap_or(line.points.len());
    let points = line.points.into_iter().take(borne + 1).collect();
    Line { points, ..line }
}

fn data(points: &[TuningPoint]) -> Sheet {
    let header = ["lag_max_ms", "stall_p50_ms", "stall_max_ms", "trials", "pause_ms", "pauses", "evicted"];
    let mut sheet = Sheet::new(ID, "What replica.lag.time.max.ms trades", &header);
    for TuningPoint { lag_max_ms, stall_ms, pauses } in points {
        for pause in pauses {
            sheet.push([
                lag_max_ms.to_string(),
                exact(stall_ms.p50),
                exact(stall_ms.max),
                stall_ms.trials.to_string(),
                pause.pause_ms.to_string(),
                pause.count.to_string(),
                pause.evicted.to_string(),
            ]);
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Source, figures, html};
    use crate::results::tests::results;
    use crate::results::{PausePoint, Silences};

    fn point(lag_max_ms: f64, stall: f64, evicted: u64) -> TuningPoint {
        let stall_ms = Silences { p50: Some(stall), max: Some(stall * 1.2), trials: 5, samples: vec![] };
        TuningPoint { lag_max_ms, stall_ms, pauses: vec![PausePoint { pause_ms: 500.0, count: 15, evicted }] }
    }

    #[test]
    fn each_setting_has_its_stall_and_what_it_put_out_and_none_at_all_tells_the_command() {
        let mut results = results(vec![]);
        let page = |results| html(&[Source { name: "r".to_owned(), link: "r".to_owned(), results }]);
        assert!(page(results.clone()).contains("compare faults --tuning"));
        results.tuning = vec![point(250.0, 267.0, 15), point(4000.0, 4642.0, 0)];
        let page = page(results.clone());
        for told in ["at 0.25 s: 0.27 s (median of 5)", "at 4 s: 4.64 s", "15 of 15 were put out of the set"]
        {
            assert!(page.contains(told), "{told} is not told");
        }
        let files = figures(&[Source { name: "r".to_owned(), link: "r".to_owned(), results }]);
        let csv = files.iter().find(|file| file.name == "tuning.csv").expect("its values are a file");
        assert!(csv.text.contains("4000,4642,"), "{}", csv.text);
    }
}
