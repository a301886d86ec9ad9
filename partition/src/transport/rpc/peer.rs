//! The caller's end of a connection: a handle that many may share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{self, BoxFuture};
use tokio::sync::{Notify, mpsc, oneshot};

use super::CallError;
use super::driver::Driver;
use crate::clock::{Clock, Moment};
use crate::ids::{ByteSize, PartitionId};
use crate::transport::{Address, FRAME_SIZE_MAX, Reply, Request};
use crate::world::World;

/// Calls of one peer that are not answered yet: beyond it the caller is told to slow down.
const CALLS_MAX: usize = 16 * 1024;
/// Their bytes: as much as a log lets wait for its writer.
const BYTES_MAX: ByteSize = ByteSize::mib(64);
/// What a request takes in a frame beside its message and body, generously.
const ENVELOPE_SIZE_MAX: usize = 1024;

/// A node to call: connects when first needed, and again (with backoff) after the connection was lost.
#[derive(Clone)]
pub struct Peer(Arc<Inner>);

struct Inner {
    address: Address,
    clock: Clock,
    orders: mpsc::UnboundedSender<Order>,
    shared: Arc<Shared>,
}

/// What handle and driver both look at.
#[derive(Debug, Default)]
pub(super) struct Shared {
    calls: AtomicUsize,
    bytes: AtomicU64,
    losses: AtomicU64,
    down: AtomicBool,
    hurry: Notify,
}

impl Shared {
    /// A connection is there.
    pub(super) fn connected(&self) {
        self.down.store(false, Ordering::Relaxed);
    }

    /// Resolves when somebody knows better than to wait.
    pub(super) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// A connection was lost, or could not be made.
    pub(super) fn lost(&self) {
        self.down.store(true, Ordering::Relaxed);
        self.losses.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the driver is asked to do.
pub(super) enum Order {
    Send(Outgoing),
    /// Somebody has noticed that there is no connection, and wants one.
    Connect,
    /// What was not written yet of this partition's requests is not to be sent; then `done`.
    Withdraw {
        partition: PartitionId,
        done: oneshot::Sender<()>,
    },
}

/// One request on its way.
pub(super) struct Outgoing {
    pub(super) request: Request,
    pub(super) submitted: Moment,
    /// Who waits for the reply, and until when; nobody when there is none.
    pub(super) waiter: Option<Waiter>,
    /// Room it takes until it is dealt with.
    pub(super) claim: Claim,
}

pub(super) struct Waiter {
    pub(super) deadline: Moment,
    pub(super) answer: oneshot::Sender<Result<Reply, CallError>>,
}

impl Waiter {
    /// Tells the caller; one who has gone away does not hear it.
    pub(super) fn tell(self, outcome: Result<Reply, CallError>) {
        let _ = self.answer.send(outcome);
    }
}

/// A share of what may be outstanding; given back when dropped.
pub(super) struct Claim {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Claim {
    fn new(shared: &Arc<Shared>, bytes: usize) -> Result<Self, CallError> {
        let bytes = bytes as u64;
        let claim = Self { shared: Arc::clone(shared), bytes };
        let calls = shared.calls.fetch_add(1, Ordering::Relaxed);
        let before = shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        // A single request is let through whatever its size; its frame has a limit of its own.
        if calls >= CALLS_MAX || (before > 0 && before + bytes > BYTES_MAX.0) {
            return Err(CallError::Unsent("too much waits for this node".to_owned()));
        }
        Ok(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared.calls.fetch_sub(1, Ordering::Relaxed);
        self.shared.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Peer {
    /// The node at this address.
    #[must_use]
    pub fn new(world: &World, address: Address) -> Self {
        let (orders, inbox) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::default());
        let driver = Driver::new(world, address, inbox, Arc::clone(&shared));
        world.tasks.spawn(driver.run());
        Self(Arc::new(Inner { address, clock: world.clock.clone(), orders, shared }))
    }

    /// Somebody has heard that this node is up: the next attempt to connect does not wait for the backoff to end.
    pub fn hurry(&self) {
        if self.0.shared.down.load(Ordering::Relaxed) {
            self.0.shared.hurry.notify_one();
        }
    }

    /// Where the node is.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.address
    }

    /// How often a connection was lost, or not made: whoever sends without awaiting replies learns from a change
    /// that what he sent may be gone (C7).
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.0.shared.losses.load(Ordering::Relaxed)
    }

    /// Sends a request now (calls are sent in the order they are made), and resolves with the reply.
    pub fn call(&self, request: Request, timeout: Duration) -> BoxFuture<'static, Result<Reply, CallError>> {
        let (answer, reply) = oneshot::channel();
        let deadline = self.0.clock.now().after(timeout);
        match self.submit(request, Some(Waiter { deadline, answer })) {
            Ok(()) => Box::pin(async move {
                reply.await.unwrap_or_else(|_| Err(CallError::Lost("this node has stopped".to_owned())))
            }),
            Err(error) => Box::pin(future::ready(Err(error))),
        }
    }

    /// Sends a request that has no reply.
    ///
    /// # Errors
    /// [`CallError::Unsent`] when there is no connection to send it on (then one is made, for the next), or when too
    /// much waits already.
    pub fn send(&self, request: Request) -> Result<(), CallError> {
        if self.0.shared.down.load(Ordering::Relaxed) {
            // When the node has stopped, nobody connects any more; the caller hears the same.
            let _ = self.0.orders.send(Order::Connect);
            return Err(CallError::Unsent("there is no connection".to_owned()));
        }
        self.submit(request, None)
    }

    /// Takes back what was not written to a connection yet of this partition's requests: before this resolves their callers
    /// are told [`CallError::Unsent`].
    pub async fn withdraw(&self, partition: &PartitionId) {
        let (done, withdrawn) = oneshot::channel();
        let order = Order::Withdraw { partition: partition.clone(), done };
        if self.0.orders.send(order).is_ok() {
            // A driver that has stopped has told all callers, too.
            let _ = withdrawn.await;
        }
    }

    fn submit(&self, request: Request, waiter: Option<Waiter>) -> Result<(), CallError> {
        let size = request.message.len() + request.body.len();
        if size + ENVELOPE_SIZE_MAX > FRAME_SIZE_MAX.as_len() {
            return Err(CallError::Unsent(format!("{size} bytes do not fit a frame")));
        }
        let claim = Claim::new(&self.0.shared, size)?;
        let outgoing = Outgoing { request, submitted: self.0.clock.now(), waiter, claim };
        self.0
            .orders
            .send(Order::Send(outgoing))
            .map_err(|_| CallError::Unsent("this node has stopped".to_owned()))
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer({})", self.0.address)
    }
}
