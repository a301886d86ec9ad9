//! What a reader must know to read the table right: what the numbers are, and what they are not.

use std::collections::BTreeMap;

use partition::log::Durability;
use partition::partition::Acks;

use super::format::{percent, thousands, with_interval};
use crate::profile::NATURAL;
use crate::results::{Cell, IdleCluster, Load, Noise, NullKind, Results};
use crate::stats::Figure;
use crate::system::System;

/// The lines below the table, each a note of its own.
#[must_use]
pub fn notes(results: &Results) -> Vec<String> {
    let mut notes = vec![method(results)];
    notes.push(
        "f_d: copies that may be destroyed without losing an acknowledged write. f_a: replicas that may be down \
         while writes go on. isr keeps both promises at once (f_d + f_a + 1 replicas), quorum either one \
         (2 max(f_d, f_a) + 1). A floor has no protocol and promises nothing: floor-all waits for every copy, \
         floor-majority for a majority."
            .to_owned(),
    );
    notes.extend(unanswered(results));
    notes.extend(slips(results));
    notes.extend(super::knees::note(results));
    notes.extend(super::injected::notes(results));
    notes.extend(policy_alone(results));
    notes.extend(processor(results));
    notes.extend(memory(results));
    notes.extend(noise(results));
    notes.extend(idle(results));
    notes.push(machine(results));
    notes
}

fn method(results: &Results) -> String {
    let plan = results.blocks;
    let record = results.cells.first().map_or(0, |cell| cell.record_bytes);
    let batch = results.cells.first().map_or(0, |cell| cell.batch_records);
    let natural = if results.profiles.is_empty() { ", nothing delayed on purpose" } else { "" };
    let workload = results.workload.as_ref().map_or_else(String::new, |name| format!("Workload {name}: "));
    let gathered = match results.cells.first() {
        Some(cell) if cell.linger_ms > 0 => {
            format!(
                " at most, gathered by a producer whose first record waits {} ms for others",
                cell.linger_ms
            )
        }
        _ => String::new(),
    };
    let hosted = match results.cells.first() {
        Some(cell) if cell.elsewhere => {
            "on nodes that were running elsewhere (--hosts), whose costs are not seen here"
        }
        Some(cell) if cell.processes => "a process a replica",
        _ => "all replicas in this process",
    };
    format!(
        "{workload}{} interleaved blocks of {} s a cell, each after a warm-up that is not counted ({} s: a tenth of the block, at \
         least 50 ms); {record} bytes a record, {batch} a batch{gathered}, {}, {hosted}{natural}. ± is the farther end of a 95 % interval \
         (bootstrap over blocks); ratios are of the same blocks, and = marks one in which no difference was detected.",
        plan.count,
        plan.seconds,
        plan.lead_in_seconds,
        loops(results),
    )
}

/// How work arrived, and from where latencies count.
fn loops(results: &Results) -> String {
    let is_open = |cell: &Cell| matches!(cell.load, Load::Open { .. });
    let (open, closed) = (results.cells.iter().any(is_open), !results.cells.iter().all(is_open));
    let producers = results.cells.first().map_or(1, |cell| cell.producers);
    let from = match producers {
        1 => String::new(),
        many => format!(" from {many} connections in turn"),
    };
    let told = match (open, closed) {
        (true, false) => "open loop (by a schedule; latency counts from when a batch was due)",
        (true, true) => "closed and open loop (by a schedule; latency counts from when a batch was due)",
        (false, _) => "closed loop",
    };
    format!("{told}{from}")
}

/// What is measured where nobody answers.
fn unanswered(results: &Results) -> Option<String> {
    let any = results.cells.iter().any(|cell| cell.acks == Acks::Nobody);
    any.then(|| {
        "acks nobody: times are those until a record was handed to the connection. No answer comes, so what was lost \
         after that is not seen, and is among the acknowledged."
            .to_owned()
    })
}

/// How often the generator of an open loop fell behind, by system: no such cell is left out.
fn slips(results: &Results) -> Option<String> {
    let told = |system: System| {
        let open: Vec<_> =
            results.cells.iter().filter(|cell| cell.system == system && cell.slip.is_some()).collect();
        let void = open.iter().filter(|cell| cell.slipped).count();
        let late: usize = open.iter().filter_map(|cell| cell.slip).map(|slip| slip.blocks).sum();
        let blocks: usize = open.iter().map(|cell| cell.blocks).sum();
        (!open.is_empty()).then(|| format!("{system} {void} of {} ({late} of {blocks} blocks)", open.len()))
    };
    let told: Vec<String> = System::ALL.into_iter().filter_map(told).collect();
    (!told.is_empty()).then(|| {
        format!(
            "Void cells, marked !, in which the generator slipped (at p50 or p99 it was late by more than a tenth of the \
             cell's latency, or it did not send all that was due; single blocks by the same rule): {}.",
            told.join(", ")
        )
    })
}

/// What the rule costs without the implementations: floor against floor.
fn policy_alone(results: &Results) -> Option<String> {
    let mut parts = Vec::new();
    for pair in results.comparisons.iter().filter(|pair| pair.one.system == System::FloorAll) {
        let (replicas, load) = (pair.one.replicas, pair.one.load.class());
        let against = match pair.other.replicas {
            same if same == replicas => String::new(),
            other => format!(" against {other}"),
        };
        let under = match pair.one.profile.as_str() {
            NATURAL => String::new(),
            profile => format!(", {profile}"),
        };
        parts.push(format!(
            "n = {replicas}{against}, {load}{under}: p50 {}, p99 {}",
            with_interval(&pair.ratios.p50),
            with_interval(&pair.ratios.p99),
        ));
    }
    let text =
        format!("The rule alone, without protocols (floor-all / floor-majority): {}.", parts.join("; "));
    (!parts.is_empty()).then_some(text)
}

/// Each system's cell at the largest load, of three replicas, if there is one, and all under one profile. Of closed
/// loads, if there are any: in those, as many are in flight in each.
fn busiest(results: &Results) -> Option<(Load, Vec<&Cell>)> {
    let rank = |load: Load| (matches!(load, Load::Closed { .. }), load);
    let most = results.cells.iter().map(|cell| cell.load.class()).max_by_key(|load| rank(*load))?;
    let is_at_most = |cell: &&Cell| cell.load.class() == most;
    let profile = &results.cells.iter().find(is_at_most)?.profile;
    let of = |system| {
        let alike = |cell: &&Cell| cell.system == system && cell.profile == *profile;
        results
            .cells
            .iter()
            .filter(is_at_most)
            .filter(alike)
            .max_by_key(|cell| (cell.replicas == 3, cell.replicas))
    };
    Some((most, System::ALL.into_iter().filter_map(of).collect()))
}

/// CPU time of an acknowledged record at the largest load, controllers apart.
fn processor(results: &Results) -> Option<String> {
    let (most, cells) = busiest(results)?;
    let told = |cell: &&Cell| {
        let each = |seconds: Option<f64>| seconds.map(|seconds| seconds * 1e6 / cell.acked as f64);
        let replicas = each(cell.cpu_seconds.replicas).filter(|_| cell.acked > 0)?;
        let controllers = each(cell.cpu_seconds.controllers)
            .map_or_else(String::new, |us| format!(" + {us:.1} of its controllers"));
        Some(format!("{} {replicas:.1}{controllers} (n = {})", cell.system, cell.replicas))
    };
    let parts: Vec<String> = cells.iter().filter_map(told).collect();
    let text = format!("CPU microseconds a record, {most}, all replicas together: {}.", parts.join(", "));
    (!parts.is_empty()).then_some(text)
}

/// What the processes hold in memory after the largest load.
fn memory(results: &Results) -> Option<String> {
    let (_, cells) = busiest(results)?;
    let told = |cell: &&Cell| {
        let replica = cell.rss_bytes.replicas? as f64 / 1e6 / cell.replicas as f64;
        let controllers = cell
            .rss_bytes
            .controllers
            .map_or_else(String::new, |bytes| format!(" + {:.0} of all its controllers", bytes as f64 / 1e6));
        Some(format!("{} {replica:.0}{controllers} (n = {})", cell.system, cell.replicas))
    };
    let parts: Vec<String> = cells.iter().filter_map(told).collect();
    (!parts.is_empty()).then(|| format!("Resident MB of a replica after that load: {}.", parts.join(", ")))
}

fn noise(results: &Results) -> Option<String> {
    let of = |kind: NullKind| results.noise.iter().filter(move |noise| noise.kind == kind);
    let deviations = |kind: NullKind, figure: Figure| -> Vec<f64> {
        let mut all: Vec<f64> = of(kind).map(|noise: &Noise| noise.ratios.get(figure).deviation()).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let told = |kind: NullKind| -> Option<String> {
        let parts: Option<Vec<String>> =
            [("p50", Figure::P50), ("p99", Figure::P99), ("ops/s", Figure::OpsPerS)]
                .into_iter()
                .map(|(name, figure)| {
                    let all = deviations(kind, figure);
                    let (middle, most) = (all.get(all.len() / 2)?, all.last()?);
                    Some(format!("{name} {} (at most {})", percent(*middle), percent(*most)))
                })
                .collect();
        parts.map(|parts| parts.join(", "))
    };
    let twins = told(NullKind::Twins)
        .map(|text| format!("the two floors do the same up to n = 2 and differed there by {text}"));
    let halves =
        told(NullKind::Halves).map(|text| format!("even and odd blocks of one cell differed by {text}"));
    let parts: Vec<String> = twins.into_iter().chain(halves).collect();
    (!parts.is_empty()).then(|| format!("Noise floor, A against A': {}.", parts.join("; ")))
}

/// What each system takes when nobody asks it anything, at its largest cluster.
fn idle(results: &Results) -> Option<String> {
    let mut largest = BTreeMap::new();
    for idle in results.idle.iter().filter(|idle| idle.cpu.is_some()) {
        let known = largest.entry((idle.partitions, idle.system.to_string())).or_insert(idle);
        if idle.replicas > known.replicas {
            *known = idle;
        }
    }
    let told = |((partitions, system), idle): (&(u32, String), &&IdleCluster)| {
        let (all, controllers) = (idle.cpu?, idle.controllers_cpu);
        let replicas = share(all - controllers.unwrap_or_default());
        let beside = controllers.map(|cpu| format!(" + {} of its controllers", share(cpu)));
        let many = match partitions {
            1 => String::new(),
            many => format!(
                ", {many} partitions, {:.0} syncs and {:.0} kB sent a second",
                idle.syncs_per_s,
                idle.sent_bytes_per_s / 1e3
            ),
        };
        Some(format!("{system} {replicas}{} (n = {}{many})", beside.unwrap_or_default(), idle.replicas))
    };
    let told: Vec<String> = largest.iter().filter_map(told).collect();
    (!told.is_empty()).then(|| {
        format!(
            "Idle, a cluster takes of one core: {}. Clusters stay up while another is measured.",
            told.join(", ")
        )
    })
}

/// A small share of a core.
fn share(cpu: f64) -> String {
    format!("{:.2}%", cpu * 100.0)
}

fn machine(results: &Results) -> String {
    let machine = &results.machine;
    let busy = if machine.was_busy() {
        format!(
            " Other programs were busy before the run (load {:.1}): figures are partly theirs.",
            machine.load_before
        )
    } else {
        String::new()
    };
    if results.cells.iter().any(|cell| cell.elsewhere) {
        return format!(
            "The client ran on {}, {} cores, {}. Nothing of it is shared with the nodes, unless their addresses are \
             its own.{busy}",
            machine.cpu, machine.cores, machine.kernel
        );
    }
    let crowded = results.cells.iter().map(|cell: &Cell| cell.replicas).max().unwrap_or(0) > machine.cores;
    let shared = if crowded {
        " All replicas and the client share its cores and its disk: with more of them than cores, contention is \
         measured too, and times do not travel to other machines. Where each replica has a machine of its own, all \
         in sync wait for the slowest follower and a majority for the quicker ones: expect the gap to widen with \
         the scatter of their answers."
    } else {
        " All replicas and the client share it; times do not travel to other machines."
    };
    format!(
        "{}, {} cores, {}, {}, a sync takes {:.0} us (p99 {:.0}).{}{shared}{busy}",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.disk,
        machine.sync_us.p50,
        machine.sync_us.p99,
        disk_bound(results),
    )
}

/// What the disk alone allows replicas that share it, one record at a time.
fn disk_bound(results: &Results) -> String {
    let synced = results.cells.iter().filter(|cell| cell.durability == Durability::Synced);
    let largest = synced.map(|cell| cell.replicas).max().unwrap_or(0);
    let together = &results.machine.sync_together_us;
    let Some(bound) = together.iter().rev().find(|together| together.writers <= largest) else {
        return String::new();
    };
    let bounds = together.iter().filter(|together| together.writers <= bound.writers);
    let each: Vec<String> = bounds
        .map(|bound| {
            let rate = thousands(1e6 / bound.times.p50);
            format!("{} at once {:.0} us, so {rate}/s", bound.writers, bound.times.p50)
        })
        .collect();
    format!(
        " Bare writers that write 1 KiB and sync, with no network between, take: {}: more than that no replicas \
         that share this disk can acknowledge one at a time.",
        each.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, pair, results};

    #[test]
    fn controllers_are_shown_apart_on_the_side_of_isr() {
        let text = notes(&results(vec![cell(System::Isr, 3, 64, 900.0), cell(System::Quorum, 3, 64, 900.0)]));
        let processor = text.iter().find(|line| line.starts_with("CPU")).unwrap();
        // 0.5 s and 0.01 s for 10,000 records.
        assert!(processor.contains("isr 50.0 + 1.0 of its controllers (n = 3)"), "{processor}");
    }

    #[test]
    fn the_largest_load_is_a_closed_one_of_one_profile() {
        let mut swept = cell(System::Isr, 3, 1, 900.0);
        let (arrivals, knee_percent) =
            (crate::workload::Arrivals::Poisson, Some(crate::workload::Percent(90)));
        swept.load = Load::Open { rate: 5000, arrivals, knee_percent };
        let mut elsewhere = cell(System::Quorum, 3, 64, 900.0);
        elsewhere.profile = "one-zone".to_owned();
        let results = results(vec![swept, cell(System::Isr, 3, 64, 900.0), elsewhere]);
        let (load, cells) = busiest(&results).unwrap();
        assert_eq!((load, cells.len(), cells[0].system), (Load::Closed { in_flight: 64 }, 1, System::Isr));
    }

    #[test]
    fn what_the_disk_alone_allows_is_said_for_the_replicas_that_were_measured() {
        let three = notes(&results(vec![cell(System::Isr, 3, 1, 900.0)])).join("\n");
        assert!(three.contains("3 at once 250 us, so 4,000/s"), "{three}");
        let one = notes(&results(vec![cell(System::Isr, 1, 1, 900.0)])).join("\n");
        assert!(!one.contains("Bare writers"), "a single replica shares with nobody: {one}");
    }

    #[test]
    fn the_noise_floor_is_told_by_its_middle_and_its_end() {
        let mut results = results(vec![]);
        let (one, other) = (cell(System::FloorAll, 1, 1, 9.0), cell(System::FloorMajority, 1, 1, 9.0));
        for ratio in [1.01, 1.0 / 1.02, 1.04] {
            let pair = pair(&one, &other, ratio, [0.9, 1.1]);
            results.noise.push(Noise {
                kind: NullKind::Twins,
                one: pair.one,
                other: pair.other,
                ratios: pair.ratios,
            });
        }
        let text = noise(&results).unwrap();
        assert!(text.contains("p50 2.0% (at most 4.0%), p99 0.0% (at most 0.0%)"), "{text}");
    }

    #[test]
    fn slipped_cells_are_counted_by_system() {
        let open = |system, slipped| {
            let mut open = cell(system, 3, 1, 250.0);
            let (p50_us, p99_us, max_us) = (30.0, 1_500.0, 9_000.0);
            open.slip = Some(crate::results::Slip { p50_us, p99_us, max_us, blocks: 1, unsent: 0 });
            (open.blocks, open.slipped) = (8, slipped);
            open
        };
        let cells = vec![open(System::Isr, true), open(System::Isr, false), open(System::Quorum, false)];
        let text = slips(&results(cells)).unwrap();
        assert!(text.ends_with("isr 1 of 2 (2 of 16 blocks), quorum 0 of 1 (1 of 8 blocks)."), "{text}");
        assert_eq!(slips(&results(vec![cell(System::Isr, 3, 1, 9.0)])), None);
    }

    #[test]
    fn an_answer_that_nobody_gives_is_said_to_be_none() {
        let mut unheard = cell(System::Isr, 3, 1, 9.0);
        unheard.acks = Acks::Nobody;
        assert!(
            notes(&results(vec![unheard]))
                .iter()
                .any(|line| line.starts_with("acks nobody: times are those until"))
        );
        assert_eq!(unanswered(&results(vec![cell(System::Isr, 3, 1, 9.0)])), None);
    }

    #[test]
    fn without_comparisons_nothing_is_said_of_them() {
        assert_eq!(policy_alone(&results(vec![])), None);
        assert_eq!(noise(&results(vec![])), None);
    }
}
