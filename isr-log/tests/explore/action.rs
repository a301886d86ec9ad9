//! What may happen next, all of it, and what it does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use isr_log::controller::command::Disk;
use isr_log::metadata::{CommitRule, Election};
use isr_log::replica::{Event, ProposalOutcome};
use partition::ids::Offset;
use partition::partition::Acks;

use crate::bounds::Marks;
use crate::node::{At, DAWN, Node, Process, node_id};
use crate::sights::Sight;
use crate::state::{LAG_MAX, State};
use crate::wire::{Lane, Line, Message};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Append(At),
    Store(At),
    Deliver(Line),
    Read(At),
    /// A leader tells a parked follower of the high watermark, without records.
    Tell(At),
    /// A follower fetches again after a pause.
    Retry(At),
    /// `lag_max` passes at a leader.
    Lag(At),
    Crash(At),
    Tear(At),
    Stop(At),
    Register(At, Kept),
    Fence(At),
    Unfence(At),
    HandOver,
    /// The controllers take a proposal for what it is worth.
    Consider(usize),
    /// The controllers hear what a member of the set has, in a poll.
    Hear(usize),
    /// A leader hears that its proposal was refused.
    HearRefusal(usize),
    /// A leader hears that nobody knows; the proposal may count later.
    Doubt(usize),
    /// A leader hears that nobody took its proposal.
    TurnAway(usize),
    /// A connection breaks, and what was under way on it is lost.
    Break(At, At),
    /// A connection breaks, and requests on it arrive later all the same.
    Strand(At, At),
}

/// What a new life finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    LogAndMark,
    Log,
    Nothing,
}

/// More than any wait of a replica, and more than `lag_max`.
const LAG: Duration = LAG_MAX.saturating_add(Duration::from_millis(200));
/// Longer than news waits for records, shorter than anything else takes.
const NEWS: Duration = Duration::from_millis(5);

impl State {
    /// All that may happen next.
    pub fn actions(&self, marks: Marks) -> Vec<Action> {
        let mut all: Vec<Action> = self.wire.lines().map(Action::Deliver).collect();
        for at in 0..3 {
            if self.nodes[at].is_up() {
                self.actions_of_the_living(at, &mut all);
            } else {
                self.actions_of_the_dead(at, marks, &mut all);
            }
            if self.controllers.is_alive(at) && (self.left.fences > 0 || !self.nodes[at].is_up()) {
                all.push(Action::Fence(at));
            }
        }
        for (index, under_way) in self.proposals.iter().enumerate() {
            if self.proposals[..index].contains(under_way) {
                continue;
            }
            all.push(Action::Consider(index));
            if self.left.doubts > 0 && !under_way.doubted {
                all.extend([Action::Doubt(index), Action::TurnAway(index)]);
            }
        }
        all.extend((0..self.reports.len()).map(Action::Hear));
        all.extend((0..self.refused.len()).map(Action::HearRefusal));
        if self.left.handovers > 0 && self.controllers.may_hand_over() {
            all.push(Action::HandOver);
        }
        all
    }

    fn actions_of_the_living(&self, at: At, all: &mut Vec<Action>) {
        let node = &*self.nodes[at];
        let mut may = |wanted: bool, action: Action| all.extend(wanted.then_some(action));
        may(node.read < self.controllers.decisions.len(), Action::Read(at));
        may(node.log.durable < node.log.records.len(), Action::Store(at));
        may(self.left.appends > 0 && node.replica.admit(Acks::Leader).is_ok(), Action::Append(at));
        let wakes_at = node.replica.wakes_at();
        if node.leads() {
            may(wakes_at.is_some_and(|wakes_at| wakes_at <= node.clock.after(NEWS)), Action::Tell(at));
            may(self.left.lags > 0, Action::Lag(at));
        } else {
            // Whoever is not the leader of that epoch, or not yet, refuses and remembers nothing: the fetch might as well
            // have been sent later.
            let leads = |leader: &Node| leader.leads() && leader.epoch() == node.epoch();
            let leader = node.replica.leader().map(crate::node::place);
            may(
                wakes_at.is_some() && leader.is_some_and(|leader| leads(&self.nodes[leader])),
                Action::Retry(at),
            );
        }
        may(self.left.crashes > 0, Action::Crash(at));
        may(self.left.torn > 0 && node.log.durable > 0, Action::Tear(at));
        may(self.left.stops > 0, Action::Stop(at));
        may(self.controllers.may_unfence(at, node.read), Action::Unfence(at));
        if self.left.breaks > 0 {
            for to in (0..3).filter(|to| *to != at) {
                let line = |lane| Line { from: at, to, lane };
                let requests = self.wire.lines().any(|used| used == line(Lane::Requests));
                let replies = self.wire.lines().any(|used| used == line(Lane::Replies));
                let held = self.nodes[to].held.iter().any(|held| held.from == at && held.wanted);
                may(requests || replies || held, Action::Break(at, to));
                may(requests, Action::Strand(at, to));
            }
        }
    }

    fn actions_of_the_dead(&self, at: At, marks: Marks, all: &mut Vec<Action>) {
        let node = &*self.nodes[at];
        if node.process == Process::Gone {
            return;
        }
        all.push(Action::Register(at, Kept::LogAndMark));
        if marks == Marks::AnyAge && node.replica.high_watermark() > Offset::ZERO {
            all.push(Action::Register(at, Kept::Log));
        }
        if self.left.wipes > 0 && !node.log.records.is_empty() {
            all.push(Action::Register(at, Kept::Nothing));
        }
    }

    /// The state after this.
    pub fn after(&self, action: Action) -> Self {
        let mut next = self.clone();
        next.violation = None;
        next.sights = crate::sights::Sights::default();
        next.take(action);
        next.hurry();
        next.look_around(self, action);
        next.finish(self);
        next
    }

    fn take(&mut self, action: Action) {
        match action {
            Action::Append(at) => {
                self.left.appends -= 1;
                self.append(at);
            }
            Action::Store(at) => {
                let log = &mut self.node(at).log;
                log.durable = log.records.len();
                self.step(at, Event::Stored);
            }
            Action::Deliver(line) => self.deliver(line),
            Action::Read(at) => self.read(at),
            Action::Tell(at) => {
                // The moment is not kept anywhere, so the clock need not move; a wait of its length is nobody else's.
                let (clock, news) = (self.nodes[at].clock, self.nodes[at].replica.wakes_at());
                self.tick(at, news.expect("it has news").max(clock));
                self.node(at).clock = clock;
            }
            Action::Retry(at) => {
                let pause_ends = self.nodes[at].replica.wakes_at().expect("it pauses");
                self.tick(at, pause_ends.max(DAWN));
            }
            Action::Lag(at) => {
                self.left.lags -= 1;
                self.tick(at, self.nodes[at].clock.after(LAG));
            }
            Action::Crash(at) => {
                self.left.crashes -= 1;
                self.end(at, Process::Crashed);
            }
            Action::Tear(at) => {
                self.left.torn -= 1;
                self.end(at, Process::Torn);
            }
            Action::Stop(at) => {
                self.left.stops -= 1;
                self.end(at, Process::Stopped);
            }
            Action::Register(at, kept) => self.register(at, kept),
            Action::Fence(at) => {
                self.left.fences -= u8::from(self.nodes[at].is_up());
                Arc::make_mut(&mut self.controllers).fence(at);
            }
            Action::Unfence(at) => Arc::make_mut(&mut self.controllers).unfence(at),
            Action::HandOver => {
                self.left.handovers -= 1;
                Arc::make_mut(&mut self.controllers).hand_over().expect("it was tried");
            }
            Action::Consider(index) => self.consider(index),
            Action::Hear(index) => {
                let report = self.reports.remove(index);
                Arc::make_mut(&mut self.controllers).hear(report);
            }
            Action::HearRefusal(index) => {
                let under_way = self.refused.remove(index);
                self.step(under_way.from, Event::Proposed(under_way.proposal, ProposalOutcome::Refused));
            }
            Action::Doubt(index) => {
                self.left.doubts -= 1;
                self.proposals[index].doubted = true;
                let under_way = self.proposals[index].clone();
                self.step(under_way.from, Event::Proposed(under_way.proposal, ProposalOutcome::Unknown));
            }
            Action::TurnAway(index) => {
                self.left.doubts -= 1;
                let under_way = self.proposals.remove(index);
                self.step(under_way.from, Event::Proposed(under_way.proposal, ProposalOutcome::Refused));
            }
            Action::Break(from, to) => {
                self.left.breaks -= 1;
                self.wire.take_all(Line { from, to, lane: Lane::Requests });
                self.disconnect(from);
            }
            Action::Strand(from, to) => {
                self.left.breaks -= 1;
                self.wire.strand(from, to);
                self.disconnect(from);
            }
        }
    }

    /// A follower, which has one fetch under way at most, learns that it will not be answered.
    fn disconnect(&mut self, from: At) {
        self.forget_fetches(from);
        let epoch = self.nodes[from].epoch();
        self.step(from, Event::FetchFailed(epoch));
    }

    fn consider(&mut self, index: usize) {
        let under_way = self.proposals.remove(index);
        let count = self.controllers.decisions.len();
        let outcome = Arc::make_mut(&mut self.controllers).alter(under_way.from, &under_way.proposal);
        match outcome {
            ProposalOutcome::Refused => {
                self.sights.note(Sight::AProposalIsRefused);
                if self.nodes[under_way.from].is_up() {
                    self.refused.push(under_way);
                }
            }
            // This answer changes nothing at its leader, so it may come at any time, and comes now.
            outcome => {
                if under_way.doubted && self.controllers.decisions.len() > count {
                    self.sights.note(Sight::ADoubtfulProposalCounts);
                }
                self.step(under_way.from, Event::Proposed(under_way.proposal, outcome));
            }
        }
    }

    /// A process ends. What it has sent may still arrive; what is under way to it is lost, and who waits for that hears so.
    pub fn end(&mut self, at: At, process: Process) {
        for other in (0..3).filter(|other| *other != at) {
            let line = |lane| Line { from: other, to: at, lane };
            let mut lost = self.wire.take_all(line(Lane::Requests));
            self.wire.take_all(line(Lane::Stray));
            let waits = lost.drain(..).any(|message| matches!(message, Message::Fetch(_, true)));
            let held = self.nodes[at].held.iter().any(|held| held.from == other && held.wanted);
            if waits || held {
                self.disconnect(other);
            }
            self.wire.strand(at, other);
        }
        self.forget_fetches(at);
        self.refused.retain(|under_way| under_way.from != at);
        let rules = self.rules;
        let node = self.node(at);
        let durable = match process {
            Process::Runs | Process::Crashed | Process::Gone => node.log.durable,
            Process::Torn => node.log.durable - 1,
            Process::Stopped => node.log.records.len(),
        };
        node.log.truncate(durable);
        node.log.durable = durable;
        let mark = node.replica.high_watermark();
        let kept_since = node.kept_since;
        *node = Node { process, kept_since, ..Node::begin(at, node.life, rules, node.log.clone(), mark) };
    }

    fn register(&mut self, at: At, kept: Kept) {
        let old = Arc::clone(&self.nodes[at]);
        let (disk, log, mark) = match kept {
            Kept::Nothing => (Disk::Fresh, crate::log::FakeLog::default(), Offset::ZERO),
            Kept::Log | Kept::LogAndMark => {
                let disk = match old.process {
                    Process::Stopped => Disk::Clean(old.life),
                    _ => Disk::Crashed(old.life),
                };
                let mark = if kept == Kept::Log { Offset::ZERO } else { old.replica.high_watermark() };
                (disk, old.log.clone(), mark)
            }
        };
        self.left.wipes -= u8::from(kept == Kept::Nothing);
        let life = Arc::make_mut(&mut self.controllers).register(at, Some(old.life), disk);
        // A new life is told the newest state as of its registration, and then what follows.
        let read = self.controllers.decisions.len() - 1;
        let whole = kept != Kept::Nothing && old.process != Process::Torn;
        let kept_since = if whole { old.kept_since } else { life };
        self.nodes[at] = Arc::new(Node { read, kept_since, ..Node::begin(at, life, self.rules, log, mark) });
    }

    /// Notes what this step has shown.
    fn look_around(&mut self, before: &Self, action: Action) {
        let decisions = &self.controllers.decisions;
        for pair in decisions[before.controllers.decisions.len() - 1..].windows(2) {
            let [old, new] = pair else { continue };
            let (was, is) = (old.in_sync.len(), new.in_sync.len());
            if matches!(action, Action::Consider(_)) {
                if is > was {
                    self.sights.note(Sight::TheSetGrows);
                }
                if is < was {
                    self.sights.note(Sight::TheSetShrinks);
                }
            }
            match (new.leader, new.election) {
                (None, _) => self.sights.note(Sight::NobodyCanLead),
                (leader, Election::Eligible) if leader != old.leader => {
                    self.sights.note(Sight::AnEligibleReplicaIsElected);
                }
                (leader, Election::Polled) if leader != old.leader => {
                    self.sights.note(match new.spec.commit {
                        CommitRule::AllInSync => Sight::LogsAreCompared,
                        CommitRule::EnoughInSync => Sight::APolledReplicaIsElected,
                    });
                }
                _ => {}
            }
        }
        if self.nodes.iter().filter(|node| node.leads()).count() > 1 {
            self.sights.note(Sight::TwoThinkTheyLead);
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = |at: &At| node_id(*at);
        match self {
            Self::Append(at) => write!(f, "a client appends at {}", n(at)),
            Self::Store(at) => write!(f, "the disk of {} stores what it was given", n(at)),
            Self::Deliver(line) => {
                let what = match line.lane {
                    Lane::Requests => "request",
                    Lane::Replies => "reply",
                    Lane::Stray => "request of a broken connection",
                };
                let (from, to) =
                    if line.end() == line.to { (line.from, line.to) } else { (line.to, line.from) };
                write!(f, "a {what} of {} arrives at {}", n(&from), n(&to))
            }
            Self::Read(at) => write!(f, "{} reads the next decision", n(at)),
            Self::Tell(at) => write!(f, "{} tells of its high watermark", n(at)),
            Self::Retry(at) => write!(f, "{} fetches again", n(at)),
            Self::Lag(at) => write!(f, "lag_max passes at {}", n(at)),
            Self::Crash(at) => write!(f, "{} crashes", n(at)),
            Self::Tear(at) => write!(f, "{} crashes, and loses a record that it had stored", n(at)),
            Self::Stop(at) => write!(f, "{} stops in order", n(at)),
            Self::Register(at, Kept::LogAndMark) => write!(f, "{} registers", n(at)),
            Self::Register(at, Kept::Log) => write!(f, "{} registers, without a high watermark", n(at)),
            Self::Register(at, Kept::Nothing) => write!(f, "{} registers with an empty disk", n(at)),
            Self::Fence(at) => write!(f, "{} is fenced", n(at)),
            Self::Unfence(at) => write!(f, "{} is alive again", n(at)),
            Self::HandOver => f.write_str("the first of the assigned replicas is elected"),
            Self::Consider(_) => f.write_str("the controllers consider a proposal"),
            Self::Hear(_) => f.write_str("the controllers hear what a replica has"),
            Self::HearRefusal(_) => f.write_str("a leader hears of the refusal"),
            Self::Doubt(_) => f.write_str("the answer to a proposal is lost"),
            Self::TurnAway(_) => f.write_str("nobody takes a proposal"),
            Self::Break(from, to) => write!(f, "the connection from {} to {} breaks", n(from), n(to)),
            Self::Strand(from, to) => {
                write!(f, "the connection from {} to {} breaks, with requests under way", n(from), n(to))
            }
        }
    }
}
