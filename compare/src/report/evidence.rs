//! Several results files as one body of evidence: what can stand side by side, and what a later run has replaced.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::palette::label;
use crate::results::{Cell, CellKey, Knee, MatrixRow, Pair, Results};
use crate::stats::{Comparison, Figure, Verdict};
use crate::system::System;

/// A results file.
#[derive(Clone, Debug)]
pub struct Source {
    /// As it was named.
    pub name: String,
    /// Where it lies as seen from the page.
    pub link: String,
    /// What it holds.
    pub results: Results,
}

/// All that is known.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// Where it is from, the earliest first.
    pub sources: Vec<&'a Source>,
    /// Cells by what they were measured under, and then by what they are.
    pub cells: BTreeMap<Condition, Vec<&'a Cell>>,
    /// Cells of the fault matrix, in their order.
    pub matrix: Vec<&'a MatrixRow>,
    /// Cells that a later run measured anew: so many are not shown.
    pub replaced: usize,
}

/// Cells of one system that differ by what is on the axis.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// Which system.
    pub system: System,
    /// What it is called beside the line.
    pub name: String,
    /// The cells, in the order of the axis.
    pub cells: Vec<&'a Cell>,
}

impl<'a> Evidence<'a> {
    /// What these files say together. The latest word on a cell counts; figures of different machines stay apart.
    #[must_use]
    pub fn of(sources: &'a [Source]) -> Self {
        let mut ordered: Vec<&Source> = sources.iter().collect();
        ordered.sort_by_key(|source| (&source.results.started, &source.name));
        let mut machines: Vec<(&str, usize, &str)> = Vec::new();
        let mut cells: BTreeMap<Condition, BTreeMap<_, &Cell>> = BTreeMap::new();
        let mut matrix: Vec<&MatrixRow> = Vec::new();
        let mut replaced = 0;
        for source in &ordered {
            let machine = &source.results.machine;
            let place = (machine.cpu.as_str(), machine.cores, machine.disk.as_str());
            let number = machines.iter().position(|known| *known == place).unwrap_or_else(|| {
                machines.push(place);
                machines.len() - 1
            });
            for cell in &source.results.cells {
                let order = System::ALL.iter().position(|system| *system == cell.system);
                let which = (order, cell.replicas, cell.min_isr, cell.k, cell.load);
                let before = cells.entry(Condition::of(cell, number)).or_default().insert(which, cell);
                replaced += usize::from(before.is_some());
            }
            for row in &source.results.matrix {
                match matrix.iter_mut().find(|known| known.cell == row.cell && known.ground == row.ground) {
                    Some(known) => {
                        *known = row;
                        replaced += 1;
                    }
                    None => matrix.push(row),
                }
            }
        }
        let cells = cells.into_iter().map(|(condition, cells)| (condition, cells.into_values().collect()));
        Self { sources: ordered, cells: cells.collect(), matrix, replaced }
    }

    /// All cells.
    pub fn all(&self) -> impl Iterator<Item = &'a Cell> {
        self.cells.values().flatten().copied()
    }

    /// All knees that were found.
    pub fn knees(&self) -> impl Iterator<Item = &'a Knee> {
        self.sources.iter().flat_map(|source| &source.results.knees)
    }

    /// The latest comparison of two cells that were measured in the same blocks, and what it shows.
    #[must_use]
    pub fn compared(&self, is: impl Fn(&CellKey, &CellKey) -> bool) -> Option<Compared<'a>> {
        self.sources.iter().rev().find_map(|source| {
            let pair = source.results.comparisons.iter().find(|pair| is(&pair.one, &pair.other))?;
            let (comparison, verdict) = source.results.verdict(Figure::P50, pair);
            Some(Compared { results: &source.results, pair, comparison, verdict })
        })
    }
}

/// Two cells, by their medians.
#[derive(Clone, Copy, Debug)]
pub struct Compared<'a> {
    /// Whose they are.
    pub results: &'a Results,
    /// Both.
    pub pair: &'a Pair,
    /// The ratio of their medians.
    pub comparison: Comparison,
    /// What it shows.
    pub verdict: Verdict,
}

impl Compared<'_> {
    /// The cell of one side.
    #[must_use]
    pub fn cell(&self, key: &CellKey) -> Option<&Cell> {
        self.results.cells.iter().find(|cell| cell.key() == *key)
    }
}

/// Cells as lines: those of one system and setting together.
#[must_use]
pub fn series<'a, K: Ord + Clone>(cells: &[&'a Cell], by: impl Fn(&Cell) -> (K, String)) -> Vec<Series<'a>> {
    let mut lines: BTreeMap<(Option<usize>, K), Series<'a>> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.figures.is_some()) {
        let (key, name) = by(cell);
        let order = System::ALL.iter().position(|system| *system == cell.system);
        let line = lines.entry((order, key));
        line.or_insert_with(|| Series { system: cell.system, name, cells: Vec::new() }).cells.push(cell);
    }
    lines.into_values().collect()
}

/// What a cell's system is called where replicas are on the axis: with its min-ISR or k where that is not the usual one.
#[must_use]
pub fn variant(cell: &Cell) -> String {
    let usual = cell.replicas.min(2);
    match (cell.k, cell.min_isr) {
        (Some(k), _) if k != usual => format!("{}, k {k}", label(cell.system)),
        (None, Some(min_isr)) if min_isr != usual => format!("{}, min {min_isr}", label(cell.system)),
        _ => label(cell.system).to_owned(),
    }
}

/// A setting in a few letters, as the command line has it: `isr 3:2`, `quorum 3`.
#[must_use]
pub fn setting(cell: &Cell) -> String {
    let enough = cell.min_isr.map_or_else(String::new, |enough| format!(":{enough}"));
    format!("{} {}{enough}", label(cell.system), cell.replicas)
}
