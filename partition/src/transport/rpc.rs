//! Requests and replies over one connection: many in flight, answered in any order.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Address, Listener, Reply, Request, SharedService};
use crate::world::World;

/// Why a call has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was never sent, so it was not carried out.
    #[error("not sent: {0}")]
    Unsent(String),
    /// It was sent, perhaps, and may have been carried out.
    #[error("no reply: {0}")]
    Lost(String),
    /// The deadline passed; it may have been carried out.
    #[error("no reply in time")]
    Timeout,
}

/// A node to call: connects when first needed, and again (with backoff) after the connection was lost.
#[derive(Clone)]
pub struct Peer(Arc<Inner>);

struct Inner;

impl Peer {
    /// The node at this address.
    #[must_use]
    pub fn new(world: &World, address: Address) -> Self {
        let _ = (world, address);
        todo!()
    }

    /// Sends a request now (calls are sent in the order they are made), and resolves with the reply.
    pub fn call(&self, request: Request, timeout: Duration) -> BoxFuture<'static, Result<Reply, CallError>> {
        let _ = (request, timeout);
        todo!()
    }

    /// Sends a request that has no reply.
    ///
    /// # Errors
    /// [`CallError::Unsent`] when there is no connection to send it on.
    pub fn send(&self, request: Request) -> Result<(), CallError> {
        let _ = request;
        todo!()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = &self.0;
        f.write_str("Peer")
    }
}

/// Answers whoever connects, until the node's tasks end.
pub fn serve(world: &World, listener: Box<dyn Listener>, service: SharedService) {
    let _ = (world, listener, service);
    todo!()
}
