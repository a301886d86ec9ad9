//! Replicas without disks and without a network: each step, message and sync happens when the test says so.

#![allow(dead_code, reason = "each test that uses the harness needs other parts of it")]

pub mod controllers;
pub mod log;
pub mod moves;
pub mod verdict;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use isr_log::HistoricRules;
use isr_log::message::{Confirm, ConfirmReply, Fetch, FetchReply, Report};
use isr_log::metadata::{CommitRule, Incarnation, Members, PartitionSpec, PartitionState, Recovery, Version};
use isr_log::mutant::{Mutant, Mutated};
use isr_log::replica::{Command, Commands, Event, FetchId, Proposal, ProposalOutcome, Replica, Round, Rules};
use partition::clock::Moment;
use partition::error::{Doubt, Refusal};
use partition::ids::{ByteSize, Epoch, NodeId, Offset};
use partition::partition::Acks;
use partition::simulation;

pub use controllers::Controllers;
pub use log::{FakeLog, Record, index, offset};

/// A record of the harness is taken to be so large.
pub const RECORD_BYTES: u64 = 100;

/// What is under way from one replica to another.
#[derive(Clone, Debug)]
pub enum Message {
    Fetch(Fetch),
    Reply(Epoch, FetchReply, Vec<Record>),
    Report(Report),
    Confirm(Round, Confirm),
    Confirmed(Round, ConfirmReply),
}

#[derive(Clone, Debug)]
pub struct Envelope {
    pub from: NodeId,
    pub to: NodeId,
    pub message: Message,
}

/// One replica, with what its runtime would keep.
pub struct Node {
    pub replica: Replica,
    pub log: FakeLog,
    pub life: Incarnation,
    pub up: bool,
    held: BTreeMap<FetchId, (NodeId, Incarnation, Epoch)>,
    fetched: Vec<Record>,
    /// Appends that wait to be committed: the offset after each.
    pub pending: Vec<Offset>,
}

/// Some replicas of one partition, and the controllers' word on it.
pub struct Harness {
    pub now: Moment,
    pub rules: Rules,
    mutant: Option<Mutant>,
    pub nodes: BTreeMap<NodeId, Node>,
    pub state: PartitionState,
    pub wire: VecDeque<Envelope>,
    pub proposals: VecDeque<(NodeId, Proposal)>,
    /// What was told to whom, in order.
    pub trace: Vec<String>,
    /// Appends that were acknowledged as committed: where, and what.
    pub acknowledged: Vec<(Offset, Record)>,
    /// How many records replicas have reported as lost.
    pub lost: u64,
    /// Where the controllers are more than a word: by the image that they apply.
    pub controllers: Option<Controllers>,
    next_value: u64,
    next_fetch: u64,
    next_life: u64,
}

impl Harness {
    pub fn new(replicas: u32, min_isr: usize) -> Self {
        Self::with(replicas, min_isr, HistoricRules::default())
    }

    pub fn with(replicas: u32, min_isr: usize, historic: HistoricRules) -> Self {
        Self::broken(replicas, min_isr, historic, None)
    }

    /// Replicas, and controllers, that break a rule.
    pub fn broken(replicas: u32, min_isr: usize, historic: HistoricRules, mutant: Option<Mutant>) -> Self {
        let rules = Rules {
            lag_max: Duration::from_millis(1000),
            fetch_wait: Duration::from_millis(500),
            fetch_bytes_max: ByteSize::mib(1),
            catch_up_rate: None,
            historic,
            mutated: mutant.map_or(Mutated::NOT, mutated),
        };
        let nodes: Vec<NodeId> = (1..=replicas).map(NodeId).collect();
        let spec = PartitionSpec {
            id: "orders-0".parse().expect("a partition"),
            replicas: nodes.clone(),
            min_isr,
            commit: CommitRule::AllInSync,
        };
        let mut harness = Self {
            now: Moment(0),
            rules,
            mutant,
            nodes: BTreeMap::new(),
            state: PartitionState::undecided(spec),
            wire: VecDeque::new(),
            proposals: VecDeque::new(),
            trace: Vec::new(),
            acknowledged: Vec::new(),
            lost: 0,
            controllers: None,
            next_value: 1,
            next_fetch: 1,
            next_life: 1,
        };
        for node in nodes {
            harness.start(node, FakeLog::default(), Offset::ZERO);
        }
        harness
    }

    fn start(&mut self, node: NodeId, log: FakeLog, high_watermark: Offset) {
        let life = Incarnation(Offset(self.next_life));
        self.next_life += 1;
        let replica = Replica::new(node, life, self.rules, high_watermark.min(log.end()));
        let (held, fetched, pending) = (BTreeMap::new(), Vec::new(), Vec::new());
        self.nodes.insert(node, Node { replica, log, life, up: true, held, fetched, pending });
    }

    pub fn node(&self, node: NodeId) -> &Node {
        &self.nodes[&node]
    }

    fn node_mut(&mut self, node: NodeId) -> &mut Node {
        self.nodes.get_mut(&node).expect("a replica")
    }

    /// Ends a replica: what is under way to it is lost, and so is what its disk has not stored. What it has sent may
    /// still arrive.
    pub fn crash(&mut self, node: NodeId) {
        self.crash_to(node, self.nodes[&node].log.durable);
    }

    /// The same; its disk keeps only so many records: it had called more stored than it had synced.
    pub fn crash_to(&mut self, node: NodeId, keeps: usize) {
        self.wire.retain(|envelope| envelope.to != node);
        let node = self.node_mut(node);
        node.up = false;
        node.pending.clear();
        node.log.truncate(keeps);
    }

    /// Begins the next life of a replica that is down, with the high watermark that it kept.
    pub fn restart(&mut self, node: NodeId) {
        if self.controllers.is_some() {
            self.register(node);
        }
        let old = &self.nodes[&node];
        let (log, high_watermark) = (old.log.clone(), old.replica.high_watermark());
        self.start(node, log, high_watermark);
    }

    /// Empties the disk of a replica that is down.
    pub fn wipe(&mut self, node: NodeId) {
        self.node_mut(node).log = FakeLog::default();
    }

    /// The controllers decide; nobody has read it yet.
    pub fn decide(&mut self, leader: Option<NodeId>, epoch: Epoch, in_sync: &[NodeId]) {
        let lives = in_sync.iter().map(|node| (*node, self.nodes[node].life)).collect();
        let version = Version(self.state.version.0 + 1);
        self.state = PartitionState { leader, epoch, in_sync: lives, version, ..self.state.clone() };
    }

    /// What was decided holds, and so do these: who is eligible beside the set, and whom an unclean election has passed over.
    pub fn decide_also(&mut self, eligible: &[NodeId], passed_over: &[NodeId]) {
        let lives = |nodes: &[NodeId]| nodes.iter().map(|node| (*node, self.nodes[node].life)).collect();
        let (eligible, passed_over): (Members, Members) = (lives(eligible), lives(passed_over));
        let recovery = if passed_over.is_empty() { Recovery::Done } else { Recovery::Pending };
        self.state = PartitionState { eligible, passed_over, recovery, ..self.state.clone() };
    }

    /// A replica reads what was decided.
    pub fn read_decision(&mut self, node: NodeId) {
        let state = Arc::new(self.state.clone());
        self.step(node, Event::Decided(state));
    }

    /// The controllers take the oldest proposal for what it is worth; nobody has read that yet.
    pub fn consider(&mut self) -> Option<(NodeId, Proposal, ProposalOutcome)> {
        let (from, proposal) = self.proposals.pop_front()?;
        if self.controllers.is_some() {
            let outcome = self.judge(from, &proposal);
            return Some((from, proposal, outcome));
        }
        let current = self.state.leader == Some(from)
            && (self.state.epoch, self.state.version) == (proposal.epoch, proposal.version);
        let mut in_sync = proposal.members.clone();
        if self.mutant == Some(Mutant::AnyBrokerEpoch) {
            in_sync.iter_mut().for_each(|(node, life)| *life = self.nodes[node].life);
        }
        let alive = in_sync.iter().all(|(node, life)| self.nodes[node].life == *life);
        let recovering = self.state.recovery == Recovery::Pending && proposal.members.len() > 1;
        if !alive || recovering {
            return Some((from, proposal, ProposalOutcome::Refused));
        }
        if current {
            let version = Version(self.state.version.0 + 1);
            let recovery = Recovery::Done;
            self.state = PartitionState { in_sync, recovery, version, ..self.state.clone() };
        }
        Some((from, proposal, ProposalOutcome::Overtaken))
    }

    /// The controllers take the oldest proposal for the truth, whoever sent it and whatever it was based on.
    pub fn believe(&mut self) -> Option<(NodeId, Proposal, ProposalOutcome)> {
        let (from, proposal) = self.proposals.pop_front()?;
        let version = Version(self.state.version.0 + 1);
        let (in_sync, epoch) = (proposal.members.clone(), proposal.epoch);
        self.state = PartitionState { leader: Some(from), epoch, in_sync, version, ..self.state.clone() };
        Some((from, proposal, ProposalOutcome::Overtaken))
    }

    /// A client appends one record; the offset after it.
    pub fn append(&mut self, node: NodeId, acks: Acks) -> Result<Offset, Refusal> {
        let value = self.next_value;
        let target = self.node_mut(node);
        if !target.up {
            return Err(Refusal::Stopped("it is down".to_owned()));
        }
        let epoch = target.replica.admit(acks)?;
        target.log.append(Record { epoch, value });
        let end = target.log.end();
        if acks == Acks::Committed {
            target.pending.push(end);
        }
        self.next_value += 1;
        self.step(node, Event::Appended);
        Ok(end)
    }

    /// The disk of a replica stores all it was given.
    pub fn store(&mut self, node: NodeId) {
        if !self.nodes[&node].up {
            return;
        }
        let log = &mut self.node_mut(node).log;
        log.durable = log.records.len();
        let trimmed = std::mem::replace(&mut log.durable_start, log.start) < log.start;
        self.step(node, Event::Stored);
        if trimmed {
            self.step(node, Event::Trimmed);
        }
    }

    /// A client trims at the leader.
    pub fn trim(&mut self, node: NodeId, to: Offset) {
        self.step(node, Event::Trim(to));
    }

    /// Time passes for everybody.
    pub fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        for node in self.up() {
            self.step(node, Event::Tick);
        }
    }

    pub fn up(&self) -> Vec<NodeId> {
        self.nodes.iter().filter(|(_, node)| node.up).map(|(id, _)| *id).collect()
    }

    /// Delivers what is at this place of the wire.
    pub fn deliver(&mut self, at: usize) {
        let Some(Envelope { from, to, message }) = self.wire.remove(at) else { return };
        if !self.nodes[&to].up {
            return;
        }
        match message {
            Message::Fetch(fetch) => {
                let id = FetchId(self.next_fetch);
                self.next_fetch += 1;
                let Report { incarnation, epoch, .. } = fetch.report;
                self.node_mut(to).held.insert(id, (from, incarnation, epoch));
                self.step(to, Event::Fetch(id, fetch));
            }
            Message::Reply(epoch, reply, records) => {
                let bytes = ByteSize(records.len() as u64 * RECORD_BYTES);
                self.node_mut(to).fetched = records;
                self.step(to, Event::Fetched(epoch, reply, bytes));
            }
            Message::Report(report) => self.step(to, Event::Report(report)),
            Message::Confirm(round, confirm) => {
                let reply = self.nodes[&to].replica.confirm(confirm);
                self.send(to, from, Message::Confirmed(round, reply));
            }
            Message::Confirmed(round, ConfirmReply::Follows(life)) => {
                self.step(to, Event::Confirmed(round, from, life));
            }
            Message::Confirmed(_, ConfirmReply::Refused) => {}
        }
    }

    /// Loses what is at this place of the wire. Who waits for an answer is told that there will be none.
    pub fn lose(&mut self, at: usize) {
        let Some(Envelope { from, to, message }) = self.wire.remove(at) else { return };
        match message {
            Message::Fetch(fetch) => self.step(from, Event::FetchFailed(fetch.report.epoch)),
            Message::Reply(epoch, ..) => self.step(to, Event::FetchFailed(epoch)),
            Message::Report(_) | Message::Confirm(..) | Message::Confirmed(..) => {}
        }
    }

    pub fn step(&mut self, id: NodeId, event: Event) {
        if !self.nodes[&id].up {
            return;
        }
        let mut events = VecDeque::from([event]);
        let mut commands = Commands::new();
        while let Some(event) = events.pop_front() {
            let now = self.now;
            let node = self.node_mut(id);
            node.replica.step(now, node.log.view(), event, &mut commands);
            while let Some(command) = commands.pop_front() {
                self.carry_out(id, command, &mut events);
            }
        }
    }

    fn carry_out(&mut self, id: NodeId, command: Command, events: &mut VecDeque<Event>) {
        match command {
            Command::Serve { fetch, from, max_bytes, news } => {
                let most = usize::try_from(max_bytes.0 / RECORD_BYTES).expect("it fits").max(1);
                let records = &self.nodes[&id].log.records[index(from)..];
                let records = records[..records.len().min(most)].to_vec();
                self.answer(id, fetch, FetchReply::Records(news), records);
            }
            Command::Answer(fetch, reply) => self.answer(id, fetch, reply, Vec::new()),
            Command::SendFetch(leader, fetch) => {
                // The runtime forgets the fetch before.
                self.wire.retain(|sent| !(sent.to == id && matches!(sent.message, Message::Reply(..))));
                self.send(id, leader, Message::Fetch(fetch));
            }
            Command::SendReport(leader, report) => self.send(id, leader, Message::Report(report)),
            Command::AppendFetched => {
                let log = &mut self.node_mut(id).log;
                let before = log.end();
                let records = std::mem::take(&mut self.node_mut(id).fetched);
                for record in &records {
                    self.node_mut(id).log.append(*record);
                }
                if !records.is_empty() {
                    self.note(id, &format!("appends {before}..{}", self.nodes[&id].log.end()));
                }
                events.push_back(Event::Appended);
            }
            Command::Truncate(to) => {
                self.node_mut(id).log.truncate(index(to));
                self.note(id, &format!("cuts to {to}"));
            }
            Command::RestartAt(start) => {
                self.node_mut(id).log.restart_at(index(start));
                self.note(id, &format!("starts anew at {start}"));
            }
            Command::Trim(to) => {
                self.node_mut(id).log.start = index(to);
                self.node_mut(id).log.epochs.trim(to);
                self.note(id, &format!("trims to {to}"));
            }
            Command::Propose(proposal) => {
                let members: Vec<u32> = proposal.members.keys().map(|node| node.0).collect();
                self.note(id, &format!("proposes {members:?} on {}", proposal.version));
                self.proposals.push_back((id, proposal));
            }
            Command::BeginEpoch(epoch) => {
                let at = self.nodes[&id].log.end();
                self.node_mut(id).log.append(Record { epoch, value: 0 });
                self.note(id, &format!("begins e{epoch} at {at}"));
                events.push_back(Event::Appended);
            }
            Command::ReportLog(epoch, end) => {
                let last = end.last_epoch.map_or_else(|| "-".to_owned(), |epoch| format!("e{epoch}"));
                self.note(id, &format!("says in e{epoch}: last {last}, durable {}", end.durable));
                self.tell(id, epoch, end);
            }
            Command::Commit(to) => self.commit(id, to),
            Command::Fail(doubt) => self.fail(id, &doubt),
            Command::Resign => self.note(id, "resigns"),
            Command::Ask(round, member, confirm) => self.send(id, member, Message::Confirm(round, confirm)),
            Command::Proved(round) => self.note(id, &format!("has proved round {}", round.number)),
            Command::Lost { from, to } => {
                self.lost += to.0 - from.0;
                self.note(id, &format!("loses {from}..{to}, which was committed"));
            }
            Command::TrimmedEverywhere(start) => {
                self.note(id, &format!("knows the log to start at {start} or later everywhere"));
            }
        }
    }

    fn commit(&mut self, id: NodeId, to: Offset) {
        self.note(id, &format!("commits to {to}"));
        let node = self.node_mut(id);
        let (done, wait): (Vec<_>, Vec<_>) = node.pending.iter().copied().partition(|end| *end <= to);
        node.pending = wait;
        for end in done {
            let at = Offset(end.0 - 1);
            let record = self.nodes[&id].log.records[index(at)];
            self.acknowledged.push((at, record));
            self.note(id, &format!("acknowledges {at}"));
        }
    }

    fn fail(&mut self, id: NodeId, doubt: &Doubt) {
        for end in std::mem::take(&mut self.node_mut(id).pending) {
            self.note(id, &format!("cannot tell of {}: {doubt}", end.0 - 1));
        }
    }

    fn answer(&mut self, id: NodeId, fetch: FetchId, reply: FetchReply, records: Vec<Record>) {
        let held = self.node_mut(id).held.remove(&fetch);
        let (to, life, epoch) = held.expect("a fetch is answered once");
        // The connection of a life ends with it.
        if self.nodes[&to].up && self.nodes[&to].life == life {
            self.send(id, to, Message::Reply(epoch, reply, records));
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: Message) {
        self.note(from, &format!("to {to}: {}", describe(&message)));
        self.wire.push_back(Envelope { from, to, message });
    }

    fn note(&mut self, node: NodeId, what: &str) {
        self.trace.push(format!("{node} {what}"));
    }
}

/// A rule that is broken is a simulation's.
fn mutated(mutant: Mutant) -> Mutated {
    simulation::run(0, async |simulation| Mutated::by(mutant, &simulation))
}

/// A message as one line.
pub fn describe(message: &Message) -> String {
    let plain = |epoch: Option<Epoch>| epoch.map_or_else(|| "-".to_owned(), |epoch| format!("e{epoch}"));
    match message {
        Message::Fetch(Fetch { report, fetch_from, last_epoch, .. }) => {
            let last = plain(*last_epoch);
            format!("fetch e{} from {fetch_from}, durable {}, last {last}", report.epoch, report.durable_to)
        }
        Message::Reply(_, FetchReply::Records(news), records) => {
            format!("{} records, high watermark {}", records.len(), news.high_watermark)
        }
        Message::Reply(_, FetchReply::Diverged(end), _) => {
            format!("diverged: e{} ends at {}", end.epoch, end.end)
        }
        Message::Reply(_, FetchReply::StartAt(start), _) => format!("start at {start}"),
        Message::Reply(_, FetchReply::Refused(refusal), _) => format!("refused: {refusal}"),
        Message::Report(report) => format!("report e{} durable {}", report.epoch, report.durable_to),
        Message::Confirm(round, confirm) => format!("confirm e{} for round {}?", confirm.epoch, round.number),
        Message::Confirmed(round, ConfirmReply::Follows(_)) => format!("follows, for round {}", round.number),
        Message::Confirmed(round, ConfirmReply::Refused) => format!("refuses, for round {}", round.number),
    }
}
