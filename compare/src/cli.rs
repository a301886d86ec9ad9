//! The command line: what was asked is checked here, whole, before anything starts.
//!
//! Results go to stdout and all else to stderr. Exit 0: good; 1: a finding, such as a child that died; 2: bad input.

mod cite;
mod exports;
mod faults;
mod history_file;
mod inspect;
mod latency;
mod live;
mod measuring;
mod points;
mod printed;
mod report;
mod seeds;
mod simulate;
mod workload;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::headline::{self, Extent};

/// How many replicas does surviving a failure take, and what does it cost to wait for all that are in sync, or for
/// a majority? Without a subcommand: measures it on this machine, in about three minutes.
#[derive(Debug, Parser)]
#[command(name = "compare", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    headline: HeadlineArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Args)]
struct HeadlineArgs {
    /// Measures less, in about twenty seconds
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    places: Places,
}

/// Where files go.
#[derive(Clone, Debug, Args)]
struct Places {
    /// Keeps the clusters' files there [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Writes results there [default: target/compare/<time>/results.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a line for each cell there, as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Writes each cell's latencies there, as percentile distributions that HdrHistogram's plotter reads
    #[arg(long, value_name = "DIR")]
    hgrm: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures systems x replicas x settings under load
    Latency(Box<latency::LatencyArgs>),
    Inspect(inspect::InspectArgs),
    Simulate(Box<simulate::SimulateArgs>),
    Faults(faults::FaultsArgs),
    Report(report::ReportArgs),
    Live(Box<live::LiveArgs>),
    Cite(cite::CiteArgs),
    Node(Box<crate::node::NodeArgs>),
    /// Prints the completions of a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Prints the man page
    Man,
}

/// Runs the command line, and returns what the process should end with.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let command: Vec<String> = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let command = format!("compare {}", command.join(" ")).trim().to_owned();
    let parsed = Cli::try_parse_from(args);
    if !matches!(
        &parsed,
        Ok(Cli { command: Some(Command::Simulate(_) | Command::Faults(_) | Command::Live(_)), .. })
    ) {
        abort_on_panic();
    }
    match parsed {
        Err(error) => refuse_arguments(&error),
        Ok(Cli { headline, command: None }) => {
            let extent = if headline.quick { Extent::Quick } else { Extent::Full };
            let plan = headline::plan(extent);
            measuring::run(measuring::Request {
                plan,
                places: headline.places,
                command,
                kind: measuring::Kind::Headline(extent),
            })
        }
        Ok(Cli { command: Some(Command::Completions { shell }), .. }) => printed::completions(shell),
        Ok(Cli { command: Some(Command::Man), .. }) => printed::man(),
        Ok(Cli { command: Some(Command::Inspect(args)), .. }) => inspect::run(&args),
        Ok(Cli { command: Some(Command::Simulate(args)), .. }) => simulate::run(&args),
        Ok(Cli { command: Some(Command::Faults(args)), .. }) => faults::run(&args),
        Ok(Cli { command: Some(Command::Live(args)), .. }) => live::run(&args),
        Ok(Cli { command: Some(Command::Cite(args)), .. }) => cite::run(&args),
        Ok(Cli { command: Some(Command::Report(args)), .. }) => report::run(&args),
        Ok(Cli { command: Some(Command::Node(args)), .. }) => crate::node::run(&args),
        Ok(Cli { command: Some(Command::Latency(mut args)), .. }) => match args.plan() {
            Ok(latency::Planned { plan, remarks }) => {
                remarks.iter().for_each(|remark| eprintln!("note: {remark}"));
                measuring::run(measuring::Request {
                    plan,
                    places: args.places,
                    command,
                    kind: measuring::Kind::Latency,
                })
            }
            Err(error) => bad_input(&error.to_string()),
        },
    }
}

/// An assertion that fails ends the process: one that has seen the impossible must not acknowledge. (In a simulated run
/// it ends the run, as a finding.)
fn abort_on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        std::process::abort();
    }));
}

/// One line on stderr, and the exit code for bad input.
fn bad_input(line: &str) -> ExitCode {
    eprintln!("error: {line}");
    ExitCode::from(2)
}

/// Help as it is; errors in one line, with what the parser proposes instead.
fn refuse_arguments(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return printed::out(error.render().to_string().as_bytes());
    }
    let text = error.to_string();
    let told = |line: &&str| {
        !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more information")
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(told).collect();
    bad_input(&format!("{} (see --help)", lines.join("; ").trim_start_matches("error: ")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
