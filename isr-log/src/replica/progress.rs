//! What a leader knows of one follower: how far it is, and since when it has not been caught up.

use std::time::Duration;

use partition::clock::Moment;
use partition::ids::{ByteSize, Offset};

use super::FetchId;
use crate::message::{Fetch, FetchNumber, News, Report};
use crate::metadata::{Incarnation, Version};
use crate::rules::LagRule;

/// One follower, as its leader sees it in this epoch.
#[derive(Clone, Debug, Hash)]
pub(super) struct Progress {
    /// Since when it has been a replica: what it said before does not count.
    since: Version,
    /// When it last had all that the leader had. Starts at the election for members of the set, or else never.
    caught_up_at: Option<Moment>,
    /// When it fetched last. Starts as [`Progress::caught_up_at`] does.
    fetched_at: Option<Moment>,
    /// A moment, and the leader's log end then: once the follower has that on disk, it *was* caught up at that moment.
    mark: Option<(Moment, Offset)>,
    /// What it said last. `None` until a fetch in this epoch was found to continue this log (S-06, S-09).
    heard: Option<Heard>,
    /// It has left the set, or the controllers have refused it: it is not proposed before this moment, nor waited for
    /// before it was heard after it.
    pub(super) barred_until: Option<Moment>,
    /// When it was heard last.
    heard_at: Moment,
    /// The fetch that waits here, if one does.
    pub(super) parked: Option<Parked>,
    /// What the last reply told.
    told: News,
    /// Since when there has been news to tell. `None` when there is none.
    untold_since: Option<Moment>,
}

/// What a follower has said in this epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Heard {
    /// The life that said it.
    pub(super) incarnation: Incarnation,
    /// The fetch that was heard last.
    pub(super) fetch: FetchNumber,
    /// All below it is on its disk, and is the same as here.
    pub(super) durable: Offset,
    /// Its log start.
    pub(super) log_start: Offset,
}

/// A fetch that waits for something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parked {
    /// Which one.
    pub(super) id: FetchId,
    /// The first record it wants.
    pub(super) from: Offset,
    /// How much it takes.
    pub(super) max_bytes: ByteSize,
    /// When it is answered with nothing.
    pub(super) until: Moment,
}

impl Progress {
    /// A follower at the beginning of an epoch, or of its time as a replica; members of the in-sync set get a full span to show
    /// themselves.
    pub(super) fn of(since: Version, caught_up_at: Option<Moment>) -> Self {
        Self {
            since,
            caught_up_at,
            fetched_at: caught_up_at,
            mark: None,
            heard: None,
            barred_until: None,
            heard_at: Moment::default(),
            parked: None,
            told: News::default(),
            untold_since: None,
        }
    }

    /// Since when it has been a replica.
    pub(super) fn since(&self) -> Version {
        self.since
    }

    /// What it has said, if anything that counts.
    pub(super) fn heard(&self) -> Option<&Heard> {
        self.heard.as_ref()
    }

    /// Whether an earlier life than one that was heard is speaking.
    pub(super) fn outlived(&self, speaker: Incarnation) -> bool {
        self.heard.is_some_and(|heard| speaker < heard.incarnation)
    }

    /// A fetch that continues this log: from now on what this life reports counts.
    pub(super) fn hear_fetch(&mut self, now: Moment, fetch: &Fetch, leader_end: Offset) {
        let durable = fetch.report.durable_to.min(fetch.fetch_from);
        self.hear(now, &fetch.report, durable, leader_end);
        self.fetched_at = Some(now);
    }

    /// A report between fetches. It counts only beside the fetch that was found to continue this log.
    pub(super) fn hear_report(&mut self, now: Moment, report: &Report, leader_end: Offset) {
        let beside = |heard: Heard| (heard.incarnation, heard.fetch) == (report.incarnation, report.fetch);
        let known = self.heard.is_some_and(beside);
        if known && report.durable_to <= leader_end {
            self.hear(now, report, report.durable_to, leader_end);
        }
    }

    /// A report that counts whatever was fetched before it.
    pub(super) fn hear_uncompared(&mut self, now: Moment, report: &Report, leader_end: Offset) {
        self.hear(now, report, report.durable_to.min(leader_end), leader_end);
    }

    /// The follower's log does not continue this one, so what it reported is void.
    pub(super) fn unhear(&mut self) {
        self.heard = None;
        self.mark = None;
    }

    fn hear(&mut self, now: Moment, report: &Report, durable: Offset, leader_end: Offset) {
        if self.heard.is_some_and(|heard| heard.incarnation != report.incarnation) {
            *self = Self { parked: self.parked, ..Self::of(self.since, None) };
        }
        let Report { incarnation, fetch, log_start, .. } = *report;
        self.heard_at = now;
        self.heard = Some(Heard { incarnation, fetch, durable, log_start });
        if durable >= leader_end {
            self.caught_up_at = Some(now);
            self.mark = Some((now, leader_end));
        } else {
            match self.mark {
                // Under steady load it never reaches the end of this moment, but it does reach that of an earlier one.
                Some((then, end)) if durable >= end => {
                    self.caught_up_at = self.caught_up_at.max(Some(then));
                    self.mark = Some((now, leader_end));
                }
                Some(_) => {}
                None => self.mark = Some((now, leader_end)),
            }
        }
    }

    /// Whether it has all that the leader has, or had so not longer than `lag_max` ago (Kafka's `isCaughtUp`).
    pub(super) fn is_caught_up(&self, now: Moment, leader_end: Offset, lag_max: Duration) -> bool {
        let has_all = self.heard.is_some_and(|heard| heard.durable >= leader_end);
        has_all || self.caught_up_at.is_some_and(|then| now.since(then) <= lag_max)
    }

    /// Whether it is about to join the set: it has caught up, and nothing is known against it (Kafka's
    /// `shouldWaitForReplicaToJoinIsr`). Who was fenced a moment ago has caught up too, and is not waited for.
    pub(super) fn joins(&self, now: Moment, leader_end: Offset, lag_max: Duration) -> bool {
        let may_join = self.barred_until.is_none_or(|until| self.heard_at > until);
        may_join && self.is_caught_up(now, leader_end, lag_max)
    }

    /// Whether it has fallen too far behind to stay in sync (C12, C13).
    pub(super) fn lags(&self, now: Moment, leader_end: Offset, lag_max: Duration, rule: LagRule) -> bool {
        let is_silent = || self.fetched_at.is_none_or(|then| now.since(then) > lag_max);
        match rule {
            LagRule::CaughtUp => !self.is_caught_up(now, leader_end, lag_max),
            LagRule::LastFetch => is_silent(),
            LagRule::Messages(most) => {
                let lacks = |heard: Heard| leader_end.0.saturating_sub(heard.durable.0);
                is_silent() || self.heard.is_some_and(|heard| lacks(heard) > most)
            }
        }
    }

    /// Notes that the news has changed.
    pub(super) fn note_news(&mut self, now: Moment, news: News) {
        if news != self.told && self.untold_since.is_none() {
            self.untold_since = Some(now);
        }
    }

    /// Since when there has been something to tell.
    pub(super) fn untold_since(&self) -> Option<Moment> {
        self.untold_since
    }

    /// Takes the parked fetch, to answer it with this news.
    pub(super) fn unpark(&mut self, news: News) -> Option<Parked> {
        let parked = self.parked.take()?;
        self.told = news;
        self.untold_since = None;
        Some(parked)
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::{Epoch, NodeId};

    use super::*;

    const LAG_MAX: Duration = Duration::from_nanos(10);

    fn report(durable_to: u64, life: u64) -> Report {
        Report {
            node: NodeId(2),
            incarnation: Incarnation(Offset(life)),
            since: Version::default(),
            epoch: Epoch(1),
            fetch: FetchNumber(1),
            durable_to: Offset(durable_to),
            log_start: Offset(0),
        }
    }

    fn fetch(durable_to: u64, life: u64) -> Fetch {
        Fetch {
            report: report(durable_to, life),
            fetch_from: Offset(durable_to),
            last_epoch: None,
            max_bytes: ByteSize::mib(1),
            max_wait: Duration::ZERO,
        }
    }

    #[test]
    fn a_follower_one_step_behind_a_busy_leader_stays_caught_up() {
        let mut progress = Progress::of(Version::default(), Some(Moment(0)));
        for step in 0..20 {
            // At each step the leader is 5 records on, and the follower has what the leader had a step ago.
            let (now, leader_end) = (Moment(4 * step), Offset(5 * (step + 1)));
            progress.hear_fetch(now, &fetch(5 * step, 7), leader_end);
            assert!(progress.is_caught_up(now, leader_end, LAG_MAX), "at step {step}");
        }
    }

    #[test]
    fn a_follower_that_fetches_but_falls_behind_is_not_caught_up() {
        let mut progress = Progress::of(Version::default(), Some(Moment(0)));
        let caught_up: Vec<bool> = (0..8)
            .map(|step| {
                // The leader writes 5 at each step, the follower manages 1: C12, and not "time since the last fetch".
                let (now, leader_end) = (Moment(4 * step), Offset(5 * (step + 1)));
                progress.hear_fetch(now, &fetch(step, 7), leader_end);
                progress.is_caught_up(now, leader_end, LAG_MAX)
            })
            .collect();
        assert_eq!(caught_up, [true, true, true, false, false, false, false, false]);
    }

    /// A leader writes 5 records at each step, and a follower fetches, of which this test says how far it is. At which steps does
    /// it lag?
    fn lags(rule: LagRule, durable: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut progress = Progress::of(Version::default(), Some(Moment(0)));
        let lags = (0..30).filter(|step| {
            let (now, leader_end) = (Moment(4 * step), Offset(5 * (step + 1)));
            progress.hear_fetch(now, &fetch(durable(*step), 7), leader_end);
            progress.lags(now, leader_end, LAG_MAX, rule)
        });
        lags.collect()
    }

    #[test]
    fn c12_who_has_not_caught_up_for_the_lag_is_found_though_it_fetches() {
        assert_eq!(lags(LagRule::CaughtUp, |step| 5 * step), [], "one step behind");
        assert_eq!(lags(LagRule::CaughtUp, |step| step).first(), Some(&3), "it falls behind");
    }

    #[test]
    fn c13_by_the_last_fetch_alone_who_never_catches_up_stays_for_ever() {
        assert_eq!(lags(LagRule::LastFetch, |step| step), []);
        let silent = Progress::of(Version::default(), Some(Moment(0)));
        assert!(silent.lags(Moment(11), Offset(0), LAG_MAX, LagRule::LastFetch));
    }

    #[test]
    fn c13_by_the_number_of_messages_a_burst_makes_a_healthy_follower_lag() {
        // It is one step behind, always, and so it is by any number below what comes in one step.
        assert_eq!(lags(LagRule::Messages(9), |step| 5 * step), []);
        assert_eq!(lags(LagRule::Messages(4), |step| 5 * step).len(), 30);
        assert!(Progress::of(Version::default(), Some(Moment(0))).lags(
            Moment(11),
            Offset(0),
            LAG_MAX,
            LagRule::Messages(9)
        ));
    }

    #[test]
    fn a_new_life_starts_from_nothing() {
        let mut progress = Progress::of(Version::default(), Some(Moment(0)));
        progress.hear_fetch(Moment(1), &fetch(9, 7), Offset(9));
        progress.hear_fetch(Moment(50), &fetch(0, 8), Offset(9));
        assert!(progress.outlived(Incarnation(Offset(7))));
        assert_eq!(progress.heard().map(|heard| heard.durable), Some(Offset(0)));
        assert!(!progress.is_caught_up(Moment(50), Offset(9), LAG_MAX));
    }

    #[test]
    fn a_report_counts_only_after_a_fetch_of_the_same_life() {
        let mut progress = Progress::of(Version::default(), None);
        progress.hear_report(Moment(1), &report(5, 7), Offset(5));
        assert_eq!(progress.heard(), None);
        progress.hear_fetch(Moment(2), &fetch(3, 7), Offset(5));
        progress.hear_report(Moment(3), &report(5, 6), Offset(5));
        assert_eq!(progress.heard().map(|heard| heard.durable), Some(Offset(3)));
        progress.hear_report(Moment(4), &report(5, 7), Offset(5));
        assert_eq!(progress.heard().map(|heard| heard.durable), Some(Offset(5)));
    }

    #[test]
    fn a_report_of_an_earlier_fetch_does_not_count() {
        let mut progress = Progress::of(Version::default(), None);
        // After a cut the second fetch brings less; what an old connection still carries speaks of the log before.
        let mut second = fetch(3, 7);
        second.report.fetch = FetchNumber(2);
        progress.hear_fetch(Moment(1), &second, Offset(5));
        progress.hear_report(Moment(2), &report(5, 7), Offset(5));
        assert_eq!(progress.heard().map(|heard| heard.durable), Some(Offset(3)));
        let beside = Report { fetch: FetchNumber(2), ..report(5, 7) };
        progress.hear_report(Moment(3), &beside, Offset(5));
        assert_eq!(progress.heard().map(|heard| heard.durable), Some(Offset(5)));
    }
}
