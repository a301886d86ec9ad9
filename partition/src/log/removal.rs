//! Removes a log for good: its directory is marked first, so that a crash midway leaves no half of a log.
//!
//! ```text
//!   mark, synced ──> files go, synced ──> the mark goes, and the directory
//!        └── a crash here or later: whoever opens or removes the log next goes on where it ended
//! ```

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::claim::{LOCK_FILE, claim};
use super::disk::{Disk, OpenMode};
use super::error::LogError;
use crate::world::World;

/// A directory with this file in it holds what is left of a log that is being removed.
const MARK: &str = "being-removed";

/// Removes the log in `dir` with all that lies beside it. It must be closed. One that is not there is removed already.
///
/// What the checkpoint store still says of it names its identity, and counts for no other log.
///
/// # Errors
/// [`LogError`] when it is open, or the disk fails; it is removed then when it is tried again, or the log opened.
pub async fn remove(world: &World, dir: &Path) -> Result<(), LogError> {
    let (disk, path) = (Arc::clone(&world.disk), dir.to_owned());
    let is_there = move || match disk.list(&path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    let found = if world.disk.is_instant() { is_there() } else { world.tasks.blocking(is_there).await };
    if !found.map_err(|error| LogError::disk(dir, &error))? {
        return Ok(());
    }
    let claim = claim(world, dir).await?;
    let (disk, path) = (Arc::clone(&world.disk), dir.to_owned());
    let work = move || {
        let file = disk.open(&path.join(MARK), OpenMode::OrNew)?;
        drop(file);
        disk.sync_dir(&path)?;
        empty(&*disk, &path)?;
        drop(claim);
        match disk.remove(&path.join(LOCK_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        disk.remove_dir(&path)?;
        path.parent().map_or(Ok(()), |above| disk.sync_dir(above))
    };
    let removed = if world.disk.is_instant() { work() } else { world.tasks.blocking(work).await };
    removed.map_err(|error| LogError::disk(dir, &error))
}

/// Goes on with a removal that a crash has ended: the directory is as good as new then. The caller holds the lock.
pub(super) fn resume(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    if disk.list(dir)?.iter().any(|name| name == MARK) {
        tracing::info!(dir = %dir.display(), "removing what a crash has left of a log");
        empty(disk, dir)?;
    }
    Ok(())
}

/// Removes all but the lock, and the mark last.
fn empty(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for name in disk.list(dir)? {
        if name != MARK && name != LOCK_FILE {
            disk.remove(&dir.join(name))?;
        }
    }
    disk.sync_dir(dir)?;
    disk.remove(&dir.join(MARK))?;
    disk.sync_dir(dir)
}
