//! PURE: the batches that are on their way, in the order of their sequences.
//!
//! ```text
//!   gathered ──> [ sent | sent | sent ] ──> delivered, or failed
//!                   │ failed once: those behind it wait until it is settled, and nothing new leaves
//!                   v
//!                again, one by one, with the stamps they have
//! ```
//! A batch that fails for good leaves a hole in the sequence, which no later batch can pass. Then nothing new leaves until
//! each batch is settled or certainly in no log; the epoch is raised, and those go again, in order, from sequence 0 on.
//!
//! The first batch of an epoch goes alone: a partition that does not know the producer may take any sequence for its beginning,
//! so a later batch that overtakes the first on its way would shut that out (H-10).

use std::collections::VecDeque;
use std::time::Duration;

use super::config::{InFlight, ProducerConfig, Repeats};
use super::error::{Failure, SendError};
use super::gather::{Gathered, Serial};
use super::identity::Identity;
use super::verdict::{Place, SequenceState, Situation, Verdict};
use crate::clock::Moment;
use crate::error::{AppendError, Doubt};
use crate::ids::ProducerEpoch;
use crate::partition::{Acks, Appended};
use crate::record::{Batch, Packing};

/// An attempt to be made now.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) serial: Serial,
    pub(super) batch: Batch,
    pub(super) timeout: Duration,
}

/// Records whose fate is known, and who waits for each of them.
#[derive(Debug)]
pub(super) struct Settled<W> {
    pub(super) waiters: Vec<W>,
    pub(super) outcome: Result<Appended, SendError>,
}

#[derive(Debug)]
struct Pending<W> {
    serial: Serial,
    batch: Batch,
    waiters: Vec<W>,
    deadline: Moment,
    state: State,
    /// Attempts that failed under the stamp it has.
    failures: u32,
    doubt: Option<Doubt>,
    last: Option<AppendError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// An attempt is being made.
    Sent,
    /// An attempt is to be made then.
    Ready { at: Moment },
    /// In no log, and not to be sent before the epoch is raised.
    Parked,
}

/// The batches on their way.
#[derive(Debug)]
pub(super) struct Window<W> {
    config: ProducerConfig,
    identity: Option<Identity>,
    batches: VecDeque<Pending<W>>,
    sequence: SequenceState,
    standing: Standing,
    fenced: Option<ProducerEpoch>,
}

/// Whether the partition knows this producer in its epoch of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// No batch of it was acknowledged yet.
    Unknown,
    Known,
}

impl<W> Window<W> {
    /// Without an identity, nothing is stamped.
    pub(super) fn new(config: &ProducerConfig, identity: Option<Identity>) -> Self {
        Self {
            config: config.clone(),
            batches: VecDeque::new(),
            sequence: SequenceState::Whole,
            standing: if identity.is_some() { Standing::Unknown } else { Standing::Known },
            identity,
            fenced: None,
        }
    }

    /// Whether another batch may leave: none is to be sent again, for that one could not wait for it.
    pub(super) fn takes_more(&self) -> bool {
        self.sequence == SequenceState::Whole
            && self.fenced.is_none()
            && self.batches.len() < self.in_flight()
            && self.batches.iter().all(|pending| pending.failures == 0)
    }

    fn in_flight(&self) -> usize {
        match self.standing {
            Standing::Known => self.config.in_flight.get(),
            Standing::Unknown => InFlight::ONE.get(),
        }
    }

    /// Takes a batch in: here its place in the sequence is fixed.
    pub(super) fn admit(&mut self, gathered: Gathered<W>, now: Moment) {
        let Gathered { serial, mut builder, waiters, deadline, .. } = gathered;
        if let Some(identity) = &mut self.identity {
            let stamp = identity.stamp(builder.record_count());
            builder = builder.stamped(stamp);
        }
        let batch = match self.config.packing {
            Packing::Plain => builder.build(),
            packing => builder.build_packed(packing.compression(), |records| packing.pack(records)),
        };
        let state = State::Ready { at: now };
        self.batches.push_back(Pending {
            serial,
            batch,
            waiters,
            deadline,
            state,
            failures: 0,
            doubt: None,
            last: None,
        });
    }

    /// The next attempt to be made now.
    pub(super) fn next_attempt(&mut self, now: Moment) -> Option<Attempt> {
        let at = self.next_ready().filter(|(_, at)| *at <= now)?.0;
        let pending = &mut self.batches[at];
        pending.state = State::Sent;
        let timeout = pending.deadline.since(now).min(self.config.attempt);
        Some(Attempt { serial: pending.serial, batch: pending.batch.clone(), timeout })
    }

    /// The first batch that waits to be sent, if nothing before it stands in its way: what is sent again does not keep
    /// its order with what is sent behind it.
    fn next_ready(&self) -> Option<(usize, Moment)> {
        let seen = match self.standing {
            Standing::Known => self.batches.len(),
            Standing::Unknown => InFlight::ONE.get(),
        };
        for (index, pending) in self.batches.iter().enumerate().take(seen) {
            match pending.state {
                State::Ready { at } if pending.failures == 0 || self.place(index) == Place::First => {
                    return Some((index, at));
                }
                State::Ready { .. } => return None,
                State::Sent if pending.failures > 0 => return None,
                State::Sent | State::Parked => {}
            }
        }
        None
    }

    fn place(&self, index: usize) -> Place {
        let before = self.batches.iter().take(index);
        match before.into_iter().all(|pending| pending.state == State::Parked) {
            true => Place::First,
            false => Place::Behind,
        }
    }

    /// The answer to an attempt; of a batch that was given up meanwhile, it concerns nobody.
    pub(super) fn answered(
        &mut self,
        serial: Serial,
        outcome: Result<Appended, AppendError>,
        now: Moment,
    ) -> Vec<Settled<W>> {
        let Some(index) = self.batches.iter().position(|pending| pending.serial == serial) else {
            return Vec::new();
        };
        let place = self.place(index);
        let pending = &mut self.batches[index];
        if let Err(error) = &outcome {
            pending.last = Some(error.clone());
            if let AppendError::Unknown(doubt) = error {
                pending.doubt = Some(doubt.clone());
            }
        }
        let Self { config, sequence, .. } = self;
        let (acks, repeats) = (config.acks, config.repeats);
        let situation =
            Situation { acks, repeats, place, sequence: *sequence, doubt: pending.doubt.as_ref() };
        let pause = config.backoff_max.min(config.backoff_min * 2_u32.pow(pending.failures.min(16)));
        let settled = match situation.verdict(outcome) {
            Verdict::Delivered(appended) => {
                self.standing = Standing::Known;
                self.settle(index, Ok(appended)).into_iter().collect()
            }
            Verdict::Again => {
                pending.failures += 1;
                pending.state = State::Ready { at: now.after(pause) };
                Vec::new()
            }
            Verdict::AfterEarlier => {
                pending.failures += 1;
                pending.state = State::Ready { at: now };
                Vec::new()
            }
            Verdict::Anew => {
                pending.state = State::Parked;
                self.sequence = SequenceState::Broken;
                Vec::new()
            }
            Verdict::Fail(failure) => self.fail(index, failure).into_iter().collect(),
            Verdict::Fenced(current) => {
                pending.state = State::Parked;
                self.fence(current)
            }
        };
        let late = self.take_late(now);
        self.mend(now);
        settled.into_iter().chain(late).collect()
    }

    /// Gives up what is late, unless an attempt is being made: that one has the same deadline.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<Settled<W>> {
        let late = self.take_late(now);
        self.mend(now);
        late
    }

    fn take_late(&mut self, now: Moment) -> Vec<Settled<W>> {
        let mut settled = Vec::new();
        let is_late = |pending: &Pending<W>| pending.state != State::Sent && pending.deadline <= now;
        while let Some(index) = self.batches.iter().position(is_late) {
            let last = self.batches[index].last.clone();
            settled.extend(self.fail(index, Failure::Late { last }));
        }
        settled
    }

    fn fail(&mut self, index: usize, failure: Failure) -> Option<Settled<W>> {
        if self.identity.is_some() {
            self.sequence = SequenceState::Broken;
        }
        let in_doubt = self.batches[index].doubt.is_some();
        // It was appended once, whoever did it, as far as the leader knows.
        let appeared = failure == Failure::Ancient;
        let error = match in_doubt || appeared {
            true => SendError::Unknown(failure),
            false => SendError::NotAppended(failure),
        };
        self.settle(index, Err(error))
    }

    fn settle(&mut self, index: usize, outcome: Result<Appended, SendError>) -> Option<Settled<W>> {
        let Pending { waiters, .. } = self.batches.remove(index)?;
        Some(Settled { waiters, outcome })
    }

    /// Gives up all there is: each as it stands, and what is being attempted in doubt.
    fn fence(&mut self, current: ProducerEpoch) -> Vec<Settled<W>> {
        self.fenced = Some(current);
        let fate = |pending: Pending<W>| {
            let failure = Failure::Fenced { current };
            let outcome = match pending.doubt.is_some() || pending.state == State::Sent {
                true => Err(SendError::Unknown(failure)),
                false => Err(SendError::NotAppended(failure)),
            };
            Settled { waiters: pending.waiters, outcome }
        };
        self.batches.drain(..).map(fate).collect()
    }

    /// Who has taken this producer's place.
    pub(super) fn fenced_by(&self) -> Option<ProducerEpoch> {
        self.fenced
    }

    /// Once all that is left is certainly in no log, it goes again, in a new epoch.
    fn mend(&mut self, now: Moment) {
        let Some(identity) = &mut self.identity else { return };
        let parked = self.batches.iter().all(|pending| pending.state == State::Parked);
        if self.sequence == SequenceState::Whole || !parked || self.fenced.is_some() {
            return;
        }
        identity.raise();
        self.standing = Standing::Unknown;
        for pending in &mut self.batches {
            let stamp = identity.stamp(pending.batch.record_count());
            pending.batch = pending.batch.stamped_anew(stamp);
            pending.state = State::Ready { at: now.after(self.config.backoff_min) };
            pending.failures = 0;
        }
        self.sequence = SequenceState::Whole;
    }

    /// When something is to be done though nothing is answered.
    pub(super) fn wakes_at(&self) -> Option<Moment> {
        let ready = self.next_ready().map(|(_, at)| at);
        let waiting = self.batches.iter().filter(|pending| pending.state != State::Sent);
        ready.into_iter().chain(waiting.map(|pending| pending.deadline)).min()
    }

    /// The oldest batch on its way.
    pub(super) fn oldest(&self) -> Option<Serial> {
        self.batches.front().map(|pending| pending.serial)
    }

    /// Whether what is delivered can be heard of at all, and so repeated.
    pub(super) fn stamps(acks: Acks, repeats: Repeats) -> bool {
        acks != Acks::Nobody && matches!(repeats, Repeats::Once | Repeats::OnceAs(..))
    }
}
