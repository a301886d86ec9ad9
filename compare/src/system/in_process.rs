//! A node as tasks of this process, on real sockets and files.

use partition::transport::Address;
use partition::world::Random;

use super::casualty::Casualties;
use super::error::LaunchError;
use super::host::Identity;
use super::usage::Consumed;
use crate::node::{Bound, HostedNode, NodeError, Plan};
use partition::world::Tasks;

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
    Up(Box<HostedNode>),
}

impl TaskHost {
    pub(super) fn new(identity: Identity, casualties: Casualties, tasks: Tasks) -> Self {
        Self { identity, casualties, tasks, phase: Phase::Down }
    }

    fn error(&self, error: &NodeError) -> LaunchError {
        LaunchError::BadInput(format!("{}: {error}", self.identity.name))
    }

    pub(super) async fn bind(&mut self, at: Address) -> Result<Address, LaunchError> {
        let Identity { role, node, dir, seed, .. } = &self.identity;
        let bound = Bound::bind(*node, *role, at, dir, Random::seeded(*seed)).await;
        let bound = bound.map_err(|error| self.error(&error))?;
        let address = bound.address();
        self.phase = Phase::Bound(Box::new(bound));
        Ok(address)
    }

    pub(super) async fn start(&mut self, plan: &Plan) -> Result<(), LaunchError> {
        let Phase::Bound(bound) = std::mem::replace(&mut self.phase, Phase::Down) else {
            panic!("{} was told a plan before it had a port", self.identity.name);
        };
        let node = bound.start(plan).await.map_err(|error| self.error(&error))?;
        let (failure, casualties, name) =
            (node.failure(), self.casualties.clone(), self.identity.name.clone());
        self.tasks.spawn(async move {
            let last_words = failure.await;
            casualties.report(LaunchError::ChildDied { node: name, last_words });
        });
        self.phase = Phase::Up(Box::new(node));
        Ok(())
    }

    pub(super) fn usage(&self) -> Consumed {
        let Phase::Up(node) = &self.phase else { return Consumed::default() };
        let totals = node.totals();
        Consumed {
            cpu: None,
            resident: None,
            written: totals.written,
            sent: totals.sent,
            syncs: totals.syncs,
        }
    }

    pub(super) fn crash(&mut self) {
        if let Phase::Up(node) = std::mem::replace(&mut self.phase, Phase::Down) {
            node.crash();
        }
    }

    pub(super) async fn stop(&mut self) -> Result<(), LaunchError> {
        if let Phase::Up(node) = std::mem::replace(&mut self.phase, Phase::Down) {
            node.stop().await;
        }
        Ok(())
    }

    pub(super) fn cannot_pause(&self) -> Result<(), LaunchError> {
        Err(LaunchError::BadInput(format!(
            "{} is no process of its own: it cannot be paused",
            self.identity.name
        )))
    }
}

impl Drop for TaskHost {
    fn drop(&mut self) {
        self.crash();
    }
}
