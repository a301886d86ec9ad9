//! How much of the past a log keeps, by bytes and by time, as Kafka decides it: whole segments, oldest first.
//!
//! Decided by whoever leads, never beyond what is committed, and carried out by a trim, so that all replicas begin at
//! the same offset. A log that others depend on (the controllers') keeps all.
//!
//! Left out: rolling an active segment that takes no batch any more. When all of it is too old, the log start moves behind
//! it, and its file goes when the next batch has begun another.

use std::time::Duration;

use crate::ids::{ByteSize, Offset, Timestamp};

/// How often a leader looks whether something is due; Kafka's `log.retention.check.interval.ms`.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(300);
/// How much of the past a log keeps. Default: all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// At least so many of the newest bytes, and less than a segment more. Kafka's `retention.bytes`, whose default is all.
    pub bytes: Option<ByteSize>,
    /// What is newer than this, and what shares a segment with it. Kafka's `retention.ms`, whose default is seven days.
    pub time: Option<Duration>,
}

/// A segment, as far as retention looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Where the next one begins.
    pub end: Offset,
    /// Its batches.
    pub bytes: ByteSize,
    /// The newest time in it; `None` when no batch in it has one.
    pub newest: Option<Timestamp>,
}

impl Retention {
    /// What start would be due at this time, if another than now: the end of the last segment that need not be kept.
    /// `segments` are those there are, oldest first, with the active one; what is committed ends at `committed`.
    #[must_use]
    pub fn due(&self, segments: &[Retained], now: Timestamp, committed: Offset) -> Option<Offset> {
        let count = self.due_by_bytes(segments).max(self.due_by_time(segments, now));
        let due = segments[..count].iter().rev().find(|segment| segment.end <= committed);
        due.map(|segment| segment.end)
    }

    fn due_by_bytes(&self, segments: &[Retained]) -> usize {
        let Some(keep) = self.bytes else { return 0 };
        let mut left: u64 = segments.iter().map(|segment| segment.bytes.0).sum();
        let due = segments.iter().take_while(|segment| {
            left -= segment.bytes.0;
            left >= keep.0
        });
        // The active one stays: it is rolled when it is full.
        due.count().min(segments.len().saturating_sub(1))
    }

    /// One without any time goes with the next one that has it.
    fn due_by_time(&self, segments: &[Retained], now: Timestamp) -> usize {
        let Some(keep) = self.time else { return 0 };
        let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let oldest = Timestamp(now.0.saturating_sub(keep_ms));
        let mut due = 0;
        for (at, segment) in segments.iter().enumerate() {
            match segment.newest {
                Some(newest) if newest < oldest => due = at + 1,
                Some(_) => break,
                None => {}
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Segments of ten records and 100 bytes each; the newest record of each is of the time given.
    fn segments(times: &[Option<i64>]) -> Vec<Retained> {
        let retained = |(at, time): (usize, &Option<i64>)| Retained {
            end: Offset(10 * (at as u64 + 1)),
            bytes: ByteSize(100),
            newest: time.map(Timestamp),
        };
        times.iter().enumerate().map(retained).collect()
    }

    fn by_bytes(bytes: u64) -> Retention {
        Retention { bytes: Some(ByteSize(bytes)), time: None }
    }

    fn by_time(ms: u64) -> Retention {
        Retention { bytes: None, time: Some(Duration::from_millis(ms)) }
    }

    const NOW: Timestamp = Timestamp(1000);

    #[test]
    fn nothing_is_due_by_default() {
        let all = segments(&[Some(0), Some(0), Some(0)]);
        assert_eq!(Retention::default().due(&all, NOW, Offset(30)), None);
    }

    #[test]
    fn whole_segments_go_while_enough_is_left() {
        let all = segments(&[None; 5]);
        for (keep, start) in
            [(500, None), (401, None), (400, Some(10)), (250, Some(20)), (100, Some(40)), (0, Some(40))]
        {
            assert_eq!(by_bytes(keep).due(&all, NOW, Offset(50)), start.map(Offset), "keep {keep}");
        }
    }

    #[test]
    fn a_segment_goes_when_its_newest_record_is_too_old() {
        let all = segments(&[Some(100), Some(300), Some(200), Some(900)]);
        for (keep, start) in [(900, None), (899, Some(10)), (701, Some(10)), (600, Some(30)), (50, Some(40))]
        {
            assert_eq!(by_time(keep).due(&all, NOW, Offset(40)), start.map(Offset), "keep {keep} ms");
        }
    }

    #[test]
    fn a_segment_without_a_time_goes_with_the_next_one() {
        let all = segments(&[None, Some(100), None, Some(900), None]);
        assert_eq!(by_time(500).due(&all, NOW, Offset(50)), Some(Offset(20)));
        assert_eq!(by_time(50).due(&all, NOW, Offset(50)), Some(Offset(40)));
    }

    #[test]
    fn what_is_not_committed_is_kept_whatever_its_age() {
        let all = segments(&[Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(by_time(10).due(&all, NOW, Offset(25)), Some(Offset(20)));
        assert_eq!(by_time(10).due(&all, NOW, Offset(9)), None);
        assert_eq!(by_bytes(0).due(&all, NOW, Offset(25)), Some(Offset(20)));
    }
}
