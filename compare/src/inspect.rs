//! What is in a log directory, shown without changing it: a partition's, a node's, or a whole data directory.
//!
//! ```text
//!   DIR ──find──> logs ──partition::log::inspect──> reports ──┬─ text ──> stdout
//!                                                             ├─ records ──> stdout
//!                                                             └─ json ──> FILE
//! ```
//! Left out: what replicas of one partition say against each other; votes and membership.

mod escape;
mod find;
mod json;
mod records;
mod text;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use partition::log::disk::RealDisk;
use partition::log::inspect::{Depth, InspectError, LogReport, Request, inspect};
use partition::meta::{Checkpoints, CopiedCheckpoints};

pub use find::{Found, Kind, NoLogs, find};
pub use json::{Contents, RECORDS_MAX, write_json};
pub use records::write_records;
pub use text::{Paint, write_log, write_text};

/// What was found in a directory.
#[derive(Debug)]
pub struct Inspection {
    /// What the directory is.
    pub kind: Kind,
    /// The directory, as it was named.
    pub dir: PathBuf,
    /// Its logs.
    pub logs: Vec<LogReport>,
}

impl Inspection {
    /// Whether no log is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.logs.iter().all(LogReport::is_sound)
    }
}

/// Looks into all the logs that were found.
///
/// # Errors
/// [`InspectError`] when a log cannot be read; damage is none.
pub fn look(dir: &Path, found: Found, depth: Depth) -> Result<Inspection, InspectError> {
    let mut logs = Vec::new();
    for node in &found.nodes {
        let checkpoints = node.checkpoints.as_deref().and_then(copied);
        for log in &node.logs {
            let checkpoints = checkpoints.as_ref().map(|copied| copied as &dyn Checkpoints);
            match inspect(&Request { disk: &RealDisk, dir: log, checkpoints, depth }) {
                // It was removed since it was found.
                Err(InspectError::NotALog(_)) if found.kind != Kind::Partition => {}
                looked => logs.push(looked?),
            }
        }
    }
    Ok(Inspection { kind: found.kind, dir: dir.to_owned(), logs })
}

/// A node's checkpoints, out of a copy that is gone again when this returns: opening a store in place would change it.
fn copied(store: &Path) -> Option<CopiedCheckpoints> {
    let scratch = Scratch::new().ok()?;
    match CopiedCheckpoints::of_store(store, &scratch.0) {
        Ok(copied) => Some(copied),
        Err(error) => {
            eprintln!("note: the recovery points are not known: {error}");
            None
        }
    }
}

/// A directory that is removed when this value is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let mut number = std::process::id();
        loop {
            let path = std::env::temp_dir().join(format!("compare-inspect-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number = number.wrapping_add(1),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's own directory for such files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
