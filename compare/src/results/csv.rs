//! Cells as a table of comma-separated values (RFC 4180): a line each, in the order of results.json.

use std::fmt::Write as _;

use super::Results;
use super::cell::{Cell, Load, Split};
use super::names::{acks_name, durability_name};

/// One column: what it is called, and what it says of a cell; nothing where there is no such value.
type Column = (&'static str, fn(&Cell) -> Option<String>);

/// Names are those of results.json, flattened.
const COLUMNS: &[Column] = &[
    ("system", |cell| Some(cell.system.to_string())),
    ("replicas", |cell| Some(cell.replicas.to_string())),
    ("min_isr", |cell| text(cell.min_isr)),
    ("k", |cell| text(cell.k)),
    ("f_d", |cell| text(cell.f_d)),
    ("f_a", |cell| text(cell.f_a)),
    ("acks", |cell| Some(acks_name(cell.acks).to_owned())),
    ("durability", |cell| Some(durability_name(cell.durability).to_owned())),
    ("load_kind", |cell| {
        Some(if matches!(cell.load, Load::Closed { .. }) { "closed" } else { "open" }.to_owned())
    }),
    ("in_flight", |cell| match cell.load {
        Load::Closed { in_flight } => Some(in_flight.to_string()),
        Load::Open { .. } => None,
    }),
    ("rate", |cell| match cell.load {
        Load::Closed { .. } => None,
        Load::Open { rate, .. } => Some(rate.to_string()),
    }),
    ("arrivals", |cell| match cell.load {
        Load::Closed { .. } => None,
        Load::Open { arrivals, .. } => Some(arrivals.to_string()),
    }),
    ("knee_percent", |cell| match cell.load {
        Load::Open { knee_percent: Some(percent), .. } => Some(percent.0.to_string()),
        Load::Closed { .. } | Load::Open { .. } => None,
    }),
    ("record_bytes", |cell| Some(cell.record_bytes.to_string())),
    ("batch_records", |cell| Some(cell.batch_records.to_string())),
    ("linger_ms", |cell| Some(cell.linger_ms.to_string())),
    ("keys", |cell| Some(cell.keys.to_string())),
    ("producers", |cell| Some(cell.producers.to_string())),
    ("partitions", |cell| Some(cell.partitions.to_string())),
    ("profile", |cell| Some(cell.profile.clone())),
    ("slow_replicas", |cell| Some(cell.slow_replicas.to_string())),
    ("hang", |cell| cell.hang.clone()),
    ("processes", |cell| Some(cell.processes.to_string())),
    ("blocks", |cell| Some(cell.blocks.to_string())),
    ("acked", |cell| Some(cell.acked.to_string())),
    ("failed", |cell| Some(cell.failed.to_string())),
    ("unknown", |cell| Some(cell.unknown.to_string())),
    ("seconds", |cell| Some(cell.seconds.to_string())),
    ("slipped", |cell| Some(cell.slipped.to_string())),
    ("ops_per_s", |cell| figure(cell, |all| all.ops_per_s)),
    ("ops_per_s_low", |cell| interval(cell, |all| all.ops_per_s.low)),
    ("ops_per_s_high", |cell| interval(cell, |all| all.ops_per_s.high)),
    ("mb_per_s", |cell| figure(cell, |all| all.mb_per_s)),
    ("p50_us", |cell| figure(cell, |all| all.latency_us.p50)),
    ("p50_us_low", |cell| interval(cell, |all| all.p50.low)),
    ("p50_us_high", |cell| interval(cell, |all| all.p50.high)),
    ("p90_us", |cell| figure(cell, |all| all.latency_us.p90)),
    ("p99_us", |cell| figure(cell, |all| all.latency_us.p99)),
    ("p99_us_low", |cell| interval(cell, |all| all.p99.low)),
    ("p99_us_high", |cell| interval(cell, |all| all.p99.high)),
    ("p999_us", |cell| figure(cell, |all| all.latency_us.p999)),
    ("max_us", |cell| figure(cell, |all| all.latency_us.max)),
    ("mean_us", |cell| figure(cell, |all| all.latency_us.mean)),
    ("cpu_seconds_replicas", |cell| text(cell.cpu_seconds.replicas)),
    ("cpu_seconds_controllers", |cell| text(cell.cpu_seconds.controllers)),
    ("cpu_seconds_client", |cell| text(cell.cpu_seconds.client)),
    ("rss_bytes_replicas", |cell| text(cell.rss_bytes.replicas)),
    ("rss_bytes_controllers", |cell| text(cell.rss_bytes.controllers)),
    ("written_bytes_replicas", |cell| replicas(cell.written_bytes)),
    ("written_bytes_controllers", |cell| text(cell.written_bytes.controllers)),
    ("sent_bytes_replicas", |cell| replicas(cell.sent_bytes)),
    ("sent_bytes_controllers", |cell| text(cell.sent_bytes.controllers)),
    ("syncs_replicas", |cell| replicas(cell.syncs)),
    ("syncs_controllers", |cell| text(cell.syncs.controllers)),
    ("error", |cell| cell.error.clone()),
];

/// All cells, with a header.
#[must_use]
pub fn table(results: &Results) -> String {
    let mut text = String::new();
    let names = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    line(&mut text, names);
    for cell in &results.cells {
        line(&mut text, COLUMNS.iter().map(|(_, value)| value(cell).unwrap_or_default()));
    }
    text
}

fn line(text: &mut String, values: impl Iterator<Item = String>) {
    let values: Vec<String> = values.map(quoted).collect();
    let _ = write!(text, "{}\r\n", values.join(","));
}

/// In quotes where it would be taken apart without them.
fn quoted(value: String) -> String {
    if value.contains([',', '"', '\n', '\r']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn replicas(split: Split<u64>) -> Option<String> {
    text(split.replicas)
}

fn figure(cell: &Cell, of: fn(&super::Figures) -> f64) -> Option<String> {
    text(cell.figures.as_ref().map(of))
}

fn interval(cell: &Cell, of: fn(&super::Intervals) -> f64) -> Option<String> {
    text(cell.figures.as_ref().and_then(|figures| figures.interval.as_ref()).map(of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, results};
    use crate::system::System;

    #[test]
    fn each_cell_is_a_line_with_every_column() {
        let mut failed = cell(System::Quorum, 3, 1, 250.0);
        failed.figures = None;
        failed.error = Some("n2 said \"no\", and ended".to_owned());
        let text = table(&results(vec![cell(System::Isr, 3, 64, 900.0), failed]));
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!((lines.len(), lines[3]), (4, ""));
        let at = |name: &str| lines[0].split(',').position(|column| column == name).unwrap();
        let first: Vec<&str> = lines[1].split(',').collect();
        assert_eq!(first.len(), COLUMNS.len());
        assert_eq!((first[at("system")], first[at("in_flight")], first[at("p50_us")]), ("isr", "64", "900"));
        assert_eq!((first[at("rate")], first[at("p50_us_low")]), ("", "810"));
        assert!(lines[2].ends_with("\"n2 said \"\"no\"\", and ended\""), "{}", lines[2]);
    }
}
