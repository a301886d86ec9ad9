//! The door of a node for clients: checks what comes in, and hands it to the partition it is for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};

use super::message::{ClientReply, ClientRequest};
use crate::error::{AppendError, ReadError, Refusal};
use crate::ids::{ByteSize, PartitionId};
use crate::partition::{Acks, Append, Appended, FetchedHead, Partition, Read};
use crate::record::{BATCH_SIZE_MAX, Batch};
use crate::transport::{Answer, Reply, Request, Service, codec};

/// The most that one read returns: with one batch more than asked it still fits a frame.
const READ_BYTES_MAX: ByteSize = ByteSize::mib(4);

const _: () = assert!(READ_BYTES_MAX.0 < BATCH_SIZE_MAX.0, "a read asks for no more than one largest batch");

/// Serves partitions by their id; they come and go while it runs.
#[derive(Debug, Default)]
pub struct PartitionService {
    partitions: Mutex<BTreeMap<PartitionId, Arc<dyn Partition>>>,
}

impl PartitionService {
    /// A service without partitions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves `partition` under this id from now on.
    pub fn add(&self, id: PartitionId, partition: Arc<dyn Partition>) {
        self.lock().insert(id, partition);
    }

    /// Serves nothing under this id from now on; returns what it was.
    pub fn remove(&self, id: &PartitionId) -> Option<Arc<dyn Partition>> {
        self.lock().remove(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PartitionId, Arc<dyn Partition>>> {
        self.partitions.lock().expect("no holder panics")
    }
}

impl Service for PartitionService {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        let message = match codec::decode::<ClientRequest>(&request.message) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "a client that cannot be understood");
                return future::ready(Answer::Close).boxed();
            }
        };
        let Some(partition) = self.lock().get(&request.partition).cloned() else {
            return future::ready(no_such_partition(&message)).boxed();
        };
        match message {
            ClientRequest::Append { acks, timeout } => {
                let appended = match Batch::parse(&request.body) {
                    Ok(batch) if batch.bytes().len() != request.body.len() => refused("more than one batch"),
                    // Readers would skip it, and the protocol would take it for its own.
                    Ok(batch) if batch.is_control() => {
                        refused("control batches are not for clients to write")
                    }
                    Ok(batch) => partition.append(Append { batch, acks, timeout }),
                    Err(error) => refused(&error.to_string()),
                };
                appended.map(move |outcome| append_answer(acks, outcome)).boxed()
            }
            ClientRequest::Read(read) => {
                let read = Read { max_bytes: read.max_bytes.min(READ_BYTES_MAX), ..read };
                let answer = |fetched: Result<crate::partition::Fetched, ReadError>| match fetched {
                    Ok(fetched) => {
                        let head = FetchedHead {
                            log_start: fetched.log_start,
                            high_watermark: fetched.high_watermark,
                        };
                        with_body(&ClientReply::Fetched(Ok(head)), fetched.bytes().clone())
                    }
                    Err(error) => reply(&ClientReply::Fetched(Err(error))),
                };
                partition.read(read).map(answer).boxed()
            }
            ClientRequest::Tail { timeout } => {
                partition.tail(timeout).map(|tail| reply(&ClientReply::Tail(tail))).boxed()
            }
            ClientRequest::Trim { to, timeout } => {
                partition.trim(to, timeout).map(|start| reply(&ClientReply::Trimmed(start))).boxed()
            }
            ClientRequest::Status => {
                partition.status().map(|status| reply(&ClientReply::Status(status))).boxed()
            }
        }
    }
}

fn refused(why: &str) -> BoxFuture<'static, Result<Appended, AppendError>> {
    future::ready(Err(Refusal::Corrupt(why.to_owned()).into())).boxed()
}

/// `Nobody` hears nothing; but when his append is refused, closing the connection is the one way to tell him (C7).
fn append_answer(acks: Acks, outcome: Result<Appended, AppendError>) -> Answer {
    match (acks, outcome) {
        (Acks::Nobody, Ok(_)) => Answer::Silence,
        (Acks::Nobody, Err(error)) => {
            tracing::debug!(%error, "closing on a producer that awaits no reply");
            Answer::Close
        }
        (Acks::Leader | Acks::Committed, outcome) => reply(&ClientReply::Appended(outcome)),
    }
}

fn no_such_partition(message: &ClientRequest) -> Answer {
    let unread = ReadError::NoSuchPartition;
    match message {
        ClientRequest::Append { acks, .. } => append_answer(*acks, Err(Refusal::NoSuchPartition.into())),
        ClientRequest::Read(_) => reply(&ClientReply::Fetched(Err(unread))),
        ClientRequest::Tail { .. } => reply(&ClientReply::Tail(Err(unread))),
        ClientRequest::Trim { .. } => reply(&ClientReply::Trimmed(Err(unread))),
        ClientRequest::Status => reply(&ClientReply::Status(Err(unread))),
    }
}

fn reply(message: &ClientReply) -> Answer {
    with_body(message, Bytes::new())
}

fn with_body(message: &ClientReply, body: Bytes) -> Answer {
    Answer::Reply(Reply { message: codec::encode(message), body })
}
