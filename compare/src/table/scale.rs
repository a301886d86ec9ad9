//! What many partitions cost: throughput, tail, syncs and idle processor time against their number, and why it grows so.

use comfy_table::{Cell as Text, CellAlignment, Table, presets};

use super::format::{milliseconds, thousands};
use super::rows;
use crate::profile::NATURAL;
use crate::results::{Cell, IdleCluster, Results, acks_name, durability_name};
use crate::system::System;

const HEADER: [&str; 9] = [
    "partitions",
    "system",
    "ops/s",
    "p99 ms",
    "syncs/s",
    "idle core",
    "controllers",
    "idle syncs/s",
    "idle kB/s",
];
const TITLE: &str = "What many partitions cost: the same load over more of them, and what all replicas (apart: controllers) \
                     take of one core while nobody asks for anything";
const NOTHING: &str = "-";

const LOAD: &str = "Under load each partition has a log and a file of its own, to be synced by itself: the more partitions \
                    share what is in flight, the fewer records one sync makes durable.";
const ISR: &str = "isr, idle: a broker's followers ask another broker in one request for all partitions, and a fetch stays \
                   parked there for seconds. What grows with their number is the renewal of parked fetches, a small part of a \
                   request each; heartbeats are a broker's, not a partition's, and one set of controllers serves all.";
const QUORUM: &str = "quorum, idle: each partition is a raft group with a leader's clock of its own: ticks on each replica, and a \
                      heartbeat to each follower and its answer, every 300 ms of up to 250 partitions. More would take more \
                      than this machine has, and all beat more rarely: of 1000 every 1.2 s, and a leader is missed after 4 \
                      to 8 s instead of 1 to 2. With --heartbeats gathered those of all groups to one node share frames, \
                      which saves frames and wake-ups of connections; the groups' own work stays.";

type Row = [String; 9];

/// A row for each number and system, a block of rows for each load; nothing where every cluster has one partition.
pub(super) fn section(results: &Results) -> Option<String> {
    if results.cells.iter().all(|cell| cell.partitions == 1) {
        return None;
    }
    let mut loads: Vec<(String, Vec<&Cell>)> = Vec::new();
    for cell in results.cells.iter().filter(|cell| !is_floor(cell.system)) {
        let under = under(cell);
        match loads.iter_mut().find(|(known, _)| *known == under) {
            Some((_, cells)) => cells.push(cell),
            None => loads.push((under, vec![cell])),
        }
    }
    let mut text = format!("\n{}\n", super::wrapped(TITLE));
    for (under, mut cells) in loads {
        cells.sort_by_key(|cell| (cell.system, cell.replicas, cell.partitions));
        text += &format!("{under}:\n{}\n", table(cells.into_iter().map(|cell| row(cell, results))));
    }
    let has = |system| results.cells.iter().any(|cell| cell.system == system);
    let told = [(true, LOAD), (has(System::Isr), ISR), (has(System::Quorum), QUORUM)];
    for (_, why) in told.into_iter().filter(|(is_told, _)| *is_told) {
        text += &format!("{}\n", super::wrapped(why));
    }
    Some(text)
}

fn is_floor(system: System) -> bool {
    matches!(system, System::FloorAll | System::FloorMajority)
}

fn table(rows: impl Iterator<Item = Row>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).force_no_tty();
    let aligned = |row: Row| row.map(|text| Text::new(text).set_alignment(CellAlignment::Right));
    table.set_header(aligned(HEADER.map(str::to_owned)));
    for row in rows {
        table.add_row(aligned(row));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn row(cell: &Cell, results: &Results) -> Row {
    let nothing = || NOTHING.to_owned();
    let figures = cell.figures.as_ref();
    let syncs = cell.syncs.replicas.filter(|_| cell.seconds > 0.0);
    let idle = results.idle.iter().find(|idle| is_of(idle, cell));
    let of_idle = |get: fn(&IdleCluster) -> Option<String>| idle.and_then(get).unwrap_or_else(nothing);
    [
        cell.partitions.to_string(),
        rows::name(cell),
        figures.map_or_else(nothing, |figures| thousands(figures.ops_per_s)),
        figures.map_or_else(nothing, |figures| milliseconds(figures.latency_us.p99)),
        syncs.map_or_else(nothing, |syncs| thousands(syncs as f64 / cell.seconds)),
        of_idle(|idle| idle.cpu.map(|cpu| share(cpu - idle.controllers_cpu.unwrap_or_default()))),
        of_idle(|idle| idle.controllers_cpu.map(share)),
        of_idle(|idle| Some(thousands(idle.syncs_per_s))),
        of_idle(|idle| Some(thousands(idle.sent_bytes_per_s / 1e3))),
    ]
}

/// Processor time as a share of one core.
fn share(cpu: f64) -> String {
    format!("{:.1}%", cpu * 100.0)
}

fn is_of(idle: &IdleCluster, cell: &Cell) -> bool {
    (idle.system, idle.replicas, idle.partitions) == (cell.system, cell.replicas, cell.partitions)
}

/// The load, and whatever it met.
fn under(cell: &Cell) -> String {
    let (load, durability, acks) =
        (cell.load.class(), durability_name(cell.durability), acks_name(cell.acks));
    let mut under = format!("{load}, {durability}, acks {acks}, n = {}", cell.replicas);
    if cell.profile != NATURAL {
        under += &format!(", {}", cell.profile);
    }
    under
}

#[cfg(test)]
mod tests {
    use super::super::WIDTH;
    use super::*;
    use crate::results::tests::{cell, results};

    fn of_many(partitions: u32) -> Cell {
        Cell { partitions, ..cell(System::Isr, 3, 64, 10_000.0) }
    }

    fn idle(partitions: u32, cpu: f64) -> IdleCluster {
        let idle = results(vec![]).idle[0];
        IdleCluster { partitions, cpu: Some(cpu), controllers_cpu: Some(0.01), syncs_per_s: 12.0, ..idle }
    }

    #[test]
    fn each_number_has_its_load_and_its_idle_cost_and_no_floor_is_among_them() {
        let floor = cell(System::FloorAll, 3, 64, 9_000.0);
        let mut results = results(vec![of_many(1000), floor, of_many(1)]);
        results.idle = vec![idle(1, 0.03), idle(1000, 0.16)];
        let text = section(&results).unwrap();
        let row = |partitions: &str| -> Vec<&str> {
            let row = text.lines().find(|line| line.trim_start().starts_with(partitions)).unwrap();
            row.split_whitespace().collect()
        };
        assert_eq!(row("1 "), ["1", "isr", "6,400", "30.0", "7,500", "2.0%", "1.0%", "12", "1"]);
        assert_eq!(row("1000 ")[5..7], ["15.0%", "1.0%"]);
        assert!(!text.contains("floor"), "{text}");
        assert!(text.contains("isr, idle:") && !text.contains("quorum, idle:"), "{text}");
        assert!(text.lines().all(|line| line.trim_end().chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn nothing_is_told_where_every_cluster_has_one_partition() {
        assert_eq!(section(&results(vec![of_many(1)])), None);
    }
}
