//! Proof of leadership without clocks: members confirm the epoch after the read began (H-16).

use std::collections::BTreeSet;

use partition::clock::{BootMoment, Moment};
use partition::ids::{Epoch, NodeId};

use super::{CONFIRM_RETRY, Replica, Role};
use crate::metadata::Incarnation;
use crate::rules::UncleanElection;

/// One exchange with the members. A read is served by a round that began after it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round {
    /// Of which epoch's leader: when this replica leads again, an answer of its former time that comes late proves nothing.
    pub epoch: Epoch,
    /// Counted by that leader.
    pub number: u64,
}

impl Round {
    fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }
}

/// The rounds of one leader: at most one is under way, and all reads that come meanwhile share the next one.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Proofs {
    last: Round,
    under_way: Option<UnderWay>,
    wanted: Wanted,
}

#[derive(Clone, Debug, Hash)]
struct UnderWay {
    silent: BTreeSet<NodeId>,
    /// Who has confirmed, in which life.
    confirmed: BTreeSet<(NodeId, Incarnation)>,
    again_at: Moment,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Wanted {
    #[default]
    No,
    Yes,
}

/// Whether those who have confirmed are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enough {
    Yes,
    No,
}

impl UnderWay {
    fn of(silent: BTreeSet<NodeId>, now: Moment) -> Self {
        Self { silent, confirmed: BTreeSet::new(), again_at: now.after(CONFIRM_RETRY) }
    }
}

impl Proofs {
    /// Those of this epoch's leader.
    pub(super) fn of(epoch: Epoch) -> Self {
        Self { last: Round { epoch, number: 0 }, ..Self::default() }
    }

    /// The round that a read which begins now has to wait for.
    pub(super) fn next(&self) -> Round {
        self.last.next()
    }

    /// A read waits for the next round.
    pub(super) fn want(&mut self) {
        self.wanted = Wanted::Yes;
    }

    /// Begins the next round if one is wanted and none is under way; returns it.
    pub(super) fn begin(&mut self, members: BTreeSet<NodeId>, now: Moment) -> Option<Round> {
        if self.under_way.is_some() || self.wanted == Wanted::No {
            return None;
        }
        self.wanted = Wanted::No;
        self.last = self.next();
        self.under_way = Some(UnderWay::of(members, now));
        Some(self.last)
    }

    /// The set has changed: those who are members now have to confirm, in a round that begins now.
    pub(super) fn restart(&mut self, members: BTreeSet<NodeId>, now: Moment) -> Option<Round> {
        self.under_way.as_mut().map(|under_way| {
            *under_way = UnderWay::of(members, now);
            self.last
        })
    }

    /// A member has confirmed.
    pub(super) fn confirmed(&mut self, round: Round, node: NodeId, life: Incarnation) {
        if round == self.last
            && let Some(under_way) = &mut self.under_way
        {
            under_way.silent.remove(&node);
            under_way.confirmed.insert((node, life));
        }
    }

    /// Ends the round if nobody is silent any more; returns it.
    pub(super) fn complete(&mut self) -> Option<Round> {
        self.under_way.take_if(|under_way| under_way.silent.is_empty()).map(|_| self.last)
    }

    /// Ends the round if those who have confirmed are enough; returns it.
    pub(super) fn complete_with(
        &mut self,
        enough: impl FnOnce(&BTreeSet<(NodeId, Incarnation)>) -> Enough,
    ) -> Option<Round> {
        self.under_way.take_if(|under_way| enough(&under_way.confirmed) == Enough::Yes).map(|_| self.last)
    }

    /// Who is to be asked again by now.
    pub(super) fn again(&mut self, now: Moment) -> Option<(Round, Vec<NodeId>)> {
        let under_way = self.under_way.as_mut()?;
        if now < under_way.again_at {
            return None;
        }
        under_way.again_at = now.after(CONFIRM_RETRY);
        Some((self.last, under_way.silent.iter().copied().collect()))
    }

    /// When somebody may have to be asked again.
    pub(super) fn wakes_at(&self) -> Option<Moment> {
        self.under_way.as_ref().map(|under_way| under_way.again_at)
    }
}

impl Replica {
    /// Whether a read that begins at this moment may be answered at once, at the high watermark: nobody else can lead while
    /// the lease runs, and this leader knows all that was committed before it (H-16). After an unclean election even that
    /// may be gone, so there a lease promises nothing.
    #[must_use]
    pub fn may_read_alone(&self, now: BootMoment) -> bool {
        let unclean = self.rules.historic.unclean == UncleanElection::Allowed;
        let leased = self.leased_until.is_some_and(|until| now < until);
        leased && !unclean && matches!(self.role, Role::Leader(_)) && self.visible_to().is_some()
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::Offset;

    use super::*;

    const LIFE: Incarnation = Incarnation(Offset(7));

    fn round(number: u64) -> Round {
        Round { epoch: Epoch(1), number }
    }

    #[test]
    fn a_read_that_comes_during_a_round_waits_for_the_next_one() {
        let mut proofs = Proofs::of(Epoch(1));
        let members = || BTreeSet::from([NodeId(2), NodeId(3)]);
        proofs.want();
        assert_eq!(proofs.begin(members(), Moment(0)), Some(round(1)));
        assert_eq!(proofs.next(), round(2));
        proofs.want();
        assert_eq!(proofs.begin(members(), Moment(0)), None);
        proofs.confirmed(round(1), NodeId(2), LIFE);
        assert_eq!(proofs.complete(), None);
        proofs.confirmed(round(1), NodeId(3), LIFE);
        assert_eq!(proofs.complete(), Some(round(1)));
        assert_eq!(proofs.begin(members(), Moment(1)), Some(round(2)));
        proofs.confirmed(round(1), NodeId(2), LIFE);
        assert_eq!(
            proofs.again(Moment(0).after(CONFIRM_RETRY * 2)),
            Some((round(2), vec![NodeId(2), NodeId(3)]))
        );
    }

    #[test]
    fn alone_a_leader_proves_itself() {
        let mut proofs = Proofs::of(Epoch(1));
        proofs.want();
        assert_eq!(proofs.begin(BTreeSet::new(), Moment(0)), Some(round(1)));
        assert_eq!(proofs.complete(), Some(round(1)));
        assert_eq!(proofs.begin(BTreeSet::new(), Moment(0)), None);
    }
}
