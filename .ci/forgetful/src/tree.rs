//! A tree of files twice: as programs see it, and as a power cut leaves it.
//!
//! ```text
//!   write, truncate ──> seen contents  ── fsync or fdatasync of the file ──> durable contents
//!   create, mkdir, rename, unlink ──> seen names ── fsync of the directory ──> durable names
//!                                                          power cut: seen := durable
//! ```
//! A sync of a file makes no name durable, and a sync of a directory no contents: that is all that POSIX promises. Each name is
//! for itself: a rename between two directories may survive in one of them, in both or in neither.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::contents::Contents;

/// A file or directory, whatever its names. Numbers are not used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(pub u64);

/// The directory that has no name.
pub const ROOT: Inode = Inode(1);
/// The first that is given to a file.
const FIRST: u64 = 16;

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    Exists,
    NotEmpty,
    NotADirectory,
    IsADirectory,
}

/// What a node is.
#[derive(Debug)]
enum Kind {
    File(Contents),
    Directory { seen: Names, durable: Names },
}

type Names = BTreeMap<OsString, Inode>;

/// Which names of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Seen,
    Durable,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// How many names it has, seen and durable.
    named: usize,
    /// How often it is open.
    open: usize,
}

/// What a power cut has forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Names that were made, removed or changed.
    pub names: usize,
    /// Files that were written or cut.
    pub files: usize,
}

/// All files.
#[derive(Debug)]
pub struct Tree {
    nodes: BTreeMap<Inode, Node>,
    next: u64,
}

impl Default for Tree {
    fn default() -> Self {
        let kind = Kind::Directory { seen: Names::new(), durable: Names::new() };
        Self { nodes: BTreeMap::from([(ROOT, Node { kind, named: 1, open: 0 })]), next: FIRST }
    }
}

impl Tree {
    /// Who has this name.
    pub fn find(&self, dir: Inode, name: &OsStr) -> Result<Inode, Refused> {
        self.names(dir)?.get(name).copied().ok_or(Refused::NotFound)
    }

    /// The names in a directory.
    pub fn names(&self, dir: Inode) -> Result<&BTreeMap<OsString, Inode>, Refused> {
        match &self.node(dir)?.kind {
            Kind::Directory { seen, .. } => Ok(seen),
            Kind::File(_) => Err(Refused::NotADirectory),
        }
    }

    /// Whether it is a directory; else how long it is.
    pub fn length(&self, inode: Inode) -> Result<Option<u64>, Refused> {
        match &self.node(inode)?.kind {
            Kind::Directory { .. } => Ok(None),
            Kind::File(contents) => Ok(Some(contents.length())),
        }
    }

    pub fn create(&mut self, dir: Inode, name: &OsStr) -> Result<Inode, Refused> {
        self.make(dir, name, Kind::File(Contents::default()))
    }

    pub fn make_dir(&mut self, dir: Inode, name: &OsStr) -> Result<Inode, Refused> {
        self.make(dir, name, Kind::Directory { seen: Names::new(), durable: Names::new() })
    }

    fn make(&mut self, dir: Inode, name: &OsStr, kind: Kind) -> Result<Inode, Refused> {
        if self.names(dir)?.contains_key(name) {
            return Err(Refused::Exists);
        }
        let inode = Inode(self.next);
        self.next += 1;
        self.nodes.insert(inode, Node { kind, named: 0, open: 0 });
        self.name(dir, Which::Seen, name, Some(inode));
        Ok(inode)
    }

    pub fn remove(&mut self, dir: Inode, name: &OsStr) -> Result<(), Refused> {
        match self.length(self.find(dir, name)?)? {
            Some(_) => Ok(self.name(dir, Which::Seen, name, None)),
            None => Err(Refused::IsADirectory),
        }
    }

    pub fn remove_dir(&mut self, dir: Inode, name: &OsStr) -> Result<(), Refused> {
        if !self.names(self.find(dir, name)?)?.is_empty() {
            return Err(Refused::NotEmpty);
        }
        self.name(dir, Which::Seen, name, None);
        Ok(())
    }

    /// Another name, in place of one that has it.
    pub fn rename(&mut self, from: (Inode, &OsStr), to: (Inode, &OsStr)) -> Result<(), Refused> {
        let inode = self.find(from.0, from.1)?;
        match self.find(to.0, to.1) {
            Ok(there) if there == inode => return Ok(()),
            Ok(there) if self.names(there).is_ok_and(|names| !names.is_empty()) => {
                return Err(Refused::NotEmpty);
            }
            Ok(_) | Err(Refused::NotFound) => {}
            Err(refused) => return Err(refused),
        }
        self.name(to.0, Which::Seen, to.1, Some(inode));
        self.name(from.0, Which::Seen, from.1, None);
        Ok(())
    }

    /// The contents of a file.
    pub fn contents(&mut self, inode: Inode) -> Result<&mut Contents, Refused> {
        match &mut self.nodes.get_mut(&inode).ok_or(Refused::NotFound)?.kind {
            Kind::File(contents) => Ok(contents),
            Kind::Directory { .. } => Err(Refused::IsADirectory),
        }
    }

    /// Somebody has it open: it lives on without a name.
    pub fn open(&mut self, inode: Inode) -> Result<(), Refused> {
        self.nodes.get_mut(&inode).ok_or(Refused::NotFound)?.open += 1;
        Ok(())
    }

    pub fn close(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.open = node.open.saturating_sub(1);
        }
        self.end_if_nobody_has(inode);
    }

    /// The names in a directory are durable as they are seen.
    pub fn sync_dir(&mut self, dir: Inode) -> Result<(), Refused> {
        for (name, seen) in self.differing(dir)? {
            self.name(dir, Which::Durable, &name, seen.seen);
        }
        Ok(())
    }

    /// Cuts the power of what lies at and below this path, its own name included.
    pub fn cut_power(&mut self, path: &Path) -> Result<Forgotten, Refused> {
        let mut above = None;
        let mut inode = ROOT;
        for name in path.iter().filter(|name| *name != ".") {
            above = Some((inode, name));
            inode = self.find(inode, name)?;
        }
        let mut forgotten = Forgotten::default();
        self.forget(inode, &mut forgotten);
        if let Some((dir, name)) = above {
            let durable = self.durable(dir)?.get(name).copied();
            if durable != Some(inode) {
                forgotten.names += 1;
                self.name(dir, Which::Seen, name, durable);
            }
        }
        Ok(forgotten)
    }

    fn forget(&mut self, inode: Inode, forgotten: &mut Forgotten) {
        if let Ok(contents) = self.contents(inode) {
            forgotten.files += usize::from(contents.forget());
            return;
        }
        let (Ok(seen), Ok(durable)) = (self.names(inode), self.durable(inode)) else { return };
        let below: BTreeSet<Inode> = seen.values().chain(durable.values()).copied().collect();
        for inode in below {
            self.forget(inode, forgotten);
        }
        for (name, differs) in self.differing(inode).unwrap_or_default() {
            forgotten.names += 1;
            self.name(inode, Which::Seen, &name, differs.durable);
        }
    }

    fn node(&self, inode: Inode) -> Result<&Node, Refused> {
        self.nodes.get(&inode).ok_or(Refused::NotFound)
    }

    fn durable(&self, dir: Inode) -> Result<&Names, Refused> {
        match &self.node(dir)?.kind {
            Kind::Directory { durable, .. } => Ok(durable),
            Kind::File(_) => Err(Refused::NotADirectory),
        }
    }

    /// The names that are seen otherwise than they are durable.
    fn differing(&self, dir: Inode) -> Result<Vec<(OsString, Differs)>, Refused> {
        let (seen, durable) = (self.names(dir)?, self.durable(dir)?);
        let all: BTreeSet<&OsString> = seen.keys().chain(durable.keys()).collect();
        let both = all.into_iter().map(|name| {
            let differs = Differs { seen: seen.get(name).copied(), durable: durable.get(name).copied() };
            (name.clone(), differs)
        });
        Ok(both.filter(|(_, differs)| differs.seen != differs.durable).collect())
    }

    /// Gives a name to somebody, or to nobody; who had it may end by that.
    fn name(&mut self, dir: Inode, which: Which, name: &OsStr, to: Option<Inode>) {
        let node = self.nodes.get_mut(&dir).expect("a directory that was just looked into");
        let Kind::Directory { seen, durable } = &mut node.kind else {
            panic!("a directory that was just looked into");
        };
        let names = if which == Which::Seen { seen } else { durable };
        let before = match to {
            Some(inode) => names.insert(name.to_owned(), inode),
            None => names.remove(name),
        };
        if let Some(node) = to.and_then(|inode| self.nodes.get_mut(&inode)) {
            node.named += 1;
        }
        if let Some(before) = before {
            self.unname(before);
        }
    }

    fn unname(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.named -= 1;
        }
        self.end_if_nobody_has(inode);
    }

    fn end_if_nobody_has(&mut self, inode: Inode) {
        if !self.nodes.get(&inode).is_some_and(|node| node.named == 0 && node.open == 0) {
            return;
        }
        let ended = self.nodes.remove(&inode).expect("it was there");
        if let Kind::Directory { seen, durable } = ended.kind {
            seen.into_values().chain(durable.into_values()).for_each(|inode| self.unname(inode));
        }
    }
}

/// Who has a name.
#[derive(Clone, Copy, Debug)]
struct Differs {
    seen: Option<Inode>,
    durable: Option<Inode>,
}

#[cfg(test)]
mod tests;
