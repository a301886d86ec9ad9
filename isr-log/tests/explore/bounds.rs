//! How far an exploration goes: by which rules, from where, and how often each thing may go wrong.

use isr_log::HistoricRules;
use isr_log::metadata::CommitRule;
use isr_log::mutant::Mutated;

/// What may happen, and how often. All that is not counted here may happen whenever it can.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub min_isr: usize,
    pub commit: CommitRule,
    pub historic: HistoricRules,
    pub mutated: Mutated,
    pub start: Start,
    pub syncs: Syncs,
    pub marks: Marks,
    pub replies: Replies,
    /// No state is left that took more steps than this.
    pub depth_max: usize,
    pub budget: Budget,
    /// These are not checked: to see what a mutant does beyond the first thing that gives it away.
    pub unchecked: &'static [&'static str],
    /// More states than this are not visited: then nothing was proven, and a run fails.
    pub states_max: usize,
}

/// What is left of what may happen only so often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Records that clients append.
    pub appends: u8,
    /// Processes that die, and lose what they had not synced.
    pub crashes: u8,
    /// Processes that die, and lose a record that they had synced: their disk lied (S-10b).
    pub torn: u8,
    /// Disks that are empty when the next life of their broker begins (H-02).
    pub wipes: u8,
    /// Processes that end in order.
    pub stops: u8,
    /// Sessions of living brokers that run out: they are cut off, or a controller was paused (H-13).
    pub fences: u8,
    /// Connections that break, with all that is under way on them, or with the replies only.
    pub breaks: u8,
    /// How often `lag_max` passes at a leader.
    pub lags: u8,
    /// Answers of the controllers that are lost, or say that nobody took the proposal.
    pub doubts: u8,
    /// Leaders that hand over to the first of the assigned replicas.
    pub handovers: u8,
}

/// Where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// 1 leads in epoch 1, all are in sync, and both fetches are parked.
    AllInSync,
    /// 3 has just been fenced, and is alive again: 1 and 2 are in sync.
    ThirdOutside,
    /// 3 has been fenced, and never comes back: fewer states, for what two replicas can do to each other.
    ThirdGone,
}

/// When a disk stores what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// Any time later: each sync is a step of its own.
    Late,
    /// With the write: fewer states, and no crash loses anything but by a torn disk.
    AtOnce,
}

/// Which high watermark a new life finds on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// The last one.
    Newest,
    /// The last one, or none: a checkpoint may be stale, or of another truncation generation (H-04).
    AnyAge,
}

/// When a leader's answer arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replies {
    /// Any time later, or never.
    Late,
    /// When it is given: only requests are late, which makes far fewer states. Lost to the eye is then only what a follower
    /// does between an answer and its arrival, which is to store, to read a decision, and to end.
    AtOnce,
}
