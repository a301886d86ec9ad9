//! Which leader epoch began at which offset: where two histories part is one question to it (KIP-101, KIP-279).

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, Offset};

/// An epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: Epoch,
    /// Its first record's offset.
    pub start: Offset,
}

/// An epoch and the offset after its last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EpochEnd {
    /// The epoch.
    pub epoch: Epoch,
    /// The offset after its last record.
    pub end: Offset,
}

/// What a history says of the epoch of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// It has this one.
    Exactly(Epoch),
    /// Newer ones may have begun since.
    AtLeast(Epoch),
}

impl Expected {
    pub(crate) fn admits(self, epoch: Epoch) -> bool {
        match self {
            Self::Exactly(expected) => epoch == expected,
            Self::AtLeast(oldest) => epoch >= oldest,
        }
    }
}

/// The epochs of one log: both epochs and starts strictly ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochHistory {
    starts: Vec<EpochStart>,
}

impl EpochHistory {
    /// Notes that a batch of `epoch` lies at `base`. An epoch already known keeps its start.
    ///
    /// # Panics
    /// When `epoch` is older than the newest one: a log never goes back.
    pub fn assign(&mut self, epoch: Epoch, base: Offset) {
        if let Some(last) = self.starts.last() {
            assert!(epoch >= last.epoch, "epoch {epoch} after {} at {base}", last.epoch);
            if epoch == last.epoch {
                return;
            }
            assert!(base >= last.start, "epoch {epoch} starts at {base}, before {}", last.start);
            if base == last.start {
                // All of the older epoch was trimmed away: it has no record left.
                self.starts.pop();
            }
        }
        self.starts.push(EpochStart { epoch, start: base });
    }

    /// That of these entries; `None` when they do not ascend.
    #[must_use]
    pub(crate) fn of_entries(starts: Vec<EpochStart>) -> Option<Self> {
        let ascends =
            starts.windows(2).all(|pair| pair[0].epoch < pair[1].epoch && pair[0].start < pair[1].start);
        ascends.then_some(Self { starts })
    }

    /// The epoch that a batch at `base` must have, or at least have, by a history that may lack its newest entries; `None`
    /// when it does not reach so far back. In an empty log, the last entry is of a record before `log_start`.
    pub(crate) fn expects(&self, base: Offset, log_start: Offset) -> Option<Expected> {
        let last = self.starts.last()?;
        let epoch = self.epoch_at(base)?;
        let newer_possible = base > last.start || base == last.start && base == log_start;
        Some(if newer_possible { Expected::AtLeast(epoch) } else { Expected::Exactly(epoch) })
    }

    /// The newest epoch in the log.
    #[must_use]
    pub fn latest(&self) -> Option<Epoch> {
        self.starts.last().map(|last| last.epoch)
    }

    /// The epoch of the record at `offset`.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<Epoch> {
        let after = self.starts.partition_point(|entry| entry.start <= offset);
        after.checked_sub(1).map(|at| self.starts[at].epoch)
    }

    /// The largest epoch in the log that is not newer than `asked`, and where it ends; `None` when all are newer.
    /// `log_end` is where the newest epoch ends.
    #[must_use]
    pub fn end_of(&self, asked: Epoch, log_end: Offset) -> Option<EpochEnd> {
        let after = self.starts.partition_point(|entry| entry.epoch <= asked);
        let epoch = self.starts[after.checked_sub(1)?].epoch;
        let end = self.starts.get(after).map_or(log_end, |next| next.start);
        Some(EpochEnd { epoch, end })
    }

    /// Forgets what lies at or beyond `end`.
    pub fn truncate(&mut self, end: Offset) {
        self.starts.retain(|entry| entry.start < end);
    }

    /// Forgets epochs that ended at or before `start`; the one that holds `start` now begins there.
    pub fn trim(&mut self, start: Offset) {
        let after = self.starts.partition_point(|entry| entry.start <= start);
        if let Some(holding) = after.checked_sub(1) {
            self.starts.drain(..holding);
            self.starts[0].start = start;
        }
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[EpochStart] {
        &self.starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> EpochHistory {
        let mut history = EpochHistory::default();
        for (epoch, base) in [(1, 0), (1, 3), (4, 5), (6, 9)] {
            history.assign(Epoch(epoch), Offset(base));
        }
        history
    }

    fn end(epoch: u32, end: u64) -> Option<EpochEnd> {
        Some(EpochEnd { epoch: Epoch(epoch), end: Offset(end) })
    }

    #[test]
    fn the_end_of_an_epoch_is_where_the_next_one_begins() {
        let ends = [0, 1, 3, 4, 5, 6, 7].map(|asked| history().end_of(Epoch(asked), Offset(12)));
        assert_eq!(ends, [None, end(1, 5), end(1, 5), end(4, 9), end(4, 9), end(6, 12), end(6, 12)]);
    }

    #[test]
    fn a_history_says_what_epoch_a_batch_has_as_far_as_it_goes() {
        use Expected::{AtLeast, Exactly};
        let of = |base| history().expects(Offset(base), Offset(0));
        assert_eq!([0, 4, 5, 8].map(of), [1, 1, 4, 4].map(|epoch| Some(Exactly(Epoch(epoch)))));
        assert_eq!([of(9), of(10)], [Some(Exactly(Epoch(6))), Some(AtLeast(Epoch(6)))]);
        assert!(AtLeast(Epoch(6)).admits(Epoch(7)) && !AtLeast(Epoch(6)).admits(Epoch(5)));
        assert!(Exactly(Epoch(6)).admits(Epoch(6)) && !Exactly(Epoch(6)).admits(Epoch(7)));
        let mut empty = EpochHistory::default();
        assert_eq!(empty.expects(Offset(20), Offset(20)), None);
        // All was trimmed away: the entry only says how far epochs had come.
        empty.assign(Epoch(3), Offset(20));
        assert_eq!(empty.expects(Offset(20), Offset(20)), Some(AtLeast(Epoch(3))));
        assert_eq!(EpochHistory::of_entries(history().entries().to_vec()), Some(history()));
        let twice = [history().entries(), history().entries()].concat();
        assert_eq!(EpochHistory::of_entries(twice), None);
    }

    #[test]
    fn a_cut_forgets_what_began_behind_it() {
        let mut history = history();
        history.truncate(Offset(9));
        assert_eq!(history.latest(), Some(Epoch(4)));
        history.truncate(Offset(0));
        assert_eq!(history.latest(), None);
    }

    #[test]
    fn an_epoch_that_was_trimmed_away_gives_its_place_to_the_next() {
        let mut history = history();
        history.trim(Offset(12));
        history.assign(Epoch(8), Offset(12));
        assert_eq!(history.entries(), [EpochStart { epoch: Epoch(8), start: Offset(12) }]);
    }

    #[test]
    fn a_trim_keeps_the_epoch_that_holds_the_new_start() {
        let mut history = history();
        history.trim(Offset(7));
        assert_eq!(history.entries()[0], EpochStart { epoch: Epoch(4), start: Offset(7) });
        assert_eq!(history.epoch_at(Offset(8)), Some(Epoch(4)));
        assert_eq!(history.epoch_at(Offset(6)), None);
    }
}
