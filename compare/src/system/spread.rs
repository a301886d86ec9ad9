//! Has every node lead as many partitions as the others, as an operator would: a start may have elected whoever came first.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use isr_log::controller::admin::Admin as Controllers;
use partition::ids::{NodeId, PartitionId};
use partition::partition::Role;
use quorum_log::admin::Admin as Voters;

use super::launch::ASKED_AT_ONCE;
use super::running::{Connections, Running};
use super::shape::System;

/// How long one leader may take to hand over.
const HAND_OVER_LIMIT: Duration = Duration::from_secs(5);

impl Running {
    /// Asks each partition's leader, once, to hand over to the one whose turn it is. One that cannot is left where it is: it is seen
    /// in [`Running::leaders`].
    pub async fn spread_leaders(&self) {
        let controllers = Controllers::new(&self.world, &self.plan.controllers);
        let wanted = self.plan.partitions().map(|(id, turn)| (id, turn[0]));
        let moved =
            self.leaders().await.into_iter().zip(wanted).filter(|(now, (_, wanted))| now != &Some(*wanted));
        let moving = moved.map(|(_, (id, wanted))| self.hand_over(&controllers, id, wanted));
        stream::iter(moving).buffer_unordered(ASKED_AT_ONCE).collect::<()>().await;
    }

    async fn hand_over(&self, controllers: &Controllers, id: PartitionId, to: NodeId) {
        let moved = match self.shape.system {
            System::Isr | System::KOfIsr => {
                controllers.elect_preferred(&id).await.map_err(|error| error.to_string())
            }
            System::Quorum => {
                let voters = Voters::new(&self.world, &self.plan.replicas, &id);
                voters.hand_over(to, HAND_OVER_LIMIT).await.map(drop).map_err(|error| error.to_string())
            }
            System::FloorAll | System::FloorMajority => Ok(()),
        };
        if let Err(why) = moved {
            tracing::info!(partition = %id, %to, %why, "leadership stays where it is");
        }
    }

    /// Who leads each partition, in their order; none where nobody says so.
    pub async fn leaders(&self) -> Vec<Option<NodeId>> {
        let asked = self.connect_all(&self.world, Connections::One).into_iter().map(|client| async move {
            let status = client.status().await.ok()?;
            (status.role == Role::Leader).then_some(status.node)
        });
        stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await
    }
}
