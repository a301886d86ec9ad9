//! `compare cite`: figures in a text, tied to the results that they are from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::bad_input;
use crate::citation::{Refreshed, Sources, refresh};

/// Writes the figures of Markdown texts as the results that they link to have them
///
/// A figure is a link: [0.94 ms](results/latency.json#cells?system=isr&replicas=3/latency_us.p50). Its unit and its decimals
/// stay as they are. Two conditions are joined by &, and figure//figure divides one by another. Ends with 1 when a link names
/// no figure, or with --check when a text shows another.
#[derive(Debug, Args)]
pub(super) struct CiteArgs {
    /// Changes nothing, and says what is not as the results have it
    #[arg(long)]
    check: bool,
    /// The texts; what they link to is relative to each
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Looks all figures up, and returns what the process should end with.
pub(super) fn run(args: &CiteArgs) -> ExitCode {
    let mut sources = Sources::default();
    let mut good = true;
    for file in &args.files {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return bad_input(&format!("cannot read {}: {error}; name a text", file.display())),
        };
        let directory = file.parent().unwrap_or(Path::new(""));
        let refreshed = match refresh(&text, directory, &mut sources) {
            Ok(refreshed) => refreshed,
            Err(faults) => {
                for (line, fault) in faults {
                    println!("{}:{}: {fault}", file.display(), line.0);
                }
                good = false;
                continue;
            }
        };
        let Refreshed { text, cited, changed } = refreshed;
        for (line, was, is) in &changed {
            println!("{}:{}: {was} is {is}", file.display(), line.0);
        }
        println!(
            "{}: {cited} figures, {} of them not as the results have them",
            file.display(),
            changed.len()
        );
        if changed.is_empty() {
            continue;
        }
        if args.check {
            good = false;
        } else if let Err(error) = fs::write(file, text) {
            return bad_input(&format!("cannot write {}: {error}; make it writable", file.display()));
        }
    }
    ExitCode::from(u8::from(!good))
}
