//! A workload of the user's own: what a file says where the command line says nothing.
//!
//! ```toml
//! name = "orders"                   # as results call it; else the file's name
//! rate = [500, 2000]                # or "sweep"; or, for a closed loop: in-flight = [1, 64]
//! arrivals = "poisson"              # or constant
//! record-bytes = 512                # or: records = "orders.jsonl", lines of a file beside this one
//! batch-records = 100
//! linger = 5                        # milliseconds
//! keys = 1000
//! producers = 4
//! partitions = 1                    # or a list
//! acks = "committed"                # or a list: ["leader", "committed"]
//! seconds = 8                       # each cell
//! ```
//! Fields are called as the options are, take what they take, and give way to them. A file that ends in `.yaml` or `.yml`
//! is a workload of the OpenMessaging Benchmark; what it asks beyond this is told, field by field.

mod openmessaging;
mod toml_file;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use partition::partition::Acks;

use super::points::Pace;
use crate::experiment::Producers;
use crate::node::Partitions;
use crate::workload::{Arrivals, InFlight};

/// What a file asks for; nothing where it is silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) acks: Vec<Acks>,
    pub(super) in_flight: Vec<InFlight>,
    pub(super) rate: Vec<Pace>,
    pub(super) arrivals: Option<Arrivals>,
    pub(super) record_bytes: Option<u64>,
    pub(super) batch_records: Option<u32>,
    pub(super) linger: Option<Duration>,
    pub(super) keys: Option<u64>,
    pub(super) producers: Option<Producers>,
    pub(super) partitions: Vec<Partitions>,
    pub(super) records: Option<PathBuf>,
    pub(super) seconds: Option<Duration>,
    /// A line for each field that was not used.
    pub(super) unused: Vec<String>,
}

/// Why a file is no workload, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WorkloadError {
    #[error("cannot read the workload {}: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("workload {}{}: {why}", path.display(), at.map_or_else(String::new, |line| format!(", line {line}")))]
    Malformed { path: PathBuf, at: Option<usize>, why: String },
}

/// What is wrong within a file, and in which line, if that can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    at: Option<usize>,
    why: String,
}

impl Wrong {
    fn field(name: &str, why: impl std::fmt::Display) -> Self {
        Self { at: None, why: format!("{name}: {why}") }
    }
}

/// Reads a file of either kind.
pub(super) fn read(path: &Path) -> Result<Workload, WorkloadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| WorkloadError::Unreadable { path: path.to_owned(), why: error.to_string() })?;
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let beside = path.parent().unwrap_or(Path::new(""));
    let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let read = if is_yaml { openmessaging::parse(&text) } else { toml_file::parse(&text, beside) };
    let mut workload = read.map_err(|Wrong { at, why }| WorkloadError::Malformed {
        path: path.to_owned(),
        at,
        why: why.replace('\n', " "),
    })?;
    if workload.name.is_empty() {
        workload.name = stem;
    }
    Ok(workload)
}

/// A field's text as the option of that name takes it.
fn parsed<T>(field: &str, text: &str) -> Result<T, Wrong>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Wrong::field(field, error))
}

#[cfg(test)]
mod tests;
