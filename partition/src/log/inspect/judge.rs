//! Judges what was read: what an opening would cut, and what it would call damage. Pure; the recovery's twin.

use std::path::Path;

use super::beside::Beside;
use super::report::{Closing, Cut, EpochsFile, Finding, IndexState, LogReport, Origin, SegmentReport, Tail};
use super::segments::Reading;
use crate::ids::{ByteSize, Offset};
use crate::log::aside::{DELETED, SPARE};
use crate::log::beside::{EPOCHS_FILE, EpochsRead};
use crate::log::config::Durability;
use crate::log::state::{STATE_FILE, SegmentsAre};

/// What to do about a damaged copy.
fn copy_again(sound_below: Offset) -> String {
    format!(
        "offsets below {sound_below} are sound here; stop this replica, move its directory away and start it again, so \
         that it copies the partition from the others (a raft voter: under a new id)"
    )
}

/// The report.
pub(super) fn judge(reading: Reading<'_>, beside: &Beside, names: &[String], dir: &Path) -> LogReport {
    let start = beside
        .state
        .as_ref()
        .map_or_else(|| reading.all.first().map_or(Offset::ZERO, |first| first.base), |state| state.start);
    let mut report = LogReport {
        dir: dir.to_owned(),
        origin: beside.origin(names),
        start,
        end: start,
        epochs: reading.epochs.entries().to_vec(),
        epochs_file: EpochsFile::Agrees,
        closing: beside.closing(),
        recovery_point: beside.recovery_point(),
        cuts: Vec::new(),
        producers: reading.producers(),
        producers_left_out: reading.producers_left_out,
        findings: reading.findings,
        remarks: Vec::new(),
        segments: reading.all,
    };
    report.judge_state(beside);
    report.judge_segments(beside);
    report.judge_epochs(beside);
    report.judge_indexes(beside);
    for name in names.iter().filter(|name| name.ends_with(&format!(".{DELETED}"))) {
        report.remarks.push(format!("{name} waits to be unlinked; an opening does that"));
    }
    if names.iter().any(|name| name == SPARE) {
        report.remarks.push(format!("{SPARE} was set aside for the next segment; an opening removes it"));
    }
    report
}

impl LogReport {
    fn judge_state(&mut self, beside: &Beside) {
        let what = match (&self.origin, &beside.state_error) {
            (_, Some(error)) => error.clone(),
            (Origin::Stateless, None) => "there are segments, but no log state".to_owned(),
            _ => return,
        };
        let now = "an opening refuses this log: restore the file from a backup, or move the directory away and let \
                   this replica copy the partition from the others (a raft voter: under a new id)";
        self.findings.push(Finding {
            file: STATE_FILE.to_owned(),
            position: None,
            offset: None,
            what,
            now: now.to_owned(),
        });
    }

    fn judge_segments(&mut self, beside: &Beside) {
        let segments = std::mem::take(&mut self.segments);
        self.judge_each(&segments, beside);
        self.segments = segments;
    }

    fn judge_each(&mut self, segments: &[SegmentReport], beside: &Beside) {
        if beside.state.as_ref().is_some_and(|state| state.segments == SegmentsAre::Void) {
            let why = "the log was being emptied, and begins anew";
            segments.iter().for_each(|segment| self.drop_whole(segment, why));
            return;
        }
        let dead = segments.windows(2).take_while(|pair| pair[1].base <= self.start).count();
        let (dead, live) = segments.split_at(dead);
        for segment in dead {
            self.remarks.push(format!("{} lies wholly below the log start; a trim left it", segment.file));
        }
        let Some(first) = live.first() else { return };
        if first.base > self.start {
            let what = format!("the log starts at {}, but its first segment begins here", self.start);
            self.damage(first, ByteSize::ZERO, what, first.base);
            return;
        }
        let durability = beside.state.as_ref().map(|state| state.durability);
        for (at, segment) in live.iter().enumerate() {
            let next = live.get(at + 1);
            self.end = segment.end;
            if next.is_some_and(|next| next.base == segment.end) {
                self.cut_behind(segment, "it follows the last batch of a sealed segment");
                continue;
            }
            let broken = match &segment.tail {
                Tail::Nothing => "the file ends".to_owned(),
                Tail::SetAside => "zeros follow".to_owned(),
                Tail::Broken { what, .. } | Tail::Backwards { what } => what.clone(),
            };
            let why = if segment.end < beside.sound_below() {
                format!("all below {} had been synced", beside.sound_below())
            } else if next.is_some() && durability != Some(Durability::Cached) {
                "a segment is synced before the next one begins".to_owned()
            } else if matches!(segment.tail, Tail::Backwards { .. }) {
                "no crash leaves that".to_owned()
            } else {
                self.cut_behind(segment, "no sync had covered it, so a crash may have torn it");
                for later in &live[at + 1..] {
                    self.drop_whole(later, "it follows a torn segment");
                }
                break;
            };
            let mut what = format!("{broken}, though {why}");
            if let Tail::Broken { resumes: Some((position, offset)), .. } = &segment.tail {
                what.push_str(&format!("; a sound batch follows at byte {position}, offset {offset}"));
            }
            self.damage(segment, segment.batch_bytes, what, segment.end);
            break;
        }
        if self.end < self.start {
            self.remarks
                .push(format!("nothing is left at the log start: the log begins anew at {}", self.start));
            self.end = self.start;
        }
        if let Closing::Clean { end } = self.closing
            && end < self.end
        {
            self.remarks.push(format!("it was closed at {end}, but goes on to {}", self.end));
        }
    }

    /// What follows the last batch, unless that is nothing but zeros that were set aside.
    fn cut_behind(&mut self, segment: &SegmentReport, why: &str) {
        if let Tail::Broken { what, .. } | Tail::Backwards { what } = &segment.tail {
            self.cuts.push(Cut {
                file: segment.file.clone(),
                position: segment.batch_bytes,
                bytes: ByteSize(segment.file_bytes.0 - segment.batch_bytes.0),
                why: format!("{what}; {why}"),
            });
        }
    }

    fn drop_whole(&mut self, segment: &SegmentReport, why: &str) {
        self.cuts.push(Cut {
            file: segment.file.clone(),
            position: ByteSize::ZERO,
            bytes: segment.file_bytes,
            why: why.to_owned(),
        });
    }

    fn damage(&mut self, segment: &SegmentReport, position: ByteSize, what: String, offset: Offset) {
        self.findings.push(Finding {
            file: segment.file.clone(),
            position: Some(position),
            offset: Some(offset),
            what,
            now: copy_again(offset),
        });
    }

    fn judge_epochs(&mut self, beside: &Beside) {
        let derived = self.epochs.clone();
        self.epochs_file = match &beside.epochs {
            EpochsRead::Missing => EpochsFile::Missing,
            EpochsRead::Unreadable => EpochsFile::Unreadable,
            EpochsRead::Read(history) if history.entries() == derived => EpochsFile::Agrees,
            // In an empty log, it says how far epochs have come; the state knows that too.
            EpochsRead::Read(history)
                if derived.is_empty()
                    && history.latest() == beside.state.as_ref().and_then(|state| state.epoch_before) =>
            {
                EpochsFile::Agrees
            }
            EpochsRead::Read(_) => EpochsFile::Differs,
        };
        let wrong = match self.epochs_file {
            EpochsFile::Agrees => return,
            EpochsFile::Missing => "is missing",
            EpochsFile::Differs => "does not say all that the batches say",
            EpochsFile::Unreadable => "is not in Kafka's format",
        };
        self.remarks.push(format!("{EPOCHS_FILE} {wrong}; an opening writes it from the batches"));
    }

    fn judge_indexes(&mut self, beside: &Beside) {
        let closed = beside.clean().is_some();
        let mut remarks = Vec::new();
        let mut findings = Vec::new();
        for index in self.segments.iter().flat_map(|segment| &segment.indexes) {
            match &index.state {
                IndexState::Sound => {}
                IndexState::Missing => {
                    remarks.push(format!("{} is missing; an opening makes it from the batches", index.file));
                }
                IndexState::Wrong(what) if closed => findings.push(Finding {
                    file: index.file.clone(),
                    position: None,
                    offset: None,
                    what: format!("{what}, though the log was closed in order"),
                    now: "delete the file while the log is closed; an opening makes it from the batches"
                        .to_owned(),
                }),
                IndexState::Wrong(what) => {
                    remarks.push(format!("{}: {what}; an opening makes it from the batches", index.file));
                }
            }
        }
        self.remarks.extend(remarks);
        self.findings.extend(findings);
    }
}
