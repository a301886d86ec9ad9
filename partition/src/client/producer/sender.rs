//! The producer's task: takes records in, makes attempts, and tells each record's fate.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::config::ProducerConfig;
use super::error::{Failure, SendError};
use super::gather::{Gathered, Gatherer, NewRecord, Serial};
use super::identity::Identity;
use super::window::{Attempt, Settled, Window};
use super::{Delivered, Fate};
use crate::clock::Clock;
use crate::error::{AppendError, Doubt};
use crate::ids::Offset;
use crate::partition::{Acks, Append, Appended, Partition};

/// What the handle asks.
pub(super) enum Order {
    Send { record: NewRecord, waiter: Waiter },
    Flush { done: oneshot::Sender<()> },
}

/// Who waits for a record's fate, and the room that it takes until then.
pub(super) struct Waiter {
    pub(super) answer: oneshot::Sender<Fate>,
    pub(super) room: OwnedSemaphorePermit,
}

type Answer = (Serial, Result<Appended, AppendError>);

pub(super) struct Sender {
    clock: Clock,
    partition: Arc<dyn Partition>,
    acks: Acks,
    inbox: mpsc::UnboundedReceiver<Order>,
    handle: Handle,
    gatherer: Gatherer<Waiter>,
    window: Window<Waiter>,
    attempts: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Who waits until all before that batch is settled.
    flushes: VecDeque<(Serial, oneshot::Sender<()>)>,
}

/// Whether records may still come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handle {
    Held,
    Gone,
}

impl Sender {
    pub(super) fn new(
        clock: &Clock,
        partition: Arc<dyn Partition>,
        config: &ProducerConfig,
        identity: Option<Identity>,
        inbox: mpsc::UnboundedReceiver<Order>,
    ) -> Self {
        Self {
            clock: clock.clone(),
            partition,
            acks: config.acks,
            inbox,
            handle: Handle::Held,
            gatherer: Gatherer::new(config),
            window: Window::new(config, identity),
            attempts: FuturesUnordered::new(),
            flushes: VecDeque::new(),
        }
    }

    /// Until the handle is gone and all that was sent is settled.
    pub(super) async fn run(mut self) {
        loop {
            self.go_on();
            if self.handle == Handle::Gone && self.gatherer.is_empty() && self.window.oldest().is_none() {
                return;
            }
            let wake = self.wakes_at().map(|at| self.clock.sleep_until(at));
            tokio::select! { biased;
                Some((serial, outcome)) = self.attempts.next(), if !self.attempts.is_empty() => {
                    let settled = self.window.answered(serial, outcome, self.clock.now());
                    tell(settled);
                }
                order = self.inbox.recv(), if self.handle == Handle::Held => match order {
                    Some(order) => self.accept(order),
                    None => {
                        self.handle = Handle::Gone;
                        self.gatherer.close();
                    }
                },
                () = async { wake.expect("it is asked for only then").await }, if wake.is_some() => {}
            }
        }
    }

    fn accept(&mut self, order: Order) {
        match order {
            Order::Send { record, waiter } => {
                self.gatherer.add(&record, waiter, self.clock.now(), self.clock.wall_ms());
            }
            Order::Flush { done } => {
                self.gatherer.close();
                self.flushes.push_back((self.gatherer.next(), done));
            }
        }
    }

    /// Does all that can be done now.
    fn go_on(&mut self) {
        while let Ok(order) = self.inbox.try_recv() {
            self.accept(order);
        }
        let now = self.clock.now();
        tell(self.window.expire(now));
        while let Some(late) = self.gatherer.take_late(now) {
            give_up(late, &Failure::Late { last: None });
        }
        if let Some(current) = self.window.fenced_by() {
            for gathered in self.gatherer.take_all() {
                give_up(gathered, &Failure::Fenced { current });
            }
        }
        while self.window.takes_more() {
            let Some(ripe) = self.gatherer.take_ripe(now) else { break };
            self.window.admit(ripe, now);
        }
        while let Some(attempt) = self.window.next_attempt(now) {
            self.attempt(attempt);
        }
        let oldest = self.window.oldest().unwrap_or_else(|| self.gatherer.oldest());
        while let Some((_, done)) = self.flushes.pop_front_if(|(before, _)| *before <= oldest) {
            // Who does not wait any more does not hear it.
            let _ = done.send(());
        }
    }

    /// Submits the append now: the order of attempts is the order of appends.
    fn attempt(&mut self, attempt: Attempt) {
        let Attempt { serial, batch, timeout } = attempt;
        let append = self.partition.append(Append { batch, acks: self.acks, timeout });
        let limited = self.clock.timeout(timeout, append);
        let answer =
            limited.map(move |outcome| (serial, outcome.unwrap_or_else(|_| Err(Doubt::Timeout.into()))));
        self.attempts.push(answer.boxed());
    }

    fn wakes_at(&self) -> Option<crate::clock::Moment> {
        let ripe = self.gatherer.ripe_at().filter(|_| self.window.takes_more());
        [ripe, self.gatherer.late_at(), self.window.wakes_at()].into_iter().flatten().min()
    }
}

fn give_up(gathered: Gathered<Waiter>, failure: &Failure) {
    let outcome = Err(SendError::NotAppended(failure.clone()));
    tell(vec![Settled { waiters: gathered.waiters, outcome }]);
}

/// Tells each record its fate; its room is free before whoever hears it can ask for more.
fn tell(settled: Vec<Settled<Waiter>>) {
    for Settled { waiters, outcome } in settled {
        for (index, Waiter { answer, room }) in waiters.into_iter().enumerate() {
            drop(room);
            let fate = outcome.clone().map(|appended| match appended.placement() {
                Some(placed) => {
                    Delivered::At { offset: Offset(placed.base.0 + index as u64), epoch: placed.epoch }
                }
                None => Delivered::Unheard,
            });
            // Who does not wait any more does not hear it.
            let _ = answer.send(fate);
        }
    }
}
