//! Reads a partition from an offset on, each record once and in order, whoever leads.
//!
//! ```text
//!   next <── Chunk <── what one read brought     Read ──> leader, or the replica that was chosen
//!            record by record                    the next one, already on its way: it begins where the chunk ends
//! ```
//! The position is an offset, and what is committed does not change; so after any failure, at whichever replica, the read at
//! that position is simply made again: nothing is skipped, nothing comes twice. What a replica does not know yet is
//! waited for; the position never goes back (C16). What was trimmed away is an error or told as a gap, as was chosen.
//!
//! Consumers read at the leader (C15), or by choice at any one replica (KIP-392): then what *that* one knows to be committed.
//! While it cannot serve, the leader does. A read of what is not committed (C18) is for inspection: none of this holds
//! for it, as such records may vanish and others take their place.
//!
//! Left out: groups of consumers and their committed offsets; choosing the nearest replica; transactions.

mod chunk;
mod config;
mod policy;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::clock::{Clock, Moment};
use crate::error::ReadError;
use crate::ids::{Epoch, Offset};
use crate::partition::{Fetched, Isolation, Partition, Read, Tail};
use crate::record::Record;
pub use config::{ConsumerConfig, Source, Start, Trimmed};

use chunk::Chunk;
use policy::{Next, Origin};

/// Wait before a failed read is made again. A client that finds the leader has pauses of its own before it gives up.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a chosen replica may fail before the leader is asked: longer than it takes to learn what is committed.
const REPLICA_PATIENCE: Duration = Duration::from_secs(1);
/// How long the leader is then asked before the replica is tried again.
const REPLICA_REST: Duration = Duration::from_secs(5);

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The epoch of the leader that placed it.
    pub epoch: Epoch,
    /// The record: its offset, time, key, value and headers.
    pub record: Record,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A record.
    Record(ConsumedRecord),
    /// These offsets are gone from the log, and were not read ([`Trimmed::GoOn`]).
    Skipped {
        /// The first of them.
        from: Offset,
        /// The first that is there.
        to: Offset,
    },
}

/// Why nothing came. The position has not moved: asking again goes on there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// The next records were trimmed away.
    #[error("the log begins at {start} by now; what is next, at {position}, is gone")]
    Trimmed {
        /// What would have been next.
        position: Offset,
        /// The first offset there is.
        start: Offset,
    },
    /// Nobody has served for as long as was to be waited. When the position is said to be out of range all the while, it
    /// lies beyond what is committed: it was wrong, or what was committed is lost.
    #[error("not served for {patience:?}: {last}")]
    Unserved {
        /// For how long.
        patience: Duration,
        /// What was heard last.
        last: ReadError,
    },
}

/// Reads one partition. [`Consumer::next`] may be dropped and called again: nothing is lost.
pub struct Consumer {
    clock: Clock,
    leader: Arc<dyn Partition>,
    config: ConsumerConfig,
    /// The next offset; unknown until the leader has said where the log ends.
    position: Option<Offset>,
    origin: Origin,
    chunk: Chunk,
    doing: Doing,
    /// Since when nothing was served that is sound.
    failing: Option<Moment>,
    /// Until when the leader is asked in the chosen replica's place.
    replica_rests: Moment,
}

/// What is on its way.
enum Doing {
    Nothing,
    Pause(BoxFuture<'static, ()>),
    Tail(BoxFuture<'static, Result<Tail, ReadError>>),
    Read { from: Offset, read: BoxFuture<'static, Result<Fetched, ReadError>> },
}

impl Consumer {
    /// A consumer of what `leader` speaks for, mostly a [`LeaderClient`](super::leader::LeaderClient).
    #[must_use]
    pub fn new(clock: &Clock, leader: Arc<dyn Partition>, config: ConsumerConfig) -> Self {
        let (position, origin) = match config.start {
            Start::Earliest => (Some(Offset::ZERO), Origin::Earliest),
            Start::Latest => (None, Origin::Given),
            Start::At(offset) => (Some(offset), Origin::Given),
        };
        let mut consumer = Self {
            clock: clock.clone(),
            leader,
            config,
            position,
            origin,
            chunk: Chunk::empty(),
            doing: Doing::Nothing,
            failing: None,
            replica_rests: Moment::default(),
        };
        // The end of the log is what it is now, not when somebody first asks for a record.
        consumer.begin();
        consumer
    }

    /// The offset that comes next, once it is known.
    #[must_use]
    pub fn position(&self) -> Option<Offset> {
        self.position
    }

    /// Goes on at this offset.
    pub fn seek(&mut self, position: Offset) {
        (self.position, self.origin) = (Some(position), Origin::Given);
        (self.chunk, self.doing, self.failing) = (Chunk::empty(), Doing::Nothing, None);
    }

    /// The next record; waits until there is one.
    ///
    /// # Errors
    /// [`ConsumeError`]; asking again goes on where it was.
    pub async fn next(&mut self) -> Result<Polled, ConsumeError> {
        loop {
            if let Some(position) = &mut self.position {
                let (before, taken) = (*position, self.chunk.next(position));
                if before < *position {
                    self.failing = None;
                }
                match taken {
                    Ok(Some(record)) => {
                        self.origin = Origin::Given;
                        return Ok(Polled::Record(record));
                    }
                    Ok(None) => {}
                    Err(damaged) => {
                        // What was to follow it begins behind it.
                        (self.chunk, self.doing) = (Chunk::empty(), Doing::Nothing);
                        self.failed(damaged)?;
                    }
                }
            }
            match &mut self.doing {
                Doing::Nothing => self.begin(),
                Doing::Pause(pause) => {
                    pause.await;
                    self.doing = Doing::Nothing;
                }
                Doing::Tail(tail) => {
                    let outcome = tail.await;
                    self.doing = Doing::Nothing;
                    match outcome {
                        Ok(tail) => (self.position, self.failing) = (Some(tail.offset), None),
                        Err(error) => drop(self.failed(error)?),
                    }
                }
                Doing::Read { from, read } => {
                    let (from, outcome) = (Some(*from), read.await);
                    self.doing = Doing::Nothing;
                    match outcome {
                        // What was asked for ahead is not what comes next: the headers that said so were wrong.
                        _ if from != self.position => {}
                        Ok(fetched) => self.served(&fetched),
                        Err(error) => {
                            if let Some(skipped) = self.failed(error)? {
                                return Ok(skipped);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Asks for what comes at the position.
    fn begin(&mut self) {
        self.doing = match self.position {
            Some(position) => self.read_from(position),
            None => Doing::Tail(self.leader.tail(self.config.wait)),
        };
    }

    fn read_from(&self, from: Offset) -> Doing {
        let (whom, isolation) = match &self.config.source {
            Source::Leader(isolation) => (&self.leader, *isolation),
            Source::Replica(replica) if self.clock.now() >= self.replica_rests => {
                (replica, Isolation::Committed)
            }
            Source::Replica(_) => (&self.leader, Isolation::Committed),
        };
        let read = Read { from, max_bytes: self.config.fetch, isolation, wait: self.config.wait };
        Doing::Read { from, read: whom.read(read) }
    }

    /// Takes what came, and asks for what follows it while that is being worked on.
    fn served(&mut self, fetched: &Fetched) {
        if fetched.batches.is_empty() {
            self.failing = None;
        }
        self.chunk = Chunk::of(&fetched.batches);
        // Bytes that are no batches are found out when they are taken apart.
        if let Ok(Some(end)) = fetched.batches.end() {
            self.doing = self.read_from(end);
        }
    }

    /// Was not served: says what is missed, fails, or is to be asked again after a pause.
    fn failed(&mut self, error: ReadError) -> Result<Option<Polled>, ConsumeError> {
        let now = self.clock.now();
        match policy::after(&error, self.origin, self.config.trimmed) {
            Next::Begin(start) => self.position = Some(start),
            Next::Skip(to) => {
                let from = self.position.replace(to).unwrap_or(to);
                return Ok(Some(Polled::Skipped { from, to }));
            }
            Next::Fail(error) => return Err(error),
            Next::Again => {
                let lasted = now.since(*self.failing.get_or_insert(now));
                if matches!(self.config.source, Source::Replica(_))
                    && now >= self.replica_rests
                    && lasted >= REPLICA_PATIENCE
                {
                    self.replica_rests = now.after(REPLICA_REST);
                }
                if lasted >= self.config.patience {
                    self.failing = None;
                    return Err(ConsumeError::Unserved { patience: self.config.patience, last: error });
                }
                self.doing = Doing::Pause(self.clock.sleep(PAUSE).boxed());
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer at {:?} of {:?}", self.position, self.leader)
    }
}
