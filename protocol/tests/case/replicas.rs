//! Invariant I10: replicas that have the same events have the same case, in whatever order they came.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::dag::Dag;
use himaya_protocol::case::{Board, Case, Entry, Group, Role, reduce};
use himaya_protocol::content::body::{
    Consent, Escalation, Evidence, Notice, ShelterRequest, Snapshot, ThreatAlert, Triage, Verification,
};
use himaya_protocol::content::value::NoticeText;
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, ConsentAct, EscalationReason, NeededBy, Part, Priority, ReferralState, Status,
};
use himaya_protocol::content::{Body, EventId};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::story::*;

const PEOPLE: [Who; 7] = [DEFENDER, CONTACT, DILAN, AMINA, NINO, HOST, ADMIN];

/// One step of a history: who writes what about which earlier event, and who hears of what before.
#[derive(Debug, Clone)]
struct Step {
    who: usize,
    what: usize,
    about: prop::sample::Index,
    hears: u8,
    choice: usize,
    sensible: bool,
}

/// A history: where the case stood when all had seen everything, and what happened since.
#[derive(Debug, Clone)]
struct Plot {
    from: CaseStatus,
    steps: Vec<Step>,
}

fn plots() -> impl Strategy<Value = Plot> {
    let step = (0..PEOPLE.len(), 0..26usize, any::<prop::sample::Index>(), any::<u8>(), 0..64usize, 0..4u8);
    let step = step.prop_map(|(who, what, about, hears, choice, sense)| Step {
        who,
        what,
        about,
        hears,
        choice,
        sensible: sense > 0,
    });
    let from = prop::sample::select(CaseStatus::ALL.to_vec());
    (from, prop::collection::vec(step, 1..24)).prop_map(|(from, steps)| Plot { from, steps })
}

/// People write; each has seen what they wrote and what the steps let them hear of. Three in four times they do what makes
/// sense from what they have seen.
fn history(plot: &Plot) -> Vec<Entry> {
    let mut story = Story::at(&plot.from);
    let all: BTreeSet<EventId> = story.entries.iter().map(Entry::id).collect();
    let mut seen = vec![all; PEOPLE.len()];
    for step in &plot.steps {
        for other in 0..PEOPLE.len() {
            if step.hears >> other & 1 == 1 {
                let heard = seen[other].clone();
                seen[step.who].extend(heard);
            }
        }
        let known: Vec<EventId> = seen[step.who].iter().copied().collect();
        let about = known[step.about.index(known.len())];
        let who = PEOPLE[step.who];
        let view: Vec<Entry> = story.entries.iter().filter(|entry| known.contains(&entry.id())).cloned().collect();
        let sense = sensible(&reduce(&view), who, step.choice).filter(|_| step.sensible);
        let (who, (body, around)) = match sense {
            Some(body) => (who, (body, Around::default())),
            None => {
                let groups = [who.group, Group::Case, Group::Desk, Group::Line, Group::Bridge, Group::Circle];
                let who = who.on(groups[step.choice % groups.len()]);
                (who, body(step, who, about, &story))
            }
        };
        let heads = heads(&story, &seen[step.who]);
        let id = story.say_having_seen(who, &heads, body, &around);
        seen[step.who].insert(id);
    }
    story.entries
}

/// What somebody does who sees a case like this; `None` when there is nothing to do.
fn sensible(case: &Case, who: Who, choice: usize) -> Option<Body> {
    let opened = case.opened_by?;
    let last_cry = case.order.iter().rev().find(|id| !case.refused.contains_key(id)).copied().unwrap_or(opened);
    if who.role == Role::Defender {
        let cries: [fn(EventId) -> Body; 6] = [
            |_| ThreatAlert::default().into(),
            |_| help().into(),
            |id| all_clear(id).into(),
            |id| all_clear(id).into(),
            |id| stand_down(id).into(),
            |_| consent(ConsentAct::Withdraw).into(),
        ];
        return Some(cries[choice % cries.len()](if choice.is_multiple_of(2) { opened } else { last_cry }));
    }
    if who.role != Role::Coordinator {
        return None;
    }
    if let Some((first, status)) = case.waiting.iter().next()
        && choice.is_multiple_of(2)
    {
        return Some(Triage { confirms: Some(*first), ..verified(status.clone()) }.into());
    }
    let decisions: &[CaseStatus] = match case.status.as_ref()? {
        CaseStatus::New => return Some(ack(opened, AckLevel::Human).into()),
        CaseStatus::Acked => &[CaseStatus::Triaged, CaseStatus::Declined],
        CaseStatus::Triaged if case.lead.is_none() => return Some(assignment(who, Part::Lead, Act::Take).into()),
        CaseStatus::Triaged => &[CaseStatus::Active, CaseStatus::Closed],
        CaseStatus::Active if case.lead.is_none() => return Some(assignment(who, Part::Lead, Act::Take).into()),
        CaseStatus::Active if case.lead == Some(who.id()) && choice.is_multiple_of(5) => {
            return Some(assignment(AMINA, Part::Lead, Act::ShiftHandover).into());
        }
        CaseStatus::Active => &[CaseStatus::Monitor, CaseStatus::Closed, CaseStatus::Closed],
        CaseStatus::Monitor => &[CaseStatus::Active, CaseStatus::Closed],
        CaseStatus::DuressHold => &[CaseStatus::Active, CaseStatus::Triaged],
        CaseStatus::Closed | CaseStatus::Declined | CaseStatus::Referred | CaseStatus::Transferred => {
            &[CaseStatus::Reopened]
        }
        CaseStatus::Withdrawn | CaseStatus::Purged | CaseStatus::Reopened | CaseStatus::Other(_) => return None,
    };
    let priority = Some(Priority::ALL[choice % 4].clone());
    Some(Triage { priority, ..verified(decisions[choice % decisions.len()].clone()) }.into())
}

fn heads(story: &Story, seen: &BTreeSet<EventId>) -> BTreeSet<EventId> {
    let entries: Vec<_> = story.entries.iter().filter(|entry| seen.contains(&entry.id())).collect();
    let named: BTreeSet<_> = entries.iter().flat_map(|entry| entry.event.content().prev.iter().copied()).collect();
    // At most eight are named; so with nine people at once a gap in knowledge is possible, and allowed.
    entries.iter().map(|entry| entry.id()).filter(|id| !named.contains(id)).collect()
}

fn body(step: &Step, who: Who, about: EventId, story: &Story) -> (Body, Around) {
    let status = CaseStatus::ALL[step.choice % CaseStatus::ALL.len()].clone();
    let writable = !matches!(status, CaseStatus::New | CaseStatus::Purged | CaseStatus::DuressHold);
    let status = if writable { status } else { CaseStatus::Closed };
    let priority = Priority::ALL[step.choice % 4].clone();
    let part = Part::ALL[step.choice % 2].clone();
    let act = Act::ALL[step.choice % 5].clone();
    let member = PEOPLE[step.choice % PEOPLE.len()];
    let plain = Around::default();
    let own = story.entries.iter().find(|entry| entry.author() == who.id()).map(Entry::id);
    let replacing = Around { replaces: own.filter(|_| step.choice.is_multiple_of(3)), ..Around::default() };
    let text = || Notice { text: NoticeText::new("words").expect("a text") };
    let missed = EscalationReason::ALL[step.choice % 4].clone();
    match step.what {
        0 | 1 => (ThreatAlert::default().into(), plain),
        2 => (ThreatAlert::default().into(), replacing),
        3 | 4 => (ack(about, AckLevel::ALL[step.choice % 3].clone()).into(), plain),
        5 => (all_clear(about).into(), plain),
        6 => (stand_down(about).into(), plain),
        7 => (stand_down(about).into(), Around { replaces: Some(about), ..Around::default() }),
        8 | 9 => (Triage { priority: Some(priority), ..verified(status) }.into(), plain),
        10 | 11 => (Triage { confirms: Some(about), priority: Some(priority), ..verified(status) }.into(), plain),
        12 => (Triage { priority: Some(priority), ..Triage::new(note("because")) }.into(), plain),
        13..=15 => (assignment(who, part, act).into(), plain),
        16 => (assignment(member, part, act).into(), plain),
        17 => (consent(ConsentAct::Grant).into(), in_minutes(600)),
        18 => (Consent { withdraws: Some(about), ..consent(ConsentAct::Withdraw) }.into(), plain),
        19 => (consent(ConsentAct::Withdraw).into(), plain),
        20 => {
            let states = [ReferralState::InProgress, ReferralState::Accepted, ReferralState::Revoked];
            let state = states[step.choice % 3].clone();
            let answers = (state != ReferralState::InProgress).then_some(about);
            (referral(about, state, answers).into(), plain)
        }
        21 if step.choice.is_multiple_of(4) => (duress().into(), plain),
        21 => (help().into(), plain),
        22 => (
            text().into(),
            if step.choice.is_multiple_of(2) { replacing } else { in_minutes(60 + u64::from(who.number)) },
        ),
        23 => (Escalation { step: 1, reason: missed, about }.into(), plain),
        24 if step.choice.is_multiple_of(2) => (ShelterRequest::new(NeededBy::Week, about).into(), plain),
        24 => (Verification::new(about).into(), plain),
        _ if step.choice.is_multiple_of(2) => (snapshot(story, status), plain),
        _ => (evidence(about), Around { status: Some(Status::Exercise), ..plain }),
    }
}

fn snapshot(story: &Story, status: CaseStatus) -> Body {
    let heads = story.entries.iter().map(Entry::id).take(2).collect();
    let (lead, defender) = (Some(DILAN.id()), Some(DEFENDER.id()));
    let words = (None, None, None, None, None, None);
    let (kind, urgency, severity, certainty, place, summary) = words;
    let backups = BTreeSet::new();
    let snapshot = Snapshot {
        heads,
        status,
        priority: Some(Priority::P2),
        lead,
        backups,
        defender,
        opened: None,
        kind,
        urgency,
        severity,
        certainty,
        place,
        summary,
    };
    snapshot.into()
}

fn evidence(about: EventId) -> Body {
    let (commitment, shared_sha256) = ([1; 32], [2; 32]);
    let (derivations, custody) = (Vec::new(), Vec::new());
    let evidence = Evidence {
        commitment,
        shared_sha256,
        stripped: true,
        mime: None,
        size: None,
        captured: None,
        derivations,
        custody,
        consent: Some(about),
    };
    evidence.into()
}

/// One order of delivery: a place for each, and how many come twice.
fn delivered(entries: &[Entry], keys: &[u32]) -> Vec<Entry> {
    let mut order: Vec<_> = entries.iter().zip(keys).map(|(entry, key)| (*key, entry.clone())).collect();
    let repeats: Vec<_> =
        order.iter().filter(|(key, _)| key % 3 == 0).map(|(key, e)| (key.rotate_left(7), e.clone())).collect();
    order.extend(repeats);
    order.sort_by_key(|(key, entry)| (*key, entry.id()));
    order.into_iter().map(|(_, entry)| entry).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    /// I10: the same events in another order, with repeats, at other times, at once or one by one, are the same case.
    #[test]
    fn replicas_of_a_case_reduce_alike(
        plot in plots(), keys in prop::collection::vec(any::<u32>(), 64), late in prop::collection::vec(0u64..5_000, 64),
    ) {
        let entries = history(&plot);
        let here = reduce(&entries);
        let mut there = delivered(&entries, &keys);
        for (entry, late) in there.iter_mut().zip(late) {
            entry.received += late;
        }
        prop_assert_eq!(&reduce(&there), &here);
        let mut board = Board::new();
        let mut case = None;
        for (count, entry) in there.iter().enumerate() {
            case = board.add(entry.clone()).or(case);
            let id = case.clone().expect("every event of the history is of the case");
            let so_far = board.case(&id).expect("something was added").clone();
            prop_assert_eq!(so_far, reduce(&there[..=count]), "one by one is as all at once");
        }
        let id = case.expect("there is an event");
        prop_assert_eq!(board.case(&id), Some(&here));
    }

    /// What an author had seen decides whether an event holds; nothing that arrives later changes that.
    #[test]
    fn a_judgement_never_changes(plot in plots()) {
        let entries = history(&plot);
        let whole = reduce(&entries);
        let dag = Dag::new(&entries);
        for entry in &entries {
            let seen: Vec<Entry> = entries
                .iter()
                .filter(|other| other.id() == entry.id() || dag.precedes(&other.id(), &entry.id()))
                .cloned()
                .collect();
            let then = reduce(&seen);
            prop_assert_eq!(then.refused.get(&entry.id()), whole.refused.get(&entry.id()));
        }
    }

    /// Whatever happens, these hold of every case.
    #[test]
    fn what_holds_of_every_case(plot in plots()) {
        let entries = history(&plot);
        let case = reduce(&entries);
        let by: BTreeMap<_, _> = entries.iter().map(|entry| (entry.id(), entry)).collect();
        let dag = Dag::new(&entries);
        prop_assert_eq!(case.order.len(), by.len());
        prop_assert!(case.gaps.is_empty(), "everything is here");
        prop_assert!(!case.lead.is_some_and(|lead| case.backups.contains(&lead)));
        prop_assert!(case.to_be_told.iter().all(|who| case.backups.contains(who)));
        // A lead is a coordinator who took the case, or was handed it by one.
        let coordinators = [DILAN.id(), AMINA.id(), NINO.id()];
        let handed = entries.iter().any(|entry| matches!(entry.body(), Body::Assignment(part) if part.act == Act::ShiftHandover));
        prop_assert!(handed || case.lead.is_none_or(|lead| coordinators.contains(&lead)));
        // Events stand after all that their authors had seen.
        for (at, id) in case.order.iter().enumerate() {
            prop_assert!(case.order[..at].iter().all(|before| !dag.precedes(id, before)));
        }
        // Nobody is left alone: an end has nothing beside it that somebody else cried meanwhile.
        if matches!(case.status, Some(CaseStatus::Closed | CaseStatus::Declined)) {
            let last = case.order.iter().rev().map(|id| by[id]).find(|entry| {
                matches!(entry.body(), Body::ThreatAlert(_)) && !case.refused.contains_key(&entry.id())
            });
            let last = last.map(Entry::id).expect("an alert opened it");
            let ended = entries.iter().filter(|entry| matches!(entry.body(), Body::Triage(_) | Body::StandDown(_)));
            prop_assert!(ended.clone().any(|end| dag.precedes(&last, &end.id())), "somebody who had seen the last alert ended it");
        }
        // A consent that stands was not withdrawn by anybody who did not come before it.
        for id in case.consents.keys() {
            let withdrawn = entries.iter().filter(|entry| {
                let ends = matches!(entry.body(), Body::Consent(c) if c.act == ConsentAct::Withdraw && c.withdraws.is_none());
                ends && !case.refused.contains_key(&entry.id())
            });
            prop_assert!(withdrawn.clone().all(|entry| dag.precedes(&entry.id(), id)));
        }
    }
}

#[test]
fn what_is_missing_is_counted_by_who_has_seen_it() {
    let story = Story::at(&CaseStatus::Active);
    let missing = story.entries[2].id();
    let mut entries = story.entries.clone();
    entries.remove(2);
    let gaps = reduce(&entries).gaps;
    assert_eq!(gaps, BTreeMap::from([(missing, BTreeSet::from([story.entries[3].author()]))]));
}

/// Newcomers have a snapshot and what came after; those who have everything take no notice of it.
#[test]
fn a_snapshot_stands_for_what_newcomers_do_not_have() {
    let mut story = Story::at(&CaseStatus::Active);
    let heads = story.heads();
    let Body::Snapshot(template) = snapshot(&story, CaseStatus::Monitor) else { panic!("a snapshot") };
    let at = story.entries.len();
    story.say(DILAN, Snapshot { heads, ..*template });
    story.say(DILAN, Triage { priority: Some(Priority::P3), ..Triage::new(note("because")) });
    let (all, newcomer) = (story.reduced(), reduce(&story.entries[at..]));
    assert_eq!(all.status, Some(CaseStatus::Active), "history is better than a summary");
    assert_eq!(newcomer.status, Some(CaseStatus::Monitor));
    assert_eq!((newcomer.lead, newcomer.defender), (Some(DILAN.id()), Some(DEFENDER.id())));
    assert!(newcomer.gaps.is_empty(), "nothing is missing that it was not told of");
    story.say(DEFENDER, ThreatAlert::default());
    assert_eq!(reduce(&story.entries[at..]).status, Some(CaseStatus::Active), "and goes on from there");
}

/// The random histories are not all alike: they reach what the properties are about.
#[test]
fn random_histories_go_far() {
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeMap<CaseStatus, usize> = BTreeMap::new();
    let (mut lost, mut told, mut waiting, mut reopened) = (0, 0, 0, 0);
    for _ in 0..400 {
        let plot = plots().new_tree(&mut runner).expect("a plot").current();
        let entries = history(&plot);
        let case = reduce(&entries);
        let dag = Dag::new(&entries);
        let closes = entries.iter().filter(|entry| {
            let close = matches!(entry.body(), Body::Triage(triage) if triage.status == Some(CaseStatus::Closed));
            close && !case.refused.contains_key(&entry.id()) && !case.waiting.contains_key(&entry.id())
        });
        let meanwhile = |close: &Entry| entries.iter().any(|entry| dag.concurrent(&entry.id(), &close.id()));
        lost += closes.filter(|close| meanwhile(close)).count();
        *reached.entry(case.status.expect("an alert opened it")).or_default() += 1;
        told += case.to_be_told.len();
        waiting += case.waiting.len();
        reopened += case.reopened;
    }
    let far =
        [CaseStatus::Triaged, CaseStatus::Active, CaseStatus::Monitor, CaseStatus::Closed, CaseStatus::DuressHold];
    for status in far.iter().chain([&CaseStatus::New, &CaseStatus::Acked, &CaseStatus::Withdrawn]) {
        assert!(reached.get(status).is_some_and(|count| *count > 3), "{status}: {reached:?}");
    }
    assert!(lost > 50 && told > 10 && waiting > 50 && reopened > 50, "{lost} {told} {waiting} {reopened}");
}
