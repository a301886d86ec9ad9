//! How long batches take from a leader's door to each copy: sampled jointly, for those who predict what a rule would cost.
//!
//! ```text
//!   hand-in ──┬── own disk has it ──────┐
//!             ├── follower 2 answers ───┼──> one Journey: all times of the same batch, so that what strikes
//!             └── follower 3 answers ───┘    several copies at once is seen as such
//! ```
//! Any rule of acknowledgement is an order statistic of such a journey: all in sync is its longest time, a majority its
//! middle one. A leader notes what it learns anyway; nothing is sent for it, and without a watcher nothing is kept. Times
//! end when the leader *knows*: at the follower's report, be it a fetch or the answer to a push.
//!
//! Left out: which copies count (sets and voters are the protocols' business), and the way to the client and back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::ids::{NodeId, Offset, Ordinal};

/// Journeys that are kept of all that were made: each tenth of a per cent is still two of them.
pub const KEPT_MAX: usize = 2048;
/// Batches on their way that are watched: above what any client has in flight. Beyond it the oldest is kept as it is, its
/// missing copies as never reached: to leave it out would leave out the slow ones.
const UNDER_WAY_MAX: usize = 8192;

/// Where a batch lies in its leader's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The offset after its last record.
    pub end: Offset,
    /// Which entry it is.
    pub entry: Ordinal,
}

/// How long one batch took, from its hand-in on the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// Nanoseconds until the leader's own log called it stored; none if it had not.
    pub own: Option<u64>,
    /// Nanoseconds until the leader knew that each follower has it, in the order of [`Journeyed::followers`]; none if one had not.
    pub followers: Vec<Option<u64>>,
}

/// What was seen since somebody looked last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journeyed {
    /// Who follows, as far as any has answered.
    pub followers: Vec<NodeId>,
    /// How many journeys came to their end.
    pub seen: u64,
    /// Some of them, each as likely as any other.
    pub kept: Vec<Journey>,
}

/// Where a leader notes journeys, and a harness looks at them.
#[derive(Clone, Default)]
pub struct Journeys(Arc<Shared>);

#[derive(Default)]
struct Shared {
    watched: AtomicBool,
    notes: Mutex<Notes>,
}

/// What is noted.
#[derive(Default)]
struct Notes {
    random: Option<StdRng>,
    followers: BTreeSet<NodeId>,
    /// In the order of the log.
    under_way: VecDeque<UnderWay>,
    seen: u64,
    kept: Vec<BTreeMap<Option<NodeId>, u64>>,
}

struct UnderWay {
    placed: Placed,
    handed_in: Moment,
    /// Nanoseconds to each copy that has it; that of none is the leader's own.
    took: BTreeMap<Option<NodeId>, u64>,
}

impl Journeys {
    /// What was seen since the last look. The first look sees nothing, and begins the watch; `followers` are those whose
    /// answers a journey waits for, `seed` decides which journeys are kept.
    #[must_use]
    pub fn look(&self, followers: &BTreeSet<NodeId>, seed: u64) -> Journeyed {
        let mut notes = self.notes();
        let seen = std::mem::take(&mut *notes).into_seen();
        notes.random = Some(StdRng::seed_from_u64(seed));
        notes.followers.clone_from(followers);
        self.0.watched.store(true, Ordering::Release);
        seen
    }

    /// A batch that was handed in at that moment has been placed.
    pub fn placed(&self, handed_in: Moment, placed: Placed) {
        if !self.is_watched() {
            return;
        }
        let mut notes = self.notes();
        if notes.under_way.len() == UNDER_WAY_MAX
            && let Some(oldest) = notes.under_way.pop_front()
        {
            notes.keep(oldest);
        }
        notes.under_way.push_back(UnderWay { placed, handed_in, took: BTreeMap::new() });
    }

    /// The leader's own log has stored all below `to`.
    pub fn own(&self, now: Moment, to: Offset) {
        self.reached(now, None, |placed| placed.end <= to);
    }

    /// A follower has told that it has what this is true of, which is a beginning of the log.
    pub fn told(&self, now: Moment, follower: NodeId, has: impl Fn(Placed) -> bool) {
        self.reached(now, Some(follower), has);
    }

    /// The leader leads no more: what is under way has no end.
    pub fn resigned(&self) {
        if self.is_watched() {
            self.notes().under_way.clear();
        }
    }

    fn is_watched(&self) -> bool {
        self.0.watched.load(Ordering::Acquire)
    }

    fn reached(&self, now: Moment, copy: Option<NodeId>, has: impl Fn(Placed) -> bool) {
        if self.is_watched() {
            self.notes().reached(now, copy, has);
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.notes.lock().expect("no holder panics")
    }
}

impl Notes {
    fn reached(&mut self, now: Moment, copy: Option<NodeId>, has: impl Fn(Placed) -> bool) {
        // Both are beginnings of the log: what this copy had before, and what it has now.
        let known = self.under_way.partition_point(|batch| batch.took.contains_key(&copy));
        let new = self.under_way.iter_mut().skip(known).take_while(|batch| has(batch.placed));
        for batch in new {
            let took = u64::try_from(now.since(batch.handed_in).as_nanos()).unwrap_or(u64::MAX);
            batch.took.insert(copy, took);
        }
        while let Some(first) = self.under_way.front()
            && self.is_everywhere(first)
            && let Some(first) = self.under_way.pop_front()
        {
            self.keep(first);
        }
    }

    fn is_everywhere(&self, batch: &UnderWay) -> bool {
        batch.took.contains_key(&None)
            && self.followers.iter().all(|follower| batch.took.contains_key(&Some(*follower)))
    }

    /// Each that was seen is kept with the same chance (Vitter's algorithm R).
    fn keep(&mut self, batch: UnderWay) {
        self.seen += 1;
        if self.kept.len() < KEPT_MAX {
            self.kept.push(batch.took);
            return;
        }
        let Some(random) = &mut self.random else { return };
        let drawn = usize::try_from(random.random_range(0..self.seen)).unwrap_or(usize::MAX);
        if let Some(kept) = self.kept.get_mut(drawn) {
            *kept = batch.took;
        }
    }

    fn into_seen(self) -> Journeyed {
        let followers: Vec<NodeId> = self.followers.into_iter().collect();
        let journey = |took: BTreeMap<Option<NodeId>, u64>| Journey {
            own: took.get(&None).copied(),
            followers: followers.iter().map(|follower| took.get(&Some(*follower)).copied()).collect(),
        };
        Journeyed { seen: self.seen, kept: self.kept.into_iter().map(journey).collect(), followers }
    }
}

impl Journey {
    /// The time to each copy, the leader's own first; what was never reached takes for ever.
    #[must_use]
    pub fn times(&self) -> Vec<Duration> {
        let time = |took: &Option<u64>| took.map_or(Duration::MAX, Duration::from_nanos);
        std::iter::once(&self.own).chain(&self.followers).map(time).collect()
    }
}

impl fmt::Debug for Journeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journeys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(at: u64) -> Placed {
        Placed { end: Offset(at), entry: Ordinal(at) }
    }

    fn two() -> BTreeSet<NodeId> {
        BTreeSet::from([NodeId(2), NodeId(3)])
    }

    #[test]
    fn a_journey_has_the_times_of_one_batch_to_every_copy() {
        let journeys = Journeys::default();
        assert_eq!(journeys.look(&two(), 1).seen, 0);
        journeys.placed(Moment(100), placed(1));
        journeys.placed(Moment(200), placed(2));
        journeys.told(Moment(300), NodeId(3), |placed| placed.entry <= Ordinal(2));
        journeys.own(Moment(400), Offset(1));
        journeys.told(Moment(450), NodeId(2), |placed| placed.end <= Offset(1));
        // Told again, it changes nothing: the first word counts.
        journeys.told(Moment(500), NodeId(3), |placed| placed.entry <= Ordinal(2));
        journeys.own(Moment(600), Offset(2));
        journeys.told(Moment(900), NodeId(2), |placed| placed.end <= Offset(2));
        let seen = journeys.look(&two(), 1);
        assert_eq!((seen.seen, seen.followers), (2, vec![NodeId(2), NodeId(3)]));
        let journey =
            |own, second, third| Journey { own: Some(own), followers: vec![Some(second), Some(third)] };
        assert_eq!(seen.kept, [journey(300, 350, 200), journey(400, 700, 100)]);
        assert_eq!(journeys.look(&two(), 1).seen, 0, "a look takes what it sees");
    }

    #[test]
    fn nothing_is_kept_before_somebody_looks() {
        let journeys = Journeys::default();
        journeys.placed(Moment(100), placed(1));
        journeys.own(Moment(400), Offset(1));
        assert_eq!(journeys.look(&BTreeSet::new(), 1), Journeyed::default());
    }

    #[test]
    fn a_copy_that_is_never_reached_takes_for_ever_and_is_not_left_out() {
        let journeys = Journeys::default();
        let _ = journeys.look(&two(), 1);
        for at in 0..=UNDER_WAY_MAX as u64 {
            journeys.placed(Moment(at), placed(at));
            journeys.own(Moment(at + 7), Offset(at));
            journeys.told(Moment(at + 9), NodeId(2), |placed| placed.end <= Offset(at));
        }
        let seen = journeys.look(&two(), 1);
        assert_eq!(seen.seen, 1, "the oldest had to make room");
        assert_eq!(seen.kept[0].followers, [Some(9), None]);
        assert_eq!(seen.kept[0].times()[2], Duration::MAX);
    }

    #[test]
    fn of_many_journeys_each_is_kept_with_the_same_chance() {
        let journeys = Journeys::default();
        let _ = journeys.look(&BTreeSet::new(), 7);
        let count = 10 * KEPT_MAX as u64;
        for at in 1..=count {
            journeys.placed(Moment(0), placed(at));
            journeys.own(Moment(at), Offset(at));
        }
        let seen = journeys.look(&BTreeSet::new(), 7);
        assert_eq!((seen.seen, seen.kept.len()), (count, KEPT_MAX));
        let mean = seen.kept.iter().filter_map(|journey| journey.own).sum::<u64>() / KEPT_MAX as u64;
        // Of numbers up to `count` the mean is half of it, give or take three standard errors.
        assert!(mean.abs_diff(count / 2) < count / 50, "{mean} of {count}");
    }
}
