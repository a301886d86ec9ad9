//! How one node's clock reads true time: a straight line, which a fault breaks off and begins anew.

use super::Moment;

/// A reading of `local` at the true moment `since`, from where it runs at `permille` thousandths of true speed.
///
/// A `since` that lies ahead is a clock that was set back: it stands still until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skew {
    local: Moment,
    since: Moment,
    permille: u32,
}

impl Default for Skew {
    fn default() -> Self {
        Self { local: Moment(0), since: Moment(0), permille: 1000 }
    }
}

impl Skew {
    /// What the clock reads at a true moment.
    pub(crate) fn read(&self, at: Moment) -> Moment {
        let passed = u128::from(at.0.saturating_sub(self.since.0)) * u128::from(self.permille) / 1000;
        Moment(self.local.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// The first true moment at which the clock reads `local` or more; the last of all for a clock that stands.
    pub(crate) fn when(&self, local: Moment) -> Moment {
        if local <= self.local {
            return Moment(0);
        }
        let Some(permille) = std::num::NonZeroU32::new(self.permille) else { return Moment(u64::MAX) };
        let ahead = u128::from(local.0 - self.local.0) * 1000;
        let passes = ahead.div_ceil(u128::from(permille.get()));
        Moment(self.since.0.saturating_add(u64::try_from(passes).unwrap_or(u64::MAX)))
    }

    /// What a wall clock that began with this one shows: unlike the monotonic one it goes back when it is set back.
    pub(crate) fn wall_ms(&self, at: Moment) -> i64 {
        let passed = (i128::from(at.0) - i128::from(self.since.0)) * i128::from(self.permille) / 1000;
        let nanos = i128::from(self.local.0) + passed;
        i64::try_from(nanos.div_euclid(1_000_000)).unwrap_or(i64::MAX)
    }

    /// The clock jumps ahead.
    #[must_use]
    pub(crate) fn ahead(self, now: Moment, by: std::time::Duration) -> Self {
        Self { local: self.read(now).after(by), since: self.since.max(now), ..self }
    }

    /// The clock is set back, by so much of true time.
    #[must_use]
    pub(crate) fn behind(self, now: Moment, by: std::time::Duration) -> Self {
        Self { local: self.read(now), since: self.since.max(now).after(by), ..self }
    }

    /// The clock goes on at another speed.
    #[must_use]
    pub(crate) fn at_speed(self, now: Moment, permille: u32) -> Self {
        Self { local: self.read(now), since: self.since.max(now), permille }
    }

    /// The clock goes on, at true speed, from what it reads.
    #[must_use]
    pub(crate) fn steady(self, now: Moment) -> Self {
        Self { local: self.read(now), since: now, permille: 1000 }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Moment {
        Moment(seconds * SECOND)
    }

    #[test]
    fn a_clock_that_was_set_back_stands_still_and_its_wall_shows_it() {
        let skew = Skew::default().behind(at(10), Duration::from_secs(3));
        assert_eq!([10, 12, 13, 14].map(|true_time| skew.read(at(true_time))), [10, 10, 10, 11].map(at));
        assert_eq!(skew.wall_ms(at(10)), 7_000);
        assert_eq!(skew.when(at(11)), at(14));
    }

    #[test]
    fn a_jump_ahead_makes_what_lies_between_due_at_once() {
        let skew = Skew::default().ahead(at(10), Duration::from_secs(5));
        assert_eq!(skew.read(at(11)), at(16));
        assert!(skew.when(at(14)) <= at(10));
        assert_eq!(skew.when(at(17)), at(12));
        assert_eq!(skew.wall_ms(at(10)), 15_000);
    }

    #[test]
    fn a_timer_is_due_when_the_drifting_clock_first_reads_it_and_not_before() {
        for permille in [1, 333, 999, 1000, 1001, 3000] {
            let skew = Skew::default().at_speed(at(1), permille);
            for local in [at(1).0 + 1, at(2).0, at(2).0 + 7].map(Moment) {
                let due = skew.when(local);
                assert!(skew.read(due) >= local, "{permille}");
                assert!(skew.read(Moment(due.0 - 1)) < local, "{permille}");
            }
        }
        assert_eq!(Skew::default().at_speed(at(1), 0).when(at(2)), Moment(u64::MAX));
    }

    #[test]
    fn a_steady_clock_keeps_what_it_reads() {
        let fast = Skew::default().at_speed(at(0), 2000);
        let steady = fast.steady(at(10));
        assert_eq!((steady.read(at(10)), steady.read(at(11))), (at(20), at(21)));
    }
}
