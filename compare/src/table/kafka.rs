//! A cell summed up in one line, in the shape of the last line of Kafka's producer performance tool.

use crate::results::{Cell, Results, acks_name, durability_name};

/// Kafka counts megabytes of so many bytes.
const MEGABYTE: f64 = 1024.0 * 1024.0;

/// A line for each cell that acknowledged something, after one that says which cell it is.
#[must_use]
pub fn summaries(results: &Results) -> Vec<[String; 2]> {
    results.cells.iter().filter_map(|cell| Some([title(cell), summary(cell)?])).collect()
}

fn title(cell: &Cell) -> String {
    let min_isr = cell.min_isr.map_or_else(String::new, |count| format!(":{count}"));
    let (acks, durability) = (acks_name(cell.acks), durability_name(cell.durability));
    format!(
        "{} n = {}{min_isr}, {}, {durability}, acks {acks}, {}:",
        cell.system, cell.replicas, cell.load, cell.profile
    )
}

/// Records sent are all that were, acknowledged or not, as Kafka counts them; latencies are of those acknowledged.
fn summary(cell: &Cell) -> Option<String> {
    let figures = cell.figures.as_ref()?;
    let latencies = figures.latencies()?;
    let at = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1e6;
    Some(format!(
        "{} records sent, {:.1} records/sec ({:.2} MB/sec), {:.2} ms avg latency, {:.2} ms max latency, {:.2} ms 50th, \
         {:.2} ms 95th, {:.2} ms 99th, {:.2} ms 99.9th.",
        cell.acked + cell.failed + cell.unknown,
        figures.ops_per_s,
        figures.ops_per_s * cell.record_bytes as f64 / MEGABYTE,
        figures.latency_us.mean / 1e3,
        figures.latency_us.max / 1e3,
        at(0.50),
        at(0.95),
        at(0.99),
        at(0.999),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, histogram_of, results};
    use crate::system::System;

    #[test]
    fn the_line_has_the_shape_of_kafkas() {
        let mut measured = cell(System::Isr, 3, 1, 1_000.0);
        let figures = measured.figures.as_mut().unwrap();
        figures.histogram = histogram_of((1..=1000).map(|us| us * 10));
        let all = summaries(&results(vec![measured, cell(System::Quorum, 3, 1, 250.0)]));
        assert_eq!(all.len(), 1, "the other has no histogram");
        let [title, line] = &all[0];
        assert_eq!(title, "isr n = 3:2, 1 in flight, synced, acks committed, natural:");
        let expected = "10000 records sent, 1000.0 records/sec (0.98 MB/sec), 1.10 ms avg latency, 9.00 ms max latency, \
                        5.00 ms 50th, 9.50 ms 95th, 9.90 ms 99th, 9.99 ms 99.9th.";
        assert_eq!(line, expected);
    }
}
