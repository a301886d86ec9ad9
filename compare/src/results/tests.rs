//! Results made by hand, for whoever renders or writes them.

use partition::log::Durability;
use partition::partition::Acks;

use super::*;
use crate::machine::{SyncTimes, Together};
use crate::stats::Interval;

/// These latencies in microseconds, as a cell holds them.
pub(crate) fn histogram_of(us: impl IntoIterator<Item = u64>) -> String {
    let mut latencies = crate::workload::histogram();
    for us in us {
        latencies.record(us * 1000).unwrap();
    }
    super::histogram::encoded(&latencies)
}

/// A cell with these figures, each with an interval of ten per cent.
pub(crate) fn cell(system: System, replicas: usize, in_flight: u32, p50_us: f64) -> Cell {
    let around = |value: f64| Interval { low: value * 0.9, high: value * 1.1 };
    let ops_per_s = f64::from(in_flight) * 1e6 / p50_us;
    let against = Comparison { ratio: 1.25, interval: Interval { low: 1.2, high: 1.3 } };
    let protocol = matches!(system, System::Isr | System::Quorum);
    let survives = match system {
        System::Isr => (replicas.min(2) - 1, replicas - replicas.min(2)),
        _ => ((replicas - 1) / 2, (replicas - 1) / 2),
    };
    Cell {
        system,
        replicas,
        min_isr: (system == System::Isr).then(|| replicas.min(2)),
        k: None,
        f_d: protocol.then_some(survives.0),
        f_a: protocol.then_some(survives.1),
        acks: Acks::Committed,
        durability: Durability::Synced,
        load: Load::Closed { in_flight },
        record_bytes: 1024,
        batch_records: 1,
        linger_ms: 0,
        keys: 0,
        producers: 1,
        partitions: 1,
        profile: "natural".to_owned(),
        slow_replicas: 0,
        hang: None,
        lacking_blocks: 0,
        injected: None,
        processes: true,
        elsewhere: false,
        blocks: 8,
        acked: 10_000,
        failed: 0,
        unknown: 0,
        seconds: 4.0,
        slipped: false,
        slip: None,
        error: None,
        figures: Some(Figures {
            ops_per_s,
            mb_per_s: ops_per_s * 1024.0 / 1e6,
            latency_us: Latency {
                p50: p50_us,
                p90: p50_us * 1.5,
                p99: p50_us * 3.0,
                p999: p50_us * 5.0,
                max: p50_us * 9.0,
                mean: p50_us * 1.1,
            },
            interval: Some(Intervals {
                p50: around(p50_us),
                p99: around(p50_us * 3.0),
                ops_per_s: around(ops_per_s),
            }),
            histogram: String::new(),
        }),
        predicted_us: None,
        prediction: None,
        against_floor: Some(Ratios { p50: against, p99: against, ops_per_s: against }),
        cpu_seconds: Split { replicas: Some(0.5), controllers: protocol.then_some(0.01), client: Some(0.2) },
        rss_bytes: Split::default(),
        written_bytes: Split { replicas: Some(30_000_000), controllers: None, client: None },
        sent_bytes: Split::default(),
        syncs: Split { replicas: Some(30_000), controllers: None, client: None },
        per_ack: None,
    }
}

/// A run of these cells, without comparisons.
pub(crate) fn results(cells: Vec<Cell>) -> Results {
    Results {
        schema_version: SCHEMA_VERSION,
        machine: Machine {
            cpu: "a CPU".to_owned(),
            cores: 2,
            memory_bytes: 1 << 34,
            kernel: "Linux 6".to_owned(),
            disk: "ext4 on /dev/vda".to_owned(),
            load_before: 0.25,
            sync_us: SyncTimes { p50: 120.0, p99: 310.5 },
            sync_together_us: vec![Together { writers: 3, times: SyncTimes { p50: 250.0, p99: 900.0 } }],
        },
        commit: "unknown".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        seed: 1,
        command: "compare".to_owned(),
        workload: None,
        ending: "complete".to_owned(),
        blocks: BlockPlan { count: 8, seconds: 0.5, lead_in_seconds: 0.05 },
        profiles: Vec::new(),
        cells,
        knees: vec![],
        comparisons: Vec::new(),
        noise: Vec::new(),
        matrix: Vec::new(),
        timelines: Vec::new(),
        tuning: Vec::new(),
        random: Vec::new(),
        idle: vec![IdleCluster {
            group: 0,
            system: System::Isr,
            replicas: 3,
            partitions: 1,
            cpu: Some(0.011),
            controllers_cpu: Some(0.008),
            syncs_per_s: 0.0,
            sent_bytes_per_s: 900.0,
        }],
    }
}

/// A comparison of two cells whose medians have this ratio; other figures show none.
pub(crate) fn pair(one: &Cell, other: &Cell, ratio: f64, interval: [f64; 2]) -> Pair {
    let p50 = Comparison { ratio, interval: interval.into() };
    let even = Comparison { ratio: 1.0, interval: [0.9, 1.1].into() };
    Pair { one: one.key(), other: other.key(), ratios: Ratios { p50, p99: even, ops_per_s: even } }
}

#[test]
fn results_read_back_as_they_were_written() {
    let (isr, quorum) = (cell(System::Isr, 3, 1, 1.0 / 3.0), cell(System::Quorum, 3, 1, 250.1));
    let mut failed = cell(System::FloorAll, 1, 64, 9.0);
    failed.figures = None;
    failed.error = Some("n1 died".to_owned());
    let pair = pair(&isr, &quorum, 1.1, [1.0 / 7.0, 1.2]);
    let mut results = results(vec![isr, quorum, failed]);
    let Pair { one, other, ratios } = pair.clone();
    results.noise.push(Noise { kind: NullKind::Twins, one, other, ratios });
    results.comparisons.push(pair);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.json");
    let written = Destination::named(&path).unwrap().write(&results).unwrap().to_owned();
    let text = std::fs::read_to_string(written).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
}

#[test]
fn fields_have_the_names_that_others_rely_on() {
    let json = serde_json::to_value(results(vec![cell(System::FloorMajority, 3, 64, 250.0)])).unwrap();
    for field in ["schema_version", "machine", "commit", "started", "seed", "command", "cells", "noise"] {
        assert!(json.get(field).is_some(), "{field} is missing");
    }
    let cell = &json["cells"][0];
    assert_eq!((&cell["system"], &cell["acks"]), (&"floor-majority".into(), &"committed".into()));
    assert_eq!(cell["load"], serde_json::json!({ "kind": "closed", "in_flight": 64 }));
    let by_schedule =
        Load::Open { rate: 1000, arrivals: crate::workload::Arrivals::Poisson, knee_percent: None };
    let open = serde_json::json!({ "kind": "open", "rate": 1000, "arrivals": "poisson" });
    assert_eq!(serde_json::to_value(by_schedule).unwrap(), open);
    assert_eq!(cell["interval"]["p50"], serde_json::json!([225.0, 275.0]));
    for field in ["p50", "p90", "p99", "p999", "max", "mean"] {
        assert!(cell["latency_us"][field].is_f64(), "latency_us.{field} is missing");
    }
    for field in ["cpu_seconds", "rss_bytes", "written_bytes", "sent_bytes", "syncs"] {
        assert!(cell[field].get("controllers").is_some(), "{field} is not split");
    }
    for field in ["ops_per_s", "mb_per_s", "histogram", "acked", "failed", "unknown", "seconds", "slipped"] {
        assert!(cell.get(field).is_some(), "{field} is missing");
    }
}

#[test]
fn a_path_that_cannot_be_written_is_refused_before_anything_runs() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Destination::named(directory.path()).is_err());
    assert!(Destination::named(&directory.path().join("no/such/results.json")).is_err());
    let path = directory.path().join("results.json");
    std::fs::write(&path, "of an earlier run").unwrap();
    Destination::named(&path).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "of an earlier run");
}

#[test]
fn noise_is_that_of_the_cells_compared() {
    let (isr, quorum) = (cell(System::Isr, 3, 1, 300.0), cell(System::Quorum, 3, 1, 250.0));
    let other = cell(System::Quorum, 3, 64, 900.0);
    let mut results = results(vec![]);
    for (cell, ratio) in [(&isr, 1.02), (&quorum, 1.0 / 1.04), (&other, 1.5)] {
        let Pair { one, other, ratios } = pair(cell, cell, ratio, [0.9, 1.6]);
        results.noise.push(Noise { kind: NullKind::Halves, one, other, ratios });
    }
    let noise = results.noise_of(Figure::P50, &isr.key(), &quorum.key());
    assert!((noise - 0.04).abs() < 1e-9, "{noise}");
    let small = pair(&isr, &quorum, 1.03, [1.01, 1.05]);
    assert_eq!(results.verdict(Figure::P50, &small).1, Verdict::WithinNoise);
    let large = pair(&isr, &quorum, 1.3, [1.2, 1.4]);
    assert_eq!(results.verdict(Figure::P50, &large).1, Verdict::More);
}
