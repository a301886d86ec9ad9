//! What an acknowledged byte costs, and a record: replicas, controllers and client apart.

use super::columns::{Names, laid_out};
use super::rows::{name, title};
use crate::results::{Cell, PerAck, Results, Split};

const HEADER: [&str; 7] =
    ["n", "system", "written B/B", "sent B/B", "syncs/record", "CPU us/record", "MB resident"];

/// A table of each load: replicas + controllers + client, each where it is known.
#[must_use]
pub fn render(results: &Results) -> String {
    let mut text = String::new();
    for (title, cells) in title::sections(results) {
        let rows: Vec<[String; 7]> = cells.into_iter().filter_map(row).collect();
        if rows.is_empty() {
            continue;
        }
        let table = laid_out(HEADER, Names::In(1), rows);
        let parts = "replicas + controllers + client";
        text += &format!("\nCost of what was acknowledged ({parts}): {title}\n{table}\n");
    }
    text
}

fn row(cell: &Cell) -> Option<[String; 7]> {
    let PerAck { cpu_us, written, sent, syncs } = cell.per_ack.filter(|_| !cell.elsewhere)?;
    let megabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
    let resident = Split {
        replicas: megabytes(cell.rss_bytes.replicas),
        controllers: megabytes(cell.rss_bytes.controllers),
        client: megabytes(cell.rss_bytes.client),
    };
    Some([
        cell.replicas.to_string(),
        name(cell),
        sum(written, 2),
        sum(sent, 2),
        sum(syncs, 3),
        sum(cpu_us, 1),
        sum(resident, 0),
    ])
}

/// The parts that are known; the others take nothing, or nobody can tell.
fn sum(split: Split<f64>, decimals: usize) -> String {
    let parts = [split.replicas, split.controllers, split.client];
    let known: Vec<String> = parts.into_iter().flatten().map(|part| format!("{part:.decimals$}")).collect();
    if known.is_empty() { "-".to_owned() } else { known.join(" + ") }
}

#[cfg(test)]
mod tests {
    use super::super::WIDTH;
    use super::*;
    use crate::results::tests::{cell, results};
    use crate::system::System;

    #[test]
    fn costs_are_told_apart_and_for_each_that_was_acknowledged() {
        let mut isr = cell(System::Isr, 3, 1, 300.0);
        isr.per_ack = PerAck::of(&isr);
        let text = render(&results(vec![isr]));
        // 30,000,000 bytes for 10,000 records of 1 KiB; 0.5, 0.01 and 0.2 s of CPU.
        assert!(
            text.contains("2.93") && text.contains("50.0 + 1.0 + 20.0") && text.contains("3.000"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn of_nodes_elsewhere_the_clients_cost_alone_is_not_passed_for_all() {
        let mut elsewhere = cell(System::Quorum, 3, 1, 300.0);
        (elsewhere.per_ack, elsewhere.elsewhere) = (PerAck::of(&elsewhere), true);
        assert_eq!(render(&results(vec![elsewhere])), "");
    }

    #[test]
    fn what_acknowledged_nothing_has_no_cost() {
        let mut none = cell(System::Isr, 3, 1, 300.0);
        none.acked = 0;
        assert_eq!(PerAck::of(&none), None);
    }
}
