//! What files are taken for, and what is said of those that are wrong.

use super::*;
use crate::workload::Rate;

/// The workloads that come with the source.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workloads");

fn example(name: &str) -> Workload {
    read(&Path::new(EXAMPLES).join(name)).unwrap()
}

/// What is said of a file of this name that says `text`.
fn refused(name: &str, text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(!error.contains('\n'), "not one line: {error}");
    assert!(error.starts_with(&format!("workload {}", path.display())), "{error}");
    error
}

fn rates(workload: &Workload) -> Vec<Pace> {
    workload.rate.clone()
}

fn rate(records: u32) -> Pace {
    Pace::Rate(Rate::new(records).unwrap())
}

#[test]
fn every_example_is_read_and_uses_all_that_it_says() {
    let mut seen = 0;
    for entry in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "toml" || ending == "yaml") {
            let workload = read(&path).unwrap();
            assert!(!workload.name.is_empty(), "{path:?}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
    let orders = example("orders.toml");
    assert_eq!((rates(&orders), orders.arrivals), (vec![rate(1000), rate(4000)], Some(Arrivals::Poisson)));
    assert_eq!((orders.record_bytes, orders.batch_records, orders.keys), (Some(512), Some(100), Some(1000)));
    assert_eq!(orders.linger, Some(Duration::from_millis(5)));
    assert_eq!(
        (orders.producers.unwrap().get(), &orders.acks[..]),
        (4, &[Acks::Leader, Acks::Committed][..])
    );
    let lines = example("log-lines.toml");
    assert!(lines.records.unwrap().ends_with("workloads/log-lines.txt"), "beside the file that names it");
    assert_eq!(lines.in_flight, [InFlight::ONE, InFlight::SIXTY_FOUR]);
    assert_eq!(rates(&example("knee.toml")), [Pace::Sweep]);
}

#[test]
fn the_page_shows_a_workload_that_is_read() {
    let page = crate::profile::tests::shown_on(include_str!("../workload.rs"));
    let own = toml_file::parse(&page, Path::new("")).unwrap();
    assert_eq!((own.name.as_str(), rates(&own)), ("orders", vec![rate(500), rate(2000)]));
    assert_eq!((own.batch_records, own.seconds), (Some(100), Some(Duration::from_secs(8))));
}

#[test]
fn an_openmessaging_workload_is_read_and_each_unused_field_is_told() {
    let workload = example("one-topic-1kb.yaml");
    assert_eq!(workload.name, "1 topic, 1 partition, 1 KiB");
    assert_eq!((rates(&workload), workload.arrivals), (vec![rate(2000)], Some(Arrivals::Constant)));
    assert_eq!((workload.record_bytes, workload.keys), (Some(1024), Some(0)));
    assert_eq!((workload.producers.unwrap().get(), workload.seconds), (2, Some(Duration::from_secs(60))));
    let fields: Vec<&str> = workload.unused.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let expected =
        ["consumerBacklogSizeGB", "consumerPerSubscription", "payloadFile", "subscriptionsPerTopic"];
    assert_eq!(fields, expected);
    assert!(workload.unused.iter().all(|line| line.contains(" is not used: ") && !line.contains('\n')));
}

#[test]
fn a_rate_of_zero_asks_for_the_knee_and_round_robin_for_keys() {
    let text = "messageSize: 100\nproducerRate: 0\nkeyDistributor: KEY_ROUND_ROBIN\ntopics: 10\n\
         partitionsPerTopic: 16\nnew: [1, 2]\n";
    let workload = openmessaging::parse(text).unwrap();
    assert_eq!((rates(&workload), workload.keys), (vec![Pace::Sweep], Some(10_000)));
    assert_eq!(workload.partitions, [Partitions::try_from(16).unwrap()]);
    assert_eq!(workload.unused.len(), 2, "{:?}", workload.unused);
}

#[test]
fn what_a_file_says_wrong_is_told_in_one_line() {
    assert!(refused("a.toml", "name = \"x\"\nrates = 5\n").contains(", line 2: unknown field `rates`"));
    assert!(
        refused("a.toml", "acks = \"most\"").contains("acks: \"most\" is none of nobody, leader, committed")
    );
    assert!(refused("a.toml", "rate = [100, \"fast\"]").contains("rate: a rate is 1 to"));
    assert!(refused("a.toml", "rate = []").contains("rate: the list is empty"));
    assert!(refused("a.toml", "in-flight = 0").contains("in-flight: in flight must be 1 to 4096"));
    assert!(refused("a.toml", "in-flight = 1\nrate = 5").contains("cannot stand beside rate"));
    assert!(
        refused("a.toml", "records = \"x\"\nrecord-bytes = 5").contains("cannot stand beside record-bytes")
    );
    assert!(refused("a.toml", "arrivals = \"constant\"").contains("name its rate too"));
    assert!(refused("a.toml", "linger = 2000").contains("linger: a linger is 0 to 1000"));
    assert!(refused("a.toml", "producers = 0").contains("producers: producers must be 1 to 256"));
    assert!(refused("a.toml", "seconds = -1").contains("seconds: not a time"));
    assert!(refused("a.yaml", "a: [1\nb: 2").contains(", line 2: not a workload"));
    assert!(refused("a.yaml", "- 1\n- 2").contains("not a workload"));
    assert!(refused("a.yml", "").contains("neither messageSize nor producerRate"));
    assert!(refused("a.yaml", "messageSize: big").contains("messageSize:"));
    assert!(refused("a.yaml", "messageSize: 1\nkeyDistributor: MOST").contains("none of NO_KEY"));
    assert!(refused("a.yaml", "messageSize: 1\nproducersPerTopic: 0").contains("producers must be 1 to 256"));
    let too_many = refused("a.yaml", "messageSize: 1\npartitionsPerTopic: 10000");
    assert!(too_many.contains("partitionsPerTopic: partitions must be 1 to 2000"), "{too_many}");
    let error = read(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the workload no/such.toml"), "{error}");
}
