//! The in-sync set as its leader sees it: settled, as the controllers have recorded it, or growing, or shrinking.

use std::borrow::Cow;
use std::collections::BTreeSet;

use partition::clock::Moment;
use partition::ids::{Epoch, NodeId};
use partition::probe::{self, InSyncSet, Life, WaitsFor};

use crate::metadata::{CommitRule, Incarnation, Members, PartitionState, Version};

/// A leader's wish, which the controllers grant or refuse.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// The leader's epoch.
    pub epoch: Epoch,
    /// The version on which it is based: with another one it is refused.
    pub version: Version,
    /// The whole new set.
    pub members: Members,
}

/// What became of a [`Proposal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalOutcome {
    /// It is recorded, or another change is: a later version is going to be read.
    Overtaken,
    /// This sending of it does not count, and never will: the new member is not eligible (S-08), or nobody took it.
    Refused,
    /// Nobody knows (H-14).
    Unknown,
}

/// The set, and who must be waited for.
#[derive(Clone, Debug, Hash)]
pub(super) struct InSync {
    epoch: Epoch,
    version: Version,
    min: usize,
    rule: CommitRule,
    members: Members,
    eligible: Members,
    phase: Phase,
}

/// Whether a change is on its way: one whose outcome has not been read yet. There is never more than one (KIP-497).
#[derive(Clone, Debug, Hash)]
enum Phase {
    /// What is recorded is what there is.
    Settled,
    /// This one may be a member already, in the record: it is waited for (S-07).
    Growing((NodeId, Incarnation), OnItsWay),
    /// These may be members still, in the record: they are waited for.
    Shrinking(BTreeSet<NodeId>, OnItsWay),
    /// The recorded set is proposed anew, to raise the version: then no copy of an earlier proposal can count any more.
    /// So a change ends that was refused, but not each time it was sent; until then it may yet be made. And so begins a
    /// leader that was elected uncleanly.
    Settling(Option<Lost>, OnItsWay),
}

/// A change of which a lost copy may count yet.
#[derive(Clone, Debug, Hash)]
enum Lost {
    Growing((NodeId, Incarnation)),
    Shrinking(BTreeSet<NodeId>),
}

/// A proposal that has been sent.
#[derive(Clone, Copy, Debug, Hash)]
struct OnItsWay {
    sent: Sent,
    /// When it is sent again, in case it was lost. It names its version, so that it cannot count twice.
    again_at: Moment,
}

/// Whether one answer settles a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sent {
    Once,
    /// Another copy may be under way, and count later (H-14).
    Often,
}

impl InSync {
    /// As the controllers have recorded it.
    pub(super) fn recorded(state: &PartitionState) -> Self {
        Self {
            epoch: state.epoch,
            version: state.version,
            min: state.min_isr(),
            rule: state.spec.commit,
            members: state.in_sync.clone(),
            eligible: state.eligible.clone(),
            phase: Phase::Settled,
        }
    }

    /// A later version was read: it settles what was on its way, either way (H-14).
    pub(super) fn read(&mut self, state: &PartitionState) {
        assert!(state.epoch == self.epoch && state.version > self.version, "read {state:?} after {self:?}");
        *self = Self::recorded(state);
    }

    /// The recorded members.
    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    /// Whom a commit waits for.
    pub(super) fn rule(&self) -> CommitRule {
        self.rule
    }

    /// How many must be in it for a `Committed` append, and for the high watermark to move.
    pub(super) fn min(&self) -> usize {
        self.min
    }

    /// Whether fewer are in it than must be.
    pub(super) fn is_short(&self) -> bool {
        self.members.len() < self.min
    }

    /// The largest set that may be recorded by now: current and proposed members (S-07).
    pub(super) fn maximal(&self) -> impl Iterator<Item = (NodeId, Incarnation)> + '_ {
        let joiner = match &self.phase {
            Phase::Growing(joiner, _) => Some(*joiner),
            Phase::Settling(Some(Lost::Growing(joiner)), _) => Some(*joiner),
            Phase::Settling(..) | Phase::Settled | Phase::Shrinking(..) => None,
        };
        self.members.iter().map(|(node, life)| (*node, *life)).chain(joiner)
    }

    /// The set that may be recorded by now in the place of the one that was read.
    pub(super) fn proposed(&self) -> Option<Members> {
        match &self.phase {
            Phase::Growing(joiner, _) | Phase::Settling(Some(Lost::Growing(joiner)), _) => {
                Some(self.with(*joiner))
            }
            Phase::Shrinking(leavers, _) | Phase::Settling(Some(Lost::Shrinking(leavers)), _) => {
                Some(self.without(leavers))
            }
            Phase::Settled | Phase::Settling(None, _) => None,
        }
    }

    /// The sets of which one is on record: when the next leader has to be found, that one is asked.
    pub(super) fn possible(&self) -> impl Iterator<Item = Cow<'_, Members>> {
        std::iter::once(Cow::Borrowed(&self.members)).chain(self.proposed().map(Cow::Owned))
    }

    /// The recorded set with this member, in this life.
    pub(super) fn with(&self, (node, life): (NodeId, Incarnation)) -> Members {
        let mut members = self.members.clone();
        members.insert(node, life);
        members
    }

    /// The recorded set without these members.
    pub(super) fn without(&self, leavers: &BTreeSet<NodeId>) -> Members {
        let mut members = self.members.clone();
        members.retain(|node, _| !leavers.contains(node));
        members
    }

    /// All from whom the next leader may be elected without a loss: the maximal set, and who is eligible beside it.
    pub(super) fn candidates(&self) -> impl Iterator<Item = (NodeId, Incarnation)> + '_ {
        self.maximal().chain(self.eligible.iter().map(|(node, life)| (*node, *life)))
    }

    /// As a harness sees it.
    pub(super) fn look(&self) -> InSyncSet {
        let lived = |(node, life): (NodeId, Incarnation)| (node, Life::from(life));
        InSyncSet {
            version: self.version.0,
            members: self.members.iter().map(|(node, life)| lived((*node, *life))).collect(),
            maximal: self.maximal().map(lived).collect(),
            proposed: self.proposed().map(|proposed| proposed.into_iter().map(lived).collect()),
            waits: match self.rule {
                CommitRule::AllInSync => WaitsFor::All,
                CommitRule::EnoughInSync => WaitsFor::Enough,
            },
            change: if self.is_changing() { probe::Change::Proposed } else { probe::Change::None },
            min: self.min,
        }
    }

    /// Whether a change is on its way.
    pub(super) fn is_changing(&self) -> bool {
        self.on_its_way().is_some()
    }

    /// Whether this very change is on its way.
    pub(super) fn is_on_its_way(&self, proposal: &Proposal) -> bool {
        self.is_changing() && self.proposal() == *proposal
    }

    /// When the change that is on its way is sent again.
    pub(super) fn again_at(&self) -> Option<Moment> {
        self.on_its_way().map(|sent| sent.again_at)
    }

    /// Proposes a member. There must be no change on its way.
    pub(super) fn grow(&mut self, node: NodeId, life: Incarnation, again_at: Moment) -> Proposal {
        self.begin(Phase::Growing((node, life), OnItsWay { sent: Sent::Once, again_at }))
    }

    /// Proposes to go on without these members. There must be no change on its way.
    pub(super) fn shrink(&mut self, leavers: BTreeSet<NodeId>, again_at: Moment) -> Proposal {
        self.begin(Phase::Shrinking(leavers, OnItsWay { sent: Sent::Once, again_at }))
    }

    /// Proposes the recorded set. There must be no change on its way.
    pub(super) fn settle(&mut self, again_at: Moment) -> Proposal {
        self.begin(Phase::Settling(None, OnItsWay { sent: Sent::Once, again_at }))
    }

    fn begin(&mut self, phase: Phase) -> Proposal {
        assert!(!self.is_changing(), "one change at a time");
        self.phase = phase;
        self.proposal()
    }

    /// The proposal on its way, to be sent once more.
    pub(super) fn again(&mut self, again_at: Moment) -> Proposal {
        match &mut self.phase {
            Phase::Settled => panic!("a change is on its way"),
            Phase::Growing(_, sent) | Phase::Shrinking(_, sent) | Phase::Settling(_, sent) => {
                *sent = OnItsWay { sent: Sent::Often, again_at };
            }
        }
        self.proposal()
    }

    /// The change was refused. Returns who wanted to join, if that was the change.
    pub(super) fn refused(&mut self) -> Option<NodeId> {
        let often = self.on_its_way().is_some_and(|sent| sent.sent == Sent::Often);
        let (joiner, phase) = match std::mem::replace(&mut self.phase, Phase::Settled) {
            Phase::Growing(joiner, sent) if often => {
                (Some(joiner.0), Phase::Settling(Some(Lost::Growing(joiner)), sent))
            }
            Phase::Growing(joiner, _) => (Some(joiner.0), Phase::Settled),
            Phase::Shrinking(leavers, sent) if often && self.rule == CommitRule::EnoughInSync => {
                (None, Phase::Settling(Some(Lost::Shrinking(leavers)), sent))
            }
            Phase::Settling(Some(lost), sent) if often => (None, Phase::Settling(Some(lost), sent)),
            // Should a copy of a shrinkage count later, then fewer are in the record than are waited for. That harms nothing
            // where all of them are.
            Phase::Settled | Phase::Shrinking(..) | Phase::Settling(..) => (None, Phase::Settled),
        };
        self.phase = phase;
        joiner
    }

    fn on_its_way(&self) -> Option<OnItsWay> {
        match &self.phase {
            Phase::Settled => None,
            Phase::Growing(_, sent) | Phase::Shrinking(_, sent) | Phase::Settling(_, sent) => Some(*sent),
        }
    }

    fn proposal(&self) -> Proposal {
        let members = match &self.phase {
            Phase::Growing(joiner, _) => self.with(*joiner),
            Phase::Shrinking(leavers, _) => self.without(leavers),
            Phase::Settled | Phase::Settling(..) => self.members.clone(),
        };
        Proposal { epoch: self.epoch, version: self.version, members }
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::Offset;

    use super::*;
    use crate::metadata::{CommitRule, PartitionSpec};

    fn set(version: u64, members: &[u32]) -> PartitionState {
        let replicas = vec![NodeId(1), NodeId(2), NodeId(3)];
        PartitionState {
            leader: Some(NodeId(1)),
            epoch: Epoch(4),
            in_sync: members.iter().map(|node| (NodeId(*node), Incarnation(Offset(7)))).collect(),
            version: Version(version),
            ..PartitionState::undecided(PartitionSpec {
                id: "t-0".parse().unwrap(),
                replicas,
                min_isr: 2,
                commit: CommitRule::AllInSync,
            })
        }
    }

    fn nodes(members: impl Iterator<Item = (NodeId, Incarnation)>) -> Vec<u32> {
        members.map(|(node, _)| node.0).collect()
    }

    fn proposed(proposal: &Proposal) -> Vec<u32> {
        proposal.members.keys().map(|node| node.0).collect()
    }

    #[test]
    fn a_joiner_is_waited_for_before_it_is_recorded() {
        let mut in_sync = InSync::recorded(&set(1, &[1, 2]));
        let proposal = in_sync.grow(NodeId(3), Incarnation(Offset(7)), Moment(5));
        assert_eq!(proposed(&proposal), [1, 2, 3]);
        assert_eq!(nodes(in_sync.maximal()), [1, 2, 3]);
        assert_eq!(in_sync.members().len(), 2);
    }

    #[test]
    fn a_leaver_is_waited_for_until_its_leave_is_recorded() {
        let mut in_sync = InSync::recorded(&set(1, &[1, 2, 3]));
        let proposal = in_sync.shrink([NodeId(3)].into(), Moment(5));
        assert_eq!(proposed(&proposal), [1, 2]);
        assert_eq!(nodes(in_sync.maximal()), [1, 2, 3]);
        in_sync.read(&set(2, &[1, 2]));
        assert_eq!(nodes(in_sync.maximal()), [1, 2]);
    }

    #[test]
    fn only_a_refusal_or_a_later_version_ends_a_change() {
        let mut in_sync = InSync::recorded(&set(1, &[1, 2]));
        let first = in_sync.grow(NodeId(3), Incarnation(Offset(7)), Moment(5));
        assert!(in_sync.is_on_its_way(&first));
        assert_eq!(in_sync.refused(), Some(NodeId(3)));
        assert!(!in_sync.is_changing());
        in_sync.grow(NodeId(3), Incarnation(Offset(7)), Moment(5));
        in_sync.read(&set(2, &[1, 2]));
        assert!(!in_sync.is_changing());
    }

    #[test]
    fn h14_after_a_lost_copy_a_refusal_settles_nothing() {
        let mut in_sync = InSync::recorded(&set(1, &[1, 2]));
        let first = in_sync.grow(NodeId(3), Incarnation(Offset(7)), Moment(5));
        assert_eq!(in_sync.again(Moment(9)), first);
        assert_eq!(in_sync.again_at(), Some(Moment(9)));
        assert_eq!(in_sync.refused(), Some(NodeId(3)));
        assert_eq!(nodes(in_sync.maximal()), [1, 2, 3], "the lost copy may still count");
        assert_eq!(proposed(&in_sync.again(Moment(12))), [1, 2], "the recorded set, to raise the version");
        in_sync.read(&set(2, &[1, 2]));
        assert_eq!(nodes(in_sync.maximal()), [1, 2]);
    }

    #[test]
    fn the_minimum_never_exceeds_the_number_of_replicas() {
        let mut state = set(1, &[1]);
        state.spec.replicas.truncate(1);
        assert!(!InSync::recorded(&state).is_short());
    }
}
