//! What a cell was predicted to take from its copies' own times, what the other rules would have, and what is left over.

use std::collections::BTreeSet;
use std::time::Duration;

use partition::ids::NodeId;
use partition::journeys::Journeyed;
use partition::partition::Acks;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::cell::{InjectedCheck, Latency};
use crate::experiment::{Conditions, Setting};
use crate::model::joint::{Quantiles, Sampled, predict};
use crate::model::shapes::Place;
use crate::model::{Rule, majority};
use crate::system::System;

/// A profile dominates when it alone makes this share of the median that was measured.
pub const DOMINATES: f64 = 0.8;
/// The real disk may overrun so many of the drawn syncs, or its own times are what is measured.
const OVERRUN_MAX: f64 = 0.1;
/// How far prediction and measurement may be apart where a profile dominates.
pub const AGREES: f64 = 0.1;

/// Predictions of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Batches that came to every copy, or never will, while it was measured.
    pub seen: u64,
    /// Of them, those from which this is predicted.
    pub samples: usize,
    /// What waiting for every copy would have taken.
    pub all_in_sync_us: Quantiles,
    /// What waiting for a majority of copies would have taken.
    pub majority_us: Quantiles,
    /// What waiting for k copies would have taken: k of k-of-isr, min-ISR of isr.
    pub k_copies_us: Option<Quantiles>,
    /// What the profile alone makes of the cell's own rule, with one batch in flight.
    pub profile_alone_us: Option<Quantiles>,
    /// Measured without what was predicted: what the implementation adds.
    pub residual_us: Residual,
    /// Whether prediction and measurement are as close as they should be.
    pub agreement: Option<Agreement>,
}

/// Measured without predicted, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// Of the median.
    pub p50: Option<f64>,
    /// Of the 99th percentile.
    pub p99: Option<f64>,
}

/// Prediction against measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// By which share the measured median is above the predicted one.
    pub p50: f64,
    /// The same of the 99th percentile.
    pub p99: f64,
    /// Which share of the measured median the profile alone makes; none where nothing is injected.
    pub profile_share: Option<f64>,
    /// Whether the profile dominates, so that the two have to agree.
    pub dominated: bool,
}

impl Agreement {
    /// Whether both figures are as close as they have to be where a profile dominates.
    #[must_use]
    pub fn is_close(&self) -> bool {
        self.p50.abs() <= AGREES && self.p99.abs() <= AGREES
    }
}

/// What there is to predict a cell from.
pub(super) struct Basis<'a> {
    pub(super) setting: &'a Setting,
    pub(super) conditions: &'a Conditions,
    pub(super) journeys: &'a [(NodeId, Journeyed)],
    pub(super) measured: Latency,
    pub(super) injected: Option<InjectedCheck>,
    pub(super) seed: u64,
}

impl Basis<'_> {
    /// The cell's own prediction, and all the others; none where nothing was sampled or nobody is waited for.
    pub(super) fn predict(&self) -> Option<(Quantiles, Prediction)> {
        let shape = self.setting.shape;
        let (replicas, enough) = (shape.replicas.get(), shape.min_isr.get());
        let own_rule = rule_of(self.setting)?;
        let samples = self.samples();
        let of = |rule| predict(&samples, rule);
        let own = of(own_rule)?;
        let alone = self.alone(own_rule);
        let seen = self.journeys.iter().map(|(_, journeyed)| journeyed.seen).sum();
        let over = |measured: f64, predicted: Option<f64>| predicted.map(|predicted| measured - predicted);
        let residual_us =
            Residual { p50: over(self.measured.p50, own.p50), p99: over(self.measured.p99, own.p99) };
        let prediction = Prediction {
            seen,
            samples: samples.len(),
            all_in_sync_us: of(Rule::AllInSync)?,
            majority_us: of(Rule::Copies(majority(replicas)))?,
            k_copies_us: shape.system.is_in_sync().then(|| of(Rule::Copies(enough))).flatten(),
            profile_alone_us: alone,
            residual_us,
            agreement: self.agreement(own, alone),
        };
        Some((own, prediction))
    }

    /// Batches of all blocks, each with a way from the client and back as it was injected.
    fn samples(&self) -> Vec<Sampled> {
        let mut random = StdRng::seed_from_u64(self.seed);
        // What timers added to each of the client's two frames.
        let late = self.injected.map_or(0.0, |check| check.late_us.max(0.0) / 1e6) * 2.0;
        let late = Duration::from_secs_f64(late);
        let mut samples = Vec::new();
        for (leader, journeyed) in self.journeys {
            let place = self.place(*leader, &journeyed.followers);
            let weight = journeyed.seen as f64 / journeyed.kept.len().max(1) as f64;
            samples.extend(journeyed.kept.iter().map(|journey| {
                let drawn = place.client(&mut random);
                let client = if drawn.is_zero() { drawn } else { drawn + late };
                Sampled { times: journey.times(), client, weight }
            }));
        }
        samples
    }

    fn alone(&self, rule: Rule) -> Option<Quantiles> {
        let (leader, journeyed) = self.journeys.first()?;
        let drawn = || self.place(*leader, &journeyed.followers).draws(self.seed);
        (!self.conditions.profile.is_natural()).then(|| predict(&drawn(), rule)).flatten()
    }

    fn place(&self, leader: NodeId, followers: &[NodeId]) -> Place<'_> {
        // The highest numbers that do not lead are slow.
        let slow: BTreeSet<NodeId> =
            followers.iter().rev().take(self.conditions.slow_replicas).copied().collect();
        let (followers, profile) = (followers.to_vec(), &self.conditions.profile);
        Place { profile, leader, followers, slow, durability: self.setting.shape.durability }
    }

    fn agreement(&self, own: Quantiles, alone: Option<Quantiles>) -> Option<Agreement> {
        let above = |measured: f64, predicted: f64| measured / predicted - 1.0;
        let profile_share = alone.and_then(|alone| alone.p50).map(|p50| p50 / self.measured.p50);
        let overruns = self
            .injected
            .is_some_and(|check| check.syncs > 0 && check.overrun as f64 > OVERRUN_MAX * check.syncs as f64);
        Some(Agreement {
            p50: above(self.measured.p50, own.p50?),
            p99: above(self.measured.p99, own.p99?),
            profile_share,
            dominated: profile_share.is_some_and(|share| share >= DOMINATES) && !overruns,
        })
    }
}

/// Whom the cell's own acknowledgement waits for; none where it waits for nobody.
fn rule_of(setting: &Setting) -> Option<Rule> {
    let shape = setting.shape;
    let replicas = shape.replicas.get();
    match (setting.acks, shape.system) {
        (Acks::Nobody, _) => None,
        (Acks::Leader, _) => Some(Rule::Leader),
        (Acks::Committed, System::Isr | System::FloorAll) => Some(Rule::AllInSync),
        (Acks::Committed, System::KOfIsr) => Some(Rule::Copies(shape.min_isr.get())),
        (Acks::Committed, System::Quorum | System::FloorMajority) => Some(Rule::Copies(majority(replicas))),
    }
}

#[cfg(test)]
mod tests;
