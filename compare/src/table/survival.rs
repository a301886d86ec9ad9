//! In sync against majority where both survive the same, whatever that takes of replicas.

use partition::partition::Acks;

use super::format::with_interval;
use crate::profile::NATURAL;
use crate::results::{CellKey, Pair, Results};
use crate::system::System;

/// A line for each pair of losses survived, loads beside each other.
pub(super) fn note(results: &Results) -> Option<String> {
    let told: Vec<String> = results.comparisons.iter().filter_map(told).collect();
    (!told.is_empty()).then(|| {
        format!(
            "Where both survive the same (isr of f_d + f_a + 1 replicas with min-ISR f_d + 1, a majority of \
             2 max(f_d, f_a) + 1), isr / quorum: {}.",
            told.join("; ")
        )
    })
}

fn told(pair: &Pair) -> Option<String> {
    let Pair { one, other, ratios } = pair;
    let (lost, dead) = survived(one).filter(|_| other.system == System::Quorum)?;
    if other.replicas != 2 * lost.max(dead) + 1 {
        return None;
    }
    let mut told =
        format!("f_d {lost}, f_a {dead}: {} against {}, {}", one.replicas, other.replicas, one.load.class());
    if one.profile != NATURAL {
        told += &format!(", {}", one.profile);
    }
    if one.slow_replicas > 0 {
        told += &format!(", {} slow", one.slow_replicas);
    }
    Some(told + &format!(": p50 {}, p99 {}", with_interval(&ratios.p50), with_interval(&ratios.p99)))
}

/// What an in-sync set survives of both at once: copies destroyed, and replicas down.
fn survived(key: &CellKey) -> Option<(usize, usize)> {
    let min_isr = key.min_isr.filter(|_| key.system == System::Isr && key.acks == Acks::Committed)?;
    Some((min_isr - 1, key.replicas - min_isr))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, pair, results};

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
        let text = note(&results).unwrap();
        assert!(text.contains("f_d 1, f_a 0: 2 against 3, 1 in flight: p50 1.50 1.40–1.60"), "{text}");
        assert!(text.contains("f_d 1, f_a 1: 3 against 3") && !text.contains("f_d 2"), "{text}");
        results.comparisons.clear();
        assert_eq!(note(&results), None);
    }
}
