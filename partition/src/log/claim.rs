//! A claim to a directory: while a process uses it, nobody else does.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::disk::DiskLock;
use super::error::LogError;
use crate::world::World;

/// How long a claim waits for a directory that is just being let go of, and how often it looks.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_STEP: Duration = Duration::from_millis(20);
/// Who holds a lock on this file uses the directory.
pub(super) const LOCK_FILE: &str = ".lock";

/// Claims a directory, of a log or of a whole node, and makes it when it is not there: two who write there would write over
/// each other. A claim to a directory is none to those in it.
///
/// # Errors
/// [`LogError`] when somebody else holds it, or the disk fails.
pub async fn claim(world: &World, dir: &Path) -> Result<DiskLock, LogError> {
    let deadline = world.clock.now().after(LOCK_PATIENCE);
    loop {
        let (disk, path) = (Arc::clone(&world.disk), dir.to_owned());
        let claim = move || disk.create_dir(&path).and_then(|()| disk.lock(&path.join(LOCK_FILE)));
        let claimed = if world.disk.is_instant() { claim() } else { world.tasks.blocking(claim).await };
        match claimed {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if world.clock.now() >= deadline {
                    let what = "it is open elsewhere: close it there, or use another directory";
                    return Err(LogError::Disk(format!("{}: {what}", dir.display())));
                }
                world.clock.sleep(LOCK_STEP).await;
            }
            claimed => return claimed.map_err(|error| LogError::disk(dir, &error)),
        }
    }
}
