//! `compare node` by itself: one clear line for bad input, and nothing left running.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use compare::data_dir::DataDir;
use compare::node::{DiskTerms, Plan, Scale, Times};
use compare::system::{
    Hosting, LaunchError, LinkTerms, MinIsr, Premises, Replicas, Shape, System, client_world, launch_on,
    launch_program,
};
use isr_log::metadata::CommitRule;
use partition::cluster::Cluster;
use partition::fault::{DiskFault, Felt};
use partition::ids::{NodeId, PartitionId};
use partition::log::Durability;
use partition::transport::Address;
use partition::transport::barred::{Barrier, Way};
use rustix::process::{Pid, Signal, kill_process};

use super::hosted::{TIMEOUT, cluster};

fn node(dir: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.args(["node", "--role", "floor-leader", "--node-id", "1", "--data-dir"]).arg(dir).args(more);
    command
}

fn one_line_and_code(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

/// Whether there is such a process; one that only waits for its parent's attention has ended.
fn is_alive(number: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.starts_with(" Z"))
}

#[test]
fn a_port_in_use_is_one_clear_line_and_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let output = node(&dir.path().join("n1"), &["--listen", &address]).output().unwrap();
    let text = one_line_and_code(&output, 2);
    assert!(text.contains(&address) && text.contains("in use"), "{text}");
}

#[test]
fn a_directory_that_is_not_ours_is_one_clear_line_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let text = one_line_and_code(&node(dir.path(), &[]).output().unwrap(), 2);
    assert!(text.contains("not made by compare"), "{text}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was added or deleted");
}

#[test]
fn a_plan_that_makes_no_cluster_is_one_clear_line_and_exit_code_2() {
    let dir = tempfile::tempdir().unwrap();
    let text = one_line_and_code(&node(dir.path(), &["--copies", "2"]).output().unwrap(), 2);
    assert!(text.contains("copies must be 1 to 1, not 2"), "{text}");

    let mut child = node(dir.path(), &["--supervised"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"no JSON\n").unwrap();
    let text = one_line_and_code(&child.wait_with_output().unwrap(), 2);
    assert!(text.contains("not a plan"), "{text}");
}

#[test]
fn a_node_that_loses_its_parent_ends_and_one_that_is_told_to_stop_does() {
    for told in [None, Some(Signal::TERM), Some(Signal::INT)] {
        let dir = tempfile::tempdir().unwrap();
        let supervised: &[&str] = if told.is_none() { &["--supervised"] } else { &[] };
        let mut child =
            node(dir.path(), supervised).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.starts_with("listening 127.0.0.1:"), "{line}");
        match told {
            None => drop(child.stdin.take()),
            Some(signal) => {
                said.read_line(&mut line).unwrap();
                assert!(line.ends_with("ready\n"), "{line}");
                kill_process(pid(child.id()), signal).unwrap();
            }
        }
        assert!(child.wait().unwrap().success(), "{told:?}");
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn a_node_that_is_started_under_a_cut_calls_nobody_until_the_cut_ends() {
    let dir = tempfile::tempdir().unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = Address(other.local_addr().unwrap());
    let program = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(["node", "--supervised", "--role", "quorum", "--node-id", "1", "--data-dir"])
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = program.unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let own = said.next().unwrap().strip_prefix("listening ").unwrap().parse().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut asked = |order: &str| {
        stdin.write_all(format!("{order}\n").as_bytes()).unwrap();
        said.next().unwrap()
    };

    let barrier = serde_json::to_string(&[Barrier { at, way: Way::Out }]).unwrap();
    assert_eq!(asked(&format!("bar {barrier}")), "barred");
    let plan = Plan {
        partition: PartitionId::new("test", 0).unwrap(),
        replicas: BTreeMap::from([(NodeId(1), Address(own)), (NodeId(2), at)]),
        spares: BTreeMap::new(),
        controllers: BTreeMap::new(),
        min_isr: 1,
        commit: CommitRule::AllInSync,
        copies: 1,
        durability: Durability::Synced,
        injected: None,
        scale: Scale::default(),
        times: Some(Times::A_SECOND),
        disk: DiskTerms::Plain,
        segment: None,
    };
    assert_eq!(asked(&serde_json::to_string(&plan).unwrap()), "ready");
    while asked("felt") == "0" {
        std::thread::sleep(Duration::from_millis(5));
    }
    other.set_nonblocking(true).unwrap();
    assert_eq!(other.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "it called through the cut");
    other.set_nonblocking(false).unwrap();
    assert_eq!(asked("bar []"), "barred");
    other.accept().unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_node_that_dies_is_a_casualty_and_the_others_are_ended() {
    let (_dir, running) = cluster(System::FloorAll, 3, Hosting::Processes).await;
    let casualty = running.casualty();
    let processes = running.processes();
    assert_eq!(processes.len(), 3, "a process each");
    kill_process(pid(processes["floor-all-3/n2"]), Signal::KILL).unwrap();
    let error = casualty.await;
    assert!(
        matches!(&error, LaunchError::ChildDied { last_words, .. } if last_words.contains("signal: 9")),
        "{error}"
    );
    assert_eq!(running.shutdown().await, Err(error));
    assert!(!processes.values().any(|number| is_alive(*number)), "nothing is left running");
}

#[tokio::test]
async fn dropping_a_cluster_leaves_nothing_running() {
    let (_dir, mut running) = cluster(System::FloorMajority, 3, Hosting::Processes).await;
    running.pause(NodeId(2)).await;
    let processes = running.processes();
    drop(running);
    let clock = client_world().clock;
    let gone = async {
        while processes.values().any(|number| is_alive(*number)) {
            clock.sleep(Duration::from_millis(5)).await;
        }
    };
    clock.timeout(TIMEOUT, gone).await.unwrap();
}

#[tokio::test]
async fn a_program_that_is_no_node_is_a_clear_error() {
    let replicas = Replicas::new(1).unwrap();
    let min_isr = MinIsr::default_for(replicas);
    let shape = Shape { system: System::FloorAll, replicas, min_isr, durability: Durability::Synced };
    let dir = DataDir::temporary().unwrap();
    for (program, clue) in [("/nonexistent/compare", "cannot run"), ("/bin/echo", "/bin/echo")] {
        let launched = launch_program(Path::new(program), shape, Hosting::Processes, dir.path(), 1).await;
        let error = launched.unwrap_err().to_string();
        assert!(error.contains(clue) && error.lines().count() == 1, "{error}");
    }
}

#[tokio::test]
async fn a_broker_that_cannot_open_its_log_ends_its_process_and_says_why() {
    let (dir, mut running) = cluster(System::Isr, 3, Hosting::Processes).await;
    let node = NodeId(3);
    running.crash(node).await;
    let home = find(dir.path(), "n3");
    let log = home.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let log =
        log.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().ends_with("-0")).unwrap();
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::write(&log, "no directory").unwrap();
    running.restart(node).await;
    let ended = client_world().clock.timeout(TIMEOUT, running.casualty()).await;
    let error = ended.expect("a process that serves nothing does not go on");
    let told = matches!(&error, LaunchError::ChildDied { last_words, .. } if last_words.contains("broker"));
    assert!(told, "{error}");
    drop(running);
}

#[tokio::test]
async fn a_process_that_ends_while_it_is_asked_what_it_felt_has_felt_it_and_is_known_to_have_ended() {
    let replicas = Replicas::new(3).unwrap();
    let shape = Shape {
        system: System::Isr,
        replicas,
        min_isr: MinIsr::default_for(replicas),
        durability: Durability::Synced,
    };
    let dir = DataDir::temporary().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_compare"));
    let terms = (Times::A_SECOND, DiskTerms::Troubled, LinkTerms::Plain);
    let mut running = launch_on(&Premises::default(), program, shape, dir.path(), 7, terms).await.unwrap();
    let node = NodeId(3);
    running.trouble(node, &DiskFault::SyncError).await.unwrap();
    let processes = running.processes();
    let number = processes.iter().find(|(name, _)| name.ends_with("/n3")).unwrap().1;
    // Nothing is awaited between the two: who waits for the process has not heard of its end when it is asked.
    kill_process(pid(*number), Signal::KILL).unwrap();
    assert_eq!(running.felt_by(node).await.unwrap(), Felt(1));
    assert!(running.has_ended(node), "its end is kept for those who ask");
    // Its disk might have ended it, and did not.
    let error = running.casualty().await;
    assert!(
        matches!(&error, LaunchError::ChildDied { last_words, .. } if last_words.contains("signal: 9")),
        "{error}"
    );
    running.crash(node).await;
    assert_eq!(running.shutdown().await, Err(error));
}

/// The directory of this name, two levels down.
fn find(root: &Path, name: &str) -> std::path::PathBuf {
    let clusters = root.read_dir().unwrap().map(|entry| entry.unwrap().path());
    clusters.map(|cluster| cluster.join(name)).find(|path| path.is_dir()).unwrap()
}
