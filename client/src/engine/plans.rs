//! Check-in plans: what is due, who is missed, and climbing a plan's ladder (docs/protocol.md section 12.7).

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::check_in::{self, Light, Line};
use himaya_protocol::case::{Board, Entry, Role, case_of, deadline};
use himaya_protocol::content::body::{CheckIn, CheckInPlan, Duress, Escalation, LadderStep, StandDown};
use himaya_protocol::content::vocabulary::{CheckInAnswer, EscalationReason, LadderAct, LadderWho, Status};
use himaya_protocol::content::{Body, CaseId, Event, EventId};
use himaya_protocol::wire::card::Fingerprint;
use himaya_protocol::wire::policy;

use super::circles::{self, Circle, CircleState};
use super::error::EngineError;
use super::events::{self, Draft};
use super::lanes::{loaded, stored};
use super::{backup, cases, views};
use crate::store::{Ctx, Seconds};

/// The setting that says when the last sync began that was completed.
const READ_SINCE: &str = "last sync began";

/// A check-in plan as it stands now.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The event that made it.
    pub id: EventId,
    /// The case that a miss or a call for help opens.
    pub case: CaseId,
    /// Where it was made.
    pub circle: Circle,
    /// Whose it is.
    pub author: Fingerprint,
    /// What they are called.
    pub author_name: String,
    /// Whether this profile made it.
    pub own: bool,
    /// Whether it is practice.
    pub exercise: bool,
    /// What it says. The sealed plan in it MUST not be shown to others before [`Self::is_plan_open`].
    pub content: CheckInPlan,
    /// How it stands.
    pub light: Light,
    /// Whether its defender ended it.
    pub ended: bool,
    /// Whether the sealed plan may be shown: to its author always.
    pub is_plan_open: bool,
    /// What its defender answered, by the plan's times.
    pub answers: BTreeMap<u64, (CheckInAnswer, u64)>,
    /// The steps of the ladder that somebody has taken.
    pub told: BTreeSet<u64>,
    /// When anything of its defender last came, in Unix minutes.
    pub heard: Option<u64>,
}

impl Plan {
    /// Whether anything is still expected.
    pub fn is_over(&self) -> bool {
        self.ended || self.light == Light::Over
    }

    /// Since when it is missed, in Unix minutes.
    pub fn missed_since(&self) -> Option<u64> {
        if let Light::Missed { since, .. } = self.light { Some(since) } else { None }
    }
}

/// Makes a plan in a group whose defender this profile is.
pub fn make_plan(
    ctx: &mut Ctx<'_>,
    circle: &Circle,
    plan: CheckInPlan,
    status: Status,
) -> Result<EventId, EngineError> {
    if !protects_me(ctx, circle)? {
        return Err(EngineError::NotDefender);
    }
    let id = events::say(ctx, circle, Body::from(plan), &Draft { status: status.clone(), ..Draft::default() })?;
    // Its case is there before anybody misses anything, and so is what was agreed to for it.
    backup::consent(ctx, circle, &id, &status, true)?;
    Ok(id)
}

/// Ends an own plan.
pub fn end_plan(ctx: &mut Ctx<'_>, plan: &Plan) -> Result<EventId, EngineError> {
    if !plan.own {
        return Err(EngineError::NotAuthor);
    }
    let body = StandDown { refs: [plan.id].into(), reason: None };
    events::say(ctx, &plan.circle, Body::from(body), &draft(plan))
}

/// Answers a time of an own plan; `freely` or under duress, which looks the same on this device.
pub fn check_in(
    ctx: &mut Ctx<'_>,
    plan: &Plan,
    seq: u64,
    answer: CheckInAnswer,
    late: Option<u64>,
    freely: bool,
) -> Result<EventId, EngineError> {
    let said = CheckIn { plan: plan.id, seq, answer, late };
    let body = if freely {
        Body::from(said)
    } else {
        Body::from(Duress { plan: said.plan, seq: said.seq, answer: said.answer, late: said.late })
    };
    events::say(ctx, &plan.circle, body, &draft(plan))
}

fn draft(plan: &Plan) -> Draft {
    let status = if plan.exercise { Status::Exercise } else { Status::Actual };
    Draft { case: Some(plan.case.clone()), status, ..Draft::default() }
}

/// Whether this profile is the one whom a group protects, and in the group.
pub fn protects_me(ctx: &Ctx<'_>, circle: &Circle) -> Result<bool, EngineError> {
    let me = super::identity(ctx)?.fingerprint;
    Ok(circle.state == CircleState::Active && cases::defender_of(ctx, circle) == Some(me))
}

/// Every plan that this client knows, the most pressing first. Those that are over come last.
pub fn plans(ctx: &Ctx<'_>) -> Result<Vec<Plan>, EngineError> {
    let known = ctx.rows("SELECT event, author, seq, answer, late, ended FROM plan", &[], |row| {
        let remembered = (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<String>>(3)?, row.get::<_, i64>(4)?);
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, remembered, row.get::<_, bool>(5)?))
    })?;
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let groups = circles::list(ctx)?;
    let mut board = cases::board(ctx)?;
    let log = views::log(ctx)?;
    let synced = ctx.number(READ_SINCE)?.map(|began| began / 60);
    let mut plans = Vec::new();
    for (id, author, (seq, answer, late), ended) in known {
        let is_it = |entry: &&views::Entry| {
            entry.event.id().as_bytes()[..] == id[..] && entry.author.as_bytes()[..] == author[..]
        };
        let Some(entry) = log.iter().find(is_it) else { continue };
        let Some(circle) = groups.iter().find(|group| Some(&group.id) == entry.circle.as_ref()) else { continue };
        let word = answer.and_then(|word| word.parse().ok());
        let remembered = seq.zip(word).map(|(seq, answer)| (loaded(seq), answer, loaded(late)));
        let heard = log.iter().filter(|said| said.author == entry.author).map(|said| said.received / 60).max();
        if let Some(plan) = read(&mut board, entry, circle, remembered, synced, ctx.now / 60) {
            let is_plan_open = plan.is_plan_open && (plan.own || !ended);
            plans.push(Plan { heard, ended, is_plan_open, ..plan });
        }
    }
    plans.sort_by_key(|plan| (plan.is_over(), urgency(&plan.light), plan.id));
    Ok(plans)
}

fn read(
    board: &mut Board,
    entry: &views::Entry,
    circle: &Circle,
    remembered: Option<(u64, CheckInAnswer, u64)>,
    synced: Option<u64>,
    now: u64,
) -> Option<Plan> {
    let Body::CheckInPlan(content) = entry.event.body() else { return None };
    let (id, case) = (entry.event.id(), case_of(&entry.event)?);
    let reduced = board.case(&case)?;
    let accepted = reduced.order.iter().copied().filter(|id| !reduced.refused.contains_key(id));
    let order: Vec<EventId> = accepted.collect();
    let events: BTreeMap<EventId, &Entry> = board.events(&case).map(|entry| (entry.id(), entry)).collect();
    let in_order: Vec<&Entry> = order.iter().filter_map(|id| events.get(id).copied()).collect();
    let of_author = || in_order.iter().copied().filter(|said| said.author() == entry.author);
    let told = check_in::told(&id, in_order.iter().copied());
    let mut answers = check_in::answers(&id, of_author());
    if let Some((seq, answer, late)) = remembered {
        answers.entry(seq).or_insert((answer, late));
    }
    // A plan that its author may not make is none.
    if !in_order.iter().any(|entry| entry.id() == id) {
        return None;
    }
    // This device knows what its own person has answered; of others only a client that follows the group knows.
    let synced = if entry.own {
        Some(u64::MAX)
    } else {
        synced.filter(|_| circle.state == CircleState::Active && circle.adrift.is_none())
    };
    let light = check_in::light(content, &answers, synced, now);
    Some(Plan {
        id,
        case,
        circle: circle.clone(),
        author: entry.author,
        author_name: entry.author_name.clone(),
        own: entry.own,
        exercise: entry.event.content().status == Status::Exercise,
        is_plan_open: entry.own || check_in::is_plan_open(content, &light),
        content: content.as_ref().clone(),
        light,
        ended: false,
        answers,
        told,
        heard: None,
    })
}

/// What is most pressing stands first.
fn urgency(light: &Light) -> (u8, u64) {
    match light {
        Light::Help => (0, 0),
        Light::Missed { since, .. } => (1, *since),
        Light::Unknown { since } => (2, *since),
        Light::Due { until } => (3, *until),
        Light::Remind { due } => (4, *due),
        Light::Waiting { due } => (5, *due),
        Light::Over => (6, 0),
    }
}

/// The own plan that a check-in of now is about: the one that is due or late, else the one that is due next.
pub fn own_plan(plans: &[Plan]) -> Option<&Plan> {
    plans.iter().find(|plan| plan.own && !plan.is_over() && plan.circle.state == CircleState::Active)
}

/// Whether several lines have fallen silent together, so that it may be the relay that is silent.
pub fn is_relay_suspect(plans: &[Plan]) -> bool {
    let mut lines: BTreeMap<&[u8], Line> = BTreeMap::new();
    for plan in plans.iter().filter(|plan| !plan.own && !plan.is_over()) {
        let line = lines.entry(&plan.circle.id).or_insert(Line { missed_since: None, heard: None });
        line.missed_since = line.missed_since.into_iter().chain(plan.missed_since()).min();
        line.heard = line.heard.max(plan.heard);
    }
    check_in::is_relay_suspect(&lines.into_values().collect::<Vec<_>>())
}

/// Remembers a plan, and what its defender last answered.
pub(super) fn note(ctx: &Ctx<'_>, event: &Event) -> Result<(), EngineError> {
    if let Body::StandDown(down) = event.body() {
        for plan in &down.refs {
            ctx.execute(
                "INSERT INTO plan (event, author, ended) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET ended = 1",
                &[&&plan.as_bytes()[..], &&event.content().author.as_bytes()[..]],
            )?;
        }
        return Ok(());
    }
    let said = if let Body::CheckIn(said) = event.body() {
        Some((said.plan, said.seq, &said.answer, said.late))
    } else if let Body::Duress(said) = event.body() {
        Some((said.plan, said.seq, &said.answer, said.late))
    } else {
        None
    };
    let plan = match (event.body(), &said) {
        (_, Some((plan, ..))) => *plan,
        (Body::CheckInPlan(_), None) => event.id(),
        (_, None) => return Ok(()),
    };
    let author = event.content().author;
    let (event_id, by) = (&&plan.as_bytes()[..], &&author.as_bytes()[..]);
    ctx.execute("INSERT OR IGNORE INTO plan (event, author) VALUES (?1, ?2)", &[event_id, by])?;
    if let Some((_, seq, answer, late)) = said {
        ctx.execute(
            "UPDATE plan SET seq = ?3, answer = ?4, late = ?5 WHERE event = ?1 AND author = ?2 AND coalesce(seq, 0) <= ?3",
            &[event_id, by, &stored(seq), &answer.as_str(), &stored(late.unwrap_or_default())],
        )?;
    }
    Ok(())
}

/// Everything was read that the relay had when this began. Only then is silence a miss.
pub fn note_read_since(ctx: &Ctx<'_>, began: Seconds) -> Result<(), EngineError> {
    Ok(ctx.set_number(READ_SINCE, began)?)
}

/// Takes the steps of other people's ladders that have come and are this client's turn; whether anything was written.
pub fn climb(ctx: &mut Ctx<'_>) -> Result<bool, EngineError> {
    let me = super::identity(ctx)?.fingerprint;
    let mut wrote = false;
    for plan in plans(ctx)?.into_iter().filter(|plan| !plan.own && !plan.is_over()) {
        let Light::Missed { since, .. } = plan.light else { continue };
        for (number, step) in (1..).zip(check_in::steps(&plan.content, &plan.light)) {
            let acts = matches!(step.act, LadderAct::Alert | LadderAct::OpenCase);
            if !acts || plan.told.contains(&number) || !my_turn(ctx, &plan, step, number, since, &me)? {
                continue;
            }
            let body = Escalation { step: number, reason: EscalationReason::MissedCheckIn, about: plan.id };
            events::say(ctx, &plan.circle, Body::from(body), &draft(&plan))?;
            wrote = true;
        }
    }
    Ok(wrote)
}

/// Whether it is this client that takes a step: of those whom it reaches, one after the other until one has spoken.
fn my_turn(
    ctx: &Ctx<'_>,
    plan: &Plan,
    step: &LadderStep,
    number: u64,
    since: u64,
    me: &Fingerprint,
) -> Result<bool, EngineError> {
    let members: Vec<circles::Member> = circles::members(ctx, &plan.circle.id)?;
    let others = members.iter().filter(|member| member.fingerprint != plan.author);
    let reached = |member: &&circles::Member| {
        let role = member.role.unwrap_or(policy::Role::Contact);
        let role = Role::of(role, plan.circle.kind, &Body::Leave);
        match step.who {
            LadderWho::Contacts => role == Role::Contact,
            LadderWho::Desk | LadderWho::Lead => role == Role::Coordinator,
            LadderWho::Everybody | LadderWho::Other(_) => true,
        }
    };
    let mut turns: Vec<Fingerprint> = others.clone().filter(reached).map(|member| member.fingerprint).collect();
    // A step for people who are not here is not lost on those who are.
    if turns.is_empty() {
        turns = others.map(|member| member.fingerprint).collect();
    }
    let jitter = deadline::rank(me, &plan.case, number);
    let Some(wait) = deadline::wait(&turns, me, &plan.case, number, jitter) else { return Ok(false) };
    Ok(ctx.now / 60 >= since.saturating_add(step.after_min).saturating_add(wait))
}

/// The one plan whose id begins so.
pub fn plan(ctx: &Ctx<'_>, text: &str) -> Result<Plan, EngineError> {
    let unknown = || EngineError::Unknown { what: "plan", name: text.to_owned() };
    let prefix: himaya_protocol::content::event::IdPrefix = text.parse().map_err(|_| unknown())?;
    let mut found: Vec<Plan> = plans(ctx)?.into_iter().filter(|plan| prefix.matches(&plan.id)).collect();
    let plan = found.pop().ok_or_else(unknown)?;
    if found.is_empty() { Ok(plan) } else { Err(EngineError::Ambiguous { what: "plans", name: text.to_owned() }) }
}
