//! Runs of the fault matrix that are cut short: what they leave is valid, and what goes on from it ends as if nothing had happened.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Cells that take a second or so each, one trial of each.
const CELLS: &str = "faults --simulated --only nothing/isr-2,nothing/quorum-2,nothing/isr-3:1 --seeds 1";

fn start(directory: &Path, more: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(CELLS.split_whitespace())
        .args(more.split_whitespace())
        .current_dir(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test")
}

/// What it said on stderr up to the first line that holds this, and what comes later.
fn await_line(child: &mut Child, part: &str) -> (String, impl Read + use<>) {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.lines().last().is_some_and(|line| line.contains(part)) {
        assert_ne!(stderr.read_line(&mut said).unwrap(), 0, "it ended without saying {part:?}: {said}");
    }
    (said, stderr)
}

/// What it said on stderr after that, and on stdout.
fn finish(mut child: Child, mut stderr: impl Read) -> (String, String) {
    let (mut said, mut table) = (String::new(), String::new());
    stderr.read_to_string(&mut said).unwrap();
    child.stdout.take().unwrap().read_to_string(&mut table).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}{table}");
    (said, table)
}

fn results(directory: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join(name)).unwrap()).unwrap()
}

#[test]
fn what_ctrl_c_leaves_is_valid_and_resume_ends_as_if_nothing_had_happened() {
    let directory = tempfile::tempdir().unwrap();
    let mut cut_short = start(directory.path(), "--json cut.json");
    let (_, stderr) = await_line(&mut cut_short, "1 of ");
    kill_process(Pid::from_child(&cut_short), Signal::INT).unwrap();
    let (said, _) = finish(cut_short, stderr);
    assert!(said.contains("interrupted: ") && said.contains("--resume goes on"), "{said}");
    let left = results(directory.path(), "cut.json");
    let measured = left["matrix"].as_array().unwrap().len();
    assert_eq!(left["ending"], "interrupted");
    assert!(measured >= 1);

    let mut goes_on = start(directory.path(), "--json cut.json --resume");
    let (said, stderr) = await_line(&mut goes_on, " were measured before");
    assert!(said.starts_with(&format!("{measured} of ")), "{said}");
    let (_, table) = finish(goes_on, stderr);
    let resumed = results(directory.path(), "cut.json");

    let mut whole = start(directory.path(), "--json whole.json");
    let stderr = whole.stderr.take().unwrap();
    let (_, as_one) = finish(whole, stderr);
    let whole = results(directory.path(), "whole.json");
    assert_eq!((&whole["ending"], &resumed["ending"]), (&"complete".into(), &"complete".into()));
    assert!(whole["matrix"].as_array().unwrap().len() > measured);
    assert_eq!(whole["matrix"], resumed["matrix"]);
    let cells = |text: &str| text.lines().take_while(|line| !line.starts_with("report: ")).count();
    assert_eq!(cells(&table), cells(&as_one));
}

#[test]
fn a_control_keeps_its_history_and_the_page_leads_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_compare"))
        .args("faults --only leader-killed-unreplicated/isr-3:2 --seeds 1".split_whitespace())
        .args("--json results.json --histories kept".split_whitespace())
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let stderr = run.stderr.take().unwrap();
    let (_, table) = finish(run, stderr);
    assert!(table.contains("controls: 1 of 1 showed their loss"), "{table}");
    let results = results(directory.path(), "results.json");
    let rows = results["matrix"].as_array().unwrap();
    let kept: Vec<&str> = rows.iter().filter_map(|row| row["history"].as_str()).collect();
    let [history] = kept[..] else { panic!("one control, and all others as expected: {kept:?}") };
    let text = std::fs::read_to_string(directory.path().join(history)).unwrap();
    assert!(
        compare::history::History::from_json(&text).is_ok_and(|history| !history.operations().is_empty())
    );
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains(&format!("href=\"{history}\"")), "the page does not lead to {history}");
}
