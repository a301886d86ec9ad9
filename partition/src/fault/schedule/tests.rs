//! Schedules are drawn alike from one seed, read back what they print, and keep to their frame.

use super::*;
use crate::fault::MembershipFault;

fn frame(kinds: Vec<Kind>) -> Frame {
    Frame {
        replicas: [1, 2, 3].map(NodeId).to_vec(),
        spares: [4, 5].map(NodeId).to_vec(),
        assigned_min: 2,
        assigned_max: 4,
        controllers: vec![NodeId(100)],
        clients: vec![NodeId(1000)],
        duration: Duration::from_secs(10),
        kinds,
        count: 3,
        harmed_max: 1,
    }
}

#[test]
fn one_seed_draws_one_schedule_whose_text_reads_back() {
    let frame = frame(Kind::all());
    let mut differ = 0;
    for seed in 0..500 {
        let schedule = Schedule::seeded(seed, &frame);
        assert_eq!(schedule, Schedule::seeded(seed, &frame));
        let text = schedule.to_string();
        assert_eq!(text.parse::<Schedule>().as_ref(), Ok(&schedule), "{text}");
        differ += u32::from(schedule != Schedule::seeded(seed + 1, &frame));
    }
    assert!(differ > 490);
}

#[test]
fn each_kind_is_drawn_and_every_schedule_keeps_to_its_frame() {
    let mut missing: std::collections::BTreeSet<String> =
        Kind::all().iter().map(ToString::to_string).collect();
    for seed in 0..500 {
        let schedule = Schedule::seeded(seed, &frame(Kind::all()));
        let moves = schedule.episodes.iter().filter(|it| matches!(it.fault, Fault::Membership(_))).count();
        assert!(moves <= 2 * moves::MOVES_MAX && schedule.episodes.len() - moves <= 6 + 1);
        let mut harmed = std::collections::BTreeSet::new();
        for episode in &schedule.episodes {
            let word = episode.fault.to_string().split(' ').next().unwrap().to_owned();
            if word.parse::<Kind>().unwrap().is_harm() {
                harmed.extend(episode.fault.node());
            }
            missing.remove(&word);
            assert_eq!(episode.lasts.is_some(), episode.fault.end().is_some());
        }
        assert!(harmed.len() <= 1, "{schedule}");
        let steps = schedule.steps();
        assert!(steps.is_sorted_by_key(|(at, _)| *at));
        assert!(steps.iter().all(|(at, _)| *at <= Moment(10_000_000_000)));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_process_has_one_trouble_at_a_time() {
    let kinds = vec![Kind::Kill, Kind::Pause, Kind::Stop];
    for seed in 0..200 {
        let schedule = Schedule::seeded(seed, &frame(kinds.clone()));
        assert!(schedule.episodes.len() >= 3, "{schedule}");
        for (at, one) in schedule.episodes.iter().enumerate() {
            for other in &schedule.episodes[at + 1..] {
                let end = one.at.after(one.lasts.unwrap());
                assert!(one.fault.node() != other.fault.node() || end < other.at, "{schedule}");
            }
        }
    }
}

#[test]
fn moves_leave_a_seeds_other_faults_as_they_are_and_keep_to_their_frame() {
    let without: Vec<Kind> = Kind::all().into_iter().filter(|kind| !kind.is_of_membership()).collect();
    let (mut moved, mut cancelled) = (0, 0);
    let mut sizes = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let with = Schedule::seeded(seed, &frame(Kind::all()));
        let plain = Schedule::seeded(seed, &frame(without.clone()));
        assert!(plain.episodes.iter().all(|episode| with.episodes.contains(episode)), "{with}");
        for episode in &with.episodes {
            match &episode.fault {
                Fault::Membership(MembershipFault::Reassign { replicas }) => {
                    moved += 1;
                    sizes.insert(replicas.len());
                    let distinct: std::collections::BTreeSet<_> = replicas.iter().collect();
                    assert_eq!(distinct.len(), replicas.len(), "{with}");
                    assert!(replicas.iter().all(|node| (1..=5).contains(&node.0)), "{with}");
                }
                Fault::Membership(MembershipFault::CancelReassign) => cancelled += 1,
                _ => {}
            }
        }
    }
    assert!(moved > 100 && cancelled > 20, "{moved} {cancelled}");
    assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [2, 3, 4]);
    let only = Schedule::seeded(1, &frame(vec![Kind::Reassign]));
    assert!(!only.episodes.is_empty(), "{only}");
}

#[test]
fn what_is_no_schedule_is_told_what_would_be() {
    let error = |text: &str| text.parse::<Schedule>().unwrap_err().to_string();
    assert_eq!(error("3s cut 1-2"), "`1-2` is not one way between two nodes, such as 1>2");
    assert_eq!(error("3s slow-sync 2"), "`slow-sync 2` lacks a span of time such as 50ms");
    assert_eq!(error("3s explode 2"), "`explode` is not a fault such as cut, split, kill or pause");
    assert_eq!(error("soon kill 2"), "`soon` is not a span of time such as 3s, 50ms, 80us or 5ns");
    assert_eq!(error("3s reassign"), "`reassign` lacks the replicas that are to be, such as 1,2,4");
    assert_eq!(error("3s kill 2 3"), "`kill 2 3` ends before `3`");
    assert!("frobnicate".parse::<Kind>().unwrap_err().to_string().contains("cut, split"));
}

#[test]
fn a_schedule_without_an_episode_is_a_schedule() {
    let schedule: Schedule = "3s+1500ms cut 1>2; 4s reset 1-3".parse().unwrap();
    assert_eq!(schedule.without(0).to_string(), "4s reset 1-3");
    let steps: Vec<String> = schedule.steps().iter().map(|(at, fault)| format!("{at} {fault}")).collect();
    assert_eq!(steps, ["3.000000000 cut 1>2", "4.000000000 reset 1-3", "4.500000000 heal 1>2"]);
}
