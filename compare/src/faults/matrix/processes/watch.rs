//! What replicas say of themselves while a trial runs: who led, and whether the in-sync set shrank.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use partition::clock::{Clock, Moment};
use partition::cluster::Cluster;
use partition::fault::Felt;
use partition::ids::{Epoch, NodeId};
use partition::partition::{Partition, Role, Status};

use crate::faults::matrix::story::Event;
use crate::simulate::Met;
use crate::system::Running;

/// How often they are asked: what lasts a timeout is seen.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long one may take to answer: one that stands still says nothing.
const ANSWER_LIMIT: Duration = Duration::from_millis(200);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: Moment,
    pub(super) what: What,
    pub(super) replica: NodeId,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It leads.
    Elected,
    /// Its copy no longer counts.
    Left,
    /// It counts again.
    Joined,
}

/// Asks replicas, and remembers.
pub(super) struct Watch {
    clock: Clock,
    replicas: Vec<Arc<dyn Partition>>,
    led: BTreeSet<Epoch>,
    members: BTreeSet<NodeId>,
    changes: Vec<Change>,
}

impl Watch {
    /// Over all replicas, through connections that nothing cuts.
    pub(super) fn over(running: &Running, clock: &Clock) -> Self {
        let replicas = running.replicas().into_iter().map(|node| running.replica(node)).collect();
        let (led, members, changes) = Default::default();
        Self { clock: clock.clone(), replicas, led, members, changes }
    }

    /// Looks again and again, until dropped.
    pub(super) async fn look(&mut self) {
        loop {
            let asked =
                self.replicas.iter().map(|replica| self.clock.timeout(ANSWER_LIMIT, replica.status()));
            let answers = join_all(asked).await;
            let statuses = answers.into_iter().filter_map(|answer| answer.ok()?.ok());
            let leaders = statuses.filter(|status| status.role == Role::Leader);
            // An old leader may not know that it was replaced.
            if let Some(newest) = leaders.max_by_key(|status| status.epoch) {
                self.saw(&newest);
            }
            self.clock.sleep(LOOK_INTERVAL).await;
        }
    }

    fn saw(&mut self, leader: &Status) {
        let at = self.clock.now();
        if self.led.last().is_some_and(|newest| *newest > leader.epoch) {
            return;
        }
        if self.led.insert(leader.epoch) {
            self.changes.push(Change { at, what: What::Elected, replica: leader.node });
        }
        let members: BTreeSet<NodeId> = leader.members.iter().copied().collect();
        let change = |what| move |replica: &NodeId| Change { at, what, replica: *replica };
        self.changes.extend(self.members.difference(&members).map(change(What::Left)));
        if !self.members.is_empty() {
            self.changes.extend(members.difference(&self.members).map(change(What::Joined)));
        }
        self.members = members;
    }

    /// What was seen, for a time line.
    pub(super) fn events(&self) -> impl Iterator<Item = Event> {
        self.changes.iter().map(|change| {
            let what = match change.what {
                What::Elected => "elected",
                What::Left => "left the set",
                What::Joined => "joined the set",
            };
            Event { at: change.at, what: what.to_owned(), replica: Some(change.replica) }
        })
    }

    /// What was seen, as far as replicas tell.
    pub(super) fn met(&self, restarts: u64, felt: Felt) -> Met {
        let count = |what| self.changes.iter().filter(|change| change.what == what).count() as u64;
        Met {
            elections: count(What::Elected),
            shrinks: count(What::Left),
            grows: count(What::Joined),
            restarts,
            felt,
            ..Met::default()
        }
    }
}
