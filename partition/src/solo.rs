//! A partition of one replica: the model for tests, and the worked example of a third implementation.
//!
//! # How to read it
//!
//! An implementation of [`Partition`] answers three questions: who may append, when an append is acknowledged, and what
//! a reader may see. With one replica the answers are short, which leaves the parts that every implementation has:
//!
//! 1. **The door** ([`Solo`], this file). Calls come from many tasks. A write is handed to the replica's task when the
//!    method is *called*: the queue is what makes the order of calls the order of appends. Reads do not queue; they look
//!    at the extent that the replica's task publishes, and read the log beside its writer.
//! 2. **The replica** (`replica`). One task owns the log's front, and reacts to two kinds of events: orders from the
//!    door, and what the log's writer reports. Nothing is acknowledged because it *was done*, only because an event says
//!    that it *is stored*. Appends, duplicates and trims wait in queues for the event that completes them.
//! 3. **Starting** ([`Solo::start`]). A leader's epoch ends with its process (H-01): each start raises the epoch, syncs
//!    it, and only then takes appends. What the log recovered is committed here, since one replica is all there are.
//!
//! What replication adds to this: the high watermark is no longer "what I have stored", but a question to others; the log
//! may have to be cut, since others may know better; and leading is something that is gained and lost while running.

mod cluster;
mod extent;
mod replica;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use tokio::sync::{mpsc, oneshot};

pub use cluster::{SimulatedSolo, SocketSolo};

use self::extent::{Extents, Visible};
use self::replica::{Order, Replica};
use crate::clock::Clock;
use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{Epoch, NodeId, Offset};
use crate::log::{Log, LogConfig, LogError, LogReader};
use crate::meta::{MetaError, TwoSlotFile};
use crate::partition::{Acks, Append, Appended, Fetched, Isolation, Partition, Read, Role, Status, Tail};
use crate::world::World;

/// One replica that leads as long as it runs. It ends with the last clone, or with its node.
#[derive(Clone)]
pub struct Solo {
    node: NodeId,
    epoch: Epoch,
    clock: Clock,
    orders: mpsc::UnboundedSender<Order>,
    extents: Arc<Extents>,
    reader: LogReader,
}

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The epoch cannot be kept.
    #[error(transparent)]
    Meta(#[from] MetaError),
}

impl Solo {
    /// Starts the replica on the log in `dir`, in a new epoch.
    ///
    /// # Errors
    /// [`StartError`] when the disk fails, or the log is damaged.
    pub async fn start(
        world: &World,
        node: NodeId,
        dir: &Path,
        config: LogConfig,
    ) -> Result<Self, StartError> {
        let (report, events) = mpsc::unbounded_channel();
        let log = Log::open(world, dir, config.clone(), report).await?;
        let mut file = TwoSlotFile::<Epoch>::open(world, &dir.join("epoch")).await?;
        // The log may know a newer epoch than a lost file does.
        let newest = file.get().copied().max(log.epochs().latest()).unwrap_or_default();
        let epoch = newest.next();
        file.store(epoch).await?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let extents = Arc::new(Extents::new(&log));
        let reader = log.reader();
        let replica = Replica::new(log, epoch, config, Arc::clone(&extents));
        world.tasks.spawn(replica.run(inbox, events));
        Ok(Self { node, epoch, clock: world.clock.clone(), orders, extents, reader })
    }

    /// Ends the replica in order, after what was asked of it before. Other clones find it stopped.
    pub async fn stop(&self) {
        let (done, outcome) = oneshot::channel();
        if let Some(outcome) = self.order(Order::Stop { done }, outcome) {
            // An error means that it has ended already, which is as good.
            let _ = outcome.await;
        }
    }

    fn order<T>(&self, order: Order, outcome: oneshot::Receiver<T>) -> Option<oneshot::Receiver<T>> {
        self.orders.send(order).ok().map(|()| outcome)
    }

    async fn fetch(self, read: Read) -> Result<Fetched, ReadError> {
        let deadline = self.clock.now().after(read.wait);
        loop {
            // Subscribed before the look, so that no move is missed between the two.
            let moved = self.extents.moved();
            let Visible { start, high, end } = self.extents.now()?;
            let limit = match read.isolation {
                Isolation::Uncommitted => end,
                // With one replica, knowing what is committed and having it stored are the same.
                Isolation::Committed | Isolation::Linearizable => high,
            };
            if read.from < start || read.from > limit {
                return Err(ReadError::OutOfRange { asked: read.from, start, end: limit });
            }
            if read.from < limit {
                let batches = self.reader.read(read.from, limit, read.max_bytes).await;
                let batches = batches.map_err(|error| read_error(&error))?;
                if !batches.is_empty() {
                    return Ok(Fetched { batches, log_start: start, high_watermark: high });
                }
            }
            let left = deadline.since(self.clock.now());
            if left.is_zero() || self.clock.timeout(left, moved).await.is_err() {
                return Ok(Fetched::empty(start, high));
            }
        }
    }
}

impl Partition for Solo {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let Append { batch, acks, timeout } = append;
        let (answer, outcome) = oneshot::channel();
        let Some(outcome) = self.order(Order::Append { batch, answer }, outcome) else {
            return future::ready(Err(Refusal::Stopped(STOPPED.to_owned()).into())).boxed();
        };
        let clock = self.clock.clone();
        async move {
            match clock.timeout(timeout, outcome).await {
                Ok(Ok(Ok(placement))) if acks == Acks::Nobody => Ok(unplaced(placement)),
                Ok(Ok(outcome)) => outcome.map(Appended::Placed),
                Ok(Err(_)) => Err(Doubt::Stopped(STOPPED.to_owned()).into()),
                Err(_) => Err(Doubt::Timeout.into()),
            }
        }
        .boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        self.clone().fetch(read).boxed()
    }

    fn tail(&self, _timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let tail = self.extents.now().map(|visible| Tail { offset: visible.high, epoch: self.epoch });
        future::ready(tail).boxed()
    }

    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        let (answer, outcome) = oneshot::channel();
        let Some(outcome) = self.order(Order::Trim { to, answer }, outcome) else {
            return future::ready(Err(ReadError::Stopped(STOPPED.to_owned()))).boxed();
        };
        let clock = self.clock.clone();
        async move {
            match clock.timeout(timeout, outcome).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(ReadError::Stopped(STOPPED.to_owned())),
                Err(_) => Err(ReadError::Timeout),
            }
        }
        .boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        let status = self.extents.now().map(|visible| Status {
            node: self.node,
            role: Role::Leader,
            leader: Some(self.node),
            epoch: self.epoch,
            log_start: visible.start,
            high_watermark: visible.high,
            stored: visible.high,
            log_end: visible.end,
            replicas: vec![self.node],
            members: vec![self.node],
        });
        future::ready(status).boxed()
    }
}

/// `Nobody` is told nothing, although here it would be known.
fn unplaced(_: crate::partition::Placement) -> Appended {
    Appended::Unplaced
}

const STOPPED: &str = "its task has ended";

fn read_error(error: &LogError) -> ReadError {
    match error {
        LogError::OutOfRange { asked, start, end } => {
            ReadError::OutOfRange { asked: *asked, start: *start, end: *end }
        }
        LogError::Damaged { at, what } => ReadError::Damaged { at: *at, what: what.clone() },
        LogError::Poisoned(_)
        | LogError::Overloaded
        | LogError::NoSpace(_)
        | LogError::TooLarge(_)
        | LogError::Gap { .. }
        | LogError::Batch(_)
        | LogError::Disk(_) => ReadError::Stopped(error.to_string()),
    }
}

impl fmt::Debug for Solo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "solo replica {} in epoch {}", self.node, self.epoch)
    }
}

#[cfg(test)]
mod tests;
