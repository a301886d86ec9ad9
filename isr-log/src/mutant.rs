//! Rules that are broken on purpose, one at a time: to prove that the simulator's checks can fail.
//!
//! They are in the very code that runs for real, each a small branch at its rule; but only a simulation can put one to
//! work, and no configuration names them.

use std::fmt;

use partition::simulation::Simulation;

/// A rule that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutant {
    /// A follower cuts its log to its high watermark when an epoch begins, as before KIP-101 (S-01).
    TruncateToHighWatermark,
    /// A leader that lacks the follower's last epoch names the start of its next one, and the follower cuts once: KIP-101
    /// before KIP-279 (S-03).
    OneShotLookup,
    /// A follower joins at the high watermark, though the epoch began beyond it (S-06).
    NoEpochStart,
    /// The high watermark does not wait for who may have joined (S-07).
    CommitByRecordedSet,
    /// Controllers take any life of a member for the registered one (S-08).
    AnyBrokerEpoch,
    /// A leader counts and serves fetches of other epochs as its own (S-04).
    AnyLeaderEpoch,
    /// A report counts without a fetch in this epoch that was compared (S-09).
    ReportWithoutFetch,
    /// Whoever comes first and lives is elected (C14).
    ElectAnybody,
    /// The high watermark moves while too few are in sync.
    CommitWhileShort,
    /// `Committed` is answered when the leader has placed the batch.
    AcknowledgePlaced,
    /// What was written is called stored before it is synced.
    SkipSync,
    /// A leader that has restarted goes on in its epoch (H-01).
    ResumeEpoch,
    /// A wiped disk passes for the one that was there (H-02).
    WipedDiskPasses,
    /// A crash passes for an end in order (H-03).
    CrashLooksClean,
    /// A duplicate is answered at once, be it committed or not (H-10).
    AnswerDuplicateAtOnce,
    /// What was not heard of in time is called not appended (H-11).
    CallUnknownRefused,
    /// The leader's own disk is not waited for (H-12).
    IgnoreOwnDisk,
    /// A fence takes nobody out of the in-sync set in the same record (H-13).
    FenceWithoutElection,
    /// A proposal of unknown outcome is taken for refused (H-14).
    ForgetProposal,
    /// A linearizable read is answered without asking the members (H-16).
    ReadWithoutProof,
    /// Where enough in sync suffice, the first that is alive is elected, and nobody is asked what he has (H-17).
    ElectUnasked,
    /// One member too few is asked what it has (H-17).
    AskTooFew,
    /// The set shrinks before enough of those who stay have what is committed (H-17).
    ShrinkUnheld,
    /// Records of older epochs are committed by counting who has them (Raft's Figure 8, H-17).
    CommitOlderEpochs,
    /// A lease runs from the moment at which its grant has arrived (H-16).
    LeaseFromArrival,
    /// A controller grants leases without a barrier (H-16).
    GrantWithoutBarrier,
    /// A new controller does not wait until the leases of its predecessor have ended (H-16).
    DeposeAtOnce,
    /// Where logs are compared, any replica is asked, and the first that answers is elected (S-11).
    CompareAnybody,
    /// A reassignment is complete at once, and its newcomers count as in sync (S-09).
    CompleteAtOnce,
    /// A follower reports what it has written before its disk has it (H-12).
    ReportUnsynced,
    /// A controller that was deposed goes on in its epoch when it leads the metadata again, as if nothing had held it up, and what
    /// it writes counts (H-13).
    ResumeOffice,
    /// The metadata records are given up without a snapshot, and whoever begins later begins with nothing (H-15).
    ForgetRecords,
    /// A member that is asked what it has says so, and goes on following its old leader (H-17).
    FollowWhilePolled,
    /// A new leader shows what it takes for committed before it knows how much is (S-15).
    ShowOldMark,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::TruncateToHighWatermark,
        Self::OneShotLookup,
        Self::NoEpochStart,
        Self::CommitByRecordedSet,
        Self::AnyBrokerEpoch,
        Self::AnyLeaderEpoch,
        Self::ReportWithoutFetch,
        Self::ElectAnybody,
        Self::CommitWhileShort,
        Self::AcknowledgePlaced,
        Self::SkipSync,
        Self::ResumeEpoch,
        Self::WipedDiskPasses,
        Self::CrashLooksClean,
        Self::AnswerDuplicateAtOnce,
        Self::CallUnknownRefused,
        Self::IgnoreOwnDisk,
        Self::FenceWithoutElection,
        Self::ForgetProposal,
        Self::ReadWithoutProof,
        Self::ElectUnasked,
        Self::AskTooFew,
        Self::ShrinkUnheld,
        Self::CommitOlderEpochs,
        Self::LeaseFromArrival,
        Self::GrantWithoutBarrier,
        Self::DeposeAtOnce,
        Self::CompareAnybody,
        Self::CompleteAtOnce,
        Self::ReportUnsynced,
        Self::ResumeOffice,
        Self::ForgetRecords,
        Self::FollowWhilePolled,
        Self::ShowOldMark,
    ];
}

impl Mutant {
    /// Whether it is a rule that holds only where enough in sync suffice for a commit.
    #[must_use]
    pub fn is_of_enough(self) -> bool {
        matches!(
            self,
            Self::ElectUnasked
                | Self::AskTooFew
                | Self::ShrinkUnheld
                | Self::CommitOlderEpochs
                | Self::FollowWhilePolled
        )
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which rule is broken, if any: none in a real node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
