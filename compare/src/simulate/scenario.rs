//! What one seed decides before anything runs: the clients, their load, and the faults.

use std::collections::BTreeSet;
use std::time::Duration;

use isr_log::HistoricRules;
use partition::clock::Moment;
use partition::fault::{Fault, Frame, Kind, Schedule};
use partition::ids::{ByteSize, NodeId};
use partition::partition::Acks;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::cluster;
use super::leasing::Leasing;
use super::mutant::Mutant;
use super::run::TIMES;
use super::script::{Deed, Step};
use crate::history::{ClientId, Sender};
use crate::system::{Shape, System};

/// How long the load goes on under faults, at least.
const SPAN_MIN: Duration = Duration::from_secs(10);
/// How much longer it may go on.
const SPAN_MORE_MILLIS: u64 = 3000;
/// Fewer faults would leave most of the span quiet; up to twice as many are drawn.
const FAULTS_MIN: usize = 3;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// What one seed decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The seed: of all other chance in the run as well.
    pub seed: u64,
    /// What runs.
    pub shape: Shape,
    /// How long the load goes on under faults.
    pub span: Duration,
    /// Who asks.
    pub clients: Vec<Client>,
    /// How many clients the seed itself drew.
    pub drawn_clients: usize,
    /// What goes wrong, and when, from the moment that the load begins.
    pub faults: Schedule,
    /// What goes wrong after that, as soon as the cluster shows what each step waits for.
    pub script: Vec<Step>,
    /// How the faults came to be these.
    pub choice: FaultChoice,
    /// How linearizable reads are proved.
    pub leasing: Leasing,
    /// In what its nodes are unlike real ones.
    pub twist: Twist,
}

/// In what the nodes of a run are unlike real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twist {
    /// The rule that is broken in them.
    pub mutant: Option<Mutant>,
    /// isr: about how much one fetch brings. The less, the longer a follower is on its way.
    pub fetch_bytes: ByteSize,
    /// isr: rules that Kafka once had.
    pub historic: HistoricRules,
    /// isr: how long a follower may lag before it leaves the in-sync set.
    pub lag_max: Duration,
    /// Who judges.
    pub judges: Judges,
}

/// Who judges a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judges {
    /// The invariants, which end a run at once, and then the checker.
    #[default]
    All,
    /// The checker alone: where losses are expected they are to be counted, and a run has to come to its end for that.
    Checker,
}

impl Default for Twist {
    fn default() -> Self {
        Self {
            mutant: None,
            fetch_bytes: isr_log::Config::FETCH_BYTES_MAX,
            historic: HistoricRules::default(),
            lag_max: TIMES.lag_max,
            judges: Judges::default(),
        }
    }
}

/// Which faults a run has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FaultChoice {
    /// Those that the seed draws, of all kinds that the system is able to bear.
    #[default]
    Any,
    /// Those that the seed draws, of these kinds.
    Kinds(Vec<Kind>),
    /// These.
    These(Schedule),
}

/// One client, on a node of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its number, by which the history names it.
    pub id: ClientId,
    /// What it does.
    pub work: Work,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Appends.
    Produce(Manner),
    /// Reads on from where it was, from whoever leads, what is committed.
    Poll,
    /// Reads on from where it was, with proof that it reads the newest.
    ReadNewest,
    /// Asks where the log ends.
    Tail,
    /// Reads on from where it was, from this replica.
    Follow(NodeId),
    /// Gives up old records.
    Trim,
}

/// How a producer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What it asks for.
    pub acks: Acks,
    /// Whether its batches are stamped, so that the log knows a resend.
    pub sender: Sender,
    /// Batches on their way at once.
    pub in_flight: usize,
    /// About how long between two.
    pub pace: Duration,
    /// What it does when it cannot know what became of one.
    pub in_doubt: InDoubt,
    /// The most records in a batch.
    pub records_max: u64,
}

impl Manner {
    /// So many records at most are in a batch, where nobody asks for less.
    pub const RECORDS_MAX: u64 = 3;
}

/// What a producer does when an append may have been made, and may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InDoubt {
    /// It leaves it at that.
    #[default]
    LetsBe,
    /// It sends the same once more, as it is.
    SendsAgain,
}

impl Client {
    /// Nodes of clients have higher numbers than this.
    pub(crate) const BEFORE: NodeId = NodeId(cluster::BEFORE_CLIENTS);

    /// The node it runs on.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId(cluster::BEFORE_CLIENTS + self.id.0)
    }
}

impl Scenario {
    /// What this seed decides for such a cluster.
    #[must_use]
    pub fn of(seed: u64, shape: Shape, choice: FaultChoice) -> Self {
        let leasing = leasing(seed, shape, &choice);
        Self::leased(seed, shape, choice, leasing)
    }

    /// The same with such leases, whatever the seed would decide.
    #[must_use]
    pub fn leased(seed: u64, shape: Shape, choice: FaultChoice, leasing: Leasing) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let span = SPAN_MIN + Duration::from_millis(chance.random_range(0..SPAN_MORE_MILLIS));
        let clients = clients(&mut chance, shape);
        let frame = |kinds: Vec<Kind>| Frame {
            replicas: cluster::replicas(shape),
            spares: cluster::spares(shape),
            assigned_min: shape.min_isr.get(),
            assigned_max: shape.replicas.get() + cluster::more_replicas(shape.system),
            controllers: cluster::controllers(shape.system),
            clients: clients.iter().map(Client::node).collect(),
            duration: span,
            kinds,
            count: FAULTS_MIN,
            harmed_max: harmed_max(shape),
        };
        let faults = match &choice {
            FaultChoice::Any => in_millis(Schedule::seeded(seed, &frame(bearable(shape, leasing)))),
            FaultChoice::Kinds(kinds) => in_millis(Schedule::seeded(seed, &frame(kinds.clone()))),
            FaultChoice::These(faults) => faults.clone(),
        };
        Self {
            seed,
            shape,
            span,
            drawn_clients: clients.len(),
            clients,
            faults,
            script: Vec::new(),
            choice,
            leasing,
            twist: Twist::default(),
        }
    }

    /// The same in nodes with this twist.
    #[must_use]
    pub fn twisted(self, twist: Twist) -> Self {
        Self { twist, ..self }
    }

    /// The same with these faults and clients only: how a failing run is made smaller.
    #[must_use]
    pub fn reduced(&self, faults: Schedule, clients: Vec<Client>) -> Self {
        let choice = FaultChoice::These(faults.clone());
        Self { faults, clients, choice, ..self.clone() }
    }

    /// The same with these clients only.
    #[must_use]
    pub fn with_clients(&self, chosen: &BTreeSet<ClientId>) -> Self {
        let clients = self.clients.iter().filter(|client| chosen.contains(&client.id)).copied().collect();
        Self { clients, ..self.clone() }
    }

    /// The nodes that its faults may make replicas, or harm: none where no fault names one.
    pub(super) fn spares(&self) -> Vec<NodeId> {
        let spares = cluster::spares(self.shape);
        let names_one = |fault: &Fault| {
            matches!(fault, Fault::Membership(_)) || fault.node().is_some_and(|node| spares.contains(&node))
        };
        let scripted = self.script.iter().flat_map(|step| &step.then).filter_map(Deed::fault);
        match self.faults.episodes.iter().map(|episode| &episode.fault).chain(scripted).any(names_one) {
            true => spares,
            false => Vec::new(),
        }
    }

    /// Whether no client was left out.
    #[must_use]
    pub fn has_all_clients(&self) -> bool {
        self.clients.len() == self.drawn_clients
    }
}

/// The same with beginnings in whole milliseconds, which are easier to read.
fn in_millis(mut faults: Schedule) -> Schedule {
    for episode in &mut faults.episodes {
        episode.at = Moment(episode.at.0 / NANOS_PER_MILLI * NANOS_PER_MILLI);
    }
    faults
}

/// The kinds of faults that a cluster of this shape promises to outlive without a hand. A voter that forgets is beyond
/// what a majority bears, and a replica that finds its log damaged waits for somebody to restore it.
fn bearable(shape: Shape, leasing: Leasing) -> Vec<Kind> {
    let wipes_too = shape.system.is_in_sync() && harmed_max(shape) > 0;
    let bears = |kind: &Kind| *kind != Kind::FlipBit && (*kind != Kind::Wipe || wipes_too);
    let moves_too = cluster::is_movable(shape.system);
    let bears = |kind: &Kind| bears(kind) && (moves_too || !kind.is_of_membership());
    Kind::all().into_iter().filter(bears).filter(|kind| leasing.bears(kind)).collect()
}

/// What the seed decides of leases. Faults that somebody chose may be of clocks, so there it decides for none.
pub(super) fn leasing(seed: u64, shape: Shape, choice: &FaultChoice) -> Leasing {
    match (shape.system, choice) {
        (System::Isr | System::KOfIsr, FaultChoice::Any) => Leasing::drawn(seed),
        _ => Leasing::Off,
    }
}

/// How many replicas may lose what they had synced: what is committed is on `min_isr` of them (C10), or on a majority.
fn harmed_max(shape: Shape) -> usize {
    match shape.system {
        System::Isr | System::KOfIsr => shape.min_isr.get() - 1,
        System::Quorum | System::FloorAll | System::FloorMajority => (shape.replicas.get() - 1) / 2,
    }
}

fn clients(chance: &mut StdRng, shape: Shape) -> Vec<Client> {
    const ACKS: [Acks; 5] = [Acks::Committed, Acks::Committed, Acks::Committed, Acks::Leader, Acks::Nobody];
    let mut work: Vec<Work> = [Sender::Plain, Sender::Plain, Sender::Idempotent, Sender::Idempotent]
        .into_iter()
        .map(|sender| {
            let acks = *ACKS.choose(chance).expect("not empty");
            let in_flight = chance.random_range(1..=4);
            let pace = Duration::from_millis(chance.random_range(10..120));
            Work::Produce(Manner {
                acks,
                sender,
                in_flight,
                pace,
                in_doubt: InDoubt::default(),
                records_max: Manner::RECORDS_MAX,
            })
        })
        .collect();
    let replica = *cluster::replicas(shape).choose(chance).expect("at least one");
    work.extend([Work::Poll, Work::ReadNewest, Work::Tail, Work::Follow(replica)]);
    if chance.random_range(0..4) == 0 {
        work.push(Work::Trim);
    }
    work.into_iter().zip(1..).map(|(work, id)| Client { id: ClientId(id), work }).collect()
}
