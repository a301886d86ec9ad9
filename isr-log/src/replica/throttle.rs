//! How fast a follower may copy that is not in sync: so that it leaves disk and network to those who are.

use std::time::Duration;

use partition::clock::Moment;
use partition::ids::{ByteSize, Offset};

use super::Rules;

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
///
/// It is let go when what it lacks of the committed records would take it no longer than `lag_max`: from there on appends may
/// have to wait for it (S-23), and should not wait for a throttle. So beyond its rate it takes at most what the rate brings in
/// that time, once.
#[derive(Clone, Debug, Hash)]
pub(super) struct Throttle {
    rate: Option<CatchUpRate>,
    lag_max: Duration,
    standing: Standing,
    reach: Reach,
    /// From where the last fetch was sent, and when.
    sent: (Offset, Moment),
    /// How much it has brought.
    brought: ByteSize,
    /// When what came before is paid for.
    free_at: Moment,
}

/// How much it lacks of what is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reach {
    Near,
    Far,
}

impl Throttle {
    pub(super) fn new(now: Moment, rules: Rules, standing: Standing) -> Self {
        let Rules { catch_up_rate: rate, lag_max, .. } = rules;
        let (sent, brought) = ((Offset::ZERO, now), ByteSize::ZERO);
        Self { rate, lag_max, standing, reach: Reach::Far, sent, brought, free_at: now }
    }

    /// The follower has joined the set, or left it.
    pub(super) fn stands(&mut self, standing: Standing) {
        self.standing = standing;
    }

    fn rate(&self) -> Option<CatchUpRate> {
        self.rate.filter(|_| self.standing == Standing::CatchingUp && self.reach == Reach::Far)
    }

    /// A fetch is sent now, from here; returns how much it may bring.
    pub(super) fn fetches(&mut self, now: Moment, from: Offset, most: ByteSize) -> ByteSize {
        self.sent = (from, now);
        self.rate().map_or(most, |rate| rate.piece().min(most))
    }

    /// The fetch has brought so much.
    pub(super) fn brings(&mut self, bytes: ByteSize) {
        self.brought = bytes;
        if let Some(rate) = self.rate() {
            // A fetch that was parked has waited already; beyond that nothing is saved up.
            self.free_at = self.free_at.max(self.sent.1).after(rate.span(bytes));
        }
    }

    /// What it has brought is appended, up to `end`, and so much is committed. Until when has the next one to wait, if it has?
    pub(super) fn pause(&mut self, now: Moment, end: Offset, committed: Offset) -> Option<Moment> {
        let (came, lacks) = (end.0.saturating_sub(self.sent.0.0), committed.0.saturating_sub(end.0));
        let lacks = u128::from(lacks) * u128::from(self.brought.0) / u128::from(came.max(1));
        let lacks = ByteSize(u64::try_from(lacks).unwrap_or(u64::MAX));
        let is_near = self.rate.is_some_and(|rate| rate.span(lacks) <= self.lag_max);
        self.reach = if is_near { Reach::Near } else { Reach::Far };
        self.rate().map(|_| self.free_at).filter(|free_at| now < *free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutant::Mutated;
    use crate::rules::HistoricRules;

    fn at(millis: u64) -> Moment {
        Moment(millis * 1_000_000)
    }

    /// A second behind is near.
    fn throttle(bytes: u64) -> Throttle {
        let (rate, lag_max) = (CatchUpRate::per_second(ByteSize(bytes)), Duration::from_secs(1));
        let rules = Rules {
            lag_max,
            fetch_wait: Duration::ZERO,
            fetch_bytes_max: ByteSize::mib(1),
            catch_up_rate: rate,
            historic: HistoricRules::default(),
            mutated: Mutated::NOT,
        };
        Throttle::new(at(0), rules, Standing::CatchingUp)
    }

    /// Much more than any test copies.
    const FAR: Offset = Offset(1_000_000_000);

    #[test]
    fn what_comes_in_any_span_is_the_rate_and_at_most_one_fetch_more() {
        let (mut throttle, mut now, mut end) = (throttle(10_000), at(0), Offset(0));
        let mut came: Vec<(Moment, u64)> = Vec::new();
        for fetch in 0..200_u64 {
            let most = throttle.fetches(now, end, ByteSize(4096));
            assert_eq!(most, ByteSize(1000), "a tenth of a second");
            // Some take long, some bring less, and one follower slept.
            let took = if fetch == 50 { 5000 } else { fetch % 7 };
            now = now.after(Duration::from_millis(took));
            let bytes = most.0 - fetch % 3 * 100;
            throttle.brings(ByteSize(bytes));
            came.push((now, bytes));
            end = Offset(end.0 + 10);
            now = throttle.pause(now, end, FAR).unwrap_or(now);
        }
        for (first, (begun, _)) in came.iter().enumerate() {
            let mut sum = 0;
            for (then, bytes) in &came[first..] {
                sum += bytes;
                let allowed = 10_000 * u128::from(then.0 - begun.0) / 1_000_000_000 + 2000 + 70;
                assert!(u128::from(sum) <= allowed, "{sum} bytes from {begun:?} to {then:?}");
            }
        }
        let (all, span) = (came.iter().map(|(_, bytes)| bytes).sum::<u64>(), now.since(at(5000)));
        assert!(all * 1000 >= 9_000 * u64::try_from(span.as_millis()).unwrap(), "{all} bytes in {span:?}");
    }

    #[test]
    fn who_is_in_sync_is_not_held_back() {
        let mut throttle = throttle(10);
        throttle.fetches(at(0), Offset(0), ByteSize(4096));
        throttle.brings(ByteSize(100));
        assert_eq!(throttle.pause(at(1), Offset(1), FAR), Some(at(10_000)));
        throttle.stands(Standing::InSync);
        assert_eq!(throttle.pause(at(1), Offset(1), FAR), None);
        assert_eq!(throttle.fetches(at(1), Offset(1), ByteSize(4096)), ByteSize(4096));
    }

    #[test]
    fn s23_who_has_nearly_caught_up_is_let_go_since_appends_wait_for_it() {
        let mut throttle = throttle(1000);
        throttle.fetches(at(0), Offset(0), ByteSize(4096));
        throttle.brings(ByteSize(100));
        // Ten bytes a record: a hundred of them take a second.
        assert_eq!(throttle.pause(at(1), Offset(10), Offset(111)), Some(at(100)));
        assert_eq!(throttle.pause(at(1), Offset(10), Offset(110)), None);
        assert_eq!(throttle.fetches(at(1), Offset(10), ByteSize(4096)), ByteSize(4096));
        // Should it fall behind again, it is held back again.
        throttle.brings(ByteSize(100));
        assert_eq!(throttle.pause(at(2), Offset(20), FAR), Some(at(100)), "only the first fetch is paid for");
        assert_eq!(throttle.fetches(at(2), Offset(20), ByteSize(4096)), ByteSize(100));
    }

    #[test]
    fn without_a_rate_nobody_is_held_back() {
        let mut throttle = throttle(0);
        assert_eq!(throttle.fetches(at(0), Offset(0), ByteSize(4096)), ByteSize(4096));
        throttle.brings(ByteSize::mib(100));
        assert_eq!(throttle.pause(at(1), Offset(1), FAR), None);
    }
}
