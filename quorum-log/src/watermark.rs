//! From "entry 41 is committed" to "the high watermark is offset 97", and who waits for it.

use std::collections::VecDeque;

use partition::ids::{Offset, Ordinal};

/// How far the log is committed, in raft's terms (entries) and in a reader's (offsets).
///
/// Raft counts entries, clients count records. The ends of the entries that were appended since the log was opened,
/// and are not committed yet, are kept here; an older entry's end has to be read from the log.
#[derive(Debug)]
pub(crate) struct Watermark {
    committed: Ordinal,
    high: Offset,
    /// The entry whose end stands first in `ends`.
    first: Ordinal,
    ends: VecDeque<Offset>,
}

impl Watermark {
    /// A log whose entries before `committed` are known to be committed, and end at `high`; its next entry is `next`.
    pub(crate) fn new(committed: Ordinal, high: Offset, next: Ordinal) -> Self {
        assert!(committed <= next, "committed {committed} beyond the log's next entry {next} (H-07)");
        Self { committed, high, first: next, ends: VecDeque::new() }
    }

    /// The next offset that is not committed.
    pub(crate) fn high(&self) -> Offset {
        self.high
    }

    /// The next entry that is not committed.
    pub(crate) fn committed(&self) -> Ordinal {
        self.committed
    }

    /// The next entry to be appended.
    pub(crate) fn next(&self) -> Ordinal {
        self.first.plus(self.ends.len())
    }

    /// An entry was appended, and ends here.
    pub(crate) fn appended(&mut self, end: Offset) {
        self.ends.push_back(end);
    }

    /// Where an entry ends, if that is known without reading the log.
    pub(crate) fn end_of(&self, entry: Ordinal) -> Option<Offset> {
        if entry.next() == self.committed {
            return Some(self.high);
        }
        let at = usize::try_from(entry.0.checked_sub(self.first.0)?).ok()?;
        self.ends.get(at).copied()
    }

    /// All up to and including `entry`, which ends at `end`, is committed. Whether that is news.
    pub(crate) fn commit(&mut self, entry: Ordinal, end: Offset) -> bool {
        if entry < self.committed {
            return false;
        }
        assert!(entry < self.next(), "entry {entry} is committed but was never appended");
        assert!(end >= self.high, "the high watermark goes back from {} to {end}", self.high);
        self.committed = entry.next();
        self.high = end;
        while self.first < self.committed && self.ends.pop_front().is_some() {
            self.first = self.first.next();
        }
        true
    }

    /// All from `next` on was cut off.
    pub(crate) fn truncated(&mut self, next: Ordinal) {
        assert!(
            next >= self.committed,
            "entry {next} is cut off, but all below {} is committed",
            self.committed
        );
        while self.next() > next && self.ends.pop_back().is_some() {}
        self.first = self.first.min(next);
    }

    /// The log begins again with the entry `next`, at `base`; all before it is committed.
    pub(crate) fn restarted(&mut self, next: Ordinal, base: Offset) {
        *self = Self::new(next, base.max(self.high), next);
    }
}

/// Those who wait until the log has got to some offset, in the order of those offsets.
#[derive(Debug)]
pub(crate) struct Waiting<T>(VecDeque<(Offset, T)>);

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Waiting<T> {
    /// Waits for `end`. Nearly always the largest yet; a duplicate's is not.
    pub(crate) fn insert(&mut self, end: Offset, waiter: T) {
        let at = self.0.partition_point(|(other, _)| *other <= end);
        self.0.insert(at, (end, waiter));
    }

    /// Those who waited for `reached` or less.
    pub(crate) fn reached(&mut self, reached: Offset) -> impl Iterator<Item = T> + '_ {
        let count = self.0.partition_point(|(end, _)| *end <= reached);
        self.0.drain(..count).map(|(_, waiter)| waiter)
    }

    /// Those who waited for more than what is left after a cut at `to`.
    pub(crate) fn cut(&mut self, to: Offset) -> impl Iterator<Item = T> + '_ {
        let kept = self.0.partition_point(|(end, _)| *end <= to);
        self.0.drain(kept..).map(|(_, waiter)| waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(ends: &[u64]) -> Watermark {
        let mut watermark = Watermark::new(Ordinal(0), Offset(0), Ordinal(0));
        for end in ends {
            watermark.appended(Offset(*end));
        }
        watermark
    }

    #[test]
    fn committed_entries_become_the_offset_where_the_last_of_them_ends() {
        let mut watermark = appended(&[1, 11, 12]);
        let end = watermark.end_of(Ordinal(1)).unwrap();
        assert!(watermark.commit(Ordinal(1), end));
        assert_eq!(
            (watermark.high(), watermark.committed(), watermark.next()),
            (Offset(11), Ordinal(2), Ordinal(3))
        );
        assert!(!watermark.commit(Ordinal(0), Offset(1)), "an older commit is no news");
        assert_eq!(watermark.end_of(Ordinal(2)), Some(Offset(12)));
    }

    #[test]
    fn entries_from_before_the_log_was_opened_have_ends_that_must_be_read() {
        let mut watermark = Watermark::new(Ordinal(2), Offset(7), Ordinal(5));
        assert_eq!(watermark.end_of(Ordinal(3)), None);
        watermark.appended(Offset(30));
        watermark.commit(Ordinal(3), Offset(19));
        watermark.commit(Ordinal(5), Offset(30));
        assert_eq!((watermark.high(), watermark.next()), (Offset(30), Ordinal(6)));
    }

    #[test]
    fn a_cut_forgets_what_was_not_committed() {
        let mut watermark = appended(&[1, 11, 12]);
        watermark.commit(Ordinal(0), Offset(1));
        watermark.truncated(Ordinal(1));
        assert_eq!(watermark.next(), Ordinal(1));
        watermark.appended(Offset(4));
        assert_eq!(watermark.end_of(Ordinal(1)), Some(Offset(4)));
    }

    #[test]
    #[should_panic(expected = "is committed")]
    fn a_committed_entry_is_never_cut_off() {
        let mut watermark = appended(&[1, 11]);
        watermark.commit(Ordinal(1), Offset(11));
        watermark.truncated(Ordinal(1));
    }

    #[test]
    #[should_panic(expected = "H-07")]
    fn h07_nothing_is_committed_beyond_the_recovered_log() {
        let _ = Watermark::new(Ordinal(6), Offset(60), Ordinal(5));
    }

    #[test]
    fn waiters_go_in_the_order_of_their_offsets() {
        let mut waiting = Waiting::default();
        for (end, name) in [(5, "a"), (9, "b"), (7, "duplicate"), (12, "c")] {
            waiting.insert(Offset(end), name);
        }
        assert_eq!(waiting.reached(Offset(7)).collect::<Vec<_>>(), ["a", "duplicate"]);
        assert_eq!(waiting.cut(Offset(9)).collect::<Vec<_>>(), ["c"]);
        assert_eq!(waiting.reached(Offset(20)).collect::<Vec<_>>(), ["b"]);
    }
}
