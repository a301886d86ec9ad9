//! A disk that forgets what was not synced when its process is killed: a power cut for nodes on real files.
//!
//! ```text
//!   write ──> pages in this process's memory ── sync ──> the file below, and its sync
//!   read  <── those pages, else the file below
//! ```
//! An operating system keeps what was written until it is synced, and a killed process loses nothing of it. Here the process
//! keeps it, so a killed one loses all of it, as a machine does when the power goes. Names of files are not
//! forgotten: a file that was made stays, with nothing in it that was not synced; nor is what was removed or renamed. What lies
//! beside this door (the checkpoint store, which may be stale or gone) is not forgotten either.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile, DiskLock, OpenMode};
use crate::ids::ByteSize;

/// What is kept at once: as much as an operating system would.
const PAGE: usize = 4096;

type Page = Box<[u8; PAGE]>;

/// A disk whose unsynced bytes end with the process.
#[derive(Debug)]
pub struct ForgetfulDisk {
    inner: Arc<dyn Disk>,
    /// By name, so that all who open a file see the same.
    files: Mutex<BTreeMap<PathBuf, Arc<Mutex<Seen>>>>,
    /// It forgets nothing any more.
    keeps: Arc<AtomicBool>,
}

/// A file as the program sees it.
#[derive(Debug)]
struct Seen {
    inner: Arc<dyn DiskFile>,
    length: u64,
    /// Below this, what is in no page is what the file below holds; above it, zeros.
    synced: u64,
    /// What is not synced, by its place in pages.
    pages: BTreeMap<u64, Page>,
}

impl ForgetfulDisk {
    /// Over `inner`, which has to be made anew with each life of the node.
    #[must_use]
    pub fn over(inner: Arc<dyn Disk>) -> Self {
        Self { inner, files: Mutex::default(), keeps: Arc::default() }
    }

    /// From now on it forgets nothing: what was written so far goes to the files below, and so does what will be. Whoever kills the
    /// process afterwards takes no power away.
    ///
    /// # Errors
    /// What the disk below says.
    pub fn keep(&self) -> io::Result<()> {
        self.keeps.store(true, Ordering::SeqCst);
        let files: Vec<_> = self.files().values().cloned().collect();
        files.iter().try_for_each(|seen| seen.lock().expect("no holder panics").write_back())
    }

    fn file(&self, seen: &Arc<Mutex<Seen>>, mode: OpenMode) -> Arc<dyn DiskFile> {
        Arc::new(ForgetfulFile { seen: Arc::clone(seen), mode, keeps: Arc::clone(&self.keeps) })
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Mutex<Seen>>>> {
        self.files.lock().expect("no holder panics")
    }
}

impl Disk for ForgetfulDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files();
        // Asked in any case, so that a file that must not be there is refused.
        let inner = self.inner.open(path, mode)?;
        if let Some(seen) = files.get(path) {
            return Ok(self.file(seen, mode));
        }
        let inner =
            if mode == OpenMode::Reading { self.inner.open(path, OpenMode::Existing)? } else { inner };
        let length = inner.length()?.0;
        let seen = Arc::new(Mutex::new(Seen { inner, length, synced: length, pages: BTreeMap::new() }));
        files.insert(path.to_owned(), Arc::clone(&seen));
        Ok(self.file(&seen, mode))
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
        let mut files = self.files();
        self.inner.remove(path)?;
        files.remove(path);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files();
        self.inner.rename(from, to)?;
        files.remove(to);
        if let Some(seen) = files.remove(from) {
            files.insert(to.to_owned(), seen);
        }
        Ok(())
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

impl Seen {
    /// A page, made of what is there when nothing of it has changed yet.
    fn page(&mut self, number: u64) -> io::Result<&mut Page> {
        if !self.pages.contains_key(&number) {
            let mut page = Box::new([0; PAGE]);
            self.fill(&mut page[..], number * PAGE as u64)?;
            self.pages.insert(number, page);
        }
        Ok(self.pages.get_mut(&number).expect("it was just made"))
    }

    /// What the file below holds there, and zeros behind it.
    fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        buffer.fill(0);
        let known = usize::try_from(self.synced.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        self.inner.read_at(&mut buffer[..known], ByteSize(at)).map(drop)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let (number, within) = place(at);
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left).min(PAGE - within);
        match self.pages.get(&number) {
            Some(page) => buffer[..count].copy_from_slice(&page[within..within + count]),
            None => self.fill(&mut buffer[..count], at)?,
        }
        Ok(count)
    }

    fn write(&mut self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let (number, within) = place(at);
            let count = bytes.len().min(PAGE - within);
            self.page(number)?[within..within + count].copy_from_slice(&bytes[..count]);
            at += count as u64;
            self.length = self.length.max(at);
            bytes = &bytes[count..];
        }
        Ok(())
    }

    fn set_length(&mut self, length: u64) -> io::Result<()> {
        if length < self.length {
            let (last, within) = place(length);
            if within > 0 {
                self.page(last)?[within..].fill(0);
            }
            self.pages.retain(|number, _| number * (PAGE as u64) < length);
            self.synced = self.synced.min(length);
        }
        self.length = length;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.write_back()?;
        self.inner.sync()
    }

    /// Hands what is in pages to the file below, which an operating system would keep.
    fn write_back(&mut self) -> io::Result<()> {
        if self.inner.length()?.0 > self.synced {
            self.inner.set_length(ByteSize(self.synced))?;
        }
        if self.length != self.synced {
            self.inner.set_length(ByteSize(self.length))?;
        }
        for (number, page) in &self.pages {
            let at = number * PAGE as u64;
            let count = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX).min(PAGE);
            self.inner.write_at(&page[..count], ByteSize(at))?;
        }
        self.pages.clear();
        self.synced = self.length;
        Ok(())
    }
}

/// In which page a byte lies, and where in it.
fn place(at: u64) -> (u64, usize) {
    let within = usize::try_from(at % PAGE as u64).expect("less than a page");
    (at / PAGE as u64, within)
}

#[derive(Debug)]
struct ForgetfulFile {
    seen: Arc<Mutex<Seen>>,
    mode: OpenMode,
    keeps: Arc<AtomicBool>,
}

impl ForgetfulFile {
    /// After each change.
    fn changed(&self, mut seen: MutexGuard<'_, Seen>) -> io::Result<()> {
        if self.keeps.load(Ordering::SeqCst) { seen.write_back() } else { Ok(()) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder panics")
    }

    fn writable(&self) -> io::Result<MutexGuard<'_, Seen>> {
        match self.mode {
            OpenMode::Reading => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file was opened for reading"))
            }
            OpenMode::Existing | OpenMode::New | OpenMode::OrNew => Ok(self.seen()),
        }
    }
}

impl DiskFile for ForgetfulFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.seen().read(buffer, at.0)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        let mut seen = self.writable()?;
        seen.write(bytes, at.0)?;
        self.changed(seen)
    }

    fn sync(&self) -> io::Result<()> {
        self.seen().sync()
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        let mut seen = self.writable()?;
        seen.set_length(length.0)?;
        self.changed(seen)
    }

    fn length(&self) -> io::Result<ByteSize> {
        Ok(ByteSize(self.seen().length))
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::super::SimulatedDisk;
    use super::*;

    const NAME: &str = "d/f";

    fn whole(file: &dyn DiskFile) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.length().unwrap().0).unwrap()];
        let count = file.read_at(&mut bytes, ByteSize(0)).unwrap();
        assert_eq!(count, bytes.len());
        bytes
    }

    /// The file as the next life of its process finds it.
    fn kept(inner: &Arc<SimulatedDisk>) -> Vec<u8> {
        whole(&*inner.open(Path::new(NAME), OpenMode::Existing).unwrap())
    }

    #[test]
    fn s12_what_was_not_synced_ends_with_the_process_and_all_who_open_the_file_see_it_until_then() {
        let inner = Arc::new(SimulatedDisk::default());
        let disk = ForgetfulDisk::over(Arc::clone(&inner) as Arc<dyn Disk>);
        disk.create_dir(Path::new("d")).unwrap();
        let file = disk.open(Path::new(NAME), OpenMode::New).unwrap();
        file.write_at(b"kept", ByteSize(0)).unwrap();
        file.sync().unwrap();
        file.write_at(b"lost", ByteSize(2)).unwrap();
        let reader = disk.open(Path::new(NAME), OpenMode::Reading).unwrap();
        assert_eq!(whole(&*reader), b"kelost");
        assert!(reader.write_at(b"x", ByteSize(0)).is_err());
        disk.rename(Path::new(NAME), Path::new("d/g")).unwrap();
        disk.rename(Path::new("d/g"), Path::new(NAME)).unwrap();
        assert_eq!(whole(&*disk.open(Path::new(NAME), OpenMode::Existing).unwrap()), b"kelost");
        drop(disk);
        assert_eq!(kept(&inner), b"kept");
    }

    #[test]
    fn one_that_was_told_to_keep_forgets_nothing_from_then_on() {
        let inner = Arc::new(SimulatedDisk::default());
        let disk = ForgetfulDisk::over(Arc::clone(&inner) as Arc<dyn Disk>);
        disk.create_dir(Path::new("d")).unwrap();
        let file = disk.open(Path::new(NAME), OpenMode::New).unwrap();
        file.write_at(b"before", ByteSize(0)).unwrap();
        assert_eq!(kept(&inner), b"");
        disk.keep().unwrap();
        assert_eq!(kept(&inner), b"before");
        file.write_at(b"after", ByteSize(6)).unwrap();
        assert_eq!(kept(&inner), b"beforeafter");
    }

    #[test]
    fn any_writes_cuts_and_syncs_read_as_they_would_of_a_plain_file() {
        for seed in 0..200 {
            let mut chance = StdRng::seed_from_u64(seed);
            let inner = Arc::new(SimulatedDisk::default());
            let disk = ForgetfulDisk::over(Arc::clone(&inner) as Arc<dyn Disk>);
            disk.create_dir(Path::new("d")).unwrap();
            let file = disk.open(Path::new(NAME), OpenMode::New).unwrap();
            let (mut plain, mut synced) = (Vec::new(), Vec::new());
            for _ in 0..40 {
                let at: usize = chance.random_range(0..3 * PAGE);
                match chance.random_range(0..10) {
                    0..6 => {
                        let bytes = vec![chance.random_range(1..=255); chance.random_range(1..2 * PAGE)];
                        plain.resize(plain.len().max(at + bytes.len()), 0);
                        plain[at..at + bytes.len()].copy_from_slice(&bytes);
                        file.write_at(&bytes, ByteSize(at as u64)).unwrap();
                    }
                    6..8 => {
                        plain.resize(at, 0);
                        file.set_length(ByteSize(at as u64)).unwrap();
                    }
                    _ => {
                        file.sync().unwrap();
                        synced.clone_from(&plain);
                    }
                }
                assert!(whole(&*file) == plain, "seed {seed}");
                assert!(kept(&inner) == synced, "seed {seed}");
            }
        }
    }
}
