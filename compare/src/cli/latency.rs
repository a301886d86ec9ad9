//! The options of `compare latency`, and the plan they make.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use partition::ids::{ByteSize, RecordCount};
use partition::log::Durability;
use partition::partition::Acks;

use super::Places;
use super::points::{Clamped, Point, Systems, parse_min_isr};
use crate::experiment::{Conditions, Group, Hang, Plan, Producers, Setting};
use crate::profile::Profile;
use crate::results::{acks_named, durability_named};
use crate::system::{Hosting, MinIsr, Replicas, Shape, Whom};
use crate::workload::{
    Arrivals, BatchShape, InFlight, Keys, Load, Payload, PayloadError, Rate, Schedule, Span,
};

/// A shorter block would measure timers and not the cluster.
const BLOCK_MIN: Duration = Duration::from_millis(20);
/// Nobody waits a day for one cell.
const SECONDS_MAX: f64 = 86_400.0;
/// More blocks only cost pauses between them.
const BLOCKS_MAX: usize = 1000;

/// Lists, separated by commas, make a sweep: every system at every point under every setting.
#[derive(Debug, Args)]
pub(super) struct LatencyArgs {
    /// isr, quorum, k-of-isr, floor; `floor` makes floor-all and floor-majority
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "isr,quorum,floor")]
    systems: Vec<Systems>,
    /// Replica counts, 1 to 9; `n:m` sets min-ISR for that point
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,2,3,5")]
    replicas: Vec<Point>,
    /// How many must be in sync for a write to be taken (isr) [default: min(2, n)]
    #[arg(long, value_name = "M", value_parser = parse_min_isr)]
    min_isr: Option<usize>,
    /// When a write is answered: leader, committed
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "committed", value_parser = answered_acks)]
    acks: Vec<Acks>,
    /// What counts as stored: synced, cached
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "synced", value_parser = durability_named)]
    durability: Vec<Durability>,
    /// Closed loop: batches on their way at once, 1 to 4096; the next is sent when one is answered
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1,64")]
    in_flight: Vec<InFlight>,
    /// Open loop in its place: records a second, sent by a schedule. Latency counts from when a batch was due
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "in_flight")]
    rate: Vec<Rate>,
    /// How an open loop's batches scatter: constant, poisson
    #[arg(long, value_name = "KIND", default_value = "poisson", requires = "rate")]
    arrivals: Arrivals,
    /// Clients that take turns, each with a connection of its own
    #[arg(long, value_name = "COUNT", default_value = "1")]
    producers: Producers,
    /// Distinct keys, which records take in turn [default: records have none]
    #[arg(long, value_name = "COUNT", default_value = "0", hide_default_value = true)]
    keys: u64,
    /// Bytes of each record [default: 1024]
    #[arg(long, value_name = "BYTES", conflicts_with = "records")]
    record_bytes: Option<u64>,
    /// Records of each batch
    #[arg(long, value_name = "COUNT", default_value = "1")]
    batch_records: u32,
    /// Sends the lines of this file, over and over
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Injects delays: LINK, LINK+DISK, or a file. Links: natural, one-zone, three-zones, three-regions. Disks: nvme,
    /// cloud-disk, consumer-ssd. Each may have its distribution behind it (three-zones:exponential): constant,
    /// exponential, log-normal or bimodal. A file is TOML (whatever has a slash or ends in .toml), such as:
    ///
    ///   [links]
    ///   zones = 3                        # replica i is in zone (i - 1) mod zones
    ///   within = { median-us = 60 }      # one way; clients are in the zone of whomever they ask
    ///   between = { median-us = 900, distribution = "exponential", least-us = 500 }
    ///   [syncs]
    ///   median-us = 1500
    ///   distribution = "bimodal"         # slow-us, slow-percent; log-normal: sigma
    #[arg(long, value_name = "PROFILE", default_value = "natural", verbatim_doc_comment)]
    profile: Profile,
    /// The links of so many followers are slow: each frame takes 10 times as long as the profile's
    #[arg(long, value_name = "N", default_value = "0")]
    slow_replicas: usize,
    /// Stops a replica in the middle of each block for so long (its number, leader or follower)
    #[arg(long, value_name = "REPLICA:SECONDS")]
    hang: Option<Hang>,
    /// How long each cell is measured
    #[arg(long, value_name = "SECONDS", default_value = "4", value_parser = seconds)]
    seconds: Duration,
    /// In how many blocks; cells alternate block by block
    #[arg(long, value_name = "COUNT", default_value = "8", value_parser = blocks)]
    blocks: usize,
    /// Decides the order of blocks and what records hold
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Runs each replica as a process of its own, not all in this one
    #[arg(long)]
    processes: bool,
    #[command(flatten)]
    pub(super) places: Places,
}

/// A plan, and what the user should know of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) remarks: Vec<String>,
}

/// Why options make no plan.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error(transparent)]
    Payload(#[from] PayloadError),
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
}

impl LatencyArgs {
    /// What these options ask for.
    pub(super) fn plan(&self) -> Result<Planned, PlanError> {
        let records = RecordCount(self.batch_records);
        let payload = match &self.records {
            Some(path) => Payload::of_lines(path, records)?,
            None => {
                let bytes = self.record_bytes.unwrap_or(1024);
                Payload::Numbered(BatchShape::new(ByteSize(bytes), records)?)
            }
        };
        let span = Span(self.seconds / u32::try_from(self.blocks).expect("at most BLOCKS_MAX"));
        if span.0 < BLOCK_MIN {
            return Err(PlanError::ShortBlocks { blocks: self.blocks, seconds: self.seconds.as_secs_f64() });
        }
        if self.slow_replicas > 0 && self.profile.links.is_none() {
            return Err(PlanError::NothingToSlow);
        }
        self.check_hang()?;
        let (groups, remarks) = self.groups();
        let hosting = if self.processes { Hosting::Processes } else { Hosting::InProcess };
        let lead_in = Plan::lead_in_of(span);
        let (keys, producers, seed) = (Keys(self.keys), self.producers, self.seed);
        let plan =
            Plan { groups, blocks: self.blocks, span, lead_in, payload, keys, producers, seed, hosting };
        Ok(Planned { plan, remarks })
    }

    /// Whoever is to hang has to be in every cluster, or its cells would show a world without a hang.
    fn check_hang(&self) -> Result<(), PlanError> {
        let Some(Hang { whom, .. }) = self.hang else { return Ok(()) };
        let has = |replicas: Replicas| match whom {
            Whom::Leader => true,
            Whom::Follower => replicas.get() > 1,
            Whom::Replica(node) => (1..=replicas.get()).contains(&(node.0 as usize)),
        };
        match self.replicas.iter().map(|point| point.replicas).find(|replicas| !has(*replicas)) {
            Some(replicas) => Err(PlanError::NobodyToHang { whom, replicas }),
            None => Ok(()),
        }
    }

    /// How work is to arrive.
    fn loads(&self) -> Vec<Load> {
        if self.rate.is_empty() {
            return self.in_flight.iter().copied().map(Load::Closed).collect();
        }
        let open = |rate: &Rate| Load::Open(Schedule { rate: *rate, arrivals: self.arrivals });
        self.rate.iter().map(open).collect()
    }

    /// One group for each number of replicas and durability: what is compared first alternates.
    fn groups(&self) -> (Vec<Group>, Vec<String>) {
        let mut groups: BTreeMap<_, Group> = BTreeMap::new();
        let mut remarks = Vec::new();
        for point in &self.replicas {
            let replicas = point.replicas;
            let (min_isr, clamped) = point.min_isr(self.min_isr);
            if let Clamped::From(asked) = clamped {
                remarks.push(format!("min-isr {asked} is more than {replicas} replicas; {min_isr} is taken"));
            }
            for durability in &self.durability {
                let group = groups.entry((*durability, replicas)).or_default();
                for system in self.systems.iter().flat_map(|systems| &systems.0) {
                    let min_isr = if system.is_in_sync() { min_isr } else { MinIsr::default_for(replicas) };
                    let shape = Shape { system: *system, replicas, min_isr, durability: *durability };
                    for acks in &self.acks {
                        for load in self.loads() {
                            let setting = Setting { shape, acks: *acks, load };
                            if !group.cells.contains(&setting) {
                                group.cells.push(setting);
                            }
                        }
                    }
                }
            }
        }
        let conditions =
            Conditions { profile: self.profile.clone(), slow_replicas: self.slow_replicas, hang: self.hang };
        let under = |group| Group { conditions: conditions.clone(), ..group };
        (groups.into_values().map(under).collect(), remarks)
    }
}

/// A closed loop sends the next batch when one is answered, so there must be an answer.
fn answered_acks(text: &str) -> Result<Acks, String> {
    match acks_named(text)? {
        Acks::Nobody => Err("nobody answers with `nobody`, and a closed loop waits for answers".to_owned()),
        acks => Ok(acks),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= SECONDS_MAX);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("not a time of up to {SECONDS_MAX} seconds"))
}

fn blocks(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=BLOCKS_MAX).contains(count));
    count.ok_or_else(|| format!("blocks must be 1 to {BLOCKS_MAX}, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: LatencyArgs,
    }

    fn plan(line: &str) -> Result<Planned, PlanError> {
        Line::parse_from(format!("latency {line}").split_whitespace()).args.plan()
    }

    #[test]
    fn a_sweep_has_every_system_at_every_point_under_every_setting() {
        let Planned { plan, remarks } = plan("--replicas 1,3 --acks leader,committed").unwrap();
        assert_eq!(plan.groups.len(), 2);
        assert_eq!(plan.groups[1].cells.len(), 4 * 2 * 2);
        assert_eq!(plan.groups[1].shapes().len(), 4);
        assert!(remarks.is_empty());
        assert_eq!(plan.span, Span(Duration::from_millis(500)));
    }

    #[test]
    fn points_of_one_size_share_floors_and_quorum() {
        let Planned { plan, .. } = plan("--replicas 3:1,3:2,3:3 --in-flight 1").unwrap();
        assert_eq!(plan.groups.len(), 1);
        assert_eq!(plan.groups[0].cells.len(), 3 + 3);
    }

    #[test]
    fn a_min_isr_above_the_replicas_is_clamped_and_said() {
        let Planned { plan, remarks } =
            plan("--systems isr --replicas 1,3 --min-isr 2 --in-flight 1").unwrap();
        let taken: Vec<usize> = plan.groups.iter().map(|group| group.cells[0].shape.min_isr.get()).collect();
        assert_eq!(taken, [1, 2]);
        assert_eq!(remarks, ["min-isr 2 is more than 1 replicas; 1 is taken"]);
    }

    #[test]
    fn a_rate_makes_an_open_loop_in_place_of_the_closed_one() {
        let Planned { plan, .. } =
            plan("--systems isr --replicas 3 --rate 500,1000 --arrivals constant --producers 4 --keys 9")
                .unwrap();
        let loads: Vec<String> = plan.groups[0].cells.iter().map(|cell| cell.load.to_string()).collect();
        assert_eq!(loads, ["500 a second (constant)", "1000 a second (constant)"]);
        assert_eq!((plan.producers.get(), plan.keys), (4, Keys(9)));
        let both = Line::try_parse_from(["latency", "--rate", "5", "--in-flight", "1"]);
        assert!(both.is_err(), "a loop is open or closed");
    }

    #[test]
    fn slow_replicas_need_links_that_they_are_slower_than() {
        let error = plan("--slow-replicas 1").unwrap_err().to_string();
        assert!(error.contains("--profile three-zones") && !error.contains('\n'), "{error}");
        let Planned { plan, .. } =
            plan("--replicas 3 --profile one-zone+nvme --slow-replicas 1 --hang 3:0.5").unwrap();
        let conditions = &plan.groups[0].conditions;
        assert_eq!((conditions.profile.name.as_str(), conditions.slow_replicas), ("one-zone+nvme", 1));
        assert!(conditions.hang.is_some());
    }

    #[test]
    fn whoever_is_to_hang_is_in_every_cluster_or_the_line_is_refused() {
        let refused = |line: &str| plan(line).err().map(|error| error.to_string());
        for fine in
            ["--replicas 1,3 --hang leader:1", "--replicas 2,3 --hang follower:1", "--replicas 3 --hang 3:1"]
        {
            assert_eq!(refused(fine), None, "{fine}");
        }
        let stranger = refused("--replicas 5,3 --hang 4:1").unwrap();
        assert!(stranger.starts_with("--hang replica 4: a cluster of 3 has no such replica"), "{stranger}");
        assert!(refused("--replicas 3 --hang 0:1").is_some());
        assert!(refused("--replicas 1,3 --hang follower:1").is_some());
    }

    #[test]
    fn blocks_too_short_to_measure_are_refused() {
        assert!(plan("--seconds 0.1 --blocks 8").is_err());
        assert!(plan("--seconds 0.2 --blocks 8").is_ok());
    }
}
