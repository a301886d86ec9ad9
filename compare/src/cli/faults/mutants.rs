//! `compare faults --mutants`: the test of the judge.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use super::FaultsArgs;
use crate::cli::{bad_input, printed, seeds};
use crate::faults::mutants::{self, Aim, Hunt, Hunted};
use crate::simulate::Halt;

/// Seeds that a mutant may take: several times what the slowest to show itself needs.
const BUDGET: u64 = 40;

/// Hunts the mutants that were asked for.
pub(super) fn run(args: &FaultsArgs) -> ExitCode {
    let only = args.only.as_deref().unwrap_or_default();
    let aims: Vec<Aim> =
        mutants::aims().into_iter().filter(|aim| aim.mutant.to_string().contains(only)).collect();
    if aims.is_empty() {
        return bad_input(&format!("no mutant has {only:?} in its name; --mutants alone lists them all"));
    }
    let file = match args.json.as_deref().map(create).transpose() {
        Ok(file) => file,
        Err(line) => return bad_input(&line),
    };
    let budget = args.seeds.map_or(BUDGET, |seeds| seeds.div_ceil(aims.len() as u64));
    seeds::quiet_panics();
    seeds::until_interrupted(|halt| hunt(Hunt { budget }, &aims, file, halt))
}

fn create(path: &Path) -> Result<BufWriter<File>, String> {
    let file = File::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(BufWriter::new(file))
}

fn hunt(hunt: Hunt, aims: &[Aim], file: Option<BufWriter<File>>, halt: &Halt) -> ExitCode {
    let hunted = hunt.all(aims, halt, |one| eprintln!("{}", told(one)));
    printed::out(mutants::text(hunt, &hunted).as_bytes());
    if hunted.len() < aims.len() {
        eprintln!(
            "interrupted: {} of {} mutants were not hunted to the end",
            aims.len() - hunted.len(),
            aims.len()
        );
    }
    let written =
        file.map(|mut file| mutants::write_json(&mut file, hunt, &hunted).and_then(|()| file.flush()));
    if let Some(Err(error)) = written {
        return bad_input(&format!("cannot write the table: {error}"));
    }
    if hunted.iter().all(Hunted::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How far it is, in a line.
fn told(one: &Hunted) -> String {
    match &one.caught {
        Some(caught) => format!("{} caught by seed {}: {}", one.aim.mutant, caught.seed, caught.by.name),
        None => format!("{} not caught by {} seeds", one.aim.mutant, one.tried),
    }
}
