//! A metadata partition in memory whose leadership the test moves, and whose answers it loses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::clock::Clock;
use partition::error::{AppendError, Doubt, ReadError, Refusal};
use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::{Append, Appended, Fetched, Partition, Placement, Read, Role, Status, Tail};
use partition::record::{Batch, Batches};
use tokio::sync::Notify;

/// How long a commit takes.
const COMMIT_TIME: Duration = Duration::from_millis(1);

/// The log that all seats share.
#[derive(Clone)]
pub(crate) struct Metadata(Arc<Shared>);

struct Shared {
    clock: Clock,
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Default)]
struct State {
    batches: BTreeMap<Offset, Batch>,
    start: Offset,
    end: Offset,
    leader: Option<NodeId>,
    epoch: Epoch,
    lost_answers: u32,
}

/// One node's replica of it; a node that never leads stands for a client.
#[derive(Clone)]
struct Seat {
    node: NodeId,
    shared: Arc<Shared>,
}

impl Metadata {
    pub(crate) fn new(clock: &Clock) -> Self {
        let (state, grown) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { clock: clock.clone(), state, grown }))
    }

    pub(crate) fn seat(&self, node: NodeId) -> Arc<dyn Partition> {
        Arc::new(Seat { node, shared: Arc::clone(&self.0) })
    }

    /// From now on this node's replica leads.
    pub(crate) fn moves_to(&self, leader: NodeId) {
        let mut state = self.0.state();
        (state.leader, state.epoch) = (Some(leader), state.epoch.next());
    }

    /// All below it is gone, as it must never be (H-15).
    pub(crate) fn loses_all_below(&self, start: Offset) {
        self.0.state().start = start;
    }

    /// The next batch is appended, but whoever appends it is not told so.
    pub(crate) fn loses_the_next_answer(&self) {
        self.0.state().lost_answers += 1;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl Seat {
    fn available(&self, from: Offset) -> Fetched {
        let state = self.shared.state();
        let mut bytes = bytes::BytesMut::new();
        for batch in state.batches.values().filter(|batch| batch.next_offset() > from) {
            bytes.extend_from_slice(batch.bytes());
        }
        let batches = Batches::unverified(bytes.freeze());
        Fetched { batches, log_start: Offset::ZERO, high_watermark: state.end }
    }
}

impl Partition for Seat {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let mut state = self.shared.state();
        if state.leader != Some(self.node) {
            return future::ready(Err(Refusal::NotLeader { leader: state.leader }.into())).boxed();
        }
        let placement = Placement { base: state.end, epoch: state.epoch };
        let batch = append.batch.placed(placement.base, placement.epoch);
        state.end = batch.next_offset();
        state.batches.insert(placement.base, batch);
        let lost = state.lost_answers > 0;
        state.lost_answers = state.lost_answers.saturating_sub(1);
        self.shared.grown.notify_waiters();
        let clock = self.shared.clock.clone();
        async move {
            clock.sleep(COMMIT_TIME).await;
            if lost { Err(Doubt::Timeout.into()) } else { Ok(Appended::Placed(placement)) }
        }
        .boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        let State { start, end, .. } = *self.shared.state();
        if read.from < start {
            return future::ready(Err(ReadError::OutOfRange { asked: read.from, start, end })).boxed();
        }
        let seat = self.clone();
        async move {
            let clock = seat.shared.clock.clone();
            let data = async {
                loop {
                    let grown = seat.shared.grown.notified();
                    let fetched = seat.available(read.from);
                    if !fetched.batches.is_empty() {
                        return fetched;
                    }
                    grown.await;
                }
            };
            Ok(clock.timeout(read.wait, data).await.unwrap_or_else(|_| seat.available(read.from)))
        }
        .boxed()
    }

    fn tail(&self, _: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let state = self.shared.state();
        future::ready(Ok(Tail { offset: state.end, epoch: state.epoch })).boxed()
    }

    fn trim(&self, _: Offset, _: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        future::ready(Ok(Offset::ZERO)).boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        let state = self.shared.state();
        let role = if state.leader == Some(self.node) { Role::Leader } else { Role::Follower };
        let status = Status {
            node: self.node,
            role,
            leader: state.leader,
            epoch: state.epoch,
            log_start: Offset::ZERO,
            high_watermark: state.end,
            stored: state.end,
            log_end: state.end,
            replicas: Vec::new(),
            members: Vec::new(),
        };
        future::ready(Ok(status)).boxed()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({})", self.node)
    }
}
