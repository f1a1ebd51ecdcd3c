//! The life of a case: which statuses there are, how protective each is, and what takes a case from one to another.
//!
//! ```text
//! NEW → ACKED → TRIAGED → ACTIVE ⇄ MONITOR → CLOSED       DURESS_HOLD from anywhere
//! ```
//!
//! | from | by a decision to | and it takes |
//! |---|---|---|
//! | ACKED | TRIAGED | a priority, now or before |
//! | ACKED, TRIAGED | DECLINED | a reason and an alternative; for P1 and P2 a second coordinator |
//! | TRIAGED | ACTIVE | a lead |
//! | ACTIVE | MONITOR | |
//! | MONITOR | ACTIVE | |
//! | TRIAGED, ACTIVE, MONITOR | REFERRED, TRANSFERRED | a referral that was accepted |
//! | TRIAGED, ACTIVE, MONITOR | CLOSED | the lead and the defender's all-clear, or a second coordinator |
//! | CLOSED, DECLINED, REFERRED, TRANSFERRED | REOPENED, which is TRIAGED | |
//! | DURESS_HOLD | TRIAGED, ACTIVE | a second coordinator; both say how the defender was reached by another way |
//!
//! Without a decision: NEW becomes ACKED by a coordinator's answer; TRIAGED becomes ACTIVE with its lead; MONITOR becomes
//! ACTIVE, and what has ended TRIAGED, by a new alert, `help` or a missed check-in; anything but DURESS_HOLD becomes
//! WITHDRAWN by the defender's stand-down. PURGED is what retention leaves behind.

use super::judge::Refusal;
use crate::content::vocabulary::CaseStatus;

/// What a decision takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing else.
    Nothing,
    /// A priority, in this decision or before.
    Priority,
    /// A lead.
    Lead,
    /// A second coordinator if the case is P1 or P2.
    SecondIfUrgent,
    /// A referral that was accepted.
    Referral,
    /// The lead with the defender's all-clear, or a second coordinator.
    CloseOrSecond,
    /// A second coordinator, and both know by another way how the defender is.
    Verified,
}

/// Whether a coordinator's decision may take a case from one status to another, and what it takes.
pub fn decide(from: &CaseStatus, to: &CaseStatus) -> Result<Takes, Refusal> {
    use CaseStatus::{
        Acked, Active, Closed, Declined, DuressHold, Monitor, New, Other, Purged, Referred, Reopened, Transferred,
        Triaged, Withdrawn,
    };
    match (from, to) {
        (_, Withdrawn) | (Withdrawn, _) => Err(Refusal::DefendersOwn),
        (New, _) => Err(Refusal::NotAnswered),
        (Acked, Triaged) => Ok(Takes::Priority),
        (Acked | Triaged, Declined) => Ok(Takes::SecondIfUrgent),
        (Triaged, Active) => Ok(Takes::Lead),
        (Active, Monitor) | (Monitor, Active) => Ok(Takes::Nothing),
        (Triaged | Active | Monitor, Referred | Transferred) => Ok(Takes::Referral),
        (Triaged | Active | Monitor, Closed) => Ok(Takes::CloseOrSecond),
        (Closed | Declined | Referred | Transferred, Reopened) => Ok(Takes::Nothing),
        (DuressHold, Triaged | Active) => Ok(Takes::Verified),
        (
            Acked | Triaged | Active | Monitor | Closed | Purged | Declined | Referred | Transferred | Reopened
            | DuressHold | Other(_),
            _,
        ) => Err(Refusal::Transition),
    }
}

/// Whether nobody works on the case any more.
pub fn has_ended(status: &CaseStatus) -> bool {
    is_close(status) || matches!(status, CaseStatus::Withdrawn | CaseStatus::Purged)
}

/// Whether it is a desk's end of a case, which loses to any concurrent event of somebody else.
pub fn is_close(status: &CaseStatus) -> bool {
    matches!(status, CaseStatus::Closed | CaseStatus::Declined | CaseStatus::Referred | CaseStatus::Transferred)
}

/// How protective a status is: of concurrent ones the greatest holds.
pub fn protection(status: &CaseStatus) -> u8 {
    match status {
        CaseStatus::DuressHold => 11,
        // What somebody decided about their own case stands against what others decided meanwhile.
        CaseStatus::Withdrawn => 10,
        CaseStatus::Active => 9,
        CaseStatus::Triaged | CaseStatus::Reopened => 8,
        CaseStatus::Acked => 7,
        CaseStatus::New | CaseStatus::Other(_) => 6,
        CaseStatus::Monitor => 5,
        CaseStatus::Referred => 4,
        CaseStatus::Transferred => 3,
        CaseStatus::Declined => 2,
        CaseStatus::Closed => 1,
        CaseStatus::Purged => 0,
    }
}
