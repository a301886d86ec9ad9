//! Where isr's rules are put to the test. Node 1 leads first; 101 to 103 are the controllers.

use isr_log::mutant::Mutant;
use partition::ids::ByteSize;

use super::aim::{Aim, BEHIND, CLOCK_AHEAD, CRASHES, RESENDS};
use crate::simulate::Leasing;

pub(super) fn aim(mutant: Mutant) -> Aim {
    let at = |broken, faults| Aim::at(crate::simulate::Mutant::Isr(mutant), broken, faults);
    match mutant {
        Mutant::TruncateToHighWatermark => {
            at("a follower cuts to its high watermark when an epoch begins (before KIP-101, S-01)", CRASHES)
        }
        // 3 is gone. 1 is cut off with a tail of its own, and 2 leads; 1 returns to the controllers and leads again before it
        // has fetched from 2, which has a tail too.
        Mutant::OneShotLookup => at(
            "a follower cuts once, by the start of the leader's next epoch (KIP-101 before KIP-279, S-03)",
            "1s+9s split 3; 3s+4s cut 1>2; 3s+4s cut 2>1; 3s+2s cut 1>101; 3s+2s cut 101>1; 3s+2s cut 1>102; \
             3s+2s cut 102>1; 3s+2s cut 1>103; 3s+2s cut 103>1; 5500ms+1700ms cut 2>101; 5500ms+1700ms cut 101>2; \
             5500ms+1700ms cut 2>102; 5500ms+1700ms cut 102>2; 5500ms+1700ms cut 2>103; 5500ms+1700ms cut 103>2",
        ),
        // 2 leads with an old high watermark, and 3 catches up batch by batch and slowly.
        Mutant::NoEpochStart => Aim {
            fetch_bytes: ByteSize(1),
            ..at(
                "a follower joins at the high watermark, though the epoch began beyond it (S-06)",
                "1s+3500ms split 3; 2s+2500ms delay 1>2 150ms; 3s+4s split 1; 4500ms+3s delay 3>2 30ms",
            )
        },
        // The leader hears late of what the controllers have decided.
        Mutant::CommitByRecordedSet => at(
            "the high watermark does not wait for who may have joined (S-07)",
            "0s+9s delay 101>1 20ms; 0s+9s delay 102>1 20ms; 0s+9s delay 103>1 20ms; 1s+1s power-loss 3; \
             3s+1s power-loss 2; 5s+1s power-loss 3; 7s+1s power-loss 2",
        ),
        // The leader's proposals come so late that the proposed one has begun another life.
        Mutant::AnyBrokerEpoch => at(
            "controllers take any life of a member for the registered one (S-08)",
            "1s+8s delay 1>101 300ms; 1s+8s delay 1>102 300ms; 1s+8s delay 1>103 300ms; 2s+20ms kill 3; \
             2400ms+20ms kill 3; 2800ms+20ms kill 3; 3200ms+20ms kill 3; 3600ms+20ms kill 3; 4s+20ms kill 3; \
             4500ms+20ms kill 3; 5s+20ms kill 3; 5500ms+20ms kill 3; 6s+20ms kill 3",
        ),
        // 3 has left the set and follows 1 in the first epoch; 1 is cut off and may yet be elected, 2 leads alone. 3 cuts its
        // log to 2's; then 1 leads again, and a fetch arrives that 3 had sent it in the first epoch.
        Mutant::AnyLeaderEpoch => at(
            "a leader counts and serves fetches of other epochs as its own (S-04)",
            "1s+2500ms cut 3>101; 1s+2500ms cut 101>3; 1s+2500ms cut 3>102; 1s+2500ms cut 102>3; \
             1s+2500ms cut 3>103; 1s+2500ms cut 103>3; 2500ms+1800ms cut 1>101; 2500ms+1800ms cut 101>1; \
             2500ms+1800ms cut 1>102; 2500ms+1800ms cut 102>1; 2500ms+1800ms cut 1>103; 2500ms+1800ms cut 103>1; \
             3500ms+2500ms cut 2>101; 3500ms+2500ms cut 101>2; 3500ms+2500ms cut 2>102; 3500ms+2500ms cut 102>2; \
             3500ms+2500ms cut 2>103; 3500ms+2500ms cut 103>2; 2500ms+3500ms cut 1>2; 2500ms+3500ms cut 2>1; \
             2500ms+3500ms delay 3>1 1s; 3500ms+2500ms cut 1001>1; 3500ms+2500ms cut 1002>1; \
             3500ms+2500ms cut 1003>1; 3500ms+2500ms cut 1004>1",
        ),
        // 1 is cut off with a tail of its own, which its disk is slow to store; 2 leads. 1 fetches from 2, and its disk is done
        // before it hears that it has to cut that tail.
        Mutant::ReportWithoutFetch => at(
            "a report counts without a fetch in this epoch that was compared (S-09)",
            "3s+1300ms cut 1>101; 3s+1300ms cut 101>1; 3s+1300ms cut 1>102; 3s+1300ms cut 102>1; \
             3s+1300ms cut 1>103; 3s+1300ms cut 103>1; 3s+1300ms cut 1>2; 3s+1300ms cut 2>1; 3s+1300ms cut 1>3; \
             3s+1300ms cut 3>1; 3s+4s slow-sync 1 400ms; 4s+3s delay 2>1 300ms",
        ),
        Mutant::ElectAnybody => at("whoever comes first and lives is elected, in sync or not (C14)", CRASHES),
        Mutant::CommitWhileShort => at(
            "the high watermark moves while fewer than min-ISR are in sync",
            "1s+4s power-loss 2; 1500ms+4s power-loss 3",
        ),
        Mutant::AcknowledgePlaced => {
            at("committed is answered when the leader has placed the batch, before any fetch", CRASHES).pinned(1, "AckRule")
        }
        Mutant::SkipSync => at("what was written is called stored before it is synced", CRASHES).pinned(1, "AppendPersistedBeforeReply"),
        Mutant::ResumeEpoch => at("a leader that has restarted goes on in its epoch (H-01)", CRASHES),
        // 2 is behind; 3 has what 1 has committed, and loses it.
        Mutant::WipedDiskPasses => at(
            "a wiped disk passes for the one that was there (H-02)",
            "0s+9s delay 1>2 200ms; 3s+100ms wipe 3; 3010ms+3s power-loss 1",
        ),
        // 2 crashes while it is eligible.
        Mutant::CrashLooksClean => at(
            "a crash passes for an end in order (H-03)",
            "1s+6s power-loss 3; 3s+1500ms power-loss 2; 6s+500ms power-loss 2",
        ).pinned(1, "UncleanExclusion"),
        Mutant::AnswerDuplicateAtOnce => {
            at("a duplicate is answered at once, be it committed or not (H-10)", RESENDS).pinned(1, "AckRule")
        }
        Mutant::CallUnknownRefused => {
            at("what was not committed in time is called not appended (H-11)", CLOCK_AHEAD).pinned(1, "aborted-read")
        }
        Mutant::IgnoreOwnDisk => {
            at("the leader's own disk is not waited for (H-12)", "1s+8s slow-sync 1 20ms")
        }
        Mutant::FenceWithoutElection => {
            at("a fence takes nobody out of the in-sync set in the same record (H-13)", CRASHES)
        }
        Mutant::ForgetProposal => at(
            "a proposal of unknown outcome is taken for refused (H-14)",
            "0s+9s delay 101>1 20ms; 0s+9s delay 102>1 20ms; 0s+9s delay 103>1 20ms; 1s+1s power-loss 3; \
             2s lose-reply 1>101; 2s lose-reply 1>102; 2s lose-reply 1>103; 4s+1s power-loss 3; \
             5s lose-reply 1>101; 5s lose-reply 1>102; 5s lose-reply 1>103",
        ),
        // The leader is cut off from all other nodes, and not from clients.
        Mutant::ReadWithoutProof => at(
            "a linearizable read is answered without asking the members (H-16)",
            "2s+4s cut 1>2; 2s+4s cut 2>1; 2s+4s cut 1>3; 2s+4s cut 3>1; 2s+4s cut 1>101; 2s+4s cut 101>1; \
             2s+4s cut 1>102; 2s+4s cut 102>1; 2s+4s cut 1>103; 2s+4s cut 103>1",
        ).pinned(1, "ReadIndexBarrier"),
        // 2 is behind, so 3 is the one that has what is committed when 1 dies; 3 is heard of later than 2.
        Mutant::ElectUnasked => at(
            "by k of the ISR, the first that is alive is elected, and nobody is asked what he has (H-17)",
            BEHIND,
        ),
        Mutant::AskTooFew => at(
            "by k of the ISR, one member too few is asked what it has before one is elected (H-17)",
            BEHIND,
        ),
        // What 1 and 3 have committed 2 lacks for a moment; then 3 loses its disk and is slow to catch up, and 1 wants to go on
        // with 2.
        Mutant::ShrinkUnheld => Aim {
            fetch_bytes: ByteSize(1),
            ..at(
                "by k of the ISR, the set shrinks before k who stay have what is committed (H-17)",
                "2s+950ms cut 1>2; 2100ms+3s delay 1>3 100ms; 2300ms+20ms wipe 3",
            ).pinned(1, "CommittedOnEnough")
        },
        Mutant::CommitOlderEpochs => at(
            "by k of the ISR, records of older epochs are committed by counting copies (Figure 8, H-17)",
            CRASHES,
        ).pinned(1, "CommitOnlyOwnTerm"),
        // 1 is heard no more just after a heartbeat whose answer takes nearly a second; of its deposition it hears as late.
        // Producers find the next leader, readers do not.
        Mutant::LeaseFromArrival => Aim {
            leasing: Leasing::Long,
            ..at(
                "a lease runs from the moment at which its grant has arrived (H-16)",
                "2s+8s delay 101>1 900ms; 2s+8s delay 102>1 900ms; 2s+8s delay 103>1 900ms; 2250ms+7s cut 1>101; \
                 2250ms+7s cut 1>102; 2250ms+7s cut 1>103; 3800ms+5s cut 1001>1; 3900ms+5s cut 1002>1; 4s+5s cut 1003>1; \
                 4100ms+5s cut 1004>1",
            ).pinned(1, "ReadIndexBarrier")
        },
        // 1 and the controller that was in office are cut off together. The others elect a leader, who is the next one's.
        Mutant::GrantWithoutBarrier => Aim {
            leasing: Leasing::Long,
            ..at(
                "a controller grants leases without a barrier (H-16)",
                "2s+8s cut 101>102; 2s+8s cut 102>101; 2s+8s cut 101>103; 2s+8s cut 103>101; 2s+8s cut 101>2; \
                 2s+8s cut 2>101; 2s+8s cut 101>3; 2s+8s cut 3>101; 2s+8s cut 1>102; 2s+8s cut 102>1; 2s+8s cut 1>103; \
                 2s+8s cut 103>1; 4s+6s cut 1001>1; 4s+6s cut 1002>1; 4s+6s cut 1003>1; 4s+6s cut 1004>1",
            ).pinned(1, "ReadIndexBarrier")
        },
        // 2 leads for a while, and is cut off with its lease when 101 loses its power: the next controller lets 1 lead again.
        Mutant::DeposeAtOnce => Aim {
            leasing: Leasing::Long,
            ..at(
                "a new controller does not wait until the leases of its predecessor have ended (H-16)",
                "2s+100ms kill 1; 3200ms+6s power-loss 101; 3200ms+6s cut 2>102; 3200ms+6s cut 102>2; \
                 3200ms+6s cut 2>103; 3200ms+6s cut 103>2; 3500ms+5s cut 1001>2; 3500ms+5s cut 1002>2; \
                 3500ms+5s cut 1003>2; 3500ms+5s cut 1004>2",
            ).pinned(1, "ReadIndexBarrier")
        },
        // 3 has left and lacks most. 1 and 2 end uncleanly at the same time, and 3 is the first that can answer.
        Mutant::CompareAnybody => at(
            "where logs are compared, any replica is asked, and the first that answers is elected (S-11)",
            "1s+3050ms kill 3; 4s+400ms kill 2; 4s+450ms kill 1",
        ),
        Mutant::CompleteAtOnce => at(
            "a reassignment is complete at once, and its newcomers count as in sync (S-09)",
            "3s reassign 1,2,4; 5s reassign 5,4,1",
        ).pinned(1, "ReplicationQuorumSuperset"),
        Mutant::ReportUnsynced => at(
            "a follower reports what it has written before its disk has it (H-12)",
            "1s+8s slow-sync 2 20ms",
        ),
        // 101 is deposed and hears again of the others; then its successor dies, and the leader is cut off with its lease. 101
        // has not heard of anybody for a session.
        Mutant::ResumeOffice => Aim {
            leasing: Leasing::Long,
            ..at(
                "a deposed controller goes on in its epoch, and what it writes counts (H-13)",
                "500ms+2500ms split 101; 500ms+9s cut 1>101; 500ms+9s cut 101>1; 5500ms+4s power-loss 102; \
                 5500ms+4s cut 1>103; 5500ms+4s cut 103>1; 6s+4s cut 1001>1; 6s+4s cut 1002>1; 6s+4s cut 1003>1; \
                 6s+4s cut 1004>1",
            ).pinned(2, "ReadIndexBarrier")
        },
        Mutant::ForgetRecords => at(
            "metadata is given up without a snapshot, and whoever begins later begins with nothing (H-15)",
            "2s+1s power-loss 103; 5s+500ms kill 3",
        ).pinned(1, "MetadataLogMatching"),
        // 1 is cut off from the controllers alone. 2 is slow to say what it has, and hears no more of 1; 3 does.
        Mutant::FollowWhilePolled => at(
            "by k of the ISR, a member says what it has and goes on following its old leader (H-17)",
            "0s+9s delay 2>101 400ms; 0s+9s delay 2>102 400ms; 0s+9s delay 2>103 400ms; 2s+5s cut 1>101; \
             2s+5s cut 101>1; 2s+5s cut 1>102; 2s+5s cut 102>1; 2s+5s cut 1>103; 2s+5s cut 103>1; 3150ms+4s cut 1>2",
        ),
        // 2 has not heard of the last commits when 1 dies; when it leads, what 3 has is slow to come, and its lease is not.
        Mutant::ShowOldMark => Aim {
            leasing: Leasing::Long,
            ..at(
                "a new leader shows what it takes for committed before it knows how much is (S-15)",
                "0s+9s delay 1>2 40ms; 2s+8s power-loss 1; 2s+8s delay 3>2 250ms",
            ).pinned(1, "ReadIndexBarrier")
        },
    }
}
