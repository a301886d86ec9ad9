//! What one node of a running cluster is told alone: others may stand still, and would not answer.

use partition::ids::NodeId;
use partition::transport::Address;

use super::cuts::{Member, barriers};
use super::error::LaunchError;
use super::host::Host;
use super::running::Running;

impl Running {
    pub(super) fn host_of(&mut self, member: Member) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| Member::of(host.identity()) == member)
    }

    /// Tells this node which cuts are in force, since it was away when they were made. Where they are made outside of nodes
    /// nobody has to be told.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn cut_at(&mut self, member: Member) -> Result<(), LaunchError> {
        if self.sites.are_cut_here() {
            return Ok(());
        }
        let barred = barriers(member, &self.cuts, &self.plan);
        match self.host_of(member) {
            Some(host) => host.bar(&barred).await,
            None => Ok(()),
        }
    }

    /// Starts a node that is down, under the cuts that are in force.
    pub(super) async fn start_again(&mut self, member: Member, at: Address) -> Result<(), LaunchError> {
        let (plan, barred) = (self.plan.clone(), barriers(member, &self.cuts, &self.plan));
        let host = self.host_of(member).expect("a node of this cluster");
        host.bind(at).await?;
        if !barred.is_empty() {
            host.bar(&barred).await?;
        }
        host.start(&plan).await
    }

    /// Whether its process has ended by itself.
    pub fn is_gone(&mut self, member: Member) -> bool {
        self.host_of(member).is_some_and(|host| host.has_ended())
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
