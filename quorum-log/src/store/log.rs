//! The partition's log as raft's log, and the vote beside it.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::Arc;

use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use partition::ids::{ByteSize, Offset, Ordinal};
use partition::log::{Log, Producers};
use partition::meta::TwoSlotFile;

use super::reader::Reader;
use crate::mutant::Mutant;
use crate::raft::{Entry, LogId, Types, Vote, VoteRecord, log_id};
use crate::replica::Replica;

/// Raft's log: entry `i` is the batch with ordinal `i`.
#[derive(Debug)]
pub(crate) struct LogStore {
    reader: Reader,
    votes: TwoSlotFile<VoteRecord>,
    committed: Option<LogId>,
    /// The entry before the log's first.
    purged: Option<LogId>,
    /// An append waits while the writer has more than this to store.
    congestion: ByteSize,
}

impl LogStore {
    pub(super) fn new(
        replica: Arc<Replica>,
        votes: TwoSlotFile<VoteRecord>,
        purged: Option<LogId>,
        congestion: ByteSize,
    ) -> Self {
        let committed = replica.last_applied();
        Self { reader: Reader { replica }, votes, committed, purged, congestion }
    }

    fn replica(&self) -> &Arc<Replica> {
        &self.reader.replica
    }

    /// Waits until all below `end` is stored.
    async fn await_stored(&self, end: Offset) -> io::Result<()> {
        await_stored(self.replica(), end).await
    }
}

/// Waits until all below `end` is stored.
pub(super) async fn await_stored(replica: &Replica, end: Offset) -> io::Result<()> {
    loop {
        let mut stored = std::pin::pin!(replica.stored.notified());
        stored.as_mut().enable();
        let extent = replica.extent().map_err(io::Error::other)?;
        if extent.stored >= end {
            return Ok(());
        }
        stored.await;
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        self.reader.try_get_log_entries(range).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.reader.read_vote().await
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Reader;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let last = self.replica().with_log(|log| {
            let (have, epoch) = (log.ordinals(), log.epochs().latest());
            let last = (have.start < have.end).then(|| Ordinal(have.end.0 - 1));
            last.zip(epoch).map(|(last, epoch)| log_id(epoch, last))
        })?;
        Ok(LogState { last_purged_log_id: self.purged, last_log_id: last.or(self.purged) })
    }

    async fn get_log_reader(&mut self) -> Reader {
        self.reader.clone()
    }

    /// Durable when it returns, and so is all that was appended before: openraft takes a saved vote as proof that what
    /// older leaders sent is flushed, and the vote does not go through the log's writer.
    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        if self.replica().mutated.breaks(Mutant::SkipVoteSync) {
            self.replica().voted(*vote);
            return Ok(());
        }
        let end = self.replica().with_log(Log::end)?;
        self.votes.store((*vote).into()).await.map_err(io::Error::other)?;
        self.await_stored(end).await?;
        self.replica().voted(*vote);
        Ok(())
    }

    /// This is where the high watermark moves: openraft says so before it applies.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.committed = committed;
        if let Some(entry) = committed {
            let end = self.reader.end_of(Ordinal(entry.index)).await?;
            self.replica().commit(entry, end);
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        Ok(self.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        while self.replica().is_congested(self.congestion) {
            let mut stored = std::pin::pin!(self.reader.replica.stored.notified());
            stored.as_mut().enable();
            if self.replica().is_congested(self.congestion) {
                stored.await;
            }
        }
        self.replica().append(entries, callback)
    }

    /// Durable before anything that is appended after it, or voted: until then nobody was told anything that rests on it.
    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let next = last.map_or(Ordinal::ZERO, |last| Ordinal(last.index).next());
        let (have, start) = self.replica().with_log(|log| (log.ordinals(), log.start()))?;
        if next >= have.end {
            return Ok(());
        }
        let to = match last {
            Some(last) if next > have.start => self.reader.end_of(Ordinal(last.index)).await?,
            _ => start,
        };
        self.replica().truncate(next, to)
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        let next = Ordinal(upto.index).next();
        let (have, end) = self.replica().with_log(|log| (log.ordinals(), log.end()))?;
        if next > have.end {
            self.replica().restart(next, end, Producers::partial(), None)?;
        } else if next > have.start {
            let to = self.reader.end_of(Ordinal(upto.index)).await?;
            self.replica().purge(to)?;
        }
        self.purged = self.purged.max(Some(upto));
        Ok(())
    }
}
