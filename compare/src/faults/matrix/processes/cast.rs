//! Who plays whom: a schedule names its leader and its active controller before anybody knows who they will be.

use std::time::Duration;

use partition::clock::Clock;
use partition::ids::NodeId;

use crate::faults::matrix::trial::{CONTROLLERS, LEADER};
use crate::simulate::Client;
use crate::system::{LaunchError, Member, Running};

/// How long the controllers may take to say who is active.
const ACTIVE_LIMIT: Duration = Duration::from_secs(10);
/// How often they are asked.
const ACTIVE_POLL: Duration = Duration::from_millis(50);

/// Who plays whom in one trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cast {
    leader: NodeId,
    /// Where there are controllers.
    active: Option<NodeId>,
}

impl Cast {
    /// Who leads, and which controller is active, at this moment.
    pub(super) async fn of(running: &Running, clock: &Clock) -> Result<Self, LaunchError> {
        let has_controllers = running.members().iter().any(|member| matches!(member, Member::Controller(_)));
        let active = match has_controllers {
            true => Some(active(running, clock).await?),
            false => None,
        };
        Ok(Self { leader: running.leader().await?, active })
    }

    /// The replica that plays this one.
    pub(super) fn replica(&self, node: NodeId) -> NodeId {
        swapped(node, LEADER, self.leader)
    }

    /// Whoever plays this node of a schedule.
    pub(super) fn member(&self, node: NodeId) -> Member {
        let first = CONTROLLERS.start();
        let before_clients = Client::BEFORE.0;
        match node.0 {
            number if number > before_clients => Member::Client(number - before_clients),
            number if number >= *first => {
                let own = NodeId(number - first + 1);
                Member::Controller(self.active.map_or(own, |active| swapped(own, NodeId(1), active)))
            }
            _ => Member::Replica(self.replica(node)),
        }
    }
}

/// What is left when two change places.
fn swapped(node: NodeId, one: NodeId, other: NodeId) -> NodeId {
    match node {
        node if node == one => other,
        node if node == other => one,
        node => node,
    }
}

async fn active(running: &Running, clock: &Clock) -> Result<NodeId, LaunchError> {
    let client = running.connect_to_controllers(&crate::system::client_world());
    let asking = async {
        loop {
            // By its tail it proves that it leads.
            if client.tail(ACTIVE_LIMIT).await.is_ok()
                && let Ok(status) = client.status().await
            {
                return status.node;
            }
            clock.sleep(ACTIVE_POLL).await;
        }
    };
    let what = || format!("an active controller of {}", running.shape());
    let too_slow = |_| LaunchError::TooSlow { what: what(), limit: ACTIVE_LIMIT };
    clock.timeout(ACTIVE_LIMIT, asking).await.map_err(too_slow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_leads_plays_the_leader_and_the_leader_of_the_schedule_plays_it() {
        let cast = Cast { leader: NodeId(3), active: Some(NodeId(2)) };
        let played = [1, 2, 3, 101, 102, 103, 1001].map(|node| cast.member(NodeId(node)).to_string());
        assert_eq!(played, ["n3", "n2", "n1", "c2", "c1", "c3", "client 1"]);
    }
}
