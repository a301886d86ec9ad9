//! Asks the replicas of one system what they are, again and again, over connections that nothing cuts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use partition::clock::Clock;
use partition::ids::NodeId;
use partition::partition::Partition;

use super::board::Board;
use super::changes::Changes;
use super::seen::{Says, Standing, name_of};
use crate::system::{Member, System};

/// How often they are asked: a failover of a second is seen as it happens, and it costs little.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long one may take to answer: one that stands still says nothing.
const ANSWER_LIMIT: Duration = Duration::from_millis(150);

/// Looks at one system.
#[derive(Debug)]
pub(super) struct Eye {
    pub(super) system: System,
    pub(super) replicas: BTreeMap<NodeId, Arc<dyn Partition>>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Clock,
}

impl Eye {
    /// Looks until dropped.
    pub(super) async fn look(self) {
        let mut changes = Changes::default();
        loop {
            let says = self.ask().await;
            let changed = changes.look(&says, &self.board.begins(self.system));
            let (leader, epoch, members) = changes.leadership();
            self.board.look(self.system, |seen| {
                (seen.leader, seen.epoch, seen.members) = (leader, epoch, members);
                for replica in &mut seen.replicas {
                    let said = says.iter().find(|(node, _)| name_of(Member::Replica(**node)) == replica.name);
                    replica.answers = said.is_some();
                    if let Some((_, said)) = said {
                        replica.says = Some(said.clone());
                    }
                }
            });
            for change in changed {
                self.board.happened(self.system, Member::Replica(change.node), change.what, change.more);
            }
            self.clock.sleep(LOOK_INTERVAL).await;
        }
    }

    async fn ask(&self) -> BTreeMap<NodeId, Says> {
        let seen = self.board.seen(self.system);
        let runs = |node: &NodeId| {
            let name = name_of(Member::Replica(*node));
            seen.replicas.iter().any(|one| one.name == name && one.condition.standing == Standing::Up)
        };
        let asked = self.replicas.iter().filter(|(node, _)| runs(node)).map(|(node, replica)| async {
            let status = self.clock.timeout(ANSWER_LIMIT, replica.status()).await.ok()?.ok()?;
            let says = Says {
                role: status.role,
                epoch: status.epoch,
                log_end: status.log_end,
                high_watermark: status.high_watermark,
                log_start: status.log_start,
                members: status.members,
            };
            Some((*node, says))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}
