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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochEnd {
    /// The epoch.
    pub epoch: Epoch,
    /// The offset after its last record.
    pub end: Offset,
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
