//! The metadata log as it is applied: the real image, and the decisions that replicas read of it one after the other.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use isr_log::controller::command::{
    AlterInSync, Command, ControllerEpoch, Disk, LogReport, Record, Registration,
};
use isr_log::controller::image::{Image, Standing};
use isr_log::controller::rejection::Rejection;
use isr_log::metadata::{CommitRule, Election, Incarnation, LogEnd, PartitionSpec, PartitionState};
use isr_log::mutant::Mutated;
use isr_log::replica::{Proposal, ProposalOutcome};
use partition::ids::{Epoch, NodeId, Offset, PartitionId};

use crate::bounds::Bounds;
use crate::node::{At, node_id, place};

const OFFICE: ControllerEpoch = ControllerEpoch(1);
/// The controller in office. That others may be, or may think so, is not explored here: a record of another controller
/// epoch does not count wherever it lies (H-13), and the image's own tests try that in any order.
const CONTROLLER: NodeId = NodeId(100);
/// Lives are numbered by hundreds: so a life's number tells how many began before it, and not how many records did.
const BETWEEN_LIVES: u64 = 100;

/// What the controllers have decided.
#[derive(Clone, Debug)]
pub struct Controllers {
    image: Image,
    lives: u64,
    pub decisions: Vec<Arc<PartitionState>>,
    /// How much a fenced broker must have read before it is let in again.
    fenced_at: [usize; 3],
    /// Whether a broker has been in sync since it last ended uncleanly.
    pub caught_up: [bool; 3],
    /// Whether some report may count that should not, by a broken rule.
    broken: bool,
}

impl Controllers {
    /// Three brokers are alive, and have a partition.
    pub fn new(bounds: &Bounds) -> Self {
        let image = Image::mutated(bounds.mutated);
        let decisions = Vec::new();
        let broken = bounds.mutated != Mutated::NOT;
        let mut new = Self { image, lives: 0, decisions, fenced_at: [0; 3], caught_up: [true; 3], broken };
        let must = "the first records count";
        new.apply(Command::Claim { node: CONTROLLER }).expect(must);
        new.apply(Command::SetRules(bounds.historic)).expect(must);
        let replicas: Vec<NodeId> = (0..3).map(node_id).collect();
        for at in 0..3 {
            new.register(at, None, Disk::Fresh);
            new.unfence(at);
        }
        let spec =
            PartitionSpec { id: partition(), replicas, min_isr: bounds.min_isr, commit: bounds.commit };
        new.apply(Command::CreatePartition(spec)).expect(must);
        new.caught_up = [true; 3];
        new
    }

    /// The partition as it is on record now.
    pub fn newest(&self) -> &Arc<PartitionState> {
        self.decisions.last().expect("the partition was created")
    }

    pub fn life(&self, at: At) -> Incarnation {
        self.image.brokers().get(node_id(at)).expect("it has registered").incarnation
    }

    pub fn is_alive(&self, at: At) -> bool {
        self.image.brokers().alive(node_id(at)).is_some()
    }

    pub fn is_alive_as(&self, node: NodeId, life: Incarnation) -> bool {
        self.image.brokers().is_alive_as(node, life)
    }

    /// Whether a broker that has read so many decisions may be let in.
    pub fn may_unfence(&self, at: At, read: usize) -> bool {
        let broker = self.image.brokers().get(node_id(at)).expect("it has registered");
        matches!(broker.standing, Standing::Fenced { .. }) && read >= self.fenced_at[at]
    }

    /// The broker begins a life.
    pub fn register(&mut self, at: At, replaces: Option<Incarnation>, disk: Disk) -> Incarnation {
        self.lives += 1;
        let registration = Registration { node: node_id(at), replaces, disk };
        self.apply(Command::Register(registration)).expect("nobody else registers as this broker");
        if !matches!(disk, Disk::Clean(_)) {
            self.caught_up[at] = false;
            self.note_elected();
        }
        self.fenced_at[at] = self.decisions.len();
        self.life(at)
    }

    pub fn fence(&mut self, at: At) {
        let (broker, incarnation) = (node_id(at), self.life(at));
        self.apply(Command::Fence { broker, incarnation }).expect("only the living are fenced");
        self.fenced_at[at] = self.decisions.len();
    }

    pub fn unfence(&mut self, at: At) {
        let (broker, incarnation) = (node_id(at), self.life(at));
        self.apply(Command::Unfence { broker, incarnation }).expect("only the fenced are let in");
        self.note_elected();
    }

    pub fn may_hand_over(&self) -> bool {
        self.clone().hand_over().is_ok()
    }

    pub fn hand_over(&mut self) -> Result<(), Rejection> {
        self.apply(Command::ElectPreferred(partition()))
    }

    /// A leader's proposal; what it is told of it.
    pub fn alter(&mut self, from: At, proposal: &Proposal) -> ProposalOutcome {
        let Proposal { epoch, version, members } = proposal.clone();
        let (leader, in_sync) = (node_id(from), members.clone());
        let change = AlterInSync { partition: partition(), leader, epoch, version, in_sync };
        match self.apply(Command::AlterInSync(change)) {
            Ok(()) => {
                let caught_up = members.into_iter().filter(|(node, life)| self.is_alive_as(*node, *life));
                for (node, _) in caught_up.collect::<Vec<_>>() {
                    self.caught_up[place(node)] = true;
                }
                ProposalOutcome::Overtaken
            }
            Err(Rejection::NotLeader { .. } | Rejection::StaleVersion { .. }) => ProposalOutcome::Overtaken,
            Err(_) => ProposalOutcome::Refused,
        }
    }

    /// A member of the set says what it has. Whether that counts makes no difference to who said it.
    pub fn hear(&mut self, report: LogReport) {
        let _ = self.apply(Command::ReportLog(report));
        self.note_elected();
    }

    /// Whether this report can count, now or later.
    pub fn may_count(&self, report: &LogReport) -> bool {
        let newest = self.newest();
        newest.poll.is_some()
            && newest.epoch == report.epoch
            && (newest.asks(report.broker, report.incarnation) || self.broken)
    }

    /// Whoever was elected as the last resort is in sync by that.
    fn note_elected(&mut self) {
        let Some(state) = self.decisions.last() else { return };
        let compared = state.election == Election::Polled && state.spec.commit == CommitRule::AllInSync;
        let resort = compared || matches!(state.election, Election::LastLeader | Election::Unclean);
        if let Some(leader) = state.leader.filter(|_| resort) {
            self.caught_up[place(leader)] = true;
        }
    }

    fn apply(&mut self, command: Command) -> Result<(), Rejection> {
        let at = match &command {
            Command::Register(_) => Offset(self.lives * BETWEEN_LIVES),
            _ => self.image.applied_to(),
        };
        let record = Record { epoch: OFFICE, command };
        self.image.apply(at, &record)?;
        let newest = self.image.partition(&partition());
        let newest = newest.filter(|newest| self.decisions.last() != Some(*newest));
        self.decisions.extend(newest.cloned());
        Ok(())
    }

    /// All that decides what follows, but for the decisions: they are told apart by who has not read which.
    pub fn hash_standing(&self, hasher: &mut impl Hasher) {
        for at in 0..3 {
            let broker = self.image.brokers().get(node_id(at)).expect("it has registered");
            let unread = self.decisions.len() - self.fenced_at[at];
            let fenced = matches!(broker.standing, Standing::Fenced { .. }).then_some(unread);
            (broker.incarnation, broker.disk_since, fenced, self.is_alive(at)).hash(hasher);
        }
        (self.lives, self.caught_up).hash(hasher);
    }
}

/// What a member of the set says in a poll.
pub fn log_report(broker: NodeId, incarnation: Incarnation, epoch: Epoch, end: LogEnd) -> LogReport {
    LogReport { partition: partition(), broker, incarnation, epoch, end }
}

fn partition() -> PartitionId {
    PartitionId::new("orders", 0).expect("a partition")
}
