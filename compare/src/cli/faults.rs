//! The options of `compare faults`, of which the hunt for mutants is built.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{bad_input, printed, seeds};
use crate::faults::mutants::{self, Aim, Hunt, Hunted};
use crate::simulate::Halt;

/// Seeds that a mutant may take: several times what the slowest to show itself needs.
const BUDGET: u64 = 40;
/// More seeds than anybody will wait for.
const SEEDS_MAX: u64 = 1_000_000_000;

/// What faults do to both systems: so far the test of the judge, with rules that are broken on purpose
///
/// Each mutant is a rule of a protocol that is broken in a simulated cluster, under faults that put weight on it; an
/// invariant or the checker has to find it, by name. The same seeds with nothing broken have to be sound.
#[derive(Debug, Args)]
pub(super) struct FaultsArgs {
    /// Breaks each rule on purpose, and says which check finds it, at which seed
    #[arg(long)]
    mutants: bool,
    /// The most seeds in all, spread over the mutants [default: 40 for each]
    #[arg(long, value_name = "COUNT", value_parser = seed_count)]
    seeds: Option<u64>,
    /// Only mutants whose names contain this
    #[arg(long, value_name = "ROW")]
    only: Option<String>,
    /// Writes the table there, too, with the line that repeats each run
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn seed_count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=SEEDS_MAX).contains(count));
    count.ok_or_else(|| format!("seeds must be 1 to {SEEDS_MAX}, not {text:?}"))
}

/// Does what was asked, and returns what the process should end with.
pub(super) fn run(args: &FaultsArgs) -> ExitCode {
    if !args.mutants {
        return bad_input("of `compare faults` only --mutants is built yet");
    }
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
