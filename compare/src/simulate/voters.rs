//! The operator of quorum's voters in a run: has them changed while all goes on, and in the end finishes what was begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use partition::ids::NodeId;
use partition::simulation::Simulation;
use partition::transport::Address;
use partition::world::World;
use quorum_log::admin::{Admin, ChangeError};

use super::verdict::Finding;
use crate::node::Plan;

/// The number of the operator's own client.
const OPERATOR: NodeId = NodeId(2001);
/// How long a change may take under faults, before the operator turns to something else.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long it may take, from the end of all faults, until one set votes and no other.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);

/// Asks for changes, one after the other, and never gives a number away again that was a voter's.
pub(super) struct Operator {
    simulation: Simulation,
    world: World,
    admin: Arc<Admin>,
    /// Where all listen that there are.
    nodes: BTreeMap<NodeId, Address>,
    /// Who was asked to vote last.
    asked: BTreeSet<NodeId>,
    /// Who was ever asked to.
    used: BTreeSet<NodeId>,
}

impl Operator {
    /// The operator of a cluster with this plan, which has just been founded.
    pub(super) fn of(simulation: &Simulation, plan: &Plan) -> Self {
        let world = simulation.world(OPERATOR);
        let nodes: BTreeMap<NodeId, Address> = plan.everybody();
        let admin = Arc::new(Admin::new(&world, &nodes, &plan.partition));
        let asked: BTreeSet<NodeId> = plan.replicas.keys().copied().collect();
        Self { simulation: simulation.clone(), world, admin, nodes, used: asked.clone(), asked }
    }

    /// Asks that these vote. In the place of one that was asked to leave before comes a node that is new.
    pub(super) fn reassign(&mut self, replicas: &[NodeId]) {
        let mut voters = BTreeSet::new();
        for node in replicas {
            let fresh = || self.nodes.keys().copied().find(|node| !self.used.contains(node));
            let may_vote = self.asked.contains(node) || !self.used.contains(node);
            let voter = if may_vote && self.nodes.contains_key(node) { Some(*node) } else { fresh() };
            self.used.extend(voter);
            voters.extend(voter);
        }
        if voters.is_empty() {
            return self.simulation.note("operator: no node is new any more");
        }
        self.simulation.note(&format!("operator: {} are to vote", text(&voters)));
        self.asked.clone_from(&voters);
        let (simulation, admin, wanted) =
            (self.simulation.clone(), self.admin.clone(), self.located(&voters));
        self.world.tasks.spawn(async move {
            let said = match admin.change_voters(wanted, PATIENCE).await {
                Ok(_) => format!("{} vote now", text(&voters)),
                Err(error) => format!("{} do not vote: {error}", text(&voters)),
            };
            simulation.note(&format!("operator: {said}"));
        });
    }

    /// After all faults: finishes a change that a leader has left half done. Returns who votes.
    pub(super) async fn settle(&self) -> Result<BTreeSet<NodeId>, Finding> {
        let deadline = self.world.clock.now().after(SETTLED_WITHIN);
        let mut seen = String::new();
        while self.world.clock.now() < deadline {
            let left = deadline.since(self.world.clock.now());
            seen = match self.admin.members(left).await.map(|members| members.voters) {
                Ok(sets) if sets.len() == 1 => return Ok(sets.into_iter().flatten().collect()),
                Ok(sets) => {
                    let towards = sets.last().cloned().unwrap_or_default();
                    let changed = self.admin.change_voters(self.located(&towards), left).await;
                    if let Err(ChangeError::UnderWay) = changed {
                        // Another is at it.
                        self.world.clock.sleep(PATIENCE / 60).await;
                    }
                    format!("{sets:?} vote")
                }
                Err(error) => error.to_string(),
            };
        }
        let why = format!("after {SETTLED_WITHIN:?} without faults: {seen}");
        Err(Finding::new("L6-change", why))
    }

    fn located(&self, nodes: &BTreeSet<NodeId>) -> BTreeMap<NodeId, Address> {
        nodes.iter().filter_map(|node| Some((*node, *self.nodes.get(node)?))).collect()
    }
}

fn text(nodes: &BTreeSet<NodeId>) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
