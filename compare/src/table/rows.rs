//! The table itself.

pub(super) mod title;

use super::columns::{Names, laid_out};
use super::format::{milliseconds, percent, thousands, with_interval};
use crate::experiment::WHOLE_LIMIT;
use crate::results::{Cell, Figures, Results};
use crate::stats::Interval;

/// What stands in place of a value that there is not.
const NOTHING: &str = "-";
const HEADER: [&str; 9] =
    ["n", "system", "p50 ms", "p99 ms", "ops/s", "p50/floor", "ops/s / floor", "f_d", "f_a"];

/// All cells, a section for each load; below each what was wrong with its cells.
#[must_use]
pub fn render(results: &Results) -> String {
    let mut text = String::new();
    for (title, cells) in title::sections(results) {
        text +=
            &format!("\n{title}\n{}\n", laid_out(HEADER, Names::In(1), cells.iter().map(|cell| row(cell))));
        for cell in cells.iter().filter(|cell| !cell.is_sound()) {
            text += &format!("{}\n", super::wrapped(&complaint(cell)));
        }
    }
    text.extend(super::survival::section(results));
    text.extend(super::scale::section(results));
    text
}

fn row(cell: &Cell) -> [String; 9] {
    let of = |get: fn(&Figures) -> String| cell.figures.as_ref().map_or_else(|| NOTHING.to_owned(), get);
    let against = |get: fn(&crate::stats::Ratios) -> String| {
        cell.against_floor.as_ref().map_or_else(|| NOTHING.to_owned(), get)
    };
    let number = |count: Option<usize>| count.map_or_else(|| NOTHING.to_owned(), |count| count.to_string());
    [
        cell.replicas.to_string(),
        format!("{}{}", name(cell), if cell.is_sound() { "" } else { "!" }),
        of(|figures| {
            let p50 = figures.latency_us.p50;
            milliseconds(p50) + &margin(p50, figures.interval.map(|all| all.p50))
        }),
        of(|figures| {
            let p99 = figures.latency_us.p99;
            milliseconds(p99) + &margin(p99, figures.interval.map(|all| all.p99))
        }),
        of(|figures| {
            let pace = figures.ops_per_s;
            thousands(pace) + &margin(pace, figures.interval.map(|all| all.ops_per_s))
        }),
        against(|ratios| with_interval(&ratios.p50)),
        against(|ratios| with_interval(&ratios.ops_per_s)),
        number(cell.f_d),
        number(cell.f_a),
    ]
}

/// The system; of isr also min-ISR, where it is not the usual min(2, n).
pub(super) fn name(cell: &Cell) -> String {
    match cell.min_isr {
        Some(min_isr) if min_isr != cell.replicas.min(2) => format!("{} min {min_isr}", cell.system),
        _ => cell.system.to_string(),
    }
}

/// The interval's farther end.
fn margin(value: f64, interval: Option<Interval>) -> String {
    let farther = |interval: Interval| (interval.high - value).max(value - interval.low) / value;
    interval.map_or_else(String::new, |interval| format!(" ±{}", whole_percent(farther(interval))))
}

/// Rounded up, but not for what floating point adds. Beyond tenfold the figure says nothing.
fn whole_percent(share: f64) -> String {
    if share > 9.99 {
        return ">999%".to_owned();
    }
    format!("{:.0}%", (share * 100.0 - 1e-6).ceil().max(0.0))
}

fn complaint(cell: &Cell) -> String {
    let mut wrong = Vec::new();
    if let Some(error) = &cell.error {
        wrong.push(error.clone());
    }
    if cell.failed + cell.unknown > 0 {
        let sent = (cell.acked + cell.failed + cell.unknown) as f64;
        wrong.push(format!(
            "{} refused and {} unknown of {} records ({})",
            thousands(cell.failed as f64),
            thousands(cell.unknown as f64),
            thousands(sent),
            percent((cell.failed + cell.unknown) as f64 / sent),
        ));
    }
    if cell.slipped {
        wrong.push(slipped(cell));
    }
    if cell.lacking_blocks > 0 {
        wrong.push(format!(
            "in {} of {} blocks the replica that had hung was not in sync again within {} s, so the block after it \
             began without",
            cell.lacking_blocks,
            cell.blocks,
            WHOLE_LIMIT.as_secs(),
        ));
    }
    if wrong.is_empty() {
        wrong.push("nothing was acknowledged".to_owned());
    }
    format!("! {} at n = {}: {}", name(cell), cell.replicas, wrong.join("; "))
}

/// How far an open loop's generator fell behind.
fn slipped(cell: &Cell) -> String {
    let Some(slip) = cell.slip else { return "void, for the generator fell behind its schedule".to_owned() };
    let unsent = match slip.unsent {
        0 => String::new(),
        count => format!(", {} records were never sent", thousands(count as f64)),
    };
    format!(
        "void, for the generator sent p50 {}, p99 {} ms late (it slipped in {} of {} blocks){unsent}",
        milliseconds(slip.p50_us),
        milliseconds(slip.p99_us),
        slip.blocks,
        cell.blocks,
    )
}

#[cfg(test)]
mod tests {
    use super::super::WIDTH;
    use super::*;
    use crate::results::Load;
    use crate::results::tests::{cell, results};
    use crate::system::System;

    #[test]
    fn the_widest_values_fit_the_width() {
        let mut wide = cell(System::FloorMajority, 9, 64, 123_456.0);
        wide.failed = 1_000_000;
        let figures = wide.figures.as_mut().unwrap();
        figures.ops_per_s = 123_456.0;
        let text = render(&results(vec![wide, cell(System::Isr, 9, 64, 99_999.0)]));
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{} columns: {line}", line.chars().count());
        }
    }

    #[test]
    fn each_load_has_a_section_and_each_cell_a_row() {
        let cells = vec![
            cell(System::Quorum, 3, 1, 250.0),
            cell(System::Isr, 3, 1, 312.0),
            cell(System::Isr, 3, 64, 1_500.0),
        ];
        let text = render(&results(cells));
        assert_eq!(text.matches("in flight, synced, acks committed").count(), 2);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('3')).collect();
        assert_eq!(rows.len(), 3);
        assert!(rows[0].contains("isr") && rows[0].contains("0.312 ±10%"), "{}", rows[0]);
        assert!(rows[0].trim_end().ends_with("1    1"), "{}", rows[0]);
    }

    #[test]
    fn a_slipped_cell_is_marked_and_told_by_how_much() {
        let mut open = cell(System::Isr, 3, 1, 250.0);
        open.load =
            Load::Open { rate: 1000, arrivals: crate::workload::Arrivals::Poisson, knee_percent: None };
        open.profile = "one-zone".to_owned();
        open.slipped = true;
        let (p50_us, p99_us, max_us) = (30.0, 1_500.0, 9_000.0);
        open.slip = Some(crate::results::Slip { p50_us, p99_us, max_us, blocks: 2, unsent: 7 });
        let text = render(&results(vec![open]));
        assert!(text.contains("1000 a second (poisson), synced, acks committed, one-zone\n"), "{text}");
        let lines = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = "void, for the generator sent p50 0.030, p99 1.50 ms late (it slipped in 2 of 8 blocks), 7 records were never sent";
        assert!(text.contains("isr!") && lines.contains(told), "{text}");
    }

    #[test]
    fn a_cell_whose_replica_did_not_come_back_is_marked() {
        let mut hung = cell(System::Isr, 3, 1, 250.0);
        hung.lacking_blocks = 3;
        let text = render(&results(vec![hung]));
        let lines = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("isr!"), "{text}");
        assert!(
            lines.contains("in 3 of 8 blocks the replica that had hung was not in sync again within 20 s"),
            "{text}"
        );
    }

    #[test]
    fn a_cell_that_failed_is_marked_and_explained() {
        let mut failed = cell(System::Isr, 2, 1, 300.0);
        failed.figures = None;
        failed.error = Some("n2 died: out of memory".to_owned());
        let mut lossy = cell(System::Quorum, 2, 1, 300.0);
        (lossy.acked, lossy.unknown) = (99, 1);
        let text = render(&results(vec![failed, lossy]));
        assert!(text.contains("isr!") && text.contains("! isr at n = 2: n2 died: out of memory"), "{text}");
        assert!(text.contains("0 refused and 1 unknown of 100 records (1.0%)"), "{text}");
    }
}
