//! The replica as a partition: appends go to raft, reads go to the log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use openraft::ServerState;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, LinearizableReadError, RaftError};
use openraft::raft::linearizable_read::LinearizerOption;
use partition::clock::Moment;
use partition::error::{AppendError, Doubt, ReadError, Refusal};
use partition::ids::{ByteSize, Offset, Ordinal};
use partition::log::{CacheRead, LogError};
use partition::partition::{Acks, Append, Appended, Fetched, Isolation, Partition, Read, Role, Status, Tail};
use partition::record::Batches;
use tokio::sync::{Notify, oneshot};

use crate::door::Leadership;
use crate::mutant::Mutant;
use crate::network::service::submitted;
use crate::raft::{Proposal, Raft, Types, epoch_of, leader, node_of};
use crate::replica::{Entered, Extent, Handed, Outcome, Replica};
use crate::runtime::Home;

/// One replica, for its clients.
#[derive(Clone)]
pub(crate) struct QuorumPartition {
    home: Home,
    replica: Arc<Replica>,
    raft: Raft,
    /// How it proves that it leads.
    proof: LinearizerOption,
}

impl QuorumPartition {
    pub(crate) fn new(home: Home, replica: Arc<Replica>, raft: Raft, proof: LinearizerOption) -> Self {
        Self { home, replica, raft, proof }
    }

    /// Gives a proposal to raft, now.
    fn propose(&self, proposal: Proposal, epoch: partition::ids::Epoch, handed: &Handed) {
        let write = self.raft.write(proposal).with_leader(leader(epoch)).into_future();
        // Sent at once, or its queue is full or closed: then the proposal is dropped here, and its ticket says so.
        self.home.enter(|| drop(submitted(write)));
        handed.over();
    }

    async fn answer(&self, outcome: oneshot::Receiver<Outcome>, timeout: Duration) -> Outcome {
        match self.replica.clock.timeout(timeout, outcome).await {
            Ok(Ok(outcome)) => outcome,
            // Whoever holds a claim answers it; this one was lost with its replica.
            Ok(Err(_)) => Err(Doubt::Stopped("the replica is gone".into()).into()),
            Err(_) if self.replica.mutated.breaks(Mutant::CallUnknownRefused) => {
                Err(Refusal::Overloaded.into())
            }
            Err(_) => Err(Doubt::Timeout.into()),
        }
    }

    /// Asks again until no earlier batch of the same producer is on its way into the log.
    async fn enter_later(self, mut append: Append) -> Outcome {
        let acks = append.acks;
        let deadline = self.replica.clock.now().after(append.timeout);
        loop {
            let mut arrived = std::pin::pin!(self.replica.arrived.notified());
            arrived.as_mut().enable();
            append.timeout = deadline.since(self.replica.clock.now());
            let timeout = append.timeout;
            append = match self.replica.enter(append) {
                Entered::AskAgain(append) => append,
                entered => return self.entered(entered, acks, timeout).await,
            };
            if self.replica.clock.timeout(timeout, arrived).await.is_err() {
                // It was not even proposed.
                return Err(Refusal::Overloaded.into());
            }
        }
    }

    fn entered(&self, entered: Entered, acks: Acks, timeout: Duration) -> BoxFuture<'static, Outcome> {
        let outcome = match entered {
            Entered::Decided(outcome) => return future::ready(outcome).boxed(),
            Entered::AskAgain(append) => return self.clone().enter_later(append).boxed(),
            Entered::Await(outcome) => outcome,
            Entered::Propose { proposal, epoch, handed, outcome } => {
                self.propose(proposal, epoch, &handed);
                outcome
            }
        };
        if acks == Acks::Nobody {
            return future::ready(Ok(Appended::Unplaced)).boxed();
        }
        let this = self.clone();
        async move { this.answer(outcome, timeout).await }.boxed()
    }

    /// Proves that this replica leads: returns when all that was committed before the call is committed here.
    async fn linearize(&self) -> Result<Tail, ReadError> {
        let Leadership::Leads { epoch } = self.replica.leadership() else {
            return Err(self.not_leader());
        };
        if self.replica.mutated.breaks(Mutant::ReadWithoutProof) {
            return Ok(Tail { offset: self.extent()?.high, epoch });
        }
        let read = match self.raft.get_read_linearizer(self.proof.clone()).await {
            Ok(read) => Ordinal(read.read_log_id().index()),
            Err(RaftError::Fatal(fatal)) => return Err(ReadError::Stopped(fatal.to_string())),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => {
                return Err(ReadError::NotLeader { leader: to.leader_id.map(node_of) });
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => {
                return Err(ReadError::NotAvailable);
            }
        };
        loop {
            let mut moved = std::pin::pin!(self.replica.committed.notified());
            moved.as_mut().enable();
            let high = self.extent()?.high;
            if self.replica.with_watermark(|watermark| watermark.committed() > read) {
                return Ok(Tail { offset: high, epoch });
            }
            moved.await;
        }
    }

    fn not_leader(&self) -> ReadError {
        match self.replica.leadership() {
            Leadership::Follows { leader } => ReadError::NotLeader { leader },
            Leadership::Elected { .. } | Leadership::Leads { .. } => ReadError::NotAvailable,
        }
    }

    fn extent(&self) -> Result<Extent, ReadError> {
        self.replica.extent().map_err(ReadError::Stopped)
    }

    async fn within<T>(
        &self,
        deadline: Moment,
        work: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let left = deadline.since(self.replica.clock.now());
        self.replica.clock.timeout(left, work).await.unwrap_or(Err(ReadError::Timeout))
    }

    async fn fetch(&self, read: Read) -> Result<Fetched, ReadError> {
        let deadline = self.replica.clock.now().after(read.wait);
        let (moves, limit): (&Notify, fn(&Extent) -> Offset) = match read.isolation {
            Isolation::Uncommitted => (&self.replica.appended, |extent| extent.end),
            Isolation::Committed => (&self.replica.committed, |extent| extent.high),
            Isolation::Linearizable => {
                self.linearize().await?;
                (&self.replica.committed, |extent| extent.high)
            }
        };
        loop {
            let mut moved = std::pin::pin!(moves.notified());
            moved.as_mut().enable();
            let extent = self.extent()?;
            let (asked, start, end) = (read.from, extent.start, limit(&extent));
            if asked > extent.end && matches!(self.replica.leadership(), Leadership::Follows { .. }) {
                // The leader may have it, and this replica soon.
                return Err(ReadError::NotAvailable);
            }
            if asked < start || asked > extent.end {
                return Err(ReadError::OutOfRange { asked, start, end });
            }
            if asked < end {
                let batches = self.read_log(asked, end, read.max_bytes).await?;
                return Ok(Fetched { batches, log_start: start, high_watermark: extent.high });
            }
            let left = deadline.since(self.replica.clock.now());
            if left.is_zero() || self.replica.clock.timeout(left, moved).await.is_err() {
                return Ok(Fetched::empty(start, extent.high));
            }
        }
    }

    async fn read_log(&self, from: Offset, until: Offset, max_bytes: ByteSize) -> Result<Batches, ReadError> {
        let reader = self.replica.reader();
        let read = match reader.read_cached(from, until, max_bytes) {
            Ok(CacheRead::Hit(batches)) => Ok(batches),
            Ok(CacheRead::Miss) => reader.read(from, until, max_bytes).await,
            Err(error) => Err(error),
        };
        read.map_err(|error| match error {
            LogError::OutOfRange { asked, start, end } => ReadError::OutOfRange { asked, start, end },
            LogError::Damaged { at, what } => ReadError::Damaged { at, what },
            other => ReadError::Stopped(other.to_string()),
        })
    }
}

/// What openraft says to a trim that it does not take.
fn trim_refused(error: RaftError<Types, ClientWriteError<Types>>) -> ReadError {
    match error {
        RaftError::Fatal(fatal) => ReadError::Stopped(fatal.to_string()),
        RaftError::APIError(
            ClientWriteError::ForwardToLeader(to) | ClientWriteError::LogEntryDiscarded(to),
        ) => ReadError::NotLeader { leader: to.leader_id.map(node_of) },
        RaftError::APIError(other) => ReadError::Stopped(other.to_string()),
    }
}

impl Partition for QuorumPartition {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let (acks, timeout) = (append.acks, append.timeout);
        let entered = self.replica.enter(append);
        self.entered(entered, acks, timeout)
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        let this = self.clone();
        self.home.scope(async move { this.fetch(read).await }).boxed()
    }

    fn tail(&self, timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let this = self.clone();
        let deadline = self.replica.clock.now().after(timeout);
        self.home.scope(async move { this.within(deadline, this.linearize()).await }).boxed()
    }

    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        let (start, end) = match self.extent() {
            Ok(extent) => (extent.start, extent.high),
            Err(error) => return future::ready(Err(error)).boxed(),
        };
        if !matches!(self.replica.leadership(), Leadership::Leads { .. }) {
            return future::ready(Err(self.not_leader())).boxed();
        }
        if to > end {
            return future::ready(Err(ReadError::OutOfRange { asked: to, start, end })).boxed();
        }
        if to <= start {
            return future::ready(Ok(start)).boxed();
        }
        let raft = self.raft.clone();
        let deadline = self.replica.clock.now().after(timeout);
        let write = Box::pin(async move { raft.client_write(Proposal::Trim(to)).await });
        let applied = self.home.enter(|| submitted(write));
        let this = self.clone();
        let trimmed = async move {
            let applied =
                applied.map(|applied| applied.map(|response| response.data.0).map_err(trim_refused));
            this.within(deadline, applied).await
        };
        self.home.scope(trimmed).boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        let extent = match self.extent() {
            Ok(extent) => extent,
            Err(error) => return future::ready(Err(error)).boxed(),
        };
        let metrics = self.raft.server_metrics();
        let now = metrics.borrow_watched();
        let status = Status {
            node: self.replica.node,
            role: match now.state {
                ServerState::Leader => Role::Leader,
                ServerState::Follower => Role::Follower,
                ServerState::Candidate => Role::Candidate,
                ServerState::Learner | ServerState::Shutdown => Role::Idle,
            },
            leader: now.current_leader.map(node_of),
            epoch: epoch_of(now.vote.leader_id.term),
            log_start: extent.start,
            high_watermark: extent.high,
            stored: extent.stored,
            log_end: extent.end,
            replicas: now.membership_config.membership().nodes().map(|(node, _)| node_of(*node)).collect(),
            members: now.membership_config.membership().voter_ids().map(node_of).collect(),
        };
        future::ready(Ok(status)).boxed()
    }
}

impl fmt::Debug for QuorumPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuorumPartition(node {})", self.replica.node)
    }
}
