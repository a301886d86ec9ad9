//! What clients saw, kept beside the results: a file for each cell that is worth one.

use std::fs::create_dir_all;
use std::path::{Path, PathBuf};

use crate::cli::history_file::HistoryFile;
use crate::faults::matrix::processes::Drawn;
use crate::faults::matrix::{Judged, Telling};
use crate::results::MatrixRow;

/// Where they are kept.
pub(super) struct Histories {
    directory: PathBuf,
    /// What their paths are told relative to: where the results lie.
    seen_from: PathBuf,
}

impl Histories {
    /// In this directory, which is made if need be.
    pub(super) fn prepare(directory: &Path, results: &Path) -> Result<Self, String> {
        let unusable = |error| format!("cannot keep histories in {}: {error}", directory.display());
        create_dir_all(directory).map_err(unusable)?;
        let absolute = |path: &Path| std::path::absolute(path).map_err(unusable);
        let seen_from = absolute(results)?.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { directory: absolute(directory)?, seen_from })
    }

    /// Keeps that of a trial under drawn faults, if something was wrong in it.
    pub(super) fn keep_drawn(&self, drawn: &Drawn) -> Result<(), String> {
        let Some(history) = &drawn.history else { return Ok(()) };
        let setting = drawn.shape.setting().replace(':', "-");
        let path = self.directory.join(format!("random-{setting}-seed-{}.json", drawn.seed));
        HistoryFile::Json(path).write(history)
    }

    /// Keeps that of a cell, if it is worth it; the row then says where.
    pub(super) fn keep(&self, judged: &Judged, row: &mut MatrixRow) -> Result<(), String> {
        let Some(Telling { seed, history, .. }) = &judged.measured.telling else { return Ok(()) };
        if !row.is_worth_a_history() {
            return Ok(());
        }
        let name: String = row.cell.chars().map(|c| if "/:".contains(c) { '-' } else { c }).collect();
        let path = self.directory.join(format!("{}-{name}-seed-{seed}.json", row.ground));
        HistoryFile::Json(path.clone()).write(history)?;
        let told = path.strip_prefix(&self.seen_from).unwrap_or(&path);
        row.history = Some(told.display().to_string());
        Ok(())
    }
}
