//! Nodes that were started by somebody else: found by `--hosts`, measured, and left running.

use std::path::Path;
use std::process::Command;

use compare::system::{Hosting, System, client_world};
use partition::ids::NodeId;
use partition::partition::Acks;
use serde_json::Value;

use super::hosted::{append, cluster, placed};

fn latency(dir: &Path, more: &[&str]) -> (Option<i32>, String, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
    command.args([
        "latency",
        "--hosts",
        "hosts.toml",
        "--in-flight",
        "4",
        "--seconds",
        "0.2",
        "--blocks",
        "2",
    ]);
    command.args(["--json", "results.json"]).args(more).current_dir(dir);
    let output = command.output().unwrap();
    let results = std::fs::read_to_string(dir.join("results.json")).unwrap_or_else(|_| "null".to_owned());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap(), serde_json::from_str(&results).unwrap())
}

#[tokio::test]
async fn nodes_that_run_elsewhere_are_measured_and_left_running() {
    let (_files, running) = cluster(System::Quorum, 3, Hosting::Processes).await;
    let dir = tempfile::tempdir().unwrap();
    let host =
        |(node, address): (&NodeId, _)| format!("[[host]]\nname = \"n{node}\"\naddress = \"{address}\"\n");
    let hosts: String = running.addresses().iter().map(host).collect();
    std::fs::write(dir.path().join("hosts.toml"), &hosts).unwrap();

    let (code, said, _) = latency(dir.path(), &["--systems", "isr"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("controllers"), "{said}");

    let (code, said, results) = latency(dir.path(), &["--systems", "quorum"]);
    assert_eq!(code, Some(0), "{said}");
    let cell = &results["cells"][0];
    assert_eq!((&cell["system"], &cell["replicas"]), (&Value::from("quorum"), &Value::from(3)));
    assert!(
        cell["acked"].as_u64().unwrap() > 0 && cell["latency_us"]["p99"].as_f64().unwrap() > 0.0,
        "{cell}"
    );
    assert_eq!(cell["cpu_seconds"]["replicas"], Value::Null, "nobody can see what other hosts consume");

    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("running elsewhere") && !said.contains("share its cores"), "{said}");

    let world = client_world();
    let end = placed(running.connect(&world).append(append(&world, 1, Acks::Committed))).await;
    assert!(end.0 >= cell["acked"].as_u64().unwrap(), "what was measured was written to these nodes: {end}");
    running.shutdown().await.unwrap();
}
