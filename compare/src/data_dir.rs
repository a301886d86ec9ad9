//! The directory that clusters keep their files in: marked as ours, locked while in use, removed when it was temporary.
//!
//! ```text
//!   DIR/compare.marker                      format version; its lock is held while in use
//!   DIR/<system>-<replicas>[-<k>]/          one cluster; `shape.json` says with which settings
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use partition::log::disk::{Disk, RealDisk};

use crate::node::Partitions;
use crate::system::Shape;

mod place;

/// The file that says whose directory it is.
const MARKER: &str = "compare.marker";
/// What the marker of a directory to be kept says. Raise the number when what lies in the directory changes.
const KEPT: &str = "compare data directory, format 1\n";
/// What the marker of a temporary directory says.
const TEMPORARY: &str = "compare data directory, format 1, temporary\n";
/// What each version's marker starts with.
const MARKER_START: &str = "compare data directory, format ";
/// In a cluster's directory: the settings it was made with.
const SHAPE: &str = "shape.json";

/// Why a directory cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The operating system refuses.
    #[error("data directory {path}: {source}")]
    Unusable {
        /// The directory, or a file in it.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Something else is in it.
    #[error("data directory {path} is not empty and was not made by compare; name an empty one or a new one")]
    NotOurs {
        /// The directory.
        path: String,
    },
    /// Another run uses it.
    #[error("data directory {path} is in use by another run")]
    InUse {
        /// The directory.
        path: String,
    },
    /// It was made by another version.
    #[error("data directory {path} has another format ({found}); name a new one")]
    OtherFormat {
        /// The directory.
        path: String,
        /// What its marker says.
        found: String,
    },
}

/// A directory of ours, locked until this value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    lifetime: Lifetime,
    /// Holds the lock.
    marker: File,
}

/// What becomes of the directory at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lifetime {
    Kept,
    Temporary,
}

impl DataDir {
    /// The user's directory: made when it is not there, taken when it is empty or ours.
    ///
    /// # Errors
    /// [`DataDirError`], in one line for the user.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable { path: path.display().to_string(), source };
        RealDisk.create_dir(path).map_err(unusable)?;
        if !path.join(MARKER).exists() && fs::read_dir(path).map_err(unusable)?.next().is_some() {
            return Err(DataDirError::NotOurs { path: path.display().to_string() });
        }
        Self::claim(path, Lifetime::Kept)
    }

    /// A new directory on a disk, which is removed when this value is dropped. What earlier runs could not remove,
    /// because they were killed, is removed now.
    ///
    /// # Errors
    /// [`DataDirError`] when no place can be written to.
    pub fn temporary() -> Result<Self, DataDirError> {
        Self::temporary_in(&place::for_temporary_directories())
    }

    /// The same, in this directory.
    ///
    /// # Errors
    /// [`DataDirError`] when it cannot be written to.
    pub fn temporary_in(root: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable { path: root.display().to_string(), source };
        fs::create_dir_all(root).map_err(unusable)?;
        remove_abandoned(root);
        let mut number = u64::from(std::process::id());
        loop {
            let path = root.join(format!("{}{number}", place::PREFIX));
            match fs::create_dir(&path) {
                Ok(()) => return Self::claim(&path, Lifetime::Temporary),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(unusable(error)),
            }
        }
    }

    /// Locks, then marks: a directory with a marker that says nothing is nobody's yet.
    fn claim(path: &Path, lifetime: Lifetime) -> Result<Self, DataDirError> {
        let name = path.display().to_string();
        let unusable = |source| DataDirError::Unusable { path: path.display().to_string(), source };
        let mut options = OpenOptions::new();
        let mut marker = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(MARKER))
            .map_err(unusable)?;
        match marker.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::InUse { path: name }),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let mut found = String::new();
        marker.read_to_string(&mut found).map_err(unusable)?;
        match found.as_str() {
            "" => {
                let text = if lifetime == Lifetime::Temporary { TEMPORARY } else { KEPT };
                marker.write_all(text.as_bytes()).and_then(|()| marker.sync_all()).map_err(unusable)?;
            }
            KEPT | TEMPORARY => {}
            other if other.starts_with(MARKER_START) => {
                let found = other.trim_start_matches(MARKER_START).trim().to_owned();
                return Err(DataDirError::OtherFormat { path: name, found });
            }
            _ => return Err(DataDirError::NotOurs { path: name }),
        }
        Ok(Self { path: path.to_owned(), lifetime, marker })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.lifetime == Lifetime::Temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "could not remove the temporary directory");
        }
        // Closing would not do: a process that is just being spawned may have a copy of the file until it runs.
        let _ = self.marker.unlock();
    }
}

/// The directory of a cluster of this shape, in a data directory: the one that a run before made with the same settings, or a new one
/// (`<system>-<replicas>`, or with `-<k>` when that is another setting's; with `-p<partitions>` when there are many).
///
/// # Errors
/// [`DataDirError::Unusable`] when the disk refuses.
pub fn cluster(data: &Path, shape: &Shape, partitions: Partitions) -> Result<PathBuf, DataDirError> {
    let wanted = serde_json::to_string(shape).expect("a shape is plain data");
    let first = match partitions {
        Partitions::ONE => shape.to_string(),
        many => format!("{shape}-p{many}"),
    };
    let mut name = first.clone();
    let mut another = 1;
    loop {
        let dir = data.join(&name);
        let unusable = |source| DataDirError::Unusable { path: dir.display().to_string(), source };
        match fs::read_to_string(dir.join(SHAPE)) {
            Ok(found) if found == wanted => return Ok(dir),
            Ok(_) => {
                another += 1;
                name = format!("{first}-{another}");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&dir).map_err(unusable)?;
                fs::write(dir.join(SHAPE), wanted).map_err(unusable)?;
                return Ok(dir);
            }
            Err(error) => return Err(unusable(error)),
        }
    }
}

/// Removes temporary directories whose run is gone: they are marked as temporary, and nobody holds their lock.
fn remove_abandoned(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(place::PREFIX));
        let marker = File::open(entry.path().join(MARKER));
        if let (true, Ok(mut marker)) = (ours, marker) {
            let mut text = String::new();
            let temporary = marker.read_to_string(&mut text).is_ok() && text == TEMPORARY;
            if temporary && marker.try_lock().is_ok() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests;
