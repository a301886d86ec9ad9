//! Time lines through faults, as `results.json` holds them.

use partition::ids::NodeId;
use partition::log::Durability;
use partition::partition::Acks;
use serde::{Deserialize, Serialize};

use super::acks_by_name;
use crate::faults::matrix::{Ground, Judged, STEP, Switch};
use crate::system::System;

/// One trial of a cell, as time went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The cell that it is a trial of.
    pub title: String,
    /// What happened.
    pub fault: String,
    /// To which system.
    pub system: System,
    /// On how many replicas.
    pub replicas: usize,
    /// How many must be in sync.
    pub min_isr: Option<usize>,
    /// What producers asked for.
    #[serde(with = "acks_by_name")]
    pub acks: Acks,
    /// What counts as stored.
    pub durability: Durability,
    /// The historic rules that are on.
    pub switches: Vec<Switch>,
    /// Where it ran.
    pub ground: Ground,
    /// Of the trial.
    pub seed: u64,
    /// What happened, from the beginning of the load.
    pub events: Vec<TimelineEvent>,
    /// What was measured meanwhile.
    pub series: Vec<TimelineSeries>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEvent {
    /// When, in milliseconds from the beginning of the load.
    pub time_ms: f64,
    /// What.
    pub what: String,
    /// To which replica.
    pub replica: Option<NodeId>,
}

/// What was measured as time went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineSeries {
    /// What it is.
    pub name: String,
    /// In what it is counted.
    pub unit: String,
    /// Milliseconds from the beginning of the load, and the value; none where there was nothing to measure.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Timeline {
    /// Appends that were acknowledged, in each step.
    pub const ACKNOWLEDGED: &'static str = "acknowledged";
    /// What the slowest of them took.
    pub const SLOWEST: &'static str = "slowest";

    /// The time line of a cell that has one.
    #[must_use]
    pub fn of(judged: &Judged) -> Option<Self> {
        let (seed, story) = judged.story.as_ref()?;
        let (column, shape) = (&judged.cell.column, judged.cell.column.shape);
        let step = STEP.as_secs_f64() * 1e3;
        let points = |values: &mut dyn Iterator<Item = Option<f64>>| {
            let starts = std::iter::successors(Some(0.0), |at| Some(at + step));
            starts.zip(values).collect()
        };
        let series = |name: &str, unit: &str, points| TimelineSeries {
            name: name.to_owned(),
            unit: unit.to_owned(),
            points,
        };
        #[expect(clippy::cast_precision_loss, reason = "a count of some hundreds")]
        let acknowledged = points(&mut story.acknowledged.iter().map(|count| Some(*count as f64)));
        let rounded = |took: std::time::Duration| (took.as_secs_f64() * 1e6).round() / 1e3;
        let slowest = points(&mut story.slowest.iter().map(|took| took.map(rounded)));
        let event = |(at, what, replica): &(std::time::Duration, String, Option<NodeId>)| TimelineEvent {
            time_ms: rounded(*at),
            what: what.clone(),
            replica: *replica,
        };
        Some(Self {
            title: judged.cell.to_string(),
            fault: judged.cell.row.name().to_owned(),
            system: shape.system,
            replicas: shape.replicas.get(),
            min_isr: shape.system.is_in_sync().then(|| shape.min_isr.get()),
            acks: column.acks,
            durability: shape.durability,
            switches: column.switches.iter().copied().collect(),
            ground: judged.measured.ground,
            seed: *seed,
            events: story.events.iter().map(event).collect(),
            series: vec![
                series(Self::ACKNOWLEDGED, "appends", acknowledged),
                series(Self::SLOWEST, "ms", slowest),
            ],
        })
    }

    /// One of its series.
    #[must_use]
    pub fn series(&self, name: &str) -> Option<&TimelineSeries> {
        self.series.iter().find(|series| series.name == name)
    }
}
