//! In sync against majority where both survive the same, whatever that takes of replicas: a section of its own.

use partition::partition::Acks;

use super::columns::{Names, laid_out};
use super::format::with_interval;
use crate::profile::NATURAL;
use crate::results::{CellKey, Pair, Results, durability_name};
use crate::system::System;

const HEADER: [&str; 6] = ["f_d", "f_a", "isr", "quorum", "p50 isr/quorum", "p99 isr/quorum"];
const TITLE: &str = "Where both survive the same: isr of f_d + f_a + 1 replicas with min-ISR f_d + 1, a majority of 2 \
                     max(f_d, f_a) + 1; = marks a ratio in which no difference was detected";

type Row = [String; 6];

/// A row for each pair of clusters, a block of rows for each load; nothing where no two survive the same.
pub(super) fn section(results: &Results) -> Option<String> {
    let mut loads: Vec<(String, Vec<Row>)> = Vec::new();
    for pair in &results.comparisons {
        let Some(row) = row(pair) else { continue };
        let under = under(&pair.one);
        match loads.iter_mut().find(|(known, _)| *known == under) {
            Some((_, rows)) => rows.push(row),
            None => loads.push((under, vec![row])),
        }
    }
    let told =
        |(under, rows): (String, Vec<Row>)| format!("{under}:\n{}\n", laid_out(HEADER, Names::Nowhere, rows));
    let told: String = loads.into_iter().map(told).collect();
    (!told.is_empty()).then(|| format!("\n{}\n{told}", super::wrapped(TITLE)))
}

fn row(pair: &Pair) -> Option<Row> {
    let Pair { one, other, ratios } = pair;
    let (lost, dead) = survived(one).filter(|_| other.system == System::Quorum)?;
    (other.replicas == 2 * lost.max(dead) + 1).then(|| {
        [
            lost.to_string(),
            dead.to_string(),
            format!("{}:{}", one.replicas, lost + 1),
            other.replicas.to_string(),
            with_interval(&ratios.p50),
            with_interval(&ratios.p99),
        ]
    })
}

/// The load, and whatever it met.
fn under(key: &CellKey) -> String {
    let mut under = format!("{}, {}", key.load.class(), durability_name(key.durability));
    if key.profile != NATURAL {
        under += &format!(", {}", key.profile);
    }
    if key.slow_replicas > 0 {
        under += &format!(", {} slow", key.slow_replicas);
    }
    under
}

/// What an in-sync set survives of both at once: copies destroyed, and replicas down.
fn survived(key: &CellKey) -> Option<(usize, usize)> {
    let min_isr = key.min_isr.filter(|_| key.system == System::Isr && key.acks == Acks::Committed)?;
    Some((min_isr - 1, key.replicas - min_isr))
}

#[cfg(test)]
mod tests {
    use super::super::WIDTH;
    use super::*;
    use crate::results::Load;
    use crate::results::tests::{cell, pair, results};
    use crate::workload::{Arrivals, Percent};

    #[test]
    fn only_what_survives_the_same_is_told() {
        let quorum = cell(System::Quorum, 3, 1, 200.0);
        let (two, three) = (cell(System::Isr, 2, 1, 180.0), cell(System::Isr, 3, 1, 300.0));
        // Three with min-ISR 3 survive the loss of two copies, which a majority of three does not.
        let mut all = cell(System::Isr, 3, 1, 300.0);
        all.min_isr = Some(3);
        let ratio = [1.4, 1.6];
        let mut results = results(vec![]);
        results.comparisons =
            [&two, &three, &all].map(|one| pair(one, &quorum, 1.5, ratio)).into_iter().collect();
        let text = section(&results).unwrap();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| line.contains("1.50 1.40–1.60"))
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(text.matches("\n1 in flight, synced:\n").count(), 1, "{text}");
        assert_eq!(rows.len(), 2, "{text}");
        assert_eq!(rows[0][..6], ["1", "0", "2:2", "3", "1.50", "1.40–1.60"]);
        assert_eq!(rows[1][..4], ["1", "1", "3:2", "3"]);
        results.comparisons.clear();
        assert_eq!(section(&results), None);
    }

    #[test]
    fn the_longest_row_fits_the_width() {
        let mut three = cell(System::Isr, 3, 1, 300.0);
        three.load = Load::Open { rate: 9999, arrivals: Arrivals::Poisson, knee_percent: Some(Percent(95)) };
        three.profile = "three-zones+cloud-disk".to_owned();
        let mut results = results(vec![]);
        results.comparisons = vec![pair(&three, &cell(System::Quorum, 3, 1, 200.0), 15.0, [11.1, 19.9])];
        for line in section(&results).unwrap().lines() {
            assert!(line.trim_end().chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
        }
    }
}
