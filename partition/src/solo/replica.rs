//! The task that owns the log: takes orders, and answers them when the writer says that they are done.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::extent::Extents;
use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{Epoch, Offset};
use crate::log::{Log, LogConfig, LogError, LogEvent, SequenceCheck};
use crate::partition::Placement;
use crate::record::Batch;

/// Appends that wait to be stored. Their bytes have the log's own limit; this bounds what comes with each.
const WAITING_MAX: usize = 64 * 1024;

/// What the door asks of the replica.
pub(super) enum Order {
    Append {
        batch: Batch,
        answer: oneshot::Sender<Result<Placement, AppendError>>,
    },
    Trim {
        to: Offset,
        answer: oneshot::Sender<Result<Offset, ReadError>>,
    },
    /// Close the log, and end.
    Stop {
        done: oneshot::Sender<()>,
    },
}

impl Order {
    /// What a replica without a door does.
    fn nobody_is_left() -> Self {
        Self::Stop { done: oneshot::channel().0 }
    }
}

/// An append (or a duplicate of one) that is acknowledged when all below `end` is stored.
struct Waiting {
    end: Offset,
    placement: Placement,
    answer: oneshot::Sender<Result<Placement, AppendError>>,
}

pub(super) struct Replica {
    log: Log,
    epoch: Epoch,
    config: LogConfig,
    extents: Arc<Extents>,
    /// In the order of `end`, but for duplicates, which wait behind what was there when they came.
    waiting: VecDeque<Waiting>,
    trims: VecDeque<(Offset, oneshot::Sender<Result<Offset, ReadError>>)>,
}

impl Replica {
    pub(super) fn new(log: Log, epoch: Epoch, config: LogConfig, extents: Arc<Extents>) -> Self {
        Self { log, epoch, config, extents, waiting: VecDeque::new(), trims: VecDeque::new() }
    }

    /// Until the door is gone, or the disk fails.
    pub(super) async fn run(
        mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        mut events: mpsc::UnboundedReceiver<LogEvent>,
    ) {
        loop {
            tokio::select! { biased;
                Some(event) = events.recv() => {
                    if let Err(why) = self.observe(event) {
                        return self.stop(&why);
                    }
                }
                order = orders.recv() => {
                    let mut next = order.unwrap_or(Order::nobody_is_left());
                    loop {
                        match next {
                            Order::Append { batch, answer } => self.append(&batch, answer),
                            Order::Trim { to, answer } => self.trim(to, answer),
                            Order::Stop { done } => {
                                self.close().await;
                                let _ = done.send(());
                                return;
                            }
                        }
                        let Ok(queued) = orders.try_recv() else { break };
                        next = queued;
                    }
                }
            }
            self.extents.publish(&self.log);
        }
    }

    fn append(&mut self, batch: &Batch, answer: oneshot::Sender<Result<Placement, AppendError>>) {
        match self.place(batch) {
            Ok((placement, end)) => self.waiting.push_back(Waiting { end, placement, answer }),
            // A caller who has gone away does not hear it.
            Err(refusal) => drop(answer.send(Err(refusal.into()))),
        }
        // A duplicate may be stored already.
        self.acknowledge();
    }

    /// Appends, or finds the batch in the log already. Returns where it lies, and what must be stored for it.
    fn place(&mut self, batch: &Batch) -> Result<(Placement, Offset), Refusal> {
        if batch.is_control() {
            return Err(Refusal::Corrupt("control batches are not for clients to write".to_owned()));
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(Refusal::Overloaded);
        }
        let count = batch.record_count();
        match batch.producer().map(|stamp| self.log.producers().check(stamp, count)) {
            Some(SequenceCheck::Duplicate { placement, end }) => return Ok((placement, end)),
            Some(SequenceCheck::Refused(refusal)) => return Err(refusal),
            Some(SequenceCheck::Next) | None => {}
        }
        let placement = self.log.append(batch, self.epoch).map_err(|error| self.refusal(error))?;
        Ok((placement, placement.base.plus(count)))
    }

    fn refusal(&self, error: LogError) -> Refusal {
        match error {
            LogError::Overloaded => Refusal::Overloaded,
            LogError::NoSpace(_) => Refusal::NoSpace,
            LogError::TooLarge(size) => Refusal::TooLarge { size, limit: self.config.batch_bytes_max },
            LogError::Batch(error) => Refusal::Corrupt(error.to_string()),
            LogError::Poisoned(_)
            | LogError::Gap { .. }
            | LogError::OutOfRange { .. }
            | LogError::Disk(_)
            | LogError::Damaged { .. } => Refusal::Stopped(error.to_string()),
        }
    }

    fn trim(&mut self, to: Offset, answer: oneshot::Sender<Result<Offset, ReadError>>) {
        let (start, high) = (self.log.start(), self.log.stored());
        let refused = if to > high {
            Some(Err(ReadError::OutOfRange { asked: to, start, end: high }))
        } else if to <= start {
            Some(Ok(start))
        } else {
            self.log.trim(to).err().map(|error| Err(super::read_error(&error)))
        };
        match refused {
            Some(outcome) => drop(answer.send(outcome)),
            None => self.trims.push_back((to, answer)),
        }
    }

    fn observe(&mut self, event: LogEvent) -> Result<(), String> {
        match self.log.observe(event) {
            Some(LogEvent::Failed(why)) => return Err(why),
            Some(LogEvent::Stored { .. }) => self.acknowledge(),
            Some(LogEvent::Trimmed { to, .. }) => {
                while let Some((_, answer)) = self.trims.pop_front_if(|(asked, _)| *asked <= to) {
                    drop(answer.send(Ok(to)));
                }
            }
            Some(LogEvent::Truncated { .. } | LogEvent::Full(_) | LogEvent::Roomy) | None => {}
        }
        Ok(())
    }

    /// Answers what is stored by now.
    fn acknowledge(&mut self) {
        let stored = self.log.stored();
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.end <= stored) {
            drop(waiting.answer.send(Ok(waiting.placement)));
        }
    }

    /// Ends in order: the next start need not read the log again to know that it is whole.
    async fn close(self) {
        self.extents.stopped("it was stopped");
        if let Err(error) = self.log.close().await {
            tracing::warn!(%error, "the log was not closed in order");
        }
    }

    /// The disk has failed: what waits may or may not be on it.
    fn stop(self, why: &str) {
        tracing::error!(why, "the replica stops");
        self.extents.stopped(why);
        for waiting in self.waiting {
            drop(waiting.answer.send(Err(Doubt::Stopped(why.to_owned()).into())));
        }
        for (_, answer) in self.trims {
            drop(answer.send(Err(ReadError::Stopped(why.to_owned()))));
        }
    }
}
