//! A record is committed when all in-sync replicas have it.
//!
//! One replica leads a partition. Clients append there; the leader places each batch at the end of its log, and its
//! followers fetch from it, much as a reader would. A fetch for records that do not exist yet is *parked* at the leader,
//! so that a record is under way the moment it is placed; the leader's own sync runs beside that, not before it. What
//! a follower has on disk it says with its next fetch, or, when a fetch is parked already, in a report that follows
//! the sync at once.
//!
//! ```text
//!            appends                    ┌──────────── controllers ────────────┐
//!               │                       │  who leads, in which epoch, who is  │
//!               v                       │  in sync: records in a partition    │
//!       ┌─── leader ───┐ in-sync set    └───────┬─────────────────┬───────────┘
//!       │ 0 1 2 3 4 5 6│ <──────────────────────┘                 │ decisions
//!       └──┬─────────┬─┘                                          v
//!    fetch │ ^     ^ │ fetch                ┌─────────────────────────────────┐
//!     from │ │     │ │ from                 │  high watermark = 4:            │
//!        5 │ │     │ │ 4, durable to 4      │  the smallest durable log end   │
//!          v │     │ v                      │  among the in-sync replicas     │
//!       ┌──────┐ ┌──────┐                   └─────────────────────────────────┘
//!       │0 .. 4│ │0 .. 3│  followers: 5 is parked, 4 is on its way
//!       └──────┘ └──────┘
//! ```
//!
//! **The commit rule** is one line (`replica/watermark`): the high watermark is the smallest durable log end among all
//! who may be in sync. So n + 1 replicas survive n failures as long as all of them are in the set, and the slowest member sets the latency. A member that
//! cannot keep up must therefore go: the leader notices that it has not been caught up for `lag_max` and *proposes* a
//! smaller set; a follower that has caught up is proposed again (`replica/in_sync`). Only the controllers make either
//! true. Until the leader has read their word it waits for the larger of the two sets, since either may be the one from
//! which the next leader is elected.
//!
//! **The other commit rule** ([`metadata::CommitRule::EnoughInSync`], the *k of ISR* of KIP-250 and KIP-926) waits for any
//! `min_isr` = k members of the set, so the slowest does not count. Then not every member may lead: the controllers first
//! ask all but k - 1 of the set what they have, and whoever has most is elected (`controller/image/poll`). The dead count in
//! the set, so nobody leaves it by being silent; the leader takes him out once k of the others have all that is
//! committed. A leader begins with a batch of its own epoch, by which it commits what older ones left. Of three with
//! k = 2 it survives what a majority of three does, and no more: the price for not waiting is the election. Leadership is
//! not moved on a wish then, and nobody is elected uncleanly.
//!
//! **When the leader fails**, the controllers fence it and elect a member of the set, in a new epoch. Every message
//! between replicas names its epoch, and is refused in another one. A follower's first fetch in an epoch says how its
//! log ends; the leader answers where the two part, and the follower cuts there (`replica/truncation`). The leader never
//! cuts. A process that dies ends its epoch: its next life is another *incarnation*, numbered by the metadata log, and
//! nothing that the old one said counts for the new one.
//!
//! **What a client is told.** `Committed` is answered when the high watermark passes the batch; with fewer than
//! `min_isr` in sync it is refused at the door, and what was under way is of unknown outcome. Committed reads end at
//! the high watermark. A linearizable read first asks every member whether this replica still leads (`replica/proof`). By
//! choice ([`ReadProof`]) it is answered at once while a lease of the controllers runs, which trusts that no clock is much
//! faster than another ([`controller::lease`]); without one it asks all the same.
//!
//! **Giving up the start of the log.** A trim, by a client or by retention, goes to the members with the next answers to
//! their fetches; the leader's own log follows when all of the set have given up as much, so that whoever leads next
//! begins no lower than a reader has seen. A start is told, to the leader as to a reader, once it is on disk, so that no loss of
//! power brings back what was given up. A replica that ends below the leader's start begins anew there, with the leader's
//! table of what producers had sent before.
//!
//! **How to read the code.** `replica` decides, without clock, I/O or chance; `runtime` is the task that owns a log and
//! does what was decided; `node` opens the partitions that the controllers give it; `partition` and `network` are the
//! doors for clients and for replicas; `controller` is the other half: who leads, and who is in sync.
//!
//! **Memory** has a bound that does not depend on how many ask. A node holds at most 256 MiB of requests that are not
//! answered, and 1 MiB for each connection beside that (`partition::transport::rpc`); each log keeps up to 64 MiB that waits
//! for the disk, which is part of that on a leader, and 32 MiB of its newest records for readers (whoever opens many says less); a
//! follower has one fetch of about 1 MiB under way, and those of one broker some 64 MiB together, or 64 KiB each if that is more.
//!
//! **Many partitions** of one broker share what they can: one connection to each other broker, one writer, one checkpoint store,
//! one heartbeat and one group of controllers for all. Followers of one broker ask the leaders on another in one request, which
//! names only what is new (KIP-227): a fetch that waits there is not sent again, and the reply brings what is ready, be it of one
//! partition or of all. One that hangs holds up nobody else. So idle partitions cost what their clocks cost, and a message now and
//! then.
//!
//! ```text
//!   broker 2                      one request: what is new            broker 1
//!   follower t-1 ─┐                                                ┌─> leader t-1   parked
//!   follower t-4 ─┼─ fetcher ══ t-4, and leave to answer ══> session ─> leader t-4   records ─┐
//!   follower t-7 ─┘      <══════════ t-4: records ═════════════════┴─> leader t-7   parked    │
//!                                                        └────────────────────────────────────┘
//! ```
//!
//! **What this crate never touches:** a consensus protocol. The controllers' records lie in any
//! [`Partition`](::partition::partition::Partition) that is handed in.
//!
//! **When nobody in sync is alive**, whoever left the set while it was too small to commit leads: nothing was committed
//! without it. Whoever ended uncleanly is neither in sync nor such a one, until it has caught up anew. When nobody else is
//! left, those of them who are known to have had all that is committed, and still have their disks, say how their logs end;
//! when so many have that one disk among theirs has lost nothing, whoever has most leads (`controller/image/comparison`). So
//! `min_isr` - 1 disks may lose what they had stored, whatever else ends at the same time. Older rules are switches in [`rules`].
//!
//! **A leader whose disk is full** refuses appends, and leads on: reads go on, its followers stay in sync, and it trims by
//! retention as before, which makes room. Kafka would take the whole log directory offline, and end the broker if that was its last (KIP-112). Another
//! member might have room, but mostly has none: its log has the same bytes, and leadership would go round, with a
//! batch for each new epoch that has to find room, too. Room is for whoever runs the cluster to make; a follower without it
//! leaves the set as any slow one does.
//!
//! **Moving a partition to other brokers** is a record, and ends with one (KIP-455): the newcomers copy the log, no faster than
//! [`config::Config::catch_up_rate`] until they have nearly caught up, and in the atom that puts the last of them into the set
//! those leave who are not assigned any more. These remove their logs. Whoever is added again begins anew, and what he
//! had said as a replica before is known by its version, and does not count (S-09).
//!
//! **Left out:** moving a partition that commits by any k of its set to other brokers; electing whoever has most of those
//! who answer when too few can; reading from the nearest follower as anything but an explicit choice;
//! compaction and transactions; putting leaders back on their preferred nodes after a failure unless told to; a limit on what
//! all parked fetches of a broker may bring at once that counts bytes and not shares.

pub mod cluster;
pub mod config;
pub mod controller;
pub mod message;
pub mod metadata;
pub mod mutant;
mod network;
mod node;
mod partition;
pub mod probe;
pub mod replica;
pub mod rules;
mod runtime;
mod store;

pub use config::{Config, ReadProof};
pub use node::{Node, OpenError};
pub use rules::HistoricRules;
