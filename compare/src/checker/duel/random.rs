//! Small random histories: a log that works, its operations spread over time, and then perhaps a lie or two.

use partition::clock::Moment;
use partition::ids::{Epoch, Offset};
use partition::partition::Acks;
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use crate::history::{
    Action, Append, ClientId, Event, EventNumber, History, Operation, Outcome, Read, Retention, Seen, Sender,
    Sighting, Tail, Value, View,
};

/// Operations before the final read. Every pair of kinds meets, and the search still takes microseconds.
const OPERATIONS_MAX: usize = 6;
/// Lies in a history: so many that about half of the histories are impossible, few enough that it is close.
const TAMPERED_MAX: usize = 4;
/// Records of a batch.
const BATCH_MAX: u64 = 3;

/// An operation and its three moments: asked, done, told.
struct Draft {
    asked: u64,
    done: u64,
    /// None: the client never heard.
    told: Option<u64>,
    action: Action,
}

/// A history with a final read; about half of them are possible.
pub fn random_history(random: &mut StdRng) -> History {
    let mut log = Vec::new();
    let mut drafts: Vec<Draft> =
        (0..random.random_range(1..=OPERATIONS_MAX)).map(|_| draft(random)).collect();
    drafts.sort_by_key(|draft| draft.done);
    let mut next_value = 1;
    for draft in &mut drafts {
        perform(draft, &mut log, &mut next_value, random);
    }
    let start = if chance(random, 10) { random.random_range(0..=log.len()) } else { 0 };
    drafts.push(last_read(&log, start, random));
    let mut operations = number(drafts);
    for _ in 0..random.random_range(0..=TAMPERED_MAX) {
        tamper(&mut operations, random);
    }
    let mut history = History::new(operations).expect("tampering keeps the form");
    history.retention = Retention::Policy;
    history
}

fn chance(random: &mut StdRng, percent: u32) -> bool {
    random.random_range(0..100) < percent
}

/// Times below this are before the final read, mostly.
const HORIZON: u64 = 1_000;

fn draft(random: &mut StdRng) -> Draft {
    let mut moments = [0; 3].map(|_: u64| random.random_range(0..HORIZON));
    moments.sort_unstable();
    let [asked, done, told] = moments;
    let action = match random.random_range(0..10) {
        0..5 => Action::Append(an_append(random)),
        5..7 => Action::Tail(Tail { length: None }),
        _ => Action::Read(Read { from: Some(Offset::ZERO), view: a_view(random), seen: None }),
    };
    Draft { asked, done, told: Some(told), action }
}

fn a_view(random: &mut StdRng) -> View {
    match random.random_range(0..9) {
        0..4 => View::Linearizable,
        4..6 => View::Committed,
        6..8 => View::Follower,
        _ => View::Uncommitted,
    }
}

fn an_append(random: &mut StdRng) -> Append {
    let acks = match random.random_range(0..8) {
        0 => Acks::Leader,
        1 => Acks::Nobody,
        _ => Acks::Committed,
    };
    let sender = if chance(random, 50) { Sender::Idempotent } else { Sender::Plain };
    Append { values: Vec::new(), acks, sender, attempts: 1, outcome: Outcome::Unknown }
}

/// Lets the log do it; the past is `log` cut short.
fn perform(draft: &mut Draft, log: &mut Vec<Option<Value>>, next_value: &mut u64, random: &mut StdRng) {
    match &mut draft.action {
        Action::Append(append) => {
            let count = if chance(random, 30) { random.random_range(2..=BATCH_MAX) } else { 1 };
            append.values = (*next_value..*next_value + count).map(Value).collect();
            *next_value += count;
            let base = Offset(log.len() as u64);
            let fate = random.random_range(0..10);
            if fate > 1 {
                log.extend(append.values.iter().map(|value| Some(*value)));
            }
            append.outcome = match (fate, append.acks) {
                (0, _) => Outcome::Failed,
                (1 | 2, _) => Outcome::Unknown,
                (_, Acks::Nobody) => Outcome::Sent,
                _ => Outcome::Acked { base, epoch: Some(Epoch(1)) },
            };
            if append.outcome == Outcome::Unknown && chance(random, 50) {
                draft.told = None;
            }
            if chance(random, 5) {
                log.push(None);
            }
        }
        Action::Tail(tail) => tail.length = Some(Offset(log.len() as u64)),
        Action::Read(read) => {
            let from = random.random_range(0..=log.len());
            let to = random.random_range(from..=log.len());
            read.from = Some(Offset(from as u64));
            let high_watermark = chance(random, 50).then_some(Offset(log.len() as u64));
            read.seen =
                Some(Seen { records: sightings(log, from, to), log_start: Offset::ZERO, high_watermark });
        }
        Action::Trim(_) => {}
    }
}

fn sightings(log: &[Option<Value>], from: usize, to: usize) -> Vec<Sighting> {
    (from..to).map(|at| Sighting { offset: Offset(at as u64), value: log[at] }).collect()
}

fn last_read(log: &[Option<Value>], start: usize, random: &mut StdRng) -> Draft {
    let seen = Seen {
        records: sightings(log, start, log.len()),
        log_start: Offset(start as u64),
        high_watermark: Some(Offset(log.len() as u64)),
    };
    let read = Read { from: Some(Offset(start as u64)), view: View::Final, seen: Some(seen) };
    let done = HORIZON;
    let asked = if chance(random, 20) { random.random_range(0..HORIZON) } else { done };
    Draft { asked, done, told: Some(done), action: Action::Read(read) }
}

/// Numbers the events in the order of their moments; each operation has a client of its own.
fn number(drafts: Vec<Draft>) -> Vec<Operation> {
    let mut moments: Vec<(u64, usize, u8)> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        moments.push((draft.asked, index, 0));
        moments.extend(draft.told.map(|told| (told, index, 1)));
    }
    moments.sort_unstable();
    let event = |wanted: (u64, usize, u8)| {
        let number = moments.iter().position(|moment| *moment == wanted).expect("it was put there") as u64;
        Event { number: EventNumber(number), at: Moment(wanted.0) }
    };
    let numbered = drafts.into_iter().enumerate().map(|(index, draft)| Operation {
        client: ClientId(u32::try_from(index).expect("a few")),
        invoked: event((draft.asked, index, 0)),
        returned: draft.told.map(|told| event((told, index, 1))),
        action: draft.action,
    });
    numbered.collect()
}

/// Changes one thing that somebody was told, or when.
fn tamper(operations: &mut [Operation], random: &mut StdRng) {
    let index = random.random_range(0..operations.len());
    let nearby = |offset: Offset, random: &mut StdRng| {
        if chance(random, 50) { offset.next() } else { Offset(offset.0.saturating_sub(1)) }
    };
    if chance(random, 30) {
        return exchange_times(operations, index, random);
    }
    match &mut operations[index].action {
        Action::Append(append) => match &mut append.outcome {
            Outcome::Acked { base, .. } => *base = nearby(*base, random),
            outcome @ (Outcome::Unknown | Outcome::Failed) => {
                *outcome = if *outcome == Outcome::Failed { Outcome::Unknown } else { Outcome::Failed };
            }
            Outcome::Sent => {}
        },
        Action::Tail(Tail { length: Some(length) }) => *length = nearby(*length, random),
        Action::Read(Read { seen: Some(seen), .. }) => tamper_with_answer(seen, random),
        Action::Tail(_) | Action::Read(_) | Action::Trim(_) => {}
    }
    let operation = &mut operations[index];
    if operation.returned.is_none() && operation.is_answered() {
        operation.returned = Some(Event { number: EventNumber(HORIZON + index as u64), at: Moment(HORIZON) });
    }
}

fn tamper_with_answer(seen: &mut Seen, random: &mut StdRng) {
    let count = seen.records.len();
    match random.random_range(0..5) {
        0 => drop(seen.records.pop()),
        1 if count > 0 => drop(seen.records.remove(random.random_range(0..count))),
        2 if count > 0 => {
            let value = Some(Value(random.next_u64() % 9));
            seen.records[random.random_range(0..count)].value = value;
        }
        3 if count > 1 => {
            let at = random.random_range(1..count);
            let earlier = seen.records[at - 1].value;
            seen.records[at - 1].value = seen.records[at].value;
            seen.records[at].value = earlier;
        }
        _ => {
            let end = seen.high_watermark.map_or(0, |end| end.0);
            seen.high_watermark = Some(Offset(end.saturating_sub(1)));
        }
    }
}

/// Lets two operations have happened at each other's times.
fn exchange_times(operations: &mut [Operation], one: usize, random: &mut StdRng) {
    let other = random.random_range(0..operations.len());
    // The search does not follow the log start, so a read that shows it stays the last.
    let shows_start = |action: &Action| match action {
        Action::Read(Read { seen: Some(seen), .. }) => seen.log_start > Offset::ZERO,
        _ => false,
    };
    let is_whole = |operation: &Operation| operation.returned.is_some() && !shows_start(&operation.action);
    if is_whole(&operations[one]) && is_whole(&operations[other]) {
        let times = (operations[one].invoked, operations[one].returned);
        operations[one].invoked = operations[other].invoked;
        operations[one].returned = operations[other].returned;
        (operations[other].invoked, operations[other].returned) = times;
    }
}

/// A possible history of so many operations, one in eight a tail, one in eight a read of the last records: for measuring.
#[must_use]
pub fn long_history(operations: u64) -> History {
    const CLIENTS: u64 = 8;
    const READ_BACK: usize = 8;
    let mut log: Vec<Option<Value>> = Vec::new();
    let mut drafts = Vec::new();
    for at in 0..operations {
        let length = Offset(log.len() as u64);
        let action = match at % CLIENTS {
            0 => Action::Tail(Tail { length: Some(length) }),
            1 => {
                let from = log.len().saturating_sub(READ_BACK);
                let records = sightings(&log, from, log.len());
                let seen = Seen { records, log_start: Offset::ZERO, high_watermark: Some(length) };
                Action::Read(Read {
                    from: Some(Offset(from as u64)),
                    view: View::Linearizable,
                    seen: Some(seen),
                })
            }
            _ => {
                let values = vec![Value(at)];
                log.push(Some(values[0]));
                let outcome = Outcome::Acked { base: length, epoch: Some(Epoch(1)) };
                let sender = Sender::Idempotent;
                Action::Append(Append { values, acks: Acks::Committed, sender, attempts: 1, outcome })
            }
        };
        // Each overlaps those of the other clients.
        let (asked, told) = (at * 3, Some(at * 3 + 3 * CLIENTS - 2));
        drafts.push(Draft { asked, done: asked, told, action });
    }
    let seen = Seen { records: sightings(&log, 0, log.len()), ..Seen::default() };
    let action = Action::Read(Read { from: Some(Offset::ZERO), view: View::Final, seen: Some(seen) });
    let asked = operations * 3 + 3 * CLIENTS;
    drafts.push(Draft { asked, done: asked, told: Some(asked + 1), action });
    let numbered = drafts.into_iter().zip(0_u64..).map(|(draft, at)| {
        let event = |moment| Event { number: EventNumber(moment), at: Moment(moment) };
        let client = ClientId(u32::try_from(at % CLIENTS).expect("a few"));
        Operation {
            client,
            invoked: event(draft.asked),
            returned: draft.told.map(event),
            action: draft.action,
        }
    });
    History::new(numbered.collect()).expect("each event and each value occurs once")
}
