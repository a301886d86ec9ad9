//! The only door to files: the trait; a real one; layers over it (slower syncs, troubles on demand, one that forgets what was
//! not synced); and one in memory.

mod delayed;
mod forgetful;
mod real;
mod simulated;
mod troubled;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ids::ByteSize;

pub use delayed::{DelayedDisk, SlowSyncs};
pub use forgetful::ForgetfulDisk;
pub use real::RealDisk;
#[cfg(test)]
pub(crate) use simulated::Grain;
pub use simulated::SimulatedDisk;
pub(crate) use simulated::Slowness;
pub use troubled::{DiskTroubles, NotOnDemand, TroubledDisk};

/// A file system, as far as a log needs one. Calls block: they are made by writers and by blocking tasks.
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Opens a file for reading and writing; creates it when `mode` says so.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a directory, with those above it, durably. One that is there already is fine.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// Removes a directory that is empty. Where directories are but the names of files, there is nothing to do.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn remove_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of one that has it.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes what was created, removed or renamed in a directory durable.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Claims a file as a lock, which is made when it is not there: until the returned value is dropped, or the process
    /// ends, nobody else gets it.
    ///
    /// # Errors
    /// `WouldBlock` when somebody has it; else as the operating system reports them.
    fn lock(&self, path: &Path) -> io::Result<DiskLock>;

    /// Whether calls return at once, so that they may be made on the runtime's own thread. True in simulation.
    fn is_instant(&self) -> bool;
}

/// An open file. Reads and writes name their place, so that readers share it with the writer.
pub trait DiskFile: Send + Sync + fmt::Debug + 'static {
    /// Reads some bytes at `at`, as read(2) does: fewer than were asked for do not mean the end, none does.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize>;

    /// Fills `buffer` from `at`; returns how many bytes there were.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn read_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_some_at(&mut buffer[filled..], ByteSize(at.0 + filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Writes all of `bytes` at `at`.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()>;

    /// Makes contents and length durable (fdatasync).
    ///
    /// # Errors
    /// As the operating system reports them; after one, nobody knows what the disk kept.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn set_length(&self, length: ByteSize) -> io::Result<()>;

    /// How long the file is.
    ///
    /// # Errors
    /// As the operating system reports them.
    fn length(&self) -> io::Result<ByteSize>;
}

/// A claim to a file, given up when this is dropped.
#[derive(Debug)]
pub struct DiskLock {
    _held: Box<dyn fmt::Debug + Send + Sync>,
}

impl DiskLock {
    /// A claim that ends when `held` is dropped.
    pub(crate) fn new(held: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

/// Whether a file must be there, must not, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist.
    Existing,
    /// It must not exist yet.
    New,
    /// It is created when it does not exist.
    OrNew,
    /// It must exist, and is only read: writing to it is an error.
    Reading,
}

/// Where the files of one node lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDir(pub PathBuf);
