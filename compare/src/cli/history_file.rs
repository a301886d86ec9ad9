//! Where what the clients of a run saw goes, and in which form.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;

use crate::history::History;

/// Where a history goes, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HistoryFile {
    Json(PathBuf),
    /// As Jepsen's checkers read it.
    Edn(PathBuf),
}

impl FromStr for HistoryFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.rsplit_once('.') {
            Some((_, "json")) => Ok(Self::Json(PathBuf::from(text))),
            Some((_, "edn")) => Ok(Self::Edn(PathBuf::from(text))),
            _ => Err(format!("{text:?} ends neither in .json nor in .edn")),
        }
    }
}

impl HistoryFile {
    /// Writes it.
    ///
    /// # Errors
    /// One line for the user.
    pub(super) fn write(&self, history: &History) -> Result<(), String> {
        let (Self::Json(path) | Self::Edn(path)) = self;
        let unwritable = |error: io::Error| format!("cannot write {}: {error}", path.display());
        let mut to = BufWriter::new(File::create(path).map_err(unwritable)?);
        let written = match self {
            Self::Json(_) => history.write_json(&mut to),
            Self::Edn(_) => history.write_edn(&mut to),
        };
        written.and_then(|()| to.flush()).map_err(unwritable)
    }
}
