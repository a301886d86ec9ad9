//! Where the other formats go: prepared before anything is measured, written after results.json.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Places;
use crate::results::{Results, can_be_written, hgrm_name, percentiles, table_of_cells};

/// Files beside results.json that were asked for.
#[derive(Debug, Default)]
pub(super) struct Exports {
    csv: Option<PathBuf>,
    hgrm: Option<PathBuf>,
}

/// Why one cannot be written, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what} to {}: {source}; choose another place with --{what}", path.display())]
pub(super) struct Unwritable {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Exports {
    /// Makes sure that they can be written. What they hold stays until there are results.
    pub(super) fn prepare(places: &Places) -> Result<Self, Unwritable> {
        if let Some(path) = &places.csv {
            can_be_written(path).map_err(|source| Unwritable { what: "csv", path: path.clone(), source })?;
        }
        if let Some(path) = &places.hgrm {
            fs::create_dir_all(path).map_err(|source| Unwritable {
                what: "hgrm",
                path: path.clone(),
                source,
            })?;
        }
        Ok(Self { csv: places.csv.clone(), hgrm: places.hgrm.clone() })
    }

    /// Writes them; returns a line for each that says where.
    pub(super) fn write(&self, results: &Results) -> Result<Vec<String>, Unwritable> {
        let mut said = Vec::new();
        if let Some(path) = &self.csv {
            fs::write(path, table_of_cells(results)).map_err(|source| Unwritable {
                what: "csv",
                path: path.clone(),
                source,
            })?;
            said.push(format!("cells as CSV: {}", path.display()));
        }
        if let Some(path) = &self.hgrm {
            let count = write_histograms(path, results).map_err(|source| Unwritable {
                what: "hgrm",
                path: path.clone(),
                source,
            })?;
            said.push(format!("{count} percentile distributions: {}", path.display()));
        }
        Ok(said)
    }
}

/// One file for each cell that acknowledged something.
fn write_histograms(directory: &Path, results: &Results) -> io::Result<usize> {
    let mut names = BTreeSet::new();
    for cell in &results.cells {
        let Some(latencies) = cell.figures.as_ref().and_then(|figures| figures.latencies()) else { continue };
        let name = hgrm_name(cell);
        fs::write(directory.join(&name), percentiles(&latencies))?;
        names.insert(name);
    }
    Ok(names.len())
}
