//! A cell's latencies as a percentile distribution, in the text format that HdrHistogram's plotter reads.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::cell::{Cell, Load};
use super::names::{acks_name, durability_name};
use crate::profile::NATURAL;

/// Lines for each halving of what is left to 100 %, as HdrHistogram's own tools write.
const TICKS_PER_HALF: u32 = 5;
/// Values are in milliseconds.
const NANOS_PER_MS: f64 = 1e6;

/// The distribution of a histogram of nanoseconds, in milliseconds.
#[must_use]
pub fn percentiles(histogram: &Histogram<u64>) -> String {
    let mut text =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut count = 0;
    for step in histogram.iter_quantiles(TICKS_PER_HALF) {
        count += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NANOS_PER_MS, step.quantile_iterated_to());
        let _ = write!(text, "{value:12.6} {quantile:2.12} {count:10}");
        // Of the last line the fourth column would be infinite; the tools leave it out.
        let _ =
            if quantile < 1.0 { writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile)) } else { writeln!(text) };
    }
    let (mean, deviation) = (histogram.mean() / NANOS_PER_MS, histogram.stdev() / NANOS_PER_MS);
    let _ = writeln!(text, "#[Mean    = {mean:12.6}, StdDeviation   = {deviation:12.6}]");
    let (max, total) = (histogram.max() as f64 / NANOS_PER_MS, histogram.len());
    let _ = writeln!(text, "#[Max     = {max:12.6}, Total count    = {total:12}]");
    let sub_buckets = 2 * 10_u32.pow(u32::from(histogram.sigfig()));
    let sub_buckets = sub_buckets.next_power_of_two();
    let buckets = histogram.buckets();
    let _ = writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]");
    text
}

/// The name of a cell's file: `isr-3-min2-committed-synced-64-in-flight.hgrm`.
#[must_use]
pub fn file_name(cell: &Cell) -> String {
    let mut name = format!("{}-{}", cell.system, cell.replicas);
    if let Some(min_isr) = cell.min_isr {
        let _ = write!(name, "-min{min_isr}");
    }
    let _ = write!(name, "-{}-{}", acks_name(cell.acks), durability_name(cell.durability));
    let _ = match cell.load {
        Load::Closed { in_flight } => write!(name, "-{in_flight}-in-flight"),
        Load::Open { rate, arrivals, knee_percent: None } => write!(name, "-{rate}-a-second-{arrivals}"),
        Load::Open { rate, arrivals, knee_percent: Some(percent) } => {
            write!(name, "-knee-{:02}-percent-{rate}-a-second-{arrivals}", percent.0)
        }
    };
    if cell.profile != NATURAL {
        // A profile of a file is called as its user likes.
        let plain =
            |letter: char| if letter.is_ascii_alphanumeric() || "+-".contains(letter) { letter } else { '_' };
        let _ = write!(name, "-{}", cell.profile.chars().map(plain).collect::<String>());
    }
    if cell.slow_replicas > 0 {
        let _ = write!(name, "-{}-slow", cell.slow_replicas);
    }
    if cell.partitions > 1 {
        let _ = write!(name, "-{}-partitions", cell.partitions);
    }
    name + ".hgrm"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::cell;
    use crate::system::System;
    use crate::workload::{Arrivals, Percent, histogram};

    #[test]
    fn the_distribution_reads_as_the_plotter_expects() {
        let mut latencies = histogram();
        for ms in 1..=1000 {
            latencies.record(ms * 1_000_000).unwrap();
        }
        let text = percentiles(&latencies);
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(header, ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]);
        assert_eq!(lines.next(), Some(""));
        let rows: Vec<Vec<f64>> = lines
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|number| number.parse().unwrap()).collect())
            .collect();
        assert!(
            rows.len() > 20
                && rows.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][2] <= pair[1][2])
        );
        let median = rows.iter().find(|row| row[1] >= 0.5).unwrap();
        assert!((median[0] / 500.0 - 1.0).abs() < 0.002 && (median[3] - 2.0).abs() < 1e-9, "{median:?}");
        let last = rows.last().unwrap();
        assert_eq!((last.len(), last[1], last[2]), (3, 1.0, 1000.0));
        let ends: Vec<&str> = text.lines().filter(|line| line.starts_with("#[")).collect();
        assert!(ends[0].starts_with("#[Mean    =") && ends[0].contains("StdDeviation   ="), "{}", ends[0]);
        assert!(ends[1].contains("Total count    =         1000]"), "{}", ends[1]);
        assert!(ends[2].contains("SubBuckets     =         2048]"), "{}", ends[2]);
    }

    #[test]
    fn each_cell_has_a_file_of_its_own_that_says_which_it_is() {
        let closed = cell(System::Isr, 3, 64, 900.0);
        assert_eq!(file_name(&closed), "isr-3-min2-committed-synced-64-in-flight.hgrm");
        let mut open = cell(System::Quorum, 5, 1, 900.0);
        open.load = Load::Open { rate: 4200, arrivals: Arrivals::Poisson, knee_percent: Some(Percent(50)) };
        open.profile = "my zones/2".to_owned();
        open.slow_replicas = 2;
        let expected =
            "quorum-5-committed-synced-knee-50-percent-4200-a-second-poisson-my_zones_2-2-slow.hgrm";
        assert_eq!(file_name(&open), expected);
    }
}
