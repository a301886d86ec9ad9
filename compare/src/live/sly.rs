//! A client of a tour's own: it asks one replica, loses answers on purpose, and looks for what became of its records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use partition::client::retry::Stamped;
use partition::error::AppendError;
use partition::ids::{ByteSize, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Appended, Isolation, Partition, Read};
use partition::record::{Batch, BatchBuilder, ProducerStamp};
use partition::transport::Address;
use partition::transport::barred::{BarredTransport, Barrier, Barriers, Way};
use partition::world::World;

use crate::checker::Watch;
use crate::history::{ClientId, Recorder, Sender, Value};
use crate::system::{Running, client_world};

/// How long an answer may take that is not to come.
const LOST_AFTER: Duration = Duration::from_millis(1500);
/// How long one may take that is to come.
const PATIENCE: Duration = Duration::from_secs(3);
/// How far before its last copy a record is looked for.
const LOOK_BACK: u64 = 4096;
/// Producer ids of this client begin here, apart from those that others draw.
const PRODUCERS: u64 = 1 << 40;
/// Its clients in the history begin here, behind those of the load.
const CLIENTS: u32 = 100;

/// The client.
#[derive(Debug)]
pub(super) struct Sly {
    world: World,
    barriers: Barriers,
    leader: Arc<dyn Partition>,
    replicas: BTreeMap<NodeId, (Address, Arc<dyn Partition>)>,
    recorder: Recorder<Watch>,
    clients: AtomicU32,
    records: AtomicU64,
}

/// What became of a record that was sent twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SentTwice {
    /// Where the second answer says that it lies.
    pub(super) answered: Offset,
    /// Where it is found.
    pub(super) found: Vec<Offset>,
}

/// While it lives, what one replica answers is lost; whatever ends it, the step or the visitor.
struct Losing<'a>(&'a Barriers);

impl<'a> Losing<'a> {
    fn answers_of(at: Address, barriers: &'a Barriers) -> Self {
        barriers.set(&BTreeSet::from([Barrier { at, way: Way::Back }]));
        Self(barriers)
    }
}

impl Drop for Losing<'_> {
    fn drop(&mut self) {
        self.0.set(&BTreeSet::new());
    }
}

impl Sly {
    pub(super) fn of(running: &Running, recorder: &Recorder<Watch>) -> Self {
        let barriers = Barriers::default();
        let world = client_world();
        let network = Arc::new(BarredTransport::over(Arc::clone(&world.network), barriers.clone()));
        let world = World { network, ..world };
        let replicas =
            running.addresses().iter().map(|(node, at)| (*node, (*at, running.connect_to(&world, *node))));
        Self {
            replicas: replicas.collect(),
            leader: running.connect(&world),
            recorder: recorder.clone(),
            clients: AtomicU32::new(CLIENTS),
            records: AtomicU64::new(world.random.seed() >> 1),
            barriers,
            world,
        }
    }

    fn replica(&self, node: NodeId) -> Result<&(Address, Arc<dyn Partition>), String> {
        self.replicas.get(&node).ok_or_else(|| format!("there is no n{node}"))
    }

    fn client(&self) -> ClientId {
        ClientId(self.clients.fetch_add(1, Ordering::Relaxed))
    }

    /// A record that nobody else sends, alone in its batch.
    fn batch(&self, stamped: Stamped) -> (Value, Batch) {
        let number = self.records.fetch_add(1, Ordering::Relaxed);
        let record = format!("a record of the tour, number {number}");
        let mut builder = BatchBuilder::new(self.world.clock.wall_ms());
        if stamped == Stamped::Yes {
            let id = ProducerId(PRODUCERS + number % PRODUCERS);
            builder = builder.stamped(ProducerStamp { id, epoch: ProducerEpoch(0), sequence: Sequence(0) });
        }
        builder.push_value(record.as_bytes());
        (Value::of(record.as_bytes()), builder.build())
    }

    /// Connects to a replica, so that what is asked next is on its way at once.
    pub(super) async fn greet(&self, node: NodeId) -> Result<(), String> {
        self.replica(node)?.1.status().await.map(drop).map_err(|error| error.to_string())
    }

    /// Appends at one replica, whatever it is.
    pub(super) async fn append_at(
        &self,
        node: NodeId,
        acks: Acks,
    ) -> Result<(Value, Result<Appended, AppendError>), String> {
        let (value, batch) = self.batch(Stamped::No);
        let replica = &self.replica(node)?.1;
        let call = self.recorder.append(self.client(), vec![value], acks, Sender::Plain);
        let answer = replica.append(Append { batch, acks, timeout: LOST_AFTER }).await;
        call.answered(&answer);
        Ok((value, answer))
    }

    /// Appends at the leader, loses the answer, and sends the same again.
    pub(super) async fn append_twice(&self, leader: NodeId, stamped: Stamped) -> Result<SentTwice, String> {
        let (value, batch) = self.batch(stamped);
        let (at, replica) = self.replica(leader)?.clone();
        self.greet(leader).await?;
        let sender = if stamped == Stamped::Yes { Sender::Idempotent } else { Sender::Plain };
        let mut call = self.recorder.append(self.client(), vec![value], Acks::Committed, sender);
        let append = |timeout| Append { batch: batch.clone(), acks: Acks::Committed, timeout };
        let losing = Losing::answers_of(at, &self.barriers);
        let first = self.world.clock.timeout(LOST_AFTER, replica.append(append(PATIENCE))).await;
        drop(losing);
        if let Ok(answer) = first {
            call.answered(&answer);
            return Err("the first answer was not lost".to_owned());
        }
        call.sent_again();
        let second = replica.append(append(PATIENCE)).await;
        call.answered(&second);
        match second {
            Ok(Appended::Placed(placed)) => {
                let from = Offset(placed.base.0.saturating_sub(LOOK_BACK));
                let found = self.find(value, from, placed.base.next()).await?;
                Ok(SentTwice { answered: placed.base, found })
            }
            Ok(Appended::Unplaced) => Err("the second answer names no place".to_owned()),
            Err(error) => Err(format!("the second one was not acknowledged: {error}")),
        }
    }

    /// Where this record lies among those that the leader shows as committed in this range.
    pub(super) async fn find(&self, value: Value, from: Offset, to: Offset) -> Result<Vec<Offset>, String> {
        let (mut from, mut found) = (from, Vec::new());
        if let Ok(status) = self.leader.status().await {
            from = from.max(status.log_start);
        }
        while from < to {
            let isolation = Isolation::Committed;
            let read = Read { from, max_bytes: ByteSize::mib(1), isolation, wait: PATIENCE };
            let fetched = self.leader.read(read).await.map_err(|error| error.to_string())?;
            let Some(end) = fetched.batches.end().map_err(|error| error.to_string())? else {
                return Err(format!("nothing is committed at {from}"));
            };
            for batch in fetched.batches.iter() {
                let batch = batch.map_err(|error| error.to_string())?;
                let records = batch.records().filter_map(Result::ok).filter(|_| !batch.is_control());
                let here = records.filter(|one| one.offset >= from && one.offset < to);
                let same = here.filter(|one| Value::of(one.value.as_deref().unwrap_or_default()) == value);
                found.extend(same.map(|one| one.offset));
            }
            from = end.max(from.next());
        }
        Ok(found)
    }
}
