//! The answer, in a few sentences: every word that could have been otherwise comes from the evidence.

use partition::partition::Acks;

use super::charts::silences::ground_told;
use super::evidence::{Compared, Evidence};
use super::scale::{number, seconds};
use crate::faults::matrix::{Ground, Losses, Row};
use crate::headline::PROFILE;
use crate::profile::NATURAL;
use crate::results::{Cell, CellKey, Load, MatrixRow, PerAck};
use crate::stats::Verdict;
use crate::system::System;
use crate::table::{percent, ratio};

/// One finding: what it is about, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A few words.
    pub about: String,
    /// A sentence.
    pub found: String,
}

/// What was found; nothing that these results do not hold.
#[must_use]
pub fn answer(evidence: &Evidence<'_>) -> Vec<Finding> {
    let all = [
        at_equal_replicas(evidence),
        at_equal_loss(evidence),
        cost(evidence),
        silence(evidence, Row::LeaderKilled, "When the leader is killed"),
        silence(evidence, Row::FollowerPaused, "When a follower hangs"),
        faults(evidence),
    ];
    let found: Vec<Finding> = all.into_iter().flatten().collect();
    if found.is_empty() {
        let found =
            "These results hold no isr and quorum that were measured in the same blocks, and no fault.";
        return vec![Finding { about: "No answer".to_owned(), found: found.to_owned() }];
    }
    found
}

/// The pair of these sizes, with one batch in flight: where the headline's profile was injected, else any other, else nothing.
fn pair<'a>(evidence: &Evidence<'a>, sizes: impl Fn(&CellKey, &CellKey) -> bool) -> Option<Compared<'a>> {
    let of = |profile: &dyn Fn(&str) -> bool| {
        evidence.compared(|one, other| {
            let question = (one.system, other.system) == (System::Isr, System::Quorum);
            let plain = one.load == Load::ONE && one.slow_replicas == 0 && one.partitions == 1;
            question && plain && one.acks == Acks::Committed && profile(&one.profile) && sizes(one, other)
        })
    };
    of(&|profile| profile == PROFILE).or_else(|| of(&|profile| profile != NATURAL)).or_else(|| of(&|_| true))
}

fn usual(key: &CellKey) -> bool {
    key.min_isr == Some(key.replicas.min(2))
}

fn equal_replicas<'a>(evidence: &Evidence<'a>) -> Option<Compared<'a>> {
    let of =
        |n: usize| pair(evidence, move |one, other| (one.replicas, other.replicas) == (n, n) && usual(one));
    [3, 5, 4, 7, 2].into_iter().find_map(of)
}

/// isr of one more than may be lost, against a majority of twice as many and one.
fn equal_loss<'a>(evidence: &Evidence<'a>) -> Option<Compared<'a>> {
    let of = |lost: usize| {
        pair(evidence, move |one, other| {
            one.replicas == lost + 1 && one.min_isr == Some(lost + 1) && other.replicas == 2 * lost + 1
        })
    };
    [1, 2, 3].into_iter().find_map(of)
}

fn place(profile: &str) -> String {
    match profile {
        NATURAL => "with nothing injected, on one machine".to_owned(),
        PROFILE => "each in a zone and on a disk of its own (injected)".to_owned(),
        other => format!("under {other} (injected)"),
    }
}

fn at_equal_replicas(evidence: &Evidence<'_>) -> Option<Finding> {
    let compared = equal_replicas(evidence)?;
    let key = &compared.pair.one;
    Some(Finding {
        about: format!("With {} replicas each", key.replicas),
        found: format!(
            "{}, and one write in flight, {}.",
            capital(&place(&key.profile)),
            verdict(&compared, "waiting for all in sync", "waiting for a majority")
        ),
    })
}

fn at_equal_loss(evidence: &Evidence<'_>) -> Option<Finding> {
    let compared = equal_loss(evidence)?;
    let (one, other) = (&compared.pair.one, &compared.pair.other);
    let down = |key: &CellKey| compared.cell(key).and_then(|cell| cell.f_a).unwrap_or(0);
    let copies = if one.replicas == 2 { "any one copy" } else { "copies" };
    Some(Finding {
        about: format!("To survive the loss of {copies}"),
        found: format!(
            "{}, with {}; {}.",
            capital(&verdict(
                &compared,
                &format!("waiting for all of {}", one.replicas),
                &format!("waiting for a majority of {}", other.replicas)
            )),
            fewer(other.replicas - one.replicas),
            goes_on(down(one), down(other)),
        ),
    })
}

fn fewer(copies: usize) -> String {
    match copies {
        1 => "one copy fewer".to_owned(),
        more => format!("{more} copies fewer"),
    }
}

/// How many replicas may be down while writes go on: the one thing in which the two differ.
fn goes_on(one: usize, other: usize) -> String {
    match (one, other) {
        (0, 0) => "writes stop when any replica is down under either".to_owned(),
        (0, some) => {
            format!(
                "but its writes stop when any replica is down, where the majority's go on with {some} down"
            )
        }
        (some, other) => format!("its writes go on with {some} down, the majority's with {other}"),
    }
}

/// What can be said of the time that the first took, compared with the second.
fn verdict(compared: &Compared<'_>, one: &str, other: &str) -> String {
    let Compared { comparison, verdict, pair, .. } = compared;
    let median =
        |key: &CellKey| compared.cell(key)?.figures.as_ref().map(|figures| figures.latency_us.p50 / 1e3);
    let medians = median(&pair.one).zip(median(&pair.other));
    let medians = medians.map_or_else(String::new, |(one, other)| {
        format!("median {} against {} ms, ", number(one), number(other))
    });
    let (low, high) = (ratio(comparison.interval.low), ratio(comparison.interval.high));
    let figures = format!("({medians}ratio {low} to {high} at 95 %)");
    match verdict {
        Verdict::More => format!("{one} took {} times as long as {other} {figures}", ratio(comparison.ratio)),
        Verdict::Less => format!("{one} took {} of the time of {other} {figures}", percent(comparison.ratio)),
        Verdict::NoDifference => format!("no difference was detected between {one} and {other} {figures}"),
        Verdict::WithinNoise => {
            format!("{one} and {other} differed no more than the same thing measured twice {figures}")
        }
    }
}

/// What the same two settings store, send and compute for each byte or record.
fn cost(evidence: &Evidence<'_>) -> Option<Finding> {
    let compared = equal_loss(evidence).or_else(|| equal_replicas(evidence))?;
    let per = |key: &CellKey| {
        let cell = compared.cell(key)?;
        cell.per_ack.or_else(|| PerAck::of(cell)).filter(|_| !cell.elsewhere)
    };
    let (one, other) = (per(&compared.pair.one)?, per(&compared.pair.other)?);
    let all = |split: crate::results::Split<f64>| Some(split.replicas? + split.controllers.unwrap_or(0.0));
    let told = |name: &str, one: Option<f64>, other: Option<f64>, unit: &str| {
        let (one, other) = (one?, other?);
        (other > 0.0).then(|| format!("{name} {} against {}{unit}", number(one), number(other)))
    };
    let parts = [
        told("stored", all(one.written), all(other.written), " bytes a byte"),
        told("sent", all(one.sent), all(other.sent), " bytes a byte"),
        told("CPU", all(one.cpu_us), all(other.cpu_us), " µs a record"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let (one, other) = (compared.pair.one.replicas, compared.pair.other.replicas);
    (!parts.is_empty()).then(|| Finding {
        about: "What that costs".to_owned(),
        found: format!(
            "isr of {one}, its controllers included, against a majority of {other}: {}.",
            parts.join("; ")
        ),
    })
}

/// How long nothing is acknowledged: real processes where there are any.
fn silence(evidence: &Evidence<'_>, fault: Row, about: &str) -> Option<Finding> {
    let find = |on: Ground, setting: &str| {
        let cell = format!("{}/{setting}/committed/synced", fault.name());
        let row = evidence.matrix.iter().find(|row| row.cell == cell && row.ground == on)?;
        row.measured.no_ack_ms.p50.map(|ms| (ms / 1e3, row.measured.trials))
    };
    let on = |on: Ground| {
        let (isr, trials) = find(on, "isr-3:2")?;
        let (quorum, _) = find(on, "quorum-3")?;
        let trials =
            if trials == 1 { "one trial".to_owned() } else { format!("the middle of {trials} trials") };
        Some(Finding {
            about: about.to_owned(),
            found: format!(
                "Nothing is acknowledged for {} by isr and {} by a majority of three ({trials}; {}).",
                seconds(isr),
                seconds(quorum),
                ground_told(on)
            ),
        })
    };
    on(Ground::Processes).or_else(|| on(Ground::Simulated))
}

fn faults(evidence: &Evidence<'_>) -> Option<Finding> {
    let all = evidence.matrix.len();
    if all == 0 {
        return None;
    }
    let good = evidence.matrix.iter().filter(|row| row.is_good()).count();
    let promised = |row: &&&MatrixRow| row.expected.losses == Losses::None;
    let kept = evidence.matrix.iter().filter(promised).count();
    let lost = evidence.matrix.iter().filter(promised).filter(|row| row.measured.lost > 0).count();
    let trials: u64 = evidence.matrix.iter().map(|row| row.measured.trials).sum();
    let losses = match lost {
        0 => format!("none of the {kept} that must lose nothing did"),
        some => format!("{some} of the {kept} that must lose nothing did"),
    };
    Some(Finding {
        about: "Under faults".to_owned(),
        found: format!(
            "{good} of {all} cells of the fault matrix are as expected, in {} trials; {losses}.",
            crate::table::thousands(trials as f64)
        ),
    })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a cell is called that has something wrong with it.
#[must_use]
pub fn complaint(cell: &Cell) -> Option<String> {
    if cell.is_sound() {
        return None;
    }
    let mut wrong: Vec<String> = cell.error.iter().cloned().collect();
    if cell.failed + cell.unknown > 0 {
        wrong.push(format!("{} refused, {} unknown", cell.failed, cell.unknown));
    }
    if cell.slipped {
        wrong.push("the generator fell behind its schedule".to_owned());
    }
    if cell.lacking_blocks > 0 {
        wrong.push(format!("{} blocks began without a replica", cell.lacking_blocks));
    }
    if wrong.is_empty() {
        wrong.push("nothing was acknowledged".to_owned());
    }
    Some(wrong.join("; "))
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Source;
    use super::*;
    use crate::results::tests::{cell, pair, results};

    fn told(comparisons: Vec<crate::results::Pair>, cells: Vec<Cell>) -> String {
        let mut results = results(cells);
        results.comparisons = comparisons;
        let sources = [Source { name: "r".to_owned(), link: "r".to_owned(), results }];
        let found = answer(&Evidence::of(&sources));
        found.into_iter().map(|finding| format!("{}: {}\n", finding.about, finding.found)).collect()
    }

    #[test]
    fn the_answer_is_made_of_the_figures_that_were_measured() {
        let quorum = cell(System::Quorum, 3, 1, 200.0);
        let (three, mut two) = (cell(System::Isr, 3, 1, 300.0), cell(System::Isr, 2, 1, 160.0));
        two.f_a = Some(0);
        let pairs = vec![pair(&three, &quorum, 1.5, [1.4, 1.6]), pair(&two, &quorum, 0.8, [0.7, 0.9])];
        let text = told(pairs, vec![quorum, three, two]);
        assert!(
            text.contains("waiting for all in sync took 1.50 times as long as waiting for a majority"),
            "{text}"
        );
        assert!(text.contains("median 0.3 against 0.2 ms, ratio 1.40 to 1.60 at 95 %"), "{text}");
        assert!(
            text.contains("Waiting for all of 2 took 80% of the time of waiting for a majority of 3"),
            "{text}"
        );
        assert!(text.contains("with one copy fewer; but its writes stop when any replica is down"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_not_answered() {
        let text = told(vec![], vec![cell(System::Isr, 3, 1, 300.0)]);
        assert!(text.starts_with("No answer: "), "{text}");
    }

    #[test]
    fn no_difference_is_called_that() {
        let (one, other) = (cell(System::Isr, 3, 1, 300.0), cell(System::Quorum, 3, 1, 299.0));
        let text = told(vec![pair(&one, &other, 1.003, [0.9, 1.1])], vec![one, other]);
        assert!(text.contains("no difference was detected"), "{text}");
    }
}
