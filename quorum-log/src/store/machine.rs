//! What applying an entry does: it notes who votes, and moves the log start. Records need nothing more.

use std::io;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use openraft::{OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta};
use partition::ids::{Offset, Ordinal};
use partition::log::Log;
use partition::meta::TwoSlotFile;
use tokio::sync::mpsc;

use super::kept::{Beginning, Kept, KeptVoters, Start};
use super::reader::Reader;
use crate::mutant::Mutant;
use crate::raft::{Control, Entry, LogId, LogStart, Payload, Place, StoredVoters, Types, epoch_of};
use crate::replica::Replica;

/// The state machine: it has no state but the log.
#[derive(Debug)]
pub(crate) struct Machine {
    reader: Reader,
    file: TwoSlotFile<Kept>,
    kept: Kept,
    applied: Option<LogId>,
    /// Tells that the log start was moved, so that raft may give up what lies before it.
    trims: mpsc::UnboundedSender<()>,
}

impl Machine {
    pub(super) fn new(
        replica: Arc<Replica>,
        file: TwoSlotFile<Kept>,
        applied: Option<LogId>,
        trims: mpsc::UnboundedSender<()>,
    ) -> Self {
        let kept = file.get().cloned().unwrap_or_default();
        Self { reader: Reader { replica }, file, kept, applied, trims }
    }

    async fn keep(&mut self) -> io::Result<()> {
        self.file.store(self.kept.clone()).await.map_err(io::Error::other)
    }

    /// The first offset that may be read.
    fn first(&self) -> Offset {
        self.kept.start.map_or(Offset::ZERO, |start| start.first)
    }

    async fn apply_one(&mut self, entry: &Entry) -> io::Result<()> {
        if let Some(voters) = entry.get_membership() {
            self.kept.set_voters(&StoredVoters::new(Some(entry.log_id), voters));
            self.keep().await?;
            self.reader.replica.note_ever_voted(&self.kept.ever_voted);
        }
        if let Payload::Placed(batch) = &entry.payload
            && let Some(Control::Trim(to)) = Control::of_batch(batch)
            && to > self.first()
        {
            let start = self.find_start(to).await?;
            let voters = match self.kept.voters_before(&start) {
                Some(voters) => voters,
                None => self.find_voters_before(&start).await?,
            };
            self.kept.set_start(start, voters);
            self.keep().await?;
            // The receiver ends with the replica.
            let _ = self.trims.send(());
        }
        Ok(())
    }

    /// The entry that holds `to`, found by halving: entries have no fixed size.
    async fn find_start(&self, to: Offset) -> io::Result<Start> {
        let have = self.reader.replica.with_log(Log::ordinals)?;
        let (mut low, mut high) = (have.start.0, have.end.0);
        // The first entry that ends beyond `to` lies in low..=high; the trim's own entry does.
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.reader.end_of(Ordinal(middle)).await? > to {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let entry = Ordinal(low);
        let base = self.reader.batch(entry).await?.base_offset();
        let before = match self.kept.start {
            Some(start) if start.entry == entry => start.before,
            _ => match low.checked_sub(1) {
                Some(before) => {
                    let epoch = self.reader.batch(Ordinal(before)).await?.epoch();
                    Some(Place { epoch, ordinal: Ordinal(before) })
                }
                None => None,
            },
        };
        Ok(Start { first: to, entry, base, before })
    }

    /// Who voted at the entry before a new start, when somebody was voted in or out after it: read from what is about to be
    /// given up, each entry of which is read for this at most once.
    async fn find_voters_before(&self, start: &Start) -> io::Result<Option<KeptVoters>> {
        let mut found = self.kept.at_start().cloned();
        let mut next = self.reader.replica.with_log(Log::ordinals)?.start;
        while next < start.entry {
            let entries = self.reader.some(next, start.entry).await?;
            next = next.plus(entries.len());
            for entry in entries {
                if let Some(voters) = entry.get_membership() {
                    found = KeptVoters::of(&StoredVoters::new(Some(entry.log_id), voters));
                }
            }
        }
        Ok(found)
    }

    /// What openraft's suite takes for a snapshot: the log starts after what was applied, be that nothing.
    #[cfg(test)]
    pub(super) fn suites_builder(&mut self) -> Builder {
        let here = self.first();
        let entry = self.applied.map_or(Ordinal::ZERO, |before| Ordinal(before.index).next());
        let start = Start { first: here, entry, base: here, before: self.applied.map(Place::from) };
        self.kept.set_start(start, self.kept.voters.clone());
        let meta = SnapshotMeta { last_log_id: self.applied, last_membership: self.kept.stored_voters() };
        let ever_voted = self.kept.ever_voted.clone();
        let snapshot = Beginning { start, producers: partition::log::Producers::default(), ever_voted };
        Builder(Ok(Snapshot { meta, snapshot }))
    }

    fn snapshot(&self) -> io::Result<Option<SnapshotOf<Types, Beginning>>> {
        let Some(mut start) = self.kept.start.filter(|start| start.before.is_some()) else { return Ok(None) };
        let mut last_membership = self.kept.voters_at_start();
        if self.reader.replica.mutated.breaks(Mutant::SnapshotAtLastApplied) {
            start = self.after_last_applied().unwrap_or(start);
            last_membership = self.kept.stored_voters();
        }
        let producers = self.reader.replica.with_log(|log| match log.start() == start.base {
            true => log.producers_at_start().clone(),
            false => log.producers().as_of(start.base),
        })?;
        let meta = SnapshotMeta { last_log_id: start.before(), last_membership };
        let ever_voted = self.kept.ever_voted.clone();
        Ok(Some(Snapshot { meta, snapshot: Beginning { start, producers, ever_voted } }))
    }
}

impl Machine {
    /// The start that a snapshot of the last applied entry would claim, and with which a hole would begin (H-09).
    fn after_last_applied(&self) -> Option<Start> {
        let before = self.applied.map(Place::from)?;
        let end = self.reader.replica.with_watermark(|watermark| watermark.end_of(before.ordinal))?;
        Some(Start { first: end, entry: before.ordinal.next(), base: end, before: Some(before) })
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Beginning;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredVoters), io::Error> {
        Ok((self.applied, self.kept.stored_voters()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.apply_one(&entry).await?;
            self.applied = Some(entry.log_id);
            if let Some(responder) = responder {
                // A reader must not see what the answer says is gone.
                self.reader.replica.applied(entry.log_id, self.first());
                responder.send(LogStart(self.first()));
            }
        }
        if let Some(applied) = self.applied {
            self.reader.replica.applied(applied, self.first());
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let untrimmed =
            || io::Error::other("the log was never trimmed: there is nothing to say of its start");
        Builder(self.snapshot().and_then(|snapshot| snapshot.ok_or_else(untrimmed)))
    }

    /// The leader's log starts beyond what this replica has: begin where it does.
    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMetaOf<Types>,
        beginning: Beginning,
    ) -> Result<(), io::Error> {
        let Beginning { start, producers, ever_voted } = beginning;
        self.kept.set_voters(&meta.last_membership);
        self.kept.ever_voted.extend(ever_voted);
        self.kept.set_start(start, self.kept.voters.clone());
        self.keep().await?;
        self.reader.replica.note_ever_voted(&self.kept.ever_voted);
        let Some(before) = meta.last_log_id else { return Ok(()) };
        if self.holds(before).await? {
            // Whoever has what a snapshot speaks for may not have heard yet that it is committed.
            self.reader.replica.commit(before, start.base);
        } else {
            // Not durable yet, but in order before all that is appended from now on; and what was kept above brings a
            // restart here again.
            let voters = self.kept.voters.as_ref().map(KeptVoters::entry);
            self.reader.replica.restart(start.entry, start.base, producers, voters)?;
        }
        self.applied = Some(before);
        self.reader.replica.applied(before, start.first);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, Beginning>>, io::Error> {
        self.snapshot()
    }
}

impl Machine {
    /// Whether the log has this very entry, so that what follows it may stay.
    async fn holds(&self, entry: LogId) -> io::Result<bool> {
        let ordinal = Ordinal(entry.index);
        if !self.reader.replica.with_log(Log::ordinals)?.contains(&ordinal) {
            return Ok(false);
        }
        Ok(self.reader.batch(ordinal).await?.epoch() == epoch_of(entry.leader_id.term))
    }
}

/// A snapshot is small, and there already.
#[derive(Debug)]
pub(crate) struct Builder(io::Result<SnapshotOf<Types, Beginning>>);

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Beginning;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, Beginning>, io::Error> {
        std::mem::replace(&mut self.0, Err(io::Error::other("a snapshot is built once")))
    }
}
