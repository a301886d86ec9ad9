//! What faults that seeds drew did to clusters of processes, as `results.json` holds it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matrix::Silences;
use crate::faults::matrix::processes::Drawn;

/// All trials of one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomFaults {
    /// Which, as `isr-3:2`.
    pub setting: String,
    /// Trials, each of a seed.
    pub trials: u64,
    /// How many faults of each kind were committed.
    pub faults: BTreeMap<String, u64>,
    /// How often cuts and faults of disks stood in somebody's way.
    pub felt: u64,
    /// Leaders that were elected.
    pub elections: u64,
    /// Lives of replicas after their first.
    pub restarts: u64,
    /// In-sync sets, or majorities, that became smaller.
    pub shrinks: u64,
    /// Batches that were acknowledged as committed.
    pub committed: u64,
    /// Batches that the leader acknowledged for itself, or of which nothing was asked.
    pub uncommitted: u64,
    /// Batches that failed for certain.
    pub failed: u64,
    /// Batches of unknown outcome.
    pub unknown: u64,
    /// Reads and tails that were answered.
    pub reads: u64,
    /// How long clusters took, from the end of all faults, until one led and all agreed.
    pub healed_ms: Silences,
    /// What was wrong.
    pub findings: Vec<RandomFinding>,
}

/// What was wrong with a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RandomFinding {
    /// Which: it decides clients and faults, and not what real processes do meanwhile.
    pub seed: u64,
    /// The anomaly, by its name.
    pub name: String,
    /// What was seen.
    pub what: String,
    /// The faults.
    pub faults: String,
}

impl RandomFaults {
    /// What all trials came to, a setting each, in the order of their names.
    #[must_use]
    pub fn of_all(all: &[Drawn]) -> Vec<Self> {
        let mut settings: BTreeMap<String, Vec<&Drawn>> = BTreeMap::new();
        for drawn in all {
            settings.entry(drawn.shape.setting()).or_default().push(drawn);
        }
        settings.into_iter().map(|(setting, trials)| Self::of(setting, &trials)).collect()
    }

    fn of(setting: String, all: &[&Drawn]) -> Self {
        let sum = |count: fn(&Drawn) -> u64| all.iter().map(|drawn| count(drawn)).sum();
        let mut faults: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, count) in all.iter().flat_map(|drawn| drawn.kinds()) {
            *faults.entry(kind).or_default() += count;
        }
        let healed: Vec<_> = all.iter().filter_map(|drawn| drawn.healed).collect();
        let findings = all.iter().flat_map(|drawn| {
            drawn.findings.iter().map(|finding| RandomFinding {
                seed: drawn.seed,
                name: finding.name.clone(),
                what: finding.what.clone(),
                faults: drawn.faults.to_string(),
            })
        });
        Self {
            setting,
            trials: all.len() as u64,
            faults,
            felt: sum(|drawn| drawn.met.felt.0),
            elections: sum(|drawn| drawn.met.elections),
            restarts: sum(|drawn| drawn.met.restarts),
            shrinks: sum(|drawn| drawn.met.shrinks),
            committed: sum(|drawn| drawn.told.committed),
            uncommitted: sum(|drawn| drawn.told.by_leader + drawn.told.sent),
            failed: sum(|drawn| drawn.told.failed),
            unknown: sum(|drawn| drawn.told.unknown),
            reads: sum(|drawn| drawn.told.reads),
            healed_ms: Silences::of(&healed),
            findings: findings.collect(),
        }
    }
}
