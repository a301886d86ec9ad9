//! What makes the comparison fair, and what would make it void: each a line, from what the run did.

use std::collections::BTreeSet;

use partition::log::Durability;
use partition::partition::Acks;

use super::format::{percent, ratio, with_interval};
use super::rows::name;
use crate::results::{Cell, Results, durability_name};
use crate::stats::{Figure, Verdict};
use crate::system::System;

/// The lines, each a check of its own; those for which the run has no figures are left out.
#[must_use]
pub fn checks(results: &Results) -> Vec<String> {
    let all = [
        durability(results),
        syncs(results),
        survives(results),
        controllers(results),
        apply_hop(results),
        detection(results),
        one_replica(results),
        differences(results),
        order(results),
    ];
    all.into_iter().flatten().map(|line| format!("Check, {line}")).collect()
}

fn of(results: &Results, system: System) -> impl Iterator<Item = &Cell> {
    results.cells.iter().filter(move |cell| cell.system == system)
}

fn have_both(results: &Results) -> bool {
    of(results, System::Isr).next().is_some() && of(results, System::Quorum).next().is_some()
}

/// Both at equal durability, or which is not.
fn durability(results: &Results) -> Option<String> {
    if !have_both(results) {
        return None;
    }
    let stored =
        |system| of(results, system).map(|cell| durability_name(cell.durability)).collect::<BTreeSet<_>>();
    let (isr, quorum) = (stored(System::Isr), stored(System::Quorum));
    let listed = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    Some(if isr == quorum {
        format!("equal durability: both measured {}, and only cells of the same are compared.", listed(&isr))
    } else {
        let (isr, quorum) = (listed(&isr), listed(&quorum));
        format!("durability is NOT equal: isr {isr}, quorum {quorum}; ratios of those cells are left out.")
    })
}

/// Who calls itself synced has synced: as often as its acknowledgements need.
fn syncs(results: &Results) -> Option<String> {
    let synced = results.cells.iter().filter(|cell| {
        cell.durability == Durability::Synced
            && cell.acks == Acks::Committed
            && cell.acked > 0
            && !cell.elsewhere
    });
    let (mut cells, mut without) = (0, Vec::new());
    for cell in synced {
        cells += 1;
        if cell.syncs.replicas == Some(0) {
            without.push(format!("{} n = {}", name(cell), cell.replicas));
        }
    }
    (cells > 0).then(|| match without.is_empty() {
        true => format!("synced means synced: the replicas of all {cells} such cells called fdatasync."),
        false => format!("NOT synced, though they say so: {}.", without.join(", ")),
    })
}

/// What each cell survives, and whether both at once.
fn survives(results: &Results) -> Option<String> {
    let mut told = Vec::new();
    for cell in results.cells.iter() {
        let (Some(lost), Some(dead)) = (cell.f_d, cell.f_a) else { continue };
        let joined = match cell.system {
            System::Quorum | System::KOfIsr => "or",
            System::Isr | System::FloorAll | System::FloorMajority => "and",
        };
        let line = format!("{} n = {}: {lost} {joined} {dead}", name(cell), cell.replicas);
        if !told.contains(&line) {
            told.push(line);
        }
    }
    (!told.is_empty())
        .then(|| format!("copies lost and/or replicas down that are survived: {}.", told.join("; ")))
}

/// The controllers are on isr's side of the bill.
fn controllers(results: &Results) -> Option<String> {
    let cells: Vec<&Cell> = of(results, System::Isr).collect();
    let total = |get: fn(&Cell) -> Option<f64>| cells.iter().filter_map(|cell| get(cell)).sum::<f64>();
    let count = |count: Option<u64>| count.map(|count| count as f64);
    let shares = [
        ("CPU", total(|cell| cell.cpu_seconds.controllers), total(|cell| cell.cpu_seconds.replicas)),
        (
            "bytes sent",
            total(|cell| cell.sent_bytes.controllers.map(|bytes| bytes as f64)),
            total(|cell| cell.sent_bytes.replicas.map(|bytes| bytes as f64)),
        ),
        (
            "syncs",
            cells.iter().filter_map(|cell| count(cell.syncs.controllers)).sum(),
            cells.iter().filter_map(|cell| count(cell.syncs.replicas)).sum(),
        ),
    ];
    let known = shares.iter().filter(|(_, _, replicas)| *replicas > 0.0);
    let told: Vec<String> = known
        .map(|(what, controllers, replicas)| {
            format!("{what} {}", percent(controllers / (controllers + replicas)))
        })
        .collect();
    (!told.is_empty()).then(|| {
        format!("controllers are counted on isr's side, where they are of the whole: {}.", told.join(", "))
    })
}

/// What openraft's rounds between disk, network and answer cost, by what is left when the copies' times are taken away.
fn apply_hop(results: &Results) -> Option<String> {
    let middle = |system| {
        let mut left: Vec<f64> =
            of(results, system).filter_map(|cell| cell.prediction.as_ref()?.residual_us.p50).collect();
        left.sort_by(f64::total_cmp);
        left.get(left.len() / 2).copied()
    };
    let (isr, quorum) = (middle(System::Isr)?, middle(System::Quorum)?);
    Some(format!(
        "openraft's hops are in quorum's figures: a commit is told by its core's task, one after the storage's; clients are \
         answered there, not after its apply. Over what the copies took, p50 is {quorum:+.0} us for quorum and {isr:+.0} us \
         for isr (the middle of its cells)."
    ))
}

/// How soon a dead leader is missed in either system, with the settings of this run.
fn detection(results: &Results) -> Option<String> {
    if !have_both(results) {
        return None;
    }
    let timing = quorum_log::Timing::default();
    let session = isr_log::controller::active::ControllerConfig::SESSION;
    let lag = isr_log::Config::LAG_MAX;
    let seconds = |span: std::time::Duration| span.as_secs_f64();
    Some(format!(
        "failure detection is NOT matched here (isr: session {} s, lag {} s; quorum: election {} to {} s), and no replica \
         failed while latency was measured, but where a hang is named; times to fail over are compared by `compare faults`.",
        seconds(session),
        seconds(lag),
        seconds(timing.election_min),
        seconds(timing.election_max),
    ))
}

/// What one replica shows, and what three send for an acknowledgement.
fn one_replica(results: &Results) -> Option<String> {
    let alone = results.pair(
        |key| key.system == System::Isr && key.replicas == 1,
        |key| key.system == System::Quorum && key.replicas == 1,
    );
    let at_one = alone.map(|pair| format!(" (p50 isr / quorum there {})", with_interval(&pair.ratios.p50)));
    let sent = |system| {
        let cell = of(results, system).find(|cell| cell.replicas == 3 && cell.acked > 0)?;
        let each = |total: u64| total as f64 / cell.acked as f64;
        let (sent, syncs) = (each(cell.sent_bytes.replicas?), each(cell.syncs.replicas?));
        Some(format!("{system} {sent:.0} B and {syncs:.2} syncs"))
    };
    let three: Vec<String> = [System::Isr, System::Quorum].into_iter().filter_map(sent).collect();
    if three.is_empty() {
        return None;
    }
    let at_one = at_one.unwrap_or_else(|| ", and was not compared".to_owned());
    Some(format!(
        "n = 1 shows nothing of replication{at_one}; at n = 3 all replicas send and sync for each acknowledged record: {}.",
        three.join(", ")
    ))
}

/// In how many comparisons a difference was found.
fn differences(results: &Results) -> Option<String> {
    let (mut none, mut noise, mut found) = (0, 0, 0);
    for pair in &results.comparisons {
        for figure in Figure::ALL {
            match results.verdict(figure, pair).1 {
                Verdict::NoDifference => none += 1,
                Verdict::WithinNoise => noise += 1,
                Verdict::Less | Verdict::More => found += 1,
            }
        }
    }
    let all = none + noise + found;
    (all > 0).then(|| {
        format!(
            "of {all} ratios of two systems {found} show a difference; in {none} no difference was detected (the interval \
             spans 1), and {noise} are within what the same thing measured twice differed by."
        )
    })
}

/// Blocks alternated, so that what changed with time struck all alike; by how much it did.
fn order(results: &Results) -> Option<String> {
    let worst = results.noise.iter().map(|noise| noise.ratios.p50.ratio).max_by(|a, b| {
        let far = |ratio: f64| ratio.max(1.0 / ratio);
        far(*a).total_cmp(&far(*b))
    })?;
    Some(format!(
        "blocks were shuffled by seed {}, and intervals are bootstrapped over blocks; the same thing measured twice differed \
         by {} at most (p50).",
        results.seed,
        ratio(worst.max(1.0 / worst)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, results};

    fn line(cells: Vec<Cell>, start: &str) -> String {
        let checks = checks(&results(cells));
        checks.iter().find(|line| line.starts_with(start)).cloned().unwrap_or_else(|| panic!("{checks:#?}"))
    }

    fn both() -> Vec<Cell> {
        vec![cell(System::Isr, 3, 1, 300.0), cell(System::Quorum, 3, 1, 250.0)]
    }

    #[test]
    fn unequal_durability_is_not_called_equal() {
        assert!(line(both(), "Check, equal durability").contains("both measured synced"));
        let mut cells = both();
        cells[0].durability = Durability::Cached;
        assert!(line(cells, "Check, durability is NOT equal").contains("isr cached, quorum synced"));
    }

    #[test]
    fn who_says_synced_and_never_synced_is_found() {
        assert!(line(both(), "Check, synced means synced").contains("all 2 such cells"));
        let mut cells = both();
        cells[1].syncs.replicas = Some(0);
        assert!(line(cells, "Check, NOT synced").contains("quorum n = 3"));
    }

    #[test]
    fn isr_survives_both_and_a_majority_either() {
        let told = line(both(), "Check, copies lost");
        assert!(told.contains("isr n = 3: 1 and 1; quorum n = 3: 1 or 1."), "{told}");
    }

    #[test]
    fn controllers_are_billed_and_three_replicas_show_their_messages() {
        let mut cells = both();
        cells[0].sent_bytes.replicas = Some(30_000_000);
        let told = line(cells.clone(), "Check, controllers");
        // 0.01 of 0.51 s.
        assert!(told.contains("CPU 2.0%"), "{told}");
        let told = line(cells, "Check, n = 1 shows nothing");
        assert!(
            told.contains("was not compared; at n = 3") && told.contains("isr 3000 B and 3.00 syncs"),
            "{told}"
        );
    }

    #[test]
    fn what_a_run_has_no_figures_of_is_not_checked() {
        let alone = checks(&results(vec![cell(System::Quorum, 5, 1, 250.0)]));
        assert!(
            !alone.iter().any(|line| line.contains("controllers") || line.contains("equal")),
            "{alone:#?}"
        );
    }
}
