//! Whole runs of the command against clusters of the floor: what they leave, and how they end when they are cut short.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A run that goes on until it is cut short, with a process a replica.
const LONG: &str =
    "latency --systems floor --replicas 2 --processes --seconds 60 --blocks 600 --json results.json";

/// Starts the command in a directory and a process group of its own, as a shell does.
fn start(directory: &Path, line: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(line.split_whitespace())
        .current_dir(directory)
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test")
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// The processes it has started.
fn children(child: &Child) -> Vec<Pid> {
    let id = child.id();
    let text = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    text.split_whitespace().map(|number| Pid::from_raw(number.parse().unwrap()).unwrap()).collect()
}

fn is_alive(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    // A process that has ended and was not yet waited for is a Z.
    status.is_ok_and(|status| !status.contains(") Z"))
}

/// Reads what it says on stderr until a line starts so.
fn await_line(child: &mut Child, start: &str) -> BufReader<std::process::ChildStderr> {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(start) {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended without saying {start:?}");
    }
    stderr
}

/// What it said after that on stderr, what on stdout, and how it ended.
fn finish(mut child: Child, mut stderr: impl Read) -> (String, String, ExitStatus) {
    let (mut said, mut results) = (String::new(), String::new());
    stderr.read_to_string(&mut said).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut results).unwrap();
    (said, results, child.wait().unwrap())
}

#[test]
fn a_run_writes_what_it_prints_and_leaves_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(
        directory.path(),
        "latency --systems floor --replicas 1,2 --in-flight 4 --seconds 0.2 --blocks 4 --json results.json \
         --csv cells.csv --hgrm distributions",
    );
    let stderr = child.stderr.take().unwrap();
    let (said, results, status) = finish(child, stderr);
    assert!(status.success(), "{said}");
    assert_eq!(results.lines().last(), Some("results: results.json"));
    assert!(results.lines().all(|line| line.chars().count() <= 100), "{results}");
    assert!(!results.contains('\u{1b}') && !said.contains('\u{1b}'), "escape codes in a pipe: {said}");
    let text = std::fs::read_to_string(directory.path().join("results.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cells = json["cells"].as_array().unwrap();
    assert_eq!((cells.len(), &json["ending"]), (4, &"complete".into()));
    for cell in cells {
        assert_eq!((&cell["blocks"], &cell["failed"], &cell["unknown"]), (&4.into(), &0.into(), &0.into()));
        // The table's own number, as the file has it.
        let p50_us = cell["latency_us"]["p50"].as_f64().unwrap();
        assert!(p50_us > 0.0 && results.contains(&compare::table::milliseconds(p50_us)), "{results}");
    }
    // The page of the run lies beside its results.
    assert!(results.contains("\nreport: report.html\n"), "{results}");
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("href=\"results.json\""), "the raw data is linked");
    let csv = std::fs::read_to_string(directory.path().join("cells.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 4, "{csv}");
    let distributions: Vec<String> = std::fs::read_dir(directory.path().join("distributions"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(distributions.len(), 4);
    assert!(distributions.iter().all(|text| text.contains("#[Max     =")), "{distributions:?}");
    assert_eq!(
        results.matches(" records sent, ").count(),
        4,
        "a line of Kafka's shape for each cell: {results}"
    );
    // Where no directory was named, the clusters' files lie below target/, and go.
    let left = directory.path().join("target/compare");
    assert_eq!(std::fs::read_dir(left).map_or(0, Iterator::count), 0);
}

#[test]
fn ctrl_c_keeps_what_was_measured_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(directory.path(), LONG);
    let stderr = await_line(&mut child, "measuring block 3");
    let nodes = children(&child);
    assert_eq!(nodes.len(), 4);
    // A terminal sends it to all of them.
    kill_process_group(pid(&child), Signal::INT).unwrap();
    let (said, results, status) = finish(child, stderr);
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("interrupted") && last.contains("are kept"), "{said}");
    assert!(!said.contains("died"), "{said}");
    assert_eq!(status.code(), Some(0));
    assert!(results.contains("of 600 blocks measured"), "{results}");
    assert!(directory.path().join("results.json").exists());
    assert!(!nodes.into_iter().any(is_alive), "nodes were left running");
}

#[test]
fn a_node_that_is_killed_ends_the_run_with_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(directory.path(), LONG);
    let stderr = await_line(&mut child, "measuring block 3");
    let nodes = children(&child);
    kill_process(nodes[0], Signal::KILL).unwrap();
    let (said, results, status) = finish(child, stderr);
    let errors: Vec<&str> = said.lines().filter(|line| !line.starts_with("measuring")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].starts_with("error: floor-") && errors[0].contains("SIGKILL"), "{said}");
    assert_eq!(status.code(), Some(1));
    assert!(results.contains("of 600 blocks measured"), "what was measured before is kept: {results}");
    assert!(!nodes.into_iter().any(is_alive), "nodes were left running");
}
