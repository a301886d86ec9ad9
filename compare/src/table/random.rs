//! What faults that seeds drew did to clusters of processes, as text.

use std::fmt::Write;

use super::{thousands, wrapped};
use crate::results::{RandomFaults, Results};

/// A paragraph for each setting, and what was wrong; nothing where it was not measured.
#[must_use]
pub fn random(results: &Results) -> String {
    let mut text = String::new();
    for setting in &results.random {
        text.push_str(&paragraph(setting));
    }
    let trials: u64 = results.random.iter().map(|setting| setting.trials).sum();
    let findings: usize = results.random.iter().map(|setting| setting.findings.len()).sum();
    if trials > 0 {
        let _ = writeln!(text, "{trials} trials under random faults on processes, {findings} findings");
    }
    text
}

fn paragraph(setting: &RandomFaults) -> String {
    let kinds: Vec<String> = setting.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let count = |count: u64| thousands(count as f64);
    let told = format!(
        "{}: {} trials; {} faults drawn ({}), felt {} times; {} leaders elected, {} replicas started again, sets became smaller {} times. \
         Batches: {} committed, {} acknowledged with less, {} failed, {} unknown; {} reads. Whole again after {} (median), {} at most.",
        setting.setting,
        count(setting.trials),
        count(setting.faults.values().sum()),
        kinds.join(", "),
        count(setting.felt),
        count(setting.elections),
        count(setting.restarts),
        count(setting.shrinks),
        count(setting.committed),
        count(setting.uncommitted),
        count(setting.failed),
        count(setting.unknown),
        count(setting.reads),
        seconds(setting.healed_ms.p50),
        seconds(setting.healed_ms.max),
    );
    let mut text = format!("{}\n", wrapped(&told));
    for finding in &setting.findings {
        let told =
            format!("  seed {}: {}: {} under {}", finding.seed, finding.name, finding.what, finding.faults);
        let _ = writeln!(text, "{}", wrapped(&told));
    }
    text
}

fn seconds(millis: Option<f64>) -> String {
    millis.map_or_else(|| "?".to_owned(), |millis| format!("{:.2} s", millis / 1e3))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::results::RandomFinding;
    use crate::results::tests::results;

    #[test]
    fn a_finding_is_told_with_its_seed_and_its_faults() {
        let mut results = results(Vec::new());
        assert_eq!(random(&results), "");
        let finding = RandomFinding {
            seed: 7,
            name: "lost-write".to_owned(),
            what: "record 3".to_owned(),
            faults: "3s+1s kill 1".to_owned(),
        };
        results.random = vec![RandomFaults {
            setting: "isr-3:2".to_owned(),
            trials: 2,
            faults: BTreeMap::from([("kill".to_owned(), 3)]),
            felt: 0,
            elections: 4,
            restarts: 3,
            shrinks: 2,
            committed: 12_345,
            uncommitted: 0,
            failed: 1,
            unknown: 2,
            reads: 99,
            healed_ms: Default::default(),
            findings: vec![finding],
        }];
        let text = random(&results);
        assert!(text.contains("seed 7: lost-write: record 3 under 3s+1s kill 1"), "{text}");
        assert!(
            text.contains("12,345 committed")
                && text.ends_with("2 trials under random faults on processes, 1 findings\n")
        );
    }
}
