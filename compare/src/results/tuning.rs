//! What `replica.lag.time.max.ms` trades, as `results.json` holds it.

use serde::{Deserialize, Serialize};

use super::matrix::Silences;
use crate::faults::matrix::Point;

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TuningPoint {
    /// The setting.
    pub lag_max_ms: f64,
    /// How long nothing was acknowledged when a follower hung.
    pub stall_ms: Silences,
    /// What became of one that paused and was well.
    pub pauses: Vec<PausePoint>,
}

/// A follower that paused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PausePoint {
    /// For so long.
    pub pause_ms: f64,
    /// So often.
    pub count: u64,
    /// So often it was put out of the set.
    pub evicted: u64,
}

impl TuningPoint {
    /// As it is kept.
    #[must_use]
    pub fn of(point: &Point) -> Self {
        let pauses = point.hiccups.iter().map(|hiccup| PausePoint {
            pause_ms: hiccup.lasts.as_secs_f64() * 1e3,
            count: hiccup.pauses,
            evicted: hiccup.evictions,
        });
        Self {
            lag_max_ms: point.lag_max.as_secs_f64() * 1e3,
            stall_ms: Silences::of(&point.stalls),
            pauses: pauses.collect(),
        }
    }
}
