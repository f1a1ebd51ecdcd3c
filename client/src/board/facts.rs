//! What this client knows beside the cases themselves.

use std::collections::BTreeMap;

use himaya_protocol::case::check_in::{Light, answers, is_plan_open, light};
use himaya_protocol::case::{Board, Entry};
use himaya_protocol::content::{Body, CaseId};
use himaya_protocol::wire::card::Fingerprint;

/// What this client knows beside the cases themselves.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Whose board it is.
    pub me: Option<Fingerprint>,
    /// What people call themselves.
    pub names: BTreeMap<Fingerprint, String>,
    /// When everything was last read, in Unix minutes.
    pub synced: Option<u64>,
    /// Who is on shift now.
    pub shift: Vec<Fingerprint>,
    /// Who is asked when nobody on the desk has answered.
    pub duty_leads: Vec<Fingerprint>,
    /// How many places are free.
    pub free: u64,
}

impl Facts {
    /// What somebody is called; the beginning of the fingerprint for whoever has no name here. Not cleaned.
    pub fn name(&self, who: &Fingerprint) -> String {
        let digits = || data_encoding::HEXLOWER.encode(who.as_bytes()).chars().take(8).collect();
        self.names.get(who).cloned().unwrap_or_else(digits)
    }

    /// Whether this profile is on shift, or nobody is.
    pub fn is_on_shift(&self) -> bool {
        self.shift.is_empty() || self.shift.iter().any(|who| self.is_me(who))
    }

    /// Whether this profile is a duty lead.
    pub fn is_duty_lead(&self) -> bool {
        self.duty_leads.iter().any(|who| self.is_me(who))
    }

    /// Whether it is this profile.
    pub fn is_me(&self, who: &Fingerprint) -> bool {
        self.me.as_ref() == Some(who)
    }
}

/// The check-in light of every defender who has a plan: the worst of theirs.
pub fn lights(board: &Board, cases: &[CaseId], synced: Option<u64>, now: u64) -> BTreeMap<Fingerprint, Light> {
    let mut lights: BTreeMap<Fingerprint, Light> = BTreeMap::new();
    for case in cases {
        for entry in board.events(case) {
            let Body::CheckInPlan(plan) = entry.body() else { continue };
            let answers = answers(&entry.id(), in_order(board, case));
            let found = light(plan, &answers, synced, now);
            let worst = lights.entry(entry.author()).or_insert_with(|| found.clone());
            if weight(&found) > weight(worst) {
                *worst = found;
            }
        }
    }
    lights
}

/// What a check-in plan keeps sealed, once it may be shown.
pub(super) fn opened<'a>(
    board: &Board,
    case: &CaseId,
    entry: &'a Entry,
    synced: Option<u64>,
    now: u64,
) -> Option<&'a str> {
    let Body::CheckInPlan(plan) = entry.body() else { return None };
    let light = light(plan, &answers(&entry.id(), in_order(board, case)), synced, now);
    plan.sealed_plan.as_ref().filter(|_| is_plan_open(plan, &light)).map(|text| text.raw())
}

/// The events of a case by their Lamport times: close enough for the last word about each check-in of one author.
fn in_order<'a>(board: &'a Board, case: &CaseId) -> Vec<&'a Entry> {
    let mut entries: Vec<&Entry> = board.events(case).collect();
    entries.sort_by_key(|entry| (entry.event.content().lamport, entry.id()));
    entries
}

/// How much a light asks for attention.
pub(super) fn weight(light: &Light) -> u8 {
    match light {
        Light::Over => 0,
        Light::Waiting { .. } => 1,
        Light::Remind { .. } => 2,
        Light::Due { .. } => 3,
        Light::Unknown { .. } => 4,
        Light::Missed { .. } => 5,
        Light::Help => 6,
    }
}
