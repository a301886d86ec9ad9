//! The invariants by name, each with its scope.

use std::fmt;

use partition::clock::Moment;

/// What must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// The leader of the newest epoch has all that was acknowledged as committed, above its log start. Holds under `Cached`
    /// until a power is lost.
    AckedNotLost,
    /// Below what both take for committed two logs are the same. Under `Cached` as above.
    CommittedPrefixConsistent,
    /// What was committed anywhere, ever, is never another later. Under `Cached` as above.
    CommittedImmutable,
    /// Where two logs have a batch of one epoch at one offset, they are the same up to there.
    LogMatching,
    /// An epoch has one leader at most, in one life of it (H-01).
    ElectionSafety,
    /// What was acknowledged as committed lies on the disk of a replica at least. Not under `Cached`.
    Durability,
    /// A replica's epoch never goes back, in one life.
    MonotonicEpoch,
    /// A voter's vote never goes back, in all its lives, and never changes its candidate.
    MonotonicVote,
    /// What is committed never goes back, in one life; of an in-sync follower it may.
    MonotonicCommit,
    /// What is applied never goes back, in one life.
    MonotonicApplied,
    /// Log start <= committed <= log end, stored <= log end, applied <= committed. Of an in-sync leader, committed <= stored: of
    /// a voter a majority's disks may be ahead of its own.
    StateOrdering,
    /// All members of the in-sync set that a leader sees, in the recorded lives, have all below its high watermark. Not who
    /// was let go since: a leader that was deposed may not know it, and whoever is let go removes his log.
    WeakIsr,
    /// All members of the controllers' in-sync set have all below any leader's high watermark. Not who has lost data
    /// and has not registered since.
    StrongIsr,
    /// In the controllers' record the leader is in the in-sync set, or there is none.
    LeaderInIsr,
    /// Who may be elected, in sync or eligible, and runs, has all that was ever committed.
    LeaderCandidateCompleteness,
    /// Of the leader on record: its maximal set holds all whom the controllers may elect; and without a proposal on its way
    /// it is the set.
    ReplicationQuorumSuperset,
    /// No member of the controllers' set ends below a leader's high watermark.
    ValidHighWatermark,
    /// In sync and eligible are replicas, none of them is both; nobody is eligible while enough are in sync; who is
    /// fenced is not in sync, but for the last member where nobody can be eligible.
    ValidControllerIsrAndElr,
    /// Who has registered anew is in neither set in its former life, but for the last one; nor in its new life, when the
    /// former ended in a crash, before the leader has asked for it.
    UncleanExclusion,
    /// Controllers that have applied the same records hold the same.
    MetadataLogMatching,
    /// The high watermark stands still while fewer are in sync than must be.
    StrictMinIsr,
    /// At an acknowledgement all of the leader's maximal set have it stored, and enough are in sync; by k of the in-sync set, k
    /// of its set have, and of the one that it has proposed. Under `Cached`: written.
    /// By majority: it is below the leader's own watermark.
    AckRule,
    /// What a leader commits is stored on a majority of each set of voters. Under `Cached`: written.
    CommittedOnQuorum,
    /// By k of the in-sync set: of m members, of the leader's recorded and proposed sets and of the controllers', m - k at most
    /// lack on their disks what is committed (for a leader's, what it has committed). Who has lost his disk is not one who lacks it.
    CommittedOnEnough,
    /// No two voters apply different entries at one index. Under `Cached` until a power is lost.
    StateMachineSafety,
    /// A leader counts copies only of its own term's entries (Raft's Figure 8): by majority, and by k of the in-sync set.
    CommitOnlyOwnTerm,
    /// A vote that was seen is still there after a crash.
    VotePersistedBeforeReply,
    /// What was called stored is still there after a crash. Under `Cached` after a kill only.
    AppendPersistedBeforeReply,
    /// A linearizable read reaches all that had been acknowledged when it began.
    ReadIndexBarrier,
    /// Who stands for election has a log that a majority would elect, or would have a little before: that is what it has
    /// asked them first.
    CandidateNotBehind,
    /// No log starts beyond what clients have asked to give up. Where that is told.
    TrimmedOnRequest,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 31] = [
        Self::AckedNotLost,
        Self::CommittedPrefixConsistent,
        Self::CommittedImmutable,
        Self::LogMatching,
        Self::ElectionSafety,
        Self::Durability,
        Self::MonotonicEpoch,
        Self::MonotonicVote,
        Self::MonotonicCommit,
        Self::MonotonicApplied,
        Self::StateOrdering,
        Self::WeakIsr,
        Self::StrongIsr,
        Self::LeaderInIsr,
        Self::LeaderCandidateCompleteness,
        Self::ReplicationQuorumSuperset,
        Self::ValidHighWatermark,
        Self::ValidControllerIsrAndElr,
        Self::UncleanExclusion,
        Self::MetadataLogMatching,
        Self::StrictMinIsr,
        Self::AckRule,
        Self::CommittedOnQuorum,
        Self::CommittedOnEnough,
        Self::StateMachineSafety,
        Self::CommitOnlyOwnTerm,
        Self::VotePersistedBeforeReply,
        Self::AppendPersistedBeforeReply,
        Self::ReadIndexBarrier,
        Self::CandidateNotBehind,
        Self::TrimmedOnRequest,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// Which one.
    pub name: Invariant,
    /// What was seen.
    pub what: String,
}

impl Breach {
    pub(super) fn of(name: Invariant, what: String) -> Self {
        Self { name, what }
    }
}

/// An invariant that did not hold at some moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} does not hold at {at}: {what}")]
pub struct Violation {
    /// Which one.
    pub name: Invariant,
    /// What was seen.
    pub what: String,
    /// When.
    pub at: Moment,
}
