//! The search against systems that are made up: one server with a queue, on machines quiet and noisy.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const MS: f64 = 1e-3;

/// A server of so many a second whose 99th percentile grows as a queue's does, to nothing that is held above its
/// capacity. Of a hundred probes, so many meet a bad moment: a stall that lifts the 99th percentile by 100 ms.
struct Server {
    capacity: f64,
    light_p99: f64,
    bad_percent: f64,
    random: StdRng,
}

impl Server {
    fn of(capacity: f64) -> Self {
        Self { capacity, light_p99: 4.0 * MS, bad_percent: 0.0, random: StdRng::seed_from_u64(1) }
    }

    fn probe(&mut self, rate: Rate, span: Span) -> Probe {
        let load = f64::from(rate.get()) / self.capacity;
        let (mut p99, delivered) = if load < 1.0 {
            (self.light_p99 / (1.0 - load), 1.0)
        } else {
            (span.0.as_secs_f64() * load, 1.0 / load)
        };
        if self.random.random::<f64>() * 100.0 < self.bad_percent {
            p99 += 100.0 * MS;
        }
        Probe { rate, delivered, p99: Duration::from_secs_f64(p99), lost: 0, slipped: false }
    }

    fn knee(&mut self) -> Knee {
        let mut search = KneeSearch::default();
        while let Some((rate, span)) = search.next() {
            search.observe(self.probe(rate, span));
        }
        search.knee()
    }
}

fn rate(knee: &Knee) -> f64 {
    f64::from(knee.rate.unwrap().get())
}

#[test]
fn the_knee_is_where_the_queue_makes_latency_five_times_as_long() {
    for capacity in [300.0, 1_000.0, 7_777.0, 60_000.0, 1_000_000.0] {
        let knee = Server::of(capacity).knee();
        // 1 / (1 - load) is 5 where the load is 0.8, of the light load's own p99 (at 200 a second).
        let light = knee.light_p99.as_secs_f64();
        let expected = capacity * (1.0 - 4.0 * MS / (5.0 * light));
        let found = rate(&knee);
        assert!((expected / 1.06..=expected).contains(&found), "{found} of {expected} ({capacity})");
        assert_eq!(knee.bound, Bound::System);
    }
}

#[test]
fn bad_moments_of_the_machine_do_not_move_it_far_and_the_search_ends() {
    let mut found = Vec::new();
    for seed in 0..200 {
        let mut noisy =
            Server { bad_percent: 10.0, random: StdRng::seed_from_u64(seed), ..Server::of(20_000.0) };
        let knee = noisy.knee();
        assert!(knee.probes.len() <= PROBES_MAX);
        found.push(rate(&knee));
    }
    // Twice bad in a row is one of a hundred for each of some ten rates.
    let near = found.iter().filter(|rate| (14_500.0..=16_900.0).contains(*rate)).count();
    assert!(near >= 160, "{near} of 200 searches came near");
    // Only if all three light probes were bad is a later one taken for usual.
    let above = found.iter().filter(|rate| **rate > 16_900.0).count();
    assert!(above <= 1, "{above} of 200 searches took a rate for held that is not");
}

#[test]
fn a_system_that_takes_nothing_has_no_knee() {
    let mut search = KneeSearch::default();
    while let Some((rate, _)) = search.next() {
        assert!(search.knee().probes.len() < PROBES_MAX);
        search.observe(Probe { rate, delivered: 0.0, p99: Duration::ZERO, lost: 1, slipped: false });
    }
    let knee = search.knee();
    assert_eq!(knee.rate, None);
    assert!(knee.probes.len() < 10);
}

#[test]
fn a_slow_system_is_searched_below_the_usual_light_load() {
    let knee = Server::of(40.0).knee();
    assert!((20.0..40.0).contains(&rate(&knee)), "{knee:?}");
}

#[test]
fn where_nothing_breaks_or_the_generator_is_late_the_client_is_the_bound() {
    let endless = Server::of(1e12).knee();
    assert_eq!((endless.rate.unwrap().get(), endless.bound), (Rate::MAX, Bound::Client));
    let mut search = KneeSearch::default();
    let mut server = Server::of(10_000.0);
    while let Some((rate, span)) = search.next() {
        let probe = server.probe(rate, span);
        search.observe(Probe { slipped: rate.get() > 5_000, ..probe });
    }
    assert_eq!(search.knee().bound, Bound::Client);
}

#[test]
fn one_lost_record_breaks_a_rate_but_only_if_it_is_lost_twice() {
    let run = |losses: u32| {
        let mut search = KneeSearch::default();
        let mut server = Server::of(10_000.0);
        let mut left = losses;
        while let Some((rate, span)) = search.next() {
            let mut probe = server.probe(rate, span);
            if rate.get() == 800 && left > 0 {
                left -= 1;
                probe.lost = 1;
            }
            search.observe(probe);
        }
        rate(&search.knee())
    };
    assert!(run(1) > 7_000.0 && run(2) < 800.0, "{} {}", run(1), run(2));
}
