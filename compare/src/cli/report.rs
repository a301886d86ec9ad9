//! `compare report`: results files as a page, and as figures; and the page beside the results of a run.

use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::bad_input;
use crate::report::{self, Source};
use crate::results::{Results, can_be_written};

/// Where the page goes when nothing is said.
const PAGE: &str = "report.html";

/// Renders results files: one page that opens offline, and each chart and table for use elsewhere
///
/// Several files make one page: the latest word on a cell counts, and figures of different machines stay apart. A chart is
/// shown when the results have what it needs; in place of the others stands the command that measures it.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Files that `compare`, `compare latency` or `compare faults` wrote with --json
    #[arg(value_name = "RESULTS", required = true)]
    results: Vec<PathBuf>,
    /// Where the page goes [default: report.html; with --figures nowhere]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Writes each chart there as SVG and CSV, and each table as Markdown and CSV
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
}

/// Does it, and returns what the process should end with.
pub(super) fn run(args: &ReportArgs) -> ExitCode {
    match render(args) {
        Ok(lines) => {
            lines.iter().for_each(|line| drop(writeln!(std::io::stdout(), "{line}")));
            ExitCode::SUCCESS
        }
        Err(line) => bad_input(&line),
    }
}

fn render(args: &ReportArgs) -> Result<Vec<String>, String> {
    let page = args.out.clone().or_else(|| args.figures.is_none().then(|| PathBuf::from(PAGE)));
    let read = |path: &PathBuf| Results::read(path).map(|results| (path.clone(), results));
    let all: Vec<(PathBuf, Results)> = args.results.iter().map(read).collect::<Result<_, _>>()?;
    let beside = page.as_deref().map_or_else(|| Path::new(""), |page| page.parent().unwrap_or(Path::new("")));
    let sources: Vec<Source> =
        all.into_iter().map(|(path, results)| source(&path, beside, results)).collect();
    let mut told = Vec::new();
    if let Some(page) = &page {
        let unwritable = |error| {
            format!("cannot write the page to {}: {error}; choose another place with --out", page.display())
        };
        can_be_written(page).map_err(unwritable)?;
        fs::write(page, report::html(&sources)).map_err(unwritable)?;
        told.push(format!("report: {}", page.display()));
    }
    if let Some(figures) = &args.figures {
        let unwritable = |error| {
            format!(
                "cannot write figures to {}: {error}; choose another place with --figures",
                figures.display()
            )
        };
        fs::create_dir_all(figures).map_err(unwritable)?;
        let files = report::figures(&sources);
        for file in &files {
            fs::write(figures.join(&file.name), &file.text).map_err(unwritable)?;
        }
        told.push(format!("figures: {} files in {}", files.len(), figures.display()));
    }
    Ok(told)
}

/// The page beside the results that a run has just written: `report.html`, or named after them if they have a name of their own.
/// A run is not lost for a page: where it cannot be written, that is said, and the results can still be rendered.
pub(super) fn beside(path: &Path, results: &Results) -> Option<PathBuf> {
    let page = match path.file_name() {
        Some(name) if name == "results.json" => path.with_file_name(PAGE),
        _ if path.extension().is_some_and(|ending| ending == "json") => path.with_extension("html"),
        _ => {
            let mut name = path.as_os_str().to_owned();
            name.push(".html");
            PathBuf::from(name)
        }
    };
    let source = source(path, page.parent().unwrap_or(Path::new("")), results.clone());
    match fs::write(&page, report::html(&[source])) {
        Ok(()) => Some(page),
        Err(error) => {
            eprintln!(
                "note: cannot write the page to {}: {error}; `compare report` makes it elsewhere",
                page.display()
            );
            None
        }
    }
}

fn source(path: &Path, beside: &Path, results: Results) -> Source {
    let name = path.display().to_string();
    Source { link: link(path, beside), name, results }
}

/// The file as seen from the page's directory, as an address.
fn link(path: &Path, beside: &Path) -> String {
    let whole =
        |path: &Path| fs::canonicalize(if path.as_os_str().is_empty() { Path::new(".") } else { path }).ok();
    let seen = match (whole(path), whole(beside)) {
        (Some(path), Some(beside)) => {
            let (to, from): (Vec<_>, Vec<_>) = (path.components().collect(), beside.components().collect());
            let shared = to.iter().zip(&from).take_while(|(one, other)| one == other).count();
            let up = from.iter().skip(shared).map(|_| Component::ParentDir);
            up.chain(to.iter().skip(shared).copied()).collect::<PathBuf>()
        }
        _ => path.to_owned(),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let letter = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    seen.to_string_lossy().bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_data_is_linked_as_seen_from_the_page() {
        let here = tempfile::tempdir().unwrap();
        fs::create_dir_all(here.path().join("a b/c")).unwrap();
        let file = here.path().join("a b/r?.json");
        fs::write(&file, "").unwrap();
        assert_eq!(link(&file, &here.path().join("a b")), "r%3F.json");
        assert_eq!(link(&file, &here.path().join("a b/c")), "../r%3F.json");
        assert_eq!(link(&file, here.path()), "a%20b/r%3F.json");
    }
}
