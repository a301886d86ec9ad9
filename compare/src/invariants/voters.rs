//! Who votes, as leaders see it in the course of a run.

use std::collections::BTreeSet;

use partition::ids::{Epoch, NodeId};
use partition::probe::Electorate;

/// The sets of voters of the newest leader.
#[derive(Debug, Default)]
pub(super) struct Voters {
    /// In which epoch they were seen.
    epoch: Epoch,
    /// One set, or the old and the new one while they are being changed.
    sets: Vec<BTreeSet<NodeId>>,
    changed: Changed,
}

/// Whether those vote who voted first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Changed {
    #[default]
    Not,
    /// Or a change was begun.
    Once,
}

impl Voters {
    /// These vote by the log of this epoch's leader. Returns how many changes are complete by that: one, or none.
    pub(super) fn are(&mut self, epoch: Epoch, electorate: &Electorate) -> usize {
        let Electorate::Voters(sets) = electorate else { return 0 };
        if epoch < self.epoch || self.sets == *sets || sets.is_empty() {
            return 0;
        }
        let begun = std::mem::replace(&mut self.sets, sets.clone());
        self.epoch = epoch;
        if begun.is_empty() {
            return 0;
        }
        self.changed = Changed::Once;
        usize::from(sets.len() == 1 && begun.last() == sets.first())
    }

    /// Whether others may vote than at first.
    pub(super) fn have_changed(&self) -> bool {
        self.changed == Changed::Once
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[u32]]) -> Electorate {
        Electorate::Voters(sets.iter().map(|set| set.iter().copied().map(NodeId).collect()).collect())
    }

    #[test]
    fn a_change_counts_when_the_new_set_votes_alone_and_one_that_was_taken_back_does_not() {
        let mut voters = Voters::default();
        let mut are = |epoch, electorate| (voters.are(Epoch(epoch), &electorate), voters.have_changed());
        assert_eq!(are(1, sets(&[&[1, 2, 3]])), (0, false));
        assert_eq!(are(1, sets(&[&[1, 2, 3], &[1, 2, 4]])), (0, true));
        // A leader of a newer epoch has not heard of it.
        assert_eq!(are(2, sets(&[&[1, 2, 3]])), (0, true));
        assert_eq!(are(1, sets(&[&[1, 2, 4]])), (0, true), "it leads no more");
        assert_eq!(are(2, sets(&[&[1, 2, 3], &[1, 2, 4]])), (0, true));
        assert_eq!(are(2, sets(&[&[1, 2, 4]])), (1, true));
    }
}
