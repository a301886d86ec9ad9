//! How fast a follower may copy that is not in sync: so that it leaves disk and network to those who are.

use std::time::Duration;

use partition::clock::Moment;
use partition::ids::ByteSize;

/// A throttled fetch brings about as much as this long allows: so pauses are short, and what a joiner lacks when it has nearly
/// caught up is little.
const PIECE: Duration = Duration::from_millis(100);

/// How many bytes a second a follower that is not in sync may fetch, of each partition. Kafka's
/// `follower.replication.throttled.rate`.
///
/// A rate below what is appended in the same time lets nobody catch up, ever: then the difference between the log ends of leader
/// and follower grows, and the rate has to be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CatchUpRate(ByteSize);

impl CatchUpRate {
    /// So many bytes a second; none at all is no rate.
    #[must_use]
    pub fn per_second(bytes: ByteSize) -> Option<Self> {
        (bytes > ByteSize::ZERO).then_some(Self(bytes))
    }

    /// How long so many bytes take.
    fn span(self, bytes: ByteSize) -> Duration {
        let nanos = u128::from(bytes.0) * Duration::from_secs(1).as_nanos() / u128::from(self.0.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How much comes in a [`PIECE`]. A batch that is larger comes whole.
    fn piece(self) -> ByteSize {
        let bytes = u128::from(self.0.0) * PIECE.as_nanos() / Duration::from_secs(1).as_nanos();
        ByteSize(u64::try_from(bytes).unwrap_or(u64::MAX).max(1))
    }
}

/// Whether a follower is in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Standing {
    /// It is: what it lacks, appends wait for.
    InSync,
    /// It is not.
    CatchingUp,
}

/// One follower's pace.
#[derive(Clone, Debug, Hash)]
pub(super) struct Throttle {
    rate: Option<CatchUpRate>,
    standing: Standing,
    /// When the last fetch was sent.
    sent_at: Moment,
    /// When what came before is paid for.
    free_at: Moment,
}

impl Throttle {
    pub(super) fn new(now: Moment, rate: Option<CatchUpRate>, standing: Standing) -> Self {
        Self { rate, standing, sent_at: now, free_at: now }
    }

    /// The follower has joined the set, or left it.
    pub(super) fn stands(&mut self, standing: Standing) {
        self.standing = standing;
    }

    fn rate(&self) -> Option<CatchUpRate> {
        self.rate.filter(|_| self.standing == Standing::CatchingUp)
    }

    /// How much the next fetch may bring, which is sent now.
    pub(super) fn fetches(&mut self, now: Moment, most: ByteSize) -> ByteSize {
        self.sent_at = now;
        self.rate().map_or(most, |rate| rate.piece().min(most))
    }

    /// A fetch has brought so much.
    pub(super) fn received(&mut self, bytes: ByteSize) {
        if let Some(rate) = self.rate() {
            // A fetch that was parked has waited already; beyond that nothing is saved up.
            self.free_at = self.free_at.max(self.sent_at).after(rate.span(bytes));
        }
    }

    /// Until when the next fetch has to wait, if it has.
    pub(super) fn pause(&self, now: Moment) -> Option<Moment> {
        self.rate().map(|_| self.free_at).filter(|free_at| now < *free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(millis * 1_000_000)
    }

    fn throttle(bytes: u64) -> Throttle {
        Throttle::new(at(0), CatchUpRate::per_second(ByteSize(bytes)), Standing::CatchingUp)
    }

    #[test]
    fn what_comes_in_any_span_is_the_rate_and_at_most_one_fetch_more() {
        let (mut throttle, mut now) = (throttle(10_000), at(0));
        let mut came: Vec<(Moment, u64)> = Vec::new();
        for fetch in 0..200_u64 {
            let most = throttle.fetches(now, ByteSize(4096));
            assert_eq!(most, ByteSize(1000), "a tenth of a second");
            // Some take long, some bring less, and one follower slept.
            let took = if fetch == 50 { 5000 } else { fetch % 7 };
            now = now.after(Duration::from_millis(took));
            let bytes = most.0 - fetch % 3 * 100;
            throttle.received(ByteSize(bytes));
            came.push((now, bytes));
            now = throttle.pause(now).unwrap_or(now);
        }
        for (first, (begun, _)) in came.iter().enumerate() {
            let mut sum = 0;
            for (then, bytes) in &came[first..] {
                sum += bytes;
                let allowed = 10_000 * u128::from(then.0 - begun.0) / 1_000_000_000 + 1000 + 70;
                assert!(u128::from(sum) <= allowed + 1000, "{sum} bytes from {begun:?} to {then:?}");
            }
        }
        let (all, span) = (came.iter().map(|(_, bytes)| bytes).sum::<u64>(), now.since(at(5000)));
        assert!(all * 1000 >= 9_000 * u64::try_from(span.as_millis()).unwrap(), "{all} bytes in {span:?}");
    }

    #[test]
    fn who_is_in_sync_is_not_held_back() {
        let mut throttle = throttle(10);
        throttle.fetches(at(0), ByteSize(4096));
        throttle.received(ByteSize(100));
        assert_eq!(throttle.pause(at(1)), Some(at(10_000)));
        throttle.stands(Standing::InSync);
        assert_eq!(throttle.pause(at(1)), None);
        assert_eq!(throttle.fetches(at(1), ByteSize(4096)), ByteSize(4096));
    }

    #[test]
    fn without_a_rate_nobody_is_held_back() {
        let mut throttle = throttle(0);
        assert_eq!(throttle.fetches(at(0), ByteSize(4096)), ByteSize(4096));
        throttle.received(ByteSize::mib(100));
        assert_eq!(throttle.pause(at(1)), None);
    }
}
