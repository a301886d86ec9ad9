//! One replica's decisions, and nothing else: `step(now, log, event) -> commands`.
//!
//! ```text
//!    decisions read, records placed, syncs done,           append, cut, trim, send, answer,
//!    fetches, reports, replies, time passed                propose, commit, fail
//!               │ Event                                            ▲ Command
//!               ▼                                                  │
//!        ┌─ Replica ──────────────────────────────────────────────────────────┐
//!        │   Idle ⇄ Follower ⇄ Leader ⇄ Polled   one of them, by the newest   │
//!        │                                   PartitionState that was read     │
//!        └────────────────────────────────────────────────────────────────────┘
//! ```
//! No clock, no I/O, no chance, no bytes of records: it knows offsets and epochs. What a log holds it sees through
//! [`LogView`], so that there is one account of it and not two. Commands are carried out at once, in order; what they
//! bring about comes back as an event.

mod follower;
mod in_sync;
mod leader;
mod polled;
mod progress;
mod proof;
mod rules;
mod throttle;
mod truncation;
mod watermark;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use partition::clock::{BootMoment, Moment};
use partition::error::{Doubt, Refusal};
use partition::ids::{ByteSize, Epoch, NodeId, Offset};
use partition::log::EpochHistory;
use partition::partition::{Acks, Role as RoleName};
use partition::probe::Electorate;

use crate::message::{Confirm, ConfirmReply, Fetch, FetchNumber, FetchRefusal, FetchReply, News, Report};
pub use crate::metadata::Members;
use crate::metadata::{Incarnation, LogEnd, PartitionState, Version};

use crate::mutant::{Mutant, Mutated};

use follower::{Follower, Follows};
pub use in_sync::{Proposal, ProposalOutcome};
use leader::Leader;
use polled::Polled;
pub use proof::Round;
pub use rules::Rules;
pub use throttle::CatchUpRate;
use throttle::Standing;

/// What the replica's log is at the moment of a step.
#[derive(Clone, Copy, Debug)]
pub struct LogView<'a> {
    /// The first offset there is.
    pub start: Offset,
    /// No crash makes it start below this: behind `start` while a trim is on its way to the disk.
    pub durable_start: Offset,
    /// The next offset (LEO).
    pub end: Offset,
    /// All below it is stored to the log's promise of durability; never beyond `end`.
    pub durable: Offset,
    /// Which epoch began where.
    pub epochs: &'a EpochHistory,
}

/// After a fetch that failed or was refused, the next one waits so long: an election takes longer than this.
const FETCH_RETRY: Duration = Duration::from_millis(20);
/// A proposal of unknown outcome is sent again after so long; it names its version, so it cannot count twice.
const PROPOSAL_RETRY: Duration = Duration::from_millis(500);
/// Who was refused as a member is not proposed again for so long: he has to register, or catch up, first.
const JOINER_BARRED: Duration = Duration::from_millis(500);
/// News without records (a moved high watermark) waits so long for records to ride with. Readers of followers see it;
/// no acknowledgement waits for it.
const NEWS_DELAY: Duration = Duration::from_millis(5);
/// What a member has said that it has is said again after so long, until it is on record.
const POLL_RETRY: Duration = Duration::from_millis(200);
/// A leader whose disk did not take its first batch tries again after so long.
const BEGIN_RETRY: Duration = Duration::from_millis(200);
/// A proof of leadership that a member has not answered is asked again after so long.
const CONFIRM_RETRY: Duration = Duration::from_millis(100);

/// Names a fetch that a leader holds, until it is answered. The runtime numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchId(pub u64);

/// What has happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The controllers' newest decision about the partition was read.
    Decided(Arc<PartitionState>),
    /// Records were placed at the log end, by this leader or out of a fetch.
    Appended,
    /// The log's durable end has moved.
    Stored,
    /// As leader: all below, which is committed, may be given up.
    Trim(Offset),
    /// The log's durable start has moved.
    Trimmed,
    /// A follower fetches.
    Fetch(FetchId, Fetch),
    /// A follower reports.
    Report(Report),
    /// The leader has answered the fetch of that epoch, with so many bytes of records.
    Fetched(Epoch, FetchReply, ByteSize),
    /// The fetch of that epoch was lost, or what it brought could not be appended.
    FetchFailed(Epoch),
    /// The controllers have answered a proposal.
    Proposed(Proposal, ProposalOutcome),
    /// A read wants proof that this replica leads.
    Prove,
    /// Until then nobody takes leadership from this replica, whatever it leads by what was decided before; not so any more.
    Leased(Option<BootMoment>),
    /// A member confirms, in this life, what was asked in this round.
    Confirmed(Round, NodeId, Incarnation),
    /// Time has passed.
    Tick,
}

/// What is to be done, at once and in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Answer a held fetch with records from this offset up to the log end, or with none when there are none.
    Serve {
        /// Which fetch.
        fetch: FetchId,
        /// The first record wanted.
        from: Offset,
        /// About how much it takes.
        max_bytes: ByteSize,
        /// What goes with them.
        news: News,
    },
    /// Answer a held fetch without records.
    Answer(FetchId, FetchReply),
    /// Send a fetch to this leader; a fetch sent before is forgotten.
    SendFetch(NodeId, Fetch),
    /// Send a report to this leader.
    SendReport(NodeId, Report),
    /// Append the records that came with the reply, then say [`Event::Appended`], or [`Event::FetchFailed`].
    AppendFetched,
    /// Cut the log here.
    Truncate(Offset),
    /// Empty the log, and start it again here.
    RestartAt(Offset),
    /// Give up all below.
    Trim(Offset),
    /// Append a control batch of this epoch, then say [`Event::Appended`]: what older epochs left is committed with it.
    BeginEpoch(Epoch),
    /// Tell the controllers how this log ends, in the epoch in which they ask.
    ReportLog(Epoch, LogEnd),
    /// Ask the controllers for another in-sync set.
    Propose(Proposal),
    /// The high watermark has moved: what lies below is committed.
    Commit(Offset),
    /// Appends that wait to be committed will not be, as far as this replica can know.
    Fail(Doubt),
    /// Reads that wait for proof, and trims, have come to the wrong replica.
    Resign,
    /// Ask this member to confirm, for that round.
    Ask(Round, NodeId, Confirm),
    /// Reads that were promised this round, or an earlier one, may be answered at the high watermark.
    Proved(Round),
    /// On every member of the set the log starts here or later.
    TrimmedEverywhere(Offset),
    /// These records were committed once, and are cut: the leader does not have them.
    Lost {
        /// The first of them.
        from: Offset,
        /// The one after the last.
        to: Offset,
    },
}

/// Commands, in the order in which they are to be carried out.
pub type Commands = VecDeque<Command>;

/// One replica of one partition. Two that are equal do the same from here on: so a test can try all that may follow, and knows
/// where it has been.
#[derive(Clone, Debug, Hash)]
pub struct Replica {
    node: NodeId,
    life: Incarnation,
    rules: Rules,
    high_watermark: Offset,
    decided: Option<Arc<PartitionState>>,
    leased_until: Option<BootMoment>,
    role: Role,
}

/// What it is in the newest epoch it has read of. A transition consumes the old role.
#[derive(Clone, Debug, Hash)]
enum Role {
    /// Nobody leads, or nothing was read yet, or this life may not take part.
    Idle,
    Follower(Follower),
    /// Boxed, since the others are much smaller.
    Leader(Box<Leader>),
    /// Nobody leads, and the controllers ask what this one has.
    Polled(Polled),
}

/// Who this replica is in one step, what it sees, and where its commands go.
struct Step<'a> {
    node: NodeId,
    life: Incarnation,
    /// Since when it has been a replica.
    since: Version,
    rules: Rules,
    now: Moment,
    log: LogView<'a>,
    high_watermark: &'a mut Offset,
    out: &'a mut Commands,
}

impl Step<'_> {
    fn put(&mut self, command: Command) {
        self.out.push_back(command);
    }

    /// Raises the high watermark; says whether it moved.
    fn commit(&mut self, to: Offset) -> Moved {
        if to <= *self.high_watermark {
            return Moved::No;
        }
        *self.high_watermark = to;
        self.put(Command::Commit(to));
        Moved::Yes
    }

    fn report(&self, epoch: Epoch, fetch: FetchNumber) -> Report {
        let unsynced = self.rules.mutated.breaks(Mutant::ReportUnsynced);
        Report {
            node: self.node,
            incarnation: self.life,
            since: self.since,
            epoch,
            fetch,
            durable_to: if unsynced { self.log.end } else { self.log.durable },
            log_start: self.log.durable_start,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moved {
    Yes,
    No,
}

impl Replica {
    /// This life of this node, before it has read anything. `high_watermark` is the one kept on disk, clamped to the log.
    #[must_use]
    pub fn new(node: NodeId, life: Incarnation, rules: Rules, high_watermark: Offset) -> Self {
        Self { node, life, rules, high_watermark, decided: None, leased_until: None, role: Role::Idle }
    }

    /// Takes one event into account; what is to be done about it goes to the end of `out`.
    pub fn step(&mut self, now: Moment, log: LogView<'_>, event: Event, out: &mut Commands) {
        assert!(log.durable <= log.end, "durable to {} of {}", log.durable, log.end);
        if let Event::Decided(state) = event {
            self.decide(now, log, &state, out);
            return;
        }
        if let Event::Leased(until) = event {
            self.leased_until = until;
            return;
        }
        let (node, life, rules) = (self.node, self.life, self.rules);
        let since = self.decided.as_ref().map_or_else(Version::default, |state| state.replica_since(node));
        let high_watermark = &mut self.high_watermark;
        let mut step = Step { node, life, since, rules, now, log, high_watermark, out };
        match &mut self.role {
            Role::Idle => idle(&mut step, &event),
            Role::Follower(follower) => follower.step(&mut step, event),
            Role::Leader(leader) => leader.step(&mut step, event),
            Role::Polled(polled) => polled.step(&mut step, &event),
        }
    }

    /// The newest decision settles the role; an older one than is known changes nothing.
    fn decide(&mut self, now: Moment, log: LogView<'_>, state: &Arc<PartitionState>, out: &mut Commands) {
        if self.decided.as_ref().is_some_and(|known| state.version <= known.version) {
            return;
        }
        let known = self.decided.replace(Arc::clone(state));
        let (node, life, rules) = (self.node, self.life, self.rules);
        let since = state.replica_since(node);
        let goes_on = known.is_some_and(|known| known.replica_since(node) == since);
        let goes_on = goes_on && state.spec.replicas.contains(&node);
        let high_watermark = &mut self.high_watermark;
        let mut step = Step { node, life, since, rules, now, log, high_watermark, out };
        let role = std::mem::replace(&mut self.role, Role::Idle);
        let lives = state.in_sync.get(&node) == Some(&life);
        let anybody = rules.mutated.breaks(Mutant::CompareAnybody) && state.poll.is_some();
        let asked = state.asks(node, life) || (anybody && state.spec.replicas.contains(&node));
        let standing = if lives { Standing::InSync } else { Standing::CatchingUp };
        self.role = match (role, state.leader) {
            (Role::Leader(mut leader), Some(elected))
                if elected == node && lives && leader.epoch() == state.epoch =>
            {
                leader.read(&mut step, state);
                Role::Leader(leader)
            }
            (Role::Follower(mut follower), Some(elected))
                if goes_on && follower.follows(elected, state.epoch) =>
            {
                follower.read(&mut step, standing);
                Role::Follower(follower)
            }
            (Role::Polled(mut polled), None) if asked && polled.epoch() == state.epoch => {
                polled.read(&mut step, state);
                Role::Polled(polled)
            }
            (Role::Follower(follower), None) if asked && rules.mutated.breaks(Mutant::FollowWhilePolled) => {
                polled::say(&mut step, state.epoch);
                Role::Follower(follower)
            }
            (role, elected) => {
                role.resign(&mut step);
                match elected {
                    // H-01: an epoch of which this log already has records was led by another life: it is over.
                    Some(elected) if elected == node && lives && begins(log, state.epoch, rules.mutated) => {
                        Role::Leader(Box::new(Leader::elected(&mut step, state)))
                    }
                    Some(elected) if elected != node && state.spec.replicas.contains(&node) => {
                        let committed = committed_once(node, state, log, *step.high_watermark);
                        let follows = Follows { leader: elected, epoch: state.epoch, committed, standing };
                        Role::Follower(Follower::begin(&mut step, follows))
                    }
                    None if asked => Role::Polled(Polled::begin(&mut step, state)),
                    Some(_) | None => Role::Idle,
                }
            }
        };
    }

    /// When [`Event::Tick`] is wanted next, if nothing else happens.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Moment> {
        match &self.role {
            Role::Idle => None,
            Role::Follower(follower) => follower.wakes_at(),
            Role::Leader(leader) => Some(leader.wakes_at()),
            Role::Polled(polled) => polled.wakes_at(),
        }
    }

    /// Whether an append with these acks is taken, and in which epoch.
    ///
    /// # Errors
    /// [`Refusal`]: somebody else leads, or too few are in sync (C10).
    pub fn admit(&self, acks: Acks) -> Result<Epoch, Refusal> {
        match &self.role {
            Role::Leader(leader) => leader.admit(acks),
            Role::Idle | Role::Follower(_) | Role::Polled(_) => {
                Err(Refusal::NotLeader { leader: self.leader() })
            }
        }
    }

    /// The round that proves leadership for a read that begins now; ask for it by [`Event::Prove`]. `None`: it does not lead.
    #[must_use]
    pub fn next_proof(&self) -> Option<Round> {
        match &self.role {
            Role::Leader(leader) => Some(leader.next_proof()),
            Role::Idle | Role::Follower(_) | Role::Polled(_) => None,
        }
    }

    /// Answers a leader that asks whether it still leads. Not an event: it changes nothing.
    #[must_use]
    pub fn confirm(&self, confirm: Confirm) -> ConfirmReply {
        match &self.role {
            Role::Follower(follower) if follower.follows(confirm.leader, confirm.epoch) => {
                ConfirmReply::Follows(self.life)
            }
            Role::Idle | Role::Follower(_) | Role::Leader(_) | Role::Polled(_) => ConfirmReply::Refused,
        }
    }

    /// What it takes for committed.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// What committed reads may see: nothing on a new leader that does not know yet how much is committed (row 22).
    #[must_use]
    pub fn visible_to(&self) -> Option<Offset> {
        let shows = self.rules.mutated.breaks(Mutant::ShowOldMark);
        match &self.role {
            Role::Leader(leader) if !shows && self.high_watermark < leader.start() => None,
            Role::Idle | Role::Follower(_) | Role::Leader(_) | Role::Polled(_) => Some(self.high_watermark),
        }
    }

    /// Whom it takes for the leader. A node elected in an earlier life is none.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Leader(_) => Some(self.node),
            Role::Follower(follower) => Some(follower.leader()),
            Role::Idle | Role::Polled(_) => None,
        }
    }

    /// Who counts, in its view: only a leader has one.
    #[must_use]
    pub fn electorate(&self) -> Electorate {
        match &self.role {
            Role::Leader(leader) => Electorate::InSync(leader.in_sync().look()),
            Role::Idle | Role::Follower(_) | Role::Polled(_) => Electorate::Unknown,
        }
    }

    /// Which life of its node this is.
    #[must_use]
    pub fn life(&self) -> Incarnation {
        self.life
    }

    /// What it is.
    #[must_use]
    pub fn role(&self) -> RoleName {
        match &self.role {
            Role::Idle | Role::Polled(_) => RoleName::Idle,
            Role::Follower(_) => RoleName::Follower,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// The newest decision it has read.
    #[must_use]
    pub fn decided(&self) -> Option<&PartitionState> {
        self.decided.as_deref()
    }
}

impl Role {
    /// Ends the role: whoever waits on it is told.
    fn resign(self, step: &mut Step<'_>) {
        match self {
            Self::Idle | Self::Follower(_) | Self::Polled(_) => {}
            Self::Leader(leader) => leader.resign(step),
        }
    }
}

/// How much of this log was committed before this epoch. Whoever was in sync alone knows that exactly: all that it had
/// stored. Others know what they were told.
fn committed_once(node: NodeId, state: &PartitionState, log: LogView<'_>, told: Offset) -> Offset {
    let was_alone = state.passed_over.len() == 1 && state.passed_over.contains_key(&node);
    if was_alone && state.min_isr() == 1 && log.epochs.latest() < Some(state.epoch) {
        return told.max(log.durable);
    }
    told
}

/// Whether nothing in this log is of that epoch.
fn begins(log: LogView<'_>, epoch: Epoch, mutated: Mutated) -> bool {
    log.epochs.latest() < Some(epoch) || mutated.breaks(Mutant::ResumeEpoch)
}

/// A replica without a leader serves nobody.
fn idle(step: &mut Step<'_>, event: &Event) {
    if let Event::Fetch(id, _) = event {
        step.put(Command::Answer(*id, FetchReply::Refused(FetchRefusal::NotLeader)));
    }
}
