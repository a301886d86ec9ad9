//! The report: results files as one page, and as figures for use elsewhere.
//!
//! ```text
//!   results.json ─┐                        ┌─> charts, matrix, cells ──┬─> page ──> report.html
//!   results.json ─┼─> Evidence ────────────┤   (what is missing: the   │
//!   results.json ─┘   (by condition; the   │    command that gives it) └─> files ─> *.svg, *.csv, *.md
//!                      latest word counts) └─> answer: sentences from figures
//! ```
//! Everything here is a pure function from results to text: the same results give the same bytes. Pictures are SVG that is drawn
//! here ([`lines`], [`bars`], [`strips`], [`trace`], on [`scale`]s), in one colour and one mark per system ([`palette`]); the page reads
//! without scripts, and a short one adds zoom, words under the pointer, and the [`calculator`]. Text from results is
//! escaped by the tree it is put into ([`markup`]), and the page's policy forbids it to load anything.
//!
//! **Left out:** the histograms, which are in the results file and are most of it; comparisons of every pair, of which the answer
//! tells two and the terminal's tables all.

pub mod answer;
pub mod bars;
pub mod calculator;
pub mod cells;
pub mod charts;
pub mod condition;
pub mod evidence;
pub mod figure;
pub mod files;
pub mod labels;
pub mod lines;
pub mod markup;
pub mod matrix;
pub mod page;
pub mod palette;
pub mod scale;
pub mod sheet;
pub mod strips;
pub mod trace;

pub use evidence::{Evidence, Source};
pub use files::File;

use figure::Shown;

/// What pictures look like, on the page and as files.
pub(crate) const CHART_STYLE: &str = include_str!("report/chart.css");

/// A part of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter {
    /// Names it in links.
    pub id: &'static str,
    /// What it asks.
    pub title: &'static str,
    /// Why.
    pub about: &'static str,
    /// What it shows.
    pub shown: Vec<Shown>,
}

/// The page of these results.
#[must_use]
pub fn html(sources: &[Source]) -> String {
    let evidence = Evidence::of(sources);
    page::page(&evidence, &chapters(&evidence))
}

/// Their figures and tables.
#[must_use]
pub fn figures(sources: &[Source]) -> Vec<File> {
    files::files(&chapters(&Evidence::of(sources)))
}

fn chapters(evidence: &Evidence<'_>) -> Vec<Chapter> {
    vec![
        Chapter {
            id: "replicas",
            title: "Latency and the number of replicas",
            about: "All in sync wait for the slowest of n copies, a majority for its middle one: the more replicas, and the more \
                    their times scatter, the wider the gap should be. The floors have no protocol; what is above them is.",
            shown: charts::replicas::replicas(evidence),
        },
        Chapter {
            id: "slow",
            title: "Latency and slow replicas",
            about: "A majority need not wait for a slow minority. An in-sync set waits for everybody, until somebody is out.",
            shown: charts::slow::slow(evidence),
        },
        Chapter {
            id: "curves",
            title: "Latency under load",
            about: "An open loop: records come when they are due, whatever became of those before.",
            shown: charts::curves::curves(evidence),
        },
        Chapter {
            id: "cost",
            title: "What it costs to survive the same failures",
            about: "An in-sync set needs fewer copies for the same promise. It also needs controllers, which are billed to it here.",
            shown: charts::costs::costs(evidence),
        },
        Chapter {
            id: "timelines",
            title: "What a fault looks like",
            about: "The same load on each system, and the same fault in the middle of it.",
            shown: charts::timelines::timelines(evidence),
        },
        Chapter {
            id: "silence",
            title: "How long writes stop when something fails",
            about: "A majority goes on while most of it answers. An in-sync set first has to agree on who is out.",
            shown: charts::silences::silences(evidence),
        },
        Chapter {
            id: "lag",
            title: "How soon a follower is taken for lost",
            about: "An in-sync set waits for a follower that hangs until `replica.lag.time.max.ms` has passed. The shorter it is, the \
                    sooner writes go on, and the more often one that only paused is put out.",
            shown: charts::tuning::tuning(evidence),
        },
        Chapter {
            id: "faults",
            title: "The fault matrix",
            about: "Each fault against each setting, with what was expected written down before: what is lost, and whether writes \
                    go on.",
            shown: matrix::matrix(evidence),
        },
        Chapter {
            id: "all",
            title: "All cells",
            about: "Every cell of these results. = marks a ratio in which no difference was detected.",
            shown: cells::cells(evidence),
        },
    ]
}

#[cfg(test)]
mod tests;
