//! Which case stands where, and what does not move it.

use std::collections::BTreeMap;

use himaya_protocol::content::CaseId;

use super::*;
use crate::board::Key;
use crate::board::filter::Filter;
use crate::board::row::Row;
use crate::board::sort::rank;
use crate::board::told::{Told, Watch};

fn shown(model: &Model) -> Vec<CaseId> {
    model.shown().to_vec()
}

#[test]
fn duress_then_overdue_then_priority_then_deadline_then_age() {
    let stories = desk();
    let model = model(&stories.iter().collect::<Vec<_>>());
    let [late, duress, led, drill, shelter, mine, ended] = &stories[..] else { panic!("seven") };
    // The arrest and the drill are P1 and overdue; the arrest's deadline came first.
    let expected = [duress, late, drill, led, shelter, mine].map(Story::id);
    assert_eq!(shown(&model), expected);
    assert!(model.rows()[&ended.id()].ended, "it is there, but not shown");
}

#[test]
fn each_part_of_the_order_decides_only_where_those_before_it_are_equal() {
    let stories = desk();
    let model = model(&stories.iter().collect::<Vec<_>>());
    let base = Row { priority: Priority::P2, ..model.rows()[&stories[4].id()].clone() };
    let due = base.due.expect("nobody has answered");
    let overdue = Row { due: Some(super::super::row::Countdown { overdue: true, ..due }), ..base.clone() };
    let held = Row { status: CaseStatus::DuressHold, priority: Priority::P4, ..base.clone() };
    let urgent = Row { priority: Priority::P1, ..base.clone() };
    let sooner = Row { due: Some(super::super::row::Countdown { due: due.due - 1, ..due }), ..base.clone() };
    let older = Row { since: base.since - 1, ..base.clone() };
    let ended = Row { ended: true, status: CaseStatus::DuressHold, ..base.clone() };
    let order = [&held, &overdue, &urgent, &sooner, &older, &base, &ended];
    assert!(order.is_sorted_by(|a, b| rank(a) < rank(b)));
    let newer = Row { priority: "P9".parse().unwrap_or(Priority::P1), ..base.clone() };
    assert!(rank(&newer) < rank(&base), "what is not known counts as the most urgent");
}

#[test]
fn nothing_moves_until_somebody_says_so() {
    let stories = desk();
    let texts = texts();
    let mut model = model(&stories.iter().skip(2).collect::<Vec<_>>());
    let before = shown(&model);
    let selected = model.selected().cloned();
    model.load(board(&stories), facts(), (START + 61) * 60, &texts);
    assert_eq!(shown(&model), before, "what is new waits");
    let banner = model.banner();
    assert_eq!((banner.new, banner.urgent), (2, 2));
    model.key(Key::Enter, 0, &texts, &mut Everywhere);
    assert_eq!(shown(&model), before, "opening never reorders");
    model.key(Key::Char(' '), (START + 61) * 60, &texts, &mut Everywhere);
    assert_eq!(shown(&model).len(), before.len() + 2);
    assert_eq!(model.banner().new, 0);
    assert_eq!(model.selected().cloned(), selected, "whoever looks at a case goes on looking at it");
}

#[test]
fn time_alone_reorders_only_on_request() {
    let (soon, _) = Story::alert(START, Kind::Threat, Urgency::Expected, Severity::Moderate);
    let (later, _) = Story::alert(START + 30, Kind::Threat, Urgency::Expected, Severity::Severe);
    let texts = texts();
    let mut model = model(&[&soon, &later]);
    assert_eq!(shown(&model), [later.id(), soon.id()], "P2 before P3");
    // P3 is overdue after three hours; P2 has been answered by then.
    let mut answered = Story { entries: later.entries.clone(), id: later.id.clone(), ..Story::new(later.minute) };
    let event = answered.entries[0].id();
    answered.say(AMINA, 1, ack(event));
    let now = (START + 181) * 60;
    model.load(board([&soon, &answered]), facts(), now, &texts);
    assert_eq!(shown(&model), [later.id(), soon.id()]);
    assert!(model.banner().reordered);
    model.let_in(&texts);
    assert_eq!(shown(&model), [soon.id(), later.id()]);
}

#[test]
fn a_filter_takes_words_of_people_and_of_the_wire() {
    let stories = desk();
    let texts = texts();
    let model = model(&stories.iter().collect::<Vec<_>>());
    let taken = |typed: &str| {
        let filter = Filter::new(typed);
        let taken = model.rows().values().filter(|row| filter.takes(row, &texts));
        taken.map(|row| row.id.clone()).collect::<BTreeSet<_>>()
    };
    let ids = |at: &[usize]| at.iter().map(|at| stories[*at].id()).collect::<BTreeSet<_>>();
    assert_eq!(taken(""), ids(&[0, 1, 2, 3, 4, 5]));
    assert_eq!(taken("all"), ids(&[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(taken("all declined"), ids(&[6]));
    assert_eq!(taken("DECLINED"), ids(&[]));
    assert_eq!(taken("iq-ar"), ids(&[3]));
    assert_eq!(taken("p2 raid"), ids(&[2]));
    assert_eq!(taken("exercise"), ids(&[3]));
    assert_eq!(taken("سارا"), ids(&[2]), "the lead's name, cleaned");
    assert_eq!(taken("shelter"), ids(&[4]));
    assert_eq!(taken(&data_encoding::HEXLOWER.encode(stories[5].id().as_bytes())[..6]), ids(&[5]));
}

#[test]
fn a_hook_is_told_of_what_is_new_and_of_nothing_twice() {
    let stories = desk();
    let texts = texts();
    let mut watch = Watch::default();
    let mut model = model(&[&stories[2]]);
    assert_eq!(watch.look(model.rows(), model.facts()), [], "what was there before is on the screen");
    model.load(board(&stories), facts(), (START + 60) * 60, &texts);
    let mut told = watch.look(model.rows(), model.facts());
    told.sort();
    let mut expected = vec![
        (Told::Urgent, stories[0].id()),
        (Told::Urgent, stories[1].id()),
        (Told::Escalation, stories[0].id()),
        (Told::Escalation, stories[1].id()),
    ];
    expected.sort();
    assert_eq!(told, expected, "practice is not told");
    assert_eq!(watch.look(model.rows(), model.facts()), []);
    // The second step of the arrest's ladder comes at 12:00 + 0:30 + 0:45.
    model.tick((START + 75) * 60, &texts, &mut Everywhere);
    assert!(watch.look(model.rows(), model.facts()).contains(&(Told::Escalation, stories[0].id())));
}

#[test]
fn a_hook_is_told_again_when_the_clocks_of_a_case_begin_anew() {
    let (mut story, alert) = Story::alert(START, Kind::Arrest, Urgency::Immediate, Severity::Extreme);
    let mut watch = Watch::default();
    watch.look(&BTreeMap::new(), &facts());
    let mut model = Model::new(&[]);
    let mut told = |story: &Story, minute: u64| {
        model.load(board([story]), facts(), (START + minute) * 60, &texts());
        watch.look(model.rows(), model.facts()).into_iter().map(|(told, _)| told).collect::<Vec<_>>()
    };
    assert_eq!(told(&story, 1), [Told::Urgent]);
    story.say(KARIM, 5, Ack { refs: [alert].into(), level: AckLevel::Human, note: None });
    assert_eq!(told(&story, 6), []);
    story.say(SARA, 60, Duress { plan: alert, seq: 0, answer: CheckInAnswer::Ok, late: None });
    assert_eq!(told(&story, 60), [Told::Urgent], "whoever is on shift hears of it at once");
    assert_eq!(told(&story, 61), []);
}

/// First the shift, from the first step on the whole desk, from the second on the duty lead by name.
#[test]
fn a_hook_is_told_in_the_order_of_the_ladder() {
    let (story, _) = Story::alert(START + 60, Kind::Arrest, Urgency::Immediate, Severity::Extreme);
    let told = |shift: &[u8], duty: &[u8]| {
        let who = |numbers: &[u8]| numbers.iter().map(|number| who(*number)).collect();
        let facts = Facts { shift: who(shift), duty_leads: who(duty), ..facts() };
        let mut watch = Watch::default();
        watch.look(&BTreeMap::new(), &facts);
        let mut model = Model::new(&[]);
        let mut at = |minute: u64| {
            model.load(board([&story]), facts.clone(), (START + minute) * 60, &texts());
            let told: Vec<Told> = watch.look(model.rows(), model.facts()).into_iter().map(|(told, _)| told).collect();
            told
        };
        [at(61), at(75), at(90)]
    };
    let further = vec![Told::Escalation];
    assert_eq!(told(&[ME], &[]), [vec![Told::Urgent], further.clone(), further.clone()]);
    assert_eq!(told(&[], &[]), [vec![Told::Urgent], further.clone(), further.clone()], "nobody is on shift");
    assert_eq!(told(&[KARIM], &[]), [vec![], further.clone(), further.clone()], "somebody else is");
    assert_eq!(told(&[KARIM], &[ME]), [vec![], further, vec![Told::Duty]]);
}
