//! Reads the segments of a log one by one, and sums up what their batches say.

use std::collections::BTreeMap;
use std::io;

use super::beside::Beside;
use super::indexes::{Indexes, Sealed};
use super::report::{Finding, ProducerReport, SegmentReport, Tail};
use super::walk::Walk;
use super::{Depth, Request};
use crate::ids::{ByteSize, Epoch, Offset, ProducerId};
use crate::log::disk::OpenMode;
use crate::log::epochs::{EpochHistory, Expected};
use crate::log::scan::Stop;
use crate::log::segment::segment_path;
use crate::record::{Batch, BatchHeader};

/// More producers than these are only counted: bounds the report.
const PRODUCERS_MAX: usize = 65_536;
/// More malformed batches than these, in one segment, are only counted.
const MALFORMED_MAX: usize = 16;

/// What to do about records that a producer wrote wrongly.
const SKIP_THEM: &str =
    "every copy holds these bytes: let consumers skip these offsets, and mend the producer that sent them";

/// The segments that were read so far.
pub(super) struct Reading<'a> {
    request: &'a Request<'a>,
    names: &'a [String],
    /// From here on an opening reads every byte.
    verify_from: Offset,
    beside: &'a Beside,
    start: Offset,
    newest: Epoch,
    pub(super) all: Vec<SegmentReport>,
    pub(super) epochs: EpochHistory,
    producers: BTreeMap<ProducerId, ProducerReport>,
    pub(super) producers_left_out: u64,
    pub(super) findings: Vec<Finding>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(request: &'a Request<'a>, beside: &'a Beside, names: &'a [String]) -> Self {
        Self {
            request,
            names,
            verify_from: beside.sound_below(),
            beside,
            start: beside.state.as_ref().map_or(Offset::ZERO, |state| state.start),
            newest: Epoch::ZERO,
            all: Vec::new(),
            epochs: EpochHistory::default(),
            producers: BTreeMap::new(),
            producers_left_out: 0,
            findings: Vec::new(),
        }
    }

    pub(super) fn producers(&self) -> Vec<ProducerReport> {
        self.producers.values().cloned().collect()
    }

    /// Reads one. The active one is read to the end of what an opening would read.
    pub(super) fn segment(&mut self, base: Offset, sealed: Sealed) -> io::Result<()> {
        let path = segment_path(self.request.dir, base);
        let file = self.request.disk.open(&path, OpenMode::Reading)?;
        let mut walk = Walk::new(&*file, base, self.newest)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut report = SegmentReport {
            base,
            file: name,
            file_bytes: walk.length(),
            batch_bytes: ByteSize::ZERO,
            end: base,
            batches: 0,
            control_batches: 0,
            records: 0,
            compressed_batches: 0,
            first_timestamp_ms: None,
            last_timestamp_ms: None,
            tail: Tail::Nothing,
            indexes: Vec::new(),
        };
        let stem = report.file.trim_end_matches(".log");
        let mut indexes = Indexes::read(self.request, self.names, base, stem)?;
        let mut malformed = 0;
        let stop = loop {
            let position = walk.position();
            let whole = self.request.depth == Depth::Records || walk.next_offset() >= self.verify_from;
            let (header, batch) = if whole {
                match walk.verified()? {
                    Ok(batch) => (batch.header(), Some(batch)),
                    Err(stop) => break stop,
                }
            } else {
                match walk.header()? {
                    Ok(header) => (header, None),
                    Err(stop) => break stop,
                }
            };
            let header = self.with_true_epoch(header, position, &report.file);
            walk.correct_epoch(header.epoch);
            self.newest = header.epoch;
            report.count(&header);
            indexes.batch(position, &header);
            report.batch_bytes = ByteSize(position.0 + header.size.0);
            self.note(&header);
            if self.request.depth == Depth::Records
                && let Some(what) = batch.as_ref().and_then(malformation)
            {
                malformed += 1;
                if malformed <= MALFORMED_MAX {
                    self.findings.push(Finding {
                        file: report.file.clone(),
                        position: Some(position),
                        offset: Some(header.base_offset),
                        what: format!("the checksum holds, but {what}"),
                        now: SKIP_THEM.to_owned(),
                    });
                }
            }
        };
        report.tail = self.tail(&walk, stop)?;
        report.indexes = indexes.report(sealed);
        self.all.push(report);
        Ok(())
    }

    /// The epoch lies outside the checksum: it is held against what else is known of it, and that is believed.
    fn with_true_epoch(&mut self, header: BatchHeader, position: ByteSize, file: &str) -> BatchHeader {
        let visible = header.next_offset() > self.start;
        let expected = self.beside.expected(header.base_offset).filter(|_| visible);
        let Some((expected, says)) = expected.filter(|(expected, _)| !expected.admits(header.epoch)) else {
            return header;
        };
        let (Expected::Exactly(epoch) | Expected::AtLeast(epoch)) = expected;
        self.findings.push(Finding {
            file: file.to_owned(),
            position: Some(position),
            offset: Some(header.base_offset),
            what: format!("epoch {} in the batch's header, but {says} says {epoch}", header.epoch),
            now: format!(
                "compare with another replica; if {says} is wrong, remove that file; else stop this replica, move its \
                 directory away and start it again, so that it copies the partition (a raft voter: under a new id)"
            ),
        });
        // A witness that is wrong itself must not lead backwards.
        BatchHeader { epoch: epoch.max(self.newest), ..header }
    }

    fn tail(&self, walk: &Walk<'_>, stop: Stop) -> io::Result<Tail> {
        let deep = self.request.depth == Depth::Records;
        Ok(match stop {
            Stop::End => Tail::Nothing,
            Stop::Blank if !deep => Tail::SetAside,
            Stop::Blank => match walk.beyond_zeros()? {
                None => Tail::SetAside,
                Some(at) => Tail::Broken {
                    what: format!("zeros, and from byte {at} on something else"),
                    resumes: walk.resumes()?,
                },
            },
            Stop::Backwards(what) => Tail::Backwards { what },
            Stop::Broken(what) => Tail::Broken { what, resumes: if deep { walk.resumes()? } else { None } },
        })
    }

    fn note(&mut self, header: &BatchHeader) {
        if header.next_offset() > self.start {
            self.epochs.assign(header.epoch, header.base_offset.max(self.start));
        }
        let (Some(id), Some(epoch), Some(sequence)) =
            (header.producer_id, header.producer_epoch, header.base_sequence)
        else {
            return;
        };
        if self.producers.len() == PRODUCERS_MAX && !self.producers.contains_key(&id) {
            self.producers_left_out += 1;
            return;
        }
        let last_sequence = sequence.plus(crate::ids::RecordCount(header.record_count.0 - 1));
        let last_offset = Offset(header.next_offset().0 - 1);
        let sent = self.producers.entry(id).or_insert(ProducerReport {
            id,
            epoch,
            last_sequence,
            last_offset,
            batches: 0,
            records: 0,
            leader_epoch: header.epoch,
            last_timestamp_ms: header.max_timestamp_ms,
        });
        (sent.epoch, sent.last_sequence, sent.last_offset) = (epoch, last_sequence, last_offset);
        sent.batches += 1;
        sent.records += u64::from(header.record_count.0);
        sent.leader_epoch = header.epoch;
        sent.last_timestamp_ms = sent.last_timestamp_ms.max(header.max_timestamp_ms);
    }
}

impl SegmentReport {
    fn count(&mut self, header: &BatchHeader) {
        self.batches += 1;
        self.records += u64::from(header.record_count.0);
        self.control_batches += u64::from(header.attributes.is_control());
        self.compressed_batches +=
            u64::from(header.attributes.compression() != crate::record::Compression::None);
        self.end = header.next_offset();
        let first = *self.first_timestamp_ms.get_or_insert(header.base_timestamp_ms);
        let newest = self.last_timestamp_ms.unwrap_or(first);
        self.last_timestamp_ms = Some(newest.max(header.max_timestamp_ms));
    }
}

/// What is wrong with the records of a batch whose checksum holds.
fn malformation(batch: &Batch) -> Option<String> {
    match batch.unpacked() {
        Err(error) => Some(error.to_string()),
        Ok(records) => records.into_iter().find_map(Result::err).map(|error| error.to_string()),
    }
}
