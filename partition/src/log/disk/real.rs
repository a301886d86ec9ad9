//! The operating system's files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{Disk, DiskFile, DiskLock, OpenMode};
use crate::ids::ByteSize;

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

#[derive(Debug)]
struct RealFile(File);

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode != OpenMode::Reading);
        match mode {
            OpenMode::Existing | OpenMode::Reading => {}
            OpenMode::New => {
                options.create_new(true);
            }
            OpenMode::OrNew => {
                options.create(true);
            }
        }
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        if dir.as_os_str().is_empty() {
            return Ok(());
        }
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
        if dir.is_dir() {
            // Whoever made it may have been killed before its name was durable, or not have known that it has to be.
            return match self.sync_dir(above.unwrap_or(Path::new("."))) {
                // Somebody else's directory, and ours in it is his to keep.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
                done => done,
            };
        }
        if let Some(above) = above {
            self.create_dir(above)?;
        }
        match fs::create_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
            done => done?,
        }
        self.sync_dir(above.unwrap_or(Path::new(".")))
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        fs::remove_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock()?;
        Ok(DiskLock::new(Locked(file)))
    }

    fn is_instant(&self) -> bool {
        false
    }
}

/// A file that is locked until this is dropped.
#[derive(Debug)]
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing would not do: a process that is just being spawned may have a copy of the file until it runs.
        let _ = self.0.unlock();
    }
}

impl DiskFile for RealFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.0.read_at(buffer, at.0)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        self.0.write_all_at(bytes, at.0)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.0.set_len(length.0)
    }

    fn length(&self) -> io::Result<ByteSize> {
        Ok(ByteSize(self.0.metadata()?.len()))
    }
}
