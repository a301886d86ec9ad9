//! The connections of one node to the others: one to each, whichever partition uses it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use partition::ids::PartitionId;
use partition::transport::Address;
use partition::transport::rpc::Peer;
use partition::world::World;

use super::Failure;
use super::beats::Beats;
use crate::host::Heartbeats;
use crate::message::{AppendHead, AppendVerdict};

/// The connections of one node to the others. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Links(Arc<Inner>);

struct Inner {
    world: World,
    heartbeats: Heartbeats,
    /// Connections are made when first needed. One to a node that was removed closes when it has been idle for a while.
    known: Mutex<BTreeMap<Address, Link>>,
}

/// The connection to one node.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    peer: Peer,
    beats: Option<Beats>,
}

impl Links {
    /// No connection yet.
    pub(crate) fn new(world: &World, heartbeats: Heartbeats) -> Self {
        Self(Arc::new(Inner { world: world.clone(), heartbeats, known: Mutex::default() }))
    }

    /// The one to the node that listens here.
    pub(crate) fn to(&self, address: Address) -> Link {
        let Inner { world, heartbeats, known } = &*self.0;
        let mut known = known.lock().expect("no holder panics");
        let link = known.entry(address).or_insert_with(|| {
            let peer = Peer::new(world, address);
            let beats = match heartbeats {
                Heartbeats::Each => None,
                Heartbeats::Gathered(within) => Some(Beats::start(world, peer.clone(), *within)),
            };
            Link { peer, beats }
        });
        link.clone()
    }
}

impl Link {
    /// The connection itself.
    pub(super) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Has a heartbeat sent with those of other partitions; `None` where each goes alone.
    pub(super) fn beat(
        &self,
        partition: &PartitionId,
        head: AppendHead,
    ) -> Option<BoxFuture<'static, Result<AppendVerdict, Failure>>> {
        self.beats.as_ref().map(|beats| beats.beat(partition, head))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Links({:?})", self.0.heartbeats)
    }
}
