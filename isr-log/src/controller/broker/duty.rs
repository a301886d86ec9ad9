//! The link's two tasks: one keeps the broker registered and heard of, the other reads and tells.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use partition::clock::{BootMoment, Clock};
use partition::ids::Offset;
use tokio::sync::{Notify, mpsc};

use super::delivery::Delivery;
use super::directory::Directory;
use super::{BrokerConfig, BrokerEvent};
use crate::controller::command::Registration;
use crate::controller::follow::Followed;
use crate::controller::lease::Grant;
use crate::controller::message::{ControllerReply, ControllerRequest, Heard};
use crate::controller::rejection::Rejection;
use crate::metadata::Incarnation;
use crate::mutant::{Mutant, Mutated};

/// What the broker has done that concerns the controllers.
#[derive(Debug, Default)]
pub(super) struct Progress {
    handled_to: AtomicU64,
    /// The broker is fenced, and has done what goes with that: time for a heartbeat that says so.
    fenced: Notify,
}

impl Progress {
    pub(super) fn handled(&self, to: Offset) {
        self.handled_to.store(to.0, Ordering::Relaxed);
        self.fenced.notify_one();
    }
}

/// What the controllers told the broker itself.
#[derive(Debug)]
pub(super) enum Order {
    Registered(Incarnation),
    Leased(Lease),
    Replaced,
}

/// A lease, on this broker's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    until: BootMoment,
    /// It counts when all below is applied and told.
    applied_to: Offset,
}

/// Registers the broker, and then shows that it is alive.
#[derive(Debug)]
pub(super) struct Duty {
    pub(super) clock: Clock,
    pub(super) config: BrokerConfig,
    pub(super) directory: Arc<Directory>,
    pub(super) progress: Arc<Progress>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) mutated: Mutated,
}

impl Duty {
    pub(super) async fn run(self) {
        let Some(incarnation) = self.register().await else {
            return;
        };
        if self.orders.send(Order::Registered(incarnation)).await.is_err() {
            return;
        }
        while !self.orders.is_closed() {
            let heartbeat = ControllerRequest::Heartbeat {
                node: self.config.node,
                incarnation,
                applied_to: Offset(self.progress.handled_to.load(Ordering::Relaxed)),
                lease: self.config.lease,
            };
            let sent = self.clock.boot_now();
            match self.directory.ask(&heartbeat, self.config.request_timeout).await {
                Ok(ControllerReply::Heard(Heard::Replaced)) => {
                    // When nobody takes the order, the log has told it already.
                    let _ = self.orders.send(Order::Replaced).await;
                    return;
                }
                Ok(ControllerReply::Heard(Heard::Leased(Grant { length, applied_to }))) => {
                    let late = self.mutated.breaks(Mutant::LeaseFromArrival);
                    let from = if late { self.clock.boot_now() } else { sent };
                    let lease = Lease { until: from.after(length), applied_to };
                    let _ = self.orders.send(Order::Leased(lease)).await;
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(node = %self.config.node, ?error, "a heartbeat was not heard"),
            }
            tokio::select! {
                biased;
                () = self.progress.fenced.notified() => {}
                () = self.clock.sleep(self.config.heartbeat) => {}
            }
        }
    }

    /// Registers, as long as anybody listens. When an answer was lost, the life that it would have named is replaced by
    /// the next.
    async fn register(&self) -> Option<Incarnation> {
        let mut replaces = self.config.disk.life();
        while !self.orders.is_closed() {
            let registration = Registration { node: self.config.node, replaces, disk: self.config.disk };
            let request = ControllerRequest::Register(registration);
            match self.directory.ask(&request, self.config.request_timeout).await {
                Ok(ControllerReply::Registered(incarnation)) => return Some(incarnation),
                Ok(ControllerReply::Refused(Rejection::Superseded { current })) => replaces = current,
                other => {
                    tracing::info!(node = %self.config.node, ?other, "not registered yet");
                    self.clock.sleep(self.config.heartbeat).await;
                }
            }
        }
        None
    }
}

/// Reads the records, and tells the replica runtime what concerns it.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) delivery: Delivery,
    pub(super) directory: Arc<Directory>,
    pub(super) events: mpsc::Sender<BrokerEvent>,
    /// The newest lease, until the records are applied that it is granted on.
    pub(super) lease: Option<Lease>,
}

impl Desk {
    /// Ends when this life is over, or nobody listens any more; the other task ends with it.
    pub(super) async fn run(
        mut self,
        mut records: mpsc::Receiver<Followed>,
        mut orders: mpsc::Receiver<Order>,
    ) {
        while !self.delivery.is_over() {
            let epoch = self.delivery.image().epoch();
            let mut events = tokio::select! {
                biased;
                () = self.events.closed() => return,
                Some(order) = orders.recv() => match order {
                    Order::Registered(incarnation) => self.delivery.registered(incarnation),
                    Order::Leased(lease) => {
                        self.lease = Some(lease);
                        Vec::new()
                    }
                    Order::Replaced => self.delivery.replaced(),
                },
                followed = records.recv() => match followed {
                    Some(Followed::Records { records, .. }) => self.delivery.read(&records),
                    Some(Followed::Failed(error)) => {
                        let _ = self.events.send(BrokerEvent::Failed(error)).await;
                        return;
                    }
                    None => return,
                },
            };
            let claimed =
                self.delivery.image().controller().filter(|_| self.delivery.image().epoch() != epoch);
            claimed.into_iter().for_each(|controller| self.directory.believe(controller));
            let applied_to = self.delivery.image().applied_to();
            // Behind the states that it counts for, on the same way.
            let lease = self.lease.take_if(|lease| lease.applied_to <= applied_to);
            events.extend(lease.map(|lease| BrokerEvent::Leased(lease.until)));
            // Who is not fenced is elected anyway.
            if self.delivery.is_fenced() {
                events.push(BrokerEvent::Told(applied_to));
            }
            for event in events {
                if self.events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }
}
