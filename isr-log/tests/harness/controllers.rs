//! The controllers by the image that real ones apply: where a rule is theirs as much as the replicas' (H-17).

use std::collections::VecDeque;

use isr_log::controller::command::{
    AlterInSync, Command, ControllerEpoch, Disk, LogReport, Record, Registration,
};
use isr_log::controller::image::Image;
use isr_log::controller::rejection::Rejection;
use isr_log::metadata::{CommitRule, Incarnation, LogEnd, PartitionSpec, PartitionState};
use isr_log::mutant::Mutated;
use isr_log::replica::{Proposal, ProposalOutcome};
use partition::ids::{Epoch, NodeId, Offset, PartitionId};

use super::Harness;

/// What the controllers have decided, and what they have been told but not heard yet.
pub struct Controllers {
    image: Image,
    next: u64,
    id: PartitionId,
    reports: VecDeque<LogReport>,
}

impl Controllers {
    /// All of these are alive, and have a partition.
    fn of(replicas: &[NodeId], min_isr: usize, commit: CommitRule, mutated: Mutated) -> Self {
        let id: PartitionId = "orders-0".parse().expect("a partition");
        let (image, next, reports) = (Image::mutated(mutated), 0, VecDeque::new());
        let mut controllers = Self { image, next, id: id.clone(), reports };
        controllers.say(Command::Claim { node: NodeId(100) }).expect("nobody is in office");
        for node in replicas {
            controllers.live(*node, Disk::Fresh);
        }
        let spec = PartitionSpec { id, replicas: replicas.to_vec(), min_isr, commit };
        controllers.say(Command::CreatePartition(spec)).expect("a possible partition");
        controllers
    }

    fn say(&mut self, command: Command) -> Result<(), Rejection> {
        let at = Offset(self.next);
        self.next += 1;
        self.image.apply(at, &Record { epoch: ControllerEpoch(1), command }).map(drop)
    }

    /// A broker registers with what it finds on its disk, and is heard from.
    fn live(&mut self, node: NodeId, disk: Disk) -> Incarnation {
        let replaces = self.image.brokers().get(node).map(|broker| broker.incarnation);
        self.say(Command::Register(Registration { node, replaces, disk })).expect("it names its former life");
        let incarnation = self.life(node);
        self.say(Command::Unfence { broker: node, incarnation }).expect("who has registered is fenced");
        incarnation
    }

    fn life(&self, node: NodeId) -> Incarnation {
        self.image.brokers().get(node).expect("it has registered").incarnation
    }

    fn state(&self) -> PartitionState {
        PartitionState::clone(self.image.partition(&self.id).expect("it was created"))
    }
}

impl Harness {
    /// Replicas of a partition, and controllers that may elect by asking them. All have read who leads first.
    pub fn polled(
        replicas: u32,
        min_isr: usize,
        commit: CommitRule,
        mutant: Option<isr_log::mutant::Mutant>,
    ) -> Self {
        let mut harness = Self::broken(replicas, min_isr, isr_log::HistoricRules::default(), mutant);
        let nodes: Vec<NodeId> = harness.nodes.keys().copied().collect();
        let controllers = Controllers::of(&nodes, min_isr, commit, harness.rules.mutated);
        for node in &nodes {
            harness.next_life = controllers.life(*node).0.0;
            harness.start(*node, super::FakeLog::default(), Offset::ZERO);
        }
        harness.state = controllers.state();
        harness.controllers = Some(controllers);
        nodes.into_iter().for_each(|node| harness.read_decision(node));
        harness
    }

    fn controllers(&mut self) -> &mut Controllers {
        self.controllers.as_mut().expect("begin with `commit=`")
    }

    fn record(&mut self, command: Command) -> Result<(), Rejection> {
        let outcome = self.controllers().say(command);
        self.state = self.controllers().state();
        let leader = self.state.leader.map_or_else(|| "nobody".to_owned(), |leader| leader.to_string());
        let members: Vec<u32> = self.state.in_sync.keys().map(|node| node.0).collect();
        let said = match &outcome {
            Ok(()) => format!("{leader} leads in e{}, {members:?} in sync", self.state.epoch),
            Err(rejection) => format!("refused: {rejection}"),
        };
        self.trace.push(format!("controllers: {said}"));
        outcome
    }

    /// The controllers have not heard of a broker for a session.
    pub fn fence(&mut self, broker: NodeId) {
        let incarnation = self.controllers().life(broker);
        let _ = self.record(Command::Fence { broker, incarnation });
    }

    /// They hear of it again.
    pub fn unfence(&mut self, broker: NodeId) {
        let incarnation = self.controllers().life(broker);
        let _ = self.record(Command::Unfence { broker, incarnation });
    }

    /// It asks to be let go.
    pub fn leave(&mut self, broker: NodeId) {
        let incarnation = self.controllers().life(broker);
        let _ = self.record(Command::Leave { broker, incarnation });
    }

    /// A broker that is down begins its next life.
    pub(super) fn register(&mut self, node: NodeId) {
        let former = self.nodes[&node].life;
        let wiped = self.nodes[&node].log.records.is_empty();
        let disk = if wiped { Disk::Fresh } else { Disk::Crashed(former) };
        let life = self.controllers().live(node, disk);
        self.next_life = life.0.0;
        self.state = self.controllers().state();
    }

    pub(super) fn tell(&mut self, broker: NodeId, epoch: Epoch, end: LogEnd) {
        let incarnation = self.nodes[&broker].life;
        let Some(controllers) = &mut self.controllers else { return };
        let partition = controllers.id.clone();
        controllers.reports.push_back(LogReport { partition, broker, incarnation, epoch, end });
    }

    /// The controllers hear the oldest report, or that of one broker; false when there is none.
    pub fn hear(&mut self, from: Option<NodeId>) -> bool {
        let reports = &mut self.controllers().reports;
        let at = reports.iter().position(|report| from.is_none_or(|from| from == report.broker));
        let Some(report) = at.and_then(|at| reports.remove(at)) else { return false };
        let _ = self.record(Command::ReportLog(report));
        true
    }

    /// They take a proposal for what it is worth.
    pub(super) fn judge(&mut self, leader: NodeId, proposal: &Proposal) -> ProposalOutcome {
        let Proposal { epoch, version, members } = proposal.clone();
        let partition = self.controllers().id.clone();
        let change = AlterInSync { partition, leader, epoch, version, in_sync: members };
        match self.record(Command::AlterInSync(change)) {
            Ok(()) | Err(Rejection::NotLeader { .. } | Rejection::StaleVersion { .. }) => {
                ProposalOutcome::Overtaken
            }
            Err(_) => ProposalOutcome::Refused,
        }
    }
}
