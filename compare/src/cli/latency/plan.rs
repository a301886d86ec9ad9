//! From options to the plan they make.

use std::time::Duration;

use partition::ids::{ByteSize, RecordCount};

use super::super::points::Point;
use super::LatencyArgs;
use crate::cli::workload::WorkloadError;
use crate::experiment::{Group, Hang, Plan, Producers};
use crate::node::Partitions;
use crate::system::{Hosting, Hosts, HostsError, Replicas, Shape, System, Whom};
use crate::workload::{BatchShape, Gathering, Keys, Linger, Payload, PayloadError, Span};

/// A shorter block would measure timers and not the cluster.
const BLOCK_MIN: Duration = Duration::from_millis(20);
/// What is taken where nothing is said.
const SECONDS: Duration = Duration::from_secs(4);
const RECORD: ByteSize = ByteSize::kib(1);

/// A plan, and what the user should know of it.
#[derive(Debug)]
pub(in crate::cli) struct Planned {
    pub(in crate::cli) plan: Plan,
    pub(in crate::cli) remarks: Vec<String>,
}

/// Why options make no plan.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PlanError {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error("{blocks} blocks in {seconds} s are under {} ms each; raise --seconds or lower --blocks", BLOCK_MIN.as_millis())]
    ShortBlocks { blocks: usize, seconds: f64 },
    #[error(
        "--slow-replicas makes links slower than a profile's; name one too, such as --profile three-zones"
    )]
    NothingToSlow,
    #[error(
        "--hang {whom}: a cluster of {replicas} has no such replica; leave that size out, or hang another"
    )]
    NobodyToHang { whom: Whom, replicas: Replicas },
    #[error("no cluster has so many followers: --slow-replicas leaves nothing to measure")]
    NothingToMeasure,
    #[error(
        "of many partitions every replica leads some: hang one by its number, and name no --slow-replicas"
    )]
    AllLead,
    #[error(transparent)]
    Hosts(#[from] HostsError),
    #[error("the nodes of --hosts run one system on one setting: name one of each, such as --systems quorum")]
    OneSystem,
    #[error(
        "--hosts: controllers belong to isr and k-of-isr, which need them, and to nothing else; not so for {0}"
    )]
    Controllers(System),
    #[error("--arrivals is of an open loop: name its --rate too")]
    NoSchedule,
}

impl LatencyArgs {
    /// What these options ask for.
    pub(in crate::cli) fn plan(&mut self) -> Result<Planned, PlanError> {
        let (workload, mut remarks) = self.fill_from_workload()?;
        let gathering = self.gathering();
        let payload = self.payload(gathering)?;
        let seconds = self.seconds.unwrap_or(SECONDS);
        let span = Span(seconds / u32::try_from(self.blocks).expect("at most BLOCKS_MAX"));
        if span.0 < BLOCK_MIN {
            return Err(PlanError::ShortBlocks { blocks: self.blocks, seconds: seconds.as_secs_f64() });
        }
        if self.slow_replicas.iter().any(|count| *count > 0)
            && self.profile.iter().any(|profile| profile.links.is_none())
        {
            return Err(PlanError::NothingToSlow);
        }
        if self.arrivals.is_some() && self.rate.is_empty() {
            return Err(PlanError::NoSchedule);
        }
        let hosts = self.hosts.as_deref().map(Hosts::read).transpose()?;
        let (groups, of_cells) = match &hosts {
            Some(hosts) => self.of_hosts(hosts)?.groups(Some(hosts)),
            None => self.groups(None),
        };
        remarks.extend(of_cells);
        let shapes: Vec<Shape> = groups.iter().flat_map(Group::shapes).collect();
        if shapes.is_empty() {
            return Err(PlanError::NothingToMeasure);
        }
        self.check_hang(&shapes)?;
        self.check_partitions()?;
        let plan = Plan {
            groups,
            blocks: self.blocks,
            span,
            lead_in: Plan::lead_in_of(span),
            workload,
            payload,
            gathering,
            keys: Keys(self.keys.unwrap_or(0)),
            producers: self.producers.unwrap_or(Producers::ONE),
            seed: self.seed,
            hosting: if self.processes || hosts.is_some() { Hosting::Processes } else { Hosting::InProcess },
        };
        Ok(Planned { plan, remarks })
    }

    fn gathering(&self) -> Gathering {
        match self.linger {
            Some(wait) if !wait.is_zero() => {
                Gathering::Lingering(Linger { wait, most: self.batch_records.map(RecordCount) })
            }
            _ => Gathering::Beforehand,
        }
    }

    fn payload(&self, gathering: Gathering) -> Result<Payload, PayloadError> {
        let records = RecordCount(self.batch_records.unwrap_or(1));
        // The whole batch is checked, whoever gathers it.
        let payload = match &self.records {
            Some(path) => Payload::of_lines(path, records)?,
            None => {
                let bytes = self.record_bytes.map_or(RECORD, ByteSize);
                Payload::Numbered(BatchShape::new(bytes, records)?)
            }
        };
        Ok(match gathering {
            Gathering::Beforehand => payload,
            Gathering::Lingering(_) => payload.one_by_one(),
        })
    }

    /// The same of nodes that run already: there is one cluster, as large as the file says.
    fn of_hosts(&self, hosts: &Hosts) -> Result<Self, PlanError> {
        let mut systems = self.systems.iter().flat_map(|systems| &systems.0);
        let (Some(system), None) = (systems.next(), systems.next()) else { return Err(PlanError::OneSystem) };
        if system.is_in_sync() != hosts.have_controllers() {
            return Err(PlanError::Controllers(*system));
        }
        if self.durability.len() != 1 || self.partitions().len() != 1 {
            return Err(PlanError::OneSystem);
        }
        let point = Point { replicas: hosts.replicas()?, min_isr: None };
        Ok(Self { replicas: vec![point], ..self.clone() })
    }

    fn check_partitions(&self) -> Result<(), PlanError> {
        let many = self.partitions().into_iter().any(|partitions| partitions > Partitions::ONE);
        let by_role = self.hang.is_some_and(|hang| !matches!(hang.whom, Whom::Replica(_)));
        let slowed = self.slow_replicas.iter().any(|count| *count > 0);
        if many && (by_role || slowed) { Err(PlanError::AllLead) } else { Ok(()) }
    }

    /// Whoever is to hang has to be in every cluster, or its cells would show a world without a hang.
    fn check_hang(&self, shapes: &[Shape]) -> Result<(), PlanError> {
        let Some(Hang { whom, .. }) = self.hang else { return Ok(()) };
        let has = |replicas: Replicas| match whom {
            Whom::Leader => true,
            Whom::Follower => replicas.get() > 1,
            Whom::Replica(node) => (1..=replicas.get()).contains(&(node.0 as usize)),
        };
        match shapes.iter().map(|shape| shape.replicas).find(|replicas| !has(*replicas)) {
            Some(replicas) => Err(PlanError::NobodyToHang { whom, replicas }),
            None => Ok(()),
        }
    }
}
