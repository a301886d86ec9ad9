//! `compare inspect`: what is in a log directory.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use partition::log::inspect::Depth;

use super::bad_input;
use crate::inspect::{
    Contents, Inspection, Paint, find, look, write_json, write_log, write_records, write_text,
};

/// Shows what is in a log directory, and changes nothing: a partition's, a node's, or a whole data directory
///
/// Ends with 0 when all is sound, with 1 when something is damaged, with 2 when it is not a log directory. The log may be
/// in use meanwhile. What a crash may have torn is no damage: an opening cuts it, and this says what and why.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// Reads and verifies every byte, and unpacks what is compressed
    #[arg(long)]
    deep: bool,
    /// Prints each batch and each record
    #[arg(long)]
    records: bool,
    /// Writes all that was found there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Looks, and returns what the process should end with.
pub(super) fn run(args: &InspectArgs) -> ExitCode {
    let depth = if args.deep { Depth::Records } else { Depth::Headers };
    let found = match find(&args.dir) {
        Ok(found) => found,
        Err(error) => return bad_input(&error.to_string()),
    };
    if let Some(file) = args.json.as_deref().filter(|file| lies_in(file, &args.dir)) {
        return bad_input(&format!(
            "{} lies in the directory that is looked at, which must not change; choose another place with --json",
            file.display()
        ));
    }
    let inspection = match look(&args.dir, found, depth) {
        Ok(inspection) => inspection,
        Err(error) => return bad_input(&error.to_string()),
    };
    let contents = if args.records { Contents::Records } else { Contents::Report };
    if let Some(file) = &args.json
        && let Err(error) = to_file(file, &inspection, contents)
    {
        let place = file.display();
        return bad_input(&format!("cannot write to {place}: {error}; choose another place with --json"));
    }
    match print(&inspection, contents) {
        // A reader that went away (`| head`) has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return bad_input(&error.to_string()),
        _ => {}
    }
    if inspection.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn print(inspection: &Inspection, contents: Contents) -> io::Result<()> {
    let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let paint = if colours { Paint::Colours } else { Paint::Plain };
    let mut out = BufWriter::new(io::stdout().lock());
    write_text(&mut out, inspection)?;
    for log in &inspection.logs {
        write_log(&mut out, log, paint)?;
        if contents == Contents::Records {
            write_records(&mut out, log)?;
        }
    }
    out.flush()
}

fn to_file(path: &Path, inspection: &Inspection, contents: Contents) -> io::Result<()> {
    let mut out = BufWriter::new(fs::File::create(path)?);
    write_json(&mut out, inspection, contents)?;
    out.flush()
}

/// Whether a file that may not exist yet would lie in a directory.
fn lies_in(file: &Path, dir: &Path) -> bool {
    let above = file.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::canonicalize(above), fs::canonicalize(dir)) {
        (Ok(above), Ok(dir)) => above.starts_with(dir),
        _ => false,
    }
}
