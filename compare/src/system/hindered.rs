//! Which replicas are made slow, or are held: chosen when it is known who leads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::join_all;
use partition::ids::NodeId;
use partition::partition::Role as PartitionRole;

use super::error::LaunchError;
use super::host::Host;
use super::running::Running;
use crate::node::{Delays, Slowdown};

/// How long a cluster may take to say who leads it.
const LEADER_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked.
const LEADER_POLL: Duration = Duration::from_millis(20);

/// One replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// The one of this number.
    Replica(NodeId),
    /// Whoever leads at that time.
    Leader,
    /// Of those that do not lead, the one of the highest number.
    Follower,
}

/// Why a text names no replica.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such replica: {0:?} (its number, leader or follower)")]
pub struct NotAReplica(String);

impl FromStr for Whom {
    type Err = NotAReplica;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "leader" => Ok(Self::Leader),
            "follower" => Ok(Self::Follower),
            number => number.parse().map(Self::Replica).map_err(|_| NotAReplica(text.to_owned())),
        }
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(node) => write!(f, "replica {node}"),
            Self::Leader => f.write_str("the leader"),
            Self::Follower => f.write_str("a follower"),
        }
    }
}

impl Running {
    /// Who leads now.
    ///
    /// # Errors
    /// [`LaunchError::TooSlow`] when nobody does for long.
    pub async fn leader(&self) -> Result<NodeId, LaunchError> {
        let client = self.connect(&self.world);
        let clock = &self.world.clock;
        let asking = async {
            loop {
                match client.status().await {
                    Ok(status) if status.role == PartitionRole::Leader => return status.node,
                    _ => clock.sleep(LEADER_POLL).await,
                }
            }
        };
        let too_slow =
            |_| LaunchError::TooSlow { what: format!("a leader of {}", self.shape), limit: LEADER_LIMIT };
        clock.timeout(LEADER_LIMIT, asking).await.map_err(too_slow)
    }

    /// Those that do not lead, the highest number first.
    async fn followers(&self) -> Result<Vec<NodeId>, LaunchError> {
        let leader = self.leader().await?;
        Ok(self.plan.replicas.keys().copied().rev().filter(|node| *node != leader).collect())
    }

    /// Who that is now; nobody where there is no such replica.
    ///
    /// # Errors
    /// [`LaunchError::TooSlow`] when nobody leads for long.
    pub async fn who_is(&self, whom: Whom) -> Result<Option<NodeId>, LaunchError> {
        match whom {
            Whom::Replica(node) => Ok(self.plan.replicas.contains_key(&node).then_some(node)),
            Whom::Leader => self.leader().await.map(Some),
            Whom::Follower => self.followers().await.map(|all| all.first().copied()),
        }
    }

    /// Makes the links of so many followers so many times as long, those of its clients with them: followers, for a
    /// slow leader makes everything slow under any rule. Returns which.
    ///
    /// # Errors
    /// [`LaunchError`] when nobody leads, or a node does not answer.
    pub async fn slow_followers(&mut self, count: usize, times: u32) -> Result<Vec<NodeId>, LaunchError> {
        let mut replicas = self.followers().await?;
        replicas.truncate(count);
        let down = Slowdown { replicas, times };
        self.delays.iter().for_each(|delays: &Delays| delays.slow(&down));
        let slowed = join_all(self.hosts.iter_mut().map(|host: &mut Host| host.slow(&down))).await;
        slowed.into_iter().collect::<Result<(), _>>()?;
        Ok(down.replicas)
    }
}
