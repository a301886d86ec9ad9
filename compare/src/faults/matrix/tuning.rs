//! What `replica.lag.time.max.ms` trades: a follower that hangs holds up every acknowledgement for about that long; one that only
//! pauses for longer than that is put out of the set, though it is well.
//!
//! Its heartbeats go on meanwhile, or its session would end instead: only the way between it and the leader is cut. Times are
//! virtual.

use std::time::Duration;

use partition::fault::{Episode, Fault, Schedule};
use partition::simulation::Tracing;

use super::column::Column;
use super::expected::Happened;
use super::measured::{Measured, Seen};
use super::row::Row;
use super::trial::{LEADER, Pace, Trial, follower, trial};
use crate::simulate::{Finding, Halt, Judges, Twist, run};
use crate::system::System;

/// The settings that are tried.
const LAGS: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// How long a follower that is well pauses: a collection of garbage, a slow disk, a switch that learns.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// So often in one trial.
const PAUSES_EACH: u64 = 3;
/// Between two pauses a follower is back in the set.
const BETWEEN: Duration = Duration::from_secs(2);

/// What one setting came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The setting.
    pub lag_max: Duration,
    /// How long nothing was acknowledged when a follower hung, in each trial.
    pub stalls: Vec<Duration>,
    /// What became of one that paused.
    pub hiccups: Vec<Hiccup>,
    /// What was wrong besides, with its seed: then the point is worth nothing.
    pub findings: Vec<(u64, Finding)>,
}

/// A follower that paused and was well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hiccup {
    /// For so long.
    pub lasts: Duration,
    /// So often, in all trials.
    pub pauses: u64,
    /// So often it was put out of the set.
    pub evictions: u64,
}

/// Tries each setting on three replicas with min-ISR 2, with so many seeds from this one. Hands over each point when it is known; a
/// halt leaves the rest out.
pub fn tune(first: u64, trials: u64, halt: &Halt, mut done: impl FnMut(Point)) {
    let seeds = || first..first.saturating_add(trials);
    for lag_max in LAGS {
        let mut hung = Measured::default();
        for seed in seeds() {
            if halt.is_set() {
                return;
            }
            let trial = under(lag_max, seed);
            let ran = run(&trial.scenario, Tracing::Digest);
            hung.count(seed, &Seen::in_simulation(&trial, ran), Happened::Shrank);
        }
        let mut findings: Vec<(u64, Finding)> = hung.broken.into_iter().chain(hung.unhealed).collect();
        if hung.happened < hung.trials {
            let what = format!("a follower that hung was put out of the set in {} trials", hung.happened);
            findings.push((first, Finding::new("coverage", what)));
        }
        let hiccup = |lasts| {
            let mut evictions = 0;
            for seed in seeds() {
                let ran = run(&pausing(lag_max, lasts, seed).scenario, Tracing::Digest);
                evictions += ran.figures.met.shrinks;
                findings.extend(ran.findings.into_iter().map(|finding| (seed, finding)));
            }
            Hiccup { lasts, pauses: trials * PAUSES_EACH, evictions }
        };
        let hiccups = PAUSES.into_iter().take_while(|_| !halt.is_set()).map(hiccup).collect();
        if halt.is_set() {
            return;
        }
        done(Point { lag_max, stalls: hung.no_ack, hiccups, findings });
    }
}

/// A follower hangs for longer than any setting.
fn under(lag_max: Duration, seed: u64) -> Trial {
    let column = Column::of(System::Isr, 3, 2);
    let mut trial = trial(Row::FetchPathCut, &column, Judges::All, Pace::SIMULATED, seed)
        .expect("a set of three has a follower");
    trial.scenario.twist = Twist { lag_max, ..trial.scenario.twist };
    trial
}

/// One pauses so long, some times.
fn pausing(lag_max: Duration, lasts: Duration, seed: u64) -> Trial {
    let mut trial = under(lag_max, seed);
    let follower = follower(trial.scenario.shape);
    let begins = trial.scenario.faults.episodes.first().expect("it has a fault").at;
    let mut episodes = Vec::new();
    for number in 0..PAUSES_EACH {
        let after = (lasts + BETWEEN) * u32::try_from(number).expect("a few");
        for (from, to) in [(LEADER, follower), (follower, LEADER)] {
            let fault: Fault = format!("cut {from}>{to}").parse().expect("faults are written as faults are");
            episodes.push(Episode { at: begins.after(after), lasts: Some(lasts), fault });
        }
    }
    let pauses = u32::try_from(PAUSES_EACH).expect("a few");
    trial.scenario.span = trial.begins + (lasts + BETWEEN) * pauses;
    trial.scenario.faults = Schedule { episodes };
    trial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c12_a_longer_lag_stalls_longer_and_evicts_less() {
        let (short, long) = (Duration::from_millis(250), Duration::from_secs(4));
        let stall = |lag_max| {
            let trial = under(lag_max, 1);
            let mut measured = Measured::default();
            let seen = Seen::in_simulation(&trial, run(&trial.scenario, Tracing::Digest));
            measured.count(1, &seen, Happened::Shrank);
            assert_eq!((measured.broken, measured.unhealed), (None, None));
            measured.no_ack[0]
        };
        for lag_max in [short, long] {
            let stall = stall(lag_max);
            assert!(stall >= lag_max && stall <= lag_max * 2, "{lag_max:?}: {stall:?}");
        }
        let evictions = |lag_max| {
            run(&pausing(lag_max, Duration::from_secs(1), 1).scenario, Tracing::Digest).figures.met.shrinks
        };
        assert_eq!((evictions(short), evictions(long)), (PAUSES_EACH, 0));
    }
}
