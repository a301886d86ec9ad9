//! What cells have in common that can stand in one picture: all but the system and the number of replicas.

use std::fmt;

use partition::log::Durability;
use partition::partition::Acks;

use crate::headline::PROFILE;
use crate::profile::NATURAL;
use crate::results::{Cell, Load, acks_name, durability_name};

/// The usual record, which is not told.
const USUAL_BYTES: u64 = 1024;

/// Under what a cell was measured, in the order in which pictures come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// Machines in the order in which they were first used; figures do not travel between them.
    pub machine: usize,
    place: Place,
    /// How work arrives.
    pub load: Load,
    durability: Durability,
    acks: Acks,
    /// Replicas that are slowed down.
    pub slow: usize,
    hang: Option<String>,
    partitions: u32,
    bytes: u64,
    batch: u32,
    linger_ms: u64,
    producers: u32,
    processes: bool,
    elsewhere: bool,
}

/// What is injected: the main job's first, nothing last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Headline,
    Named(String),
    Natural,
}

impl Condition {
    /// That of a cell on the machine of this number.
    #[must_use]
    pub fn of(cell: &Cell, machine: usize) -> Self {
        let place = match cell.profile.as_str() {
            PROFILE => Place::Headline,
            NATURAL => Place::Natural,
            other => Place::Named(other.to_owned()),
        };
        Self {
            machine,
            place,
            load: cell.load.class(),
            durability: cell.durability,
            acks: cell.acks,
            slow: cell.slow_replicas,
            hang: cell.hang.clone(),
            partitions: cell.partitions,
            bytes: cell.record_bytes,
            batch: cell.batch_records,
            linger_ms: cell.linger_ms,
            producers: cell.producers,
            processes: cell.processes,
            elsewhere: cell.elsewhere,
        }
    }

    /// Which delays are injected.
    #[must_use]
    pub fn profile(&self) -> &str {
        match &self.place {
            Place::Headline => PROFILE,
            Place::Named(name) => name,
            Place::Natural => NATURAL,
        }
    }

    /// The same without what is on an axis: how many replicas are slow.
    #[must_use]
    pub fn without_slow(&self) -> Self {
        Self { slow: 0, ..self.clone() }
    }

    /// The same for all rates of an open loop; none of a closed one.
    #[must_use]
    pub fn without_rate(&self) -> Option<Self> {
        let Load::Open { arrivals, .. } = self.load else { return None };
        Some(Self { load: Load::Open { rate: 0, arrivals, knee_percent: None }, ..self.clone() })
    }

    /// The same without its load.
    #[must_use]
    pub fn place_alone(&self) -> Self {
        Self { load: Load::ONE, ..self.clone() }
    }

    /// What it is, without its load.
    #[must_use]
    pub fn place_told(&self) -> String {
        let Self { hang, partitions, bytes, batch, linger_ms, producers, .. } = self;
        let mut told = match &self.place {
            Place::Natural => "nothing injected".to_owned(),
            Place::Headline | Place::Named(_) => self.profile().to_owned(),
        };
        if self.durability != Durability::Synced {
            told += &format!(", {}", durability_name(self.durability));
        }
        if self.acks != Acks::Committed {
            told += &format!(", acks {}", acks_name(self.acks));
        }
        if self.slow > 0 {
            told += &format!(", {} slow", self.slow);
        }
        if let Some(hang) = hang {
            told += &format!(", {hang} hangs");
        }
        if *partitions > 1 {
            told += &format!(", {partitions} partitions");
        }
        if *bytes != USUAL_BYTES {
            told += &format!(", {bytes} B a record");
        }
        if *batch > 1 {
            told += &format!(", {batch} a batch");
        }
        if *linger_ms > 0 {
            told += &format!(", linger {linger_ms} ms");
        }
        if *producers > 1 {
            told += &format!(", {producers} producers");
        }
        if self.elsewhere {
            told += ", other hosts";
        } else if !self.processes {
            told += ", one process";
        }
        if self.machine > 0 {
            told += &format!(", machine {}", self.machine + 1);
        }
        told
    }

    /// As part of a file name.
    #[must_use]
    pub fn slug(&self) -> String {
        let told = self.to_string();
        let letters = told
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
        let all: String = letters.collect();
        all.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.load {
            Load::Open { rate: 0, knee_percent: None, arrivals } => {
                write!(f, "{}, by a schedule ({arrivals})", self.place_told())
            }
            load => write!(f, "{}, {load}", self.place_told()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::cell;
    use crate::system::System;

    #[test]
    fn the_main_jobs_own_profile_comes_first_and_nothing_injected_last() {
        let at = |profile: &str| {
            let mut cell = cell(System::Isr, 3, 1, 300.0);
            cell.profile = profile.to_owned();
            Condition::of(&cell, 0)
        };
        let mut conditions = [at(NATURAL), at("one-zone"), at(PROFILE)];
        conditions.sort();
        assert_eq!(
            conditions.map(|condition| condition.profile().to_owned()),
            [PROFILE, "one-zone", NATURAL]
        );
    }

    #[test]
    fn what_is_unusual_is_told_and_makes_a_file_name() {
        let mut cell = cell(System::Isr, 3, 64, 300.0);
        (cell.profile, cell.slow_replicas) = ("one-zone+nvme".to_owned(), 1);
        let condition = Condition::of(&cell, 0);
        assert_eq!(condition.to_string(), "one-zone+nvme, 1 slow, 64 in flight");
        assert_eq!(condition.slug(), "one-zone-nvme-1-slow-64-in-flight");
    }
}
