//! Which faults are committed when: drawn from a seed, or read from text.
//!
//! A seed draws which kinds are on at all (TigerBeetle's VOPR calls it a swarm): runs with few kinds go deeper into
//! each than runs with all of them.

mod kind;
mod moves;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::text::{Span, wrong};
use super::{Fault, FaultSyntax};
use crate::clock::Moment;
use crate::ids::NodeId;

pub use kind::Kind;

/// What faults are drawn for.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The partition's replicas, to begin with.
    pub replicas: Vec<NodeId>,
    /// Who may be made a replica of it later: where nobody may, it stays where it is.
    pub spares: Vec<NodeId>,
    /// No reassignment leaves fewer replicas than that.
    pub assigned_min: usize,
    /// Nor does one make them more than that.
    pub assigned_max: usize,
    /// The controllers, if the system has any of its own.
    pub controllers: Vec<NodeId>,
    /// The clients: their links fail, they themselves do not.
    pub clients: Vec<NodeId>,
    /// How long the run's first phase is: all faults begin and end within it.
    pub duration: Duration,
    /// Which kinds may be drawn.
    pub kinds: Vec<Kind>,
    /// At least so many faults; at most twice as many.
    pub count: usize,
    /// At most so many replicas lose bytes that were synced (a wipe, a flipped bit, a failed sync): what the protocol
    /// is able to bear.
    pub harmed_max: usize,
}

/// A fault, when it begins, and how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// When it begins, in true time.
    pub at: Moment,
    /// How long it lasts; nothing for a fault that is over at once.
    pub lasts: Option<Duration>,
    /// The fault.
    pub fault: Fault,
}

/// Faults in the order in which they begin. As text, and back: `3s+1500ms cut 1>2; 4s reset 1-3`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The faults; leaving any out gives a schedule again.
    pub episodes: Vec<Episode>,
}

/// Faults begin in this part of a run, in hundredths: a cluster needs a moment to come up.
const BEGIN_PERCENT: std::ops::Range<u64> = 10..80;
/// The shortest that a fault lasts.
const SHORTEST: Duration = Duration::from_millis(20);
/// The longest: several sessions and elections.
const LONGEST: Duration = Duration::from_secs(4);
/// So often a fault is drawn again that would hit a process that is in trouble already.
const DRAWS_MAX: usize = 16;

impl Schedule {
    /// The schedule of this seed.
    #[must_use]
    pub fn seeded(seed: u64, frame: &Frame) -> Self {
        let mut schedule = Draw::new(seed, frame).schedule();
        schedule.episodes.extend(moves::drawn(seed, frame));
        schedule.episodes.sort_by_key(|episode| episode.at);
        schedule
    }

    /// All that is to be committed, each beginning and each end, in order of time.
    #[must_use]
    pub fn steps(&self) -> Vec<(Moment, Fault)> {
        let mut steps: Vec<(Moment, Fault)> = Vec::new();
        for Episode { at, lasts, fault } in &self.episodes {
            steps.push((*at, fault.clone()));
            if let Some((lasts, end)) = lasts.zip(fault.end()) {
                steps.push((at.after(lasts), end));
            }
        }
        steps.sort_by_key(|(at, _)| *at);
        steps
    }

    /// The same without one episode: how a failing run is made smaller.
    #[must_use]
    pub fn without(&self, episode: usize) -> Self {
        let mut episodes = self.episodes.clone();
        episodes.remove(episode);
        Self { episodes }
    }
}

/// The drawing of one schedule.
struct Draw<'a> {
    random: StdRng,
    frame: &'a Frame,
    /// The kinds that this seed has on.
    kinds: Vec<Kind>,
    /// The replicas that may lose bytes.
    harmed: Vec<NodeId>,
    /// When each process is in trouble.
    busy: Vec<(NodeId, Moment, Moment)>,
}

impl<'a> Draw<'a> {
    fn new(seed: u64, frame: &'a Frame) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let all: Vec<Kind> = frame.kinds.iter().copied().filter(|kind| !kind.is_of_membership()).collect();
        let mut kinds: Vec<Kind> = all.iter().copied().filter(|_| random.random()).collect();
        if kinds.is_empty() {
            kinds = all;
        }
        let mut harmed = frame.replicas.clone();
        harmed.shuffle(&mut random);
        harmed.truncate(frame.harmed_max);
        Self { random, frame, kinds, harmed, busy: Vec::new() }
    }

    fn schedule(mut self) -> Schedule {
        let count = self.random.random_range(self.frame.count..=self.frame.count * 2);
        Schedule { episodes: (0..count).filter_map(|_| self.episode()).collect() }
    }

    fn episode(&mut self) -> Option<Episode> {
        (0..DRAWS_MAX).find_map(|_| self.try_episode())
    }

    fn try_episode(&mut self) -> Option<Episode> {
        let kind = *self.kinds.choose(&mut self.random)?;
        let run = u64::try_from(self.frame.duration.as_nanos()).expect("a run of less than centuries");
        let begin = BEGIN_PERCENT.start * run / 100..BEGIN_PERCENT.end * run / 100;
        let at = Moment(self.random.random_range(begin));
        let lasts = self.lasts().min(Duration::from_nanos(run - at.0));
        let fault = kind.draw(&mut self.random, self.frame, &self.harmed)?;
        if let Some(node) = kind.is_of_process().then(|| fault.node()).flatten() {
            let end = at.after(lasts);
            if self.busy.iter().any(|(other, from, to)| *other == node && at <= *to && *from <= end) {
                return None;
            }
            self.busy.push((node, at, end));
        }
        let lasts = fault.end().map(|_| lasts);
        Some(Episode { at, lasts, fault })
    }

    /// Any order of magnitude is as likely.
    fn lasts(&mut self) -> Duration {
        let ratio = LONGEST.as_secs_f64() / SHORTEST.as_secs_f64();
        let drawn = SHORTEST.mul_f64(ratio.powf(self.random.random::<f64>()));
        // To the millisecond, which is easier to read.
        Duration::from_millis(u64::try_from(drawn.as_millis()).expect("seconds"))
    }
}

impl fmt::Display for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Span(Duration::from_nanos(self.at.0)))?;
        if let Some(lasts) = self.lasts {
            write!(f, "+{}", Span(lasts))?;
        }
        write!(f, " {}", self.fault)
    }
}

impl FromStr for Episode {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let wanted = "a time and a fault, such as `3s+500ms cut 1>2`";
        let (when, fault) = text.trim().split_once(' ').ok_or_else(|| wrong(text, wanted))?;
        let (at, lasts) = match when.split_once('+') {
            Some((at, lasts)) => (at, Some(lasts.parse::<Span>()?.0)),
            None => (when, None),
        };
        let at = Moment::default().after(at.parse::<Span>()?.0);
        Ok(Self { at, lasts, fault: fault.parse()? })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.episodes.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}

impl FromStr for Schedule {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let texts = text.split(';').filter(|text| !text.trim().is_empty());
        let mut episodes = texts.map(str::parse).collect::<Result<Vec<Episode>, _>>()?;
        episodes.sort_by_key(|episode| episode.at);
        Ok(Self { episodes })
    }
}

#[cfg(test)]
mod tests;
