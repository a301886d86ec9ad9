//! What is printed of a run and of a sweep: the verdict, the figures, and the line that repeats a failure.

use std::fmt::Write;

use partition::log::Durability;

use super::figures::{Figures, Met, Occurrence};
use super::run::Ran;
use super::scenario::{FaultChoice, Scenario, Twist, leasing};
use super::sweep::{Sweep, Swept};
use crate::results::durability_name;
use crate::system::Shape;

/// Failing seeds that are printed, each with the line that repeats it.
const FAILED_SHOWN: usize = 20;

/// The verdict of one run, and its figures.
#[must_use]
pub fn ran(scenario: &Scenario, ran: &Ran) -> String {
    let mut text = format!("\nseed {} of {}\n", scenario.seed, name(scenario.shape));
    for episode in &scenario.faults.episodes {
        line(&mut text, "fault", &episode.to_string());
    }
    line(&mut text, "leases", &scenario.leasing.to_string());
    figures(&mut text, &ran.figures);
    line(&mut text, "digest", &ran.digest.to_string());
    match &ran.findings[..] {
        [] => line(&mut text, "verdict", "sound"),
        findings => findings.iter().for_each(|finding| line(&mut text, "FINDING", &finding.to_string())),
    }
    text
}

/// The smallest scenario that still fails, and the line that repeats it.
#[must_use]
pub fn smallest(scenario: &Scenario) -> String {
    let (faults, clients) = (scenario.faults.episodes.len(), scenario.clients.len());
    format!("smallest that fails so: {faults} faults, {clients} clients\n{}\n", repeat(scenario))
}

/// The line that repeats a run.
#[must_use]
pub fn repeat(scenario: &Scenario) -> String {
    let mut line = of_seed(scenario.shape, scenario.seed, &scenario.choice, scenario.twist);
    if scenario.leasing != leasing(scenario.seed, scenario.shape, &scenario.choice) {
        let _ = write!(line, " --leases {}", scenario.leasing);
    }
    if !scenario.has_all_clients() {
        let numbers: Vec<String> = scenario.clients.iter().map(|client| client.id.to_string()).collect();
        let none = "none".to_owned();
        let _ = write!(line, " --clients {}", if numbers.is_empty() { none } else { numbers.join(",") });
    }
    line
}

fn of_seed(shape: Shape, seed: u64, faults: &FaultChoice, twist: Twist) -> String {
    let mut line =
        format!("compare simulate --seed {seed} --system {} --replicas {}", shape.system, shape.replicas);
    if shape.system.is_in_sync() {
        let _ = write!(line, ":{}", shape.min_isr);
    }
    if shape.durability != Durability::Synced {
        let _ = write!(line, " --durability {}", durability_name(shape.durability));
    }
    match faults {
        FaultChoice::Any => {}
        FaultChoice::Kinds(kinds) => {
            let names: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            let _ = write!(line, " --faults {}", names.join(","));
        }
        FaultChoice::These(schedule) if schedule.episodes.is_empty() => line.push_str(" --faults none"),
        FaultChoice::These(schedule) => {
            let _ = write!(line, " --faults '{schedule}'");
        }
    }
    if let Some(mutant) = twist.mutant {
        let _ = write!(line, " --mutant {mutant}");
    }
    if twist.fetch_bytes != Twist::default().fetch_bytes {
        let _ = write!(line, " --fetch-bytes {}", twist.fetch_bytes.0);
    }
    line
}

/// What a sweep found.
#[must_use]
pub fn swept(sweep: &Sweep, swept: &Swept) -> String {
    let mut text = format!(
        "{}, {}: {} seeds from {}, {} failed\n",
        name(sweep.shape),
        durability_name(sweep.shape.durability),
        swept.runs,
        sweep.seeds.start,
        swept.failed.len()
    );
    figures(&mut text, &swept.figures);
    text.push_str("runs in which\n");
    occurrence(&mut text, &swept.occurrence, swept.runs);
    for (seed, finding) in swept.failed.iter().take(FAILED_SHOWN) {
        let _ = writeln!(text, "seed {seed}: {finding}\n  {}", repeat(&sweep.scenario(*seed)));
    }
    if swept.failed.len() > FAILED_SHOWN {
        let _ = writeln!(text, "and {} more seeds", swept.failed.len() - FAILED_SHOWN);
    }
    text
}

fn name(shape: Shape) -> String {
    match shape.system {
        system if system.is_in_sync() => format!("{system}-{}:{}", shape.replicas, shape.min_isr),
        _ => shape.to_string(),
    }
}

fn line(text: &mut String, title: &str, what: &str) {
    let _ = writeln!(text, "  {title:<14} {what}");
}

fn figures(text: &mut String, figures: &Figures) {
    let Figures { faults, met, told, virtual_time } = figures;
    line(text, "virtual time", &format!("{:.3} s", virtual_time.as_secs_f64()));
    let Met { elections, restarts, truncations, shrinks, grows, moves, .. } = met;
    line(text, "faults", &format!("{faults}; {restarts} restarts of replicas"));
    line(text, "elections", &elections.to_string());
    line(text, "truncations", &truncations.to_string());
    line(text, "ISR changes", &format!("{shrinks} shrinks, {grows} grows"));
    line(text, "replicas", &format!("changed {moves} times"));
    let appended = format!(
        "{} batches: {} committed, {} by the leader alone, {} sent, {} failed, {} unknown",
        told.appends(),
        told.committed,
        told.by_leader,
        told.sent,
        told.failed,
        told.unknown
    );
    line(text, "appends", &appended);
    line(text, "", &format!("{} records lost that acks below committed do not promise", told.lost_by_right));
    line(text, "reads", &format!("{} answered, {} not; {} trims", told.reads, told.unanswered, told.trims));
}

fn occurrence(text: &mut String, occurrence: &Occurrence, runs: u64) {
    for (what, count) in occurrence.named() {
        line(text, &format!("{count} of {runs}"), what);
    }
}
