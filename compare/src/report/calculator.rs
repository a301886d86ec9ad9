//! The calculator: choose what to survive and where replicas stand, and see what each rule takes for it.
//!
//! What the page computes is [`choice`](crate::model::choice) again, in `calculator.js`, over curves that are drawn here. Without
//! scripts a fixed table stands in its place, computed here; with them the script computes that table anew, and says so if it
//! comes to anything else: that is how the two are held together, on every page that is opened.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use partition::ids::NodeId;
use partition::log::Durability;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::markup::{Element, element, worded};
use super::palette::label;
use super::scale::number;
use super::sheet::Sheet;
use crate::model::choice::{Asked, Outcome, Policy, Times};
use crate::model::shapes::Place;
use crate::model::stalls;
use crate::model::unlike::{CHANCES, Curve};
use crate::profile::Profile;
use crate::system::System;

/// Where replicas stand.
const LINKS: [&str; 3] = ["three-zones", "one-zone", "three-regions"];
/// What they store on. Without a sync a copy counts once it is in the page cache.
const DISKS: [&str; 4] = ["cloud-disk", "nvme", "consumer-ssd", CACHED];
const CACHED: &str = "cached";
/// How links and syncs scatter.
const SHAPES: [&str; 4] = ["log-normal", "exponential", "bimodal", "constant"];
/// Draws of a curve: its p99.8, as far as all of seven look for their p99, has forty beyond it.
const DRAWS: usize = 20_000;
/// The curves are the same on every page.
const SEED: u64 = 1;
/// What the fixed table is about: copies destroyed, replicas down.
const FIXED: [(usize, usize); 3] = [(1, 0), (1, 1), (2, 2)];
const USUAL: f64 = 0.01;

/// Curves by place and disk and shape.
type Curves = BTreeMap<String, Curve>;

/// All curves: drawn once, whoever asks.
fn curves() -> &'static Curves {
    static DRAWN: OnceLock<Curves> = OnceLock::new();
    DRAWN.get_or_init(|| {
        let mut curves = Curves::new();
        for links in LINKS {
            for disk in DISKS {
                for shape in SHAPES {
                    draw(links, disk, shape, &mut curves);
                }
            }
        }
        curves
    })
}

fn key(copy: &str, links: &str, disk: &str, shape: &str) -> String {
    format!("{copy}/{links}/{disk}/{shape}")
}

fn profile(links: &str, disk: &str, shape: &str) -> Profile {
    let disk = if disk == CACHED { String::new() } else { format!("+{disk}:{shape}") };
    format!("{links}:{shape}{disk}").parse().expect("the calculator's places are named profiles")
}

fn draw(links: &str, disk: &str, shape: &str, curves: &mut Curves) {
    let profile = profile(links, disk, shape);
    // In three zones the second replica is in another one, and the fourth is with the first.
    let (leader, followers) = (NodeId(1), vec![NodeId(2), NodeId(4)]);
    let place =
        Place { profile: &profile, leader, followers, slow: [].into(), durability: Durability::Synced };
    let mut random = StdRng::seed_from_u64(SEED);
    let draws: Vec<_> = (0..DRAWS).map(|_| place.draw(&mut random).times).collect();
    let curve = |copy: usize| Curve::of(draws.iter().map(|times| times[copy]).collect());
    for (copy, name) in ["own", "far", "near"].into_iter().enumerate() {
        curves.insert(key(name, links, disk, shape), curve(copy));
    }
}

fn zones(links: &str) -> usize {
    let zones = profile(links, CACHED, "constant").links.map_or(1, |links| links.zones);
    usize::try_from(zones).unwrap_or(1)
}

fn outcome(policy: Policy, asked: &Asked, [links, disk, shape]: [&str; 3]) -> Outcome {
    let curve = |copy: &str| curves().get(&key(copy, links, disk, shape)).expect("all are drawn");
    let times = Times { own: curve("own"), near: curve("near"), far: curve("far"), zones: zones(links) };
    policy.outcome(asked, times)
}

fn asked(lost: usize, dead: usize) -> Asked {
    Asked { lost, dead, min_isr: None, copy_lost: USUAL, down: USUAL }
}

fn system(policy: Policy) -> System {
    match policy {
        Policy::InSync => System::Isr,
        Policy::KOfInSync => System::KOfIsr,
        Policy::Majority => System::Quorum,
    }
}

/// The fixed table.
#[must_use]
pub fn sheet() -> Sheet {
    let header = [
        "survives",
        "rule",
        "replicas",
        "waits for",
        "p50, ms",
        "p99, ms",
        "stored",
        "sent",
        "no writes",
        "record lost",
    ];
    let mut sheet = Sheet::new("choice", "What each rule takes to survive the same", &header);
    for (lost, dead) in FIXED {
        for policy in Policy::ALL {
            let outcome = outcome(policy, &asked(lost, dead), [LINKS[0], DISKS[0], SHAPES[0]]);
            sheet.push([
                format!("{lost} lost, {dead} down"),
                label(system(policy)).to_owned(),
                setting(policy, &outcome),
                format!("{} of {}", outcome.awaited, outcome.replicas),
                number(outcome.p50_us / 1e3),
                number(outcome.p99_us / 1e3),
                format!("{} ×", outcome.stored),
                format!("{} ×", outcome.sent),
                format!("{:.1e}", outcome.waits),
                format!("{:.0e}", outcome.lost),
            ]);
        }
    }
    sheet
}

fn setting(policy: Policy, outcome: &Outcome) -> String {
    match policy {
        Policy::InSync => format!("{}, min-ISR {}", outcome.replicas, outcome.enough),
        Policy::KOfInSync => format!("{}, k {}", outcome.replicas, outcome.enough),
        Policy::Majority => outcome.replicas.to_string(),
    }
}

/// The calculator as part of the page.
#[must_use]
pub fn inline() -> Element {
    element("div")
        .with("id", "calculator")
        .with("data-chances", CHANCES.map(|chance| chance.to_string()).join(" "))
        .with("data-curves", written())
        .with("data-zones", LINKS.map(|links| format!("{links} {}", zones(links))).join(";"))
        .with("data-silences", silences())
        .with("data-proof", proof())
        .child(form())
        .child(element("div").with("id", "chosen").with("aria-live", "polite").child(sheet().inline()))
        .child(super::page::prose(&told()).class("cap"))
}

fn told() -> String {
    format!(
        "Latency is from the hand-in on the leader, with one batch in flight, copies independent, each drawn {} times from the \
         profile that `compare latency --profile` injects; the way to the client is left out, as is what an implementation adds. \
         Unless another chance is chosen, 1 % of copies are lost for good before they are replaced, and a replica is down for 1 % of \
         the time; no writes: the share of time in which too few replicas are up; record lost: the chance that no copy of it is \
         left, when no more have it than were awaited for certain. The rules of an in-sync set also need controllers, which are \
         three small replicas more for a whole cluster.",
        crate::table::thousands(DRAWS as f64),
    )
}

fn form() -> Element {
    let numbers =
        |range: std::ops::RangeInclusive<usize>| range.map(|count| (count.to_string(), count.to_string()));
    let names = |names: &[&str]| {
        names.iter().map(|name| ((*name).to_owned(), (*name).to_owned())).collect::<Vec<_>>()
    };
    let auto = std::iter::once(("0".to_owned(), "f_d + 1".to_owned()));
    let chances = || {
        [("0.001", "0.1 %"), ("0.01", "1 %"), ("0.05", "5 %")]
            .map(|(value, name)| (value.to_owned(), name.to_owned()))
    };
    let disks = DISKS.map(|disk| {
        let name = if disk == CACHED { "page cache, no sync" } else { disk };
        (disk.to_owned(), name.to_owned())
    });
    let fields = [
        field("lost", "copies destroyed (f_d)", "1", numbers(0..=3)),
        field("dead", "replicas down (f_a)", "1", numbers(0..=3)),
        field("min", "min-ISR", "0", auto.chain(numbers(1..=7))),
        field("links", "links", LINKS[0], names(&LINKS)),
        field("disk", "disk", DISKS[0], disks),
        field("shape", "they scatter", SHAPES[0], names(&SHAPES)),
        field("copy", "a copy is lost", "0.01", chances()),
        field("down", "a replica is down", "0.01", chances()),
        field(
            "lag",
            "isr's lag limit",
            "10",
            ["1", "3", "10", "30"].map(|s| (s.to_owned(), format!("{s} s"))),
        ),
    ];
    // The script shows it: without one it would do nothing.
    element("form").with("hidden", "").with("aria-label", "What to survive, and where").children(fields)
}

fn field(
    name: &str,
    title: &str,
    usual: &str,
    choices: impl IntoIterator<Item = (String, String)>,
) -> Element {
    let option = |(value, name): (String, String)| {
        let option = worded("option", name).with("value", value.as_str());
        if value == usual { option.with("selected", "") } else { option }
    };
    let select = element("select").with("name", name).children(choices.into_iter().map(option));
    element("label").child(worded("span", title)).child(select)
}

/// Curves as differences from quantile to quantile; one that never scatters as its one value.
fn written() -> String {
    let mut text = String::new();
    for (name, curve) in curves() {
        let mut before = 0;
        let mut steps: Vec<String> = Vec::new();
        for quantile in curve.quantiles() {
            steps.push((quantile - before).to_string());
            before = *quantile;
        }
        if steps.iter().skip(1).all(|step| step == "0") {
            steps.truncate(1);
        }
        let _ = write!(text, "{name}={};", steps.join(" "));
    }
    text
}

/// Seconds without acknowledgements when a leader dies: of an in-sync set, and of a majority of 3, 5 and 7.
fn silences() -> String {
    /// Sessions are looked at so often while one lasts.
    const LOOKS: u32 = 4;
    let session = isr_log::controller::active::ControllerConfig::SESSION;
    let timing = quorum_log::Timing::default();
    let majority = |voters: u32| stalls::first_timeout(timing.election_min, timing.election_max, voters - 1);
    let isr = stalls::replica_dies(session, LOOKS, std::time::Duration::ZERO);
    let all = [isr, majority(3), majority(5), majority(7)];
    all.map(|span| format!("{}", span.as_secs_f64())).join(" ")
}

/// What the script must come to: for each place and shape, and each rule.
fn proof() -> String {
    let mut text = String::new();
    let places = LINKS.iter().flat_map(|links| SHAPES.iter().map(move |shape| [*links, DISKS[0], *shape]));
    let more = DISKS.iter().map(|disk| [LINKS[2], *disk, SHAPES[0]]);
    for (at, place) in places.chain(more).enumerate() {
        let (lost, dead) = [(1, 0), (1, 1), (2, 1), (1, 2), (3, 3)][at % 5];
        let asked = Asked { min_isr: (at % 3 == 2).then_some(2), ..asked(lost, dead) };
        let min = asked.min_isr.unwrap_or(0);
        let _ = write!(text, "{lost} {dead} {min} {}", place.join(" "));
        for policy in Policy::ALL {
            let Outcome { replicas, enough, awaited, p50_us, p99_us, waits, lost, .. } =
                outcome(policy, &asked, place);
            let _ = write!(text, ",{replicas} {enough} {awaited} {p50_us} {p99_us} {waits} {lost}");
        }
        text.push(';');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_all_of_fewer_copies_is_compared_with_a_majority_of_more() {
        let of = |policy| outcome(policy, &asked(1, 0), [LINKS[0], DISKS[0], SHAPES[0]]);
        let (isr, majority) = (of(Policy::InSync), of(Policy::Majority));
        assert_eq!((isr.replicas, isr.awaited, majority.replicas, majority.awaited), (2, 2, 3, 2));
        assert!(isr.p99_us > majority.p99_us, "{isr:?} {majority:?}");
    }

    #[test]
    fn a_curve_agrees_with_the_rules_of_the_same_draws() {
        // The closed way against drawing all copies together: n = 3 in three zones, each rule.
        let profile = profile(LINKS[0], DISKS[0], SHAPES[0]);
        let (leader, followers) = (NodeId(1), vec![NodeId(2), NodeId(3)]);
        let place =
            Place { profile: &profile, leader, followers, slow: [].into(), durability: Durability::Synced };
        let mut samples = place.draws(7);
        samples.iter_mut().for_each(|sample| sample.client = std::time::Duration::ZERO);
        for (policy, rule) in [
            (Policy::InSync, crate::model::Rule::AllInSync),
            (Policy::Majority, crate::model::Rule::Copies(2)),
        ] {
            let drawn = crate::model::joint::predict(&samples, rule).unwrap();
            let closed = outcome(policy, &asked(1, 1), [LINKS[0], DISKS[0], SHAPES[0]]);
            for (drawn, closed) in [(drawn.p50, closed.p50_us), (drawn.p99, closed.p99_us)] {
                let drawn = drawn.unwrap();
                assert!((closed / drawn - 1.0).abs() < 0.03, "{policy:?}: {closed} against {drawn}");
            }
        }
    }

    #[test]
    fn without_scripts_there_is_a_table_and_no_form() {
        let text = inline().to_string();
        assert!(text.contains("<form hidden=\"\"") && text.contains("2, min-ISR 2"), "{text}");
        assert!(text.len() < 40_000, "{} bytes", text.len());
    }
}
