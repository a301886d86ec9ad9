//! A cell: a row in a column, what it was expected to show, and what it showed.

use std::fmt;

use partition::fault::{Fault, NetworkFault};
use serde::{Deserialize, Serialize};

use super::column::Column;
use super::expected::{Answers, Availability, Expected, Losses, expected};
use super::ground::Ground;
use super::measured::Measured;
use super::processes;
use super::row::Row;
use super::story::Story;
use super::trial::{Pace, Trial, trial};
use crate::node::DiskTerms;
use crate::simulate::Judges;

/// A row in a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// What happens.
    pub row: Row,
    /// To what.
    pub column: Column,
}

/// A cell that was measured.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which.
    pub cell: Cell,
    /// What it was expected to show.
    pub expected: Expected,
    /// What it showed.
    pub measured: Measured,
    /// By what means faults were committed, where that has to be said; or why it did not run where it was asked to.
    pub by: Option<String>,
    /// The script that makes the premises it ran on, where that is not the program alone.
    pub script: Option<&'static str>,
    /// The first of its trials as a time line, with its seed, where it ran in real time.
    pub story: Option<(u64, Story)>,
}

/// What a cell proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What was expected.
    AsExpected,
    /// What was expected not to be.
    Unlike,
    /// Nothing: it was not measured to the end, or what the row is about did not happen.
    Unknown,
}

impl Cell {
    /// All cells of these columns that make sense: a row that has nothing to hit in a column has no cell there. A sequence may
    /// have columns of its own.
    #[must_use]
    pub fn all(columns: &[Column]) -> Vec<Self> {
        let cells = Row::ALL.iter().flat_map(|row| {
            let own = row.columns().into_iter().filter(|own| !columns.contains(own));
            columns.iter().cloned().chain(own).map(|column| Self { row: *row, column })
        });
        cells.filter(|cell| cell.trial(Ground::Simulated, 0).is_some()).collect()
    }

    /// All that are run on processes, headlines first.
    #[must_use]
    pub fn on_processes() -> Vec<Self> {
        let columns = Column::on_processes();
        let mut cells = Self::all(&columns);
        cells.retain(|cell| columns.contains(&cell.column));
        cells
            .sort_by_key(|cell| Row::HEADLINES.iter().position(|row| *row == cell.row).unwrap_or(usize::MAX));
        cells
    }

    /// What it is expected to show.
    ///
    /// # Panics
    /// Of a row that makes no sense in this column: [`Cell::all`] has none.
    #[must_use]
    pub fn expected(&self) -> Expected {
        expected(self.row, &self.column).expect("a row that makes sense in its column")
    }

    /// Whether processes can have what happens in it; if not, why.
    pub(super) fn possible_on_processes(&self) -> Result<(), &'static str> {
        let trial = self.trial(Ground::Processes, 0).expect("each cell has trials");
        if !trial.scenario.script.is_empty() {
            return Err("the steps of a sequence wait for what a simulated cluster shows");
        }
        let episodes = &trial.scenario.faults.episodes;
        episodes.iter().try_for_each(|episode| processes::possible(&episode.fault))
    }

    /// On which disks processes run it, and how that is said.
    pub(super) fn disk_on_processes(&self) -> (DiskTerms, Option<&'static str>) {
        let trial = self.trial(Ground::Processes, 0).expect("each cell has trials");
        processes::disk(&trial.scenario.faults)
    }

    /// How longer links are said, where processes have some.
    pub(super) fn links_on_processes(&self) -> Option<&'static str> {
        let trial = self.trial(Ground::Processes, 0).expect("each cell has trials");
        processes::links(&trial.scenario.faults).1
    }

    /// Whether somebody is cut off.
    pub(super) fn is_cut(&self) -> bool {
        let trial = self.trial(Ground::Processes, 0).expect("each cell has trials");
        let cuts = |fault: &Fault| match fault {
            Fault::Network(fault) => !matches!(fault, NetworkFault::Delay { .. }),
            _ => false,
        };
        trial.scenario.faults.episodes.iter().any(|episode| cuts(&episode.fault))
    }

    /// What a seed runs. Where something may be lost invariants would end the run before it can be counted.
    pub(super) fn trial(&self, ground: Ground, seed: u64) -> Option<Trial> {
        let judges = match expected(self.row, &self.column)?.losses {
            // Invariants take it for granted that rules hold, and that voters remember what they have promised.
            Losses::None if self.row == Row::Amnesia || self.column.mutant().is_some() => Judges::Checker,
            Losses::None | Losses::Unpromised => Judges::All,
            _ => Judges::Checker,
        };
        let pace = match ground {
            Ground::Simulated => Pace::SIMULATED,
            Ground::Processes => Pace::PROCESSES,
        };
        trial(self.row, &self.column, judges, pace, seed)
    }
}

impl fmt::Display for Cell {
    /// As `leader-killed/isr-3:2/committed/synced`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.row, self.column)
    }
}

impl Judged {
    /// Whether what was promised was kept, or lost where it had to be.
    #[must_use]
    pub fn property(&self) -> Verdict {
        let Measured { lost, duplicated, diverged, apart, phantom, stale, broken, trials, .. } =
            &self.measured;
        let none = |counts: &[&u64]| counts.iter().all(|count| **count == 0);
        let kept = broken.is_none() && none(&[duplicated, diverged, apart, phantom, stale]);
        let as_expected = match self.expected.losses {
            _ if *trials == 0 => return Verdict::Unknown,
            Losses::None => kept && *lost == 0,
            // What is lost of what was acknowledged as committed is broken, too.
            Losses::Unpromised => kept,
            Losses::Possible => none(&[duplicated, apart, phantom]),
            // What is lost is lost for all: logs become one all the same.
            Losses::Shown => *lost > 0 && none(&[apart, phantom]),
            Losses::Divergence => *apart > 0,
            Losses::Duplicates => *duplicated > 0 && *lost == 0,
            Losses::Staleness => *stale > 0 && *lost == 0,
        };
        if as_expected { Verdict::AsExpected } else { Verdict::Unlike }
    }

    /// Whether what the row is about was seen, in each trial.
    #[must_use]
    pub fn coverage(&self) -> Verdict {
        match self.measured.happened {
            0 => Verdict::Unknown,
            seen if seen < self.measured.trials => Verdict::Unknown,
            _ => Verdict::AsExpected,
        }
    }

    /// Whether each cluster came back when the fault had ended.
    #[must_use]
    pub fn lifecycle(&self) -> Verdict {
        let Measured { unhealed, healed, trials, .. } = &self.measured;
        match unhealed {
            Some(_) => Verdict::Unlike,
            // An invariant ends a run before that.
            None if (healed.len() as u64) < *trials => Verdict::Unknown,
            None => Verdict::AsExpected,
        }
    }

    /// Whether appends were acknowledged as expected while the fault lasted, in each trial.
    #[must_use]
    pub fn answers(&self) -> Verdict {
        let Measured { no_ack, trials, ground, .. } = &self.measured;
        if *trials == 0 || (no_ack.len() as u64) < *trials {
            return Verdict::Unknown;
        }
        let as_expected = no_ack.iter().all(|silence| {
            let seen = Availability::of(*silence, *ground);
            match self.expected.answers {
                Answers::Exactly(expected) => seen == expected,
                Answers::AtWorst(expected) => seen <= expected,
            }
        });
        if as_expected { Verdict::AsExpected } else { Verdict::Unlike }
    }
}
