//! What one node of a running cluster is told alone: others may stand still, and would not answer.

use std::collections::BTreeSet;

use partition::ids::NodeId;

use super::cuts::{Cut, Member, barriers};
use super::error::LaunchError;
use super::host::Host;
use super::running::Running;

impl Running {
    pub(super) fn host_of(&mut self, member: Member) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| Member::of(host.identity()) == member)
    }

    /// From now on these cuts, and no others, are in force at this node. One that is down is not told; where cuts are made outside
    /// of nodes ([`cuts_outside`](Self::cuts_outside)) none is.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn cut_at(&mut self, member: Member, cuts: &BTreeSet<Cut>) -> Result<(), LaunchError> {
        if self.cuts_outside() {
            return Ok(());
        }
        let barred = barriers(member, cuts, &self.plan);
        match self.host_of(member) {
            Some(host) => host.bar(&barred).await,
            None => Ok(()),
        }
    }

    /// Whether its process has ended by itself.
    pub fn is_gone(&mut self, member: Member) -> bool {
        self.host_of(member).is_some_and(|host| host.has_ended())
    }

    /// Whether the network is cut outside of nodes: then [`cut`](Self::cut) reaches all of them, whether they are up or not.
    #[must_use]
    pub fn cuts_outside(&self) -> bool {
        self.sites.are_cut_here()
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
