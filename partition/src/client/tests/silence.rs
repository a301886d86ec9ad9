//! A leader that says nothing: slow, or replaced?

use super::*;

#[test]
fn a_leader_that_falls_silent_is_left_as_soon_as_another_leads() {
    simulation::run(7, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        client.append(append("a", Acks::Committed)).await.unwrap();
        first.behaves(Manner::Hangs, 1);
        let clock = simulation.clock();
        let started = clock.now();
        let elected = async {
            clock.sleep(Duration::from_millis(400)).await;
            second.behaves(Manner::Leads, 2);
        };
        let write = client.append(stamped("b"));
        let plain = client.append(append("c", Acks::Committed));
        let ((), written, plain) = future::join3(elected, write, plain).await;
        written.unwrap();
        assert_eq!(plain, Err(Doubt::LeaderChanged.into()), "it may appear, and is not sent again");
        assert_eq!(second.log(), ["b"]);
        let took = clock.now().since(started);
        let patience = RetryConfig::default().attempt;
        assert!(took < patience / 2, "{took:?}: not until the attempt's own end");
    });
}

#[test]
fn what_never_left_for_a_dead_leader_goes_to_the_next_stamped_or_not() {
    simulation::run(12, async |simulation| {
        let ([first, second, third], client) = three(&simulation).await;
        // Whoever connects to 1 hears nothing: neither yes nor no.
        simulation.fault(&"cut 1000>1".parse().unwrap());
        second.behaves(Manner::Leads, 2);
        client.tail(TIMEOUT).await.unwrap();
        second.behaves(Manner::Follows(Some(NodeId(1))), 3);
        let elected = async {
            simulation.clock().sleep(Duration::from_millis(50)).await;
            third.behaves(Manner::Leads, 4);
        };
        let (outcome, ()) = future::join(client.append(append("b", Acks::Committed)), elected).await;
        outcome.unwrap();
        assert_eq!((first.log(), third.log()), (vec![], vec![Bytes::from("b")]));
    });
}

#[test]
fn a_slow_leader_is_not_left_for_one_that_a_follower_remembers() {
    simulation::run(13, async |simulation| {
        let ([first, second, third], client) = three(&simulation).await;
        client.tail(TIMEOUT).await.unwrap();
        // A hint led to 2, whose epoch nobody said; 3 has not heard of it.
        first.behaves(Manner::Follows(Some(NodeId(2))), 2);
        second.behaves(Manner::Leads, 2);
        client.tail(TIMEOUT).await.unwrap();
        second.behaves(Manner::Hangs, 2);
        let outcome = client.append(append("a", Acks::Committed)).await;
        assert_eq!(outcome, Err(Doubt::Timeout.into()), "and not that another leads");
        assert!(third.asked() > 0, "3 was asked");
    });
}

#[test]
fn a_read_that_waits_for_more_is_no_silence() {
    simulation::run(10, async |simulation| {
        let ([_, second, third], client) = three(&simulation).await;
        client.tail(TIMEOUT).await.unwrap();
        let before = (second.asked(), third.asked());
        for _ in 0..10 {
            let wait = Duration::from_millis(500);
            let isolation = Isolation::Committed;
            let read = Read { from: Offset(0), max_bytes: ByteSize::kib(1), isolation, wait };
            client.read(read).await.unwrap();
        }
        assert_eq!((second.asked(), third.asked()), before, "nobody is asked who leads");
    });
}

#[test]
fn however_many_wait_for_a_silent_leader_the_others_are_asked_once_in_a_doubt() {
    simulation::run(11, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        client.tail(TIMEOUT).await.unwrap();
        first.behaves(Manner::Hangs, 1);
        let (before, clock) = (second.asked(), simulation.clock());
        let waits = future::join_all((0..50).map(|number| {
            let (client, clock) = (client.clone(), clock.clone());
            async move {
                clock.sleep(Duration::from_millis(number * 7)).await;
                let timeout = Duration::from_secs(1);
                client.append(Append { timeout, ..append("a", Acks::Committed) }).await.unwrap_err()
            }
        }));
        let began = clock.now();
        waits.await;
        let doubts = clock.now().since(began).as_millis() / RetryConfig::default().doubt.as_millis();
        let asked = u128::from(second.asked() - before);
        assert!((3..=doubts + 1).contains(&asked), "asked {asked} times in {doubts} doubts");
    });
}

#[test]
fn a_leader_that_is_slow_and_still_leads_is_waited_for() {
    simulation::run(8, async |simulation| {
        let ([first, ..], client) = three(&simulation).await;
        client.tail(TIMEOUT).await.unwrap();
        first.behaves(Manner::Hangs, 1);
        let outcome = client.append(append("a", Acks::Committed)).await;
        assert_eq!(outcome, Err(Doubt::Timeout.into()));
        assert!(simulation.clock().now() >= Moment::default().after(TIMEOUT), "no sooner");
    });
}
