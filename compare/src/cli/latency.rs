//! The options of `compare latency`.

mod fill;
mod groups;
mod plan;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use partition::log::Durability;
use partition::partition::Acks;

use super::Places;
use super::points::{Pace, Point, Survive, Systems, parse_min_isr};
use crate::experiment::{Hang, Producers};
use crate::node::{Heartbeats, Partitions};
use crate::profile::Profile;
use crate::results::{acks_named, durability_named};
use crate::workload::{Arrivals, Gathering, InFlight};

pub(super) use plan::Planned;

/// Nobody waits a day for one cell.
const SECONDS_MAX: f64 = 86_400.0;
/// More blocks only cost pauses between them.
const BLOCKS_MAX: usize = 1000;

/// Lists, separated by commas, make a sweep: every system at every point under every setting.
#[derive(Clone, Debug, Args)]
pub(super) struct LatencyArgs {
    /// isr, quorum, k-of-isr, floor; `floor` makes floor-all and floor-majority
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "isr,quorum,floor")]
    systems: Vec<Systems>,
    /// Replica counts, 1 to 9; `n:m` sets min-ISR for that point [default: 1,2,3,5, or none with --survive]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    replicas: Vec<Point>,
    /// Equal failures survived, each as D:A: D copies destroyed and A replicas down with writes going on. Beside each
    /// other: isr with D+A+1 replicas and min-ISR D+1, a majority of 2 max(D, A) + 1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    survive: Vec<Survive>,
    /// How many must be in sync for a write to be taken (isr) [default: min(2, n)]
    #[arg(long, value_name = "M", value_parser = parse_min_isr)]
    min_isr: Option<usize>,
    /// When a write is answered: nobody (it is only handed over), leader, committed [default: committed]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = acks_named)]
    acks: Vec<Acks>,
    /// What counts as stored: synced, cached
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "synced", value_parser = durability_named)]
    durability: Vec<Durability>,
    /// Closed loop: batches on their way at once, 1 to 4096; the next is sent when one is answered [default: 1,64]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    in_flight: Vec<InFlight>,
    /// Open loop in its place: records a second, sent by a schedule. Latency counts from when a batch was due. `sweep`
    /// finds the knee of each system, the highest rate that it holds, and measures 10 % to 95 % of it
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "in_flight")]
    rate: Vec<Pace>,
    /// How an open loop's batches scatter: constant, poisson [default: poisson]
    #[arg(long, value_name = "KIND")]
    arrivals: Option<Arrivals>,
    /// Clients that take turns, each with a connection of its own [default: 1]
    #[arg(long, value_name = "COUNT")]
    producers: Option<Producers>,
    /// Distinct keys, which records take in turn [default: records have none]
    #[arg(long, value_name = "COUNT")]
    keys: Option<u64>,
    /// Bytes of each record [default: 1024]
    #[arg(long, value_name = "BYTES", conflicts_with = "records")]
    record_bytes: Option<u64>,
    /// Records of each batch; with --linger the most of them [default: 1, or 16 KiB of them with --linger]
    #[arg(long, value_name = "COUNT")]
    batch_records: Option<u32>,
    /// Sends record by record into a producer that gathers batches, the first waiting so long for others (0 to 1000);
    /// records, not batches, are then in flight [default: 0, batches are made beforehand]
    #[arg(long, value_name = "MS", value_parser = linger)]
    linger: Option<Duration>,
    /// Sends the lines of this file, over and over
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Takes from this file what the command line does not say of the load: TOML whose fields are called as the options
    /// are (name, rate, in-flight, arrivals, record-bytes, batch-records, linger, keys, producers, partitions, records,
    /// acks, seconds), or a workload of the OpenMessaging Benchmark (.yaml)
    #[arg(long, value_name = "FILE")]
    workload: Option<PathBuf>,
    /// Injects delays: LINK, LINK+DISK, or a file. Links: natural, one-zone, three-zones, three-regions. Disks: nvme,
    /// cloud-disk, consumer-ssd. Each may have its distribution behind it (three-zones:exponential): constant,
    /// exponential, log-normal or bimodal. A list measures under one after the other. A file is TOML (whatever has a
    /// slash or ends in .toml), such as:
    ///
    ///   [links]
    ///   zones = 3                        # replica i is in zone (i - 1) mod zones
    ///   within = { median-us = 60 }      # one way; clients are in the zone of whomever they ask
    ///   between = { median-us = 900, distribution = "exponential", least-us = 500 }
    ///   [syncs]
    ///   median-us = 1500
    ///   distribution = "bimodal"         # slow-us, slow-percent; log-normal: sigma
    #[arg(
        long,
        value_name = "PROFILE",
        value_delimiter = ',',
        default_value = "natural",
        verbatim_doc_comment
    )]
    profile: Vec<Profile>,
    /// The links of so many followers are slow: each frame takes 10 times as long as the profile's
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "0")]
    slow_replicas: Vec<usize>,
    /// Stops a replica in the middle of each block for so long (its number, leader or follower)
    #[arg(long, value_name = "REPLICA:SECONDS")]
    hang: Option<Hang>,
    /// How many partitions share the load, 1 to 2000: led by all replicas alike, over shared connections and writers. Clusters of
    /// many are up one at a time, without floors [default: 1]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    partitions: Vec<Partitions>,
    /// How heartbeats of many partitions go to a node: each (in a frame of its own) or gathered (quorum)
    #[arg(long, value_name = "KIND", default_value = "each")]
    heartbeats: Heartbeats,
    /// How long each cell is measured [default: 4]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// In how many blocks; cells alternate block by block
    #[arg(long, value_name = "COUNT", default_value = "8", value_parser = blocks)]
    blocks: usize,
    /// Decides the order of blocks and what records hold
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Runs each replica as a process of its own, not all in this one
    #[arg(long)]
    processes: bool,
    /// Measures nodes that run elsewhere: a TOML file that names each [[host]] (name = "n1" for a replica, "c1" for a controller;
    /// address = "10.0.0.1:9001"), where `compare node` runs with the same terms. One of --systems, and no --replicas
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replicas", "survive", "processes", "profile", "slow_replicas", "hang"])]
    hosts: Option<PathBuf>,
    #[command(flatten)]
    pub(super) places: Places,
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= SECONDS_MAX);
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("not a time of up to {SECONDS_MAX} seconds"))
}

fn blocks(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=BLOCKS_MAX).contains(count));
    count.ok_or_else(|| format!("blocks must be 1 to {BLOCKS_MAX}, not {text:?}"))
}

pub(super) fn linger(text: &str) -> Result<Duration, String> {
    let most = Gathering::LINGER_MAX;
    let wait = text.parse().ok().map(Duration::from_millis).filter(|wait| *wait <= most);
    wait.ok_or_else(|| format!("a linger is 0 to {} milliseconds, not {text:?}", most.as_millis()))
}

#[cfg(test)]
mod tests;
