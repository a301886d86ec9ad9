//! What one node of a running cluster is told alone: others may stand still, and would not answer.

use std::collections::BTreeSet;
use std::time::Duration;

use partition::ids::NodeId;

use super::cuts::{Cut, Member, barriers};
use super::error::LaunchError;
use super::host::Host;
use super::running::Running;
use crate::node::Slowdown;

/// Which links are slow, and by how much each frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlowLinks {
    /// All links of these replicas.
    pub replicas: BTreeSet<NodeId>,
    /// How much longer each frame takes, one way.
    pub by: Duration,
}

impl SlowLinks {
    fn as_told(&self) -> Slowdown {
        Slowdown { replicas: self.replicas.iter().copied().collect(), times: 1, by: self.by }
    }
}

impl Running {
    fn host_of(&mut self, member: Member) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| Member::of(host.identity()) == member)
    }

    /// From now on these cuts, and no others, are in force at this node. One that is down is not told.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn cut_at(&mut self, member: Member, cuts: &BTreeSet<Cut>) -> Result<(), LaunchError> {
        let barred = barriers(member, cuts, &self.plan);
        match self.host_of(member) {
            Some(host) => host.bar(&barred).await,
            None => Ok(()),
        }
    }

    /// From now on these links, and no others, are slow as this node sees them. One that is down is not told.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn slow_at(&mut self, member: Member, links: &SlowLinks) -> Result<(), LaunchError> {
        match self.host_of(member) {
            Some(host) => host.slow(&links.as_told()).await,
            None => Ok(()),
        }
    }

    /// From now on these links, and no others, are slow as its clients see them.
    pub fn slow_for_clients(&self, links: &SlowLinks) {
        if let Some(delays) = &self.delays {
            delays.slow(&links.as_told());
        }
    }

    /// Has the disk of a replica forget nothing from now on, if it is one that forgets: to kill it is no power cut then.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn keep(&mut self, replica: NodeId) -> Result<(), LaunchError> {
        match self.host_of(Member::Replica(replica)) {
            Some(host) => host.keep().await,
            None => Ok(()),
        }
    }
}
