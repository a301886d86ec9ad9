//! The tree as the kernel asks for it.
//!
//! Nothing is cached above it (no time to live, reads and writes go straight through), so that everybody sees a power cut at
//! once. A write to the file `.power-cut` in the root is the order: the path, from the root, of what loses its power; it is done
//! when the write returns. Whoever orders it has killed the processes that had files open there. Left out: owners, times, links,
//! extended attributes, maps of files into memory.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::tree::{Inode, ROOT, Refused, Tree};

/// The file that takes orders.
const CONTROL: &str = ".power-cut";
/// Its number.
const CONTROL_INODE: Inode = Inode(2);
/// Nothing is believed for any time.
const TTL: Duration = Duration::ZERO;
/// Numbers are not used twice.
const GENERATION: Generation = Generation(0);
/// What disks write at once.
const BLOCK: u32 = 4096;

/// A mounted tree.
#[derive(Debug, Default)]
pub struct Mounted(Mutex<Tree>);

fn errno(refused: Refused) -> Errno {
    match refused {
        Refused::NotFound => Errno::ENOENT,
        Refused::Exists => Errno::EEXIST,
        Refused::NotEmpty => Errno::ENOTEMPTY,
        Refused::NotADirectory => Errno::ENOTDIR,
        Refused::IsADirectory => Errno::EISDIR,
    }
}

fn of(number: INodeNo) -> Inode {
    Inode(number.0)
}

fn attributes(inode: Inode, length: Option<u64>) -> FileAttr {
    let size = length.unwrap_or_default();
    let (kind, perm) = match length {
        Some(_) => (FileType::RegularFile, 0o644),
        None => (FileType::Directory, 0o755),
    };
    let (atime, mtime, ctime, crtime) = (UNIX_EPOCH, UNIX_EPOCH, UNIX_EPOCH, UNIX_EPOCH);
    let (ino, blocks) = (INodeNo(inode.0), size.div_ceil(512));
    let (nlink, uid, gid, rdev, blksize, flags) = (1, 0, 0, 0, BLOCK, 0);
    FileAttr {
        ino,
        size,
        blocks,
        atime,
        mtime,
        ctime,
        crtime,
        kind,
        perm,
        nlink,
        uid,
        gid,
        rdev,
        blksize,
        flags,
    }
}

impl Mounted {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().expect("no holder panics")
    }

    fn attributes(&self, inode: Inode) -> Result<FileAttr, Refused> {
        match inode {
            CONTROL_INODE => Ok(attributes(inode, Some(0))),
            _ => Ok(attributes(inode, self.tree().length(inode)?)),
        }
    }

    fn entry(&self, made: Result<Inode, Refused>, reply: ReplyEntry) {
        match made.and_then(|inode| self.attributes(inode)) {
            Ok(attributes) => reply.entry(&TTL, &attributes, GENERATION),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    /// Carries out an order, and says what it has done.
    fn cut_power(&self, order: &[u8]) -> Result<(), Refused> {
        let path = Path::new(OsStr::from_bytes(order.trim_ascii()));
        let forgotten = self.tree().cut_power(path)?;
        println!(
            "power cut of {}: {} names and {} files were not as synced",
            path.display(),
            forgotten.names,
            forgotten.files
        );
        Ok(())
    }
}

fn done(result: Result<(), Refused>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(refused) => reply.error(errno(refused)),
    }
}

impl Filesystem for Mounted {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = match of(parent) {
            ROOT if name == CONTROL => Ok(CONTROL_INODE),
            parent => self.tree().find(parent, name),
        };
        self.entry(found, reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(of(ino)) {
            Ok(attributes) => reply.attr(&TTL, &attributes),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let inode = of(ino);
        let cut = match size.filter(|_| inode != CONTROL_INODE) {
            Some(size) => self.tree().contents(inode).map(|contents| contents.set_length(size)),
            None => Ok(()),
        };
        match cut.and_then(|()| self.attributes(inode)) {
            Ok(attributes) => reply.attr(&TTL, &attributes),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _mode: u32, _umask: u32, reply: ReplyEntry) {
        let made = self.tree().make_dir(of(parent), name);
        self.entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.tree().remove(of(parent), name), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.tree().remove_dir(of(parent), name), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        done(self.tree().rename((of(parent), name), (of(newparent), newname)), reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made = {
            let mut tree = self.tree();
            tree.create(of(parent), name).and_then(|inode| tree.open(inode).map(|()| inode))
        };
        match made.and_then(|inode| self.attributes(inode)) {
            Ok(attributes) => {
                reply.created(&TTL, &attributes, GENERATION, FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
            }
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let opened = match of(ino) {
            CONTROL_INODE => Ok(()),
            inode => self.tree().open(inode),
        };
        match opened {
            Ok(()) => reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.tree().close(of(ino));
        reply.ok();
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let count = usize::try_from(size).expect("a request fits into memory");
        match of(ino) {
            CONTROL_INODE => reply.data(&[]),
            inode => match self.tree().contents(inode) {
                Ok(contents) => reply.data(&contents.read(offset, count)),
                Err(refused) => reply.error(errno(refused)),
            },
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = match of(ino) {
            CONTROL_INODE => self.cut_power(data),
            inode => self.tree().contents(inode).map(|contents| contents.write(offset, data)),
        };
        match written {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("a request is not as large")),
            Err(refused) => reply.error(errno(refused)),
        }
    }

    fn flush(&self, _: &Request, _ino: INodeNo, _fh: FileHandle, _owner: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        done(self.tree().contents(of(ino)).map(|contents| contents.sync()), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _fh: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        done(self.tree().sync_dir(of(ino)), reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let tree = self.tree();
        let names = match tree.names(of(ino)) {
            Ok(names) => names,
            Err(refused) => return reply.error(errno(refused)),
        };
        // In order of numbers, of which each has one name: who removes what it has read misses nothing of the rest.
        let mut entries: Vec<(Inode, &OsStr)> = names.iter().map(|(name, inode)| (*inode, &**name)).collect();
        entries.extend([(Inode(1), OsStr::new(".")), (Inode(2), OsStr::new(".."))]);
        entries.sort_unstable();
        for (inode, name) in entries.into_iter().filter(|(inode, _)| inode.0 > offset) {
            let kind = match tree.length(inode) {
                Ok(Some(_)) => FileType::RegularFile,
                Ok(None) | Err(_) => FileType::Directory,
            };
            if reply.add(INodeNo(inode.0), inode.0, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}
