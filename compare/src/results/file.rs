//! Where results go: prepared before anything is measured, so that no measurement is lost to a wrong path.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::Results;

/// Where results go when nothing else is said, below the current directory.
const DIRECTORY: &str = "target/compare";

/// A file that can be written.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
}

/// Why results cannot be written there.
#[derive(Debug, thiserror::Error)]
#[error("cannot write results to {path}: {source}; choose another place with --json")]
pub struct UnwritableResults {
    path: PathBuf,
    source: io::Error,
}

impl Results {
    /// What an earlier run wrote.
    ///
    /// # Errors
    /// One line for the user, when there is no such file or it holds something else.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        serde_json::from_slice(&text)
            .map_err(|error| format!("{} holds no results that this version reads: {error}", path.display()))
    }
}

/// Opens the file for writing, and leaves what it holds: a new one is removed again.
pub fn can_be_written(path: &Path) -> io::Result<()> {
    let existed = path.exists();
    OpenOptions::new().append(true).create(true).open(path)?;
    if existed { Ok(()) } else { fs::remove_file(path) }
}

impl Destination {
    /// The file that the user named. What it holds stays until there are results.
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    pub fn named(path: &Path) -> Result<Self, UnwritableResults> {
        can_be_written(path).map_err(|source| UnwritableResults { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Where they will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `target/compare/<started>/results.json`; a number is added when a run of the same second has it.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn dated(started: &str) -> Result<Self, UnwritableResults> {
        let mut directory = Path::new(DIRECTORY).join(started);
        let mut another = 1;
        let made = fs::create_dir_all(DIRECTORY).and_then(|()| {
            loop {
                match fs::create_dir(&directory) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        another += 1;
                        directory = Path::new(DIRECTORY).join(format!("{started}-{another}"));
                    }
                    made => return made,
                }
            }
        });
        let path = directory.join("results.json");
        made.map_err(|source| UnwritableResults { path: path.clone(), source })?;
        Ok(Self { path })
    }

    /// Gives the place up: there is nothing to write. A directory made for it goes, if it is still empty.
    pub fn abandon(self) {
        if let (true, Some(directory)) = (self.path.starts_with(DIRECTORY), self.path.parent()) {
            // Somebody else's file in it is a reason to keep it, and none to complain.
            let _ = fs::remove_dir(directory);
        }
    }

    /// Writes the results, whole or not at all.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, results: &Results) -> Result<&Path, UnwritableResults> {
        let unwritable = |source| UnwritableResults { path: self.path.clone(), source };
        let mut text = serde_json::to_string_pretty(results).expect("results are plain data");
        text.push('\n');
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        fs::write(&name, text).and_then(|()| fs::rename(&name, &self.path)).map_err(unwritable)?;
        Ok(&self.path)
    }
}
