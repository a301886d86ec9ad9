//! Where quorum's rules are put to the test. Node 1 leads first.

use quorum_log::mutant::Mutant;

use super::aim::{Aim, CLOCK_AHEAD, CRASHES, RESENDS};

pub(super) fn aim(mutant: Mutant) -> Aim {
    let at = |broken, faults| Aim::at(crate::simulate::Mutant::Quorum(mutant), broken, faults);
    match mutant {
        Mutant::SkipSync => at("what was written is called stored before it is synced", CRASHES),
        Mutant::SkipVoteSync => at("a vote is given before it is on disk", CRASHES),
        Mutant::RestoreLeader => at("a leader that has restarted goes on in its epoch (H-01)", CRASHES),
        // 3 falls behind, and then hears 2 but not the leader.
        Mutant::GrantEveryPreVote => {
            at("whoever asks whether it would be elected is told so", "0s+9s cut 1>3; 1s+5s split 3")
        }
        // 3 is cut off from the leader alone, begins epoch after epoch, and lacks what the others have.
        Mutant::SkipPreVote => at(
            "nobody asks whether it would be elected before it begins an epoch (R-01, R-02)",
            "1s+8s cut 1>3; 1s+8s cut 3>1",
        ),
        // 3 is down while others give up what it lacks.
        Mutant::SnapshotAtLastApplied => at(
            "who begins anew is told that it has all up to the last applied entry (H-09)",
            "1s+6s power-loss 3; 4s+1s power-loss 1",
        ),
        Mutant::AnswerDuplicateAtOnce => {
            at("a duplicate is answered at once, be it committed or not (H-10)", RESENDS)
        }
        Mutant::CallUnknownRefused => {
            at("what was not committed in time is called not appended (H-11)", CLOCK_AHEAD)
        }
        // The leader is cut off from the other voters, and not from clients.
        Mutant::ReadWithoutProof => at(
            "a linearizable read is answered without asking the voters",
            "2s+4s cut 1>2; 2s+4s cut 2>1; 2s+4s cut 1>3; 2s+4s cut 3>1",
        ),
    }
}
