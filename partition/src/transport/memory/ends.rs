//! What a node holds of the network: the ends of pipes, and a place to take connections.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::MemoryNetwork;
use super::pipe::{PipeId, Received, Sent};
use super::state::ListeningId;
use crate::transport::{Address, Frame, FrameSink, FrameStream, Link, Listener};

pub(super) struct MemorySink {
    network: MemoryNetwork,
    pipe: PipeId,
    fed: VecDeque<Frame>,
}

impl MemorySink {
    pub(super) fn new(network: &MemoryNetwork, pipe: PipeId) -> Self {
        Self { network: network.clone(), pipe, fed: VecDeque::new() }
    }
}

impl FrameSink for MemorySink {
    fn feed(&mut self, frame: Frame) {
        self.fed.push_back(frame);
    }

    fn flush(&mut self) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(poll_fn(|cx| {
            let (pipe, fed) = (self.pipe, &mut self.fed);
            match self.network.change(|state, clock| state.send(pipe, fed, clock.now(), cx.waker())) {
                Sent::All => Poll::Ready(Ok(())),
                Sent::Waiting => Poll::Pending,
                Sent::Broken => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }))
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        self.network.change(|state, clock| state.end(self.pipe, clock.now()));
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySink({:?})", self.pipe)
    }
}

#[derive(Debug)]
pub(super) struct MemorySource {
    network: MemoryNetwork,
    pipe: PipeId,
}

impl MemorySource {
    pub(super) fn new(network: &MemoryNetwork, pipe: PipeId) -> Self {
        Self { network: network.clone(), pipe }
    }
}

impl FrameStream for MemorySource {
    fn next(&mut self) -> BoxFuture<'_, io::Result<Option<Frame>>> {
        Box::pin(poll_fn(|cx| match self.network.state().receive(self.pipe, Some(cx.waker())) {
            Received::Frame(frame) => Poll::Ready(Ok(Some(frame))),
            Received::End => Poll::Ready(Ok(None)),
            Received::Reset => Poll::Ready(Err(reset())),
            Received::Nothing => Poll::Pending,
        }))
    }

    fn ready(&mut self) -> io::Result<Option<Frame>> {
        Ok(match self.network.state().receive(self.pipe, None) {
            Received::Frame(frame) => Some(frame),
            Received::Reset => return Err(reset()),
            Received::End | Received::Nothing => None,
        })
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection was reset")
}

impl Drop for MemorySource {
    fn drop(&mut self) {
        self.network.state().abandon(self.pipe);
    }
}

#[derive(Debug)]
pub(super) struct MemoryAccept {
    network: MemoryNetwork,
    id: ListeningId,
    address: Address,
    accepted: mpsc::Receiver<Link>,
}

impl MemoryAccept {
    pub(super) fn new(
        network: &MemoryNetwork,
        id: ListeningId,
        address: Address,
        accepted: mpsc::Receiver<Link>,
    ) -> Self {
        Self { network: network.clone(), id, address, accepted }
    }
}

impl Listener for MemoryAccept {
    fn address(&self) -> Address {
        self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        Box::pin(async move {
            match self.accepted.recv().await {
                Some(link) => Ok(link),
                // The node has crashed: its tasks are about to end, and there is nothing more to accept.
                None => std::future::pending().await,
            }
        })
    }
}

impl Drop for MemoryAccept {
    fn drop(&mut self) {
        self.network.state().stop_listening(self.id);
    }
}
