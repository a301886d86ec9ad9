//! What a producer does about refusals, doubts and deadlines.

use super::*;

/// What is on its way when the first answer comes.
const FIVE: [&str; 5] = ["a", "b", "c", "d", "e"];

fn stamp(epoch: u16, sequence: u32, like: ProducerStampOf<'_>) -> bool {
    like.is_some_and(|stamp| (stamp.epoch, stamp.sequence) == (ProducerEpoch(epoch), Sequence(sequence)))
}

type ProducerStampOf<'a> = Option<&'a crate::record::ProducerStamp>;

#[test]
fn s22_c09_a_lost_acknowledgement_duplicates_without_a_stamp_and_not_with_one() {
    simulation::run(1, async |simulation| {
        for (repeats, there) in [
            (Repeats::Once, vec!["a"]),
            (Repeats::AtMostOnce, vec!["a"]),
            (Repeats::AtLeastOnce, vec!["a", "a"]),
        ] {
            let config = ProducerConfig { repeats, ..one_by_one() };
            let (producer, fake) = start(&simulation, [Manner::LosesAnswer], &config);
            let outcome = told(&fates(submit(&producer, &["a"])).await);
            let expected = match repeats {
                Repeats::AtMostOnce => Err("unknown"),
                Repeats::AtLeastOnce => Ok(1),
                Repeats::Once | Repeats::OnceAs(..) => Ok(0),
            };
            assert_eq!(
                (outcome, fake.values()),
                (vec![expected], there.iter().map(ToString::to_string).collect())
            );
        }
    });
}

#[test]
fn without_a_stamp_a_repeated_batch_is_overtaken_and_with_one_it_is_not() {
    simulation::run(1, async |simulation| {
        let overtaken = ["b", "c", "d", "e", "a"];
        for (repeats, in_flight, order) in [
            (Repeats::Once, InFlight::MAX, FIVE),
            (Repeats::AtMostOnce, InFlight::MAX, overtaken),
            (Repeats::AtLeastOnce, InFlight::MAX, overtaken),
            (Repeats::AtLeastOnce, InFlight::ONE, FIVE),
        ] {
            let config = ProducerConfig { repeats, in_flight, ..one_by_one() };
            let (producer, fake) = start(&simulation, [Manner::Refuses(not_leader())], &config);
            assert!(fates(submit(&producer, &FIVE)).await.iter().all(Result::is_ok));
            assert_eq!(fake.values(), order, "{repeats:?}, {in_flight:?}");
        }
    });
}

#[test]
fn what_is_behind_a_repeated_batch_waits_for_it_and_nothing_new_leaves() {
    simulation::run(1, async |simulation| {
        let script = [Manner::LosesRequest, Manner::Takes, Manner::Takes];
        let (producer, fake) = start(&simulation, [], &one_by_one());
        fates(submit(&producer, &["first"])).await[0].clone().unwrap();
        fake.behaves(script, Manner::Takes);
        let early = submit(&producer, &["a", "b", "c"]);
        simulation.clock().sleep(LATENCY + LATENCY / 2).await;
        let late = submit(&producer, &["d", "e"]);
        assert_eq!(told(&fates(early).await), [Ok(1), Ok(2), Ok(3)]);
        assert_eq!(told(&fates(late).await), [Ok(4), Ok(5)]);
        let attempts: Vec<_> = fake.attempts().iter().map(|stamp| stamp.unwrap().sequence.0).collect();
        assert_eq!(attempts, [0, 1, 2, 3, 1, 2, 3, 4, 5], "the sequence is fixed when a batch is first sent");
    });
}

/// Where the partition may have forgotten who there was, it takes any sequence for a beginning: the second of two would shut out
/// the first, and call it ancient.
#[test]
fn h10_nothing_overtakes_the_first_batch_of_a_producer_that_is_not_known() {
    simulation::run(1, async |simulation| {
        let (producer, fake) = start(&simulation, [Manner::Arrives(LATENCY * 10)], &one_by_one());
        fake.forgets();
        assert_eq!(told(&fates(submit(&producer, &FIVE)).await), [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
        assert_eq!(fake.values(), FIVE);
        let together = simulation.clock().now();
        fates(submit(&producer, &FIVE)).await;
        assert_eq!(
            simulation.clock().now().since(together),
            LATENCY,
            "who is known has several on their way"
        );
    });
}

#[test]
fn a_record_that_is_late_and_never_left_is_certainly_not_appended() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { delivery: SECOND, in_flight: InFlight::ONE, ..one_by_one() };
        let (producer, fake) = start(&simulation, [], &config);
        fake.behaves([], Manner::Refuses(not_leader()));
        let started = simulation.clock().now();
        let outcome = fates(submit(&producer, &["a", "b"])).await;
        assert_eq!(told(&outcome), [Err("not appended"), Err("not appended")]);
        assert_eq!(simulation.clock().now().since(started), SECOND);
        let last = Some(not_leader().into());
        assert_eq!(outcome[0], Err(SendError::NotAppended(Failure::Late { last })));
        assert_eq!(outcome[1], Err(SendError::NotAppended(Failure::Late { last: None })));
        fake.behaves([], Manner::Takes);
        assert_eq!(told(&fates(submit(&producer, &["c"])).await), [Ok(0)]);
        assert!(stamp(1, 0, fake.log()[0].producer().as_ref()), "a new epoch: {:?}", fake.attempts());
    });
}

/// KIP-360. The late copy of what was given up arrives when the new epoch has begun, and is fenced by it.
#[test]
fn a_failed_batch_of_unknown_outcome_never_appears_once_a_later_one_is_delivered() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { delivery: SECOND, ..one_by_one() };
        let (producer, fake) = start(&simulation, [Manner::Delays(SECOND * 3)], &config);
        let first = submit(&producer, &["lost"]);
        fake.behaves([Manner::Delays(SECOND * 3)], Manner::LosesRequest);
        assert_eq!(told(&fates(first).await), [Err("unknown")]);
        fake.behaves([], Manner::Takes);
        assert_eq!(told(&fates(submit(&producer, &["b", "c"])).await), [Ok(0), Ok(1)]);
        simulation.clock().sleep(SECOND * 5).await;
        assert_eq!(fake.values(), ["b", "c"]);
        assert!(stamp(1, 0, fake.log()[0].producer().as_ref()));
    });
}

#[test]
fn what_followed_a_failed_batch_goes_again_only_if_it_is_in_no_log() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { delivery: SECOND, ..one_by_one() };
        let script = [Manner::LosesRequest, Manner::LosesRequest];
        let (producer, fake) = start(&simulation, script, &config);
        let doubtful = submit(&producer, &["a", "b"]);
        simulation.clock().sleep(SECOND / 2).await;
        fake.behaves([], Manner::LosesRequest);
        let certain = submit(&producer, &["c"]);
        simulation.clock().sleep(LATENCY).await;
        let outcome = fates(doubtful).await;
        assert_eq!(told(&outcome), [Ok(0), Ok(1)], "they were delivered before the leader went deaf");
        assert_eq!(told(&fates(certain).await), [Err("unknown")]);
        fake.behaves([], Manner::Takes);
        assert_eq!(told(&fates(submit(&producer, &["w"])).await), [Ok(2)], "the new epoch is known now");
        // The leader hears again, after the first of three is late: the second is in doubt, the third is not.
        let script = [Manner::LosesRequest, Manner::LosesRequest];
        fake.behaves(script, Manner::Refuses(not_leader()));
        let three = submit(&producer, &["d", "e", "f"]);
        simulation.clock().sleep(SECOND - LATENCY).await;
        fake.behaves([], Manner::Takes);
        let later = submit(&producer, &["g"]);
        let outcome = fates(three).await;
        assert!(outcome.iter().all(|fate| fate.is_err()), "all were sent at once, and are late at once");
        assert_eq!(told(&outcome), [Err("unknown"), Err("unknown"), Err("not appended")]);
        assert_eq!(told(&fates(later).await), [Ok(3)]);
        assert_eq!(fake.values(), ["a", "b", "w", "g"]);
    });
}

/// C8: an acknowledged record is lost with its leader. What is in no log goes again in a new epoch; what may be in one is
/// given up, for it could be there twice.
#[test]
fn c08_what_was_acknowledged_is_gone_and_the_producer_goes_on() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { acks: Acks::Leader, ..one_by_one() };
        let (producer, fake) = start(&simulation, [], &config);
        assert_eq!(told(&fates(submit(&producer, &["a", "b"])).await), [Ok(0), Ok(1)]);
        fake.loses_from(Offset(1));
        assert_eq!(told(&fates(submit(&producer, &["c", "d"])).await), [Ok(1), Ok(2)]);
        assert_eq!(fake.values(), ["a", "c", "d"]);
        assert!(stamp(1, 0, fake.log()[1].producer().as_ref()));
        fake.loses_from(Offset(1));
        fake.behaves([Manner::LosesRequest, Manner::Refuses(not_leader())], Manner::Takes);
        let outcome = fates(submit(&producer, &["e", "f"])).await;
        assert_eq!(outcome[0], Err(SendError::Unknown(Failure::Bereft)));
        assert_eq!(told(&outcome[1..]), [Ok(1)]);
        assert_eq!(fake.values(), ["a", "f"]);
    });
}

/// The same answer from a leader that promised commitment: it does not know what is committed, so it was deposed.
#[test]
fn c16_a_deposed_leader_that_lacks_what_is_committed_is_not_believed() {
    simulation::run(1, async |simulation| {
        let (producer, fake) = start(&simulation, [], &one_by_one());
        fates(submit(&producer, &["a"])).await[0].clone().unwrap();
        let producer_id = fake.log()[0].producer().unwrap().id;
        let stale = Refusal::OutOfOrder { producer: producer_id, expected: Sequence(0), found: Sequence(1) };
        let script = [Manner::LosesAnswer, Manner::Refuses(stale.clone()), Manner::Refuses(stale)];
        fake.behaves(script, Manner::Takes);
        assert_eq!(told(&fates(submit(&producer, &["b"])).await), [Ok(1)]);
        assert_eq!(fake.values(), ["a", "b"]);
    });
}

#[test]
fn a_newer_instance_fences_the_older_one_for_good() {
    simulation::run(1, async |simulation| {
        let (name, world) = (ProducerId(5), simulation.world(CLIENT));
        let of_epoch = |epoch| ProducerConfig {
            repeats: Repeats::OnceAs(name, ProducerEpoch(epoch)),
            in_flight: InFlight::new(2).unwrap(),
            ..one_by_one()
        };
        let (older, fake) = start(&simulation, [], &of_epoch(0));
        let newer = Producer::start(&world, Arc::new(fake.clone()), &of_epoch(1)).unwrap();
        assert_eq!(told(&fates(submit(&older, &["a"])).await), [Ok(0)]);
        assert_eq!(told(&fates(submit(&newer, &["b"])).await), [Ok(1)]);
        let fenced = Failure::Fenced { current: ProducerEpoch(1) };
        let outcome = fates(submit(&older, &["c", "d", "e"])).await;
        assert_eq!(outcome[0], Err(SendError::NotAppended(fenced.clone())));
        assert_eq!(outcome[1], Err(SendError::Unknown(fenced.clone())), "its answer was not there yet");
        assert_eq!(outcome[2], Err(SendError::NotAppended(fenced.clone())));
        assert_eq!(fates(submit(&older, &["f"])).await, [Err(SendError::NotAppended(fenced))]);
        assert_eq!(told(&fates(submit(&newer, &["g"])).await), [Ok(2)]);
        assert_eq!(fake.values(), ["a", "b", "g"]);
    });
}

#[test]
fn what_the_partition_never_takes_fails_alone() {
    simulation::run(1, async |simulation| {
        let refusal = Refusal::TooLarge { size: ByteSize(9), limit: ByteSize(8) };
        let (producer, fake) = start(&simulation, [Manner::Refuses(refusal.clone())], &one_by_one());
        let outcome = fates(submit(&producer, &["a", "b", "c"])).await;
        assert_eq!(outcome[0], Err(SendError::NotAppended(Failure::Refused(refusal))));
        assert_eq!(told(&outcome[1..]), [Ok(0), Ok(1)]);
        assert_eq!(fake.values(), ["b", "c"]);
    });
}

#[test]
fn an_ancient_duplicate_is_there_but_nobody_knows_where() {
    simulation::run(1, async |simulation| {
        let refusal = Refusal::AncientDuplicate { producer: ProducerId(0), found: Sequence(0) };
        let (producer, fake) = start(&simulation, [Manner::Refuses(refusal)], &one_by_one());
        let outcome = fates(submit(&producer, &["a", "b"])).await;
        assert_eq!(outcome[0], Err(SendError::Unknown(Failure::Ancient)));
        assert_eq!((told(&outcome[1..]), fake.values()), (vec![Ok(0)], vec!["b".to_owned()]));
    });
}

#[test]
fn too_few_in_sync_is_waited_out_until_the_deadline() {
    simulation::run(1, async |simulation| {
        let few = Refusal::NotEnoughReplicas { in_sync: 1, min_isr: 2 };
        let script = vec![Manner::Refuses(few); 20];
        let (producer, fake) = start(&simulation, script, &one_by_one());
        assert_eq!(told(&fates(submit(&producer, &["a"])).await), [Ok(0)]);
        assert_eq!(fake.attempts().len(), 21);
    });
}

#[test]
fn c07_a_producer_that_hears_nothing_stamps_and_repeats_nothing() {
    simulation::run(1, async |simulation| {
        let config = ProducerConfig { acks: Acks::Nobody, ..one_by_one() };
        let (producer, fake) = start(&simulation, [], &config);
        let outcome = fates(submit(&producer, &["a", "b"])).await;
        assert_eq!(outcome, [Ok(Delivered::Unheard), Ok(Delivered::Unheard)]);
        assert_eq!(fake.attempts(), [None, None]);
    });
}
