//! A node as a process: its conversation with its parent, signals, and how it ends.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use partition::transport::Address;
use partition::world::Random;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::args::NodeArgs;
use super::hosted::{Bound, HostedNode, NodeError};
use super::injected::LongerWay;
use super::plan::Plan;
use crate::data_dir::DataDir;

/// Runs a node until it is told to stop, and returns what the process should end with.
///
/// One thread runs all of a node's tasks, and one more writes and syncs: three replicas and a client share two cores,
/// where work that moves between threads costs more than it gains, and no node should be quicker for having idle threads.
pub fn run(args: &NodeArgs) -> ExitCode {
    let name = format!("{} {}", args.role, args.node_id);
    end_on_panic(name.clone());
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return finish(&name, &Ending::BadInput(error.to_string())),
    };
    let ending = runtime.block_on(live(args));
    // A read of the log that still blocks is of no interest any more.
    runtime.shutdown_background();
    finish(&name, &ending)
}

/// How a node ends.
#[derive(Debug)]
enum Ending {
    /// It was told to.
    Stopped,
    /// It never ran: what it was told cannot be done.
    BadInput(String),
    /// It cannot go on.
    Failed(String),
}

impl From<NodeError> for Ending {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Listen(_) | NodeError::Directory { .. } | NodeError::Plan(_) => {
                Self::BadInput(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

fn finish(name: &str, ending: &Ending) -> ExitCode {
    match ending {
        Ending::Stopped => ExitCode::SUCCESS,
        Ending::BadInput(why) => {
            eprintln!("compare node ({name}): {why}");
            ExitCode::from(2)
        }
        Ending::Failed(why) => {
            eprintln!("compare node ({name}): {why}");
            ExitCode::from(1)
        }
    }
}

/// The exit code of a panic, as Rust has it.
pub(crate) const PANICKED: i32 = 101;

/// A replica that has seen the impossible must not acknowledge anything more: one line, and out.
fn end_on_panic(name: String) {
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.to_string().replace('\n', " ");
        eprintln!("compare node ({name}): {text}");
        // Whoever waits for it tells this from a disk that has failed.
        std::process::exit(PANICKED);
    }));
}

/// Warnings, or what `RUST_LOG` asks for. Stdout is for the parent.
fn log_to_stderr() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    // It fails when the program has set a log up before; then that one is used.
    let _ = log.try_init();
}

async fn live(args: &NodeArgs) -> Ending {
    match live_until_told(args).await {
        Ok(ending) | Err(ending) => ending,
    }
}

async fn live_until_told(args: &NodeArgs) -> Result<Ending, Ending> {
    let mut told = Told::listen(args)?;
    // A supervised node's directory lies in one that its parent has locked.
    let _locked = match args.supervised {
        true => None,
        false => Some(DataDir::open(&args.data_dir).map_err(|error| Ending::BadInput(error.to_string()))?),
    };
    let random = args.seed.map_or_else(Random::real, |seed| Random::of_node(seed, args.node_id));
    let bound = Bound::bind(args.node_id, args.role, Address(args.listen), &args.data_dir, random).await?;
    say(&format!("listening {}", bound.address()))?;
    let plan = match told.plan(args, &bound).await? {
        Some(plan) => plan,
        None => return Ok(Ending::Stopped),
    };
    let node = bound.start(&plan).await?;
    say("ready")?;
    let failure = node.failure();
    let ending = tokio::select! {
        biased;
        why = failure => Ending::Failed(why),
        answered = told.serve(&node) => answered.err().unwrap_or(Ending::Stopped),
    };
    if matches!(ending, Ending::Stopped) {
        node.stop().await;
    }
    Ok(ending)
}

/// Where orders come from.
struct Told {
    /// Absent when nobody supervises.
    parent: Option<Lines<BufReader<pipe::Receiver>>>,
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    fn listen(args: &NodeArgs) -> Result<Self, Ending> {
        let bad = |error: io::Error| Ending::BadInput(error.to_string());
        let parent = if args.supervised {
            let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(bad)?;
            let pipe = pipe::Receiver::from_owned_fd(stdin)
                .map_err(|_| Ending::BadInput("--supervised needs a pipe on stdin".to_owned()))?;
            Some(BufReader::new(pipe).lines())
        } else {
            None
        };
        let terminate = signal(SignalKind::terminate()).map_err(bad)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(bad)?;
        Ok(Self { parent, terminate, interrupt })
    }

    /// The plan, after what is in the way when it begins; `None` when it is told to stop before it had one.
    async fn plan(&mut self, args: &NodeArgs, bound: &Bound) -> Result<Option<Plan>, Ending> {
        if self.parent.is_none() {
            return Ok(Some(args.plan(bound.address())));
        }
        while let Some(line) = self.order().await {
            let Some(ways) = line.strip_prefix("bar ") else {
                let plan = serde_json::from_str(&line);
                return plan.map(Some).map_err(|error| Ending::BadInput(format!("not a plan: {error}")));
            };
            bound.bar(&serde_json::from_str(ways).map_err(|_| not_an_order(&line))?);
            say("barred")?;
        }
        Ok(None)
    }

    /// Answers orders until it is told to stop.
    async fn serve(&mut self, node: &HostedNode) -> Result<(), Ending> {
        while let Some(order) = self.order().await {
            let wrong = || not_an_order(&order);
            match order.split_once(' ') {
                None if order == "usage" => {
                    say(&serde_json::to_string(&node.totals()).expect("totals are plain data"))?;
                }
                None if order == "felt" => {
                    say(&serde_json::to_string(&node.felt()).expect("a count is plain data"))?;
                }
                None if order == "journeys" => {
                    say(&serde_json::to_string(&node.journeys()).expect("journeys are plain data"))?;
                }
                None if order == "keep" => {
                    node.keep().map_err(Ending::Failed)?;
                    say("kept")?;
                }
                Some(("slow", down)) => {
                    node.slow(&serde_json::from_str(down).map_err(|_| wrong())?);
                    say("slowed")?;
                }
                Some(("lengthen", ways)) => {
                    let longer: Vec<LongerWay> = serde_json::from_str(ways).map_err(|_| wrong())?;
                    node.lengthen(&longer);
                    say("lengthened")?;
                }
                Some(("bar", ways)) => {
                    node.bar(&serde_json::from_str(ways).map_err(|_| wrong())?);
                    say("barred")?;
                }
                Some(("disk", fault)) => {
                    let fault = serde_json::from_str(fault).map_err(|_| wrong())?;
                    node.trouble(&fault).map_err(Ending::BadInput)?;
                    say("troubled")?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(())
    }

    /// The parent's next line; `None` when it is time to stop.
    async fn order(&mut self) -> Option<String> {
        let Self { parent, terminate, interrupt } = self;
        let line = async {
            match parent {
                Some(lines) => lines.next_line().await.ok().flatten(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            line = line => line,
        }
    }
}

fn not_an_order(line: &str) -> Ending {
    Ending::BadInput(format!("not an order: {line:?}"))
}

/// One line for the parent, which may wait for it. If nobody reads any more, it is time to stop.
fn say(line: &str) -> Result<(), Ending> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|_| Ending::Stopped)
}
