//! One listener for several services, told apart by channel.

use std::collections::BTreeMap;

use futures_util::future::{self, BoxFuture};

use super::{Answer, Channel, Request, Service, SharedService};

/// Hands each request to the service of its channel. A channel without one closes the connection: the caller has
/// come to the wrong node, and finds out at once.
#[derive(Debug, Default)]
pub struct Router {
    services: BTreeMap<Channel, SharedService>,
}

impl Router {
    /// A router without services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same router, with `service` behind `channel`.
    #[must_use]
    pub fn with(mut self, channel: Channel, service: SharedService) -> Self {
        self.services.insert(channel, service);
        self
    }
}

impl Service for Router {
    fn call(&self, request: Request) -> BoxFuture<'static, Answer> {
        match self.services.get(&request.channel) {
            Some(service) => service.call(request),
            None => {
                tracing::warn!(channel = ?request.channel, "a request for a channel that nobody serves here");
                Box::pin(future::ready(Answer::Close))
            }
        }
    }
}
