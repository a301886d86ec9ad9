//! How much space a log sets aside: as much ahead of its end as it has used since it was opened, within limits.
//!
//! Writing into zeros that are on disk already spares fdatasync the file system's journal. A log that takes nothing
//! sets nothing aside, so that a thousand idle ones fit on a disk; a busy one stays ahead of its writer by seconds; and
//! one that takes megabytes at a time goes without.

use std::sync::Arc;

use super::aside::Aside;
use super::writer::Pace;
use crate::ids::ByteSize;

/// No log has more ahead of its end: at 40 MB/s, 0.4 s for the sweeper to come round.
const LEAD_MAX: ByteSize = ByteSize::mib(16);
/// What the writer adds to an append itself when no space was set aside for it, at least and at most: the first append
/// of a log, or a sweeper that is late.
const PADDING_MIN: ByteSize = ByteSize::kib(64);
const PADDING_MAX: ByteSize = ByteSize::mib(1);
/// A group this large is written without zeros ahead: the journal costs less than writing so much twice (650 MB/s
/// against 530 on one disk, with batches of 256 KiB).
const LARGE_GROUP: ByteSize = ByteSize::kib(512);
/// The sweeper is asked for so much at a time, or for a quarter of the lead.
const ASK_MIN: ByteSize = ByteSize::kib(64);
const ASK_MAX: ByteSize = ByteSize::mib(1);

/// The writer's side of the space ahead of a log's end.
#[derive(Debug)]
pub(crate) struct Space {
    aside: Arc<Aside>,
    segment_bytes: ByteSize,
    /// Written since the log was opened.
    used: ByteSize,
    /// The sweeper knows of so much.
    asked: Goals,
    /// How much of an old segment is to be zeroed for the next one.
    stale: ByteSize,
}

/// Where zeros should end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Goals {
    /// In the active segment.
    active: ByteSize,
    /// In the next one.
    spare: ByteSize,
}

impl Space {
    pub(crate) fn new(aside: Arc<Aside>, segment_bytes: ByteSize) -> Self {
        let asked = Goals { active: aside.filled(), spare: ByteSize::ZERO };
        Self { aside, segment_bytes, used: ByteSize::ZERO, asked, stale: ByteSize::ZERO }
    }

    fn lead(&self) -> ByteSize {
        self.used.min(LEAD_MAX)
    }

    /// The writer is about to write a group up to `end`: how many zeros it should write behind that, for want of any there.
    pub(crate) fn padding(&self, group: ByteSize, end: ByteSize) -> ByteSize {
        if end <= self.aside.filled() || group >= LARGE_GROUP {
            return ByteSize::ZERO;
        }
        let padding = self.lead().clamp(PADDING_MIN, PADDING_MAX);
        ByteSize(padding.0.min(self.segment_bytes.0.saturating_sub(end.0)))
    }

    /// The writer wrote, and the active segment's batches end here now.
    pub(crate) fn used(&mut self, bytes: ByteSize, end: ByteSize, pace: &Pace) {
        if bytes >= LARGE_GROUP {
            return;
        }
        self.used.0 += bytes.0;
        let goals = goals(end, self.lead(), self.segment_bytes, self.stale);
        let filled = self.aside.filled();
        let missing = goals.active.0.saturating_sub(self.asked.active.max(filled).0)
            + goals.spare.0.saturating_sub(self.asked.spare.0);
        let least = ASK_MIN.0.min(self.segment_bytes.0 / 8);
        // Without the last of its zeros an old segment is of no use, however few they are.
        let completes = self.asked.spare < self.stale && goals.spare >= self.stale;
        if completes || missing >= (self.lead().0 / 4).clamp(least, ASK_MAX.0) {
            let Some(whom) = self.aside.want(goals.active, goals.spare) else { return };
            pace.tell(whom, &self.aside);
            self.asked = goals;
        }
    }

    /// Asks again for what there was no room for.
    pub(crate) fn ask_again(&mut self, end: ByteSize, pace: &Pace) {
        let goals = goals(end, self.lead(), self.segment_bytes, self.stale);
        if let Some(whom) = self.aside.want(goals.active.max(self.aside.filled()), goals.spare) {
            pace.tell(whom, &self.aside);
            self.asked = goals;
        }
    }

    /// Another segment is active, or the same one was cut, or some were freed: what was asked may not be what is.
    pub(crate) fn changed(&mut self) {
        self.asked = Goals { active: self.aside.filled(), spare: ByteSize::ZERO };
        self.stale = self.aside.stale();
    }
}

/// Where zeros should end when batches end at `end`. What the lead has no room for in this segment, it has in the next;
/// and an old segment that becomes the next one is zeroed by the time three quarters of this one are used.
fn goals(end: ByteSize, lead: ByteSize, segment: ByteSize, stale: ByteSize) -> Goals {
    let ahead = end.0 + lead.0;
    let rest = ahead.saturating_sub(segment.0).min(segment.0);
    let due = u128::from(stale.0) * u128::from(end.0) * 4 / (u128::from(segment.0) * 3).max(1);
    let due = u64::try_from(due).unwrap_or(u64::MAX).min(stale.0);
    Goals { active: ByteSize(ahead.min(segment.0)), spare: ByteSize(rest.max(due)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(end: u64, lead: u64, stale: u64) -> (u64, u64) {
        let goals = goals(ByteSize(end), ByteSize(lead), ByteSize(1000), ByteSize(stale));
        (goals.active.0, goals.spare.0)
    }

    #[test]
    fn a_log_that_was_not_used_sets_nothing_aside() {
        assert_eq!(at(300, 0, 0), (300, 0));
    }

    #[test]
    fn the_lead_goes_over_into_the_next_segment() {
        assert_eq!(at(300, 200, 0), (500, 0));
        assert_eq!(at(900, 200, 0), (1000, 100));
    }

    #[test]
    fn an_old_segment_is_zeroed_before_it_is_needed() {
        assert_eq!(at(0, 100, 800), (100, 0));
        assert_eq!(at(375, 100, 800), (475, 400));
        assert_eq!(at(750, 100, 800), (850, 800));
        assert_eq!(at(950, 100, 800), (1000, 800));
    }
}
