//! Which system, on how many replicas, and what that setting survives.

use std::fmt;
use std::str::FromStr;

use isr_log::metadata::CommitRule;
use partition::log::Durability;
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// isr-log: committed when every in-sync replica has it.
    Isr,
    /// isr-log by its other rule: committed when min-ISR of the in-sync replicas have it, which ones does not matter.
    KOfIsr,
    /// quorum-log: committed when a majority has it.
    Quorum,
    /// No protocol; acknowledged when all n have it.
    FloorAll,
    /// No protocol; acknowledged when a majority of the n has it.
    FloorMajority,
}

impl System {
    /// All of them, each floor after the system that it lies under.
    pub const ALL: [Self; 5] = [Self::Isr, Self::FloorAll, Self::KOfIsr, Self::Quorum, Self::FloorMajority];
    /// What the documents ask about, each with its floor.
    pub const ASKED: [Self; 4] = [Self::Isr, Self::FloorAll, Self::Quorum, Self::FloorMajority];

    /// Whether it keeps an in-sync set, and so has controllers and a min-ISR.
    #[must_use]
    pub fn is_in_sync(self) -> bool {
        matches!(self, Self::Isr | Self::KOfIsr)
    }

    /// The floor under this system; a floor is its own. Of k-of-isr it is one where k is a majority.
    #[must_use]
    pub fn floor(self) -> Self {
        match self {
            Self::Isr | Self::FloorAll => Self::FloorAll,
            Self::KOfIsr | Self::Quorum | Self::FloorMajority => Self::FloorMajority,
        }
    }

    /// Its name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isr => "isr",
            Self::KOfIsr => "k-of-isr",
            Self::Quorum => "quorum",
            Self::FloorAll => "floor-all",
            Self::FloorMajority => "floor-majority",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text names no system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such system: {0:?} (isr, k-of-isr, quorum, floor-all, floor-majority)")]
pub struct NotASystem(String);

impl FromStr for System {
    type Err = NotASystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|system| system.name() == text);
        found.ok_or_else(|| NotASystem(text.to_owned()))
    }
}

/// Why numbers make no cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Not a number of replicas.
    #[error("replicas must be 1 to {max}, not {found}", max = Replicas::MAX)]
    Replicas {
        /// What was given.
        found: String,
    },
    /// Not a min-ISR for so many replicas.
    #[error("min-isr must be 1 to {replicas}, the number of replicas, not {found}")]
    MinIsr {
        /// What was given.
        found: String,
        /// Of how many.
        replicas: usize,
    },
}

/// How many replicas a partition has: 1 to [`Replicas::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replicas(usize);

impl Replicas {
    /// More would only measure the contention of one machine's processes.
    pub const MAX: usize = 9;

    /// So many replicas.
    ///
    /// # Errors
    /// [`ShapeError::Replicas`] for none, or too many.
    pub fn new(count: usize) -> Result<Self, ShapeError> {
        if (1..=Self::MAX).contains(&count) {
            Ok(Self(count))
        } else {
            Err(ShapeError::Replicas { found: count.to_string() })
        }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }

    /// The smallest majority of them.
    #[must_use]
    pub fn majority(self) -> usize {
        self.0 / 2 + 1
    }
}

impl fmt::Display for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Replicas {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ShapeError::Replicas { found: text.to_owned() };
        Self::new(text.parse().map_err(|_| wrong())?)
    }
}

/// How many replicas must be in sync for a write to be taken and committed: 1 to the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MinIsr(usize);

impl MinIsr {
    /// So many of these replicas.
    ///
    /// # Errors
    /// [`ShapeError::MinIsr`] for none, or more than there are.
    pub fn new(count: usize, replicas: Replicas) -> Result<Self, ShapeError> {
        if (1..=replicas.get()).contains(&count) {
            Ok(Self(count))
        } else {
            Err(ShapeError::MinIsr { found: count.to_string(), replicas: replicas.get() })
        }
    }

    /// Kafka's advice for three replicas, and what fits fewer: min(2, n).
    #[must_use]
    pub fn default_for(replicas: Replicas) -> Self {
        Self(replicas.get().min(2))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl fmt::Display for MinIsr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One cluster: what it runs and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// What it runs.
    pub system: System,
    /// How many replicas.
    pub replicas: Replicas,
    /// isr and k-of-isr: how many must be in sync; of the latter it is k. The others ignore it.
    pub min_isr: MinIsr,
    /// What counts as stored.
    pub durability: Durability,
}

/// What a setting survives, each alone: `lost_copies` *or* `dead_replicas`, not both at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Survives {
    /// f_d: so many copies may be destroyed, and no acknowledged write is lost.
    pub lost_copies: usize,
    /// f_a: so many replicas may be down while writes go on.
    pub dead_replicas: usize,
}

impl Shape {
    /// As columns and tables call it: `isr-3:2`, `quorum-3`.
    #[must_use]
    pub fn setting(&self) -> String {
        let Self { system, replicas, min_isr, .. } = self;
        if system.is_in_sync() {
            format!("{system}-{replicas}:{min_isr}")
        } else {
            format!("{system}-{replicas}")
        }
    }

    /// What it survives: f_d and f_a of the model.
    #[must_use]
    pub fn survives(&self) -> Survives {
        let n = self.replicas.get();
        match self.system {
            System::Isr => {
                Survives { lost_copies: self.min_isr.get() - 1, dead_replicas: n - self.min_isr.get() }
            }
            // Writes need k, and an election all but k - 1: the leader may be among the dead.
            System::KOfIsr => {
                let k = self.min_isr.get();
                Survives { lost_copies: k - 1, dead_replicas: (n - k).min(k - 1) }
            }
            System::Quorum | System::FloorMajority => {
                Survives { lost_copies: (n - 1) / 2, dead_replicas: (n - 1) / 2 }
            }
            // Every copy is waited for, and nobody is ever left out.
            System::FloorAll => Survives { lost_copies: n - 1, dead_replicas: 0 },
        }
    }

    /// How many may lose their power where stored is no more than written, with what they had not synced, before what is
    /// committed may be lost. Whoever was in sync and ended uncleanly is not elected; a voter that forgets votes on, and so is
    /// one of any k.
    #[must_use]
    pub fn spared_powers(&self) -> usize {
        match self.system {
            System::Isr => self.min_isr.get() - 1,
            System::FloorAll => self.replicas.get() - 1,
            System::KOfIsr | System::Quorum | System::FloorMajority => 0,
        }
    }

    /// Whom a commit of an in-sync set waits for.
    #[must_use]
    pub fn commit_rule(&self) -> CommitRule {
        if self.system == System::KOfIsr { CommitRule::EnoughInSync } else { CommitRule::AllInSync }
    }

    /// How many copies an acknowledgement waits for, the leader's counted, when nothing has failed.
    #[must_use]
    pub fn copies_awaited(&self) -> usize {
        match self.system {
            System::Isr | System::FloorAll => self.replicas.get(),
            System::KOfIsr => self.min_isr.get(),
            System::Quorum | System::FloorMajority => self.replicas.majority(),
        }
    }
}

impl fmt::Display for Shape {
    /// As its directory is called: `<system>-<replicas>`, and `-<k>` behind it where there is a k to choose.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.system, self.replicas)?;
        if self.system == System::KOfIsr { write!(f, "-{}", self.min_isr) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(system: System, replicas: usize, min_isr: usize) -> Shape {
        let replicas = Replicas::new(replicas).unwrap();
        let min_isr = MinIsr::new(min_isr, replicas).unwrap();
        Shape { system, replicas, min_isr, durability: Durability::Synced }
    }

    #[test]
    fn what_a_setting_survives_is_what_the_model_says() {
        let survives = |system, n, m| {
            let Survives { lost_copies, dead_replicas } = shape(system, n, m).survives();
            (lost_copies, dead_replicas)
        };
        assert_eq!(survives(System::Isr, 3, 2), (1, 1));
        assert_eq!(survives(System::Isr, 2, 1), (0, 1));
        assert_eq!(survives(System::Isr, 5, 3), (2, 2));
        assert_eq!([1, 2, 3, 4, 5].map(|n| survives(System::Quorum, n, 1).0), [0, 0, 1, 1, 2]);
        assert_eq!(survives(System::FloorAll, 3, 2), (2, 0));
        assert_eq!(
            survives(System::KOfIsr, 3, 2),
            survives(System::Quorum, 3, 2),
            "two of three are a majority"
        );
        assert_eq!(survives(System::KOfIsr, 5, 3), survives(System::Quorum, 5, 3));
        assert_eq!(survives(System::KOfIsr, 3, 1), (0, 0));
        assert_eq!(survives(System::KOfIsr, 3, 3), (2, 0));
    }

    #[test]
    fn numbers_that_make_no_cluster_are_refused_in_one_line() {
        for wrong in ["0", "99", "-1", "three", ""] {
            let error = wrong.parse::<Replicas>().unwrap_err().to_string();
            assert_eq!(error, format!("replicas must be 1 to 9, not {wrong}"));
        }
        assert!(MinIsr::new(4, Replicas::new(3).unwrap()).is_err());
        assert!("raft".parse::<System>().is_err());
    }

    #[test]
    fn a_system_reads_back_from_its_name() {
        for system in System::ALL {
            assert_eq!(system.to_string().parse(), Ok(system));
        }
    }
}
