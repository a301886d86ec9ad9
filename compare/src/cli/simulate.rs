//! The options of `compare simulate`, and what they have done: one run with its trace, or a sweep.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use partition::ids::ByteSize;
use partition::log::Durability;
use partition::simulation::Tracing;

use super::history_file::HistoryFile;
use super::points::{Clamped, Point};
use super::{bad_input, printed, seeds};
use crate::history::ClientId;
use crate::progress::SeedProgress;
use crate::results::durability_named;
use crate::simulate::{self, FaultChoice, Halt, Leasing, Mutant, Scenario, Sweep, Twist, text};
use crate::system::{Shape, System};

/// More seeds than anybody will wait for.
const SEEDS_MAX: u64 = 1_000_000_000;

/// What the trace's lines mean, and what the other options' lists are.
const AFTER_HELP: &str = "\
The event trace has a line for each event, in the order in which they happened:
  <virtual nanoseconds> <from>><to> connect         a connection was made
  <virtual nanoseconds> <from>><to> <bytes> <crc>   a frame arrived
  <virtual nanoseconds> <from>><to> end             a connection's end arrived
  <virtual nanoseconds> fault: <fault>              a fault was committed, or ended
  <virtual nanoseconds> crash <node> (<keeps>)      a process ended, and what its disk kept
  <virtual nanoseconds> <text>                      what the simulator notes: phases, starts, stops
Nodes 1 to 9 are replicas, 101 to 103 controllers, 1001 on clients, 2000 the simulator's own client.
A schedule may also have the partition moved: `3s reassign 1,2,4` makes these its replicas, in this order of preference, \
and `3100ms cancel-reassign` takes a move back that is not complete. A replica that is not among 1 to N is a node that \
has nothing at first.
One seed prints the same bytes each time. Virtual time says nothing about performance.";

/// One simulated run of one seed, with its event trace; with `--seeds` a sweep
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct SimulateArgs {
    /// The seed, or the first of many
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Runs so many seeds of each system, and prints only sums and what failed
    #[arg(long, value_name = "COUNT", value_parser = seed_count)]
    seeds: Option<u64>,
    /// isr, quorum, k-of-isr (k is the m of --replicas) [default: isr and quorum, one after the other]
    #[arg(long, value_name = "SYSTEM", value_parser = simulated)]
    system: Option<System>,
    /// How many replicas; `n:m` sets min-ISR
    #[arg(long, value_name = "N[:M]", default_value = "3")]
    replicas: Point,
    /// What counts as stored: synced, or cached (written; what a loss of power takes is no finding then)
    #[arg(long, value_name = "NAME", default_value = "synced", value_parser = durability_named)]
    durability: Durability,
    /// Draws only these kinds of faults (cut, pause, power-loss, ...), or commits this schedule
    /// (`3s+1500ms cut 1>2; 4s reset 1-3`), or none
    #[arg(long, value_name = "LIST", value_parser = fault_choice)]
    faults: Option<FaultChoice>,
    /// Keeps only these of the seed's clients, by their numbers in the history, or none
    #[arg(long, value_name = "LIST", value_parser = client_choice, conflicts_with = "seeds")]
    clients: Option<ClientChoice>,
    /// Breaks this rule on purpose in all nodes, such as isr/SkipSync
    #[arg(long, value_name = "NAME", requires = "system")]
    mutant: Option<Mutant>,
    /// isr: about how much one fetch of a follower brings [default: as real ones]
    #[arg(long, value_name = "BYTES")]
    fetch_bytes: Option<u64>,
    /// isr: proves linearizable reads by no, short or long leases [default: as the seed decides, or off with --faults]
    #[arg(long, value_name = "KIND")]
    leases: Option<Leasing>,
    /// Writes what the clients saw: JSON (`.json`), or Jepsen's EDN (`.edn`)
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    history: Option<HistoryFile>,
}

/// Which clients stay.
#[derive(Clone, Debug)]
struct ClientChoice(BTreeSet<ClientId>);

fn seed_count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| (1..=SEEDS_MAX).contains(count));
    count.ok_or_else(|| format!("seeds must be 1 to {SEEDS_MAX}, not {text:?}"))
}

fn simulated(text: &str) -> Result<System, String> {
    match text {
        "k-of-isr" => Ok(System::KOfIsr),
        "isr" => Ok(System::Isr),
        "quorum" => Ok(System::Quorum),
        _ => Err(format!("{text:?} is none of isr, quorum, k-of-isr")),
    }
}

fn fault_choice(text: &str) -> Result<FaultChoice, String> {
    if text == "none" {
        return Ok(FaultChoice::These(partition::fault::Schedule::default()));
    }
    let kinds: Result<Vec<_>, _> = text.split(',').map(|kind| kind.trim().parse()).collect();
    match (kinds, partition::fault::Schedule::from_str(text)) {
        (Ok(kinds), _) => Ok(FaultChoice::Kinds(kinds)),
        (_, Ok(schedule)) => Ok(FaultChoice::These(schedule)),
        (Err(error), Err(_)) if !text.contains(' ') => Err(error.to_string()),
        (_, Err(error)) => Err(error.to_string()),
    }
}

fn client_choice(text: &str) -> Result<ClientChoice, String> {
    if text == "none" {
        return Ok(ClientChoice(BTreeSet::new()));
    }
    let number = |text: &str| text.trim().parse().map(ClientId);
    let numbers: Result<_, _> = text.split(',').map(number).collect();
    numbers.map(ClientChoice).map_err(|_| format!("{text:?} is not a list of clients such as 1,3"))
}

/// Does what was asked, and returns what the process should end with.
pub(super) fn run(args: &SimulateArgs) -> ExitCode {
    let (min_isr, clamped) = args.replicas.min_isr(None);
    if let Clamped::From(asked) = clamped {
        eprintln!(
            "note: min-isr {asked} is more than {} replicas; {min_isr} is taken",
            args.replicas.replicas
        );
    }
    let systems = args.system.map_or_else(|| vec![System::Isr, System::Quorum], |system| vec![system]);
    let (replicas, durability) = (args.replicas.replicas, args.durability);
    let shape = |system| Shape { system, replicas, min_isr, durability };
    let shapes: Vec<Shape> = systems.into_iter().map(shape).collect();
    if let Some(mutant) = args.mutant.filter(|mutant| Some(mutant.system()) != args.system) {
        return bad_input(&format!("{mutant} is a rule of --system {}", mutant.system()));
    }
    let fetch_bytes = args.fetch_bytes.map_or(Twist::default().fetch_bytes, ByteSize);
    let twist = Twist { mutant: args.mutant, fetch_bytes, ..Twist::default() };
    if args.seeds.is_some() {
        seeds::quiet_panics();
    }
    seeds::until_interrupted(|halt| carry_out(args, &shapes, twist, halt))
}

fn carry_out(args: &SimulateArgs, shapes: &[Shape], twist: Twist, halt: &Halt) -> ExitCode {
    let faults = args.faults.clone().unwrap_or_default();
    let mut sound = true;
    for shape in shapes {
        let seeds = args.seed..args.seed.saturating_add(args.seeds.unwrap_or(1));
        let leasing = args.leases.filter(|_| shape.system.is_in_sync());
        let sweep = Sweep { shape: *shape, seeds, faults: faults.clone(), leasing, twist };
        sound &= match args.seeds {
            Some(_) => {
                let mut progress = SeedProgress::of(&sweep);
                let swept = sweep.run(halt, |swept| progress.tell(swept));
                progress.finish(&swept);
                printed::out(text::swept(&sweep, &swept).as_bytes());
                swept.failed.is_empty()
            }
            None => match one(args, sweep.scenario(args.seed), halt) {
                Ok(sound) => sound,
                Err(line) => return bad_input(&line),
            },
        };
        if halt.is_set() {
            break;
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run with its trace; whether it was sound.
fn one(args: &SimulateArgs, mut scenario: Scenario, halt: &Halt) -> Result<bool, String> {
    if let Some(clients) = &args.clients {
        check_clients(&scenario, clients)?;
        scenario = scenario.with_clients(&clients.0);
    }
    let ran = simulate::run(&scenario, Tracing::Text);
    if let Some(file) = &args.history {
        file.write(&ran.history)?;
    }
    printed::out(ran.trace.as_bytes());
    printed::out(text::ran(&scenario, &ran).as_bytes());
    let Some(first) = ran.findings.first() else { return Ok(true) };
    let smallest = simulate::shrink(&scenario, &first.name, halt, |smaller| {
        eprintln!("smaller: {} faults, {} clients", smaller.faults.episodes.len(), smaller.clients.len());
    });
    printed::out(text::smallest(&smallest).as_bytes());
    Ok(false)
}

/// Refuses clients that the seed does not have.
fn check_clients(scenario: &Scenario, ClientChoice(chosen): &ClientChoice) -> Result<(), String> {
    let all: BTreeSet<ClientId> = scenario.clients.iter().map(|client| client.id).collect();
    chosen.difference(&all).next().map_or(Ok(()), |stranger| {
        Err(format!("seed {} has clients 1 to {}, no {stranger}", scenario.seed, all.len()))
    })
}
