//! A node as tasks of this process, on real sockets and files.

use std::collections::BTreeSet;

use partition::fault::{DiskFault, Felt};
use partition::journeys::Journeyed;
use partition::transport::Address;
use partition::transport::barred::Barrier;
use partition::world::{Random, Tasks};
use tokio::sync::oneshot;

use super::casualty::Casualties;
use super::error::LaunchError;
use super::host::Identity;
use super::usage::Consumed;
use crate::node::{Bound, HostedNode, LongerWay, NodeError, Plan, Slowdown};

/// A node in this process.
#[derive(Debug)]
pub(super) struct TaskHost {
    pub(super) identity: Identity,
    casualties: Casualties,
    /// Watches for failures; ends with the cluster.
    tasks: Tasks,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Down,
    Bound(Box<Bound>),
    Up(Life),
}

/// One life of a node.
#[derive(Debug)]
struct Life {
    node: Box<HostedNode>,
    /// Dropped when it is told to end, so that its end is no casualty.
    _lives: oneshot::Sender<()>,
}

impl TaskHost {
    pub(super) fn new(identity: Identity, casualties: Casualties, tasks: Tasks) -> Self {
        Self { identity, casualties, tasks, phase: Phase::Down }
    }

    fn error(&self, error: &NodeError) -> LaunchError {
        LaunchError::BadInput(format!("{}: {error}", self.identity.name))
    }

    pub(super) async fn bind(&mut self, at: Address) -> Result<(), LaunchError> {
        let Identity { role, node, dir, seed, .. } = &self.identity;
        let bound = Bound::bind(*node, *role, at, dir, Random::of_node(*seed, *node)).await;
        let bound = bound.map_err(|error| self.error(&error))?;
        self.phase = Phase::Bound(Box::new(bound));
        Ok(())
    }

    pub(super) async fn start(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        let Phase::Bound(bound) = std::mem::replace(&mut self.phase, Phase::Down) else {
            panic!("{} was told a plan before it had a port", self.identity.name);
        };
        let node = bound.start(plan).await.map_err(|error| self.error(&error))?;
        let (failure, casualties) = (node.failure(), self.casualties.clone());
        let (lives, mut doomed) = oneshot::channel::<()>();
        let name = self.identity.name.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                _ = &mut doomed => {}
                last_words = failure => casualties.report(LaunchError::ChildDied { node: name, last_words }),
            }
        });
        self.phase = Phase::Up(Life { node: Box::new(node), _lives: lives });
        Ok(())
    }

    fn end(&mut self) -> Option<Box<HostedNode>> {
        match std::mem::replace(&mut self.phase, Phase::Down) {
            Phase::Up(Life { node, .. }) => Some(node),
            Phase::Down | Phase::Bound(_) => None,
        }
    }

    pub(super) fn usage(&self) -> Consumed {
        let Phase::Up(life) = &self.phase else { return Consumed::default() };
        let totals = life.node.totals();
        Consumed {
            cpu: None,
            resident: None,
            written: totals.written,
            sent: totals.sent,
            syncs: totals.syncs,
            injected: totals.injected,
        }
    }

    pub(super) fn journeys(&self) -> Journeyed {
        let Phase::Up(life) = &self.phase else { return Journeyed::default() };
        life.node.journeys()
    }

    pub(super) async fn crash(&mut self) {
        if let Some(node) = self.end() {
            node.crash().await;
        }
    }

    pub(super) async fn stop(&mut self) -> Result<(), LaunchError> {
        if let Some(node) = self.end() {
            node.stop().await;
        }
        Ok(())
    }

    pub(super) fn slow(&self, down: &Slowdown) {
        if let Phase::Up(life) = &self.phase {
            life.node.slow(down);
        }
    }

    pub(super) fn lengthen(&self, longer: &[LongerWay]) {
        if let Phase::Up(life) = &self.phase {
            life.node.lengthen(longer);
        }
    }

    pub(super) fn bar(&self, barred: &BTreeSet<Barrier>) {
        match &self.phase {
            Phase::Up(life) => life.node.bar(barred),
            Phase::Bound(bound) => bound.bar(barred),
            Phase::Down => {}
        }
    }

    pub(super) fn felt(&self) -> Felt {
        match &self.phase {
            Phase::Up(life) => life.node.felt(),
            _ => Felt::default(),
        }
    }

    pub(super) fn trouble(&self, fault: &DiskFault) -> Result<(), LaunchError> {
        let Phase::Up(life) = &self.phase else { return Ok(()) };
        life.node.trouble(fault).map_err(LaunchError::BadInput)
    }

    pub(super) fn pause(&self) {
        if let Phase::Up(life) = &self.phase {
            life.node.pause();
        }
    }

    pub(super) fn resume(&self) {
        if let Phase::Up(life) = &self.phase {
            life.node.resume();
        }
    }
}

impl Drop for TaskHost {
    fn drop(&mut self) {
        if let Some(node) = self.end() {
            node.abandon();
        }
    }
}
