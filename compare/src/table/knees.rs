//! Where the knees lie, and what a knee is.

use super::format::{milliseconds, thousands};
use crate::experiment::knee::{DELIVERED_LEAST, P99_LEAST, P99_TIMES, PRECISION};
use crate::profile::NATURAL;
use crate::results::{Knee, Results, acks_name, durability_name};

/// One line for all knees, after the rule that they were found by.
pub(super) fn note(results: &Results) -> Option<String> {
    let told: Vec<String> = results.knees.iter().map(told).collect();
    (!told.is_empty()).then(|| {
        format!(
            "Knee: the highest rate, to {:.0} %, at which {:.0} % of what is due is acknowledged in time, none is lost and \
             p99 is at most {P99_TIMES} times that of light load ({} ms where that is more); a rate has broken when it \
             broke twice in a row. {}.",
            (PRECISION - 1.0) * 100.0,
            DELIVERED_LEAST * 100.0,
            P99_LEAST.as_millis(),
            told.join("; "),
        )
    })
}

fn told(knee: &Knee) -> String {
    let min_isr = knee.min_isr.map_or_else(String::new, |count| format!(":{count}"));
    let mut told = format!("{} n = {}{min_isr}", knee.system, knee.replicas);
    told += &format!(", {}, acks {}", durability_name(knee.durability), acks_name(knee.acks));
    if knee.profile != NATURAL {
        told += &format!(", {}", knee.profile);
    }
    if knee.slow_replicas > 0 {
        told += &format!(", {} slow", knee.slow_replicas);
    }
    match knee.rate {
        Some(rate) => told += &format!(": {}/s", thousands(f64::from(rate))),
        None => told += ": not even the lightest load was held",
    }
    if knee.is_the_clients() {
        told += ", where this client was late itself";
    }
    told + &format!(" (p99 up to {} ms)", milliseconds(knee.limit_p99_us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_knee_is_told_with_its_rule_and_its_bound() {
        let knee = |rate, bound: &str| Knee {
            system: crate::system::System::Isr,
            replicas: 3,
            min_isr: Some(2),
            acks: partition::partition::Acks::Committed,
            durability: partition::log::Durability::Synced,
            profile: "three-zones".to_owned(),
            slow_replicas: 1,
            rate,
            bound: bound.to_owned(),
            light_p99_us: 2_000.0,
            limit_p99_us: 10_000.0,
            probes: vec![],
        };
        let mut results = results(vec![]);
        assert_eq!(note(&results), None);
        results.knees = vec![knee(Some(12_800), "client"), knee(None, "system")];
        let text = note(&results).unwrap();
        assert!(
            text.contains("to 5 %, at which 95 %") && text.contains("5 times that of light load"),
            "{text}"
        );
        let one = "isr n = 3:2, synced, acks committed, three-zones, 1 slow: 12,800/s, where this client was late itself";
        assert!(text.contains(one) && text.contains("not even the lightest load"), "{text}");
    }
}
