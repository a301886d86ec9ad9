//! What an operator asks of the controllers.

use std::collections::BTreeMap;
use std::time::Duration;

use partition::ids::{NodeId, PartitionId};
use partition::transport::Address;
use partition::world::World;

use super::broker::AlterError;
use super::broker::{Directory, altered};
use super::command::Reassign;
use super::message::ControllerRequest;

/// How long one request may take: a takeover of the controllers included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of the controllers.
#[derive(Debug)]
pub struct Admin {
    directory: Directory,
}

impl Admin {
    /// A client of the controllers at these addresses.
    #[must_use]
    pub fn new(world: &World, controllers: &BTreeMap<NodeId, Address>) -> Self {
        Self { directory: Directory::new(world, controllers) }
    }

    /// Lets the first of a partition's assigned replicas lead again. It has to be in sync, so nothing is lost by it.
    ///
    /// # Errors
    /// [`AlterError::Refused`] when it may not lead, or does already.
    pub async fn elect_preferred(&self, partition: &PartitionId) -> Result<(), AlterError> {
        let request = ControllerRequest::ElectPreferred(partition.clone());
        altered(self.directory.ask(&request, REQUEST_TIMEOUT).await)
    }

    /// Has a partition replicated by these brokers, in assignment order. `Ok` when that has begun: the brokers that are new
    /// copy the log meanwhile, and its status lists all of both assignments until every one of the new is in sync. How far
    /// a newcomer lags is the difference between its log end and the leader's; when that does not shrink, the rate at which
    /// it may catch up is lower than the load, and has to be raised.
    ///
    /// A reassignment that is under way is replaced (KIP-455).
    ///
    /// # Errors
    /// [`AlterError::Refused`] when the partition cannot be so.
    pub async fn reassign(&self, partition: &PartitionId, replicas: Vec<NodeId>) -> Result<(), AlterError> {
        let wish = Reassign { partition: partition.clone(), replicas };
        altered(self.directory.ask(&ControllerRequest::Reassign(wish), REQUEST_TIMEOUT).await)
    }

    /// Has a reassignment that is under way end at once where it began.
    ///
    /// # Errors
    /// [`AlterError::Refused`] when there is none, or when too few of the former replicas are in sync.
    pub async fn cancel_reassignment(&self, partition: &PartitionId) -> Result<(), AlterError> {
        let request = ControllerRequest::CancelReassignment(partition.clone());
        altered(self.directory.ask(&request, REQUEST_TIMEOUT).await)
    }
}
