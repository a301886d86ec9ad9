//! PURE: what the checker's report is as a light.

use super::seen::{Colour, Light};
use crate::checker::{Report, Verdict};

/// The colour of a broken promise.
pub(super) const BROKEN: Colour = Colour::Broken;

/// The light for a report so far.
pub(super) fn light(report: &Report, read_back: u64) -> Light {
    let figures = &report.figures;
    match report.verdict {
        Verdict::Broken => {
            let broken = report.findings.iter().find(|finding| finding.anomaly.is_violation());
            let words = broken.map_or_else(String::new, |finding| {
                format!("{}: {}", finding.anomaly.name(), finding.shown_by)
            });
            Light { colour: BROKEN, words }
        }
        Verdict::Kept | Verdict::Unknown if figures.acked == 0 => Light::default(),
        Verdict::Kept | Verdict::Unknown => {
            let own = match figures.own_duplicates {
                0 => String::new(),
                count => format!("; {count} doubled by a client that resent without a stamp"),
            };
            let unjudged = match figures.unjudged {
                0 => String::new(),
                count => format!("; {count} outside of the window were not judged"),
            };
            let words = format!(
                "{} records acknowledged, {read_back} read back; nothing contradicts the promise{own}{unjudged}",
                figures.acked
            );
            Light { colour: Colour::Kept, words }
        }
    }
}

#[cfg(test)]
mod tests {
    use partition::clock::Clock;
    use partition::ids::{Epoch, Offset};
    use partition::partition::{Acks, Appended, Placement};

    use super::*;
    use crate::checker::Watch;
    use crate::history::{ClientId, Gaps, Recorder, Retention, Sender, Value};

    fn ack(recorder: &Recorder<Watch>, value: u64, base: u64) {
        let call = recorder.append(ClientId(1), vec![Value(value)], Acks::Committed, Sender::Idempotent);
        call.answered(&Ok(Appended::Placed(Placement { base: Offset(base), epoch: Epoch::default() })));
    }

    #[test]
    fn the_light_is_lit_by_the_first_answer_and_broken_by_a_contradiction_for_good() {
        let recorder = Recorder::new(Clock::simulated(), Watch::new(Retention::Trims, Gaps::Never));
        let now = || recorder.with(|watch| light(&watch.report(), 0));
        assert_eq!(now().colour, Colour::Unlit);
        ack(&recorder, 7, 0);
        assert_eq!(now().colour, Colour::Kept);
        // Another record at the same place.
        ack(&recorder, 8, 0);
        let broken = now();
        assert_eq!(broken.colour, Colour::Broken);
        assert!(broken.words.starts_with("inconsistent-offsets"), "{}", broken.words);
        ack(&recorder, 9, 1);
        assert_eq!(now().colour, Colour::Broken);
    }
}
