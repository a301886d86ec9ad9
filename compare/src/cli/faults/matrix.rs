//! `compare faults`: the fault matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use super::FaultsArgs;
use super::histories::Histories;
use super::kept::Kept;
use crate::cli::history_file::HistoryFile;
use crate::cli::{bad_input, printed, seeds};
use crate::faults::matrix::processes::Processes;
use crate::faults::matrix::{Cell, Column, Ground, Judged, Trials};
use crate::results::{MatrixRow, Results, Timeline};
use crate::simulate::Halt;
use crate::system::Premises;
use crate::table;

/// Trials of a simulated cell: enough for a median, and for all cells to be done in some minutes.
const SIMULATED_TRIALS: u64 = 3;
/// Trials on processes of a row whose silences are told as a distribution.
const HEADLINE_TRIALS: u64 = 30;
/// Trials on processes of another row.
const PROCESS_TRIALS: u64 = 5;
/// Simulated cells after which what was measured is written, so that an end without warning costs little.
const WRITTEN_EVERY: usize = 20;

/// The rows that are told first, as one asks for them.
const HEADLINE: &str = "headline";
/// The cells that have to show a loss.
const CONTROLS: &str = "controls";

/// Where cells run, and how often.
#[derive(Clone, Debug)]
struct Effort {
    ground: Ground,
    /// Of processes.
    premises: Premises,
    first: u64,
    /// Of each cell, where somebody chose.
    each: Option<u64>,
}

impl Effort {
    fn of(&self, cell: &Cell) -> Trials {
        let default = match self.ground {
            Ground::Simulated => SIMULATED_TRIALS,
            Ground::Processes if cell.row.is_headline() => HEADLINE_TRIALS,
            Ground::Processes => PROCESS_TRIALS,
        };
        Trials { first: self.first, each: self.each.unwrap_or(default) }
    }

    /// Runs these cells, and hands each to `done` when it is. A halt leaves the rest out.
    fn run(&self, cells: &[Cell], halt: &Halt, mut done: impl FnMut(Judged)) -> Result<(), String> {
        let Some(first) = cells.first() else { return Ok(()) };
        if self.ground == Ground::Simulated {
            self.of(first).run(cells, halt, done);
            return Ok(());
        }
        let processes = Processes::of_this_program();
        let processes = processes.map_err(|error| format!("cannot find this program: {error}"))?;
        let processes = processes.on(self.premises.clone());
        for cell in cells {
            match processes.measure(cell, &self.of(cell), halt).map_err(|error| error.to_string())? {
                Some(judged) => done(judged),
                None => break,
            }
        }
        Ok(())
    }

    fn written_every(&self) -> usize {
        match self.ground {
            Ground::Simulated => WRITTEN_EVERY,
            // A cell takes minutes.
            Ground::Processes => 1,
        }
    }
}

/// Runs the cells that were asked for.
pub(super) fn run(args: &FaultsArgs) -> ExitCode {
    let only = args.only.as_deref().unwrap_or_default();
    let (ground, mut cells) = match args.processes {
        true => (Ground::Processes, Cell::on_processes()),
        false => (Ground::Simulated, Cell::all(&Column::all())),
    };
    if let Err(part) = keep(&mut cells, only) {
        let such = "such as leader-killed/isr-3:2/committed/synced";
        return bad_input(&format!("no cell has {part:?} in its name, {such}"));
    }
    let each = args.seeds.map(|seeds| seeds.div_ceil(cells.len() as u64));
    let premises = Premises { network: args.network.clone(), power: args.power.clone() };
    let effort = Effort { ground, premises, first: args.seed, each };
    seeds::quiet_panics();
    if let Some(file) = &args.history {
        return seeds::until_interrupted(|_| history(&effort, &cells, file));
    }
    let started = match Started::now(args, &effort, &cells) {
        Ok(started) => started,
        Err(line) => return bad_input(&line),
    };
    seeds::until_interrupted(|halt| judge(started, &effort, &cells, halt))
}

/// Keeps the cells that have one of these parts, between commas, in their names. A part that none has is the error.
fn keep(cells: &mut Vec<Cell>, only: &str) -> Result<(), String> {
    let names: Vec<String> = cells.iter().map(Cell::to_string).collect();
    let mut wanted = BTreeSet::new();
    for part in only.split(',') {
        // A whole name is that cell alone, though others begin with it.
        let whole = names.iter().any(|name| name == part);
        let has = |(cell, name): &(&Cell, &String)| match part {
            HEADLINE => cell.row.is_headline(),
            CONTROLS => cell.expected().losses.is_control(),
            _ if whole => *name == part,
            _ => name.contains(part),
        };
        let mut found = cells.iter().zip(&names).filter(has).map(|(_, name)| name).peekable();
        if found.peek().is_none() {
            return Err(part.to_owned());
        }
        wanted.extend(found);
    }
    cells.retain(|cell| wanted.contains(&cell.to_string()));
    Ok(())
}

/// Writes what the clients of one trial saw.
fn history(effort: &Effort, cells: &[Cell], file: &HistoryFile) -> ExitCode {
    let [cell] = cells else {
        return bad_input(&format!("--history is for one cell; --only leaves {} of them", cells.len()));
    };
    let ran = effort.of(cell).first_of(cell).expect("each cell has trials");
    ran.findings.iter().for_each(|finding| eprintln!("{finding}"));
    match file.write(&ran.history) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => bad_input(&line),
    }
}

/// What is known before the first cell.
struct Started {
    kept: Kept,
    histories: Option<Histories>,
    /// Cells that an earlier run has measured, by their names.
    earlier: BTreeMap<String, MatrixRow>,
    /// Their time lines.
    timelines: BTreeMap<String, Timeline>,
}

impl Started {
    fn now(args: &FaultsArgs, effort: &Effort, cells: &[Cell]) -> Result<Self, String> {
        let resumed = args.json.as_deref().filter(|_| args.resume);
        let resumed = resumed.map(|path| Results::read(path).map(|results| (path, results))).transpose()?;
        let kept = Kept::prepare(args.json.as_deref())?;
        if let Some((path, results)) = &resumed {
            let (theirs, ours) = (&results.commit, &kept.circumstances.commit);
            if theirs != ours {
                let path = path.display();
                return Err(format!(
                    "{path} was measured at commit {theirs}, and this is {ours}: go on there, or measure all without --resume"
                ));
            }
        }
        let (earlier, timelines) =
            resumed.map(|(_, results)| (results.matrix, results.timelines)).unwrap_or_default();
        let wanted: BTreeMap<String, Trials> =
            cells.iter().map(|cell| (cell.to_string(), effort.of(cell))).collect();
        let same = |row: &MatrixRow| {
            // On processes some rows are simulated only, and say so.
            let instead = effort.ground == Ground::Processes && row.by.is_some();
            let on_this_ground = row.ground == effort.ground || instead;
            let as_often = |trials: &Trials| row.seed == trials.first && row.measured.trials == trials.each;
            on_this_ground && wanted.get(&row.cell).is_some_and(as_often)
        };
        let earlier: BTreeMap<String, MatrixRow> =
            earlier.into_iter().filter(same).map(|row| (row.cell.clone(), row)).collect();
        let timelines = timelines.into_iter().filter(|line| earlier.contains_key(&line.title));
        let timelines = timelines.map(|line| (line.title.clone(), line)).collect();
        let histories = args.histories.as_deref();
        let histories = histories.map(|at| Histories::prepare(at, kept.destination.path())).transpose()?;
        Ok(Self { kept, histories, earlier, timelines })
    }

    /// What there is of these cells so far, in their order.
    fn results(&self, seed: u64, cells: &[Cell], ending: &str) -> Results {
        let rows = cells.iter().filter_map(|cell| self.earlier.get(&cell.to_string()).cloned()).collect();
        let timelines =
            cells.iter().filter_map(|cell| self.timelines.get(&cell.to_string()).cloned()).collect();
        Results::of_matrix(seed, rows, timelines, ending, self.kept.circumstances.clone())
    }
}

fn judge(mut started: Started, effort: &Effort, cells: &[Cell], halt: &Halt) -> ExitCode {
    let missing = |cell: &&Cell| !started.earlier.contains_key(&cell.to_string());
    let left: Vec<Cell> = cells.iter().filter(missing).cloned().collect();
    if left.len() < cells.len() {
        eprintln!("{} of {} cells were measured before", cells.len() - left.len(), cells.len());
    }
    let (mut done, mut unkept) = (0, None);
    let ran = effort.run(&left, halt, |judged| {
        let mut row = MatrixRow::of(&judged, &effort.of(&judged.cell));
        if let Some(Err(line)) = started.histories.as_ref().map(|kept| kept.keep(&judged, &mut row)) {
            unkept.get_or_insert(line);
        }
        done += 1;
        let outcome = if row.is_good() { "as expected" } else { "UNLIKE what was expected" };
        eprintln!("{done} of {}: {} {outcome}", left.len(), row.cell);
        if let Some(timeline) = Timeline::of(&judged) {
            started.timelines.insert(row.cell.clone(), timeline);
        }
        started.earlier.insert(row.cell.clone(), row);
        if done % effort.written_every() == 0 {
            // The last word is written below, and complains if it cannot be.
            let _ = started.kept.destination.write(&started.results(effort.first, cells, "interrupted"));
        }
    });
    if let Err(line) = ran {
        return bad_input(&line);
    }
    let ending = if done == left.len() { "complete" } else { "interrupted" };
    let results = started.results(effort.first, cells, ending);
    printed::out(table::matrix(&results).as_bytes());
    if done < left.len() {
        eprintln!("interrupted: {} cells were not measured; --resume goes on", left.len() - done);
    }
    if let Err(line) = started.kept.write(&results) {
        return bad_input(&line);
    }
    if let Some(line) = unkept {
        return bad_input(&line);
    }
    if results.matrix.iter().all(MatrixRow::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_is_all_cells_that_have_it_and_a_whole_name_is_one() {
        let kept = |only: &str| {
            let mut cells = Cell::on_processes();
            keep(&mut cells, only).map(|()| cells.iter().map(Cell::to_string).collect::<Vec<_>>())
        };
        let (one, other) =
            ("leader-killed/isr-3:2/committed/synced", "leader-deaf/quorum-3/committed/synced");
        assert_eq!(kept(one), Ok(vec![one.to_owned()]));
        assert_eq!(kept(&format!("{other},{one}")).map(|cells| cells.len()), Ok(2));
        assert!(kept("leader-killed").is_ok_and(|cells| cells.len() > 2));
        let headline = kept("headline").expect("there are some");
        assert!(headline.iter().all(|name| !name.starts_with("burst/")) && headline.len() > 30);
        let controls = kept("controls").expect("there are some");
        assert!(controls.contains(&"all-lose-power/quorum-3/committed/cached".to_owned()), "{controls:?}");
        assert_eq!(kept("leader-killed,no-such-row"), Err("no-such-row".to_owned()));
    }
}
