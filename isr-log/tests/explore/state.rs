//! One state of three replicas, their connections and the controllers, and what a step of one replica does to it.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use isr_log::controller::command::LogReport;
use isr_log::message::{FetchReply, News};
use isr_log::replica::{Command, Commands, Event, FetchId, Proposal, Rules};
use partition::clock::Moment;
use partition::ids::{ByteSize, Epoch, NodeId, Offset};
use partition::probe::Electorate;

use crate::bounds::{Bounds, Budget, Replies, Start, Syncs};
use crate::controllers::{Controllers, log_report};
use crate::invariants::{self, Violation};
use crate::log::{FakeLog, Record, index};
use crate::node::{At, Held, Mixer, Node, Process, node_id, place};
use crate::sights::{Sight, Sights};
use crate::wire::{Lane, Line, Message, Wire};

/// What a leader's `lag_max` is. Only whether it has passed counts.
pub const LAG_MAX: Duration = Duration::from_millis(1000);

/// The value of a batch that is no client's; its epoch tells it from others.
const CONTROL: u64 = 0;

/// A proposal that the controllers may take yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnderWay {
    pub from: At,
    pub proposal: Proposal,
    /// Whether its sender was told that nobody knows.
    pub doubted: bool,
}

/// All there is. Replicas are shared between states until a step changes them.
#[derive(Clone, Debug)]
pub struct State {
    pub nodes: [Arc<Node>; 3],
    prints: [u64; 3],
    pub wire: Wire,
    pub controllers: Arc<Controllers>,
    pub proposals: Vec<UnderWay>,
    /// What members have said in polls, and the controllers have not heard.
    pub reports: Vec<LogReport>,
    /// Proposals that were refused, and whose leaders have not heard so.
    pub refused: Vec<UnderWay>,
    pub left: Budget,
    pub syncs: Syncs,
    pub replies: Replies,
    pub rules: Rules,
    /// All that any leader has ever called committed.
    pub committed: Vec<Record>,
    /// All that clients were told is committed.
    pub acknowledged: Vec<(Offset, Record)>,
    /// Who has led in which epoch.
    pub led: Vec<(Epoch, u64)>,
    next_value: u64,
    /// What this step alone has violated.
    pub violation: Option<Violation>,
    /// What this step has shown.
    pub sights: Sights,
}

impl State {
    /// The first state.
    pub fn first(bounds: &Bounds) -> Self {
        let rules = Rules {
            lag_max: LAG_MAX,
            fetch_wait: Duration::from_millis(500),
            fetch_bytes_max: ByteSize::mib(1),
            catch_up_rate: None,
            historic: bounds.historic,
            mutated: bounds.mutated,
        };
        let controllers = Controllers::new(bounds);
        let node = |at| Node::begin(at, controllers.life(at), rules, FakeLog::default(), Offset::ZERO);
        let nodes = [0, 1, 2].map(|at| Arc::new(node(at)));
        let mut state = Self {
            nodes,
            prints: [0; 3],
            wire: Wire::default(),
            controllers: Arc::new(controllers),
            proposals: Vec::new(),
            reports: Vec::new(),
            refused: Vec::new(),
            left: bounds.budget,
            syncs: bounds.syncs,
            replies: bounds.replies,
            rules,
            committed: Vec::new(),
            acknowledged: Vec::new(),
            led: Vec::new(),
            next_value: 1,
            violation: None,
            sights: Sights::default(),
        };
        state.settle();
        if bounds.start != Start::AllInSync {
            Arc::make_mut(&mut state.controllers).fence(2);
            state.settle();
        }
        if bounds.start == Start::ThirdOutside {
            Arc::make_mut(&mut state.controllers).unfence(2);
            state.settle();
        }
        if bounds.start == Start::ThirdGone {
            state.end(2, Process::Gone);
        }
        (0..3).for_each(|at| state.seal(at));
        state.sights = Sights::default();
        state
    }

    /// All read what was decided, and all that is under way arrives.
    fn settle(&mut self) {
        for at in 0..3 {
            while self.nodes[at].read < self.controllers.decisions.len() {
                self.read(at);
            }
        }
        loop {
            let line = self.wire.lines().next();
            let Some(line) = line else { return };
            self.deliver(line);
        }
    }

    pub fn node(&mut self, at: At) -> &mut Node {
        Arc::make_mut(&mut self.nodes[at])
    }

    /// A replica reads the next decision.
    pub fn read(&mut self, at: At) {
        let node = self.node(at);
        let next = node.read;
        node.read += 1;
        let decision = Arc::clone(&self.controllers.decisions[next]);
        let was_epoch = self.nodes[at].epoch();
        self.step(at, Event::Decided(decision));
        self.node(at).wind(true);
        let node = &self.nodes[at];
        if node.epoch() < was_epoch {
            self.violate("MonotonicEpoch", format!("{} goes back to epoch {}", node_id(at), node.epoch()));
        }
    }

    /// The first message of this line arrives.
    pub fn deliver(&mut self, line: Line) {
        let Some(message) = self.wire.take_first(line) else { return };
        match message {
            Message::Fetch(fetch, wanted) => {
                let node = self.node(line.to);
                let is_free = |id: &u64| node.held.iter().all(|held| held.id != FetchId(*id));
                let id = FetchId((0..).find(is_free).expect("few are held"));
                if fetch.report.incarnation != self.controllers.life(line.from) {
                    self.sights.note(Sight::AFormerLifeSpeaks);
                }
                self.node(line.to).held.push(Held { id, from: line.from, epoch: fetch.report.epoch, wanted });
                self.step(line.to, Event::Fetch(id, fetch));
            }
            Message::Report(report) => self.step(line.to, Event::Report(report)),
            Message::Reply(epoch, reply, records) => {
                self.node(line.from).fetched = records;
                self.step(line.from, Event::Fetched(epoch, reply, ByteSize::ZERO));
            }
        }
    }

    /// Time is `now` for this replica.
    pub fn tick(&mut self, at: At, now: Moment) {
        self.node(at).clock = now;
        self.step(at, Event::Tick);
    }

    /// A client appends a record at this leader, as safely as it may.
    pub fn append(&mut self, at: At) {
        let value = self.next_value;
        let (epoch, acks) = self.admits(at).expect("only a leader is asked");
        let syncs = self.syncs;
        let node = self.node(at);
        node.log.append(Record { epoch, value });
        let end = node.log.end();
        if acks == partition::partition::Acks::Committed {
            node.pending.push(end);
        }
        if syncs == Syncs::AtOnce {
            node.log.durable = node.log.records.len();
        }
        self.next_value += 1;
        self.step(at, Event::Appended);
        if syncs == Syncs::AtOnce {
            self.step(at, Event::Stored);
        }
    }

    fn admits(&self, at: At) -> Option<(Epoch, partition::partition::Acks)> {
        use partition::partition::Acks::{Committed, Leader};
        let replica = &self.nodes[at].replica;
        [Committed, Leader].into_iter().find_map(|acks| Some((replica.admit(acks).ok()?, acks)))
    }

    /// Something happens to a replica that runs.
    pub fn step(&mut self, at: At, event: Event) {
        if !self.nodes[at].is_up() {
            return;
        }
        let mut events = VecDeque::from([event]);
        let mut commands = Commands::new();
        while let Some(event) = events.pop_front() {
            let was = self.nodes[at].replica.high_watermark();
            let was_leading = self.nodes[at].leads().then(|| self.nodes[at].epoch());
            let node = self.node(at);
            node.replica.step(node.clock, node.log.view(), event, &mut commands);
            if was_leading.is_some_and(|epoch| {
                node.leads() && node.epoch() == epoch && node.replica.high_watermark() < was
            }) {
                self.violate("MonotonicCommit", format!("the high watermark of {} goes back", node_id(at)));
            }
            if was_leading.is_none() && self.nodes[at].leads() {
                self.begins_to_lead(at);
            }
            while let Some(command) = commands.pop_front() {
                self.carry_out(at, command, &mut events);
            }
        }
        self.node(at).wind(false);
    }

    fn begins_to_lead(&mut self, at: At) {
        let (epoch, life) = (self.nodes[at].epoch(), self.nodes[at].life.0.0);
        match self.led.iter().find(|(led, _)| *led == epoch) {
            Some((_, other)) if *other != life => {
                self.violate(
                    "ElectionSafety",
                    format!("{} leads in epoch {epoch}, which another life led", node_id(at)),
                );
            }
            Some(_) => {}
            None => self.led.push((epoch, life)),
        }
    }

    fn carry_out(&mut self, at: At, command: Command, events: &mut VecDeque<Event>) {
        match command {
            Command::Serve { fetch, from, news, .. } => self.serve(at, fetch, from, news),
            Command::Answer(fetch, reply) => self.answer(at, fetch, reply, Vec::new()),
            Command::SendFetch(leader, fetch) => {
                self.forget_fetches(at);
                if self.nodes[place(leader)].is_up() {
                    self.send(at, leader, Message::Fetch(fetch, true));
                } else {
                    events.push_back(Event::FetchFailed(fetch.report.epoch));
                }
            }
            Command::SendReport(leader, report) => {
                if self.nodes[place(leader)].is_up() {
                    self.send(at, leader, Message::Report(report));
                }
            }
            Command::AppendFetched => {
                let syncs = self.syncs;
                let node = self.node(at);
                let any = !node.fetched.is_empty();
                for record in std::mem::take(&mut node.fetched) {
                    node.log.append(record);
                }
                events.push_back(Event::Appended);
                if any && syncs == Syncs::AtOnce {
                    node.log.durable = node.log.records.len();
                    events.push_back(Event::Stored);
                }
            }
            Command::Truncate(to) => {
                if to < self.nodes[at].log.end() {
                    self.sights.note(Sight::AFollowerCuts);
                }
                self.node(at).log.truncate(index(to));
            }
            Command::RestartAt(start) => {
                if self.nodes[at].log.end() > start {
                    self.sights.note(Sight::AFollowerCuts);
                }
                self.node(at).log.restart_at(index(start));
            }
            Command::Propose(proposal) => {
                self.proposals.push(UnderWay { from: at, proposal, doubted: false });
            }
            Command::BeginEpoch(epoch) => {
                let syncs = self.syncs;
                let log = &mut self.node(at).log;
                log.append(Record { epoch, value: CONTROL });
                events.push_back(Event::Appended);
                if syncs == Syncs::AtOnce {
                    log.durable = log.records.len();
                    events.push_back(Event::Stored);
                }
            }
            Command::ReportLog(epoch, end) => {
                let report = log_report(node_id(at), self.nodes[at].life, epoch, end);
                if !self.reports.contains(&report) {
                    self.reports.push(report);
                }
            }
            Command::Commit(to) => self.commit(at, to),
            Command::Fail(_) => self.node(at).pending.clear(),
            Command::Lost { .. } => self.sights.note(Sight::AReplicaReportsALoss),
            // Nobody trims, and nobody reads with proof.
            Command::Resign
            | Command::Trim(_)
            | Command::TrimmedEverywhere(_)
            | Command::Ask(..)
            | Command::Proved(_) => {}
        }
    }

    /// Nobody sends this follower an answer to what it has asked.
    pub fn forget_fetches(&mut self, at: At) {
        self.wire.forget_fetches(at);
        for other in 0..3 {
            if self.nodes[other].held.iter().any(|held| held.from == at && held.wanted) {
                self.node(other)
                    .held
                    .iter_mut()
                    .filter(|held| held.from == at)
                    .for_each(|held| held.wanted = false);
            }
        }
    }

    fn send(&mut self, from: At, to: NodeId, message: Message) {
        self.wire.send(Line { from, to: place(to), lane: Lane::Requests }, message);
    }

    fn serve(&mut self, at: At, fetch: FetchId, from: Offset, news: News) {
        let records = self.nodes[at].log.records[index(from)..].to_vec();
        self.answer(at, fetch, FetchReply::Records(news), records);
    }

    fn answer(&mut self, at: At, fetch: FetchId, reply: FetchReply, records: Vec<Record>) {
        let held = &mut self.node(at).held;
        let place = held.iter().position(|held| held.id == fetch).expect("a fetch is answered once");
        let Held { from, epoch, wanted, .. } = held.remove(place);
        if wanted {
            let line = Line { from, to: at, lane: Lane::Replies };
            self.wire.send(line, Message::Reply(epoch, reply, records));
        }
    }

    fn commit(&mut self, at: At, to: Offset) {
        let node = Arc::clone(&self.nodes[at]);
        let Electorate::InSync(in_sync) = node.replica.electorate() else { return };
        let found = invariants::on_commit(self, at, &in_sync);
        self.violation = self.violation.take().or(found);
        let known = self.committed.len();
        self.committed.extend(node.log.records.get(known..index(to)).unwrap_or_default());
        let (done, wait): (Vec<Offset>, Vec<Offset>) = node.pending.iter().partition(|end| **end <= to);
        self.node(at).pending = wait;
        for end in done {
            let found = invariants::on_acknowledgement(self, at, end, &in_sync);
            self.violation = self.violation.take().or(found);
            let at = Offset(end.0 - 1);
            self.acknowledged.push((at, node.log.records[index(at)]));
            self.sights.note(Sight::AnAppendIsAcknowledged);
        }
    }

    fn violate(&mut self, name: &'static str, what: String) {
        self.violation = self.violation.take().or(Some(Violation { name, what }));
    }

    /// Brings all replies to where they go, and what they cause, unless they take their time.
    pub fn hurry(&mut self) {
        while self.replies == Replies::AtOnce {
            let reply = self.wire.lines().find(|line| line.lane == Lane::Replies);
            let Some(reply) = reply else { return };
            self.deliver(reply);
        }
    }

    /// Ends a step: what can never count any more is taken away, and the fingerprints are brought up to date.
    pub fn finish(&mut self, before: &Self) {
        let newest = self.controllers.newest();
        let counts = |under_way: &UnderWay| {
            (under_way.proposal.epoch, under_way.proposal.version) == (newest.epoch, newest.version)
        };
        if !self.proposals.iter().all(counts) {
            // Neither epoch nor version ever goes back, so it will be rejected wherever it lies; and that answer changes
            // nothing at its leader, who waits for the newer version.
            let newest = Arc::clone(newest);
            self.proposals.retain(|under_way| {
                (under_way.proposal.epoch, under_way.proposal.version) == (newest.epoch, newest.version)
            });
        }
        let controllers = &self.controllers;
        self.reports.retain(|report| controllers.may_count(report));
        for at in 0..3 {
            if !Arc::ptr_eq(&self.nodes[at], &before.nodes[at]) {
                self.seal(at);
            }
        }
    }

    fn seal(&mut self, at: At) {
        self.prints[at] = self.nodes[at].fingerprint();
    }

    /// What tells this state from every other, as far as their futures differ. Two that differ have the same with a chance
    /// of about 2^-64 a pair.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = Mixer::default();
        self.prints.hash(&mut hasher);
        self.wire.hash(&mut hasher);
        (&self.proposals, &self.refused, self.left, self.next_value).hash(&mut hasher);
        for LogReport { broker, incarnation, end, .. } in &self.reports {
            (broker, incarnation, end).hash(&mut hasher);
        }
        (&self.committed, &self.acknowledged, &self.led).hash(&mut hasher);
        let decided = self.controllers.decisions.len();
        let running = self.nodes.iter().map(|node| if node.is_up() { node.read } else { decided });
        let unread: Vec<usize> = running.map(|read| decided - read).collect();
        let oldest = decided - unread.iter().max().expect("three");
        unread.hash(&mut hasher);
        for decision in &self.controllers.decisions[oldest.min(decided - 1)..] {
            decision.hash(&mut hasher);
        }
        self.controllers.hash_standing(&mut hasher);
        hasher.finish()
    }
}
