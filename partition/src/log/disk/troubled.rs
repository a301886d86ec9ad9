//! A disk that can be told to go wrong: for nodes on real files, whose disks do not fail on demand.
//!
//! It does what [`SimulatedDisk`](super::SimulatedDisk) does on the same [`DiskFault`], as far as a layer above the files can: syncs
//! last longer, one sync or write fails, writes that need room find none, reads give less than was asked for. What a sync
//! that failed should have kept is left to the operating system. It changes no bytes.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::{Disk, DiskFile, DiskLock, OpenMode};
use crate::clock::Clock;
use crate::fault::{DiskFault, Felt, FeltCounter};
use crate::ids::ByteSize;

/// What is wrong with a disk now. Clones speak of the same disk.
#[derive(Clone, Debug, Default)]
pub struct DiskTroubles {
    now: Arc<Mutex<Now>>,
    felt: FeltCounter,
}

#[derive(Clone, Copy, Debug, Default)]
struct Now {
    slower_by: Duration,
    room: Room,
    reads: Reads,
    sync: Next,
    write: Next,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Room {
    #[default]
    Plenty,
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reads {
    #[default]
    Whole,
    Short,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Works,
    Fails,
}

/// A fault that only a disk in memory can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a disk of real files does not do this on demand: {0:?}")]
pub struct NotOnDemand(DiskFault);

impl DiskTroubles {
    /// Commits a fault, or ends it.
    ///
    /// # Errors
    /// [`NotOnDemand`] for a flipped bit.
    pub fn commit(&self, fault: &DiskFault) -> Result<(), NotOnDemand> {
        let mut now = self.now();
        match fault {
            DiskFault::SlowSync { by } => now.slower_by = *by,
            DiskFault::SyncError => now.sync = Next::Fails,
            DiskFault::WriteError => now.write = Next::Fails,
            DiskFault::Full => now.room = Room::None,
            DiskFault::Freed => now.room = Room::Plenty,
            DiskFault::ShortReads => now.reads = Reads::Short,
            DiskFault::WholeReads => now.reads = Reads::Whole,
            DiskFault::FlipBit { .. } => return Err(NotOnDemand(fault.clone())),
        }
        Ok(())
    }

    /// How many calls failed, gave less or lasted longer.
    #[must_use]
    pub fn felt(&self) -> Felt {
        self.felt.so_far()
    }

    /// Makes a sync, unless it is to fail, and makes it last.
    fn sync(&self, clock: &Clock, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Now { sync: next, slower_by, .. } = *self.now();
        if next == Next::Fails {
            self.now().sync = Next::Works;
            self.felt.count();
            return Err(failed("a sync"));
        }
        sync()?;
        if slower_by.is_zero() {
            return Ok(());
        }
        self.felt.count();
        clock.block_until(clock.now().after(slower_by))
    }

    /// Whether a write may be made that needs so much.
    fn write(&self, needs: Needs) -> io::Result<()> {
        let mut now = self.now();
        if std::mem::take(&mut now.write) == Next::Fails {
            self.felt.count();
            return Err(failed("a write"));
        }
        match (now.room, needs) {
            (Room::None, Needs::Room) => {
                self.felt.count();
                Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device (injected)"))
            }
            (Room::Plenty, _) | (_, Needs::Nothing) => Ok(()),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().expect("no holder panics")
    }
}

/// What a write needs of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// It overwrites.
    Nothing,
    Room,
}

fn failed(what: &str) -> io::Error {
    io::Error::other(format!("input/output error: {what} (injected)"))
}

/// A disk with such troubles.
#[derive(Debug)]
pub struct TroubledDisk {
    inner: Arc<dyn Disk>,
    troubles: DiskTroubles,
    clock: Clock,
}

impl TroubledDisk {
    /// Over `inner`; threads that sync wait in this clock's time.
    #[must_use]
    pub fn over(inner: Arc<dyn Disk>, troubles: DiskTroubles, clock: &Clock) -> Self {
        Self { inner, troubles, clock: clock.clone() }
    }
}

impl Disk for TroubledDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let inner = match (self.inner.open(path, OpenMode::Existing), mode) {
            (Ok(_), OpenMode::Existing | OpenMode::OrNew | OpenMode::Reading) => {
                self.inner.open(path, mode)?
            }
            _ => {
                self.troubles.write(Needs::Room)?;
                self.inner.open(path, mode)?
            }
        };
        let written = AtomicU64::new(inner.length()?.0);
        Ok(Arc::new(TroubledFile {
            inner,
            written,
            troubles: self.troubles.clone(),
            clock: self.clock.clone(),
        }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.remove_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.inner.lock(path)
    }

    fn is_instant(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct TroubledFile {
    inner: Arc<dyn DiskFile>,
    /// Up to here it has room of its own.
    written: AtomicU64,
    troubles: DiskTroubles,
    clock: Clock,
}

impl DiskFile for TroubledFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        let reads = self.troubles.now().reads;
        let asked = match reads {
            Reads::Short if buffer.len() > 1 => {
                self.troubles.felt.count();
                buffer.len() / 2
            }
            Reads::Short | Reads::Whole => buffer.len(),
        };
        self.inner.read_some_at(&mut buffer[..asked], at)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        let end = at.0 + bytes.len() as u64;
        let needs = if end <= self.written.load(Ordering::SeqCst) { Needs::Nothing } else { Needs::Room };
        self.troubles.write(needs)?;
        self.inner.write_at(bytes, at)?;
        self.written.fetch_max(end, Ordering::SeqCst);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.troubles.sync(&self.clock, || self.inner.sync())
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.inner.set_length(length)?;
        self.written.fetch_min(length.0, Ordering::SeqCst);
        Ok(())
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.inner.length()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SimulatedDisk;
    use super::*;

    fn disk() -> (TroubledDisk, DiskTroubles) {
        let troubles = DiskTroubles::default();
        let disk = TroubledDisk::over(Arc::new(SimulatedDisk::default()), troubles.clone(), &Clock::real());
        disk.create_dir(Path::new("d")).unwrap();
        (disk, troubles)
    }

    #[test]
    fn s20_a_full_disk_refuses_what_needs_room_and_nothing_else() {
        let (disk, troubles) = disk();
        let file = disk.open(Path::new("d/f"), OpenMode::New).unwrap();
        file.write_at(b"12345678", ByteSize(0)).unwrap();
        troubles.commit(&DiskFault::Full).unwrap();
        file.write_at(b"over", ByteSize(2)).unwrap();
        assert_eq!(troubles.felt(), Felt(0), "what needs no room does not feel it");
        assert_eq!(file.write_at(b"beyond", ByteSize(4)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(disk.open(Path::new("d/g"), OpenMode::OrNew).is_err(), "a new file needs room");
        assert!(disk.open(Path::new("d/f"), OpenMode::OrNew).is_ok());
        file.set_length(ByteSize(4)).unwrap();
        assert!(file.write_at(b"5678", ByteSize(4)).is_err(), "what was given up is somebody else's");
        assert_eq!(troubles.felt(), Felt(3));
        troubles.commit(&DiskFault::Freed).unwrap();
        file.write_at(b"5678", ByteSize(4)).unwrap();
    }

    #[test]
    fn one_sync_fails_and_slow_ones_last() {
        let (disk, troubles) = disk();
        let clock = Clock::real();
        let file = disk.open(Path::new("d/f"), OpenMode::New).unwrap();
        troubles.commit(&DiskFault::SyncError).unwrap();
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let by = Duration::from_millis(2);
        troubles.commit(&DiskFault::SlowSync { by }).unwrap();
        let start = clock.now();
        file.sync().unwrap();
        assert!(clock.now().since(start) >= by);
        assert!(troubles.commit(&DiskFault::FlipBit { at: ByteSize(0) }).is_err());
    }
}
