//! The cells of the fault matrix, as `results.json` holds them.

use std::time::Duration;

use partition::log::Durability;
use partition::partition::Acks;
use serde::{Deserialize, Serialize};

use super::{BlockPlan, Circumstances, Results, SCHEMA_VERSION, Timeline, acks_by_name};
use crate::faults::matrix::{Answers, Availability, Ground, Judged, Losses, Switch, Trials, Verdict};
use crate::system::{Survives, System};

/// One cell of the fault matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixRow {
    /// Its name: the fault and the setting.
    pub cell: String,
    /// What happened.
    pub fault: String,
    /// To which system.
    pub system: System,
    /// On how many replicas.
    pub replicas: usize,
    /// How many must be in sync.
    pub min_isr: Option<usize>,
    /// How many of the in-sync set an acknowledgement waits for, where it is not all.
    pub k: Option<usize>,
    /// What the setting survives.
    #[serde(flatten)]
    pub survives: Lost,
    /// What producers asked for.
    #[serde(with = "acks_by_name")]
    pub acks: Acks,
    /// What counts as stored.
    pub durability: Durability,
    /// The historic rules that are on.
    pub switches: Vec<Switch>,
    /// Where it ran.
    pub ground: Ground,
    /// By what means faults were committed, where that has to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What it was expected to show.
    pub expected: MatrixExpected,
    /// What it showed.
    pub measured: MatrixMeasured,
    /// Whether what was promised was kept, or lost where it had to be.
    pub property: Verdict,
    /// Whether what the row is about was seen.
    pub coverage: Verdict,
    /// Whether each cluster came back.
    pub lifecycle: Verdict,
    /// Whether appends were acknowledged as expected.
    pub answers: Verdict,
    /// The first trial that was not as it should be, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<MatrixFinding>,
    /// The first seed.
    pub seed: u64,
    /// Where what the clients of its most telling trial saw is kept, seen from these results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<String>,
    /// The line that repeats it.
    pub replay: String,
}

/// What a setting survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// So many copies may be destroyed.
    pub f_d: usize,
    /// So many replicas may be dead with writes going on.
    pub f_a: usize,
}

/// What a cell was expected to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatrixExpected {
    /// Whether appends are acknowledged while the fault lasts.
    pub answers: Answers,
    /// What may be lost.
    pub losses: Losses,
    /// Why.
    pub why: String,
}

/// What a cell showed. Counts are of records, over all trials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixMeasured {
    /// The worst of the trials; none when no append was ever acknowledged again.
    pub worst: Option<Availability>,
    /// Acknowledged, and not in the log at the end.
    pub lost: u64,
    /// At two offsets.
    pub duplicated: u64,
    /// Offsets at which two clients were told of different records.
    pub diverged: u64,
    /// Offsets at which replicas hold different records for ever.
    #[serde(default)]
    pub apart: u64,
    /// Seen, and never sent.
    pub phantom: u64,
    /// Answers that omit what was committed before.
    pub stale: u64,
    /// Trials.
    pub trials: u64,
    /// Those in which the fault showed in the cluster.
    pub happened: u64,
    /// The longest time without an acknowledged append.
    pub no_ack_ms: Silences,
    /// The longest time without an answered linearizable read.
    pub no_read_ms: Silences,
    /// How long clusters took to be whole again after the fault.
    pub healed_ms: Silences,
}

/// A time of each trial, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Silences {
    /// The middle one; of an even number the upper of the two.
    pub p50: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
    /// How many there are.
    pub trials: usize,
    /// All, in the order of the seeds.
    pub samples: Vec<f64>,
}

/// What was wrong with a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatrixFinding {
    /// Which.
    pub seed: u64,
    /// The invariant or anomaly, by its name.
    pub name: String,
    /// What was seen.
    pub what: String,
}

impl Silences {
    pub(super) fn of(times: &[Duration]) -> Self {
        let samples: Vec<f64> = times.iter().map(|time| (time.as_secs_f64() * 1e6).round() / 1e3).collect();
        let mut sorted = samples.clone();
        sorted.sort_by(f64::total_cmp);
        let (p50, max) = (sorted.get(sorted.len() / 2).copied(), sorted.last().copied());
        Self { p50, max, trials: samples.len(), samples }
    }
}

impl From<Survives> for Lost {
    fn from(survives: Survives) -> Self {
        Self { f_d: survives.lost_copies, f_a: survives.dead_replicas }
    }
}

impl MatrixRow {
    /// A cell that was measured with these trials.
    #[must_use]
    pub fn of(judged: &Judged, trials: &Trials) -> Self {
        let Judged { cell, expected, measured, .. } = judged;
        let (column, shape) = (&cell.column, cell.column.shape);
        let (broken, unhealed) = (measured.broken.as_ref(), measured.unhealed.as_ref());
        // Where something is meant to be lost, that it was is no news.
        let finding = match expected.losses {
            Losses::None | Losses::Unpromised => broken.or(unhealed),
            _ => unhealed.or(broken),
        };
        let (seed, count) = finding.map_or((trials.first, trials.each), |(seed, _)| (*seed, 1));
        Self {
            cell: cell.to_string(),
            fault: cell.row.name().to_owned(),
            system: shape.system,
            replicas: shape.replicas.get(),
            min_isr: shape.system.is_in_sync().then(|| shape.min_isr.get()),
            k: (shape.system == System::KOfIsr).then(|| shape.min_isr.get()),
            survives: shape.survives().into(),
            acks: column.acks,
            durability: shape.durability,
            switches: column.switches.iter().copied().collect(),
            ground: measured.ground,
            by: judged.by.clone(),
            expected: MatrixExpected {
                answers: expected.answers,
                losses: expected.losses,
                why: expected.why.to_owned(),
            },
            measured: MatrixMeasured {
                worst: measured.worst(),
                lost: measured.lost,
                duplicated: measured.duplicated,
                diverged: measured.diverged,
                apart: measured.apart,
                phantom: measured.phantom,
                stale: measured.stale,
                trials: measured.trials,
                happened: measured.happened,
                no_ack_ms: Silences::of(&measured.no_ack),
                no_read_ms: Silences::of(&measured.no_read),
                healed_ms: Silences::of(&measured.healed),
            },
            property: judged.property(),
            coverage: judged.coverage(),
            lifecycle: judged.lifecycle(),
            answers: judged.answers(),
            finding: finding.map(|(seed, finding)| MatrixFinding {
                seed: *seed,
                name: finding.name.clone(),
                what: finding.what.clone(),
            }),
            seed: trials.first,
            history: None,
            replay: match judged.script {
                // It makes what the fault is made with, and runs all trials.
                Some(script) => format!("ROWS={} {script}", cell.row),
                None => format!(
                    "compare faults --{} --only {cell} --seed {seed} --seeds {count}",
                    measured.ground
                ),
            },
        }
    }

    /// Whether somebody will want to see what its clients saw: of what is not as expected, and of what proves that a loss is seen.
    #[must_use]
    pub fn is_worth_a_history(&self) -> bool {
        !self.is_good() || self.expected.losses.is_control()
    }

    /// Whether all is as expected; an open question is not.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let verdicts = [self.property, self.coverage, self.lifecycle, self.answers];
        verdicts.into_iter().all(|verdict| verdict == Verdict::AsExpected)
    }
}

impl Results {
    /// The results of a matrix whose first seed this was.
    #[must_use]
    pub fn of_matrix(
        seed: u64,
        matrix: Vec<MatrixRow>,
        timelines: Vec<Timeline>,
        ending: &str,
        circumstances: Circumstances,
    ) -> Self {
        let Circumstances { machine, commit, started, command } = circumstances;
        Self {
            schema_version: SCHEMA_VERSION,
            machine,
            commit,
            started,
            seed,
            command,
            workload: None,
            ending: ending.to_owned(),
            blocks: BlockPlan { count: 0, seconds: 0.0, lead_in_seconds: 0.0 },
            profiles: Vec::new(),
            cells: Vec::new(),
            knees: Vec::new(),
            comparisons: Vec::new(),
            noise: Vec::new(),
            idle: Vec::new(),
            matrix,
            timelines,
            tuning: Vec::new(),
            random: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silences_are_in_milliseconds_with_their_middle_and_their_longest() {
        let silences = Silences::of(&[900, 100, 500, 700].map(Duration::from_millis));
        assert_eq!((silences.p50, silences.max, silences.trials), (Some(700.0), Some(900.0), 4));
        assert_eq!(silences.samples, [900.0, 100.0, 500.0, 700.0]);
        assert_eq!(Silences::of(&[]), Silences::default());
    }
}
