//! Who has acknowledged what to this leader: counted here once more, and held against openraft's own count.
//!
//! Two things are seen by it. A commit that no majority bears out (R-09: openraft once counted two of five for one) ends the
//! replica rather than that a client is told so. And a follower that does not know any more what it had acknowledged to
//! this very leader has lost its disk: it is not brought up to date as if it had only lagged.

use std::collections::{BTreeMap, BTreeSet};

use partition::ids::Ordinal;

use crate::raft::VoteRecord;

/// What followers have acknowledged to the leader of one term, each up to its furthest entry.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    term: Option<VoteRecord>,
    stored: BTreeMap<u64, Ordinal>,
}

/// What a follower's word about an entry makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It may never have had it.
    Sound,
    /// It had acknowledged it.
    Lost,
}

impl Ledger {
    /// A follower has stored all up to this entry, by its own word to the leader of this term.
    pub(crate) fn stored(&mut self, term: VoteRecord, node: u64, last: Ordinal) {
        if self.term != Some(term) {
            // Answers to an earlier term count for nothing.
            if self.term.is_some_and(|now| now.epoch > term.epoch) {
                return;
            }
            *self = Self { term: Some(term), stored: BTreeMap::new() };
        }
        let furthest = self.stored.entry(node).or_insert(last);
        *furthest = last.max(*furthest);
    }

    /// A follower says that it does not have this entry.
    pub(crate) fn lacks(&self, term: VoteRecord, node: u64, entry: Ordinal) -> Memory {
        let had = self.stored.get(&node).is_some_and(|furthest| *furthest >= entry);
        if self.term == Some(term) && had { Memory::Lost } else { Memory::Sound }
    }

    /// A member was removed: should it be added again, it begins with nothing.
    pub(crate) fn forget(&mut self, node: u64) {
        self.stored.remove(&node);
    }

    /// Whether most of each of these sets have stored this entry of this term; `own` is the leader, if its log has.
    pub(crate) fn is_on_quorum<'a>(
        &self,
        term: VoteRecord,
        sets: impl IntoIterator<Item = &'a BTreeSet<u64>>,
        entry: Ordinal,
        own: Option<u64>,
    ) -> bool {
        let current = self.term == Some(term);
        let has = |node: &&u64| {
            own == Some(**node)
                || (current && self.stored.get(*node).is_some_and(|furthest| *furthest >= entry))
        };
        sets.into_iter().all(|set| set.iter().filter(has).count() * 2 > set.len())
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::Epoch;

    use super::*;

    fn term(epoch: u32) -> VoteRecord {
        VoteRecord { epoch: Epoch(epoch), node: 1, elected: true }
    }

    fn five() -> BTreeSet<u64> {
        (1..=5).collect()
    }

    #[test]
    fn r09_two_of_five_are_no_quorum_in_whatever_order_they_answered() {
        let mut ledger = Ledger::default();
        for (node, last) in [(2, 5), (3, 5), (4, 5), (2, 6)] {
            ledger.stored(term(1), node, Ordinal(last));
        }
        let on_quorum =
            |ledger: &Ledger, entry| ledger.is_on_quorum(term(1), [&five()], Ordinal(entry), Some(1));
        assert!(on_quorum(&ledger, 5));
        assert!(!on_quorum(&ledger, 6), "1 and 2 have it");
        ledger.stored(term(1), 5, Ordinal(6));
        assert!(on_quorum(&ledger, 6));
    }

    #[test]
    fn r06_while_voters_are_changed_most_of_both_sets_must_have_it() {
        let (old, new): (BTreeSet<u64>, BTreeSet<u64>) = ((1..=3).collect(), (3..=5).collect());
        let mut ledger = Ledger::default();
        ledger.stored(term(1), 2, Ordinal(9));
        assert!(ledger.is_on_quorum(term(1), [&old], Ordinal(9), Some(1)));
        assert!(!ledger.is_on_quorum(term(1), [&old, &new], Ordinal(9), Some(1)));
        ledger.stored(term(1), 4, Ordinal(9));
        ledger.stored(term(1), 5, Ordinal(9));
        assert!(ledger.is_on_quorum(term(1), [&old, &new], Ordinal(9), Some(1)));
    }

    #[test]
    fn what_was_acknowledged_to_an_earlier_leader_counts_for_nothing() {
        let mut ledger = Ledger::default();
        ledger.stored(term(1), 2, Ordinal(9));
        assert!(!ledger.is_on_quorum(term(2), [&(1..=3).collect()], Ordinal(9), Some(1)));
        ledger.stored(term(2), 3, Ordinal(4));
        ledger.stored(term(1), 2, Ordinal(10));
        assert_eq!(ledger.lacks(term(2), 2, Ordinal(9)), Memory::Sound, "it may have been cut off since");
    }

    #[test]
    fn r08_a_follower_that_lacks_what_it_had_acknowledged_has_lost_it() {
        let mut ledger = Ledger::default();
        ledger.stored(term(1), 2, Ordinal(9));
        assert_eq!(ledger.lacks(term(1), 2, Ordinal(9)), Memory::Lost);
        assert_eq!(ledger.lacks(term(1), 2, Ordinal(10)), Memory::Sound);
        ledger.forget(2);
        assert_eq!(ledger.lacks(term(1), 2, Ordinal(9)), Memory::Sound);
    }
}
