//! Replays a cell of the fault matrix in virtual time, and tells its steps and what became of the promise.

use std::thread;
use std::time::Duration;

use partition::clock::Moment;
use partition::ids::NodeId;
use tokio::sync::oneshot;

use crate::checker::Report;
use crate::faults::matrix::{Cell, Column, Trials};
use crate::simulate::{STACK_BYTES, THREAD};

/// The seed of each replay: any shows it, and the same one shows the same.
const SEED: u64 = 1;

/// What a replay showed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Replayed {
    /// What was done, and how long after the load began.
    pub(super) steps: Vec<(Duration, String)>,
    pub(super) report: Report,
}

impl Replayed {
    /// What became of the promise, in words.
    pub(super) fn verdict(&self) -> String {
        let broken: Vec<String> = self
            .report
            .violations()
            .map(|anomaly| format!("{} {}", self.report.count(anomaly), anomaly.name()))
            .collect();
        let acked = self.report.figures.acked;
        match broken.is_empty() {
            true => format!("all {acked} acknowledged records are there"),
            false => format!("BROKEN, {} of {acked} acknowledged records", broken.join(", ")),
        }
    }

    /// What was done, a line for each moment.
    pub(super) fn told(&self) -> String {
        let mut lines: Vec<(Duration, Vec<&str>)> = Vec::new();
        for (at, what) in &self.steps {
            match lines.last_mut() {
                Some((last, together)) if *last == *at => together.push(what),
                _ => lines.push((*at, vec![what])),
            }
        }
        let line =
            |(at, what): (Duration, Vec<&str>)| format!("{:.2} s: {}", at.as_secs_f64(), what.join(", "));
        lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Replays the cell of this name, beside all else.
///
/// # Errors
/// In words, when there is none, or it cannot be run.
pub(super) async fn replay(name: &str) -> Result<Replayed, String> {
    let cells = Cell::all(&Column::all());
    let cell = cells.into_iter().find(|cell| cell.to_string() == name);
    let cell = cell.ok_or_else(|| format!("the matrix has no cell {name}"))?;
    let (tell, told) = oneshot::channel();
    let work = move || {
        let trials = Trials { first: SEED, each: 1 };
        // Whoever asked may have gone.
        let _ = tell.send(trials.first_of(&cell));
    };
    let started = thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK_BYTES).spawn(work);
    started.map_err(|error| format!("no thread for a simulated run: {error}"))?;
    let ran = told.await.ok().flatten().ok_or("the simulated run did not end")?;
    let steps = steps(&ran.trace, ran.begun.unwrap_or_default());
    Ok(Replayed { steps, report: ran.report })
}

/// What a trace tells of faults, from this moment on.
fn steps(trace: &str, begun: Moment) -> Vec<(Duration, String)> {
    let told = trace.lines().filter_map(|line| {
        let (at, what) = line.split_once(" fault: ")?;
        let at = Moment(at.parse().ok()?);
        (at >= begun).then(|| (at.since(begun), named(what)))
    });
    told.collect()
}

/// A fault with its replica as the page writes it: `kill 3` is `kill n3`.
fn named(fault: &str) -> String {
    let mut words = fault.split(' ');
    let first = words.next().unwrap_or_default();
    let rest = words.map(|word| match word.parse().map(NodeId) {
        Ok(node) => format!("n{node}"),
        Err(_) => word.to_owned(),
    });
    std::iter::once(first.to_owned()).chain(rest).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_gives_its_faults_in_order_from_the_load_on() {
        let trace =
            "5 fault: kill 9\n2000000000 1>2 connect\n3000000000 fault: kill 3\n4500000000 fault: cut 1>2\n";
        let steps = steps(trace, Moment(2_000_000_000));
        let millis: Vec<(u128, &str)> =
            steps.iter().map(|(at, what)| (at.as_millis(), what.as_str())).collect();
        assert_eq!(millis, [(1000, "kill n3"), (2500, "cut 1>2")]);
    }

    #[tokio::test]
    async fn s01_replayed_loses_by_high_watermark_and_nothing_by_epoch() {
        let plain = "s01-bounce-and-power-cut/isr-3:2/committed/synced";
        let by_mark = replay(&format!("{plain}/truncate-by-high-watermark")).await.unwrap();
        assert!(by_mark.verdict().starts_with("BROKEN"), "{}", by_mark.verdict());
        assert!(by_mark.steps.iter().any(|(_, what)| what == "power-loss n1"), "{:?}", by_mark.steps);
        let by_epoch = replay(plain).await.unwrap();
        assert!(by_epoch.verdict().starts_with("all"), "{}", by_epoch.verdict());
        assert!(replay("no such cell").await.is_err());
    }
}
