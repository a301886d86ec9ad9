//! A node for counting instructions: real files, but one thread that does all, in time that stands still.
//!
//! What the kernel does is not counted, so a count is that of the log alone, and the same each time.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use partition::clock::Clock;
use partition::log::disk::{Disk, DiskFile, DiskLock, OpenMode, RealDisk};
use partition::log::writer::{WriterDelays, Writers};
use partition::log::{Log, LogConfig, LogEvent};
use partition::meta::MemoryCheckpoints;
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, Tasks, World};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;

/// One thread, and what runs on it.
#[derive(Debug)]
pub struct Node {
    runtime: Runtime,
    world: World,
    checkpoints: MemoryCheckpoints,
    dir: TempDir,
}

impl Node {
    /// A new one, with a directory of its own.
    ///
    /// # Panics
    /// When there is no room for that.
    #[must_use]
    pub fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let checkpoints = MemoryCheckpoints::default();
        let world = runtime.block_on(async { world(&checkpoints) });
        let dir = tempfile::tempdir().expect("a directory");
        Self { runtime, world, checkpoints, dir }
    }

    /// Runs it until this is done.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Opens its log, or makes it.
    ///
    /// # Panics
    /// When it does not open.
    #[must_use]
    pub fn open(&self, config: LogConfig) -> (Log, mpsc::UnboundedReceiver<LogEvent>) {
        let (sender, events) = mpsc::unbounded_channel();
        let dir = self.dir.path().join("log");
        let open = Log::open(&self.world, &dir, config, sender);
        (self.run(open).expect("it opens"), events)
    }

    /// Loses its checkpoints, and all that runs.
    #[must_use]
    pub fn crashed(self) -> Self {
        self.world.tasks.crash();
        self.checkpoints.clear();
        let world = self.runtime.block_on(async { world(&self.checkpoints) });
        Self { world, ..self }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

fn world(checkpoints: &MemoryCheckpoints) -> World {
    let (clock, tasks) = (Clock::simulated(), Tasks::default());
    let no_delays = WriterDelays { write: Duration::ZERO, sync: Duration::ZERO };
    World {
        random: Random::seeded(1),
        disk: Arc::new(InstantDisk),
        network: Arc::new(TcpTransport),
        writers: Writers::simulated(&clock, &tasks, no_delays),
        checkpoints: Arc::new(checkpoints.clone()),
        clock,
        tasks,
    }
}

/// The real files, used on the thread that asks.
#[derive(Debug)]
struct InstantDisk;

impl Disk for InstantDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        RealDisk.open(path, mode)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        RealDisk.lock(path)
    }

    fn is_instant(&self) -> bool {
        true
    }
}
