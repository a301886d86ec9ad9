//! A disk whose syncs take as long as a profile says.
//!
//! A sync takes the drawn time, or the real one when that is longer: the real sync is made first, and what is left of
//! the drawn time is waited for on the thread that asked. So where a profile is slower than the disk below, syncs are
//! distributed as the profile says, exactly; how many were not is counted.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Disk, DiskFile, DiskLock, OpenMode};
use crate::clock::Clock;
use crate::ids::ByteSize;
use crate::latency::Latency;

/// A disk with slower syncs, of files and directories alike. Reads and writes take what they take.
#[derive(Debug)]
pub struct DelayedDisk {
    inner: Arc<dyn Disk>,
    syncs: SlowSyncs,
}

/// How long syncs take. Clones share the draws and the counts.
#[derive(Clone, Debug)]
pub struct SlowSyncs(Arc<Drawn>);

#[derive(Debug)]
struct Drawn {
    latency: Latency,
    random: Mutex<StdRng>,
    clock: Clock,
    syncs: AtomicU64,
    overrun: AtomicU64,
}

impl SlowSyncs {
    /// Draws of this seed, in the machine's time: threads block until it has passed.
    #[must_use]
    pub fn new(latency: Latency, seed: u64, clock: &Clock) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        let (syncs, overrun) = Default::default();
        Self(Arc::new(Drawn { latency, random, clock: clock.clone(), syncs, overrun }))
    }

    /// How many syncs there were.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.0.syncs.load(Ordering::Relaxed)
    }

    /// How many of them took the real disk longer than was drawn.
    #[must_use]
    pub fn overrun(&self) -> u64 {
        self.0.overrun.load(Ordering::Relaxed)
    }

    /// Makes a real sync last. One that failed is told at once.
    fn last(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let Drawn { latency, random, clock, syncs, overrun } = &*self.0;
        let start = clock.now();
        let drawn = latency.draw(&mut random.lock().expect("no draw panics"));
        sync()?;
        syncs.fetch_add(1, Ordering::Relaxed);
        let due = start.after(drawn);
        if clock.now() > due {
            overrun.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        clock.block_until(due)
    }
}

impl DelayedDisk {
    /// Slows the syncs of `inner`.
    #[must_use]
    pub fn over(inner: Arc<dyn Disk>, syncs: SlowSyncs) -> Self {
        Self { inner, syncs }
    }
}

impl Disk for DelayedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.inner.open(path, mode)?;
        Ok(Arc::new(DelayedFile { inner, syncs: self.syncs.clone() }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.inner.create_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.syncs.last(|| self.inner.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.inner.lock(path)
    }

    fn is_instant(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct DelayedFile {
    inner: Arc<dyn DiskFile>,
    syncs: SlowSyncs,
}

impl DiskFile for DelayedFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.inner.read_some_at(buffer, at)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        self.inner.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.last(|| self.inner.sync())
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.inner.set_length(length)
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.inner.length()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::SimulatedDisk;
    use super::*;

    #[test]
    fn a_sync_is_made_and_takes_no_less_than_was_drawn() {
        let (clock, inner) = (Clock::real(), Arc::new(SimulatedDisk::default()));
        let drawn = Duration::from_micros(300);
        let syncs = SlowSyncs::new(Latency::Constant(drawn), 1, &clock);
        let disk = DelayedDisk::over(Arc::clone(&inner) as Arc<dyn Disk>, syncs.clone());
        disk.create_dir(Path::new("d")).unwrap();
        let file = disk.open(Path::new("d/f"), OpenMode::New).unwrap();
        file.write_at(b"kept", ByteSize(0)).unwrap();
        let start = clock.now();
        file.sync().unwrap();
        disk.sync_dir(Path::new("d")).unwrap();
        assert!(clock.now().since(start) >= 2 * drawn);
        assert_eq!((syncs.syncs(), syncs.overrun()), (2, 0));
        file.write_at(b"lost", ByteSize(4)).unwrap();
        inner.crash();
        let file = inner.open(Path::new("d/f"), OpenMode::Existing).unwrap();
        assert_eq!(file.length().unwrap(), ByteSize(4));
    }

    #[test]
    fn a_sync_that_takes_longer_than_was_drawn_is_counted() {
        let clock = Clock::real();
        let syncs = SlowSyncs::new(Latency::Constant(Duration::ZERO), 1, &clock);
        let real = Duration::from_micros(50);
        syncs.last(|| clock.block_until(clock.now().after(real))).unwrap();
        assert_eq!((syncs.syncs(), syncs.overrun()), (1, 1));
        assert!(syncs.last(|| Err(io::ErrorKind::Other.into())).is_err());
        assert_eq!(syncs.syncs(), 1, "a failed sync is none");
    }
}
