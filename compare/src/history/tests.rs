//! Tests of what is recorded, what is refused, and that a history survives its file.

use std::sync::Arc;
use std::time::Duration;

use partition::clock::{Clock, Moment};
use partition::error::{AppendError, Doubt, ReadError, Refusal};
use partition::ids::{Epoch, ProducerId, Sequence};
use partition::partition::{Acks, Appended, Fetched, Placement, Tail as TailAnswer};
use partition::record::{BatchBuilder, Batches, ControlKind};

use super::*;

const CLIENT: ClientId = ClientId(1);

fn event(number: u64) -> Event {
    Event { number: EventNumber(number), at: Moment(number * 10) }
}

fn appended(invoked: u64, returned: u64, value: u64) -> Operation {
    let outcome = Outcome::Acked { base: Offset(value), epoch: Some(Epoch(2)) };
    let (values, sender) = (vec![Value(value)], Sender::Plain);
    let append = Append { values, acks: Acks::Committed, sender, attempts: 1, outcome };
    let (invoked, returned) = (event(invoked), Some(event(returned)));
    Operation { client: CLIENT, invoked, returned, action: Action::Append(append) }
}

fn placed(base: u64) -> Result<Appended, AppendError> {
    Ok(Appended::Placed(Placement { base: Offset(base), epoch: Epoch(3) }))
}

/// Values 10 and 11 at offsets 3 and 4, then a control batch at 5.
fn fetched() -> Fetched {
    let mut builder = BatchBuilder::new(0);
    builder.push_value(&Value(10).bytes());
    builder.push_value(&Value(11).bytes());
    let batch = builder.build().placed(Offset(3), Epoch(1));
    let control = BatchBuilder::control(0, ControlKind::Blank, b"").placed(Offset(5), Epoch(2));
    let bytes = [batch.bytes().as_ref(), control.bytes().as_ref()].concat();
    let batches = Batches::unverified(bytes.into());
    Fetched { batches, log_start: Offset(1), high_watermark: Offset(6) }
}

/// Each kind of operation, answered and not.
async fn recorded() -> History {
    let recorder = Recorder::new(Clock::simulated(), Recording::default());
    let append = |value, sender| recorder.append(CLIENT, vec![Value(value)], Acks::Committed, sender);
    let unanswered = append(1, Sender::Plain);
    append(2, Sender::Idempotent).answered(&placed(7));
    append(3, Sender::Plain).answered(&Err(AppendError::NotAppended(Refusal::Overloaded)));
    let mut again = append(4, Sender::Plain);
    again.sent_again();
    again.answered(&Err(AppendError::Unknown(Doubt::Timeout)));
    recorder
        .append(CLIENT, vec![Value(5), Value(6)], Acks::Nobody, Sender::Plain)
        .answered(&Ok(Appended::Unplaced));
    recorder.tail(CLIENT).answered(&Ok(TailAnswer { offset: Offset(8), epoch: Epoch(1) }));
    recorder.read(CLIENT, Offset(4), View::Committed).answered(&Ok(fetched())).unwrap();
    recorder.read(CLIENT, Offset(4), View::Linearizable).answered(&Err(ReadError::Timeout)).unwrap();
    recorder.trim(CLIENT, Offset(2)).answered(&Ok(Offset(2)));
    drop(unanswered);
    recorder.with(|recording| recording.history()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_recorded_as_what_it_proves() {
    let history = recorded().await;
    let outcomes: Vec<(Outcome, u32)> = history
        .operations()
        .iter()
        .filter_map(|operation| match &operation.action {
            Action::Append(append) => Some((append.outcome, append.attempts)),
            _ => None,
        })
        .collect();
    let acked = Outcome::Acked { base: Offset(7), epoch: Some(Epoch(3)) };
    let expected =
        [(Outcome::Unknown, 1), (acked, 1), (Outcome::Failed, 1), (Outcome::Unknown, 2), (Outcome::Sent, 1)];
    assert_eq!(outcomes, expected);
    assert_eq!(history.operations()[0].returned, None);
    let Action::Read(read) = &history.operations()[6].action else { panic!("not a read") };
    let seen = read.seen.as_ref().unwrap();
    let records = [(Offset(4), Some(Value(11))), (Offset(5), None)].map(Sighting::from);
    assert_eq!(seen.records, records, "from the offset asked for, control records as such");
    assert_eq!((seen.log_start, seen.high_watermark), (Offset(1), Some(Offset(6))));
}

#[tokio::test(start_paused = true)]
async fn an_old_duplicate_was_appended_though_it_is_refused() {
    let recorder = Recorder::new(Clock::simulated(), Recording::default());
    let refusal = Refusal::AncientDuplicate { producer: ProducerId(1), found: Sequence(1) };
    let call = recorder.append(CLIENT, vec![Value(1)], Acks::Committed, Sender::Idempotent);
    call.answered(&Err(AppendError::NotAppended(refusal)));
    let history = recorder.with(|recording| recording.history()).unwrap();
    let Action::Append(append) = &history.operations()[0].action else { panic!("not an append") };
    assert_eq!(append.outcome, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_read_of_several_answers_is_one_read() {
    let recorder = Recorder::new(Clock::simulated(), Recording::default());
    let mut call = recorder.read(CLIENT, Offset(4), View::Final);
    assert_eq!(call.fetched(&fetched()).unwrap(), Offset(6));
    assert_eq!(call.fetched(&Fetched::empty(Offset(1), Offset(6))).unwrap(), Offset(6));
    call.ended();
    let history = recorder.with(|recording| recording.history()).unwrap();
    let Action::Read(read) = &history.operations()[0].action else { panic!("not a read") };
    assert_eq!(read.seen.as_ref().unwrap().records.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn events_of_one_virtual_moment_still_have_an_order() {
    let recorder = Recorder::new(Clock::simulated(), Recording::default());
    let (one, other) = (recorder.tail(CLIENT), recorder.tail(ClientId(2)));
    other.answered(&Err(ReadError::Timeout));
    tokio::time::advance(Duration::from_millis(1)).await;
    one.answered(&Err(ReadError::Timeout));
    let history = recorder.with(|recording| recording.history()).unwrap();
    let [one, other] = history.operations() else { panic!("two operations") };
    assert_eq!([one.invoked, other.invoked].map(|event| event.number.0), [0, 1]);
    assert_eq!(one.invoked.at, other.invoked.at);
    assert_eq!([other, one].map(|operation| operation.returned.unwrap().number.0), [2, 3]);
}

#[test]
fn threads_record_into_one_order() {
    const THREADS: u64 = 4;
    const APPENDS: u64 = 200;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let recorder = runtime.block_on(async { Recorder::new(Clock::real(), Recording::default()) });
    let gate = Arc::new(std::sync::Barrier::new(4));
    let threads = (0..THREADS).map(|thread| {
        let (recorder, gate) = (recorder.clone(), Arc::clone(&gate));
        std::thread::spawn(move || {
            gate.wait();
            for number in 0..APPENDS {
                let values = vec![Value(thread * APPENDS + number)];
                let call = recorder.append(CLIENT, values, Acks::Committed, Sender::Plain);
                call.answered(&placed(number));
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    let history = recorder.with(|recording| recording.history()).unwrap();
    assert_eq!(history.operations().len() as u64, THREADS * APPENDS);
    assert!(history.operations().iter().all(|operation| operation.returned.is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_history_reads_back_from_json_as_it_was() {
    let mut history = recorded().await;
    history.retention = Retention::Policy;
    history.gaps = Gaps::Allowed;
    let mut text = Vec::new();
    history.write_json(&mut text).unwrap();
    assert_eq!(History::from_json(std::str::from_utf8(&text).unwrap()).unwrap(), history);
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), history.operations().len() + 2);
}

#[test]
fn what_cannot_be_judged_is_refused_with_a_reason() {
    let refused = |operations: Vec<Operation>, reason: &str| {
        let error = History::new(operations).unwrap_err().to_string();
        assert!(error.contains(reason), "{error:?} does not say {reason:?}");
    };
    refused(vec![appended(0, 1, 1), appended(1, 2, 2)], "event 1 occurs twice");
    refused(vec![appended(1, 0, 1)], "not later");
    refused(vec![appended(0, 1, 1), appended(2, 3, 1)], "value 1 is sent by two appends");
    refused(vec![appended(0, 1, 1 << 63)], "the largest is");
    let mut empty = appended(0, 1, 1);
    let Action::Append(append) = &mut empty.action else { panic!("an append") };
    append.values.clear();
    refused(vec![empty], "no values");
    let last = |at| {
        let read = Read { from: Some(Offset(0)), view: View::Final, seen: None };
        Operation { action: Action::Read(read), ..appended(at, at + 1, 0) }
    };
    refused(vec![last(0), last(2)], "both final reads");
    for (text, reason) in [
        ("[]", "not a history in JSON"),
        (r#"{"version":9,"operations":[]}"#, "version 9"),
        (r#"{"version":1,"operations":[{}]}"#, "missing field"),
    ] {
        let error = History::from_json(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{error:?} does not say {reason:?}");
    }
}

/// Two appends at once, one of them unknown; a read that begins elsewhere; and what the workload has no word for.
#[test]
fn a_history_in_the_words_of_jepsen() {
    let history = History::from_json(include_str!("tests/small.json")).unwrap();
    let mut text = Vec::new();
    history.write_edn(&mut text).unwrap();
    assert_eq!(std::str::from_utf8(&text).unwrap(), include_str!("tests/small.edn"));
}

/// The same file is what a user can hand over; it is judged as it looks.
#[test]
fn the_small_history_is_kept() {
    let history = History::from_json(include_str!("tests/small.json")).unwrap();
    let report = crate::checker::check(&history);
    assert_eq!(report.verdict, crate::checker::Verdict::Kept, "{report}");
}
