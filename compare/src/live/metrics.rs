//! PURE: what Prometheus is told, in its text format.

use std::fmt::Write as _;

use super::pulse::{BUCKETS_US, Totals};
use super::seen::{Colour, Standing, SystemSeen};

/// One system, as it is told of.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) seen: SystemSeen,
    pub(super) totals: Totals,
}

/// A metric, its kind, what it is, and its samples: labels and value.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

/// All of it.
pub(super) fn text(told: &[Told], watchers: usize) -> String {
    let mut text = String::new();
    for metric in appends(told).into_iter().chain(replicas(told)).chain(rest(told, watchers)) {
        let Metric { name, kind, help, samples } = metric;
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
        if name == LATENCY {
            told.iter().for_each(|told| histogram(&mut text, told));
        }
    }
    text
}

const LATENCY: &str = "compare_append_latency_seconds";

fn appends(told: &[Told]) -> Vec<Metric> {
    #[expect(clippy::cast_precision_loss, reason = "a count of what one machine appends")]
    let outcomes = told.iter().flat_map(|Told { seen, totals }| {
        [("acknowledged", totals.acked), ("failed", totals.failed), ("unknown", totals.unknown)].map(
            |(outcome, count)| (format!("{{system=\"{}\",outcome=\"{outcome}\"}}", seen.name), count as f64),
        )
    });
    vec![
        Metric {
            name: "compare_appends_total",
            kind: "counter",
            help: "Appends by how they ended; unknown: they may lie in the log or not.",
            samples: outcomes.collect(),
        },
        Metric {
            name: LATENCY,
            kind: "histogram",
            help: "From when an append was due until it was acknowledged.",
            samples: Vec::new(),
        },
    ]
}

fn histogram(text: &mut String, Told { seen, totals }: &Told) {
    let (name, mut sum) = (&seen.name, 0);
    for (most, count) in BUCKETS_US.iter().zip(totals.buckets) {
        sum += count;
        #[expect(clippy::cast_precision_loss, reason = "a handful of seconds")]
        let most = *most as f64 / 1e6;
        let _ = writeln!(text, "{LATENCY}_bucket{{system=\"{name}\",le=\"{most}\"}} {sum}");
    }
    let Totals { acked, spent, .. } = totals;
    let _ = writeln!(text, "{LATENCY}_bucket{{system=\"{name}\",le=\"+Inf\"}} {acked}");
    let _ = writeln!(text, "{LATENCY}_sum{{system=\"{name}\"}} {}", spent.as_secs_f64());
    let _ = writeln!(text, "{LATENCY}_count{{system=\"{name}\"}} {acked}");
}

fn replicas(told: &[Told]) -> Vec<Metric> {
    let gauge = |name, help, value: &dyn Fn(&SystemSeen, usize) -> Option<f64>| {
        let samples = told.iter().flat_map(|Told { seen, .. }| {
            seen.replicas.iter().enumerate().filter_map(|(at, replica)| {
                let labels = format!("{{system=\"{}\",replica=\"{}\"}}", seen.name, replica.name);
                Some((labels, value(seen, at)?))
            })
        });
        Metric { name, kind: "gauge", help, samples: samples.collect() }
    };
    let says = |seen: &SystemSeen, at: usize| seen.replicas[at].says.clone();
    let flag = |is: bool| Some(f64::from(u8::from(is)));
    #[expect(clippy::cast_precision_loss, reason = "offsets of one machine's hours")]
    let offset = |offset: u64| offset as f64;
    vec![
        gauge("compare_replica_up", "Whether its process runs and is not held.", &|seen, at| {
            flag(seen.replicas[at].condition.standing == Standing::Up)
        }),
        gauge("compare_replica_cut_off", "Whether it was cut off.", &|seen, at| {
            flag(seen.replicas[at].condition.cut)
        }),
        gauge("compare_replica_leader", "Whether it leads in the newest epoch.", &|seen, at| {
            flag(seen.leader.is_some_and(|leader| format!("n{leader}") == seen.replicas[at].name))
        }),
        gauge(
            "compare_replica_member",
            "Whether its copy counts: in the in-sync set, or a voter.",
            &|seen, at| {
                flag(seen.members.iter().any(|member| format!("n{member}") == seen.replicas[at].name))
            },
        ),
        gauge("compare_replica_epoch", "Its epoch, as it said last.", &|seen, at| {
            says(seen, at).map(|says| f64::from(says.epoch.0))
        }),
        gauge("compare_replica_log_end_records", "Its next offset (LEO), as it said last.", &|seen, at| {
            says(seen, at).map(|says| offset(says.log_end.0))
        }),
        gauge(
            "compare_replica_high_watermark_records",
            "What it knows to be committed (HW).",
            &|seen, at| says(seen, at).map(|says| offset(says.high_watermark.0)),
        ),
    ]
}

fn rest(told: &[Told], watchers: usize) -> Vec<Metric> {
    let verdict = told.iter().map(|Told { seen, .. }| {
        let kept = match seen.light.colour {
            Colour::Kept | Colour::Unlit => 1.0,
            Colour::Broken => 0.0,
        };
        (format!("{{system=\"{}\"}}", seen.name), kept)
    });
    #[expect(clippy::cast_precision_loss, reason = "a handful of browsers")]
    let watchers = watchers as f64;
    vec![
        Metric {
            name: "compare_promise_kept",
            kind: "gauge",
            help: "1 while nothing that clients were told contradicts the promise, 0 for good once something does.",
            samples: verdict.collect(),
        },
        Metric {
            name: "compare_watchers",
            kind: "gauge",
            help: "Browsers that watch.",
            samples: vec![(String::new(), watchers)],
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use partition::clock::Moment;
    use partition::ids::{Epoch, NodeId, Offset};
    use partition::partition::Role;

    use super::*;
    use crate::live::pulse::{Ended, Pulse};
    use crate::live::seen::{Condition, Light, NodeSeen, Says};
    use crate::system::System;

    fn told() -> Told {
        let mut pulse = Pulse::default();
        for millis in [1, 3, 20_000] {
            pulse.count(Ended::Acked(Duration::from_millis(millis)), Moment(0));
        }
        let says = Says {
            role: Role::Leader,
            epoch: Epoch(4),
            log_end: Offset(12),
            high_watermark: Offset(11),
            log_start: Offset(0),
            members: vec![NodeId(1)],
        };
        let replica = NodeSeen {
            name: "n1".to_owned(),
            condition: Condition::default(),
            answers: true,
            says: Some(says),
        };
        let seen = SystemSeen {
            system: System::Isr,
            name: "isr-3:2".to_owned(),
            leader: Some(NodeId(1)),
            epoch: Epoch(4),
            members: vec![NodeId(1)],
            replicas: vec![replica],
            controllers: Vec::new(),
            light: Light::default(),
        };
        Told { seen, totals: pulse.totals().clone() }
    }

    #[test]
    fn each_sample_follows_the_help_and_type_of_its_name() {
        let text = text(&[told()], 2);
        let mut declared = BTreeSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(
                    declared.insert(rest.split(' ').next().unwrap().to_owned()),
                    "{line}: declared twice"
                );
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
                assert!(
                    declared.contains(name) || base.is_some_and(|base| declared.contains(base)),
                    "{line}"
                );
                assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(text.contains("compare_replica_log_end_records{system=\"isr-3:2\",replica=\"n1\"} 12\n"));
        assert!(text.contains("compare_promise_kept{system=\"isr-3:2\"} 1\n"));
    }

    #[test]
    fn buckets_add_up_and_the_last_holds_all() {
        let text = text(&[told()], 0);
        let bucket = |le: &str| {
            let prefix = format!("{LATENCY}_bucket{{system=\"isr-3:2\",le=\"{le}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
        };
        assert_eq!(["0.0005", "0.001", "0.004", "5", "+Inf"].map(bucket), ["0", "1", "2", "2", "3"]);
    }
}
