//! A disk that fails at one of its calls, in the manner that a test asks for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use partition::fault::{DiskFault, Fault};
use partition::ids::{ByteSize, NodeId};
use partition::log::disk::{Disk, DiskFile, DiskLock, OpenMode};
use partition::simulation::Simulation;

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// This call reports an error, and no other does: nobody knows what a failed sync has kept.
    Error,
    /// There is no room from this call on.
    Full,
    /// The power goes: a write is torn in two, and nothing is done any more.
    PowerCut,
}

/// What was asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Open,
    List,
    Name,
    SyncNames,
    Read,
    Write,
    Sync,
    Length,
}

/// A node's disk, which fails once so many calls were made.
#[derive(Clone, Debug)]
pub(super) struct FailingDisk {
    inner: Arc<dyn Disk>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    simulation: Simulation,
    node: NodeId,
    manner: Manner,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// Calls that are made before the one that fails.
    left: u64,
    /// Writes that were asked for.
    writes: u64,
    /// The call that failed.
    failed: Option<(Call, PathBuf)>,
}

impl FailingDisk {
    /// The disk that this node has, whose call number `at` (from 0 on) fails.
    pub(super) fn of(simulation: &Simulation, node: NodeId, manner: Manner, at: u64) -> Self {
        let (inner, simulation) = (simulation.world(node).disk, simulation.clone());
        let progress = Mutex::new(Progress { left: at, writes: 0, failed: None });
        Self { inner, plan: Arc::new(Plan { simulation, node, manner, progress }) }
    }

    /// Which call failed, and on what; none yet.
    pub(super) fn failed(&self) -> Option<(Call, PathBuf)> {
        self.plan.progress().failed.clone()
    }

    /// How many writes it was asked for.
    pub(super) fn writes(&self) -> u64 {
        self.plan.progress().writes
    }
}

impl Plan {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("no holder panics")
    }

    /// Whether this call is the one, or the power is gone.
    fn meets(&self, call: Call, path: &Path) -> Meets {
        let mut progress = self.progress();
        progress.writes += u64::from(call == Call::Write);
        if progress.failed.is_some() {
            return if self.manner == Manner::PowerCut { Meets::Nothing } else { Meets::Disk };
        }
        if progress.left > 0 {
            progress.left -= 1;
            return Meets::Disk;
        }
        progress.failed = Some((call, path.to_owned()));
        drop(progress);
        match self.manner {
            Manner::Full => {
                self.fault(DiskFault::Full);
                Meets::Disk
            }
            Manner::Error | Manner::PowerCut => Meets::Failure,
        }
    }

    fn fault(&self, fault: DiskFault) {
        self.simulation.fault(&Fault::Disk { node: self.node, fault });
    }

    /// Makes a call that has no part that may be done without the rest.
    fn call<T>(&self, call: Call, path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.meets(call, path) {
            Meets::Disk => make(),
            Meets::Failure | Meets::Nothing => Err(error(call)),
        }
    }
}

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meets {
    Disk,
    Failure,
    Nothing,
}

fn error(call: Call) -> io::Error {
    io::Error::other(format!("input/output error: {call:?}"))
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.plan.call(Call::Open, path, || self.inner.open(path, mode))?;
        Ok(Arc::new(FailingFile { inner, path: path.to_owned(), plan: Arc::clone(&self.plan) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.plan.call(Call::List, dir, || self.inner.list(dir))
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.plan.call(Call::Name, dir, || self.inner.create_dir(dir))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.plan.call(Call::Name, dir, || self.inner.remove_dir(dir))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plan.call(Call::Name, path, || self.inner.remove(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plan.call(Call::Name, from, || self.inner.rename(from, to))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.plan.call(Call::SyncNames, dir, || self.inner.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.inner.lock(path)
    }

    fn is_instant(&self) -> bool {
        self.inner.is_instant()
    }
}

#[derive(Debug)]
struct FailingFile {
    inner: Arc<dyn DiskFile>,
    path: PathBuf,
    plan: Arc<Plan>,
}

impl DiskFile for FailingFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.plan.call(Call::Read, &self.path, || self.inner.read_some_at(buffer, at))
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        match self.plan.meets(Call::Write, &self.path) {
            Meets::Disk => self.inner.write_at(bytes, at),
            Meets::Failure if self.plan.manner == Manner::PowerCut => {
                self.inner.write_at(&bytes[..bytes.len() / 2], at).and(Err(error(Call::Write)))
            }
            Meets::Failure | Meets::Nothing => Err(error(Call::Write)),
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.plan.meets(Call::Sync, &self.path) {
            Meets::Disk => self.inner.sync(),
            Meets::Failure if self.plan.manner == Manner::Error => {
                self.plan.fault(DiskFault::SyncError);
                self.inner.sync()
            }
            Meets::Failure | Meets::Nothing => Err(error(Call::Sync)),
        }
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.plan.call(Call::Length, &self.path, || self.inner.set_length(length))
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.inner.length()
    }
}
