//! The table of all cells: what pictures leave out is here.

use super::answer::complaint;
use super::condition::Condition;
use super::evidence::{Evidence, setting};
use super::figure::Shown;
use super::scale::number;
use super::sheet::Sheet;
use crate::results::{Cell, Figures};
use crate::stats::Interval;
use crate::table::{thousands, with_interval};

/// All cells in one table; nothing where there is none.
#[must_use]
pub fn cells(evidence: &Evidence<'_>) -> Vec<Shown> {
    let header = [
        "condition",
        "setting",
        "p50, ms",
        "at 95 %",
        "p99, ms",
        "at 95 %",
        "records/s",
        "p50 over floor",
        "f_d",
        "f_a",
        "remarks",
    ];
    let mut sheet = Sheet::new("cells", "All cells", &header);
    for (condition, cells) in &evidence.cells {
        for cell in cells {
            sheet.push(row(condition, cell));
        }
    }
    if sheet.rows.is_empty() {
        return vec![Shown::Missing("Measured cells", "compare latency --processes")];
    }
    vec![Shown::Table(sheet)]
}

fn row(condition: &Condition, cell: &Cell) -> Vec<String> {
    let of = |get: fn(&Figures) -> String| cell.figures.as_ref().map_or_else(String::new, get);
    let count = |count: Option<usize>| count.map_or_else(String::new, |count| count.to_string());
    vec![
        condition.to_string(),
        setting(cell),
        of(|figures| number(figures.latency_us.p50 / 1e3)),
        of(|figures| figures.interval.map_or_else(String::new, |all| span(all.p50))),
        of(|figures| number(figures.latency_us.p99 / 1e3)),
        of(|figures| figures.interval.map_or_else(String::new, |all| span(all.p99))),
        of(|figures| thousands(figures.ops_per_s)),
        cell.against_floor.as_ref().map_or_else(String::new, |ratios| with_interval(&ratios.p50)),
        count(cell.f_d),
        count(cell.f_a),
        complaint(cell).unwrap_or_default(),
    ]
}

fn span(us: Interval) -> String {
    format!("{}–{}", number(us.low / 1e3), number(us.high / 1e3))
}
