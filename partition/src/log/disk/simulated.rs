//! Files in memory, kept twice: as a program sees them, and as a power cut would leave them.
//!
//! A write changes what is seen; only a sync carries it over. Names are no different: a file that was created, removed
//! or renamed is so for good once its directory was synced. [`SimulatedDisk::crash`] forgets the rest, and
//! [`SimulatedDisk::fault`] commits the faults of `partition::fault`.

mod contents;
#[cfg(test)]
mod states;
mod troubles;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile, DiskLock, OpenMode};
use crate::fault::{DiskFault, FeltCounter};
use crate::ids::ByteSize;
use crate::world::Random;

use contents::{Change, Contents};
use troubles::{Next, Reads, Room, Troubles};

#[cfg(test)]
pub(crate) use states::Grain;
pub(crate) use troubles::Slowness;

/// What a segment's name ends with: bits flip in segments only.
const SEGMENT: &str = "log";

/// One node's disk. Clones share it, so that it outlives the node.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Clone, Debug)]
struct State {
    troubles: Troubles,
    /// Raised by each crash: what was opened before is closed.
    boot: u64,
    inodes: BTreeMap<Inode, Contents>,
    next_inode: u64,
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, Inode>,
    durable_names: BTreeMap<PathBuf, Inode>,
    /// Held since which boot: a lock ends with the process that had it.
    locks: BTreeMap<PathBuf, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Inode(u64);

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self::seeded(0)
    }
}

impl SimulatedDisk {
    /// An empty disk. What its faults leave to chance, this seed decides.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::counted_by(seed, FeltCounter::default())
    }

    /// The same; how often its faults are felt is counted here.
    pub(crate) fn counted_by(seed: u64, felt: FeltCounter) -> Self {
        Self(Arc::new(Mutex::new(State::empty(Troubles::seeded(seed, felt), 0))))
    }

    /// Ends the process: what was open is closed, and all that was written stays.
    pub fn kill(&self) {
        self.state().end_process();
    }

    /// Cuts the power: what was not synced is gone, and what was open is closed.
    pub fn crash(&self) {
        let mut state = self.state();
        state.end_process();
        state.names = state.durable_names.clone();
        let State { inodes, names, .. } = &mut *state;
        let named: BTreeSet<_> = names.values().copied().collect();
        inodes.retain(|inode, _| named.contains(inode));
        inodes.values_mut().for_each(Contents::forget);
    }

    /// Cuts the power in the middle of what the disk does by itself, as its own chance has it.
    pub(crate) fn crash_by_chance(&self) {
        let random = self.state().troubles.random.clone();
        self.crash_midway(&random);
    }

    /// Cuts the power in the middle of what the disk does by itself: of what was not synced, chance keeps some, in any
    /// order, and tears a write between two sectors.
    pub fn crash_midway(&self, random: &Random) {
        let mut state = self.state();
        for file in state.inodes.values_mut() {
            file.sync_in_vain(random);
        }
        let State { names, durable_names, .. } = &mut *state;
        let touched: BTreeSet<PathBuf> = names.keys().chain(durable_names.keys()).cloned().collect();
        for path in touched {
            if names.get(&path) != durable_names.get(&path) && random.below(2) == 0 {
                match names.get(&path) {
                    Some(inode) => durable_names.insert(path, *inode),
                    None => durable_names.remove(&path),
                };
            }
        }
        drop(state);
        self.crash();
    }

    /// A copy of it as the next process finds it after a kill, which loses nothing that was written.
    #[cfg(test)]
    pub(crate) fn after_kill(&self) -> Self {
        let mut state = self.state().clone();
        state.boot += 1;
        Self(Arc::new(Mutex::new(state)))
    }

    /// A copy of it as the next process finds it after a power cut, which forgets what was not synced.
    #[cfg(test)]
    pub(crate) fn after_power_loss(&self) -> Self {
        let copy = self.after_kill();
        copy.crash();
        copy
    }

    /// Puts an empty disk in its place.
    pub fn wipe(&self) {
        let mut state = self.state();
        let Troubles { random, slowness, felt, .. } = state.troubles.clone();
        slowness.set(std::time::Duration::ZERO);
        let troubles = Troubles { random, slowness, ..Troubles::seeded(0, felt) };
        *state = State::empty(troubles, state.boot + 1);
    }

    /// Commits a fault, or ends it.
    pub fn fault(&self, fault: &DiskFault) {
        let mut state = self.state();
        match *fault {
            DiskFault::SlowSync { by } => state.troubles.slowness.set(by),
            DiskFault::SyncError => state.troubles.sync = Next::Fails,
            DiskFault::WriteError => state.troubles.write = Next::Fails,
            DiskFault::Full => state.troubles.room = Room::None,
            DiskFault::Freed => state.troubles.room = Room::Plenty,
            DiskFault::ShortReads => state.troubles.reads = Reads::Short,
            DiskFault::WholeReads => state.troubles.reads = Reads::Whole,
            DiskFault::FlipBit { at } => state.flip(at),
        }
    }

    /// How much longer each sync takes now, for who runs it.
    pub(crate) fn slowness(&self) -> Slowness {
        self.state().troubles.slowness.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }
}

impl State {
    fn empty(troubles: Troubles, boot: u64) -> Self {
        Self {
            troubles,
            boot,
            inodes: BTreeMap::new(),
            next_inode: 0,
            dirs: BTreeSet::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            locks: BTreeMap::new(),
        }
    }

    /// What was open is closed; an error that has met nobody yet meets nobody.
    fn end_process(&mut self) {
        self.boot += 1;
        (self.troubles.write, self.troubles.sync) = (Next::Works, Next::Works);
    }

    /// Changes one bit of what was written to the segments, counted over them in order of their names.
    fn flip(&mut self, at: ByteSize) {
        let is_segment = |path: &Path| path.extension().is_some_and(|extension| extension == SEGMENT);
        let segments = self.names.iter().filter(|(path, _)| is_segment(path)).map(|(_, inode)| *inode);
        let segments: Vec<Inode> = segments.collect();
        let written = |inode: &Inode| self.inodes.get(inode).map_or(0, |file| file.written() as u64);
        let Some(mut byte) = at.0.checked_rem(segments.iter().map(written).sum()) else { return };
        for inode in segments {
            let length = self.inodes.get(&inode).map_or(0, |file| file.written() as u64);
            if byte < length {
                let bit = u32::try_from(at.0 % 8).expect("less than eight");
                let file = self.inodes.get_mut(&inode).expect("its length was just asked");
                return file.flip(usize::try_from(byte).expect("within a file in memory"), bit);
            }
            byte -= length;
        }
    }

    fn forget_unnamed(&mut self, inode: Inode) {
        let named = |names: &BTreeMap<PathBuf, Inode>| names.values().any(|at| *at == inode);
        if !named(&self.names) && !named(&self.durable_names) {
            self.inodes.remove(&inode);
        }
    }

    fn in_dir<'a>(names: &'a BTreeMap<PathBuf, Inode>, dir: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let all = names.range::<Path, _>((std::ops::Bound::Included(dir), std::ops::Bound::Unbounded));
        all.map(|(path, _)| path)
            .take_while(move |path| path.starts_with(dir))
            .filter(move |path| path.parent() == Some(dir))
    }
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{}: no such file or directory", path.display()))
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let inode = match (state.names.get(path).copied(), mode) {
            (Some(inode), OpenMode::Existing | OpenMode::OrNew | OpenMode::Reading) => inode,
            (Some(_), OpenMode::New) => return Err(io::ErrorKind::AlreadyExists.into()),
            (None, OpenMode::Existing | OpenMode::Reading) => return Err(not_found(path)),
            (None, OpenMode::New | OpenMode::OrNew) => {
                let dir = path.parent().unwrap_or(Path::new(""));
                if !state.dirs.contains(dir) {
                    return Err(not_found(dir));
                }
                if state.troubles.room == Room::None {
                    return Err(state.troubles.no_room());
                }
                let inode = Inode(state.next_inode);
                state.next_inode += 1;
                state.inodes.insert(inode, Contents::default());
                state.names.insert(path.to_owned(), inode);
                inode
            }
        };
        let told = AtomicU32::new(state.inodes.get(&inode).map_or(0, |file| file.errors));
        Ok(Arc::new(SimulatedFile { disk: self.clone(), boot: state.boot, inode, mode, told }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.dirs.contains(dir) {
            return Err(not_found(dir));
        }
        let names = State::in_dir(&state.names, dir).filter_map(|path| path.file_name()?.to_str());
        Ok(names.map(str::to_owned).collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        if State::in_dir(&state.names, dir).next().is_some() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.dirs.remove(dir);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.names.remove(path).ok_or_else(|| not_found(path))?;
        state.forget_unnamed(inode);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inode = state.names.remove(from).ok_or_else(|| not_found(from))?;
        if let Some(replaced) = state.names.insert(to.to_owned(), inode) {
            state.forget_unnamed(replaced);
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let before: Vec<_> = State::in_dir(&state.durable_names, dir).cloned().collect();
        let now: Vec<_> = State::in_dir(&state.names, dir).cloned().collect();
        let gone: Vec<_> = before.iter().filter_map(|path| state.durable_names.remove(path)).collect();
        for path in now {
            let inode = state.names[&path];
            state.durable_names.insert(path, inode);
        }
        for inode in gone {
            state.forget_unnamed(inode);
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        let mut state = self.state();
        let boot = state.boot;
        if state.locks.get(path) == Some(&boot) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.locks.insert(path.to_owned(), boot);
        Ok(DiskLock::new(HeldLock { disk: self.clone(), boot, path: path.to_owned() }))
    }

    fn is_instant(&self) -> bool {
        true
    }
}

/// A lock that somebody holds.
#[derive(Debug)]
struct HeldLock {
    disk: SimulatedDisk,
    boot: u64,
    path: PathBuf,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.locks.get(&self.path) == Some(&self.boot) {
            state.locks.remove(&self.path);
        }
    }
}

/// An open file. It lives until the next crash, or (unlike on Unix) until its last name is gone.
#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    boot: u64,
    inode: Inode,
    mode: OpenMode,
    /// How many errors of the file's syncs it has reported, or were none of its own.
    told: AtomicU32,
}

impl SimulatedFile {
    fn change(&self, change: Change) -> io::Result<()> {
        if self.mode == OpenMode::Reading {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file was opened for reading"));
        }
        self.with(|file, troubles| {
            if let Change::Write { bytes, at } = &change {
                if troubles.write.fails() {
                    return Err(troubles.failed("a write"));
                }
                if troubles.room == Room::None && !file.has_room(at + bytes.len()) {
                    return Err(troubles.no_room());
                }
            }
            file.change(change);
            Ok(())
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Contents, &mut Troubles) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.boot != self.boot {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the node that opened this file crashed"));
        }
        let removed = || io::Error::new(io::ErrorKind::NotFound, "the file was removed");
        let State { inodes, troubles, .. } = &mut *state;
        work(inodes.get_mut(&self.inode).ok_or_else(removed)?, troubles)
    }
}

impl DiskFile for SimulatedFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.with(|file, troubles| {
            let rest = file.seen.get(at.as_len()..).unwrap_or_default();
            let count = troubles.give(rest.len().min(buffer.len()));
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        self.change(Change::Write { bytes: bytes.into(), at: at.as_len() })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|file, troubles| {
            if troubles.sync.fails() {
                file.sync_in_vain(&troubles.random);
                file.errors += 1;
            }
            if self.told.swap(file.errors, Ordering::Relaxed) != file.errors {
                return Err(troubles.failed("a sync"));
            }
            file.sync();
            Ok(())
        })
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.change(Change::Length(length.as_len()))
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.with(|file, _| Ok(ByteSize::of(&file.seen)))
    }
}

#[cfg(test)]
mod tests;
