//! What it costs to survive the same failures: time, storage, network and processor, side by side.

use partition::partition::Acks;

use crate::report::bars::{Bar, Bars, Group};
use crate::report::condition::Condition;
use crate::report::evidence::{Evidence, setting};
use crate::report::figure::{Figure, Shown};
use crate::report::scale::number;
use crate::report::sheet::{Sheet, exact};
use crate::results::{Cell, Load, PerAck, Split};
use crate::system::System;

/// What is shown of a setting: its title and its part of a file name, the value, and what of it controllers take.
struct Cost {
    name: &'static str,
    title: &'static str,
    of: fn(&Cell) -> Option<(f64, f64)>,
}

/// Of more conditions the table of cells tells.
const FIGURES_MAX: usize = 6;

const COSTS: [Cost; 4] = [
    Cost { name: "latency", title: "Median latency, ms", of: latency },
    Cost {
        name: "storage",
        title: "Bytes stored per byte acknowledged",
        of: |cell| split(per_ack(cell)?.written),
    },
    Cost {
        name: "network",
        title: "Bytes sent per byte acknowledged",
        of: |cell| split(per_ack(cell)?.sent),
    },
    Cost { name: "cpu", title: "CPU, µs a record", of: |cell| split(per_ack(cell)?.cpu_us) },
];

/// A figure for each condition in which two settings survive the same.
#[must_use]
pub fn costs(evidence: &Evidence<'_>) -> Vec<Shown> {
    let closed = evidence.cells.iter();
    let closed =
        closed.filter(|(condition, _)| condition.slow == 0 && matches!(condition.load, Load::Closed { .. }));
    let shown: Vec<Shown> = closed
        .filter_map(|(condition, cells)| figure(condition, cells))
        .take(FIGURES_MAX)
        .map(Shown::Figure)
        .collect();
    if shown.is_empty() {
        return vec![Shown::Missing(
            "Cost at equal failures survived",
            "compare latency --processes --profile three-zones+cloud-disk --survive 1:0,1:1,2:2 --in-flight 1,64",
        )];
    }
    shown
}

fn latency(cell: &Cell) -> Option<(f64, f64)> {
    Some((cell.figures.as_ref()?.latency_us.p50 / 1e3, 0.0))
}

fn per_ack(cell: &Cell) -> Option<PerAck> {
    cell.per_ack.or_else(|| PerAck::of(cell)).filter(|_| !cell.elsewhere)
}

/// Replicas and controllers; the client is the same for all.
fn split(split: Split<f64>) -> Option<(f64, f64)> {
    let controllers = split.controllers.unwrap_or(0.0);
    Some((split.replicas? + controllers, controllers))
}

/// Copies that may be lost, replicas that may be down, and the cells that survive that.
type Equal<'a> = (usize, usize, Vec<&'a Cell>);

fn equals<'a>(cells: &[&'a Cell]) -> Vec<Equal<'a>> {
    let mut equal: Vec<Equal<'a>> = Vec::new();
    for isr in cells.iter().filter(|cell| cell.system == System::Isr && cell.acks == Acks::Committed) {
        let Some(min_isr) = isr.min_isr else { continue };
        let (lost, dead) = (min_isr - 1, isr.replicas - min_isr);
        let voters = 2 * lost.max(dead) + 1;
        let quorum = cells.iter().find(|cell| cell.system == System::Quorum && cell.replicas == voters);
        let Some(quorum) = quorum.filter(|_| lost + dead > 0) else { continue };
        equal.push((lost, dead, vec![isr, quorum]));
    }
    equal.sort_by_key(|(lost, dead, _)| (*lost, *dead));
    equal
}

fn survives((lost, dead, _): &Equal<'_>) -> String {
    let copies = if *lost == 1 { "copy" } else { "copies" };
    format!("{lost} {copies} lost, {dead} down")
}

fn figure(condition: &Condition, cells: &[&Cell]) -> Option<Figure> {
    let equal = equals(cells);
    let id = format!("cost-{}", condition.slug());
    let mut data = Sheet::new(
        &id,
        &format!("Cost at equal failures survived, {condition}"),
        &[
            "f_d",
            "f_a",
            "setting",
            "p50_ms",
            "stored_per_byte",
            "sent_per_byte",
            "cpu_us_per_record",
            "controllers_cpu_us",
        ],
    );
    for (lost, dead, cells) in &equal {
        for cell in cells {
            let cost = |at: usize| (COSTS[at].of)(cell);
            let value = |at: usize| exact(cost(at).map(|(all, _)| all));
            let controllers = exact(cost(3).map(|(_, controllers)| controllers));
            data.push([
                lost.to_string(),
                dead.to_string(),
                setting(cell),
                value(0),
                value(1),
                value(2),
                value(3),
                controllers,
            ]);
        }
    }
    let panels = COSTS.iter().filter_map(|cost| {
        let group = |equal: &Equal<'_>| {
            let bar = |cell: &&Cell| {
                let (value, controllers) = (cost.of)(cell)?;
                Some(Bar {
                    system: cell.system,
                    name: setting(cell),
                    value,
                    part: controllers,
                    words: words(cost, cell, value, controllers),
                })
            };
            Group { title: survives(equal), bars: equal.2.iter().filter_map(bar).collect() }
        };
        let groups: Vec<Group> = equal.iter().map(group).collect();
        let known = groups.iter().any(|group| !group.bars.is_empty());
        let alt = format!("{} of settings that survive the same, {condition}", cost.title);
        known.then(|| Bars { name: cost.name, title: cost.title, alt, groups: &groups }.panel())
    });
    let panels: Vec<_> = panels.collect();
    (!equal.is_empty()).then(|| Figure {
        id,
        title: condition.to_string(),
        caption: "isr of f_d + f_a + 1 replicas with min-ISR f_d + 1 survives both at once; a majority of 2 max(f_d, f_a) + 1 \
                  survives either. `3:2` is three replicas with min-ISR 2. The lighter end of a bar is what isr's controllers \
                  take; clients are left out."
            .to_owned(),
        panels,
        data,
    })
}

fn words(cost: &Cost, cell: &Cell, value: f64, controllers: f64) -> String {
    let part = if controllers > 0.0 {
        format!(", {} of it its controllers", number(controllers))
    } else {
        String::new()
    };
    format!("{}: {} {}{part}", setting(cell), cost.title, number(value))
}
