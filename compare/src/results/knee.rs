//! Where a system's knee lies, and by which probes it was found.

use partition::log::Durability;
use partition::partition::Acks;
use serde::{Deserialize, Serialize};

use super::names;
use crate::experiment::knee::{Bound, Judged};
use crate::experiment::{Conditions, MeasuredKnee};
use crate::system::System;

/// The highest rate that a system holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// What it runs.
    pub system: System,
    /// On how many replicas.
    pub replicas: usize,
    /// isr and k-of-isr only.
    pub min_isr: Option<usize>,
    /// What counts as an answer.
    #[serde(with = "names::acks")]
    pub acks: Acks,
    /// What counts as stored.
    #[serde(with = "names::durability")]
    pub durability: Durability,
    /// Delays that are injected.
    pub profile: String,
    /// Replicas that are slowed down.
    pub slow_replicas: usize,
    /// Records a second; none when not even the lightest load was held.
    pub rate: Option<u32>,
    /// What kept it from being higher: system, client or probes (too few of them).
    pub bound: String,
    /// The 99th percentile of light load.
    pub light_p99_us: f64,
    /// What the 99th percentile was held against.
    pub limit_p99_us: f64,
    /// All probes, in order.
    pub probes: Vec<KneeProbe>,
}

/// One rate that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KneeProbe {
    /// Records a second.
    pub rate: u32,
    /// The share of what was due that was acknowledged in time.
    pub delivered: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// Whether the rate held.
    pub held: bool,
}

impl Knee {
    /// What was measured, as results have it.
    #[must_use]
    pub fn of(measured: &MeasuredKnee, conditions: &Conditions) -> Self {
        let (shape, knee) = (measured.sweep.shape, &measured.knee);
        Self {
            system: shape.system,
            replicas: shape.replicas.get(),
            min_isr: shape.system.is_in_sync().then(|| shape.min_isr.get()),
            acks: measured.sweep.acks,
            durability: shape.durability,
            profile: conditions.profile.name.clone(),
            slow_replicas: conditions.slow_replicas,
            rate: knee.rate.map(|rate| rate.get()),
            bound: name(knee.bound).to_owned(),
            light_p99_us: knee.light_p99.as_secs_f64() * 1e6,
            limit_p99_us: knee.limit.as_secs_f64() * 1e6,
            probes: knee.probes.iter().map(probe).collect(),
        }
    }

    /// Whether the client, not the system, kept it from being higher.
    #[must_use]
    pub fn is_the_clients(&self) -> bool {
        self.bound == name(Bound::Client)
    }
}

fn name(bound: Bound) -> &'static str {
    match bound {
        Bound::System => "system",
        Bound::Client => "client",
        Bound::Probes => "probes",
    }
}

fn probe(judged: &Judged) -> KneeProbe {
    let Judged { probe, held } = *judged;
    KneeProbe {
        rate: probe.rate.get(),
        delivered: probe.delivered,
        p99_us: probe.p99.as_secs_f64() * 1e6,
        held,
    }
}
