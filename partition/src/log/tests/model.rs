//! A log against a plain list, through appends, cuts, trims, full disks, crashes and openings, in any order.
//!
//! The rule under test is the one all else stands on: what was reported as stored is there after a crash, and what is
//! there after a crash is a beginning of what was appended, cut where it was cut.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::error::Refusal;
use crate::fault::DiskFault;
use crate::ids::{Ordinal, ProducerEpoch, ProducerId, RecordCount, Sequence, Timestamp};
use crate::log::checkpoint::Checkpoint;
use crate::log::retention::Retention;
use crate::meta::Checkpoints as _;
use crate::record::ProducerStamp;

fn key() -> String {
    Checkpoint::key(Path::new(DIR))
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Append {
        epoch_step: u32,
        records: u8,
        size: u8,
        producer: u8,
    },
    /// Cuts at a batch boundary so far into the log.
    Truncate {
        percent: u8,
    },
    Trim {
        percent: u8,
    },
    RestartAhead {
        by: u8,
    },
    /// Lets the writer work for a while.
    Wait {
        ms: u8,
    },
    Settle,
    Crash(CrashKind),
    Reopen,
    /// Gives up what retention by bytes would.
    Retain,
    /// The disk has no room, until it is asked for again: by what must go on, or by this.
    Full,
    Freed,
    /// Keeps a copy of the checkpoints.
    Remember,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum CrashKind {
    /// All that was not synced is lost.
    Clean,
    /// Some of it is kept, torn and out of order; the checkpoints may be lost.
    Midway { seed: u64, checkpoints: Checkpoints },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Checkpoints {
    Kept,
    Lost,
    /// They are those of the last time that the log was remembered.
    Old,
}

fn op() -> impl Strategy<Value = Op> {
    let append = (0..20_u32, 1..4_u8, 0..200_u8, 0..3_u8).prop_map(|(step, records, size, producer)| {
        Op::Append { epoch_step: step.saturating_sub(17), records, size, producer }
    });
    let checkpoints = prop_oneof![
        3 => Just(Checkpoints::Kept),
        1 => Just(Checkpoints::Lost),
        2 => Just(Checkpoints::Old),
    ];
    let midway =
        (any::<u64>(), checkpoints).prop_map(|(seed, checkpoints)| CrashKind::Midway { seed, checkpoints });
    prop_oneof![
        20 => append,
        2 => (0..=100_u8).prop_map(|percent| Op::Truncate { percent }),
        2 => (0..=100_u8).prop_map(|percent| Op::Trim { percent }),
        1 => (0..5_u8).prop_map(|by| Op::RestartAhead { by }),
        6 => (0..6_u8).prop_map(|ms| Op::Wait { ms }),
        3 => Just(Op::Settle),
        2 => prop_oneof![Just(CrashKind::Clean), midway].prop_map(Op::Crash),
        1 => Just(Op::Reopen),
        2 => Just(Op::Retain),
        1 => Just(Op::Full),
        1 => Just(Op::Freed),
        2 => Just(Op::Remember),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    batch: Batch,
    ordinal: Ordinal,
}

/// What the log should hold, and how much of it is promised.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// All batches since the log began or was emptied; those below `start` are no longer asked for.
    entries: Vec<Entry>,
    start: Offset,
    start_ordinal: Ordinal,
    begins: (Offset, Ordinal),
    stored: Offset,
    /// Sequences are checked only while the table knows all.
    whole: bool,
}

impl Model {
    pub(super) fn new() -> Self {
        let begins = (Offset::ZERO, Ordinal::ZERO);
        Self {
            entries: Vec::new(),
            start: begins.0,
            start_ordinal: begins.1,
            begins,
            stored: begins.0,
            whole: true,
        }
    }

    fn end(&self) -> (Offset, Ordinal) {
        self.entries.last().map_or(self.begins, |last| (last.batch.next_offset(), last.ordinal.next()))
    }

    fn bytes(&self) -> u64 {
        self.visible().map(|entry| entry.batch.size().0).sum()
    }

    fn visible(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.batch.next_offset() > self.start)
    }

    /// A batch boundary so far into what is visible.
    fn boundary(&self, percent: u8) -> Offset {
        let boundaries: Vec<_> = self
            .entries
            .iter()
            .map(|entry| entry.batch.base_offset())
            .chain([self.end().0])
            .filter(|base| *base >= self.start)
            .collect();
        boundaries[(boundaries.len() - 1) * usize::from(percent) / 100]
    }

    fn stamp(&self, producer: u8) -> ProducerStamp {
        let id = ProducerId(producer.into());
        let sent = self.entries.iter().rev().find_map(|entry| {
            let stamp = entry.batch.producer().filter(|stamp| stamp.id == id)?;
            Some(stamp.sequence.plus(entry.batch.record_count()))
        });
        ProducerStamp { id, epoch: ProducerEpoch(0), sequence: sent.unwrap_or(Sequence::ZERO) }
    }

    fn cut(&mut self, to: Offset) {
        self.entries.retain(|entry| entry.batch.next_offset() <= to);
        self.stored = self.stored.min(to);
    }
}

/// The log under test, what it should hold, and what it may hold instead until a cut or a trim has been reported.
pub(super) struct Trial {
    pub(super) bench: Bench,
    pub(super) model: Model,
    /// Before each change that was not reported yet, oldest first.
    pub(super) before: VecDeque<(Change, Model)>,
    remembered: Option<Bytes>,
    /// What the log said when it failed, where that is no surprise.
    pub(super) failed: Failed,
}

/// Whether the log may fail, and has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Never,
    NotYet,
    Has(String),
}

/// What else than an append changes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Truncate,
    Trim,
    /// Reported as a truncation, then as a trim.
    Restart,
}

impl Trial {
    pub(super) fn new(bench: Bench, model: Model, before: VecDeque<(Change, Model)>, failed: Failed) -> Self {
        Self { bench, model, before, remembered: None, failed }
    }

    pub(super) async fn apply(&mut self, op: Op) {
        match op {
            Op::Append { epoch_step, records, size, producer } => {
                let mut builder = BatchBuilder::new(i64::from(size));
                if producer > 0 {
                    builder = builder.stamped(self.model.stamp(producer));
                }
                for record in 0..records {
                    builder.push_value(&vec![b'a' + record; size.into()]);
                }
                let batch = builder.build();
                // A log that was trimmed to its end remembers its epoch; the model does not.
                let latest = self.bench.log.epochs().latest().unwrap_or(Epoch(1));
                let epoch = Epoch(latest.0 + epoch_step);
                let (end, ordinal) = self.model.end();
                let placement = match self.bench.log.append(&batch, epoch) {
                    Err(LogError::NoSpace(_)) => return assert!(self.bench.log.check_space().is_err()),
                    appended => appended.unwrap(),
                };
                assert_eq!(placement.base, end);
                self.model.entries.push(Entry { batch: batch.placed(end, epoch), ordinal });
            }
            Op::Truncate { percent } => {
                let to = self.model.boundary(percent);
                if to < self.model.start {
                    return;
                }
                // Half of a truncation may survive: a segment behind the one that is cut is gone, and no more.
                let stored = self.model.stored.min(to);
                self.before.push_back((Change::Truncate, Model { stored, ..self.model.clone() }));
                self.bench.log.truncate(to).unwrap();
                self.model.cut(to);
            }
            Op::Trim { percent } => {
                let (start, end) = (self.model.start.0, self.model.end().0.0);
                let to = Offset(start + (end - start) * u64::from(percent) / 100);
                self.trim(to);
            }
            Op::Retain => {
                let before = self.model.bytes();
                if let Some(due) = self.bench.log.retention_due(Timestamp(0), self.bench.log.stored()) {
                    assert!(due > self.model.start, "nothing is due twice");
                    self.trim(due);
                    let left = self.model.bytes();
                    assert!(left >= KEPT.0 && left < before, "{left} of {before} bytes are left");
                }
            }
            Op::Full => self.bench.disk.fault(&DiskFault::Full),
            Op::Freed => self.bench.disk.fault(&DiskFault::Freed),
            Op::RestartAhead { by } => {
                self.before.push_back((Change::Restart, self.model.clone()));
                let (end, ordinal) = self.model.end();
                let begins = (Offset(end.0 + u64::from(by)), Ordinal(ordinal.0 + u64::from(by)));
                self.bench.log.restart_at(begins.0, begins.1).unwrap();
                self.model = Model {
                    entries: Vec::new(),
                    start: begins.0,
                    start_ordinal: begins.1,
                    begins,
                    stored: begins.0,
                    whole: false,
                };
            }
            Op::Wait { ms } => {
                self.bench.world.clock.sleep(Duration::from_millis(ms.into())).await;
                self.listen();
            }
            Op::Settle => {
                self.bench.disk.fault(&DiskFault::Freed);
                while self.bench.log.stored() < self.bench.log.end() || !self.before.is_empty() {
                    if matches!(self.failed, Failed::Has(_)) {
                        return;
                    }
                    let event = self.bench.events.recv().await.unwrap();
                    self.take(event);
                }
            }
            Op::Remember => self.remembered = self.bench.checkpoints.get(&key()),
            Op::Crash(_) | Op::Reopen => unreachable!("they replace the log"),
        }
    }

    fn trim(&mut self, to: Offset) {
        if to > self.model.start {
            self.before.push_back((Change::Trim, self.model.clone()));
        }
        self.bench.log.trim(to).unwrap();
        let holding = self.model.visible().find(|entry| entry.batch.next_offset() > to);
        self.model.start_ordinal = holding.map_or(self.model.end().1, |entry| entry.ordinal);
        self.model.start = to;
    }

    /// Takes in what was reported so far.
    pub(super) fn listen(&mut self) {
        while let Ok(event) = self.bench.events.try_recv() {
            self.take(event);
        }
    }

    fn take(&mut self, event: LogEvent) {
        // Even when it is about an older generation, the change that it reports was carried out.
        let oldest = self.before.front().map(|(change, _)| *change);
        match (&event, oldest) {
            (LogEvent::Failed(why), _) if self.failed == Failed::Never => panic!("{why}"),
            (LogEvent::Failed(why), _) => self.failed = Failed::Has(why.clone()),
            (LogEvent::Truncated { .. }, Some(Change::Truncate)) | (LogEvent::Trimmed { .. }, Some(_)) => {
                self.before.pop_front();
            }
            (LogEvent::Truncated { .. }, Some(Change::Restart))
            | (LogEvent::Stored { .. } | LogEvent::Full(_) | LogEvent::Roomy, _) => {}
            unexpected => panic!("{unexpected:?}"),
        }
        self.bench.log.observe(event);
        if self.bench.config.durability == Durability::Synced {
            self.model.stored = self.bench.log.stored();
        }
    }

    /// What the log holds must be what one of the models says, and at least what that one promises.
    pub(super) async fn check_after_crash(&mut self) {
        let found = self.found().await;
        let before = self.before.drain(..).map(|(_, model)| model);
        let candidates: Vec<_> = before.chain([self.model.clone()]).collect();
        let survivor = candidates.iter().rev().find(|candidate| candidate.explains(&found));
        let Some(survivor) = survivor else {
            panic!("found {found:#?}\nbut could only be one of {candidates:#?}")
        };
        self.model = survivor.clone();
        self.model.cut(found.end);
        self.model.stored = found.end;
        if self.model.end().0 < self.model.start {
            // A cached log that lost even what had been trimmed away begins anew at its start.
            self.model.begins = (self.model.start, self.model.start_ordinal);
            self.model.entries.clear();
            self.model.whole = false;
        }
    }

    async fn found(&self) -> Found {
        let log = &self.bench.log;
        let reader = log.reader();
        let mut batches = Vec::new();
        let mut from = log.start();
        while from < log.end() {
            let read = reader.read(from, log.end(), ByteSize(300)).await.unwrap();
            batches.extend(read.verified().unwrap());
            from = batches.last().unwrap().next_offset();
        }
        Found { start: log.start(), end: log.end(), ordinals: log.ordinals(), batches }
    }

    pub(super) async fn check(&self) {
        let found = self.found().await;
        assert!(self.model.explains(&found), "found {found:#?}\nnot {:#?}", self.model);
        let log = &self.bench.log;
        assert_eq!(log.end(), self.model.end().0);
        for entry in self.model.visible() {
            let range = entry.ordinal..log.ordinals().end;
            let read = log.reader().read_ordinals(range, ByteSize(300)).await.unwrap();
            assert_eq!(read[0], entry.batch);
        }
        for producer in [1, 2] {
            let check = log.producers().check(self.model.stamp(producer), RecordCount(1));
            // Until a cut was reported, what lies before it may still be looked up.
            let looked_up = !self.before.is_empty() && check == SequenceCheck::Refused(Refusal::Overloaded);
            let known = !self.model.whole || looked_up || check == SequenceCheck::Next;
            assert!(known, "producer {producer}: {check:?}");
        }
        for time in [1, 60, 199] {
            let new = |entry: &&Entry| entry.batch.max_timestamp_ms() >= time;
            let first = self.model.visible().find(new).map(|entry| entry.batch.base_offset());
            let found = log.reader().first_since(Timestamp(time)).await.unwrap();
            assert_eq!(found, first.map(|first| first.max(self.model.start)), "since {time}");
        }
        if let Some(last) = self.model.visible().last() {
            assert_eq!(log.epochs().latest(), Some(last.batch.epoch()));
        }
    }
}

/// What a log holds.
#[derive(Debug)]
struct Found {
    start: Offset,
    end: Offset,
    ordinals: std::ops::Range<Ordinal>,
    batches: Vec<Batch>,
}

impl Model {
    fn explains(&self, found: &Found) -> bool {
        let expected: Vec<_> =
            self.visible().filter(|entry| entry.batch.next_offset() <= found.end).collect();
        let batches = expected.iter().map(|entry| &entry.batch).eq(&found.batches);
        let ordinal = expected.last().map_or(self.start_ordinal, |last| last.ordinal.next());
        let in_place = found.start == self.start && found.ordinals == (self.start_ordinal..ordinal);
        batches && in_place && found.end >= self.stored
    }
}

/// What retention by bytes keeps at least.
const KEPT: ByteSize = ByteSize(1500);

fn run(config: LogConfig, ops: Vec<Op>) {
    let retention = Retention { bytes: Some(KEPT), time: None };
    let config = LogConfig { retention, ..config };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let bench = Bench::new(config).await;
        let mut trial = Trial::new(bench, Model::new(), VecDeque::new(), Failed::Never);
        for op in ops {
            match op {
                Op::Crash(kind) => {
                    trial.listen();
                    // An opening needs some room itself.
                    trial.bench.disk.fault(&DiskFault::Freed);
                    if let CrashKind::Midway { seed, checkpoints } = kind {
                        trial.bench.world.tasks.crash();
                        trial.bench.disk.crash_midway(&Random::seeded(seed));
                        match (checkpoints, &trial.remembered) {
                            (Checkpoints::Kept, _) => {}
                            (Checkpoints::Old, Some(old)) => trial.bench.checkpoints.put(&key(), old.clone()),
                            (Checkpoints::Lost, _) | (Checkpoints::Old, None) => {
                                trial.bench.checkpoints.clear()
                            }
                        }
                    }
                    trial.bench = trial.bench.crash().await.unwrap();
                    trial.check_after_crash().await;
                }
                Op::Reopen => {
                    // A log to which something waits for room cannot be closed in order.
                    trial.apply(Op::Settle).await;
                    trial.bench = trial.bench.reopen().await;
                    trial.before.clear();
                    trial.model.stored = trial.bench.log.stored();
                }
                op => trial.apply(op).await,
            }
            trial.check().await;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_synced_log_keeps_what_it_reported_as_stored(ops in prop::collection::vec(op(), 1..60)) {
        run(small(), ops);
    }

    #[test]
    fn a_cached_log_holds_a_beginning_of_what_was_appended(ops in prop::collection::vec(op(), 1..60)) {
        // What it reports as stored may be lost with the power; then the log is shorter, and no worse.
        let config = LogConfig { durability: Durability::Cached, ..small() };
        run(config, ops);
    }
}
