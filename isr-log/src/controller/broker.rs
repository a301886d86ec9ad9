//! A broker's link to the controllers: registers it, keeps it alive, and tells it what was decided.

mod delivery;
mod directory;
mod duty;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use partition::clock::BootMoment;
use partition::ids::{NodeId, Offset};
use partition::partition::Partition;
use partition::transport::Address;
use partition::world::{Tasks, World};
use tokio::sync::{mpsc, oneshot};

use super::command::{AlterInSync, Disk, LogReport};
use super::follow::follow;
use super::lease::LeaseWish;
use super::message::{ControllerReply, ControllerRequest};
use super::rejection::Rejection;
use crate::metadata::{Incarnation, PartitionState};
use crate::mutant::Mutated;
use delivery::Delivery;
pub(super) use directory::Directory;
use directory::Unanswered;
use duty::{Desk, Duty, Progress};

/// Events that wait for the replica runtime; beyond it the link stops reading, and goes on when there is room.
pub const EVENTS_MAX: usize = 1024;

/// How a broker is linked to its controllers.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    /// This broker.
    pub node: NodeId,
    /// Where the controllers answer.
    pub controllers: BTreeMap<NodeId, Address>,
    /// What the broker found on its disk: the incarnation that it synced there, and whether that one ended in order.
    pub disk: Disk,
    /// How often it shows that it is alive: a small part of the controllers' session.
    pub heartbeat: Duration,
    /// How long one request to a controller may take.
    pub request_timeout: Duration,
    /// Whether it wants leases.
    pub lease: LeaseWish,
}

impl BrokerConfig {
    /// Kafka's ratio of heartbeat to session (2 s of 9 s), for the default session of 3 s.
    pub const HEARTBEAT: Duration = Duration::from_millis(600);
    /// Longer than a commit ever takes while the controllers are well, shorter than a session.
    pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

    /// The default timing.
    #[must_use]
    pub fn new(node: NodeId, controllers: BTreeMap<NodeId, Address>, disk: Disk) -> Self {
        let (heartbeat, request_timeout) = (Self::HEARTBEAT, Self::REQUEST_TIMEOUT);
        Self { node, controllers, disk, heartbeat, request_timeout, lease: LeaseWish::None }
    }
}

/// What the replica runtime is told, in the order of the metadata log. States from before this life's registration are
/// not told: a leader of then does not lead now (H-01).
#[derive(Clone, Debug)]
pub enum BrokerEvent {
    /// This life has begun. Comes first, once. Sync the incarnation to disk *before* acting on anything that
    /// follows: by it the next life proves that the disk was not wiped.
    Registered(Incarnation),
    /// A partition of this broker, as it is now. On registration all of them, then each that changes.
    Partition(Arc<PartitionState>),
    /// This broker does not replicate this partition, or not any more: what it has of it is to be removed. On registration so all
    /// partitions of others, since it may have been down when one was taken from it.
    NotAReplica(Arc<PartitionState>),
    /// This life has been let go, as it asked to be: it leads nothing and is in sync nowhere, which the states before this
    /// event say too. It may stop.
    Left,
    /// Until then no leadership is taken from this broker, of what it leads by the states before this event or becomes the
    /// leader of after it. Not so any more once it has asked to be let go.
    Leased(BootMoment),
    /// This broker is fenced, and all that is known of the time before this place in the log was told: say so by
    /// [`BrokerLink::handled`] once it is done. It is elected nowhere before.
    Told(Offset),
    /// Another process has registered as this broker: stop for good. Nothing follows.
    Replaced,
    /// A metadata record cannot be read: this program is older than the controllers'. Nothing follows.
    Failed(String),
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterError {
    /// It does not count, and never will. After `NotLeader` or `StaleVersion` a newer state is on its way, which
    /// an earlier copy of the same proposal may have caused: keep that one pending until the newer version has been read.
    #[error("refused: {0}")]
    Refused(#[from] Rejection),
    /// It was not sent, or no controller took it: it will not count. Propose again later.
    #[error("not proposed: {0}")]
    NotProposed(String),
    /// It may count, now or later: keep it pending until a later version has been read (H-14). Proposing again on the same
    /// version is safe: at most one of them counts.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

/// A broker's link to the controllers. Cheap to clone; its tasks end with the node.
#[derive(Clone, Debug)]
pub struct BrokerLink {
    node: NodeId,
    tasks: Tasks,
    directory: Arc<Directory>,
    progress: Arc<Progress>,
    request_timeout: Duration,
}

impl BrokerLink {
    /// Starts to look for the active controller, to register and to follow `metadata` (a client of that partition).
    #[must_use]
    pub fn start(
        world: &World,
        config: BrokerConfig,
        metadata: Arc<dyn Partition>,
    ) -> (Self, mpsc::Receiver<BrokerEvent>) {
        Self::start_mutated(world, config, metadata, Mutated::NOT)
    }

    /// The same in a simulation, with a rule that is broken.
    #[must_use]
    pub fn start_mutated(
        world: &World,
        config: BrokerConfig,
        metadata: Arc<dyn Partition>,
        mutated: Mutated,
    ) -> (Self, mpsc::Receiver<BrokerEvent>) {
        let directory = Arc::new(Directory::new(world, &config.controllers));
        let progress = Arc::new(Progress::default());
        let (events, receiver) = mpsc::channel(EVENTS_MAX);
        let (orders, inbox) = mpsc::channel(1);
        let (node, request_timeout) = (config.node, config.request_timeout);
        let desk = Desk {
            delivery: Delivery::new(config.node, mutated),
            directory: Arc::clone(&directory),
            events,
            lease: None,
        };
        world.tasks.spawn(desk.run(follow(world, metadata, mutated), inbox));
        let (clock, directory_too) = (world.clock.clone(), Arc::clone(&directory));
        let duty = Duty {
            clock,
            config,
            directory: directory_too,
            progress: Arc::clone(&progress),
            orders,
            mutated,
        };
        world.tasks.spawn(duty.run());
        (Self { node, tasks: world.tasks.clone(), directory, progress, request_timeout }, receiver)
    }

    /// All that was told before this place is done: the life is on disk, and the logs are open. From then on this broker may lead.
    pub fn handled(&self, to: Offset) {
        self.progress.handled(to);
    }

    /// Asks to be let go: everything it leads passes to others, and no set waits for it any more (KIP-841). What came of it
    /// comes as [`BrokerEvent::Left`]; not when no controller is in office.
    pub fn leave(&self, incarnation: Incarnation) {
        let (directory, timeout, node) = (Arc::clone(&self.directory), self.request_timeout, self.node);
        self.tasks.spawn(async move {
            let leave = ControllerRequest::Leave { node, incarnation };
            if let Err(error) = directory.ask(&leave, timeout).await {
                tracing::warn!(%node, ?error, "nobody lets this broker go; it will be fenced");
            }
        });
    }

    /// Tells the controllers what a replica has. What came of it comes as a later state of the partition; until then it is
    /// to be told again.
    pub fn report_log(&self, report: LogReport) {
        let (directory, timeout) = (Arc::clone(&self.directory), self.request_timeout);
        self.tasks.spawn(async move {
            let reply = directory.ask(&ControllerRequest::ReportLog(report), timeout).await;
            tracing::debug!(?reply, "what this replica has was reported");
        });
    }

    /// Proposes an in-sync set now. `Ok` when it counts; the new state comes as an event, perhaps a little later.
    pub fn alter_in_sync(&self, change: AlterInSync) -> BoxFuture<'static, Result<(), AlterError>> {
        let (done, outcome) = oneshot::channel();
        let (directory, timeout) = (Arc::clone(&self.directory), self.request_timeout);
        self.tasks.spawn(async move {
            let reply = directory.ask(&ControllerRequest::AlterInSync(change), timeout).await;
            // A replica that has stopped does not hear it.
            let _ = done.send(altered(reply));
        });
        let stopped = || Err(AlterError::Unknown("this node has stopped".to_owned()));
        outcome.map(move |outcome| outcome.unwrap_or_else(|_| stopped())).boxed()
    }
}

pub(super) fn altered(reply: Result<ControllerReply, Unanswered>) -> Result<(), AlterError> {
    match reply {
        Ok(ControllerReply::Done) => Ok(()),
        Ok(ControllerReply::Refused(rejection)) => Err(AlterError::Refused(rejection)),
        Ok(other) => Err(AlterError::Unknown(format!("the controller answered {other:?}"))),
        Err(Unanswered::NotTaken(why)) => Err(AlterError::NotProposed(why)),
        Err(Unanswered::Unknown(why)) => Err(AlterError::Unknown(why)),
    }
}
