//! The options of `compare live`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::bad_input;
use crate::live::{self, Ending, Pace, Settings};
use crate::profile::Profile;
use crate::system::{MinIsr, Replicas};
use crate::workload::InFlight;

/// What the page is, for whoever has never seen it.
const AFTER_HELP: &str = "\
The page shows, of each replica: role, epoch, log end (LEO), high watermark (HW), lag, and whether its copy counts (in the in-sync \
set, or as a voter); latencies and throughput of the last five minutes; what the online checker says; what happened. Its buttons \
kill (-9), restart, pause (SIGSTOP), cut off, slow down (50 ms a frame each way, 40 ms a sync) and take the power (what was not \
synced is gone). Its tours replay claims step by step. A silent node is missed after about a second.

  compare live                                  both systems with 3 replicas; the address is printed
  compare live --replicas 5 --min-isr 3         survives two failures
  compare live --rate 1000 --profile three-zones
  compare live --listen 127.0.0.1:8080          always at the same address

Metrics for Prometheus are at /metrics. Ctrl-C stops all processes. Exit 0: good; 1: the checker found a broken promise, or a node \
died of itself; 2: bad input.";

/// Both systems side by side under load on a page: watch them, break them, follow a claim step by step
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct LiveArgs {
    /// Where the page is served. Loopback unless told otherwise: whoever reaches the page can kill the clusters
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = address)]
    listen: SocketAddr,
    /// How many replicas each system has
    #[arg(long, value_name = "N", default_value = "3")]
    replicas: Replicas,
    /// isr: how many must be in sync [default: 2, or 1 for a single replica]
    #[arg(long, value_name = "COUNT")]
    min_isr: Option<usize>,
    /// Records a second to each system, whatever became of those before
    #[arg(long, value_name = "RECORDS", default_value = "100", value_parser = rate, conflicts_with = "in_flight")]
    rate: u32,
    /// So many records on their way instead, the next one when one is answered
    #[arg(long, value_name = "COUNT")]
    in_flight: Option<InFlight>,
    /// Injects delays: LINK, LINK+DISK or a TOML file (see `compare latency --help`)
    #[arg(long, value_name = "PROFILE", default_value = "natural")]
    profile: Profile,
    /// Keeps the clusters' files there [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Makes the nodes' chance repeatable, and the injected delays
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is no address and port, such as 127.0.0.1:8080 or [::1]:8080"))
}

fn rate(text: &str) -> Result<u32, String> {
    let rate = text.parse().ok().filter(|rate| (1..=Pace::RATE_MAX).contains(rate));
    rate.ok_or_else(|| format!("rate must be 1 to {}, not {text:?}", Pace::RATE_MAX))
}

impl LiveArgs {
    fn settings(&self) -> Result<Settings, String> {
        let default = MinIsr::default_for(self.replicas);
        let min_isr = self.min_isr.map_or(Ok(default), |count| MinIsr::new(count, self.replicas));
        Ok(Settings {
            listen: self.listen,
            replicas: self.replicas,
            min_isr: min_isr.map_err(|error| error.to_string())?,
            pace: self.in_flight.map_or(Pace::Rate(self.rate), Pace::Closed),
            profile: self.profile.clone(),
            data_dir: self.data_dir.clone(),
            seed: self.seed,
        })
    }
}

/// Does what was asked, and returns what the process should end with.
pub(super) fn run(args: &LiveArgs) -> ExitCode {
    let settings = match args.settings() {
        Ok(settings) => settings,
        Err(error) => return bad_input(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return bad_input(&format!("the system gives no timers or sockets: {error}")),
    };
    let ready = |page: &str| {
        let _ = super::printed::out(format!("live: {page}\n").as_bytes());
        eprintln!("Ctrl-C stops everything");
    };
    let ended = runtime.block_on(live::run(&settings, ready));
    runtime.shutdown_background();
    match ended {
        Ok(Ending::Sound) => ExitCode::SUCCESS,
        Ok(Ending::Broken) => {
            eprintln!("error: the checker found a broken promise; the page told which");
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}
