//! Numbers what clients ask and are told, from any thread, in virtual time and for real.

use std::fmt;
use std::sync::{Arc, Mutex};

use partition::clock::Clock;
use partition::error::{AppendError, ReadError, Refusal};
use partition::ids::Offset;
use partition::partition::{Acks, Appended, Fetched, Tail as TailAnswer};

use super::number::{ClientId, Event, EventNumber, Value};
use super::operation::{Action, Append, Operation, Outcome, Read, Sender, Sighting, Tail, Trim, View};
use super::recording::Recording;

/// Who is told what happens, one event after another.
pub trait Witness: Send + 'static {
    /// A client asked; its outcome is not known yet.
    fn invoked(&mut self, operation: &Operation);

    /// A client sent its append once more, on its own account.
    fn sent_again(&mut self, invoked: EventNumber);

    /// A client was told.
    fn returned(&mut self, operation: Operation);
}

/// Numbers events and passes them to its witness. Clones record into the same history.
///
/// Each method that begins an operation records its invocation; what it returns records the answer. Dropping that
/// without an answer leaves the operation as one that never returned.
pub struct Recorder<W = Recording> {
    clock: Clock,
    shared: Arc<Mutex<Shared<W>>>,
}

struct Shared<W> {
    next: EventNumber,
    witness: W,
}

/// What was read is no evidence: the answer is not made of sound records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a read returned what cannot be read: {0}")]
pub struct Unreadable(String);

impl<W: Witness> Recorder<W> {
    /// A recorder that times events by this clock.
    pub fn new(clock: Clock, witness: W) -> Self {
        Self { clock, shared: Arc::new(Mutex::new(Shared { next: EventNumber(0), witness })) }
    }

    /// Looks at the witness; nothing is recorded meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&mut W) -> T) -> T {
        look(&mut self.shared.lock().expect("no witness panics").witness)
    }

    /// A client is about to append a batch of these values.
    #[must_use = "it records the answer"]
    pub fn append(&self, client: ClientId, values: Vec<Value>, acks: Acks, sender: Sender) -> AppendCall<W> {
        let append = Append { values, acks, sender, attempts: 1, outcome: Outcome::Unknown };
        AppendCall { call: self.invoke(client, Action::Append(append.clone())), append }
    }

    /// A client is about to ask for the linearizable tail.
    #[must_use = "it records the answer"]
    pub fn tail(&self, client: ClientId) -> TailCall<W> {
        TailCall { call: self.invoke(client, Action::Tail(Tail { length: None })) }
    }

    /// A client is about to read from an offset.
    #[must_use = "it records the answer"]
    pub fn read(&self, client: ClientId, from: Offset, view: View) -> ReadCall<W> {
        let read = Read { from: Some(from), view, seen: None };
        ReadCall { call: self.invoke(client, Action::Read(read.clone())), read }
    }

    /// A client is about to trim.
    #[must_use = "it records the answer"]
    pub fn trim(&self, client: ClientId, to: Offset) -> TrimCall<W> {
        TrimCall { call: self.invoke(client, Action::Trim(Trim { to, start: None })), to }
    }

    fn invoke(&self, client: ClientId, action: Action) -> Call<W> {
        let mut shared = self.shared.lock().expect("no witness panics");
        let invoked = shared.event(&self.clock);
        shared.witness.invoked(&Operation { client, invoked, returned: None, action });
        drop(shared);
        Call { recorder: self.clone(), client, invoked }
    }
}

impl<W> Shared<W> {
    fn event(&mut self, clock: &Clock) -> Event {
        let event = Event { number: self.next, at: clock.now() };
        self.next = EventNumber(self.next.0 + 1);
        event
    }
}

/// An operation under way.
#[derive(Debug)]
struct Call<W> {
    recorder: Recorder<W>,
    client: ClientId,
    invoked: Event,
}

impl<W: Witness> Call<W> {
    fn answer(self, action: Action) {
        let mut shared = self.recorder.shared.lock().expect("no witness panics");
        let returned = Some(shared.event(&self.recorder.clock));
        let Self { client, invoked, .. } = self;
        shared.witness.returned(Operation { client, invoked, returned, action });
    }
}

/// An append under way.
#[derive(Debug)]
pub struct AppendCall<W = Recording> {
    call: Call<W>,
    append: Append,
}

impl<W: Witness> AppendCall<W> {
    /// The client sends it once more, on its own account: without a producer id it may now be appended twice.
    pub fn sent_again(&mut self) {
        self.append.attempts += 1;
        let mut shared = self.call.recorder.shared.lock().expect("no witness panics");
        shared.witness.sent_again(self.call.invoked.number);
    }

    /// What the partition answered.
    pub fn answered(self, answer: &Result<Appended, AppendError>) {
        let outcome = match answer {
            Ok(Appended::Placed(placed)) => Outcome::Acked { base: placed.base, epoch: Some(placed.epoch) },
            Ok(Appended::Unplaced) => Outcome::Sent,
            // Refused because it was appended before, so it may be seen.
            Err(AppendError::NotAppended(Refusal::AncientDuplicate { .. })) => Outcome::Unknown,
            Err(error) if error.may_appear() => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        self.ended(outcome);
    }

    /// What the client concluded.
    pub fn ended(mut self, outcome: Outcome) {
        self.append.outcome = outcome;
        self.call.answer(Action::Append(self.append));
    }
}

/// A question for the tail under way.
#[derive(Debug)]
pub struct TailCall<W = Recording> {
    call: Call<W>,
}

impl<W: Witness> TailCall<W> {
    /// What the partition answered.
    pub fn answered(self, answer: &Result<TailAnswer, ReadError>) {
        let length = answer.as_ref().ok().map(|tail| tail.offset);
        self.call.answer(Action::Tail(Tail { length }));
    }
}

/// A read under way: one request, or as many as it takes.
#[derive(Debug)]
pub struct ReadCall<W = Recording> {
    call: Call<W>,
    read: Read,
}

impl<W: Witness> ReadCall<W> {
    /// What the partition answered to the only request.
    ///
    /// # Errors
    /// [`Unreadable`] when that is not made of sound records; the read is recorded as not answered.
    pub fn answered(mut self, answer: &Result<Fetched, ReadError>) -> Result<(), Unreadable> {
        match answer {
            Ok(fetched) => {
                self.fetched(fetched)?;
                self.ended();
            }
            Err(_) => self.failed(),
        }
        Ok(())
    }

    /// Adds one of several answers, and tells where to go on; the read is under way until it has ended.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not made of sound records.
    pub fn fetched(&mut self, fetched: &Fetched) -> Result<Offset, Unreadable> {
        let seen = self.read.seen.get_or_insert_default();
        let from = seen.end().or(self.read.from).unwrap_or_default();
        seen.records.extend(sightings(fetched, from)?);
        seen.log_start = seen.log_start.max(fetched.log_start);
        seen.high_watermark = Some(fetched.high_watermark);
        Ok(seen.end().unwrap_or(from))
    }

    /// It has seen all it was to see.
    pub fn ended(mut self) {
        self.read.seen.get_or_insert_default();
        self.call.answer(Action::Read(self.read));
    }

    /// It was not answered; what it saw before counts for nothing.
    pub fn failed(mut self) {
        self.read.seen = None;
        self.call.answer(Action::Read(self.read));
    }
}

/// A trim under way.
#[derive(Debug)]
pub struct TrimCall<W = Recording> {
    call: Call<W>,
    to: Offset,
}

impl<W: Witness> TrimCall<W> {
    /// What the partition answered.
    pub fn answered(self, answer: &Result<Offset, ReadError>) {
        let start = answer.as_ref().ok().copied();
        self.call.answer(Action::Trim(Trim { to: self.to, start }));
    }
}

/// Every offset of an answer from `from` on, control batches among them.
fn sightings(fetched: &Fetched, from: Offset) -> Result<Vec<Sighting>, Unreadable> {
    let mut seen = Vec::new();
    for batch in fetched.batches.iter() {
        let batch = batch.map_err(|error| Unreadable(error.to_string()))?;
        if batch.is_control() {
            let offsets = batch.base_offset().0..batch.next_offset().0;
            seen.extend(offsets.map(|offset| Sighting { offset: Offset(offset), value: None }));
            continue;
        }
        for record in batch.records() {
            let record = record.map_err(|error| Unreadable(error.to_string()))?;
            let value = Some(Value::of(&record.value.unwrap_or_default()));
            seen.push(Sighting { offset: record.offset, value });
        }
    }
    seen.retain(|sighting| sighting.offset >= from);
    Ok(seen)
}

impl<W> Clone for Recorder<W> {
    fn clone(&self) -> Self {
        Self { clock: self.clock.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<W> fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}
