//! A replica of this broker as a [`Partition`]: each call becomes a message to the task that owns the replica.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::clock::{BootMoment, Clock, Moment};
use partition::error::{AppendError, Doubt, ReadError, Refusal};
use partition::ids::{Offset, PartitionId};
use partition::log::LogError;
use partition::partition::Acks;
use partition::partition::{Append, Appended, Fetched, Partition, Read, Status, Tail};
use partition::record::Batch;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::message::{Confirm, ConfirmReply, Fetch, FetchRefusal, FetchReply, Report};
use crate::metadata::{Incarnation, PartitionState};
use crate::node::Registry;
use crate::replica::{Proposal, ProposalOutcome, Round};

/// Calls of clients that wait for the replica's task: beyond it they are told to slow down.
pub(crate) const CLIENT_CALLS_MAX: usize = 8 * 1024;
/// Calls of replicas that wait. Each has one fetch and a report per sync under way, so this is never reached
/// while the task runs; beyond it a fetch is refused, and repeated.
pub(crate) const PEER_CALLS_MAX: usize = 1024;

/// Where an answer goes. Whoever asked may have stopped waiting.
pub(crate) type Answer<T> = oneshot::Sender<T>;

/// What a client asks of a replica.
#[derive(Debug)]
pub(crate) enum ClientCall {
    Append(PendingAppend),
    Read(Read, Moment, Answer<Result<Fetched, ReadError>>),
    Tail(Moment, Answer<Result<Tail, ReadError>>),
    Trim(Offset, Moment, Answer<Result<Offset, ReadError>>),
    Status(Answer<Result<Status, ReadError>>),
}

/// An append on its way into the log.
#[derive(Debug)]
pub(crate) struct PendingAppend {
    pub(crate) batch: Batch,
    pub(crate) acks: Acks,
    pub(crate) handed_in: Moment,
    pub(crate) deadline: Moment,
    pub(crate) answer: Answer<Result<Appended, AppendError>>,
}

/// What other replicas, the controllers and the node ask of a replica.
#[derive(Debug)]
pub(crate) enum PeerCall {
    Fetch(Fetch, Answer<(FetchReply, Bytes)>),
    Report(Report),
    Confirm(Confirm, Answer<ConfirmReply>),
    Confirmed(Round, partition::ids::NodeId, Incarnation),
    Decided(Arc<PartitionState>),
    Proposed(Proposal, ProposalOutcome),
    /// No leadership is taken from this broker until then.
    Leased(BootMoment),
    /// The lease is given up; the answer comes when no read is answered by it any more.
    GiveUpLease(Answer<()>),
    /// What a follower asked for could not be read.
    Unreadable(LogError),
    /// Close the log and end; the answer comes when that is done, and never when it could not be.
    Stop(Answer<()>),
}

/// One replica of this broker, for anybody who wants something of it.
#[derive(Clone)]
pub(crate) struct ReplicaHandle {
    pub(crate) partition: PartitionId,
    pub(crate) clock: Clock,
    pub(crate) clients: mpsc::Sender<ClientCall>,
    pub(crate) peers: mpsc::Sender<PeerCall>,
    pub(crate) lost: Arc<AtomicU64>,
}

const STOPPED: &str = "its task has ended";

/// A replica has ended, and what it called stored may not be on its disk.
#[derive(Debug, thiserror::Error)]
#[error("the log of {0} was not closed")]
pub(crate) struct NotClosed(PartitionId);

impl ReplicaHandle {
    /// Ends the replica, its log closed in order; says when the log was not, or had failed before.
    pub(crate) async fn close(&self) -> Result<(), NotClosed> {
        let not_closed = || NotClosed(self.partition.clone());
        let (closed, done) = oneshot::channel();
        self.peers.send(PeerCall::Stop(closed)).await.map_err(|_| not_closed())?;
        done.await.map_err(|_| not_closed())
    }

    /// Takes a fetch of a follower now; the answer may be parked.
    pub(crate) fn fetch(&self, fetch: Fetch) -> impl Future<Output = (FetchReply, Bytes)> + Send + use<> {
        let (answer, held) = oneshot::channel();
        let sent = self.peers.try_send(PeerCall::Fetch(fetch, answer));
        async move {
            let refused = (FetchReply::Refused(FetchRefusal::NoSuchPartition), Bytes::new());
            match sent {
                Ok(()) => held.await.unwrap_or(refused),
                Err(_) => refused,
            }
        }
    }

    /// Takes a report of a follower now. One that finds no room is made up for by the next fetch.
    pub(crate) fn report(&self, report: Report) {
        let _ = self.peers.try_send(PeerCall::Report(report));
    }

    /// Takes a leader's question now.
    pub(crate) fn confirm(&self, confirm: Confirm) -> impl Future<Output = ConfirmReply> + Send + use<> {
        let (answer, asked) = oneshot::channel();
        let sent = self.peers.try_send(PeerCall::Confirm(confirm, answer));
        async move {
            match sent {
                Ok(()) => asked.await.unwrap_or(ConfirmReply::Refused),
                Err(_) => ConfirmReply::Refused,
            }
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(Answer<Result<T, ReadError>>) -> ClientCall,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let stopped = || ReadError::Stopped(STOPPED.to_owned());
        let (answer, asked) = oneshot::channel();
        match self.clients.try_send(call(answer)) {
            Ok(()) => asked.map(move |asked| asked.unwrap_or_else(|_| Err(stopped()))).boxed(),
            // Reads have no word for "slow down"; to come again a little later is what it means.
            Err(TrySendError::Full(_)) => future::ready(Err(ReadError::NotAvailable)).boxed(),
            Err(TrySendError::Closed(_)) => future::ready(Err(stopped())).boxed(),
        }
    }
}

impl Partition for ReplicaHandle {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let Append { batch, acks, timeout } = append;
        let (answer, asked) = oneshot::channel();
        let handed_in = self.clock.now();
        let deadline = handed_in.after(timeout);
        let refusal = match self.clients.try_send(ClientCall::Append(PendingAppend {
            batch,
            acks,
            handed_in,
            deadline,
            answer,
        })) {
            Ok(()) => {
                let lost = || AppendError::Unknown(Doubt::Stopped(STOPPED.to_owned()));
                return asked.map(move |asked| asked.unwrap_or_else(|_| Err(lost()))).boxed();
            }
            Err(TrySendError::Full(_)) => Refusal::Overloaded,
            Err(TrySendError::Closed(_)) => Refusal::Stopped(STOPPED.to_owned()),
        };
        future::ready(Err(refusal.into())).boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        let deadline = self.clock.now().after(read.wait);
        self.ask(|answer| ClientCall::Read(read, deadline, answer))
    }

    fn tail(&self, timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let deadline = self.clock.now().after(timeout);
        self.ask(|answer| ClientCall::Tail(deadline, answer))
    }

    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        let deadline = self.clock.now().after(timeout);
        self.ask(|answer| ClientCall::Trim(to, deadline, answer))
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        self.ask(ClientCall::Status)
    }
}

impl fmt::Debug for ReplicaHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "replica of {}", self.partition)
    }
}

/// A replica of this broker by its name: it may come later, and go.
#[derive(Debug)]
pub(crate) struct NamedReplica {
    pub(crate) partition: PartitionId,
    pub(crate) partitions: Arc<Registry>,
}

impl NamedReplica {
    fn read_from<T: Send + 'static>(
        &self,
        call: impl FnOnce(ReplicaHandle) -> BoxFuture<'static, Result<T, ReadError>>,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        match self.partitions.get(&self.partition) {
            Some(replica) => call(replica),
            None => future::ready(Err(ReadError::NoSuchPartition)).boxed(),
        }
    }
}

impl Partition for NamedReplica {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        match self.partitions.get(&self.partition) {
            Some(replica) => replica.append(append),
            None => future::ready(Err(Refusal::NoSuchPartition.into())).boxed(),
        }
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        self.read_from(|replica| replica.read(read))
    }

    fn tail(&self, timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        self.read_from(|replica| replica.tail(timeout))
    }

    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        self.read_from(|replica| replica.trim(to, timeout))
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        self.read_from(|replica| replica.status())
    }
}
