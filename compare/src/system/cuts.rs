//! Cuts between the members of a running cluster: who hears nothing of whom, and what each has to bar for that.

use std::collections::BTreeSet;
use std::fmt;

use futures_util::future::join_all;
use partition::ids::NodeId;
use partition::transport::Address;
use partition::transport::barred::{Barrier, Way};

use super::error::LaunchError;
use super::host::{Host, Identity};
use super::running::Running;
use crate::node::{Plan, Role};

/// Who speaks or hears in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// A replica.
    Replica(NodeId),
    /// A controller, by its number among controllers.
    Controller(NodeId),
    /// A client, by a number that its user gave it.
    Client(u32),
}

/// Nothing arrives from one member at another; the way back is a cut of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The sender.
    pub from: Member,
    /// The one who hears nothing.
    pub to: Member,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(node) => write!(f, "n{node}"),
            Self::Controller(node) => write!(f, "c{node}"),
            Self::Client(number) => write!(f, "client {number}"),
        }
    }
}

impl Member {
    pub(super) fn of(identity: &Identity) -> Self {
        match identity.role {
            Role::Controller => Self::Controller(identity.node),
            Role::Isr | Role::Quorum | Role::FloorLeader | Role::FloorEcho => Self::Replica(identity.node),
        }
    }

    /// Where it listens, if it does.
    pub(super) fn address(self, plan: &Plan) -> Option<Address> {
        match self {
            Self::Replica(node) => plan.replicas.get(&node).copied(),
            Self::Controller(node) => plan.controllers.get(&node).copied(),
            Self::Client(_) => None,
        }
    }
}

/// What this member has to bar: of its own connections only, for whoever is called does not know by whom.
pub(super) fn barriers(member: Member, cuts: &BTreeSet<Cut>, plan: &Plan) -> BTreeSet<Barrier> {
    let barrier = |cut: &Cut| {
        let (other, way) = match *cut {
            Cut { from, to } if from == member => (to, Way::Out),
            Cut { from, to } if to == member => (from, Way::Back),
            _ => return None,
        };
        other.address(plan).map(|at| Barrier { at, way })
    };
    cuts.iter().filter_map(barrier).collect()
}

impl Running {
    /// All nodes of the cluster.
    #[must_use]
    pub fn members(&self) -> BTreeSet<Member> {
        self.hosts.iter().map(|host| Member::of(host.identity())).collect()
    }

    /// From now on these cuts are in force, and no others. Where nodes bar their own ways, who is away is not told: one that is down
    /// hears of it before it is started again, one that stands still by [`cut_at`](Self::cut_at). Clients always bar their own
    /// ([`barriers_of`](Self::barriers_of)).
    ///
    /// # Errors
    /// [`LaunchError`] when a node does not answer, or the network cannot be cut.
    pub async fn cut(&mut self, cuts: &BTreeSet<Cut>, away: &BTreeSet<Member>) -> Result<(), LaunchError> {
        let plan = &self.plan;
        let between_nodes = |cut: &Cut| Some((cut.from.address(plan)?, cut.to.address(plan)?));
        if let Some(done) = self.sites.cut(&cuts.iter().filter_map(between_nodes).collect()) {
            return done;
        }
        self.cuts.clone_from(cuts);
        let hear = self.hosts.iter_mut().filter(|host| !away.contains(&Member::of(host.identity())));
        let told = hear.map(|host: &mut Host| async move {
            let barred = barriers(Member::of(host.identity()), cuts, plan);
            host.bar(&barred).await
        });
        join_all(told).await.into_iter().collect()
    }

    /// What a client has to bar under these cuts.
    #[must_use]
    pub fn barriers_of(&self, client: u32, cuts: &BTreeSet<Cut>) -> BTreeSet<Barrier> {
        barriers(Member::Client(client), cuts, &self.plan)
    }
}
