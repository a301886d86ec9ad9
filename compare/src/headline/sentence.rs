//! The one sentence that says what was found. Every word that could have been otherwise comes from the results.

use super::plan::PROFILE;
use crate::profile::NATURAL;
use crate::results::{CellKey, Figures, Load, Pair, Results};
use crate::stats::{Comparison, Figure, Verdict};
use crate::system::System;
use crate::table::{milliseconds, percent, ratio};

/// The load that latency is judged by.
const LOAD: Load = Load::ONE;

/// What was found: all-in-sync against majority at equal replicas, then at equal copies that may be lost; first where
/// replicas stand in three zones, then with nothing injected.
#[must_use]
pub fn sentence(results: &Results) -> String {
    let zones = format!(
        "With 3 replicas, each in a zone and on a disk of its own ({PROFILE}, injected), and one write in flight"
    );
    let natural = format!(
        "With nothing injected, where they share this machine's {} cores and its disk",
        results.machine.cores
    );
    format!("{} {}", found(results, PROFILE, &zones), found(results, NATURAL, &natural))
}

/// The question under one profile.
fn found(results: &Results, profile: &str, under: &str) -> String {
    let equal = match find(results, profile, 3, 3) {
        Some(pair) => format!(
            "{under}, {} ({})",
            finding(results, pair, "waiting for all in sync", "waiting for a majority"),
            figures(results, pair),
        ),
        None => format!("{under}, the two could not be compared, since not all of their cells were measured"),
    };
    let equal_loss = match find(results, profile, 2, 3) {
        Some(pair) => format!(
            "to survive the loss of any one copy, {} ({}; f_a {} against {})",
            finding(results, pair, "waiting for all of 2", "waiting for a majority of 3"),
            figures(results, pair),
            down(results, &pair.one),
            down(results, &pair.other),
        ),
        None => "2 in sync against a majority of 3 was not measured".to_owned(),
    };
    format!("{equal}; {equal_loss}.")
}

fn find<'a>(results: &'a Results, profile: &str, in_sync: usize, majority: usize) -> Option<&'a Pair> {
    let is = |system: System, replicas: usize| {
        move |key: &CellKey| {
            let asked = (key.system, key.replicas, key.load) == (system, replicas, LOAD);
            // In sync with the usual min-ISR: all of 2, two of 3.
            let usual = key.min_isr.is_none_or(|count| count == replicas.min(2));
            asked && usual && key.profile == profile
        }
    };
    results.pair(is(System::Isr, in_sync), is(System::Quorum, majority))
}

/// What can be said of the time that the first took, compared with the second.
fn finding(results: &Results, pair: &Pair, one: &str, other: &str) -> String {
    let (comparison, verdict) = results.verdict(Figure::P50, pair);
    match verdict {
        Verdict::More => format!("{one} took {} times as long as {other}", ratio(comparison.ratio)),
        Verdict::Less => format!("{one} took {} of the time of {other}", percent(comparison.ratio)),
        Verdict::NoDifference => format!("no difference was detected between {one} and {other}"),
        Verdict::WithinNoise => {
            let noise = percent(results.noise_of(Figure::P50, &pair.one, &pair.other));
            format!("{one} and {other} differed no more than one thing measured twice ({noise})")
        }
    }
}

/// The medians, and the interval of their ratio.
fn figures(results: &Results, pair: &Pair) -> String {
    let Comparison { interval, .. } = pair.ratios.p50;
    let (low, high) = (ratio(interval.low), ratio(interval.high));
    let medians = median(results, &pair.one).zip(median(results, &pair.other));
    let medians = medians.map_or_else(String::new, |(one, other)| format!("p50 {one} against {other} ms, "));
    format!("{medians}ratio {low} to {high} at 95 %")
}

/// How many replicas may be down while writes go on: 2 in sync and a majority of 3 differ in this.
fn down(results: &Results, key: &CellKey) -> String {
    let cell = results.cells.iter().find(|cell| cell.key() == *key);
    cell.and_then(|cell| cell.f_a).map_or_else(|| "unknown".to_owned(), |count| count.to_string())
}

fn median(results: &Results, key: &CellKey) -> Option<String> {
    let cell = results.cells.iter().find(|cell| cell.key() == *key)?;
    cell.figures.as_ref().map(|figures: &Figures| milliseconds(figures.latency_us.p50))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{cell, pair, results};
    use crate::results::{Noise, NullKind};

    /// Results in which isr took `equal` times as long at 3 against 3, and `fewer` at 2 against 3, in three zones; and
    /// with nothing injected neither.
    fn found(equal: (f64, [f64; 2]), fewer: (f64, [f64; 2])) -> Results {
        let mut cells = Vec::new();
        let mut comparisons = Vec::new();
        let none = (1.01, [0.98, 1.03]);
        for (profile, equal, fewer) in [(PROFILE, equal, fewer), (NATURAL, none, none)] {
            let one = |system, replicas, us| {
                let mut cell = cell(system, replicas, 1, us);
                cell.profile = profile.to_owned();
                cell
            };
            let quorum = one(System::Quorum, 3, 200.0);
            let three = one(System::Isr, 3, 200.0 * equal.0);
            let two = one(System::Isr, 2, 200.0 * fewer.0);
            // All of 3 is another question, and must not answer this one.
            let mut all_of_three = one(System::Isr, 3, 999.0);
            all_of_three.min_isr = Some(3);
            comparisons.push(pair(&all_of_three, &quorum, 5.0, [4.9, 5.1]));
            comparisons.push(pair(&three, &quorum, equal.0, equal.1));
            comparisons.push(pair(&two, &quorum, fewer.0, fewer.1));
            cells.extend([quorum, three, two]);
        }
        Results { comparisons, ..results(cells) }
    }

    /// What is said of three zones at equal replicas and at equal loss, and of the run without them.
    fn parts(text: &str) -> [String; 3] {
        let (zones, natural) = text.split_once(". With nothing injected").unwrap();
        let (equal, fewer) = zones.split_once("; to survive").unwrap();
        [equal, fewer, natural].map(str::to_owned)
    }

    #[test]
    fn slower_and_faster_are_told_with_their_figures() {
        let text = sentence(&found((1.5, [1.4, 1.6]), (0.8, [0.7, 0.9])));
        let expected = "With 3 replicas, each in a zone and on a disk of its own (three-zones+cloud-disk, injected), and \
                        one write in flight, waiting for all in sync took 1.50 times as long as \
                        waiting for a majority (p50 0.300 against 0.200 ms, ratio 1.40 to 1.60 at 95 %); to survive \
                        the loss of any one copy, waiting for all of 2 took 80% of the time of waiting for a \
                        majority of 3 (p50 0.160 against 0.200 ms, ratio 0.70 to 0.90 at 95 %; f_a 0 against 1). \
                        With nothing injected, where they share this machine's 2 cores and its disk, no difference \
                        was detected between waiting for all in sync and waiting for a majority";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn the_other_way_round_reads_the_other_way_round() {
        let [equal, fewer, _] = parts(&sentence(&found((0.5, [0.4, 0.6]), (1.25, [1.2, 1.3]))));
        assert!(equal.contains("took 50% of the time of waiting for a majority"), "{equal}");
        assert!(fewer.contains("took 1.25 times as long as waiting for a majority of 3"), "{fewer}");
    }

    #[test]
    fn an_interval_that_spans_one_is_no_difference() {
        let text = sentence(&found((1.04, [0.97, 1.1]), (0.98, [0.9, 1.02])));
        assert_eq!(text.matches("no difference was detected").count(), 4, "{text}");
        assert!(!text.contains("times as long"), "{text}");
    }

    #[test]
    fn a_difference_below_the_noise_floor_is_not_claimed() {
        let mut results = found((1.04, [1.02, 1.06]), (0.8, [0.7, 0.9]));
        let twin = cell(System::FloorAll, 2, 1, 100.0);
        let pair = pair(&twin, &cell(System::FloorMajority, 2, 1, 100.0), 1.05, [1.01, 1.09]);
        results.noise.push(Noise {
            kind: NullKind::Twins,
            one: pair.one,
            other: pair.other,
            ratios: pair.ratios,
        });
        let text = sentence(&results);
        assert!(text.contains("differed no more than one thing measured twice (5.0%)"), "{text}");
        assert!(text.contains("took 80% of the time"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_not_claimed() {
        let text = sentence(&results(vec![]));
        assert!(text.contains("could not be compared") && text.contains("was not measured"), "{text}");
    }
}
