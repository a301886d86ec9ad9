//! Whatever the leader does: once, in order, and each error true.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn manner() -> impl Strategy<Value = Manner> {
    let refusal = prop_oneof![
        Just(not_leader()),
        Just(Refusal::Overloaded),
        Just(Refusal::NotEnoughReplicas { in_sync: 1, min_isr: 2 }),
        Just(Refusal::TooLarge { size: ByteSize(9), limit: ByteSize(8) }),
    ];
    prop_oneof![
        4 => Just(Manner::Takes),
        2 => refusal.prop_map(Manner::Refuses),
        2 => Just(Manner::LosesAnswer),
        2 => Just(Manner::LosesRequest),
        2 => (1_u64..400).prop_map(|ms| Manner::Delays(Duration::from_millis(ms))),
        1 => Just(Manner::ChangesLeader),
    ]
}

/// Sends records, a few at a time, and checks the log against what was told.
fn run(seed: u64, script: Vec<Manner>, pauses: &[u64], config: &ProducerConfig) {
    simulation::run(seed, async |simulation| {
        let (producer, fake) = start(&simulation, script, config);
        let mut receipts = Vec::new();
        for (number, pause) in pauses.iter().enumerate() {
            let value = format!("{number:04}");
            receipts.push((value.clone(), producer.try_send(NewRecord::of_value(value)).unwrap()));
            simulation.clock().sleep(Duration::from_millis(*pause)).await;
        }
        producer.flush().await;
        let mut fates = BTreeMap::new();
        for (value, receipt) in receipts {
            fates.insert(value, receipt.await);
        }
        // The last late copy has arrived by then.
        simulation.clock().sleep(SECOND).await;
        let there = fake.values();
        let in_order = there.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(in_order, "twice, or out of order: {there:?}\n{fates:#?}\n{:?}", fake.attempts());
        for (value, fate) in &fates {
            match fate {
                Ok(delivered) => {
                    let offset = delivered.offset().unwrap().0;
                    assert_eq!(there.get(usize::try_from(offset).unwrap()), Some(value), "{fate:?}");
                }
                Err(SendError::NotAppended(_)) => {
                    assert!(!there.contains(value), "{value} is there, although {fate:?}");
                }
                Err(SendError::Unknown(_)) => {}
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stamped_record_lies_in_the_log_once_and_in_order_whatever_fails(
        seed: u64,
        script in prop::collection::vec(manner(), 0..60),
        pauses in prop::collection::vec(0_u64..30, 1..40),
        in_flight in 1_usize..=5,
        records in 1_u32..4,
        delivery in 20_u64..500,
    ) {
        let config = ProducerConfig {
            linger: Duration::from_millis(1),
            batch_records: RecordCount(records),
            in_flight: InFlight::new(in_flight).unwrap(),
            delivery: Duration::from_millis(delivery),
            ..ProducerConfig::default()
        };
        run(seed, script, &pauses, &config);
    }
}
