//! Every disk that a power cut at one moment could leave.
//!
//! What was synced is there. Of the rest each sector of each write, each change of a file's length and each change of a
//! name is there or is not, in any combination: a disk writes what was not synced in whatever order it likes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::fault::FeltCounter;

use super::contents::{Change, Contents, SECTOR};
use super::{Inode, SimulatedDisk, State, Troubles};

/// How closely a file's unsynced bytes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Each sector may be lost by itself.
    Sectors,
    /// All or nothing, together with all other files of which this is said: nobody must rely on them.
    Together,
}

/// What chance decides when the power is cut.
#[derive(Clone, Debug)]
enum Undecided {
    /// Unsynced changes of files, by their places among the pieces of each.
    Changes(Vec<(Inode, usize)>),
    /// Whether these names are what they became.
    Names(Vec<PathBuf>),
}

/// All those disks, one after another. Two of them may be alike.
#[derive(Debug)]
pub(crate) struct CrashStates {
    /// As it is at that moment, with each write cut into pieces.
    now: State,
    undecided: Vec<Undecided>,
    next: u64,
}

/// More would be too many to look at: a run that leaves so much unsynced is no short one.
const UNDECIDED_MAX: usize = 20;

impl SimulatedDisk {
    /// Every disk that a power cut now could leave; `grain` says how closely to look at which file.
    pub(crate) fn crash_states(&self, grain: impl Fn(&Path) -> Grain) -> CrashStates {
        let mut now = self.state().clone();
        for file in now.inodes.values_mut() {
            file.unsynced = file.unsynced.iter().flat_map(Change::pieces).collect();
        }
        let mut undecided = Vec::new();
        let (mut names, mut contents) = (Vec::new(), Vec::new());
        let paths: BTreeSet<_> = now.names.keys().chain(now.durable_names.keys()).collect();
        let mut seen = BTreeSet::new();
        for path in paths {
            let (is, was) = (now.names.get(path), now.durable_names.get(path));
            match grain(path) {
                _ if is == was => {}
                Grain::Sectors => undecided.push(Undecided::Names(vec![path.clone()])),
                Grain::Together => names.push(path.clone()),
            }
            for inode in [is, was].into_iter().flatten().filter(|inode| seen.insert(**inode)) {
                let count = now.inodes.get(inode).map_or(0, |file| file.unsynced.len());
                let changes = (0..count).map(|at| (*inode, at));
                match grain(path) {
                    Grain::Sectors => {
                        undecided.extend(changes.map(|change| Undecided::Changes(vec![change])));
                    }
                    Grain::Together => contents.extend(changes),
                }
            }
        }
        if !names.is_empty() {
            undecided.push(Undecided::Names(names));
        }
        if !contents.is_empty() {
            undecided.push(Undecided::Changes(contents));
        }
        assert!(undecided.len() <= UNDECIDED_MAX, "{} pieces are unsynced: {undecided:?}", undecided.len());
        CrashStates { now, undecided, next: 0 }
    }
}

impl SimulatedDisk {
    /// One that holds the same.
    pub(crate) fn copied(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }
}

impl Change {
    /// What the disk does at once, or not at all.
    fn pieces(&self) -> Vec<Self> {
        let Self::Write { bytes, at } = self else { return vec![self.clone()] };
        let sector = usize::try_from(SECTOR).expect("small");
        let mut pieces = Vec::new();
        let mut from = 0;
        while from < bytes.len() {
            let to = bytes.len().min(from + sector - (at + from) % sector);
            pieces.push(Self::Write { bytes: bytes[from..to].into(), at: at + from });
            from = to;
        }
        pieces
    }
}

impl Iterator for CrashStates {
    type Item = SimulatedDisk;

    fn next(&mut self) -> Option<SimulatedDisk> {
        if self.next >> self.undecided.len() > 0 {
            return None;
        }
        let kept = |at: usize| self.next >> at & 1 == 1;
        let mut state = State::empty(Troubles::seeded(0, FeltCounter::default()), self.now.boot);
        state.next_inode = self.now.next_inode;
        state.dirs.clone_from(&self.now.dirs);
        state.names.clone_from(&self.now.durable_names);
        for (inode, file) in &self.now.inodes {
            state.inodes.insert(*inode, Contents::durable(file.durable.clone()));
        }
        for (_, undecided) in self.undecided.iter().enumerate().filter(|(at, _)| kept(*at)) {
            match undecided {
                Undecided::Changes(changes) => {
                    for (inode, change) in changes {
                        let file = state.inodes.get_mut(inode).expect("it was there a moment ago");
                        self.now.inodes[inode].unsynced[*change].apply(&mut file.durable);
                    }
                }
                Undecided::Names(paths) => {
                    for path in paths {
                        match self.now.names.get(path) {
                            Some(inode) => drop(state.names.insert(path.clone(), *inode)),
                            None => drop(state.names.remove(path)),
                        }
                    }
                }
            }
        }
        state.durable_names = state.names.clone();
        for file in state.inodes.values_mut() {
            *file = Contents::durable(std::mem::take(&mut file.durable));
        }
        self.next += 1;
        Some(SimulatedDisk(Arc::new(Mutex::new(state))))
    }
}
