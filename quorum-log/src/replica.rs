//! One replica, between its clients, its log and openraft. Start reading here.
//!
//! openraft decides what an in-sync set's replica decides in its own `replica/`, and it is told what is so by what it calls:
//!
//! | openraft calls | when | what happens here |
//! |---|---|---|
//! | `save_vote` | it votes, is elected, or hears of a leader | [`store`](crate::store) makes it durable; [`Replica::voted`] opens or shuts the door |
//! | `append` | a leader took proposals; a follower took a leader's entries | [`Replica::append`]: batches into the log |
//! | `truncate_after` | a follower's tail contradicts its leader | [`Replica::truncate`] |
//! | `save_committed` | a majority has an entry, and the leader's term covers it | [`Replica::commit`]: the high watermark moves, clients are answered |
//! | `apply` | after that | [`store::machine`](crate::store::machine): who votes, and trims; records need nothing more |
//! | `purge` | a trim was applied | [`Replica::purge`] |
//!
//! So a client is answered from `save_committed`, in openraft's own task, and not from `apply`, two tasks later: the log
//! is the state, and there is nothing to apply. The other direction, what the disk has stored, comes from the log's
//! writer as an event ([`Replica::observe`]), and goes to openraft through the callback that came with the append.
//!
//! Which of openraft's parts answers which question, and where an in-sync set has its own answer:
//!
//! | question | openraft, in `src/` | set up or asked in | the same question to an in-sync set |
//! |---|---|---|---|
//! | who leads, and since when? | `engine/engine_impl.rs`, `vote/` | [`config`](crate::config), [`store::log`](crate::store::log) | a controller: `controller/image.rs` |
//! | is the leader missed? | `core/tick.rs`, the lease in `utime.rs` | [`Timing`](crate::Timing) | sessions: `controller/sessions.rs` |
//! | would I be elected? | `engine_impl.rs`, pre-vote | [`network`](crate::network), both ends | nobody stands; the controller picks |
//! | what may a follower keep? | `engine/handler/following_handler/` | [`Replica::truncate`] | `replica/truncation.rs` |
//! | who has how much? | `progress/`, `replication/` | [`ledger`](crate::ledger) counts it again | `replica/progress.rs` |
//! | what is committed? | `engine/handler/replication_handler/` | [`watermark`](crate::watermark); held against the ledger | `replica/watermark.rs` |
//! | who counts? | `membership/`, joint | [`operator`](crate::operator) | `replica/in_sync.rs` |
//! | does it still lead? | `raft/linearizable_read/` | [`Reads`](crate::Reads) | `replica/proof.rs` |
//! | what if one is far behind? | `core/sm/`, snapshots | [`store::kept`](crate::store::kept): where the log starts | the log start, by fetch |

pub(crate) mod electorates;
mod state;
mod ticket;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use openraft::storage::IOFlushed;
use partition::clock::Clock;
use partition::error::{Doubt, Refusal};
use partition::ids::{ByteSize, Epoch, NodeId, Offset, Ordinal, ProducerId};
use partition::journeys::Journeys;
use partition::log::{Durability, Log, LogEvent, LogReader, Producers};
use partition::partition::Append;
use partition::probe::{Electorate, Entries, Snapshot};
use partition::transport::Address;
use tokio::sync::{Notify, oneshot};

pub(crate) use ticket::Ticket;

use crate::door::{DiskHas, Door, Entrance, Leadership};
use crate::ledger::Memory;
use crate::mutant::{Mutant, Mutated};
use crate::probe::{self, Seen};
use crate::raft::{Entry, LogId, Proposal, Types, Vote, VoteRecord, VotersRecord, epoch_of, node_of};
use crate::watermark::Watermark;
use electorates::Electorates;
use state::{Arrivals, State};
use ticket::{Claim, TurnedAwayBy};
pub(crate) use ticket::{Handed, Outcome};

/// One replica, shared by the tasks that serve it. Its lock is held for a few operations in memory at a time.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) mutated: Mutated,
    durability: Durability,
    state: Mutex<State>,
    /// Raised each time that the state may have changed.
    version: AtomicU64,
    reader: LogReader,
    /// The high watermark moved, or never will again.
    pub(crate) committed: Notify,
    /// The log end moved, or never will again.
    pub(crate) appended: Notify,
    /// The writer has stored more, or never will again.
    pub(crate) stored: Notify,
    /// A producer's last proposal has arrived in the log, or none ever will again.
    pub(crate) arrived: Notify,
}

/// Where a replica begins when it is opened.
pub(crate) struct Beginning {
    pub(crate) log: Log,
    /// All entries before this are known to be committed,
    pub(crate) committed: Ordinal,
    /// and end here.
    pub(crate) high: Offset,
    pub(crate) vote: Option<Vote>,
    pub(crate) applied: Option<LogId>,
    pub(crate) trimmed: Offset,
    /// Who has ever voted, as far as it is applied.
    pub(crate) ever_voted: BTreeSet<u64>,
    /// Who votes, by the log as it was recovered.
    pub(crate) electorates: Electorates,
    pub(crate) durability: Durability,
    pub(crate) mutated: Mutated,
}

/// What became of a batch at the door.
pub(crate) enum Entered {
    /// Give this to raft, bound to this epoch, say that it was handed over, and await the outcome.
    Propose { proposal: Proposal, epoch: Epoch, handed: Handed, outcome: oneshot::Receiver<Outcome> },
    /// Nothing needs to be appended: await the outcome.
    Await(oneshot::Receiver<Outcome>),
    /// It is decided.
    Decided(Outcome),
    /// Wait for [`Replica::arrived`], and ask again.
    AskAgain(Append),
}

/// How far one replica's log reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: Offset,
    pub(crate) high: Offset,
    pub(crate) stored: Offset,
    pub(crate) end: Offset,
}

/// What a vote from before a restart makes of a replica: nothing. A leader's epoch ends with its process (H-01).
fn restored(node: NodeId, vote: Vote, mutated: Mutated) -> Option<Leadership> {
    let record = VoteRecord::from(vote);
    let led = record.elected && node_of(record.node) == node;
    (led && mutated.breaks(Mutant::RestoreLeader)).then_some(Leadership::Elected { epoch: record.epoch })
}

impl Replica {
    pub(crate) fn new(node: NodeId, clock: Clock, door: Door, begin: Beginning) -> Self {
        let (reader, mutated, durability) = (begin.log.reader(), begin.mutated, begin.durability);
        let mut door = door;
        if let Some(leadership) = begin.vote.and_then(|vote| restored(node, vote, mutated)) {
            door.set_leadership(leadership);
        }
        Self {
            node,
            clock,
            mutated,
            durability,
            state: Mutex::new(State::new(begin, door)),
            version: AtomicU64::new(0),
            reader,
            committed: Notify::new(),
            appended: Notify::new(),
            stored: Notify::new(),
            arrived: Notify::new(),
        }
    }

    /// To change something.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.version.fetch_add(1, Ordering::Relaxed);
        self.read()
    }

    /// To look only.
    fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("an assertion failed while the state was held: this replica is over")
    }

    pub(crate) fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// Decides about a client's batch.
    pub(crate) fn enter(self: &Arc<Self>, append: Append) -> Entered {
        let mut state = self.lock();
        if let Some(reason) = &state.stopped {
            return Entered::Decided(Err(Refusal::Stopped(reason.clone()).into()));
        }
        let State { door, log, unstored, .. } = &mut *state;
        let producers = log.as_ref().expect("a replica that has not stopped has its log").producers();
        match door.decide(&append.batch, producers, *unstored) {
            Entrance::Refused(refusal) => Entered::Decided(Err(refusal.into())),
            Entrance::AskAgain => Entered::AskAgain(append),
            Entrance::Duplicate { placement, end } => state.await_duplicate(append.acks, placement, end),
            Entrance::Propose { epoch } => {
                drop(state);
                let (to, outcome) = oneshot::channel();
                let producer = append.batch.producer().map(|stamp| stamp.id);
                let (size, handed_in) = (append.batch.size(), self.clock.now());
                let claim = Claim { to, acks: append.acks, size, handed_in, producer };
                let (ticket, handed) = Ticket::new(Arc::clone(self), claim);
                let proposal = Proposal::Records { batch: append.batch, ticket };
                Entered::Propose { proposal, epoch, handed, outcome }
            }
        }
    }

    /// A proposal came back: raft did not take it, or was not even given it for its queue was full.
    fn turned_away(&self, size: ByteSize, producer: Option<ProducerId>, by: TurnedAwayBy) -> Refusal {
        let mut state = self.lock();
        let last = state.door.arrived(size, producer);
        let refusal = match &state.stopped {
            Some(reason) => Refusal::Stopped(reason.clone()),
            None if by == TurnedAwayBy::Queue => Refusal::Overloaded,
            None => state.door.not_leader(),
        };
        drop(state);
        if last {
            self.arrived.notify_waiters();
        }
        refusal
    }

    /// Takes entries into the log, in order; they are readable when this returns, and stored when `flushed` is told.
    pub(crate) fn append(
        &self,
        entries: impl IntoIterator<Item = Entry>,
        flushed: IOFlushed<Types>,
    ) -> io::Result<()> {
        let mut entries = entries.into_iter();
        let mut arrivals = Arrivals::default();
        // Tickets are dropped, if at all, when the lock has been given back: a dropped ticket takes it.
        let taken = {
            let mut state = self.lock();
            let taken = state.append(&mut entries, self.clock.wall_ms(), &mut arrivals);
            taken.and_then(|()| state.note_flush(flushed))
        };
        for (to, outcome) in arrivals.decided {
            let _ = to.send(outcome);
        }
        self.appended.notify_waiters();
        if arrivals.last_of_a_producer {
            self.arrived.notify_waiters();
        }
        taken
    }

    /// Whether the writer is so far behind that an append had better wait for [`Replica::stored`].
    pub(crate) fn is_congested(&self, limit: ByteSize) -> bool {
        let state = self.read();
        state.stopped.is_none() && state.unstored > limit
    }

    /// Cuts off the entry `next` and all after it; the one before it ends at `to`.
    pub(crate) fn truncate(&self, next: Ordinal, to: Offset) -> io::Result<()> {
        let mut state = self.lock();
        state.log()?.truncate(to).map_err(io::Error::other)?;
        state.watermark.truncated(next);
        state.electorates.truncated(next);
        // Nobody may be told that what was cut off is stored, so these are never called.
        drop(state.drop_flushes(to));
        state.doubt_beyond(to, &Doubt::LeaderChanged);
        state.journeys.resigned();
        Ok(())
    }

    /// A vote is durable: somebody stands for election, or was elected.
    pub(crate) fn voted(&self, vote: Vote) {
        let record = VoteRecord::from(vote);
        let leader = node_of(record.node);
        let mut state = self.lock();
        let leadership = match (record.elected, leader == self.node) {
            (true, true) => Leadership::Elected { epoch: record.epoch },
            (true, false) => Leadership::Follows { leader: Some(leader) },
            (false, _) => Leadership::Follows { leader: None },
        };
        state.vote = Some(vote);
        state.door.set_leadership(leadership);
        // What is under way was this replica's as another epoch's leader, if it was one's.
        state.journeys.resigned();
    }

    /// The last vote that is durable.
    pub(crate) fn vote(&self) -> Option<Vote> {
        self.read().vote
    }

    /// What this replica is to the others.
    pub(crate) fn leadership(&self) -> Leadership {
        self.read().door.leadership()
    }

    /// All up to this entry is committed; it ends at `end`.
    pub(crate) fn commit(&self, entry: LogId, end: Offset) {
        let mut state = self.lock();
        if !state.watermark.commit(Ordinal(entry.index), end) {
            return;
        }
        state.check_quorum(self.node, entry, end);
        let epoch = epoch_of(entry.leader_id.term);
        if state.door.leadership() == (Leadership::Elected { epoch }) {
            state.door.set_leadership(Leadership::Leads { epoch });
        }
        let high = state.watermark.high();
        let replies: Vec<_> = state.awaiting_commit.reached(high).collect();
        state.note_acknowledged(replies.last());
        drop(state);
        replies.into_iter().for_each(ticket::Reply::placed);
        self.committed.notify_waiters();
    }

    /// Takes what the log's writer reports.
    pub(crate) fn observe(&self, event: LogEvent) {
        let mut state = self.lock();
        let Ok(log) = state.log() else { return };
        match log.observe(event) {
            Some(LogEvent::Failed(why)) => {
                drop(state);
                self.fail(&why);
            }
            Some(LogEvent::Stored { .. } | LogEvent::Truncated { .. } | LogEvent::Trimmed { .. }) => {
                let stored = log.stored();
                let flushed = state.flushed(stored);
                state.journeys.own(self.clock.now(), stored);
                let replies: Vec<_> = state.awaiting_store.reached(stored).collect();
                drop(state);
                if let Some(flushed) = flushed {
                    flushed.io_completed(Ok(()));
                }
                replies.into_iter().for_each(ticket::Reply::placed);
                self.stored.notify_waiters();
            }
            // What was proposed already waits for room in memory; openraft sees a slow disk.
            Some(LogEvent::Full(_)) => state.door.set_disk(DiskHas::None),
            Some(LogEvent::Roomy) => state.door.set_disk(DiskHas::Room),
            None => {}
        }
    }

    /// The disk failed: nothing more is stored, and nobody is told that anything was.
    pub(crate) fn fail(&self, why: &str) {
        self.stop(why);
        let flushes = self.lock().drop_flushes(Offset::ZERO);
        for flushed in flushes {
            flushed.io_completed(Err(io::Error::other(why.to_owned())));
        }
    }

    /// Shuts the door, and tells all who wait that it is over.
    pub(crate) fn stop(&self, why: &str) {
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| why.to_owned());
        state.doubt_beyond(Offset::ZERO, &Doubt::Stopped(why.to_owned()));
        drop(state);
        for waiters in [&self.committed, &self.appended, &self.stored, &self.arrived] {
            waiters.notify_waiters();
        }
    }

    /// What batches take from here to each copy, while this replica leads.
    pub(crate) fn journeys(&self) -> Journeys {
        self.read().journeys.clone()
    }

    /// Gives the log away, to be closed.
    pub(crate) fn take_log(&self) -> Option<Log> {
        self.lock().log.take()
    }

    /// The log starts again with the entry `next` at `base`; what was in it is not known any more.
    pub(crate) fn restart(
        &self,
        next: Ordinal,
        base: Offset,
        producers: Producers,
        voters: Option<(Ordinal, VotersRecord)>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        state.log()?.restart_with(base, next, producers).map_err(io::Error::other)?;
        state.watermark.restarted(next, base);
        state.electorates.restarted(voters);
        drop(state.drop_flushes(Offset::ZERO));
        state.doubt_beyond(Offset::ZERO, &Doubt::LeaderChanged);
        drop(state);
        self.committed.notify_waiters();
        Ok(())
    }

    /// Gives up what lies in the log below `to`; raft does not need it any more.
    pub(crate) fn purge(&self, to: Offset) -> io::Result<()> {
        self.lock().log()?.trim(to).map_err(io::Error::other)
    }

    /// What this entry asks for is done, and durable; `trimmed` is the first offset from here on.
    pub(crate) fn applied(&self, entry: LogId, trimmed: Offset) {
        let mut state = self.lock();
        state.applied = Some(entry);
        state.trimmed = state.trimmed.max(trimmed);
    }

    /// These have voted at some time, and their numbers are never given away again.
    pub(crate) fn note_ever_voted(&self, voters: &BTreeSet<u64>) {
        self.lock().ever_voted.extend(voters);
    }

    /// Who has ever voted, as far as it is applied here.
    pub(crate) fn ever_voted(&self) -> BTreeSet<u64> {
        self.read().ever_voted.clone()
    }

    /// A follower has stored all up to this entry, as it says to this leader.
    pub(crate) fn stored_by(&self, term: VoteRecord, follower: u64, last: Ordinal) {
        let mut state = self.lock();
        state.ledger.stored(term, follower, last);
        state.journeys.told(self.clock.now(), node_of(follower), |placed| placed.entry <= last);
    }

    /// A follower does not have this entry, as it says to this leader.
    pub(crate) fn lacked_by(&self, term: VoteRecord, follower: u64, entry: Ordinal) -> Memory {
        match self.durability {
            Durability::Synced => self.read().ledger.lacks(term, follower, entry),
            // Who does not sync may have forgotten, and be well: that is what was agreed to.
            Durability::Cached => Memory::Sound,
        }
    }

    /// A member was removed that never voted: should it be added again, it begins with nothing.
    pub(crate) fn forget(&self, member: u64) {
        self.lock().ledger.forget(member);
    }

    /// Who votes, by the last entry that says so, and where all members listen.
    pub(crate) fn members(&self) -> (Vec<BTreeSet<u64>>, BTreeMap<u64, Address>) {
        let state = self.read();
        let latest = state.electorates.latest();
        latest.map(|voters| (voters.sets().to_vec(), voters.members().clone())).unwrap_or_default()
    }

    /// The last entry that was applied.
    pub(crate) fn last_applied(&self) -> Option<LogId> {
        self.read().applied
    }

    /// Raised each time that there may be something else to see.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// What this replica is and has, for a harness; none once it has stopped.
    pub(crate) fn look(&self, voters: impl FnOnce() -> Electorate) -> Option<Snapshot> {
        let state = self.read();
        let log = state.log.as_ref().filter(|_| state.stopped.is_none())?;
        let entries = Entries {
            committed: state.watermark.committed(),
            applied: probe::after(state.applied.map(|applied| applied.index)),
        };
        let seen = Seen {
            node: self.node,
            log,
            vote: state.vote.map(VoteRecord::from),
            leadership: state.door.leadership(),
            high: state.watermark.high(),
            entries,
            acknowledged: state.acknowledged,
        };
        Some(seen.with(voters))
    }

    /// Looks at the log.
    pub(crate) fn with_log<T>(&self, look: impl FnOnce(&Log) -> T) -> io::Result<T> {
        Ok(look(self.read().log()?))
    }

    /// Looks at the watermark.
    pub(crate) fn with_watermark<T>(&self, look: impl FnOnce(&Watermark) -> T) -> T {
        look(&self.read().watermark)
    }

    /// How far the log reaches; or why the replica has stopped.
    pub(crate) fn extent(&self) -> Result<Extent, String> {
        let mut state = self.read();
        if let Some(reason) = &state.stopped {
            return Err(reason.clone());
        }
        let (trimmed, high) = (state.trimmed, state.watermark.high());
        let log = state.log().map_err(|error| error.to_string())?;
        let start = log.start().max(trimmed);
        Ok(Extent { start, high: high.max(start), stored: log.stored(), end: log.end() })
    }
}
