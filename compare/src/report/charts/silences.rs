//! How long nothing is acknowledged when something fails: each trial a dot, their middle a line.

use std::collections::BTreeSet;

use crate::faults::matrix::{Ground, Row};
use crate::report::evidence::Evidence;
use crate::report::figure::{Figure, Shown};
use crate::report::palette::label;
use crate::report::sheet::Sheet;
use crate::report::strips::{Strip, Strips, Tier};
use crate::system::System;

/// Faults that tell most, with what they are called beside the picture.
const FAULTS: [(Row, &str); 9] = [
    (Row::LeaderKilled, "leader killed"),
    (Row::LeaderStopped, "leader stopped in order"),
    (Row::LeaderPaused, "leader hangs for 10 s"),
    (Row::LeaderCutOff, "leader cut off"),
    (Row::FollowerKilled, "follower killed"),
    (Row::FollowerPaused, "follower hangs for 10 s"),
    (Row::FollowerCutOff, "follower cut off"),
    (Row::SlowDiskFollower, "follower's disk slow"),
    (Row::RollingRestart, "rolling restart"),
];
/// The setting that they are shown for: three replicas, acknowledged when committed, stored when synced.
const SETTINGS: [(System, &str); 3] = [
    (System::Isr, "isr-3:2/committed/synced"),
    (System::KOfIsr, "k-of-isr-3:2/committed/synced"),
    (System::Quorum, "quorum-3/committed/synced"),
];

/// A figure for each ground on which faults were committed.
#[must_use]
pub fn silences(evidence: &Evidence<'_>) -> Vec<Shown> {
    let grounds: BTreeSet<Ground> = evidence.matrix.iter().map(|row| row.ground).collect();
    let shown: Vec<Shown> =
        grounds.into_iter().filter_map(|ground| figure(evidence, ground)).map(Shown::Figure).collect();
    if shown.is_empty() {
        return vec![Shown::Missing("Times without acknowledgements", "compare faults --only 3 --seeds 600")];
    }
    shown
}

/// What time is there.
#[must_use]
pub fn ground_told(ground: Ground) -> &'static str {
    match ground {
        Ground::Simulated => "simulated clusters, virtual time",
        Ground::Processes => "real processes",
    }
}

fn figure(evidence: &Evidence<'_>, on: Ground) -> Option<Figure> {
    let id = format!("silence-{on}");
    let title = format!("Three replicas, {}", ground_told(on));
    let mut data = Sheet::new(
        &id,
        &format!("Times without acknowledgements: {title}"),
        &["fault", "system", "trial", "no_ack_ms"],
    );
    let mut tiers = Vec::new();
    for (fault, name) in FAULTS {
        let strip = |(system, setting): (System, &str)| {
            let cell = format!("{}/{setting}", fault.name());
            let row = evidence.matrix.iter().find(|row| row.cell == cell && row.ground == on)?;
            let samples = &row.measured.no_ack_ms.samples;
            (!samples.is_empty()).then(|| (system, samples.iter().map(|ms| ms / 1e3).collect::<Vec<f64>>()))
        };
        let strips: Vec<(System, Vec<f64>)> = SETTINGS.into_iter().filter_map(strip).collect();
        for (system, seconds) in &strips {
            for (trial, second) in seconds.iter().enumerate() {
                data.push([
                    fault.name().to_owned(),
                    system.to_string(),
                    (trial + 1).to_string(),
                    (second * 1e3).to_string(),
                ]);
            }
        }
        if !strips.is_empty() {
            let strips = strips
                .into_iter()
                .map(|(system, values)| Strip { system, name: label(system), values })
                .collect();
            tiers.push(Tier { name: name.to_owned(), strips });
        }
    }
    let panel = Strips {
        name: "no-ack",
        title: "Longest time without an acknowledged append, s",
        alt: format!(
            "The longest time without an acknowledged append in each trial of a fault, by system: {title}"
        ),
        tiers: &tiers,
    };
    (!tiers.is_empty()).then(|| Figure {
        title,
        caption: "A dot is a trial, the tall line their middle, with its value. Sessions, lags and elections of all systems are \
                  about as long as each other's here, so it is the rules that differ and not their time-outs."
            .to_owned(),
        panels: vec![panel.panel()],
        data,
        id,
    })
}
