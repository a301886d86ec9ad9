//! One node as the watch sees it, through all its lives.

use std::sync::Arc;

use isr_log::metadata::{PartitionState, Version};
use partition::ids::{Generation, NodeId, Offset, Ordinal};
use partition::log::Durability;
use partition::partition::Role;
use partition::probe::{BatchMark, Electorate, InSyncSet, Life, Probe, Snapshot, Vote};

use super::candidacy::Reached;
use super::mirror::Mirror;

/// What a node may lose when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing: it was stopped in order, and has said so on its disk.
    Nothing,
    /// Its process only: what it has written stays.
    Process,
    /// Its power: what was not synced may be gone.
    Power,
    /// Its disk: anything may be gone.
    Disk,
}

/// How the life before the present one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Former {
    /// There was none.
    None,
    /// In order.
    InOrder,
    /// Not so.
    Crash,
}

/// What a node that is down must still have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Keeps {
    /// What it had stored, and its vote.
    All,
    /// Its vote.
    Vote,
    /// Nothing.
    Nothing,
}

/// One node, through all its lives.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) node: NodeId,
    /// The probe of the life that runs, and the version that was seen last.
    probe: Option<(Arc<dyn Probe>, Option<u64>)>,
    /// How often it was started.
    pub(super) starts: u32,
    /// What was seen last in this life; none before it is open, and when it is down.
    pub(super) now: Option<Snapshot>,
    /// What was seen before that, in the same life.
    pub(super) before: Option<Snapshot>,
    /// The life that was seen last, and what it had stored: it stays when the node is down.
    pub(super) last_life: Option<Life>,
    pub(super) last_stored: Offset,
    pub(super) last_vote: Option<Vote>,
    /// How often the log had been cut by then.
    pub(super) last_generation: Generation,
    pub(super) log: Mirror,
    /// How far the log had come, and when.
    pub(super) reached: Reached,
    /// How the life before this one ended. A process that ended before it had opened its log lived no life: how the one
    /// before it ended still counts (H-03).
    pub(super) former: Former,
    /// Whether the log was opened since the node was started.
    opened: bool,
    /// Below it the log was compared with what is committed.
    pub(super) confirmed_to: Offset,
    /// Before it entries were compared with what others have applied.
    pub(super) applied_to: Ordinal,
    /// The least of what it must still have when it is opened again.
    pub(super) keeps: Keeps,
    /// Whether its disk was damaged in this life.
    damage: Option<Loss>,
    /// Since which version of the controllers it has been a replica, if it is one.
    since: Option<Version>,
    /// With which version it last ceased to be one.
    let_go: Option<Version>,
    /// Whether others rely on its log: not before it has counted as a replica, nor from when it ceased to be one until it counts
    /// again. It may hear late of either, and remove a log of an assignment that was taken back long ago.
    hold: Hold,
}

/// What a node is for the partition, by a decision of the controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// No replica.
    None,
    /// One since that version, that has yet to catch up.
    Copies(Version),
    /// One since that version, in sync or eligible.
    Counts(Version),
}

impl Place {
    pub(super) fn of(state: &PartitionState, node: NodeId) -> Self {
        let since = state.replica_since(node);
        match () {
            () if !state.spec.replicas.contains(&node) => Self::None,
            () if state.in_sync.contains_key(&node) || state.eligible.contains_key(&node) => {
                Self::Counts(since)
            }
            () => Self::Copies(since),
        }
    }

    fn since(self) -> Option<Version> {
        match self {
            Self::None => None,
            Self::Copies(since) | Self::Counts(since) => Some(since),
        }
    }
}

/// Whether a node has to keep its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Keeps,
    MayGo,
}

impl Sight {
    pub(super) fn of(node: NodeId) -> Self {
        Self {
            node,
            probe: None,
            starts: 0,
            now: None,
            before: None,
            last_life: None,
            last_stored: Offset::ZERO,
            last_vote: None,
            last_generation: Generation::ZERO,
            log: Mirror::default(),
            reached: Reached::default(),
            former: Former::None,
            opened: false,
            confirmed_to: Offset::ZERO,
            applied_to: Ordinal::ZERO,
            keeps: Keeps::All,
            damage: None,
            since: None,
            let_go: None,
            hold: Hold::Keeps,
        }
    }

    /// What the controllers have decided with this version. Whoever ceases to be a replica removes his log, also when he is made
    /// one again at once (S-09).
    pub(super) fn assigned(&mut self, place: Place, decided: Version) {
        let since = place.since();
        if self.since.is_some() && since != self.since {
            self.let_go = Some(decided);
            if self.now.is_none() {
                self.forget();
            }
        }
        self.hold = match place {
            Place::Counts(_) => Hold::Keeps,
            Place::Copies(_) if since == self.since => self.hold,
            Place::Copies(_) | Place::None => Hold::MayGo,
        };
        self.since = since;
    }

    /// Whether whoever knows no more than this version still counts on a log that was let go since.
    pub(super) fn was_let_go_after(&self, version: Version) -> bool {
        self.let_go.is_some_and(|let_go| let_go > version)
    }

    /// Nothing is expected of its disk.
    fn forget(&mut self) {
        self.keeps = Keeps::Nothing;
        self.log.cut(Offset::ZERO);
        (self.last_life, self.last_stored) = (None, Offset::ZERO);
    }

    pub(super) fn started(&mut self, probe: Arc<dyn Probe>) {
        self.probe = Some((probe, None));
        self.starts += 1;
    }

    /// The node is down; what is left of its log is what its disk holds.
    pub(super) fn ended(&mut self, loss: Loss, durability: Durability) {
        self.probe = None;
        self.closed();
        let keeps = match (self.damage.take().map_or(loss, |damage| damage.max(loss)), durability) {
            (Loss::Disk, _) => Keeps::Nothing,
            (Loss::Power, Durability::Cached) => Keeps::Vote,
            (Loss::Power, Durability::Synced) | (Loss::Nothing | Loss::Process, _) => Keeps::All,
        };
        if std::mem::take(&mut self.opened) {
            self.former = if loss == Loss::Nothing { Former::InOrder } else { Former::Crash };
        }
        self.keeps = self.keeps.max(keeps);
        if self.keeps != Keeps::All {
            self.log.cut(Offset::ZERO);
            (self.last_life, self.last_stored) = (None, Offset::ZERO);
        }
    }

    /// It serves nothing any more.
    pub(super) fn closed(&mut self) {
        (self.now, self.before) = (None, None);
        self.log.cut(self.last_stored);
        if self.hold == Hold::MayGo {
            self.forget();
        }
    }

    /// It is open: a life begins, with this log.
    pub(super) fn opened(&mut self, now: Snapshot, marks: Vec<BatchMark>) {
        self.opened = true;
        self.log.reread(now.log_start, now.first, marks);
        (self.confirmed_to, self.applied_to) = (now.log_start, Ordinal::ZERO);
        if self.keeps == Keeps::Nothing {
            self.last_vote = None;
        }
        self.keeps = Keeps::All;
        self.turned(now);
    }

    /// It has turned from what it was into this.
    pub(super) fn turned(&mut self, now: Snapshot) {
        (self.last_life, self.last_stored) = (now.life, now.stored);
        self.last_generation = now.generation;
        self.last_vote = now.vote.or(self.last_vote);
        self.before = self.now.replace(now);
    }

    /// A fault of the disk: what this life has stored may be gone when it ends.
    pub(super) fn damaged(&mut self) {
        self.damage = Some(Loss::Disk);
    }

    /// Looks again next time, whatever the version.
    pub(super) fn look_again(&mut self) {
        if let Some((_, seen)) = &mut self.probe {
            *seen = None;
        }
    }

    /// The probe, if there may be something else to see than last time.
    pub(super) fn changed(&mut self) -> Option<Arc<dyn Probe>> {
        let (probe, seen) = self.probe.as_mut()?;
        let version = probe.version();
        if *seen == Some(version) {
            return None;
        }
        *seen = Some(version);
        Some(Arc::clone(probe))
    }

    /// What it takes for committed, as far as is known.
    pub(super) fn high(&self) -> Offset {
        self.now.as_ref().map_or(Offset::ZERO, |now| now.high_watermark)
    }

    /// All below it is on its disk (under `Cached`: in its files), and is what was committed.
    pub(super) fn holds_to(&self) -> Offset {
        self.log.agreed_to().min(self.last_stored)
    }

    /// What it is while it leads.
    pub(super) fn leads(&self) -> Option<&Snapshot> {
        self.now.as_ref().filter(|now| now.role == Role::Leader)
    }

    /// A leader and the in-sync set that it sees.
    pub(super) fn leads_in_sync(&self) -> Option<(&Snapshot, &InSyncSet)> {
        let now = self.leads()?;
        match &now.electorate {
            Electorate::InSync(set) => Some((now, set)),
            Electorate::Unknown | Electorate::Voters(_) => None,
        }
    }

    /// Whether what is known of it is of that life, and was not lost since.
    pub(super) fn lives_as(&self, life: Life) -> bool {
        self.last_life == Some(life)
    }
}
