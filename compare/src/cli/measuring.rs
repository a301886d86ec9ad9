//! Carries a plan out: finds room for files, measures, writes results, prints them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use partition::clock::Clock;

use super::exports::Exports;
use super::{Places, bad_input};
use crate::data_dir::DataDir;
use crate::experiment::{Ending, Measured, Plan, measure};
use crate::headline::{Extent, sentence};
use crate::machine::{self, Machine};
use crate::progress::Progress;
use crate::results::{Circumstances, Destination, Results, file_name_of, rfc3339};
use crate::table;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) plan: Plan,
    pub(super) places: Places,
    /// The command line, for the record.
    pub(super) command: String,
    pub(super) kind: Kind,
}

/// What the output begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The sentence that answers the question.
    Headline(Extent),
    /// Only the table.
    Latency,
}

/// Does it, and returns what the process should end with.
pub(super) fn run(request: Request) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(carry_out(request)),
        Err(error) => bad_input(&format!("the system gives no timers or sockets: {error}")),
    }
}

async fn carry_out(request: Request) -> ExitCode {
    let Request { plan, places, command, kind } = request;
    let data_dir = match places.data_dir.as_deref().map_or_else(DataDir::temporary, DataDir::open) {
        Ok(data_dir) => data_dir,
        Err(error) => return bad_input(&error.to_string()),
    };
    let now_ms = Clock::real().wall_ms();
    let machine = match Machine::observe(data_dir.path()) {
        Ok(machine) => machine,
        Err(error) => return bad_input(&format!("cannot write to {}: {error}", data_dir.path().display())),
    };
    let exports = match Exports::prepare(&places) {
        Ok(exports) => exports,
        Err(error) => return bad_input(&error.to_string()),
    };
    let dated = || Destination::dated(&file_name_of(now_ms));
    let destination = match places.json.as_deref().map_or_else(dated, Destination::named) {
        Ok(destination) => destination,
        Err(error) => return bad_input(&error.to_string()),
    };
    eprintln!(
        "about {} s of measuring, {} blocks, files in {}",
        plan.expected().as_secs().max(1),
        plan.total_blocks(),
        data_dir.path().display(),
    );
    let measured = measure(&plan, &data_dir, &mut Progress::of_blocks(plan.total_blocks())).await;
    let circumstances =
        Circumstances { machine, commit: machine::commit(), started: rfc3339(now_ms), command };
    let results = Results::of(&plan, &measured, circumstances);
    finish(&results, &measured, destination, &exports, kind)
}

/// Prints and writes what there is; without a single block there is nothing but the reason.
fn finish(
    results: &Results,
    measured: &Measured,
    destination: Destination,
    exports: &Exports,
    kind: Kind,
) -> ExitCode {
    if results.cells.iter().any(|cell| cell.blocks > 0) {
        let path = match destination.write(results) {
            Ok(path) => path,
            Err(error) => return bad_input(&error.to_string()),
        };
        let exported = match exports.write(results) {
            Ok(exported) => exported.into_iter().map(|line| line + "\n").collect::<String>(),
            Err(error) => return bad_input(&error.to_string()),
        };
        let page = super::report::beside(path, results);
        let page = page.map_or_else(String::new, |page| format!("report: {}\n", page.display()));
        // A reader that went away (`| head`) has seen enough; the file is written.
        let _ = writeln!(
            std::io::stdout(),
            "{}{exported}{page}results: {}",
            text_of(results, kind),
            path.display()
        );
    } else {
        destination.abandon();
    }
    let measured_blocks: usize = results.cells.iter().map(|cell| cell.blocks).sum();
    let planned = results.cells.len() * results.blocks.count;
    match &measured.ending {
        Ending::Complete => ExitCode::SUCCESS,
        Ending::Interrupted => {
            eprintln!("interrupted; {measured_blocks} of {planned} blocks were measured, and are kept");
            ExitCode::SUCCESS
        }
        Ending::Failed(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

fn text_of(results: &Results, kind: Kind) -> String {
    let mut text = String::new();
    if let Kind::Headline(extent) = kind {
        let _ = writeln!(text, "{}", table::wrapped(&sentence(results)));
        let _ = writeln!(text, "\n{}", table::wrapped(extent.left_out()));
    }
    text.push_str(&table::render(results));
    text.push_str(&table::predictions::render(results));
    text.push_str(&table::costs::render(results));
    for note in table::notes(results).into_iter().chain(table::checks(results)) {
        let _ = write!(text, "\n{}\n", table::wrapped(&note));
    }
    text.push('\n');
    if kind == Kind::Latency {
        text.push_str(&summed_up(results));
    }
    text
}

/// Each cell in a line, for whoever compares it with what Kafka's own tool prints.
fn summed_up(results: &Results) -> String {
    let summaries = table::summaries(results);
    let mut text = String::new();
    if !summaries.is_empty() {
        text.push_str("In the shape of kafka-producer-perf-test:\n");
    }
    for [title, line] in summaries {
        let _ = write!(text, "{}\n{}\n", table::wrapped(&title), table::wrapped(&line));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
