//! Who stands for election has asked a majority whether it would be elected, and they would not elect who is behind.

use std::collections::VecDeque;
use std::time::Duration;

use partition::clock::Moment;
use partition::ids::{Epoch, Offset};
use partition::partition::Role;
use partition::probe::Snapshot;

use super::mirror::Mirror;
use super::name::{Breach, Invariant};
use super::sight::Sight;

/// An answer may have taken so long: what a voter had then is what it answered by. Longer than any message waits.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// How far a log has come: of two, the one whose last batch is of the newer epoch is ahead, else the longer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reach {
    last: Option<Epoch>,
    end: Offset,
}

/// How far one log had come, and since when, as far back as it matters.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached(VecDeque<(Moment, Reach)>);

impl Reached {
    /// The log is this now.
    pub(super) fn note(&mut self, now: Moment, log: &Mirror) {
        let reach = Reach { last: log.marks().last().map(|mark| mark.epoch), end: log.end() };
        if self.0.back().is_none_or(|(_, last)| *last != reach) {
            self.0.push_back((now, reach));
        }
        self.forget(now);
    }

    /// The newest of the old ones says what there was when the time began that matters.
    pub(super) fn forget(&mut self, now: Moment) {
        while self.0.get(1).is_some_and(|(at, _)| now.since(*at) > ANSWERED_WITHIN) {
            self.0.pop_front();
        }
    }

    fn now(&self) -> Reach {
        self.0.back().map_or(Reach::default(), |(_, reach)| *reach)
    }

    /// The least that it was, while that matters.
    fn least(&self) -> Reach {
        self.0.iter().map(|(_, reach)| *reach).min().unwrap_or_default()
    }
}

/// What a replica is that has just begun to stand for election.
pub(super) fn newly_stands(sight: &Sight) -> Option<&Snapshot> {
    let now = sight.now.as_ref().filter(|now| now.role == Role::Candidate)?;
    sight.before.as_ref().is_some_and(|before| before.vote != now.vote).then_some(now)
}

/// A replica that stands for election would have been elected by so many, a moment before.
pub(super) fn not_behind(sight: &Sight, sights: &[Sight], voters: usize) -> Result<(), Breach> {
    let Some(now) = newly_stands(sight) else { return Ok(()) };
    let reach = sight.reached.now();
    let behind = sights.iter().filter(|other| other.reached.least() > reach).count();
    if (voters - behind) * 2 > voters {
        return Ok(());
    }
    let what = format!(
        "{} stands for election in epoch {} with a log to {}, and {behind} of {voters} have had more for long",
        now.node, now.epoch, reach.end
    );
    Err(Breach::of(Invariant::CandidateNotBehind, what))
}
