//! Reads the log for openraft: batches as entries.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use futures_util::{Stream, stream};
use openraft::{OptionalSend, RaftLogReader};
use partition::ids::{ByteSize, Offset, Ordinal};
use partition::log::Log;
use partition::record::Batch;

use crate::raft::{Entry, Payload, Types, Vote, log_id};
use crate::replica::Replica;

/// About how many bytes of entries are read at once, and go in one message to a follower: what a disk and a network
/// carry in about a millisecond, so that a message neither costs much more than its bytes nor holds up the next.
pub(crate) const READ_BYTES: ByteSize = ByteSize::mib(1);

/// Reads the log of one replica.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(super) replica: Arc<Replica>,
}

impl Reader {
    /// Some of the entries from `from` on, at least one if there is one before `until`.
    pub(super) async fn some(&self, from: Ordinal, until: Ordinal) -> io::Result<Vec<Entry>> {
        let batches = self.replica.reader().read_ordinals(from..until, READ_BYTES).await;
        let batches = batches.map_err(io::Error::other)?;
        Ok(batches.into_iter().enumerate().map(|(at, batch)| entry(from.plus(at), batch)).collect())
    }

    /// The part of `range` that the log has.
    fn clamp(&self, range: &impl RangeBounds<u64>) -> io::Result<(Ordinal, Ordinal)> {
        let have = self.replica.with_log(Log::ordinals)?;
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let until = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(until) => *until,
            Bound::Unbounded => u64::MAX,
        };
        Ok((Ordinal(from).max(have.start), Ordinal(until).min(have.end)))
    }

    /// Where an entry ends.
    pub(super) async fn end_of(&self, entry: Ordinal) -> io::Result<Offset> {
        if let Some(end) = self.replica.with_watermark(|watermark| watermark.end_of(entry)) {
            return Ok(end);
        }
        self.batch(entry).await.map(|batch| batch.next_offset())
    }

    /// One entry's batch.
    pub(super) async fn batch(&self, entry: Ordinal) -> io::Result<Batch> {
        let read = self.replica.reader().read_ordinals(entry..entry.next(), ByteSize::ZERO).await;
        let first = read.map_err(io::Error::other)?.into_iter().next();
        first.ok_or_else(|| io::Error::other(format!("entry {entry} is not in the log")))
    }
}

fn entry(ordinal: Ordinal, batch: Batch) -> Entry {
    Entry { log_id: log_id(batch.epoch(), ordinal), payload: Payload::Placed(batch) }
}

impl RaftLogReader<Types> for Reader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let (mut from, until) = self.clamp(&range)?;
        let mut entries = Vec::new();
        while from < until {
            let some = self.some(from, until).await?;
            from = from.plus(some.len());
            entries.extend(some);
        }
        Ok(entries)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.replica.vote())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        if start >= end {
            return Ok(Vec::new());
        }
        self.some(Ordinal(start), Ordinal(end)).await
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let rest = Rest {
            reader: self.clone(),
            range: self.clamp(&range).map_err(|error| error.to_string()),
            read: VecDeque::new(),
        };
        Box::pin(stream::try_unfold(rest, Rest::next))
    }
}

/// What a stream has not yielded yet: a log of any length is applied in pieces.
struct Rest {
    reader: Reader,
    range: Result<(Ordinal, Ordinal), String>,
    read: VecDeque<Entry>,
}

impl Rest {
    async fn next(mut self) -> io::Result<Option<(Entry, Self)>> {
        let (from, until) = self.range.map_err(io::Error::other)?;
        let mut next = from;
        if self.read.is_empty() && from < until {
            self.read = self.reader.some(from, until).await?.into();
            next = from.plus(self.read.len());
        }
        let Some(entry) = self.read.pop_front() else { return Ok(None) };
        self.range = Ok((next, until));
        Ok(Some((entry, self)))
    }
}
