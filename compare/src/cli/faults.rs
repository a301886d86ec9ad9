//! The options of `compare faults`: the matrix, and the hunt for mutants.

mod histories;
mod kept;
mod matrix;
mod mutants;
mod random;
mod tuning;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::history_file::HistoryFile;
use crate::system::{Network, Power};

/// More seeds than anybody will wait for.
const SEEDS_MAX: u64 = 1_000_000_000;

/// What faults do to both systems, with what was expected beside it; and the test of the judge
///
/// Without `--mutants` the fault matrix: each fault, under each setting, in simulated clusters, over some seeds each. A cell
/// that is unlike what was expected of it fails the run. With `--processes` the same on processes of this machine.
///
/// With `--mutants`: each is a rule of a protocol that is broken in a simulated cluster, under faults that put weight on it; an
/// invariant or the checker has to find it, by name. The same seeds with nothing broken have to be sound.
#[derive(Debug, Args)]
pub(super) struct FaultsArgs {
    /// Runs the matrix in virtual time: the default
    #[arg(long, conflicts_with_all = ["mutants", "processes"])]
    simulated: bool,
    /// Runs the matrix on processes, one a replica: the headline rows with 30 trials, the others with 5
    #[arg(long, conflicts_with = "mutants")]
    processes: bool,
    /// How processes are cut off from each other: barriers (each refuses what it sends and hears), or namespaces:FILE (a network
    /// namespace each, as the file names them; .ci/faults-in-namespaces makes them)
    #[arg(long, requires = "processes", value_name = "HOW", default_value = "barriers")]
    network: Network,
    /// How replicas lose their power: injected (a layer in each process forgets with it), or fuse:MOUNTPOINT (a file system that
    /// forgets what was not synced; .ci/power-cut-by-fuse mounts it)
    #[arg(long, requires = "processes", value_name = "HOW", default_value = "injected")]
    power: Power,
    /// Tries settings of replica.lag.time.max.ms in virtual time: how long a follower that hangs stalls the others, against how
    /// often one that only pauses is put out of the set
    #[arg(long, conflicts_with_all = ["mutants", "processes", "only", "history", "resume"])]
    tuning: bool,
    /// Clusters of processes under faults that seeds draw, for so many seconds; --only isr-3:2 leaves one setting
    #[arg(long, value_name = "SECONDS", value_parser = super::latency::seconds, requires = "processes")]
    #[arg(conflicts_with_all = ["mutants", "tuning", "history", "resume", "seeds"])]
    random: Option<Duration>,
    /// Breaks each rule on purpose, and says which check finds it, at which seed
    #[arg(long)]
    mutants: bool,
    /// The seeds in all, spread over the cells, mutants or settings, one of each at least [default: 3 for each cell, 40 for each mutant, 5 for each
    /// setting; of --processes 30 or 5]
    #[arg(long, value_name = "COUNT", value_parser = seed_count)]
    seeds: Option<u64>,
    /// The first seed of each cell
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "mutants")]
    seed: u64,
    /// Only cells whose names contain this, such as leader-killed/isr-3:2, or one of several between commas; `headline` is the rows
    /// that are told first, `controls` what has to show a loss; of --mutants, only mutants
    #[arg(long, value_name = "ROW")]
    only: Option<String>,
    /// Runs the first seed of one cell, and writes what its clients saw: JSON (`.json`), or Jepsen's EDN (`.edn`)
    #[arg(long, value_name = "FILE", requires = "only", conflicts_with_all = ["mutants", "processes"])]
    history: Option<HistoryFile>,
    /// Keeps what clients saw (JSON), of each cell that is unlike what was expected of it, and of each control
    #[arg(long, value_name = "DIR", conflicts_with_all = ["mutants", "tuning", "history"])]
    histories: Option<PathBuf>,
    /// Goes on where a run that wrote the same --json was interrupted
    #[arg(long, requires = "json", conflicts_with = "mutants")]
    resume: bool,
    /// Where results go [default: target/compare/<time>/results.json; of --mutants nowhere]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn seed_count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=SEEDS_MAX).contains(count));
    count.ok_or_else(|| format!("seeds must be 1 to {SEEDS_MAX}, not {text:?}"))
}

/// Does what was asked, and returns what the process should end with.
pub(super) fn run(args: &FaultsArgs) -> ExitCode {
    match args {
        FaultsArgs { mutants: true, .. } => mutants::run(args),
        FaultsArgs { tuning: true, .. } => tuning::run(args),
        FaultsArgs { random: Some(lasts), .. } => random::run(args, *lasts),
        _ => matrix::run(args),
    }
}
