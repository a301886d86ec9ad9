//! What happened in a run, or in many, in numbers; and in how many runs it did.

use std::ops::AddAssign;
use std::time::Duration;

use partition::fault::Felt;
use partition::partition::Acks;

use crate::history::{Action, History, Outcome};
use crate::invariants;

/// What happened in a run, or in many together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Faults of the schedule.
    pub faults: u64,
    /// What the replicas went through.
    pub met: Met,
    /// What clients were told.
    pub told: Told,
    /// Virtual time.
    pub virtual_time: Duration,
}

/// What replicas went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Epochs that had a leader.
    pub elections: u64,
    /// Lives of replicas after their first.
    pub restarts: u64,
    /// Logs that were cut, or begun anew, in a life.
    pub truncations: u64,
    /// In-sync sets that became smaller.
    pub shrinks: u64,
    /// In-sync sets that became larger.
    pub grows: u64,
    /// Steps of a high watermark while not all replicas were in sync.
    pub short_advances: u64,
    /// Changes of who the replicas are that were completed.
    pub moves: u64,
    /// How often faults of the network and of disks stood in somebody's way.
    pub felt: Felt,
    /// Reads of a damaged log that were refused, and not answered with what lay there.
    pub damage_refused: u64,
    /// Offsets of what is committed at which replicas hold different records when all faults have ended.
    pub apart: u64,
    /// Records that were seen though their client was left in doubt of them.
    pub doubted: u64,
}

/// What clients were told: appends are batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Appends acknowledged as committed.
    pub committed: u64,
    /// Appends acknowledged by the leader alone.
    pub by_leader: u64,
    /// Appends that asked for no answer.
    pub sent: u64,
    /// Appends that failed for certain.
    pub failed: u64,
    /// Appends of unknown outcome.
    pub unknown: u64,
    /// Records acknowledged by the leader alone, or not at all, that are not in the log at the end.
    pub lost_by_right: u64,
    /// Reads and tails that were answered.
    pub reads: u64,
    /// Reads, tails and trims that were not.
    pub unanswered: u64,
    /// Trims that were answered.
    pub trims: u64,
}

impl Told {
    /// What this history tells.
    pub(crate) fn by(history: &History) -> Self {
        let mut told = Self::default();
        for operation in history.operations() {
            let counted = match &operation.action {
                Action::Append(append) => match append.outcome {
                    Outcome::Acked { .. } if append.acks == Acks::Committed => &mut told.committed,
                    Outcome::Acked { .. } => &mut told.by_leader,
                    Outcome::Sent => &mut told.sent,
                    Outcome::Failed => &mut told.failed,
                    Outcome::Unknown => &mut told.unknown,
                },
                Action::Tail(tail) if tail.length.is_some() => &mut told.reads,
                Action::Read(read) if read.seen.is_some() => &mut told.reads,
                Action::Trim(trim) if trim.start.is_some() => &mut told.trims,
                Action::Tail(_) | Action::Read(_) | Action::Trim(_) => &mut told.unanswered,
            };
            *counted += 1;
        }
        told
    }

    /// All appends.
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.committed + self.by_leader + self.sent + self.failed + self.unknown
    }
}

impl From<invariants::Coverage> for Met {
    fn from(seen: invariants::Coverage) -> Self {
        Self {
            elections: seen.elections as u64,
            restarts: seen.restarts as u64,
            truncations: seen.truncations as u64,
            shrinks: seen.shrinks as u64,
            grows: seen.grows as u64,
            short_advances: seen.short_advances as u64,
            moves: seen.moves as u64,
            ..Self::default()
        }
    }
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Self) {
        self.elections += other.elections;
        self.restarts += other.restarts;
        self.truncations += other.truncations;
        self.shrinks += other.shrinks;
        self.grows += other.grows;
        self.short_advances += other.short_advances;
        self.moves += other.moves;
        self.felt += other.felt;
        self.damage_refused += other.damage_refused;
        self.apart += other.apart;
        self.doubted += other.doubted;
    }
}

impl AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.committed += other.committed;
        self.by_leader += other.by_leader;
        self.sent += other.sent;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.lost_by_right += other.lost_by_right;
        self.reads += other.reads;
        self.unanswered += other.unanswered;
        self.trims += other.trims;
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.faults += other.faults;
        self.met += other.met;
        self.told += other.told;
        self.virtual_time += other.virtual_time;
    }
}

/// In how many runs something really happened: a sweep in which nothing does proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occurrence {
    /// A leader was elected under faults.
    pub elections: u64,
    /// A log was cut.
    pub truncations: u64,
    /// An in-sync set shrank.
    pub shrinks: u64,
    /// It grew again.
    pub grows: u64,
    /// Something was committed while not all were in sync.
    pub short_advances: u64,
    /// Other replicas took over from some.
    pub moves: u64,
    /// A client was left in doubt.
    pub unknown: u64,
    /// What was acknowledged by a leader alone, or not at all, was lost.
    pub lost_by_right: u64,
}

impl Occurrence {
    /// Counts a run.
    pub(super) fn count(&mut self, Figures { met, told, .. }: &Figures) {
        self.elections += u64::from(met.elections > 1);
        self.truncations += u64::from(met.truncations > 0);
        self.shrinks += u64::from(met.shrinks > 0);
        self.grows += u64::from(met.grows > 0);
        self.short_advances += u64::from(met.short_advances > 0);
        self.moves += u64::from(met.moves > 0);
        self.unknown += u64::from(told.unknown > 0);
        self.lost_by_right += u64::from(told.lost_by_right > 0);
    }

    /// Each with what is said of it.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("a leader was elected after the first", self.elections),
            ("a log was cut in a life of its replica", self.truncations),
            ("the in-sync set shrank", self.shrinks),
            ("the in-sync set grew", self.grows),
            ("something was committed while not all were in sync", self.short_advances),
            ("the partition was given other replicas", self.moves),
            ("a client was left in doubt", self.unknown),
            ("what acks below committed do not promise was lost", self.lost_by_right),
        ]
    }
}
