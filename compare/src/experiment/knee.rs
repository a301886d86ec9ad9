//! PURE: finds the highest rate that a system holds, its knee, by probing.
//!
//! ```text
//!   p99 │                            ✗            1. light load, three times: what is usual
//!       │- - - - - - - - - - - - - - - limit      2. double the rate until it breaks, twice in a row
//!       │              ✓    ✓  ✗                  3. halve what lies between, until 5 % are left
//!       │ ✓✓✓ ✓   ✓                               knee: the highest rate that held
//!       └─────────────────────────────── rate
//! ```
//! A rate *holds* when at least [`DELIVERED_LEAST`] of what was due is acknowledged in the time in which it was due, none
//! is lost, and the 99th percentile stays below [`P99_TIMES`] times that of light load (or [`P99_LEAST`], where that is
//! more). Bad moments of the machine make a probe look worse than the system is, never better: so of the light probes
//! the best counts, and a rate has broken when it broke twice in a row. After [`PROBES_MAX`] probes the best rate so far
//! is taken, and said.

mod turns;

use std::time::Duration;

pub use turns::{Turn, Turns};

use crate::workload::{Rate, Span};

/// The share of what was due that has to be acknowledged in time.
pub const DELIVERED_LEAST: f64 = 0.95;
/// The 99th percentile may be so many times that of light load.
pub const P99_TIMES: u32 = 5;
/// And it may always be so long: below that, one or two interruptions by the scheduler would decide, and a system that
/// is quicker under light load would be held to less.
pub const P99_LEAST: Duration = Duration::from_millis(10);
/// Between the highest rate that holds and the lowest that breaks, this factor is left.
pub const PRECISION: f64 = 1.05;
/// Bounds the search in time: some steps of light load, twenty of climbing and bisecting, each rate tried twice at most.
pub const PROBES_MAX: usize = 40;
/// Records a second that any system takes.
const LIGHT: u32 = 200;
/// How long light load is watched: its 99th percentile is about the second longest of so many records.
const LIGHT_SPAN: Span = Span(Duration::from_millis(700));
/// How often.
const LIGHT_PROBES: u32 = 3;
/// How long another rate is: longer than the bursts that a queue forgives.
const PROBE_SPAN: Span = Span(Duration::from_millis(400));
/// What a search takes that goes as expected: three light probes, eight doublings, five halvings, some of them twice.
pub const EXPECTED: Duration = Duration::from_secs(10);

/// What a probe showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// The rate that was asked for.
    pub rate: Rate,
    /// The share of what was due that was acknowledged in the time in which it was due.
    pub delivered: f64,
    /// The 99th percentile of the latency from when each was due.
    pub p99: Duration,
    /// Records refused, or whose outcome is not known.
    pub lost: u64,
    /// Whether the generator itself was late, by more than a tenth of the latency.
    pub slipped: bool,
}

/// A probe, and what was made of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// What it showed.
    pub probe: Probe,
    /// Whether the rate held.
    pub held: bool,
}

/// What kept the knee from being higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The system.
    System,
    /// The client that sends, as far as can be told: it was late in the probe that broke, or knows no higher rate.
    Client,
    /// The number of probes.
    Probes,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Knee {
    /// The highest rate that held; none when even light load did not.
    pub rate: Option<Rate>,
    /// What kept it from being higher.
    pub bound: Bound,
    /// The 99th percentile of light load: the lowest of its probes.
    pub light_p99: Duration,
    /// What the 99th percentile was held against.
    pub limit: Duration,
    /// All probes, in order.
    pub probes: Vec<Judged>,
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct KneeSearch {
    stage: Stage,
    light_p99: Option<Duration>,
    probes: Vec<Judged>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// So many light probes at this rate are done.
    Light {
        rate: Rate,
        done: u32,
    },
    /// Between a rate that held and one that broke, or none yet.
    Between {
        held: Rate,
        broke: Option<(Rate, Bound)>,
        doubt: Doubt,
    },
    Done {
        rate: Option<Rate>,
        bound: Bound,
    },
}

/// Whether the rate that is tried has broken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    None,
    Once,
}

impl Default for KneeSearch {
    fn default() -> Self {
        let rate = Rate::new(LIGHT).expect("a rate");
        Self { stage: Stage::Light { rate, done: 0 }, light_p99: None, probes: Vec::new() }
    }
}

impl KneeSearch {
    /// What to try next, and for how long; nothing when the search is over.
    #[must_use]
    pub fn next(&self) -> Option<(Rate, Span)> {
        match self.stage {
            Stage::Light { rate, .. } => Some((rate, LIGHT_SPAN)),
            Stage::Between { held, broke, .. } => {
                Some((between(held, broke.map(|(rate, _)| rate)), PROBE_SPAN))
            }
            Stage::Done { .. } => None,
        }
    }

    /// Takes what was asked by [`next`](Self::next).
    pub fn observe(&mut self, probe: Probe) {
        let held = self.holds(&probe);
        self.probes.push(Judged { probe, held });
        self.stage = match self.stage {
            Stage::Light { rate, done } => self.light(rate, done, probe, held),
            Stage::Between { broke, .. } if held => settled(probe.rate, broke),
            Stage::Between { held, broke, doubt: Doubt::None } => {
                Stage::Between { held, broke, doubt: Doubt::Once }
            }
            Stage::Between { held, .. } => {
                let bound = if probe.slipped { Bound::Client } else { Bound::System };
                settled(held, Some((probe.rate, bound)))
            }
            done @ Stage::Done { .. } => done,
        };
        if self.probes.len() >= PROBES_MAX && !matches!(self.stage, Stage::Done { .. }) {
            let rate = match self.stage {
                Stage::Between { held, .. } => Some(held),
                _ => None,
            };
            self.stage = Stage::Done { rate, bound: Bound::Probes };
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn knee(&self) -> Knee {
        let (rate, bound) = match self.stage {
            Stage::Done { rate, bound } => (rate, bound),
            Stage::Between { held, .. } => (Some(held), Bound::Probes),
            Stage::Light { .. } => (None, Bound::Probes),
        };
        let light_p99 = self.light_p99.unwrap_or_default();
        Knee { rate, bound, light_p99, limit: limit(light_p99), probes: self.probes.clone() }
    }

    /// Light load only has to be taken; after some times it is what others are held against.
    fn light(&mut self, rate: Rate, done: u32, probe: Probe, held: bool) -> Stage {
        if !held {
            return match Rate::new(rate.get() / 2) {
                Some(rate) => Stage::Light { rate, done: 0 },
                None => Stage::Done { rate: None, bound: Bound::System },
            };
        }
        let first = if done == 0 { None } else { self.light_p99 };
        self.light_p99 = Some(first.map_or(probe.p99, |first| first.min(probe.p99)));
        if done + 1 < LIGHT_PROBES { Stage::Light { rate, done: done + 1 } } else { settled(rate, None) }
    }

    fn holds(&self, probe: &Probe) -> bool {
        let in_time = match self.stage {
            Stage::Light { .. } => true,
            _ => probe.p99 <= limit(self.light_p99.unwrap_or_default()),
        };
        in_time && probe.lost == 0 && probe.delivered >= DELIVERED_LEAST
    }
}

fn limit(light_p99: Duration) -> Duration {
    (light_p99 * P99_TIMES).max(P99_LEAST)
}

/// Twice what held, or the geometric mean of what held and what broke.
fn between(held: Rate, broke: Option<Rate>) -> Rate {
    let rate = match broke {
        None => held.get().saturating_mul(2).min(Rate::MAX),
        Some(broke) => geometric_mean(held.get(), broke.get()),
    };
    Rate::new(rate).expect("between two rates")
}

fn geometric_mean(low: u32, high: u32) -> u32 {
    let mean = (f64::from(low) * f64::from(high)).sqrt().round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between two numbers of its type"
    )]
    let mean = mean as u32;
    mean.clamp(low, high)
}

/// What follows when it is known what holds and what breaks.
fn settled(held: Rate, broke: Option<(Rate, Bound)>) -> Stage {
    match broke {
        Some((broke, bound)) => {
            let near = f64::from(broke.get()) <= f64::from(held.get()) * PRECISION;
            let apart = (held.get() + 1..broke.get()).contains(&between(held, Some(broke)).get());
            if near || !apart {
                return Stage::Done { rate: Some(held), bound };
            }
        }
        None if held.get() == Rate::MAX => return Stage::Done { rate: Some(held), bound: Bound::Client },
        None => {}
    }
    Stage::Between { held, broke, doubt: Doubt::None }
}

#[cfg(test)]
mod tests;
