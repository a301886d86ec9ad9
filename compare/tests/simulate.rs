//! Simulated runs: one seed gives the same bytes each time, in one process and in two; a sweep ends when it is told to.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use compare::checker::{self, Anomaly, Verdict};
use compare::history::{ClientId, History};
use compare::simulate::{FaultChoice, Ran, Scenario, run};
use compare::system::{MinIsr, Replicas, Shape, System};
use partition::log::Durability;
use partition::simulation::Tracing;
use rustix::process::{Pid, Signal, kill_process};

const SYSTEMS: [System; 3] = [System::Isr, System::KOfIsr, System::Quorum];

fn scenario(system: System, seed: u64) -> Scenario {
    let replicas = Replicas::new(3).unwrap();
    let shape =
        Shape { system, replicas, min_isr: MinIsr::default_for(replicas), durability: Durability::Synced };
    Scenario::of(seed, shape, FaultChoice::Any)
}

fn json(ran: &Ran) -> Vec<u8> {
    let mut text = Vec::new();
    ran.history.write_json(&mut text).unwrap();
    text
}

fn compare(directory: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.args(line.split_whitespace()).current_dir(directory).output().expect("it was built for this test")
}

#[test]
fn one_seed_gives_the_same_bytes_twice_in_one_process() {
    for system in SYSTEMS {
        let [first, again] = [(); 2].map(|()| run(&scenario(system, 7), Tracing::Text));
        let differs = first.trace.lines().zip(again.trace.lines()).position(|(one, other)| one != other);
        assert!(first.trace == again.trace, "{system}: line {differs:?} differs");
        assert_eq!((first.digest, json(&first)), (again.digest, json(&again)), "{system}");
        assert_ne!(first.digest, run(&scenario(system, 8), Tracing::Digest).digest, "{system}");
    }
}

#[test]
fn one_seed_gives_the_same_bytes_in_two_processes_and_in_this_one() {
    let directory = tempfile::tempdir().unwrap();
    for system in SYSTEMS {
        let line = format!("simulate --seed 11 --system {system} --history history.json");
        let outputs = [(); 2].map(|()| {
            let output = compare(directory.path(), &line);
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
            (output.stdout, std::fs::read(directory.path().join("history.json")).unwrap())
        });
        assert!(outputs[0] == outputs[1], "{system}: two processes differ");
        let here = run(&scenario(system, 11), Tracing::Text);
        assert!(outputs[0].0.starts_with(here.trace.as_bytes()), "{system}: this process differs");
        let history = History::from_json(std::str::from_utf8(&outputs[0].1).unwrap()).unwrap();
        assert_eq!(checker::check(&history).verdict, Verdict::Kept);
    }
}

#[test]
fn a_run_is_as_long_and_as_busy_as_it_says() {
    for system in SYSTEMS {
        let ran = run(&scenario(system, 3), Tracing::Digest);
        assert_eq!(ran.findings, []);
        assert!(ran.figures.virtual_time.as_secs() >= 10);
        assert!(ran.figures.faults >= 3);
        assert!(ran.figures.told.appends() >= 200, "{:?}", ran.figures);
        assert!(ran.figures.told.reads >= 200, "{:?}", ran.figures);
    }
}

#[test]
fn a_cached_log_may_lose_what_too_many_power_losses_take_and_nothing_else() {
    let lost = |system, durability, faults: &str| {
        let replicas = Replicas::new(3).unwrap();
        let shape = Shape { system, replicas, min_isr: MinIsr::default_for(replicas), durability };
        let ran = run(&Scenario::of(5, shape, FaultChoice::These(faults.parse().unwrap())), Tracing::Digest);
        assert_eq!(ran.findings, [], "{system} {durability:?}: {faults}");
        ran.report.count(Anomaly::LostWrite) > 0
    };
    let one = "3s+3s power-loss 1; 3s+2s kill 2; 3s+2s kill 3";
    let all = "3s+2s power-loss 1; 3s+2s power-loss 2; 3s+2s power-loss 3";
    for system in SYSTEMS {
        assert!(!lost(system, Durability::Synced, all), "{system}");
        assert!(lost(system, Durability::Cached, all), "{system}: or nothing was shown");
    }
    assert!(!lost(System::Isr, Durability::Cached, one), "it bears the loss of min-ISR less one disks");
    assert!(!lost(System::KOfIsr, Durability::Cached, one), "and of k less one");
}

#[test]
fn a_move_that_the_leader_has_not_heard_of_when_the_faults_end_is_waited_for() {
    let moves = "5429ms reassign 3,4,2; 7218ms+3714ms bridge 103 101,102; 7306ms reassign 2,3,5";
    let scenario =
        Scenario::of(8_009_815, scenario(System::Isr, 1).shape, FaultChoice::These(moves.parse().unwrap()));
    let ran = run(&scenario.with_clients(&BTreeSet::from([ClientId(3)])), Tracing::Digest);
    assert_eq!(ran.findings, []);
}

#[test]
fn a_sweep_prints_sums_alone_and_the_same_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let outputs = [(); 2].map(|()| compare(directory.path(), "simulate --seeds 4 --system isr").stdout);
    let text = String::from_utf8(outputs[0].clone()).unwrap();
    assert!(text.starts_with("isr-3:2, synced: 4 seeds from 1, 0 failed\n"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn an_interrupted_sweep_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let mut sweep = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args("simulate --seeds 100000 --system isr".split(' '))
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(sweep.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("seeds"), "{line}");
    kill_process(Pid::from_child(&sweep), Signal::INT).unwrap();
    said.read_to_string(&mut line).unwrap();
    assert!(line.contains("interrupted"), "{line}");
    let mut text = String::new();
    sweep.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.starts_with("isr-3:2, synced: "), "{text}");
    assert_eq!(sweep.wait().unwrap().code(), Some(0));
}
