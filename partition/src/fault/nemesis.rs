//! Commits any fault, each where it belongs, and knows what is on.

use std::collections::BTreeSet;

use super::{Fault, MembershipFault, NetworkFault, ProcessFault, Schedule};
use crate::cluster::Cluster;
use crate::ids::NodeId;
use crate::simulation::{Keeps, Simulation};

/// Commits faults to a simulated cluster. What makes no sense as things are (a restart of what was never started, a pause of
/// what is down) is passed over, so that any subset of a schedule can be committed.
#[derive(Debug)]
pub struct Nemesis {
    simulation: Simulation,
    /// What lasts, in the order in which it began, with what ends it.
    on: Vec<(Fault, Fault)>,
    down: BTreeSet<NodeId>,
    paused: BTreeSet<NodeId>,
}

impl Nemesis {
    /// One for this run, whose nodes are all up.
    #[must_use]
    pub fn new(simulation: &Simulation) -> Self {
        Self {
            simulation: simulation.clone(),
            on: Vec::new(),
            down: BTreeSet::new(),
            paused: BTreeSet::new(),
        }
    }

    /// Nodes that are down now.
    #[must_use]
    pub fn down(&self) -> &BTreeSet<NodeId> {
        &self.down
    }

    /// Nodes that stand still now.
    #[must_use]
    pub fn paused(&self) -> &BTreeSet<NodeId> {
        &self.paused
    }

    /// What is on: committed, and not ended yet.
    pub fn on(&self) -> impl Iterator<Item = &Fault> {
        self.on.iter().map(|(fault, _)| fault)
    }

    /// Commits a fault, or the end of one. Returns when it has been done.
    pub async fn commit(&mut self, cluster: &mut dyn Cluster, fault: &Fault) {
        self.remember(fault);
        self.simulation.fault(fault);
        match fault {
            Fault::Process { node, fault } => self.process(cluster, *node, *fault).await,
            Fault::Membership(MembershipFault::Reassign { replicas }) => {
                cluster.reassign(replicas.clone()).await;
            }
            Fault::Membership(MembershipFault::CancelReassign) => cluster.cancel_reassignment().await,
            Fault::Network(_) | Fault::Disk { .. } | Fault::Clock { .. } => {}
        }
    }

    /// Commits each step of a schedule at its time.
    pub async fn play(&mut self, cluster: &mut dyn Cluster, schedule: &Schedule) {
        for (at, fault) in schedule.steps() {
            self.simulation.clock().sleep_until(at).await;
            self.commit(cluster, &fault).await;
        }
    }

    /// Ends all faults: the network is whole, disks and clocks behave, and every node runs. Says what it ended.
    pub async fn heal(&mut self, cluster: &mut dyn Cluster) -> Vec<Fault> {
        let on = std::mem::take(&mut self.on);
        for (_, end) in on.iter().rev() {
            self.commit(cluster, end).await;
        }
        self.commit(cluster, &Fault::Network(NetworkFault::HealAll)).await;
        for node in self.paused.clone() {
            self.process(cluster, node, ProcessFault::Resume).await;
        }
        for node in self.down.clone() {
            self.process(cluster, node, ProcessFault::Restart).await;
        }
        on.into_iter().map(|(fault, _)| fault).collect()
    }

    fn remember(&mut self, fault: &Fault) {
        if fault.node().is_some() {
            self.on.retain(|(_, end)| end != fault);
        } else if let Some(at) = self.on.iter().position(|(_, end)| end == fault) {
            // The same cut may have been made twice: each is healed for itself.
            self.on.remove(at);
        }
        if let Some(end) = fault.end() {
            self.on.push((fault.clone(), end));
        }
    }

    async fn process(&mut self, cluster: &mut dyn Cluster, node: NodeId, fault: ProcessFault) {
        let up = !self.down.contains(&node);
        match fault {
            ProcessFault::Kill | ProcessFault::Wipe => self.end(cluster, node, Keeps::Written).await,
            ProcessFault::PowerLoss => self.end(cluster, node, Keeps::Synced).await,
            ProcessFault::PowerLossMidway => self.end(cluster, node, Keeps::Chance).await,
            ProcessFault::Stop if up => {
                self.resume(cluster, node).await;
                self.simulation.keeps(node, Keeps::Written);
                cluster.stop(node).await;
                self.down.insert(node);
            }
            ProcessFault::Restart => {
                self.end(cluster, node, Keeps::Written).await;
                cluster.restart(node).await;
                self.down.remove(&node);
            }
            ProcessFault::Pause if up => {
                cluster.pause(node).await;
                self.paused.insert(node);
            }
            ProcessFault::Resume => self.resume(cluster, node).await,
            ProcessFault::Stop | ProcessFault::Pause => {}
        }
        if fault == ProcessFault::Wipe {
            cluster.wipe(node).await;
        }
    }

    async fn resume(&mut self, cluster: &mut dyn Cluster, node: NodeId) {
        if self.paused.remove(&node) {
            cluster.resume(node).await;
        }
    }

    async fn end(&mut self, cluster: &mut dyn Cluster, node: NodeId, keeps: Keeps) {
        if self.down.insert(node) {
            self.paused.remove(&node);
            self.simulation.keeps(node, keeps);
            if keeps != Keeps::Written {
                self.simulation.falls_silent(node);
            }
            cluster.crash(node).await;
        }
    }
}

#[cfg(test)]
mod tests;
