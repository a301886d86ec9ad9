//! Sends records to a partition: gathers them into batches, has several on their way, and keeps their order.
//!
//! ```text
//!   send ─> room in the buffer? ─> Gatherer ──── full, or lingered ────> Window ─> attempt ─> Partition
//!   (waits, or try_send: an error)  open batch, full ones                 up to 5, in sequence   │
//!                                                  Receipt: offset, or error <── Verdict <── answer
//! ```
//! **What is promised.** With [`Repeats::Once`] (the default) a record that was delivered lies in the log once, and those
//! of one producer lie in the order in which they were sent. One that failed with [`SendError::NotAppended`] is not there
//! and will not be. One that failed with [`SendError::Unknown`] lies there once, in its place, or not at all; and once
//! anything that was sent later is delivered, that is settled, for the later one is of a newer epoch, which fences it.
//!
//! **How.** A batch has its place in the sequence from when it is first sent. One that is refused, or whose answer does not
//! come, is sent again with the stamp it had, and those behind it after it; a leader that has it already says where. What
//! cannot be delivered in time leaves a hole, and the producer begins a new epoch, as KIP-360 does, with this
//! difference: what may be in a log is not stamped anew, for it could then lie there twice. It fails instead.
//!
//! With `acks` of [`Acks::Leader`](crate::partition::Acks::Leader) the same holds as long as no leader fails; a delivered
//! record may then be gone (C8).
//!
//! Left out: transactions; splitting a batch that the partition finds too large; more than one partition, and so keys
//! that choose one.

mod config;
mod error;
mod gather;
mod identity;
mod sender;
mod verdict;
mod window;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub use config::{BUFFER_MAX, ConfigError, InFlight, ProducerConfig, Repeats};
pub use error::{Failure, SendError, SubmitError};
pub use gather::NewRecord;

use crate::clock::Clock;
use crate::ids::{ByteSize, Epoch, Offset};
use crate::partition::Partition;
use crate::record::BATCH_SIZE_MAX;
use crate::world::{Random, World};

use identity::Identity;
use sender::{Order, Sender, Waiter};
use window::Window;

/// The largest record: with what a batch adds, and what packing may add when it fails to make it smaller.
const RECORD_SIZE_MAX: ByteSize = ByteSize(BATCH_SIZE_MAX.0 - ByteSize::kib(64).0);

/// A record that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Here.
    At {
        /// Its place.
        offset: Offset,
        /// The epoch of the leader that placed it.
        epoch: Epoch,
    },
    /// It is on its way, and nothing will be heard of it ([`Acks::Nobody`](crate::partition::Acks::Nobody)).
    Unheard,
}

impl Delivered {
    /// Where it lies, if that was asked.
    #[must_use]
    pub fn offset(self) -> Option<Offset> {
        match self {
            Self::At { offset, .. } => Some(offset),
            Self::Unheard => None,
        }
    }
}

/// What becomes of a record.
pub type Fate = Result<Delivered, SendError>;

/// Resolves with what became of a record. Dropping it does not take the record back.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Fate>);

impl Future for Receipt {
    type Output = Fate;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fate> {
        // Without an answer the producer's node has stopped, and it may have been sent.
        let stopped = |_| Err(SendError::Unknown(Failure::Stopped));
        Pin::new(&mut self.0).poll(cx).map(|fate| fate.unwrap_or_else(stopped))
    }
}

/// Sends records to one partition. Dropped, it still delivers what it was given.
pub struct Producer {
    orders: mpsc::UnboundedSender<Order>,
    room: Arc<Semaphore>,
    clock: Clock,
    buffer: ByteSize,
    room_wait: Duration,
}

impl Producer {
    /// A producer for `partition`, mostly a [`LeaderClient`](super::leader::LeaderClient), working as one of this world's tasks.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot work like that.
    pub fn start(
        world: &World,
        partition: Arc<dyn Partition>,
        config: &ProducerConfig,
    ) -> Result<Self, ConfigError> {
        let (producer, work) = Self::with_work(&world.clock, &world.random, partition, config)?;
        world.tasks.spawn(work);
        Ok(producer)
    }

    /// A producer, and its work, which the caller has to poll until it ends: after the producer is gone and all that it was
    /// given is settled.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot work like that.
    pub fn with_work(
        clock: &Clock,
        random: &Random,
        partition: Arc<dyn Partition>,
        config: &ProducerConfig,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), ConfigError> {
        config.check()?;
        let identity = match config.repeats {
            _ if !Window::<Waiter>::stamps(config.acks, config.repeats) => None,
            Repeats::OnceAs(id, epoch) => Some(Identity::new(id, epoch)),
            Repeats::Once | Repeats::AtLeastOnce | Repeats::AtMostOnce => Some(Identity::by_chance(random)),
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let sender = Sender::new(clock, partition, config, identity, inbox);
        let producer = Self {
            orders,
            room: Arc::new(Semaphore::new(config.buffer.as_len())),
            clock: clock.clone(),
            buffer: config.buffer,
            room_wait: config.room_wait,
        };
        Ok((producer, sender.run()))
    }

    /// Sends a record, after it has waited for room in the buffer: whoever sends more than the partition takes waits
    /// here. Records are sent in the order in which they find room, which is the order of calls.
    ///
    /// # Errors
    /// [`SubmitError`]: the record was not taken.
    pub async fn send(&self, record: NewRecord) -> Result<Receipt, SubmitError> {
        let room = Arc::clone(&self.room).acquire_many_owned(self.room_for(&record)?);
        let waited = self.clock.timeout(self.room_wait, room).await;
        let room = waited.map_err(|_| SubmitError::NoRoom { buffer: self.buffer })?;
        self.submit(record, room.map_err(|_| SubmitError::Closed)?)
    }

    /// Sends a record now, or not at all.
    ///
    /// # Errors
    /// [`SubmitError`]: the record was not taken.
    pub fn try_send(&self, record: NewRecord) -> Result<Receipt, SubmitError> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(self.room_for(&record)?);
        self.submit(record, room.map_err(|_| SubmitError::NoRoom { buffer: self.buffer })?)
    }

    fn room_for(&self, record: &NewRecord) -> Result<u32, SubmitError> {
        let (size, limit) = (record.size(), RECORD_SIZE_MAX.min(self.buffer));
        let too_large = SubmitError::TooLarge { size, limit };
        if size > limit { Err(too_large) } else { u32::try_from(size.0).map_err(|_| too_large) }
    }

    fn submit(&self, record: NewRecord, room: OwnedSemaphorePermit) -> Result<Receipt, SubmitError> {
        let (answer, receipt) = oneshot::channel();
        let order = Order::Send { record, waiter: Waiter { answer, room } };
        self.orders.send(order).map_err(|_| SubmitError::Closed)?;
        Ok(Receipt(receipt))
    }

    /// Lets nothing linger that was sent before, and waits until the fate of all of it is known.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Flush { done }).is_ok() {
            // When the node has stopped, there is nothing to wait for.
            let _ = is_done.await;
        }
    }

    /// Delivers what was sent before, and ends.
    pub async fn close(self) {
        self.flush().await;
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Producer({} of {} bytes free)", self.room.available_permits(), self.buffer)
    }
}
