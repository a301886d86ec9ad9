//! The watch over a run: told which nodes live and what clients hear, it ends the run when an invariant breaks.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use partition::clock::Moment;
use partition::ids::{Checksum, NodeId, Offset};
use partition::log::Durability;
use partition::partition::Placement;
use partition::record::Batch;
use partition::simulation::{Keeps, Simulation};

use super::scenario::{Judges, Scenario};
use crate::invariants::{Coverage, Loss, Setting, Violation, Watch};
use crate::node::{Part, Plan};

/// Watches the partition's replicas, and those of the controllers' own partition. Clones watch the same run.
#[derive(Clone)]
pub(super) struct Overseer {
    simulation: Simulation,
    judges: Judges,
    watches: Arc<Mutex<Watches>>,
}

#[derive(Debug)]
struct Watches {
    partition: Watch,
    /// The metadata partition is a partition of its own, by majority.
    metadata: Watch,
}

impl Watches {
    /// Looks at what has changed; in words what is wrong with it.
    fn step(&mut self, now: Moment) -> Result<(), String> {
        self.partition.step(now).map_err(|violation| text(&violation))?;
        self.metadata.step(now).map_err(|violation| format!("metadata {}", text(&violation)))
    }
}

impl Overseer {
    /// Watches a cluster of this shape, from now on after each step.
    pub(super) fn of(simulation: &Simulation, scenario: &Scenario, plan: &Plan) -> Self {
        let (durability, judges) = (scenario.shape.durability, scenario.twist.judges);
        let partition = Watch::new(Setting {
            durability,
            replicas: plan.replicas.len(),
            powers: scenario.shape.spared_powers(),
        });
        // What the controllers have decided is synced, whatever the partition's durability (H-15).
        let synced = Setting { durability: Durability::Synced, replicas: plan.controllers.len(), powers: 0 };
        let metadata = Watch::new(synced);
        let watches = Arc::new(Mutex::new(Watches { partition, metadata }));
        let looked_at = Arc::clone(&watches);
        simulation.on_step(move |step| {
            let mut watches = looked_at.lock().expect("no holder panics");
            let seen = watches.step(step.at);
            if judges == Judges::All { seen } else { Ok(()) }
        });
        Self { simulation: simulation.clone(), judges, watches }
    }

    /// A node has started.
    pub(super) fn started(&self, node: NodeId, part: &Part, plan: &Plan) {
        let mut watches = self.watches();
        match part {
            Part::Isr { node: broker, .. } => watches.partition.started(node, broker.probe(&plan.partition)),
            Part::Quorum(host) => {
                let voter = host.nodes().get(&plan.partition).expect("the plan's first partition is hosted");
                watches.partition.started(node, voter.probe());
            }
            Part::Controller { voter, controller } => {
                watches.partition.controller_started(node, controller.probe());
                watches.metadata.started(node, voter.probe());
            }
            Part::FloorLeader(_) | Part::FloorEcho(_) => {}
        }
    }

    /// A node has ended, and its disk has kept so much.
    pub(super) fn ended(&self, node: NodeId, keeps: Keeps, plan: &Plan) {
        let loss = match keeps {
            Keeps::Written => Loss::Process,
            Keeps::Synced | Keeps::Chance => Loss::Power,
        };
        self.lost(node, loss, plan);
    }

    /// A node has ended in order.
    pub(super) fn stopped(&self, node: NodeId, plan: &Plan) {
        self.lost(node, Loss::Nothing, plan);
    }

    /// A node that is down has lost its disk.
    pub(super) fn wiped(&self, node: NodeId, plan: &Plan) {
        self.lost(node, Loss::Disk, plan);
    }

    fn lost(&self, node: NodeId, loss: Loss, plan: &Plan) {
        let now = self.simulation.clock().now();
        let mut watches = self.watches();
        let seen = if plan.controllers.contains_key(&node) {
            watches.partition.controller_ended(node);
            watches.metadata.ended(now, node, loss)
        } else {
            watches.partition.ended(now, node, loss)
        };
        self.judge(seen);
    }

    /// Bytes have changed on a node's disk.
    pub(super) fn damaged(&self, node: NodeId, plan: &Plan) {
        let mut watches = self.watches();
        if plan.controllers.contains_key(&node) {
            watches.metadata.damaged(node);
        } else {
            watches.partition.damaged(node);
        }
    }

    /// A client was told that its batch is committed.
    pub(super) fn acked(&self, batch: &Batch, placement: Placement) {
        let now = self.simulation.clock().now();
        let (count, checksum) = (batch.record_count(), Checksum(batch.checksum()));
        let seen = self.watches().partition.acked(now, placement.base, count, checksum);
        self.judge(seen);
    }

    /// What a linearizable read that begins now must reach.
    pub(super) fn floor(&self) -> Offset {
        self.watches().partition.floor()
    }

    /// A linearizable read, or tail, that began at this floor has reached so far.
    pub(super) fn reached(&self, floor: Offset, tail: Offset) {
        let now = self.simulation.clock().now();
        let seen = self.watches().partition.read_reached(now, floor, tail);
        self.judge(seen);
    }

    /// Who the controllers have decided replicate the partition, when nobody is on his way to it or from it.
    pub(super) fn assigned(&self) -> Option<BTreeSet<NodeId>> {
        let watches = self.watches();
        let settled = watches.partition.decided().filter(|state| state.reassignment.is_none())?;
        Some(settled.spec.replicas.iter().copied().collect())
    }

    /// Whether so many have lost their power that what is committed may be gone.
    pub(super) fn is_void(&self) -> bool {
        self.watches().partition.is_void()
    }

    /// What the run has met so far.
    pub(super) fn coverage(&self) -> Coverage {
        self.watches().partition.coverage()
    }

    fn judge(&self, seen: Result<(), Violation>) {
        if let (Err(violation), Judges::All) = (seen, self.judges) {
            self.simulation.fail(text(&violation));
        }
    }

    fn watches(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().expect("no holder panics")
    }
}

/// By its name first, as all findings are.
fn text(violation: &Violation) -> String {
    format!("{}: {}", violation.name, violation.what)
}

impl fmt::Debug for Overseer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overseer({})", self.coverage())
    }
}
