//! Rules that are broken on purpose, one at a time: to prove that the simulator's checks can fail.
//!
//! They are in the very code that runs for real, each a small branch at its rule; but only a simulation can put one to
//! work, and no configuration names them. What openraft itself decides (how it counts copies, whose vote it grants) is not
//! ours to break.

use std::fmt;

use partition::simulation::Simulation;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// What was written is called stored before it is synced.
    SkipSync,
    /// A vote is given before it is on disk.
    SkipVoteSync,
    /// A leader that has restarted goes on in its epoch (H-01).
    RestoreLeader,
    /// Whoever asks whether it would be elected is told so.
    GrantEveryPreVote,
    /// Nobody asks whether it would be elected before it begins an epoch.
    SkipPreVote,
    /// Who begins anew is told that it has all up to the last applied entry (H-09).
    SnapshotAtLastApplied,
    /// A duplicate is answered at once, be it committed or not (H-10).
    AnswerDuplicateAtOnce,
    /// What was not heard of in time is called not appended (H-11).
    CallUnknownRefused,
    /// A linearizable read is answered without asking the voters.
    ReadWithoutProof,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SkipSync,
        Self::SkipVoteSync,
        Self::RestoreLeader,
        Self::GrantEveryPreVote,
        Self::SkipPreVote,
        Self::SnapshotAtLastApplied,
        Self::AnswerDuplicateAtOnce,
        Self::CallUnknownRefused,
        Self::ReadWithoutProof,
    ];
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which rule is broken, if any: none in a real node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutated(Option<Mutant>);

impl Mutated {
    /// No rule is.
    pub const NOT: Self = Self(None);

    /// This one, in the nodes of a simulation.
    #[must_use]
    pub fn by(mutant: Mutant, _in: &Simulation) -> Self {
        Self(Some(mutant))
    }

    /// Whether this rule is broken.
    pub(crate) fn breaks(self, rule: Mutant) -> bool {
        self.0 == Some(rule)
    }
}
