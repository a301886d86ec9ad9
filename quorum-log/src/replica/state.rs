//! What a replica's lock guards: the log's front, the watermark, the door, and those who wait.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;

use openraft::storage::IOFlushed;
use partition::error::Doubt;
use partition::ids::{ByteSize, Epoch, NodeId, Offset, Ordinal};
use partition::journeys::{Journeys, Placed};
use partition::log::{Log, LogError, SequenceCheck};
use partition::partition::{Acks, Appended, Placement};
use partition::record::Batch;
use tokio::sync::oneshot;

use super::Entered;
use super::electorates::Electorates;
use super::ticket::{Outcome, Reply, Ticket};
use crate::door::{Door, Leadership};
use crate::ledger::Ledger;
use crate::mutant::{Mutant, Mutated};
use crate::raft::{Control, Entry, LogId, Payload, Proposal, Types, Vote, VoteRecord, epoch_of, raft_node};
use crate::watermark::{Waiting, Watermark};

/// What the lock guards.
pub(super) struct State {
    /// `None` once it was given away to be closed.
    pub(super) log: Option<Log>,
    /// Why the replica has stopped, or is about to.
    pub(super) stopped: Option<String>,
    pub(super) watermark: Watermark,
    pub(super) vote: Option<Vote>,
    /// The last entry whose effects are durable: what a restart begins with.
    pub(super) applied: Option<LogId>,
    /// All below is given up, though segments may still hold it.
    pub(super) trimmed: Offset,
    /// Who has ever voted.
    pub(super) ever_voted: BTreeSet<u64>,
    /// Who votes, by this log.
    pub(super) electorates: Electorates,
    /// What followers have acknowledged, should this replica lead.
    pub(super) ledger: Ledger,
    pub(super) door: Door,
    flushes: VecDeque<Flush>,
    /// What the writer has not stored yet.
    pub(super) unstored: ByteSize,
    pub(super) awaiting_store: Waiting<Reply>,
    pub(super) awaiting_commit: Waiting<Reply>,
    /// The furthest end that was acknowledged as committed.
    pub(super) acknowledged: Offset,
    /// Bytes appended since the last flush was noted.
    appending: ByteSize,
    mutated: Mutated,
    /// What batches take to each copy, while this replica leads.
    pub(super) journeys: Journeys,
}

/// What openraft wants to hear when all below an offset is stored.
struct Flush {
    end: Offset,
    bytes: ByteSize,
    flushed: IOFlushed<Types>,
}

/// What appending an entry has brought to light.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Tickets that are decided, to be told once the lock is given back.
    pub(super) decided: Vec<(oneshot::Sender<Outcome>, Outcome)>,
    /// Whether a producer's last proposal has arrived.
    pub(super) last_of_a_producer: bool,
    /// What was in hand when the log failed.
    left: Option<Payload>,
}

impl State {
    pub(super) fn new(begin: super::Beginning, door: Door) -> Self {
        let super::Beginning { log, committed, high, vote, applied, trimmed, .. } = begin;
        Self {
            watermark: Watermark::new(committed, high, log.ordinals().end),
            log: Some(log),
            stopped: None,
            vote,
            applied,
            trimmed,
            ever_voted: begin.ever_voted,
            electorates: begin.electorates,
            ledger: Ledger::default(),
            door,
            flushes: VecDeque::new(),
            unstored: ByteSize::ZERO,
            awaiting_store: Waiting::default(),
            awaiting_commit: Waiting::default(),
            acknowledged: Offset::ZERO,
            appending: ByteSize::ZERO,
            mutated: begin.mutated,
            journeys: Journeys::default(),
        }
    }

    pub(super) fn log(&mut self) -> io::Result<&mut Log> {
        self.log.as_mut().ok_or_else(|| io::Error::other("the replica has stopped"))
    }

    /// Takes entries into the log, in order.
    pub(super) fn append(
        &mut self,
        entries: &mut impl Iterator<Item = Entry>,
        now_ms: i64,
        arrivals: &mut Arrivals,
    ) -> io::Result<()> {
        let mut placed = Vec::new();
        for Entry { log_id, payload } in entries {
            let next = self.watermark.next().plus(placed.len());
            assert_eq!(log_id.index, next.0, "raft's index counts the batches of this log");
            match payload {
                Payload::Placed(batch) => placed.push(batch),
                own => {
                    if let Err(error) = self.append_placed(&mut placed) {
                        arrivals.left = Some(own);
                        return Err(error);
                    }
                    self.append_own(own, epoch_of(log_id.leader_id.term), now_ms, arrivals)?;
                }
            }
        }
        self.append_placed(&mut placed)
    }

    /// As follower: these batches say where they lie, and the log insists on it (H-08).
    fn append_placed(&mut self, placed: &mut Vec<Batch>) -> io::Result<()> {
        if placed.is_empty() {
            return Ok(());
        }
        match self.log()?.append_placed(placed) {
            Ok(_) => {}
            Err(gap @ LogError::Gap { .. }) => panic!("raft and the log disagree about the log end: {gap}"),
            Err(error) => return Err(io::Error::other(error)),
        }
        for batch in placed.drain(..) {
            if let Some(Control::Membership(voters)) = Control::of_batch(&batch) {
                self.electorates.appended(self.watermark.next(), voters);
            }
            self.note(batch.next_offset(), batch.size());
        }
        Ok(())
    }

    /// As leader: places an entry of this epoch.
    fn append_own(
        &mut self,
        payload: Payload,
        epoch: Epoch,
        now_ms: i64,
        arrivals: &mut Arrivals,
    ) -> io::Result<()> {
        // Every voter writes the very first entry by itself: no clock may tell those copies apart.
        let now_ms = if epoch == Epoch::ZERO { 0 } else { now_ms };
        let control = match payload {
            Payload::Proposed(Proposal::Records { batch, ticket }) => {
                return self.append_records(&batch, ticket, epoch, now_ms, arrivals);
            }
            Payload::Proposed(Proposal::Trim(to)) => Control::Trim(to),
            Payload::Membership(voters) => Control::Membership((&voters).into()),
            Payload::Blank => Control::Blank,
            Payload::Placed(_) => unreachable!("a placed batch is a follower's"),
        };
        let entry = self.watermark.next();
        self.place(&control.to_batch(now_ms), epoch)?;
        if let Control::Membership(voters) = control {
            self.electorates.appended(entry, voters);
        }
        Ok(())
    }

    /// As leader: what openraft calls committed lies on the disks of a majority, by this replica's own count; in a release too
    /// . openraft counts who votes by the last entry that says so, and may have counted before that was appended.
    pub(super) fn check_quorum(&mut self, node: NodeId, entry: LogId, end: Offset) {
        let (epoch, last) = (epoch_of(entry.leader_id.term), Ordinal(entry.index));
        let leads = [Leadership::Elected { epoch }, Leadership::Leads { epoch }];
        if leads.contains(&self.door.leadership())
            && let Some(term) = self.vote.map(VoteRecord::from)
        {
            let stored = self.log.as_ref().is_some_and(|log| log.stored() >= end);
            let own = stored.then(|| raft_node(node));
            let mut electorates = self.electorates.candidates();
            let is_sound = electorates.any(|sets| self.ledger.is_on_quorum(term, sets, last, own));
            assert!(is_sound, "CommittedOnQuorum: entry {entry} is committed, by {:?}", self.ledger);
        }
        self.electorates.committed(last.next());
    }

    fn append_records(
        &mut self,
        batch: &Batch,
        ticket: Ticket,
        epoch: Epoch,
        now_ms: i64,
        arrivals: &mut Arrivals,
    ) -> io::Result<()> {
        let claim = ticket.arrived();
        arrivals.last_of_a_producer |= self.door.arrived(claim.size, claim.producer);
        let check = match batch.producer() {
            Some(stamp) => self.log()?.producers().check(stamp, batch.record_count()),
            None => SequenceCheck::Next,
        };
        if check == SequenceCheck::Next {
            let entry = self.watermark.next();
            let placement = self.place(batch, epoch)?;
            let end = placement.base.plus(batch.record_count());
            self.journeys.placed(claim.handed_in, Placed { end, entry });
            self.await_outcome(claim.acks, Reply { to: claim.to, placement, end });
            return Ok(());
        }
        // The door let it in as the next one of its producer, and the one before it was turned away. The entry has its
        // index, so something must stand there.
        self.place(&Control::Blank.to_batch(now_ms), epoch)?;
        match check {
            SequenceCheck::Next => unreachable!("handled above"),
            SequenceCheck::Duplicate { placement, end } => {
                self.await_outcome(claim.acks, Reply { to: claim.to, placement, end });
            }
            SequenceCheck::Refused(refusal) => arrivals.decided.push((claim.to, Err(refusal.into()))),
        }
        Ok(())
    }

    fn place(&mut self, batch: &Batch, epoch: Epoch) -> io::Result<Placement> {
        let placement = self.log()?.append_agreed(batch, epoch).map_err(io::Error::other)?;
        self.note(placement.base.plus(batch.record_count()), batch.size());
        Ok(placement)
    }

    fn note(&mut self, end: Offset, size: ByteSize) {
        self.watermark.appended(end);
        self.appending.0 += size.0;
    }

    /// What was appended until now is to be reported when it is stored.
    pub(super) fn note_flush(&mut self, flushed: IOFlushed<Types>) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.appending);
        let end = self.log()?.end();
        self.unstored.0 += bytes.0;
        self.flushes.push_back(Flush { end, bytes, flushed });
        Ok(())
    }

    /// What openraft wants to hear about all below `stored`: the newest will do, for completions are a watermark.
    pub(super) fn flushed(&mut self, stored: Offset) -> Option<IOFlushed<Types>> {
        let mut newest = None;
        while self.flushes.front().is_some_and(|flush| flush.end <= stored) {
            let flush = self.flushes.pop_front()?;
            self.unstored.0 -= flush.bytes.0;
            newest = Some(flush.flushed);
        }
        newest
    }

    /// Gives up all flushes that end beyond `to`: what they wrote was cut off.
    pub(super) fn drop_flushes(&mut self, to: Offset) -> Vec<IOFlushed<Types>> {
        let kept = self.flushes.partition_point(|flush| flush.end <= to);
        let dropped = self.flushes.drain(kept..);
        let unstored = &mut self.unstored;
        dropped.inspect(|flush| unstored.0 -= flush.bytes.0).map(|flush| flush.flushed).collect()
    }

    /// Those who waited for what lies beyond `to`, which was cut off.
    pub(super) fn doubt_beyond(&mut self, to: Offset, doubt: &Doubt) {
        for reply in self.awaiting_store.cut(to).chain(self.awaiting_commit.cut(to)) {
            reply.doubtful(doubt.clone());
        }
    }

    /// A duplicate is acknowledged when the first one would be (H-10).
    pub(super) fn await_duplicate(&mut self, acks: Acks, placement: Placement, end: Offset) -> Entered {
        let stored = self.log.as_ref().map_or(Offset::ZERO, Log::stored);
        let reached = match acks {
            Acks::Nobody => return Entered::Decided(Ok(Appended::Unplaced)),
            Acks::Leader => stored >= end,
            Acks::Committed => {
                self.watermark.high() >= end || self.mutated.breaks(Mutant::AnswerDuplicateAtOnce)
            }
        };
        if reached {
            if acks == Acks::Committed {
                self.acknowledged = self.acknowledged.max(end);
            }
            return Entered::Decided(Ok(Appended::Placed(placement)));
        }
        let (to, outcome) = oneshot::channel();
        self.await_outcome(acks, Reply { to, placement, end });
        Entered::Await(outcome)
    }

    /// Notes how far clients were told that it is committed.
    pub(super) fn note_acknowledged(&mut self, furthest: Option<&Reply>) {
        let end = furthest.map_or(Offset::ZERO, |reply| reply.end);
        self.acknowledged = self.acknowledged.max(end);
    }

    fn await_outcome(&mut self, acks: Acks, reply: Reply) {
        if let Some(reason) = &self.stopped {
            return reply.doubtful(Doubt::Stopped(reason.clone()));
        }
        match acks {
            // Its client was answered when it was proposed.
            Acks::Nobody => {}
            Acks::Leader => self.awaiting_store.insert(reply.end, reply),
            Acks::Committed => self.awaiting_commit.insert(reply.end, reply),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("watermark", &self.watermark).field("door", &self.door).finish()
    }
}
