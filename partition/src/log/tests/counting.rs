//! A disk that counts what is read from it, file by file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::ids::ByteSize;
use crate::log::disk::{Disk, DiskFile, DiskLock, OpenMode};

/// Bytes that were read, by the names of the files.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads(Arc<Mutex<BTreeMap<String, u64>>>);

impl Reads {
    /// What was read since the last time.
    pub(super) fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Bytes of segments that were read since the last time, and how many segments had an index read.
    pub(super) fn take_sums(&self) -> (ByteSize, usize) {
        let all = self.take();
        let logs = all.iter().filter(|(name, _)| name.ends_with(".log"));
        let bytes = ByteSize(logs.map(|(_, bytes)| bytes).sum());
        let indexes = all.keys().filter(|name| name.ends_with(".index")).count();
        (bytes, indexes)
    }
}

/// Another disk, counted.
#[derive(Debug)]
pub(super) struct CountingDisk {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) reads: Reads,
}

#[derive(Debug)]
struct CountingFile {
    file: Arc<dyn DiskFile>,
    name: String,
    reads: Reads,
}

impl Disk for CountingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(path, mode)?;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(Arc::new(CountingFile { file, name, reads: self.reads.clone() }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.disk.lock(path)
    }

    fn is_instant(&self) -> bool {
        self.disk.is_instant()
    }
}

impl DiskFile for CountingFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        let count = self.file.read_some_at(buffer, at)?;
        *self.reads.0.lock().unwrap().entry(self.name.clone()).or_default() += count as u64;
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        self.file.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.file.set_length(length)
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.file.length()
    }
}
