//! Snapshots: which count, and what is known by one alone.

use super::*;

impl Given {
    pub(super) fn snapshots(&mut self) -> Result<Applied, Rejection> {
        let snapshot = Snapshot::of(&self.image).unwrap();
        self.says(1, Command::Snapshot(Box::new(snapshot)))
    }
}

#[test]
fn h15_a_snapshot_counts_only_at_the_next_offset_after_what_it_is_of() {
    let mut given = Given::created(&[A, B]);
    let snapshot = Snapshot::of(&given.image).unwrap();
    let as_of = snapshot.as_of();
    given.fences(B);
    let at = given.image.applied_to();
    let late = given.says(1, Command::Snapshot(Box::new(snapshot)));
    assert_eq!(late, Err(Rejection::Misplaced { as_of, at }), "it does not know that B is fenced");
    assert_eq!(given.image.snapshot_at(), None);
    given.snapshots().unwrap();
    assert_eq!(given.image.snapshot_at(), Some(at.next()));
}

#[test]
fn h15_whoever_begins_with_a_snapshot_knows_all_that_was_before_it() {
    let mut given = Given::created(&[A, B]);
    given.fences(B);
    let before = given.image.applied_to();
    given.snapshots().unwrap();
    let record = Record {
        epoch: ControllerEpoch(1),
        command: Command::Snapshot(Box::new(
            Snapshot::of(&Image { snapshot_at: None, applied_to: before, ..given.image.clone() }).unwrap(),
        )),
    };
    let record = Record::decode(&record.encode()).unwrap();
    let mut late = Image::default();
    let applied = late.apply(before, &record).unwrap();
    assert_eq!((&late, applied.partitions), (&given.image, vec![orders()]));
    // Whoever was behind is told only of what has changed meanwhile.
    let mut same = Image { applied_to: Offset(1), ..given.image.clone() };
    assert_eq!(same.apply(before, &record).unwrap().partitions, vec![]);
}

#[test]
fn h13_h15_a_deposed_controllers_snapshot_does_not_count() {
    let mut given = Given::created(&[A, B]);
    let snapshot = Snapshot::of(&given.image).unwrap();
    given.says(2, Command::Claim { node: NodeId(101) }).unwrap();
    let late = given.says(1, Command::Snapshot(Box::new(snapshot)));
    assert!(matches!(late, Err(Rejection::Misplaced { .. })), "{late:?}");
}

#[test]
#[should_panic(expected = "is of other records")]
fn controllers_that_disagree_do_not_go_on() {
    let mut given = Given::created(&[A, B]);
    let mut other = Given::created(&[A, C]);
    let snapshot = Snapshot::of(&other.image).unwrap();
    other.snapshots().unwrap();
    let _ = given.says(1, Command::Snapshot(Box::new(snapshot)));
}

#[test]
fn the_largest_image_fits_one_batch() {
    let mut given = Given::nothing();
    given.says(1, Command::Claim { node: NodeId(100) }).unwrap();
    let nodes: Vec<NodeId> = (0..u32::try_from(BROKERS_MAX).unwrap()).map(NodeId).collect();
    for node in &nodes {
        given.joins(*node, Disk::Fresh);
    }
    for number in 0..u32::try_from(PARTITIONS_MAX).unwrap() {
        // Twice as many replicas as anybody runs.
        let (id, replicas) =
            (PartitionId::new("a-topic-of-some-length", number).unwrap(), nodes[..12].to_vec());
        given
            .says(
                1,
                Command::CreatePartition(PartitionSpec {
                    id,
                    replicas,
                    min_isr: 2,
                    commit: CommitRule::AllInSync,
                }),
            )
            .unwrap();
    }
    let id = PartitionId::new("one-too-many", 0).unwrap();
    let more = given.says(
        1,
        Command::CreatePartition(PartitionSpec {
            id,
            replicas: vec![A],
            min_isr: 1,
            commit: CommitRule::AllInSync,
        }),
    );
    assert_eq!(more, Err(Rejection::TooManyPartitions { limit: PARTITIONS_MAX }));
    let snapshot = Command::Snapshot(Box::new(Snapshot::of(&given.image).unwrap()));
    let bytes = Record { epoch: ControllerEpoch(1), command: snapshot }.encode().len();
    assert!(bytes < 900 * 1024, "{bytes} bytes, of a batch's 1 MiB");
}
