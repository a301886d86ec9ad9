//! What an operator asks of the controllers.

use std::collections::BTreeMap;
use std::time::Duration;

use partition::ids::{NodeId, PartitionId};
use partition::transport::Address;
use partition::world::World;

use super::broker::AlterError;
use super::broker::{Directory, altered};
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
}
