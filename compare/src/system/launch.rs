//! Starts a cluster: binds all ports, tells every node of all, and waits until the partition takes writes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream;
use partition::ids::{ByteSize, NodeId, PartitionId};
use partition::partition::{Partition, Role as PartitionRole};
use partition::transport::Address;
use partition::world::Tasks;

use super::casualty::Casualties;
use super::client_world;
use super::error::LaunchError;
use super::host::{Host, Identity};
use super::hosts::Hosts;
use super::in_process::TaskHost;
use super::links::LinkTerms;
use super::power::Power;
use super::premises::Premises;
use super::process::{Nursery, ProcessHost};
use super::running::{Connections, Running};
use super::shape::{Shape, System};
use super::sites::Sites;
use crate::data_dir;
use crate::node::{Delays, DiskTerms, Injection, Partitions, Plan, Role, Scale, Sender, Times};
use crate::profile::Profile;

/// Controllers of an isr cluster, for any number of replicas: the smallest quorum that survives a loss.
const CONTROLLERS: u32 = 3;
/// How long a started cluster may take until it takes writes: some elections, on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to prove that it leads, before it is asked again.
const PROOF_LIMIT: Duration = Duration::from_secs(2);
/// How often it is asked.
const READY_POLL: Duration = Duration::from_millis(10);
/// Partitions that are asked at once whether they are ready: each proves it by a round among its replicas.
pub(super) const ASKED_AT_ONCE: usize = 32;
/// The partition that all measurements use.
const TOPIC: &str = "compare";

/// Where replicas run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hosting {
    /// A process each (`compare node`).
    Processes,
    /// All as tasks of this process, on real sockets and files.
    InProcess,
}

/// Starts a cluster of this shape with its files in the data directory `data`, and waits until it takes writes
/// (isr: until every replica is in sync). Processes are instances of the running program.
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch(shape: Shape, hosting: Hosting, data: &Path, seed: u64) -> Result<Running, LaunchError> {
    launch_delayed(shape, hosting, data, seed, &Profile::natural(), Scale::default()).await
}

/// The same, of so many partitions, with delays of this profile between its nodes and on their disks.
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch_delayed(
    shape: Shape,
    hosting: Hosting,
    data: &Path,
    seed: u64,
    profile: &Profile,
    scale: Scale,
) -> Result<Running, LaunchError> {
    let own = std::env::current_exe();
    let own = own.map_err(|error| LaunchError::BadInput(format!("cannot find this program: {error}")))?;
    let injected = (!profile.is_natural()).then(|| Injection { profile: profile.clone(), seed });
    start(&own, shape, hosting, data, seed, Terms { injected, scale, ..Terms::default() }).await
}

/// The same, with processes of another program: the `compare` binary, for whoever is not it.
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch_program(
    program: &Path,
    shape: Shape,
    hosting: Hosting,
    data: &Path,
    seed: u64,
) -> Result<Running, LaunchError> {
    launch_scaled(program, shape, hosting, data, seed, Scale::default()).await
}

/// The same, of so many partitions.
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch_scaled(
    program: &Path,
    shape: Shape,
    hosting: Hosting,
    data: &Path,
    seed: u64,
    scale: Scale,
) -> Result<Running, LaunchError> {
    start(program, shape, hosting, data, seed, Terms { scale, ..Terms::default() }).await
}

/// Segments of clusters that are launched to be hit by faults: small, so that logs roll, and need room, within seconds.
const SMALL_SEGMENT: ByteSize = ByteSize::kib(16);

/// Processes of this program that miss each other as soon as is said, on such disks and premises, with small segments.
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch_on(
    premises: &Premises,
    program: &Path,
    shape: Shape,
    data: &Path,
    seed: u64,
    (times, disk, links): (Times, DiskTerms, LinkTerms),
) -> Result<Running, LaunchError> {
    let premises = premises.clone();
    let (times, segment) = (Some(times), Some(SMALL_SEGMENT));
    let injected = links.injected(Profile::natural(), seed);
    let terms = Terms { injected, times, disk, segment, premises, ..Terms::default() };
    start(program, shape, Hosting::Processes, data, seed, terms).await
}

/// The same, with delays of this profile, and links and disks that can be made slow while it runs: where the profile has no
/// links they hold frames for no time, until they are told to.
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch_yielding(
    program: &Path,
    shape: Shape,
    data: &Path,
    seed: u64,
    times: Times,
    profile: &Profile,
) -> Result<Running, LaunchError> {
    let injected = LinkTerms::Yielding.injected(profile.clone(), seed);
    let terms = Terms { injected, times: Some(times), disk: DiskTerms::Both, ..Terms::default() };
    start(program, shape, Hosting::Processes, data, seed, terms).await
}

/// What is told to all nodes beside the shape.
#[derive(Default)]
struct Terms {
    injected: Option<Injection>,
    scale: Scale,
    times: Option<Times>,
    disk: DiskTerms,
    segment: Option<ByteSize>,
    premises: Premises,
}

async fn start(
    program: &Path,
    shape: Shape,
    hosting: Hosting,
    data: &Path,
    seed: u64,
    terms: Terms,
) -> Result<Running, LaunchError> {
    let Terms { injected, scale, times, disk, segment, premises } = terms;
    let dir = data_dir::cluster(data, &shape, scale.partitions)
        .map_err(|error| LaunchError::BadInput(error.to_string()))?;
    let casualties = Casualties::default();
    let world = client_world();
    let tasks = Tasks::default();
    let nursery = Nursery {
        program: program.to_owned(),
        clock: world.clock.clone(),
        casualties: casualties.clone(),
        tasks: tasks.clone(),
    };
    let identities = identities(shape, &dir, seed);
    let sites = Sites::take(&premises.network, identities.len())?;
    let host = |(number, identity): (usize, Identity)| match hosting {
        Hosting::Processes => {
            let namespace = sites.namespace(number);
            Host::Process(Box::new(ProcessHost::new(identity, namespace, nursery.clone())))
        }
        Hosting::InProcess => Host::Task(TaskHost::new(identity, casualties.clone(), tasks.clone())),
    };
    let mut hosts: Vec<Host> = identities.into_iter().enumerate().map(host).collect();
    let addresses = sites.addresses();
    try_join_all(hosts.iter_mut().zip(&addresses).map(|(host, at)| host.bind(*at))).await?;
    let plan = Plan { injected, scale, times, disk, segment, ..plan(shape, &hosts, &addresses) };
    try_join_all(hosts.iter_mut().map(|host| host.start(&plan))).await?;
    let delays = Delays::of(Sender::Client, &plan, &world.clock);
    let power = premises.power;
    let running = Running {
        shape,
        plan,
        hosts,
        sites,
        power,
        casualties,
        world,
        tasks,
        delays,
        cuts: BTreeSet::default(),
    };
    wait_until_ready(&running).await?;
    Ok(running)
}

/// A client's view of a cluster of this shape whose nodes run elsewhere, once it takes writes. Nothing of it is started or ended here,
/// and what it consumes is not known.
///
/// # Errors
/// [`LaunchError`] when it does not take writes in time.
pub async fn join_elsewhere(shape: Shape, hosts: &Hosts, scale: Scale) -> Result<Running, LaunchError> {
    let partition = PartitionId::new(TOPIC, 0).expect("letters make a legal topic");
    let plan = hosts.plan(shape, partition, scale);
    let (casualties, tasks) = (Casualties::default(), Tasks::default());
    let (hosts, sites, world) = (Vec::new(), Sites::elsewhere(), client_world());
    let power = Power::default();
    let running = Running {
        shape,
        plan,
        hosts,
        sites,
        power,
        casualties,
        world,
        tasks,
        delays: None,
        cuts: BTreeSet::default(),
    };
    wait_until_ready(&running).await?;
    Ok(running)
}

/// Which nodes there are, and where each keeps its files.
fn identities(shape: Shape, dir: &Path, seed: u64) -> Vec<Identity> {
    let replicas = u32::try_from(shape.replicas.get()).expect("a handful");
    let role = |node: u32| match shape.system {
        System::Isr | System::KOfIsr => Role::Isr,
        System::Quorum => Role::Quorum,
        System::FloorAll | System::FloorMajority if node == 1 => Role::FloorLeader,
        System::FloorAll | System::FloorMajority => Role::FloorEcho,
    };
    let controllers = if shape.system.is_in_sync() { CONTROLLERS } else { 0 };
    let identity = |role: Role, letter: char, node: u32| {
        let own: PathBuf = dir.join(format!("{letter}{node}"));
        // Controllers draw apart from replicas of the same number, and all alike in each run with the same seed.
        let seed = seed.wrapping_mul(1_000_003) ^ (u64::from(u32::from(letter)) << 32);
        Identity { role, node: NodeId(node), name: format!("{shape}/{letter}{node}"), dir: own, seed }
    };
    let controllers = (1..=controllers).map(|node| identity(Role::Controller, 'c', node));
    controllers.chain((1..=replicas).map(|node| identity(role(node), 'n', node))).collect()
}

fn plan(shape: Shape, hosts: &[Host], addresses: &[Address]) -> Plan {
    let of = |wanted: fn(Role) -> bool| -> BTreeMap<NodeId, Address> {
        let bound = hosts.iter().map(Host::identity).zip(addresses);
        bound.filter(|(host, _)| wanted(host.role)).map(|(host, address)| (host.node, *address)).collect()
    };
    Plan {
        spares: BTreeMap::new(),
        partition: PartitionId::new(TOPIC, 0).expect("letters make a legal topic"),
        replicas: of(|role| role != Role::Controller),
        controllers: of(|role| role == Role::Controller),
        min_isr: shape.min_isr.get(),
        commit: shape.commit_rule(),
        copies: shape.copies_awaited(),
        durability: shape.durability,
        injected: None,
        scale: Scale::default(),
        times: None,
        disk: DiskTerms::Plain,
        segment: None,
    }
}

impl Running {
    /// Resolves when all partitions take writes, with all the copies that their shape promises.
    pub async fn is_whole(&self) {
        let clients = self.connect_all(&self.world, Connections::One);
        let all = clients.iter().map(|client| async move {
            while !is_ready(self, &**client).await {
                self.world.clock.sleep(READY_POLL).await;
            }
        });
        stream::iter(all).buffer_unordered(ASKED_AT_ONCE).collect::<()>().await;
    }
}

/// Waits until all partitions take writes, with all the copies that their shape promises, and are led by all nodes alike.
async fn wait_until_ready(running: &Running) -> Result<(), LaunchError> {
    let world = &running.world;
    let limit = running.plan.scale.patience(READY_LIMIT);
    let ready = async {
        running.is_whole().await;
        if running.plan.scale.partitions > Partitions::ONE {
            running.spread_leaders().await;
            running.is_whole().await;
        }
    };
    let ready = world.clock.timeout(limit, ready);
    tokio::select! {
        biased;
        casualty = running.casualty() => Err(casualty),
        ready = ready => ready.map_err(|_| LaunchError::TooSlow {
            what: format!("the start of {}", running.shape),
            limit,
        }),
    }
}

async fn is_ready(running: &Running, client: &dyn Partition) -> bool {
    // A leader proves that it leads by a linearizable read; its status alone may be an old leader's, or a hint to one.
    if client.tail(PROOF_LIMIT).await.is_err() {
        return false;
    }
    let status = client.status().await;
    status.is_ok_and(|status| {
        status.role == PartitionRole::Leader && status.members.len() == running.shape.replicas.get()
    })
}
