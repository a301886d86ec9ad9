//! Who votes, by this replica's own log: the last entry that says so, committed or not, and those before it that may yet be
//! what stays when the last is cut off.

use std::collections::{BTreeSet, VecDeque};

use partition::ids::Ordinal;

use crate::raft::VotersRecord;

/// The entries of a log that say who votes, from the last committed one on.
#[derive(Debug, Default)]
pub(crate) struct Electorates(VecDeque<(Ordinal, VotersRecord)>);

impl Electorates {
    /// The log has such an entry at its end.
    pub(crate) fn appended(&mut self, entry: Ordinal, voters: VotersRecord) {
        self.0.push_back((entry, voters));
    }

    /// The log was cut off before `next`.
    pub(crate) fn truncated(&mut self, next: Ordinal) {
        while self.0.back().is_some_and(|(entry, _)| *entry >= next) {
            self.0.pop_back();
        }
    }

    /// The log begins anew, where these vote.
    pub(crate) fn restarted(&mut self, voters: Option<(Ordinal, VotersRecord)>) {
        self.0 = voters.into_iter().collect();
    }

    /// All before `next` is committed: of what lies there, only the last counts.
    pub(crate) fn committed(&mut self, next: Ordinal) {
        while self.0.get(1).is_some_and(|(entry, _)| *entry < next) {
            self.0.pop_front();
        }
    }

    /// Who votes, by the last entry that says so.
    pub(crate) fn latest(&self) -> Option<&VotersRecord> {
        self.0.back().map(|(_, voters)| voters)
    }

    /// Most of each of which sets it takes: now, or before what was appended last.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &[BTreeSet<u64>]> {
        self.0.iter().rev().map(|(_, voters)| voters.sets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{Located, Voters};

    fn voters(count: u64) -> VotersRecord {
        let ids: BTreeSet<u64> = (1..=count).collect();
        let members =
            ids.iter().map(|node| (*node, Located::default())).collect::<std::collections::BTreeMap<_, _>>();
        VotersRecord::from(&Voters::new(vec![ids], members).unwrap())
    }

    fn sizes(electorates: &Electorates) -> Vec<usize> {
        electorates.candidates().map(|sets| sets[0].len()).collect()
    }

    #[test]
    fn the_last_one_counts_until_it_is_cut_off_and_older_ones_are_forgotten_when_it_is_committed() {
        let mut electorates = Electorates::default();
        electorates.appended(Ordinal(0), voters(3));
        electorates.appended(Ordinal(7), voters(5));
        assert_eq!(sizes(&electorates), [5, 3]);
        electorates.committed(Ordinal(7));
        assert_eq!(sizes(&electorates), [5, 3], "entry 7 itself is not committed yet");
        electorates.truncated(Ordinal(7));
        assert_eq!(sizes(&electorates), [3]);
        electorates.appended(Ordinal(8), voters(4));
        electorates.committed(Ordinal(9));
        assert_eq!(sizes(&electorates), [4]);
    }
}
