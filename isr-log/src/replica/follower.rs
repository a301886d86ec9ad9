//! A replica that copies from its leader: it fetches ahead while its disk is busy, and reports the moment that a sync ends.

use partition::clock::Moment;
use partition::ids::{Epoch, NodeId, Offset};
use partition::log::epochs::EpochEnd;

use super::throttle::{Standing, Throttle};
use super::truncation::cut;
use super::{Command, Event, FETCH_RETRY, Step};
use crate::message::{Fetch, FetchNumber, FetchRefusal, FetchReply, News, Report};
use crate::rules::TruncationRule;

/// A follower in one epoch.
#[derive(Clone, Debug, Hash)]
pub(super) struct Follower {
    leader: NodeId,
    epoch: Epoch,
    /// All below it was committed once. What of that is cut is lost.
    committed: Offset,
    /// The fetch that was sent last.
    sent: FetchNumber,
    throttle: Throttle,
    phase: Phase,
}

/// Whom a replica is to follow, and as what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Follows {
    pub(super) leader: NodeId,
    pub(super) epoch: Epoch,
    /// All below it was committed once.
    pub(super) committed: Offset,
    pub(super) standing: Standing,
}

/// What it is waiting for. There is one fetch at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The leader's answer. The leader has been told this.
    Fetching(Report),
    /// Records that came are being appended; then the high watermark goes up to this.
    Appending(Offset),
    /// A pause after a failure.
    Pausing(Moment),
    /// A pause until this moment, since it copies faster than it may. The leader has been told this, and is told of each sync.
    Throttled(Report, Moment),
}

impl Follower {
    /// Starts to follow. The first fetch compares the logs, in each epoch anew (KAFKA-7164); or, by the older rule, all above
    /// the high watermark is cut, and nothing compared (C20, C21).
    pub(super) fn begin(step: &mut Step<'_>, follows: Follows) -> Self {
        let Follows { leader, epoch, committed, standing } = follows;
        let (sent, phase) = (FetchNumber::default(), Phase::Pausing(step.now));
        let throttle = Throttle::new(step.now, step.rules, standing);
        let mut follower = Self { leader, epoch, committed, sent, throttle, phase };
        let (end, latest) = (step.log.end, step.log.epochs.latest());
        if step.rules.truncation() == TruncationRule::ByHighWatermark {
            let to = (*step.high_watermark).clamp(step.log.start, end);
            if to < end {
                follower.cut(step, EpochEnd { epoch: latest.unwrap_or(epoch), end: to });
                return follower;
            }
        }
        follower.fetch(step, end, latest);
        follower
    }

    pub(super) fn leader(&self) -> NodeId {
        self.leader
    }

    pub(super) fn follows(&self, leader: NodeId, epoch: Epoch) -> bool {
        (self.leader, self.epoch) == (leader, epoch)
    }

    /// A later version of the same epoch: it may have joined the set, or left it.
    pub(super) fn read(&mut self, step: &mut Step<'_>, standing: Standing) {
        self.throttle.stands(standing);
        if let Phase::Throttled(..) = self.phase
            && standing == Standing::InSync
        {
            self.fetch_on(step);
        }
    }

    pub(super) fn wakes_at(&self) -> Option<Moment> {
        match self.phase {
            Phase::Pausing(until) | Phase::Throttled(_, until) => Some(until),
            Phase::Fetching(_) | Phase::Appending(_) => None,
        }
    }

    pub(super) fn step(&mut self, step: &mut Step<'_>, event: Event) {
        match (event, self.phase) {
            (Event::Fetched(epoch, reply, bytes), Phase::Fetching(_)) if epoch == self.epoch => {
                self.throttle.brings(bytes);
                self.replied(step, reply);
            }
            (Event::FetchFailed(epoch), Phase::Fetching(_) | Phase::Appending(_)) if epoch == self.epoch => {
                self.phase = Phase::Pausing(step.now.after(FETCH_RETRY));
            }
            (Event::Appended, Phase::Appending(committed)) => {
                step.commit(committed.min(step.log.end));
                match self.throttle.pause(step.now, step.log.end, committed) {
                    Some(until) => {
                        let report = step.report(self.epoch, self.sent);
                        step.put(Command::SendReport(self.leader, report));
                        self.phase = Phase::Throttled(report, until);
                    }
                    None => self.fetch_on(step),
                }
            }
            (Event::Stored | Event::Trimmed, Phase::Fetching(told) | Phase::Throttled(told, _)) => {
                self.report(step, told);
            }
            (Event::Tick, Phase::Pausing(until) | Phase::Throttled(_, until)) if until <= step.now => {
                self.fetch_on(step);
            }
            (Event::Fetch(id, fetch), _) => {
                let refusal = FetchRefusal::by_a_replica_in(self.epoch, fetch.report.epoch);
                step.put(Command::Answer(id, FetchReply::Refused(refusal)));
            }
            // Replies to fetches of an earlier epoch, and what concerns leaders.
            (
                Event::Fetched(..)
                | Event::FetchFailed(_)
                | Event::Appended
                | Event::Stored
                | Event::Trim(_)
                | Event::Trimmed
                | Event::Tick
                | Event::Report(_)
                | Event::Proposed(..)
                | Event::Prove
                | Event::Confirmed(..)
                | Event::Decided(_)
                | Event::Leased(_),
                _,
            ) => {}
        }
    }

    fn replied(&mut self, step: &mut Step<'_>, reply: FetchReply) {
        match reply {
            FetchReply::Records(news) => self.received(step, news),
            FetchReply::Diverged(end) => self.cut(step, end),
            FetchReply::StartAt(start) => {
                self.lose(step, start);
                *step.high_watermark = start;
                step.put(Command::RestartAt(start));
                self.fetch(step, start, None);
            }
            FetchReply::Refused(_) => self.phase = Phase::Pausing(step.now.after(FETCH_RETRY)),
        }
    }

    fn received(&mut self, step: &mut Step<'_>, news: News) {
        // Only what is committed is ever trimmed, so a start beyond this log's end belongs to a later fetch.
        if news.log_start > step.log.start && news.log_start <= step.log.end {
            step.put(Command::Trim(news.log_start));
        }
        self.phase = Phase::Appending(news.high_watermark);
        step.put(Command::AppendFetched);
    }

    fn cut(&mut self, step: &mut Step<'_>, end: EpochEnd) {
        let to = cut(step.log, end);
        let mut left = step.log.epochs.clone();
        left.truncate(to);
        self.lose(step, to);
        // Below the high watermark nothing is cut after a clean election; after another one it must not point at nothing.
        *step.high_watermark = (*step.high_watermark).min(to);
        step.put(Command::Truncate(to));
        self.fetch(step, to, left.latest());
    }

    /// Counts what was committed and is cut now: nothing, unless an election was unclean or a disk has lost something.
    fn lose(&mut self, step: &mut Step<'_>, to: Offset) {
        let committed = self.committed.max(*step.high_watermark);
        if to < committed {
            step.put(Command::Lost { from: to, to: committed });
        }
        self.committed = committed.min(to);
    }

    fn fetch_on(&mut self, step: &mut Step<'_>) {
        let (end, latest) = (step.log.end, step.log.epochs.latest());
        self.fetch(step, end, latest);
    }

    fn fetch(&mut self, step: &mut Step<'_>, from: Offset, last_epoch: Option<Epoch>) {
        self.sent = self.sent.next();
        let mut report = step.report(self.epoch, self.sent);
        report.durable_to = report.durable_to.min(from);
        // What begins anew further back starts there.
        report.log_start = report.log_start.min(from);
        let fetch = Fetch {
            report,
            fetch_from: from,
            last_epoch,
            max_bytes: self.throttle.fetches(step.now, from, step.rules.fetch_bytes_max),
            max_wait: step.rules.fetch_wait,
        };
        self.phase = Phase::Fetching(report);
        step.put(Command::SendFetch(self.leader, fetch));
    }

    /// The parked fetch cannot say what the disk has done since, so a report supersedes it (H-12).
    fn report(&mut self, step: &mut Step<'_>, told: Report) {
        let report = step.report(self.epoch, self.sent);
        if report != told {
            self.phase = match self.phase {
                Phase::Throttled(_, until) => Phase::Throttled(report, until),
                Phase::Fetching(_) | Phase::Appending(_) | Phase::Pausing(_) => Phase::Fetching(report),
            };
            step.put(Command::SendReport(self.leader, report));
        }
    }
}
