//! What the controllers have decided.

use isr_log::controller::command::{Command, ControllerEpoch, Disk, Record, Registration};
use isr_log::controller::image::{Broker, Image, Standing as BrokerStanding};
use isr_log::metadata::Incarnation;
use isr_log::probe::{ControllerProbe, ControllerSnapshot};
use partition::probe::Window;

use super::*;
use crate::invariants::controllers::sound;

const FORMER: Incarnation = Incarnation(Offset(LIFE));

fn alive(node: NodeId) -> Option<Broker> {
    (node.0 <= 3).then_some(Broker {
        incarnation: FORMER,
        disk_since: FORMER,
        standing: BrokerStanding::Alive,
    })
}

fn broken(state: &PartitionState, brokers: impl Fn(NodeId) -> Option<Broker>) -> Invariant {
    sound(state, brokers).expect_err("a broken invariant").name
}

#[test]
fn leader_in_isr() {
    sound(&decided(1, &[1, 2]), alive).unwrap();
    sound(&PartitionState { leader: None, ..decided(1, &[2, 3]) }, alive).unwrap();
    assert_eq!(broken(&decided(1, &[2, 3]), alive), Invariant::LeaderInIsr);
}

#[test]
fn valid_controller_isr_and_elr() {
    let eligible = |state: PartitionState, node| {
        let eligible = [(NodeId(node), FORMER)].into();
        PartitionState { eligible, ..state }
    };
    sound(&eligible(decided(1, &[1]), 2), alive).unwrap();
    let unsound = [decided(1, &[1, 4]), eligible(decided(1, &[1]), 1), eligible(decided(1, &[1, 2]), 3)];
    for state in unsound {
        assert_eq!(broken(&state, alive), Invariant::ValidControllerIsrAndElr, "{state:?}");
    }
    let fenced = |node: NodeId| {
        let standing = BrokerStanding::Fenced { since: Offset(9) };
        alive(node).map(|broker| if node == NodeId(2) { Broker { standing, ..broker } } else { broker })
    };
    assert_eq!(broken(&decided(1, &[1, 2]), fenced), Invariant::ValidControllerIsrAndElr);
    sound(&PartitionState { leader: None, ..decided(1, &[2]) }, fenced).unwrap();
}

#[test]
fn unclean_exclusion() {
    let reborn = |node: NodeId| {
        let incarnation = Incarnation(Offset(LIFE + 9));
        alive(node).map(|broker| if node == NodeId(2) { Broker { incarnation, ..broker } } else { broker })
    };
    assert_eq!(broken(&decided(1, &[1, 2]), reborn), Invariant::UncleanExclusion);
    sound(&decided(1, &[1, 3]), reborn).unwrap();
    sound(&PartitionState { leader: None, ..decided(1, &[2]) }, reborn).unwrap();
}

/// A controller that has applied one claim and this registration.
fn controller(node: u32, registered: u32) -> ControllerProbe {
    let mut image = Image::default();
    let epoch = ControllerEpoch::default().next();
    let registration = Registration { node: NodeId(registered), replaces: None, disk: Disk::Fresh };
    let commands = [Command::Claim { node: NodeId(101) }, Command::Register(registration)];
    for (at, command) in (0..).zip(commands) {
        image.apply(Offset(at), &Record { epoch, command }).unwrap();
    }
    let window = Window::default();
    let probe = ControllerProbe::through(&window);
    window.show(|| ControllerSnapshot { node: NodeId(node), active: None, image: Arc::new(image) });
    probe
}

#[test]
fn metadata_log_matching() {
    let mut scene = Scene::synced();
    scene.watch.controller_started(NodeId(101), controller(101, 1));
    scene.watch.controller_started(NodeId(102), controller(102, 1));
    scene.show([]);
    scene.watch.controller_started(NodeId(103), controller(103, 2));
    scene.breaks(Invariant::MetadataLogMatching, []);
}

/// A controller sees 2 and 3 go, so that 2 is eligible, and 2 come back as one that ended in order, in this life.
fn carried(scene: &mut Scene) -> Life {
    let mut image = Image::default();
    let mut next = 0;
    let mut says = |image: &mut Image, command| {
        let at = Offset(next);
        next += 1;
        image.apply(at, &Record { epoch: ControllerEpoch::default().next(), command }).unwrap();
        Incarnation(at)
    };
    says(&mut image, Command::Claim { node: NodeId(101) });
    let mut lives = Vec::new();
    for node in (1..=3).map(NodeId) {
        let registration = Registration { node, replaces: None, disk: Disk::Fresh };
        let incarnation = says(&mut image, Command::Register(registration));
        says(&mut image, Command::Unfence { broker: node, incarnation });
        lives.push(incarnation);
    }
    says(&mut image, Command::CreatePartition(decided(1, &[]).spec));
    for node in [3, 2] {
        says(&mut image, Command::Fence { broker: NodeId(node), incarnation: lives[node as usize - 1] });
    }
    let window = Window::default();
    let probe = ControllerProbe::through(&window);
    let show = |image: &Image| {
        window.show(|| ControllerSnapshot {
            node: NodeId(101),
            active: None,
            image: Arc::new(image.clone()),
        });
    };
    show(&image);
    scene.watch.controller_started(NodeId(101), probe);
    scene.show([]);
    let registration =
        Registration { node: NodeId(2), replaces: Some(lives[1]), disk: Disk::Clean(lives[1]) };
    let reborn = says(&mut image, Command::Register(registration));
    show(&image);
    reborn.into()
}

#[test]
fn h03_unclean_exclusion_knows_who_has_crashed() {
    let begins = |losses: &[Loss]| {
        let mut scene = Scene::synced();
        let life = carried(&mut scene);
        scene.show([replica(2, &[]).with(|seen| seen.life = Some(Life(1)))]);
        // After the first, those of processes that were not seen to open their log.
        losses.iter().for_each(|loss| scene.end(2, *loss));
        scene.try_show([replica(2, &[]).with(|seen| seen.life = Some(life))])
    };
    begins(&[Loss::Nothing]).unwrap();
    begins(&[Loss::Nothing, Loss::Process]).unwrap();
    named(begins(&[Loss::Process]), Invariant::UncleanExclusion);
    named(begins(&[Loss::Process, Loss::Nothing]), Invariant::UncleanExclusion);
}
