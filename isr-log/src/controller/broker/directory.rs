//! Finds the active controller: believes the log and the last answer, follows hints, else asks around.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use partition::clock::Clock;
use partition::ids::NodeId;
use partition::transport::rpc::{CallError, Peer};
use partition::transport::{Address, Channel, Request, codec};
use partition::world::World;

use crate::controller::message::{ControllerReply, ControllerRequest};
use crate::controller::metadata_partition;

/// How long to wait before the next controller is asked, once the first guess was wrong: a takeover takes longer.
const ASK_BACKOFF: Duration = Duration::from_millis(10);

/// The controllers, and which one is believed to be active.
#[derive(Debug)]
pub(in crate::controller) struct Directory {
    clock: Clock,
    controllers: BTreeMap<NodeId, Peer>,
    believed: Mutex<Option<NodeId>>,
}

/// Why no controller gave an answer that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Unanswered {
    /// None took the request.
    NotTaken(String),
    /// One may have.
    Unknown(String),
}

impl Directory {
    pub(in crate::controller) fn new(world: &World, controllers: &BTreeMap<NodeId, Address>) -> Self {
        let peer = |(node, address): (&NodeId, &Address)| (*node, Peer::new(world, *address));
        Self {
            clock: world.clock.clone(),
            controllers: controllers.iter().map(peer).collect(),
            believed: Mutex::new(controllers.keys().next().copied()),
        }
    }

    /// The log says that this one is in office.
    pub(super) fn believe(&self, node: NodeId) {
        if self.controllers.contains_key(&node) {
            *self.believed.lock().expect("no holder panics") = Some(node);
        }
    }

    fn guess(&self) -> Option<NodeId> {
        *self.believed.lock().expect("no holder panics")
    }

    /// Believes in another one, unless somebody else has found out better in the meantime.
    fn doubt(&self, node: NodeId, hint: Option<NodeId>) {
        let known = hint.filter(|hint| self.controllers.contains_key(hint));
        let after =
            self.controllers.range(node.next()..).chain(&self.controllers).map(|(next, _)| *next).next();
        let mut believed = self.believed.lock().expect("no holder panics");
        if *believed == Some(node) {
            *believed = known.or(after);
        }
    }

    /// Asks the active controller; looks for it as long as nobody took the request.
    pub(in crate::controller) async fn ask(
        &self,
        request: &ControllerRequest,
        timeout: Duration,
    ) -> Result<ControllerReply, Unanswered> {
        let deadline = self.clock.now().after(timeout);
        let message = codec::encode(request);
        let mut why = "no controllers are known".to_owned();
        loop {
            let left = deadline.since(self.clock.now());
            let Some((node, peer)) = self.guess().and_then(|node| Some((node, self.controllers.get(&node)?)))
            else {
                return Err(Unanswered::NotTaken(why));
            };
            if left.is_zero() {
                self.doubt(node, None);
                return Err(Unanswered::NotTaken(why));
            }
            let request = Request {
                channel: Channel::Controller,
                partition: metadata_partition(),
                message: message.clone(),
                body: Bytes::new(),
            };
            let reply = match peer.call(request, left).await {
                Ok(reply) => {
                    codec::decode::<ControllerReply>(&reply.message).map_err(|error| error.to_string())
                }
                Err(CallError::Unsent(error)) => {
                    self.doubt(node, None);
                    why = format!("controller {node}: {error}");
                    self.clock.sleep(ASK_BACKOFF).await;
                    continue;
                }
                Err(error @ (CallError::Lost(_) | CallError::Timeout)) => Err(error.to_string()),
            };
            match reply {
                Ok(ControllerReply::NotActive { hint }) => {
                    self.doubt(node, hint);
                    why = format!("controller {node} is not active");
                }
                Ok(ControllerReply::Busy) => why = format!("controller {node} is busy"),
                Ok(ControllerReply::Unknown) => {
                    return Err(Unanswered::Unknown(format!("controller {node} does not know")));
                }
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    self.doubt(node, None);
                    return Err(Unanswered::Unknown(format!("controller {node}: {error}")));
                }
            }
            self.clock.sleep(ASK_BACKOFF).await;
        }
    }
}
