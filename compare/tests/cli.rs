//! Bad input gets one clear line on stderr and exit code 2; nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the command in an empty directory of its own.
fn compare(directory: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare"))
        .args(line.split_whitespace())
        .current_dir(directory)
        .output()
        .expect("the binary was built for this test")
}

fn refused(line: &str, because: &str) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("empty"), "").unwrap();
    std::fs::write(directory.path().join("file"), "a line\n").unwrap();
    std::fs::write(directory.path().join("own.toml"), "rates = 5\n").unwrap();
    std::fs::write(directory.path().join("own.yaml"), "messageSize: big\n").unwrap();
    let output = compare(directory.path(), line);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "`compare {line}` ended with {}: {stderr}", output.status);
    assert_eq!(stderr.trim_end().lines().count(), 1, "`compare {line}` said more than one line: {stderr}");
    assert!(stderr.starts_with("error: "), "`compare {line}` said {stderr}");
    assert!(stderr.contains(because), "`compare {line}` did not say {because:?}: {stderr}");
    assert!(output.stdout.is_empty(), "`compare {line}` wrote results");
    let left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "`compare {line}` left {left:?}");
}

#[test]
fn replicas_out_of_range_are_refused() {
    refused("latency --replicas 0", "replicas must be 1 to 9, not 0");
    refused("latency --replicas 99", "replicas must be 1 to 9, not 99");
    refused("latency --replicas 3,99", "not 99");
    refused("latency --replicas three", "not three");
    refused("latency --replicas 3:0", "min-isr must be at least 1");
    refused("latency --min-isr 0", "min-isr must be at least 1");
}

#[test]
fn unknown_options_and_names_are_refused() {
    refused("--bogus", "--bogus");
    refused("latency --second 3", "--seconds");
    refused("bogus", "bogus");
    refused("latency --systems raft", "none of isr, k-of-isr, quorum, floor");
    refused("latency --acks most", "none of nobody, leader, committed");
    refused("latency --durability maybe", "none of synced, cached");
    refused("latency --seed", "--seed");
}

#[test]
fn numbers_out_of_range_are_refused() {
    refused("latency --in-flight 0", "in flight must be 1 to 4096");
    refused("latency --in-flight 4097", "in flight must be 1 to 4096");
    refused("latency --linger -1", "-1");
    refused("latency --linger 1001", "a linger is 0 to 1000 milliseconds");
    refused("latency --linger 5 --batch-records 1000000", "lower --batch-records");
    refused("latency --producers 0", "producers must be 1 to 256");
    refused("latency --keys x", "x");
    refused("latency --record-bytes 15", "--record-bytes must be 16 to 1048576");
    refused("latency --record-bytes -1", "-1");
    refused("latency --batch-records 0", "--batch-records must be at least 1");
    refused("latency --batch-records 1000000", "lower --batch-records");
    refused("latency --blocks 0", "blocks must be 1 to 1000");
    refused("latency --seconds 0", "--seconds");
    refused("latency --seconds -3", "-3");
    refused("latency --seconds 0.01", "raise --seconds or lower --blocks");
    refused("latency --seconds nan", "--seconds");
}

#[test]
fn what_cannot_be_survived_or_slowed_is_refused() {
    refused("latency --survive 1", "not D:A");
    refused("latency --survive 1:x", "not D:A");
    refused("latency --survive 5:0", "to survive 5:0 takes 6 replicas in sync and a majority of 11");
    refused("latency --slow-replicas 1", "--profile three-zones");
    refused("latency --replicas 1 --slow-replicas 1 --profile one-zone", "nothing to measure");
    refused("latency --profile four-zones", "no such profile");
    refused("latency --profile one-zone,four-zones", "no such profile");
    refused("latency --profile own.toml", "profile own.toml, line 1: unknown field `rates`");
    refused("latency --replicas 3 --hang 4:1", "a cluster of 3 has no such replica");
    refused("latency --arrivals constant", "name its --rate too");
    refused("latency --rate 0", "a rate is 1 to");
}

#[test]
fn files_that_hold_no_records_are_refused() {
    refused("latency --records missing", "cannot read the records file missing");
    refused("latency --records .", "cannot read the records file .");
    refused("latency --records empty", "no line");
    refused("latency --records file --record-bytes 100", "--record-bytes");
}

#[test]
fn files_that_are_no_workloads_are_refused() {
    refused("latency --workload missing.toml", "cannot read the workload missing.toml");
    refused("latency --workload .", "cannot read the workload .");
    refused("latency --workload own.toml", "workload own.toml, line 1: unknown field `rates`");
    refused("latency --workload own.yaml", "workload own.yaml: messageSize:");
    refused("latency --workload file", "workload file, line 1");
}

#[test]
fn places_that_cannot_be_written_are_refused() {
    refused("--quick --json no/such/results.json", "choose another place with --json");
    refused("latency --json .", "choose another place with --json");
    refused("latency --csv no/such/cells.csv", "choose another place with --csv");
    refused("--quick --hgrm file", "choose another place with --hgrm");
    refused("latency --data-dir file", "file");
    refused("latency --data-dir .", "not empty");
    refused("--quick --data-dir /proc/compare", "/proc/compare");
}

#[test]
fn help_names_the_options_and_goes_to_stdout() {
    let directory = tempfile::tempdir().unwrap();
    let output = compare(directory.path(), "latency --help");
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    let options = [
        "systems",
        "replicas",
        "survive",
        "min-isr",
        "acks",
        "durability",
        "in-flight",
        "rate",
        "arrivals",
        "record-bytes",
        "batch-records",
        "linger",
        "keys",
        "producers",
        "records",
        "seconds",
        "blocks",
        "seed",
        "processes",
        "workload",
        "data-dir",
        "json",
        "csv",
        "hgrm",
    ];
    for option in options {
        assert!(
            help.contains(&format!("--{option} ")) || help.contains(&format!("--{option}\n")),
            "{option}"
        );
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn completions_and_the_man_page_know_every_subcommand() {
    let directory = tempfile::tempdir().unwrap();
    for line in ["completions bash", "completions zsh", "completions fish", "man"] {
        let output = compare(directory.path(), line);
        assert!(output.status.success(), "`compare {line}`");
        let text = String::from_utf8(output.stdout).unwrap();
        for word in ["latency", "node", "in-flight"] {
            let escaped = word.replace('-', "\\-");
            assert!(text.contains(word) || text.contains(&escaped), "`compare {line}` does not say {word}");
        }
    }
    refused("completions latin", "invalid value 'latin'");
}

#[test]
fn simulations_that_cannot_be_are_refused() {
    refused("simulate --system raft", "none of isr, quorum, k-of-isr");
    refused("simulate --seeds 0", "seeds must be 1 to");
    refused("simulate --seed -1", "-1");
    refused("simulate --replicas 0", "replicas must be 1 to 9");
    refused("simulate --faults cut,explode", "`explode` is not one of");
    refused("simulate --history seen.txt", "neither in .json nor in .edn");
    refused("simulate --seeds 3 --history seen.json", "--history");
    refused("simulate --system isr --clients 77", "no 77");
}

#[test]
fn a_hunt_for_mutants_takes_only_what_it_can_do() {
    refused("faults --seeds 0", "seeds must be 1 to");
    refused("faults --only Nobody", "no cell has \"Nobody\" in its name");
    refused("faults --only f-killed --history h.json", "--history is for one cell");
    refused("faults --only f-killed --history h.txt", "ends neither in .json nor in .edn");
    refused(
        "faults --only f-killed --json missing/results.json",
        "cannot write results to missing/results.json",
    );
    refused("faults --only f-killed --resume --json missing.json", "cannot read missing.json");
    refused("faults --resume", "--json");
    refused("faults --mutants --seeds 0", "seeds must be 1 to");
    refused("faults --mutants --only Nobody", "no mutant has \"Nobody\" in its name");
    refused("faults --mutants --json missing/table.json", "cannot write missing/table.json");
    refused("simulate --system isr --mutant isr/Nothing", "no mutant is named");
    refused("simulate --system isr --mutant quorum/SkipSync", "is a rule of --system quorum");
    refused("simulate --mutant quorum/SkipSync", "--system");
}

#[test]
fn results_that_cannot_be_rendered_are_refused() {
    refused("report", "RESULTS");
    refused("report missing.json", "cannot read missing.json");
    refused("report file", "file holds no results that this version reads");
}

#[test]
fn a_report_and_its_figures_are_made_of_results_files() {
    let directory = tempfile::tempdir().unwrap();
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/results/2026-11-22-headline/results.json");
    let output = compare(directory.path(), &format!("report {kept} --out page.html --figures figures"));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        stdout.starts_with("report: page.html\nfigures: ") && stdout.ends_with("files in figures\n"),
        "{stdout}"
    );
    let page = std::fs::read_to_string(directory.path().join("page.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    let figure = directory.path().join("figures/replicas-nothing-injected-1-in-flight.csv");
    assert!(std::fs::read_to_string(figure).unwrap().lines().count() > 10);
    let refused = compare(directory.path(), &format!("report {kept} --out no/such/page.html"));
    assert_eq!(refused.status.code(), Some(2));
}
