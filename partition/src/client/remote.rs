//! One replica on another node, as a partition: each call is one request.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};

use super::message::{ClientReply, ClientRequest};
use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{Offset, PartitionId};
use crate::partition::{Acks, Append, Appended, Fetched, Partition, Read, Status, Tail};
use crate::record::Batches;
use crate::transport::rpc::{CallError, Peer};
use crate::transport::{Address, Channel, Reply, Request, codec};
use crate::world::World;

/// What an answer may take beyond the time the request itself allows: the way there and back. The replica's own
/// "too late" says more than ours, so it is given the chance to arrive first.
const GRACE: Duration = Duration::from_millis(500);
/// What a read may take beyond its wait: proving that one leads takes a round among the replicas, at worst by disk.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// The replica at one address. It is asked as it is; nothing is retried.
#[derive(Clone)]
pub struct RemotePartition {
    peer: Peer,
    partition: PartitionId,
}

impl RemotePartition {
    /// The replica of `partition` at this address, over a connection of its own.
    #[must_use]
    pub fn new(world: &World, address: Address, partition: PartitionId) -> Self {
        Self::over(Peer::new(world, address), partition)
    }

    /// The replica of `partition` behind this peer: partitions of one node may share a connection.
    #[must_use]
    pub fn over(peer: Peer, partition: PartitionId) -> Self {
        Self { peer, partition }
    }

    /// See [`Peer::losses`].
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.peer.losses()
    }

    /// Somebody says that its node leads, so that it is up: nobody waits before connecting to it again.
    pub fn hurry(&self) {
        self.peer.hurry();
    }

    /// See [`Peer::withdraw`].
    pub async fn withdraw(&self) {
        self.peer.withdraw(&self.partition).await;
    }

    fn request(&self, message: &ClientRequest, body: bytes::Bytes) -> Request {
        Request {
            channel: Channel::Client,
            partition: self.partition.clone(),
            message: codec::encode(message),
            body,
        }
    }

    fn ask<T>(
        &self,
        message: &ClientRequest,
        timeout: Duration,
        parse: impl FnOnce(ClientReply, bytes::Bytes) -> Option<Result<T, ReadError>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ReadError>> {
        let called = self.peer.call(self.request(message, bytes::Bytes::new()), timeout);
        let parse = move |outcome| {
            let Reply { message, body } = match outcome {
                Ok(reply) => reply,
                Err(CallError::Timeout) => return Err(ReadError::Timeout),
                Err(CallError::Unsent(why) | CallError::Lost(why)) => {
                    return Err(ReadError::Unreachable(why));
                }
            };
            let reply = codec::decode(&message).map_err(|error| ReadError::Unreachable(error.to_string()))?;
            parse(reply, body).unwrap_or_else(|| Err(ReadError::Unreachable(OTHER_QUESTION.to_owned())))
        };
        called.map(parse).boxed()
    }
}

/// What is said of a node whose replies do not fit the requests.
const OTHER_QUESTION: &str = "it answered another question";

impl Partition for RemotePartition {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let Append { batch, acks, timeout } = append;
        let request = self.request(&ClientRequest::Append { acks, timeout }, batch.bytes().clone());
        if acks == Acks::Nobody {
            let sent = self.peer.send(request).map(|()| Appended::Unplaced).map_err(append_error);
            return future::ready(sent).boxed();
        }
        let parse = |outcome: Result<Reply, CallError>| {
            let reply = outcome.map_err(append_error)?;
            match codec::decode(&reply.message) {
                Ok(ClientReply::Appended(answer)) => answer,
                Ok(_) => Err(Doubt::Disconnected(OTHER_QUESTION.to_owned()).into()),
                Err(error) => Err(Doubt::Disconnected(error.to_string()).into()),
            }
        };
        self.peer.call(request, timeout + GRACE).map(parse).boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        self.ask(&ClientRequest::Read(read), read.wait + ANSWER_TIME, |reply, body| match reply {
            ClientReply::Fetched(answer) => Some(answer.map(|head| Fetched {
                batches: Batches::unverified(body),
                log_start: head.log_start,
                high_watermark: head.high_watermark,
            })),
            _ => None,
        })
    }

    fn tail(&self, timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        self.ask(&ClientRequest::Tail { timeout }, timeout + GRACE, |reply, _| match reply {
            ClientReply::Tail(answer) => Some(answer),
            _ => None,
        })
    }

    fn trim(&self, to: Offset, timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        self.ask(&ClientRequest::Trim { to, timeout }, timeout + GRACE, |reply, _| match reply {
            ClientReply::Trimmed(answer) => Some(answer),
            _ => None,
        })
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        self.ask(&ClientRequest::Status, ANSWER_TIME, |reply, _| match reply {
            ClientReply::Status(answer) => Some(answer),
            _ => None,
        })
    }
}

/// What the connection's fate says about the write (H-11).
fn append_error(error: CallError) -> AppendError {
    match error {
        CallError::Unsent(why) => Refusal::Unreachable(why).into(),
        CallError::Lost(why) => Doubt::Disconnected(why).into(),
        CallError::Timeout => Doubt::Timeout.into(),
    }
}

impl fmt::Debug for RemotePartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.partition, self.peer.address())
    }
}
