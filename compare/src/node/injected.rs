//! Delays that are injected into one node, or one client, as its cluster's plan says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use partition::clock::Clock;
use partition::fault::Felt;
use partition::ids::NodeId;
use partition::log::disk::{DelayedDisk, SlowSyncs};
use partition::transport::Address;
use partition::transport::barred::Way;
use partition::transport::delayed::{DelayedTransport, WayTo, Ways};
use partition::world::World;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::role::Role;
use crate::profile::Profile;

/// What a cluster's nodes are to inject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injection {
    /// Which delays.
    pub profile: Profile,
    /// Decides the draws.
    pub seed: u64,
}

/// What was injected into a node so far: the check that it was what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injected {
    /// Frames that were held.
    pub frames: u64,
    /// How late they were handed on, all together, beyond what was drawn.
    pub late: Duration,
    /// Syncs that were made to last.
    pub syncs: u64,
    /// Of them, those for which the real disk took longer than was drawn.
    pub overrun: u64,
}

impl Injected {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            late: self.late + other.late,
            syncs: self.syncs + other.syncs,
            overrun: self.overrun + other.overrun,
        }
    }

    /// What came after `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            frames: self.frames.saturating_sub(earlier.frames),
            late: self.late.saturating_sub(earlier.late),
            syncs: self.syncs.saturating_sub(earlier.syncs),
            overrun: self.overrun.saturating_sub(earlier.overrun),
        }
    }
}

/// Replicas whose links are slow from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slowdown {
    /// Which.
    pub replicas: Vec<NodeId>,
    /// How many times as long their frames take.
    pub times: u32,
}

/// A way of a node's own connections on which frames take so much longer from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongerWay {
    /// Where those who are called listen.
    pub at: Address,
    /// Which way.
    pub way: Way,
    /// How much longer.
    pub by: Duration,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Node(Role, NodeId),
    Client,
}

impl Sender {
    fn is_slowed(self, by: &Slowdown) -> bool {
        matches!(self, Self::Node(role, node) if role != Role::Controller && by.replicas.contains(&node))
    }
}

/// The delays of one node or client, while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Delays {
    ways: Option<Ways>,
    syncs: Option<SlowSyncs>,
    sender: Sender,
    replicas: BTreeMap<NodeId, Address>,
    controllers: BTreeMap<NodeId, Address>,
}

impl Delays {
    /// Those that the plan asks for, if it asks for any.
    pub(crate) fn of(sender: Sender, plan: &Plan, clock: &Clock) -> Option<Self> {
        let injection = plan.injected.as_ref()?;
        let own = mixed(injection.seed, sender.number());
        let ways = injection.profile.links.map(|links| {
            let replicas = plan.replicas.iter().map(|(node, at)| (1, *node, *at));
            let controllers = plan.controllers.iter().map(|(node, at)| (2, *node, *at));
            let way = |(kind, node, at): (u64, NodeId, Address)| {
                let one_way = match sender {
                    Sender::Client => links.within,
                    Sender::Node(_, from) => links.one_way(from.0, node.0),
                };
                (at, WayTo { one_way, seed: mixed(own, kind << 32 | u64::from(node.0)) })
            };
            Ways::new(replicas.chain(controllers).map(way).collect())
        });
        let syncs = match sender {
            Sender::Client => None,
            Sender::Node(..) => injection.profile.syncs,
        };
        let syncs = syncs.map(|latency| SlowSyncs::new(latency, mixed(own, 0), clock));
        let (replicas, controllers) = (plan.replicas.clone(), plan.controllers.clone());
        Some(Self { ways, syncs, sender, replicas, controllers })
    }

    /// Puts itself in the way of what this world sends and syncs.
    pub(crate) fn put_into(&self, world: &mut World) {
        if let Some(ways) = &self.ways {
            let inner = Arc::clone(&world.network);
            world.network = Arc::new(DelayedTransport::over(inner, ways.clone(), &world.clock, &world.tasks));
        }
        if let Some(syncs) = &self.syncs {
            world.disk = Arc::new(DelayedDisk::over(Arc::clone(&world.disk), syncs.clone()));
        }
    }

    /// Links of these replicas are slow from now on; a link between two of them is no slower than either.
    pub(crate) fn slow(&self, down: &Slowdown) {
        let Some(ways) = &self.ways else { return };
        let own = self.sender.is_slowed(down);
        for (node, at) in &self.replicas {
            let slowed = own || down.replicas.contains(node);
            ways.slow(*at, if slowed { down.times } else { 1 });
        }
        for at in self.controllers.values() {
            ways.slow(*at, if own { down.times } else { 1 });
        }
    }

    /// These ways take so much longer from now on, and no others; where the profile has no links there is nothing to lengthen.
    pub(crate) fn lengthen(&self, longer: &[LongerWay]) {
        if let Some(ways) = &self.ways {
            ways.lengthen(&longer.iter().map(|longer| ((longer.at, longer.way), longer.by)).collect());
        }
    }

    /// How many frames were on a way that had been lengthened.
    pub(crate) fn felt(&self) -> Felt {
        self.ways.as_ref().map(Ways::felt).unwrap_or_default()
    }

    /// What was injected so far.
    pub(crate) fn so_far(&self) -> Injected {
        let lateness = self.ways.as_ref().map(Ways::lateness);
        let syncs = self.syncs.as_ref();
        Injected {
            frames: lateness.map_or(0, |lateness| lateness.frames()),
            late: lateness.map_or(Duration::ZERO, |lateness| lateness.total()),
            syncs: syncs.map_or(0, SlowSyncs::syncs),
            overrun: syncs.map_or(0, SlowSyncs::overrun),
        }
    }
}

impl Sender {
    /// Tells senders of one cluster apart.
    fn number(self) -> u64 {
        match self {
            Self::Client => 0,
            Self::Node(role, node) => u64::from(role == Role::Controller) << 32 | (1 + u64::from(node.0)),
        }
    }
}

/// A seed of its own for each number (the finalizer of SplitMix64).
fn mixed(seed: u64, number: u64) -> u64 {
    let mut value = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
