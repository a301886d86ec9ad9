//! Finds the knee of each cluster that a group sweeps, and makes the cells that are measured at shares of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Run;
use super::group::{Cut, MeasuredCell, MeasuredGroup, Target, any_casualty, open_outlets};
use super::knee::{Knee, Probe, Turn, Turns};
use super::plan::{LoadSweep, Setting};
use super::sender::Sender;
use crate::stats::{Block, Slipped};
use crate::system::Shape;
use crate::workload::{Load, Rate, Schedule, Span};

/// What is sent at a rate before it is judged: connections and caches wake up, and a queue finds its length.
const LEAD_IN: Span = Span(Duration::from_millis(100));

/// A knee that was found.
#[derive(Clone, Debug)]
pub struct MeasuredKnee {
    /// Whose.
    pub sweep: LoadSweep,
    /// What was found.
    pub knee: Knee,
}

impl Run<'_> {
    /// Finds the knees of a group, whose searches take turns, and adds the cells that follow from them.
    pub(super) async fn seek_knees(
        &mut self,
        group: &mut MeasuredGroup,
        targets: &mut BTreeMap<Shape, Target>,
    ) -> Result<(), Cut> {
        let sweeps = group.sweeps.clone();
        self.progress.seeking(sweeps.iter().map(|sweep| sweep.shape));
        let mut turns = Turns::of(sweeps.len());
        while let Some(Turn { cluster, rate, span }) = turns.next() {
            turns.observe(self.probe(sweeps[cluster], rate, span, targets).await?);
        }
        for (sweep, knee) in sweeps.into_iter().zip(turns.knees()) {
            group.cells.extend(
                knee.rate.into_iter().flat_map(|rate| sweep.cells(rate)).map(MeasuredCell::unmeasured),
            );
            group.knees.push(MeasuredKnee { sweep, knee });
        }
        Ok(())
    }

    async fn probe(
        &mut self,
        sweep: LoadSweep,
        rate: Rate,
        span: Span,
        targets: &BTreeMap<Shape, Target>,
    ) -> Result<Probe, Cut> {
        let casualty = any_casualty(targets);
        let LoadSweep { shape, acks, arrivals, .. } = sweep;
        let target = targets.get(&shape).expect("each shape of the group was started");
        let Self { plan, world, source, arrivals: chance, interrupts, .. } = self;
        let outlets = open_outlets(plan, world, target, acks)?;
        let load = Load::Open(Schedule { rate, arrivals, of_knee: None });
        let setting = Setting { shape, acks, load };
        let mut sender = Sender { outlets, clock: world.clock.clone(), setting, source, arrivals: chance };
        let probing = async {
            sender.send(LEAD_IN).await?;
            sender.send(span).await
        };
        let block = interrupts
            .unless(async {
                tokio::select! {
                    biased;
                    error = casualty => Err(error),
                    block = probing => block,
                }
            })
            .await??;
        Ok(probe_of(rate, span, &block))
    }
}

/// What a block at this rate shows.
fn probe_of(rate: Rate, span: Span, block: &Block) -> Probe {
    let slipped = Slipped::of(std::slice::from_ref(block));
    let unsent = slipped.map_or(0, |slipped| slipped.unsent);
    let due = block.acked + block.failed + block.unknown + unsent;
    // What is acknowledged after the span was not acknowledged in time: the pace tells how much that is.
    let in_time = span.0.as_secs_f64() / block.elapsed.as_secs_f64().max(span.0.as_secs_f64());
    let delivered = if due == 0 { 1.0 } else { block.acked as f64 / due as f64 * in_time };
    Probe {
        rate,
        delivered,
        p99: Duration::from_nanos(block.latencies.value_at_quantile(0.99)),
        lost: block.failed + block.unknown,
        slipped: unsent == 0 && slipped.is_some_and(|slipped| slipped.is_void),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Slip;
    use crate::workload::histogram;

    fn block(acked: u64, unknown: u64, unsent: u64, elapsed_ms: u64) -> Block {
        let mut latencies = histogram();
        latencies.record_n(1_000_000, acked.max(1)).unwrap();
        let slip = Some(Slip { lateness: histogram(), unsent });
        Block { latencies, acked, failed: 0, unknown, elapsed: Duration::from_millis(elapsed_ms), slip }
    }

    #[test]
    fn what_comes_late_or_never_is_not_delivered() {
        let delivered = |block| {
            let probe = probe_of(Rate::new(1000).unwrap(), Span(Duration::from_millis(400)), &block);
            (format!("{:.2}", probe.delivered), probe.lost, probe.slipped)
        };
        let told = |share: &str, lost| (share.to_owned(), lost, false);
        assert_eq!(delivered(block(400, 0, 0, 400)), told("1.00", 0));
        assert_eq!(delivered(block(400, 0, 0, 800)), told("0.50", 0));
        assert_eq!(delivered(block(200, 0, 200, 400)), told("0.50", 0));
        assert_eq!(delivered(block(300, 100, 0, 400)), told("0.75", 100));
        assert_eq!(delivered(block(0, 0, 0, 400)), told("1.00", 0), "nothing was due at a rate so low");
    }
}
