//! A row of the fault matrix on processes: cuts through each process's own transport, judged as in virtual time.

use std::path::PathBuf;

use compare::faults::matrix::processes::Processes;
use compare::faults::matrix::{Availability, Cell, Ground, Judged, Trials, Verdict};
use compare::simulate::Halt;

const TRIALS: Trials = Trials { first: 1, each: 1 };

fn measured(name: &str) -> Judged {
    let cells = Cell::on_processes();
    let cell = cells.iter().find(|cell| cell.to_string() == name).unwrap();
    let processes = Processes::of(PathBuf::from(env!("CARGO_BIN_EXE_compare")));
    processes.measure(cell, &TRIALS, &Halt::default()).unwrap().unwrap()
}

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_nothing_is_lost() {
    let judged = measured("leader-cut-off/isr-3:2/committed/synced");
    assert_eq!(judged.measured.ground, Ground::Processes);
    assert!(judged.by.as_ref().is_some_and(|by| by.contains("transport")), "it says how cuts were made");
    assert_eq!(judged.measured.broken, None);
    assert_eq!(judged.measured.unhealed, None);
    assert_eq!(judged.measured.lost, 0);
    assert!(judged.measured.no_ack[0] > std::time::Duration::from_millis(500), "the cut was felt");
    assert!(judged.measured.worst() >= Some(Availability::Resumes));
}

#[test]
fn a_row_that_processes_cannot_have_runs_in_virtual_time_and_says_so() {
    // A torn write; and a sequence, which would pass on processes with nothing done.
    for name in [
        "all-lose-power-midway/quorum-3/committed/synced",
        "s13-last-in-sync-destroyed/isr-3:2/committed/synced",
    ] {
        let judged = measured(name);
        assert_eq!((judged.measured.ground, judged.property()), (Ground::Simulated, Verdict::AsExpected));
        assert!(judged.by.is_some_and(|by| by.starts_with("simulated only")), "{name}");
    }
}

#[test]
fn processes_that_all_lose_their_power_lose_what_was_not_synced_and_nothing_else() {
    for system in ["isr-3:2", "quorum-3"] {
        let lost = |durability| {
            let judged = measured(&format!("all-lose-power/{system}/committed/{durability}"));
            assert_eq!((judged.measured.ground, judged.property()), (Ground::Processes, Verdict::AsExpected));
            assert!(judged.by.as_ref().is_some_and(|by| by.contains("injected")), "it says how");
            judged.measured.lost
        };
        assert_eq!(lost("synced"), 0);
        assert!(lost("cached") > 0, "{system}: or it has lost no power");
    }
}
