//! In which order cases stand: duress, overdue, priority, nearest deadline, oldest.

use himaya_protocol::content::CaseId;
use himaya_protocol::content::vocabulary::Priority;

use super::row::Row;

/// What a case is sorted by; the least stands first. What has ended comes after all else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    ended: bool,
    free: bool,
    in_time: bool,
    priority: Priority,
    due: u64,
    since: u64,
    id: CaseId,
}

/// Where a case belongs.
pub fn rank(row: &Row) -> Rank {
    // One of a newer version counts as the most urgent, as with its deadlines.
    let priority = if row.priority.is_known() { row.priority.clone() } else { Priority::P1 };
    Rank {
        ended: row.ended,
        free: !row.duress(),
        in_time: !row.overdue(),
        priority,
        due: row.due.map_or(u64::MAX, |due| due.due),
        since: row.since,
        id: row.id.clone(),
    }
}

/// The cases in their order.
pub fn sorted<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<CaseId> {
    let mut ranks: Vec<Rank> = rows.into_iter().map(rank).collect();
    ranks.sort();
    ranks.into_iter().map(|rank| rank.id).collect()
}
