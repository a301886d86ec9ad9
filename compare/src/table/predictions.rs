//! Predicted beside measured: the cell's own rule, what the implementation adds, and what the other rules would have taken.

use super::columns::{Names, laid_out};
use super::format::milliseconds;
use super::rows::{name, title};
use crate::model::Quantiles;
use crate::results::{AGREES, Agreement, Cell, DOMINATES, Prediction, Results};

const HEADER: [&str; 10] = [
    "n",
    "system",
    "p50 ms",
    "predicted",
    "overhead",
    "p99 ms",
    "predicted",
    "overhead",
    "if all",
    "if most",
];
/// What stands in place of a value that there is not.
const NOTHING: &str = "-";

/// A table of each load, and below it a line of each cell that had to agree; empty where nothing was sampled.
#[must_use]
pub fn render(results: &Results) -> String {
    let mut text = String::new();
    for (title, cells) in title::sections(results) {
        let rows: Vec<(&Cell, Quantiles, &Prediction)> = cells
            .into_iter()
            .filter_map(|cell| Some((cell, cell.predicted_us?, cell.prediction.as_ref()?)))
            .collect();
        if rows.is_empty() {
            continue;
        }
        let table = laid_out(HEADER, Names::In(1), rows.iter().map(|(cell, own, told)| row(cell, own, told)));
        text += &format!("\nPredicted from the times to the copies: {title}\n{table}\n");
        for (cell, _, prediction) in rows {
            text += &format!("{}\n", super::wrapped(&line(cell, prediction)));
        }
    }
    text
}

fn row(cell: &Cell, own: &Quantiles, prediction: &Prediction) -> [String; 10] {
    let measured = cell.figures.as_ref().map(|figures| figures.latency_us);
    let residual = prediction.residual_us;
    [
        cell.replicas.to_string(),
        name(cell),
        shown(measured.map(|all| all.p50)),
        shown(own.p50),
        signed(residual.p50),
        shown(measured.map(|all| all.p99)),
        shown(own.p99),
        signed(residual.p99),
        both(prediction.all_in_sync_us),
        both(prediction.majority_us),
    ]
}

fn shown(us: Option<f64>) -> String {
    us.map_or_else(|| NOTHING.to_owned(), milliseconds)
}

fn both(quantiles: Quantiles) -> String {
    format!("{}/{}", shown(quantiles.p50), shown(quantiles.p99))
}

fn signed(us: Option<f64>) -> String {
    let sign = |us: f64| if us < 0.0 { "-" } else { "+" };
    us.map_or_else(|| NOTHING.to_owned(), |us| format!("{}{}", sign(us), milliseconds(us.abs())))
}

/// Whether the two agree, where they have to.
fn line(cell: &Cell, prediction: &Prediction) -> String {
    let who = format!("{} n = {}", name(cell), cell.replicas);
    let Some(agreement) = prediction.agreement else {
        return format!("prediction, {who}: batches never came to a copy that is waited for");
    };
    let Agreement { p50, p99, profile_share, dominated } = agreement;
    let apart = format!("p50 {:+.0} %, p99 {:+.0} %", p50 * 100.0, p99 * 100.0);
    let verdict = match (dominated, profile_share) {
        (true, _) if agreement.is_close() => format!("within {:.0} %", AGREES * 100.0),
        (true, _) => format!("NOT within {:.0} %, though the profile dominates", AGREES * 100.0),
        (false, None) => "nothing is injected: the rest is the implementation's overhead".to_owned(),
        (false, Some(share)) if share < DOMINATES => {
            let share = share * 100.0;
            format!(
                "not dominated by the profile, which alone makes {share:.0} % of p50; the rest is overhead"
            )
        }
        (false, Some(_)) => "not dominated by the profile, for this disk is slower than it".to_owned(),
    };
    format!("prediction, {who}: {apart}: {verdict} ({} of {} batches)", prediction.samples, prediction.seen)
}

#[cfg(test)]
mod tests {
    use super::super::WIDTH;
    use super::*;
    use crate::results::Residual;
    use crate::results::tests::{cell, results};
    use crate::system::System;

    fn predicted(agreement: Agreement) -> Cell {
        let mut cell = cell(System::FloorMajority, 3, 64, 12_345.0);
        let of = |p50| Quantiles { p50: Some(p50), p90: None, p99: Some(p50 * 2.0), p999: None };
        cell.predicted_us = Some(of(12_000.0));
        cell.prediction = Some(Prediction {
            seen: 40_000,
            samples: 2048,
            all_in_sync_us: of(15_000.0),
            majority_us: of(12_000.0),
            k_copies_us: None,
            profile_alone_us: None,
            residual_us: Residual { p50: Some(345.0), p99: Some(-13_035.0) },
            agreement: Some(agreement),
        });
        cell
    }

    fn told(agreement: Agreement) -> String {
        let text = render(&results(vec![predicted(agreement)]));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_check_is_a_line_that_can_fail() {
        let close = Agreement { p50: 0.03, p99: -0.04, profile_share: Some(0.95), dominated: true };
        assert!(
            told(close).contains("p50 +3 %, p99 -4 %: within 10 % (2048 of 40000 batches)"),
            "{}",
            told(close)
        );
        assert!(told(Agreement { p99: -0.12, ..close }).contains("p99 -12 %: NOT within 10 %"));
        let natural = Agreement { dominated: false, profile_share: None, ..close };
        assert!(told(natural).contains("nothing is injected"));
        let weak = Agreement { dominated: false, profile_share: Some(0.31), ..close };
        assert!(told(weak).contains("not dominated by the profile, which alone makes 31 % of p50"));
    }

    #[test]
    fn measured_predicted_and_what_is_left_stand_beside_each_other() {
        let text = told(Agreement { p50: 0.0, p99: 0.0, profile_share: None, dominated: false });
        assert!(text.contains("12.3 12.0 +0.345 37.0 24.0 -13.0 15.0/30.0 12.0/24.0"), "{text}");
        assert_eq!(render(&results(vec![cell(System::Isr, 3, 1, 9.0)])), "");
    }
}
