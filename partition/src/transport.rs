//! Frames between nodes: a bincode message with raw batch bytes beside it, over TCP or in memory.

pub mod barred;
pub mod codec;
pub mod delayed;
pub mod frame;
pub mod held_port;
pub mod memory;
pub mod router;
pub mod rpc;
pub mod tcp;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::ids::{ByteSize, NodeId, PartitionId};

/// The largest frame: the largest batch and room for its message. A longer one closes the connection.
pub const FRAME_SIZE_MAX: ByteSize = ByteSize::mib(9);

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address(pub SocketAddr);

impl Address {
    /// The address of a node on the simulated network.
    #[must_use]
    pub fn simulated(node: NodeId) -> Self {
        let [_, b, c, d] = node.0.to_be_bytes();
        Self(SocketAddr::from(([10, b, c, d], 1)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who, within a node, a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Channel {
    /// The partition's clients: append, read, tail, trim, status.
    Client,
    /// The partition's other replicas.
    Replica,
    /// The controllers.
    Controller,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who it is for.
    pub channel: Channel,
    /// Which partition it is about.
    pub partition: PartitionId,
    /// The message, encoded by [`codec`].
    pub message: Bytes,
    /// Raw batches beside it, or nothing.
    pub body: Bytes,
}

/// One reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The message, encoded by [`codec`].
    pub message: Bytes,
    /// Raw batches beside it, or nothing.
    pub body: Bytes,
}

/// What a service does about a request.
#[derive(Debug)]
pub enum Answer {
    /// Replies.
    Reply(Reply),
    /// Says nothing: `Acks::Nobody` has no reply.
    Silence,
    /// Closes the connection, so that a producer that awaits no reply looks for the leader again (C7).
    Close,
}

/// Whoever answers requests. One connection's requests are *called* in the order they came, and their futures are
/// polled together: what must happen in order happens in the call, what may wait happens in the future.
pub trait Service: Send + Sync + fmt::Debug + 'static {
    /// Takes one request.
    fn call(&self, request: Request) -> BoxFuture<'static, Answer>;
}

/// Makes connections. Messages on one connection arrive in order, once, or the connection ends.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Connects to a node.
    fn connect(&self, to: Address) -> BoxFuture<'static, io::Result<Link>>;

    /// Listens; port 0 takes any free one, and the listener knows which.
    fn listen(&self, at: Address) -> BoxFuture<'static, io::Result<Box<dyn Listener>>>;
}

/// Takes connections.
pub trait Listener: Send + fmt::Debug + 'static {
    /// Where it listens.
    fn address(&self) -> Address;

    /// The next connection.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<Link>>;
}

/// One connection, as two halves that are used apart.
#[derive(Debug)]
pub struct Link {
    /// What goes out.
    pub sink: Box<dyn FrameSink>,
    /// What comes in.
    pub stream: Box<dyn FrameStream>,
}

/// One frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The envelope and the message.
    pub head: Bytes,
    /// Raw batches, or nothing.
    pub body: Bytes,
}

/// The outgoing half.
pub trait FrameSink: Send + fmt::Debug + 'static {
    /// Takes a frame to be sent by the next flush.
    fn feed(&mut self, frame: Frame);

    /// Sends what was fed. Safe to cancel: the next flush goes on where this one was.
    fn flush(&mut self) -> BoxFuture<'_, io::Result<()>>;
}

/// The incoming half.
pub trait FrameStream: Send + fmt::Debug + 'static {
    /// The next frame; `None` when the other side closed in order. Safe to cancel.
    fn next(&mut self) -> BoxFuture<'_, io::Result<Option<Frame>>>;

    /// A frame that has already arrived whole, without waiting.
    ///
    /// # Errors
    /// When what arrived is not a frame.
    fn ready(&mut self) -> io::Result<Option<Frame>>;
}

/// A shared service.
pub type SharedService = Arc<dyn Service>;
