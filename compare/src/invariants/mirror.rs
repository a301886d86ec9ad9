//! One replica's log as marks of its batches, kept as the replica changes it.

use partition::ids::{Offset, Ordinal};
use partition::probe::BatchMark;

use super::commit::Ledger;

/// What is known of one replica's log.
#[derive(Clone, Debug, Default)]
pub(super) struct Mirror {
    start: Offset,
    /// Which entry the first mark is.
    first: Ordinal,
    marks: Vec<BatchMark>,
    /// So many marks, from the first on, are what was committed there.
    agreed: usize,
}

impl Mirror {
    /// The log was opened, or cut: it is read anew.
    pub(super) fn reread(&mut self, start: Offset, first: Ordinal, marks: Vec<BatchMark>) {
        *self = Self { start, first, marks, agreed: 0 };
    }

    /// Batches were appended.
    pub(super) fn extend(&mut self, marks: impl IntoIterator<Item = BatchMark>) {
        self.marks.extend(marks);
    }

    /// The log start has moved.
    pub(super) fn trim(&mut self, start: Offset, first: Ordinal) {
        let gone = self.marks.partition_point(|mark| mark.end <= start);
        self.marks.drain(..gone);
        self.agreed = self.agreed.saturating_sub(gone);
        (self.start, self.first) = (start, first);
    }

    /// The node is down, and only what ends by `to` is on its disk.
    pub(super) fn cut(&mut self, to: Offset) {
        let kept = self.marks.partition_point(|mark| mark.end <= to);
        self.marks.truncate(kept);
        self.agreed = self.agreed.min(kept);
    }

    pub(super) fn start(&self) -> Offset {
        self.start
    }

    /// Where the log ends, as far as it was read.
    pub(super) fn end(&self) -> Offset {
        self.marks.last().map_or(self.start, |last| last.end)
    }

    pub(super) fn marks(&self) -> &[BatchMark] {
        &self.marks
    }

    /// The marks from the one that begins at or after `from` on.
    pub(super) fn from(&self, from: Offset) -> &[BatchMark] {
        &self.marks[self.marks.partition_point(|mark| mark.base < from)..]
    }

    /// The batch that begins there.
    pub(super) fn at(&self, base: Offset) -> Option<&BatchMark> {
        let found = self.marks.binary_search_by_key(&base, |mark| mark.base);
        found.ok().map(|at| &self.marks[at])
    }

    /// The entry of that number.
    pub(super) fn entry(&self, ordinal: Ordinal) -> Option<&BatchMark> {
        let at = usize::try_from(ordinal.0.checked_sub(self.first.0)?).ok()?;
        self.marks.get(at)
    }

    /// The number of the first mark.
    pub(super) fn first(&self) -> Ordinal {
        self.first
    }

    /// The batch that ends there.
    pub(super) fn ending_at(&self, end: Offset) -> Option<&BatchMark> {
        let found = self.marks.binary_search_by_key(&end, |mark| mark.end);
        found.ok().map(|at| &self.marks[at])
    }

    /// Compares with what was committed, as far as that was not done before.
    pub(super) fn agree(&mut self, ledger: &Ledger) {
        while self.marks.get(self.agreed).is_some_and(|mark| ledger.has(mark)) {
            self.agreed += 1;
        }
    }

    /// All below it is what was committed there.
    pub(super) fn agreed_to(&self) -> Offset {
        self.agreed.checked_sub(1).map_or(self.start, |last| self.marks[last].end)
    }
}
