//! The operator of an isr cluster in a run: has its partition moved while all goes on, and sees in the end that it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use isr_log::controller::admin::Admin;
use isr_log::controller::broker::AlterError;
use partition::ids::{NodeId, PartitionId};
use partition::partition::{Partition, Status};
use partition::simulation::Simulation;
use partition::world::World;

use super::overseer::Overseer;
use super::verdict::Finding;
use crate::node::Plan;

/// The number of the operator's own client.
const OPERATOR: NodeId = NodeId(2001);
/// How long it may take, from the end of all faults, until no reassignment is under way any more: who was added copies the
/// log, and whoever hears of the end last has waited for a request to time out.
const SETTLED_WITHIN: Duration = Duration::from_secs(10);
/// How often that is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Asks the controllers for reassignments.
pub(super) struct Mover {
    simulation: Simulation,
    world: World,
    admin: Arc<Admin>,
    partition: PartitionId,
    /// Requests that are not answered yet.
    asked: Arc<AtomicUsize>,
}

/// What is asked for.
#[derive(Clone)]
enum Wish {
    Reassign(Vec<NodeId>),
    Cancel,
}

impl Mover {
    /// The operator of a cluster with this plan.
    pub(super) fn of(simulation: &Simulation, plan: &Plan) -> Self {
        let world = simulation.world(OPERATOR);
        let admin = Arc::new(Admin::new(&world, &plan.controllers));
        let (simulation, partition) = (simulation.clone(), plan.partition.clone());
        Self { simulation, world, admin, partition, asked: Arc::default() }
    }

    /// Asks that these replicate the partition.
    pub(super) fn reassign(&self, replicas: Vec<NodeId>) {
        self.ask(Wish::Reassign(replicas));
    }

    /// Asks that a reassignment end where it began.
    pub(super) fn cancel(&self) {
        self.ask(Wish::Cancel);
    }

    fn ask(&self, wish: Wish) {
        let (simulation, admin, asked) = (self.simulation.clone(), self.admin.clone(), self.asked.clone());
        let partition = self.partition.clone();
        asked.fetch_add(1, Ordering::Relaxed);
        self.world.tasks.spawn(async move {
            let (what, outcome) = match wish {
                Wish::Reassign(replicas) => {
                    let what = format!("to {replicas:?}");
                    (what, admin.reassign(&partition, replicas).await)
                }
                Wish::Cancel => ("back".to_owned(), admin.cancel_reassignment(&partition).await),
            };
            simulation.note(&format!("operator: {what}: {}", said(&outcome)));
            asked.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// After all faults: waits until nothing is asked for, nobody is on his way, and the leader has heard of what was decided
    /// last. Returns who replicates the partition.
    pub(super) async fn settle(
        &self,
        client: &dyn Partition,
        overseer: &Overseer,
    ) -> Result<BTreeSet<NodeId>, Finding> {
        let clock = &self.world.clock;
        let deadline = clock.now().after(SETTLED_WITHIN);
        let mut seen = String::from("nobody answered");
        while clock.now() < deadline {
            let status = clock.timeout(LOOK_INTERVAL * 10, client.status()).await;
            if let Ok(Ok(Status { replicas, members, .. })) = status {
                let (replicas, members) = (set(&replicas), set(&members));
                let assigned = overseer.assigned();
                let told = assigned.as_ref() == Some(&replicas) && replicas == members;
                if told && self.asked.load(Ordering::Relaxed) == 0 {
                    return Ok(replicas);
                }
                seen =
                    format!("assigned {assigned:?}, the leader's replicas {replicas:?}, in sync {members:?}");
            }
            clock.sleep(LOOK_INTERVAL).await;
        }
        Err(Finding::new("L6-change", format!("after {SETTLED_WITHIN:?} without faults: {seen}")))
    }
}

fn set(nodes: &[NodeId]) -> BTreeSet<NodeId> {
    nodes.iter().copied().collect()
}

fn said(outcome: &Result<(), AlterError>) -> String {
    match outcome {
        Ok(()) => "begun".to_owned(),
        Err(error) => error.to_string(),
    }
}
