//! What somebody does.

use anyhow::{Context as _, bail, ensure};
use himaya::engine::{self, Draft, EngineError, Entry, Place};
use himaya::store::Ctx;
use himaya_protocol::case::check_in;
use himaya_protocol::content::body::{
    Assignment, CheckInPlan, LadderStep, Offer, ShelterRequest, Shift, ShiftRoster, StandDown, Triage,
};
use himaya_protocol::content::value::{Note, NoticeText, Text};
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, CaseStatus, CheckInAnswer, Kind, LadderAct, LadderWho, MatchState, NeededBy, OfferState, Part,
    Priority, Status,
};
use himaya_protocol::content::{Body, EventId, Notice, ThreatAlert};
use himaya_protocol::wire::policy::Role;

use super::cast::Cast;

/// Does what a line says: looks first, then acts, then sends.
pub(super) async fn act(cast: &mut Cast, name: &str, words: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let ["goes", where_to] = words.as_slice() {
        cast.set_online(name, *where_to == "online");
        return cast.sync(name).await;
    }
    cast.sync(name).await?;
    do_it(cast, name, &words)?;
    cast.sync(name).await
}

/// Every day at a time, with the ladder that people get who choose none.
fn plan(start: u64) -> anyhow::Result<CheckInPlan> {
    let step = |after_min, act| LadderStep { after_min, who: LadderWho::Everybody, act };
    Ok(CheckInPlan {
        start,
        rrule: "FREQ=DAILY;COUNT=3".parse()?,
        grace: 30,
        remind: 10,
        ladder: vec![step(0, LadderAct::Ask), step(30, LadderAct::Alert)],
        sealed_plan: None,
        offset: None,
    })
}

fn do_it(cast: &mut Cast, name: &str, words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["shifts", shifts @ ..] => shift(cast, name, shifts),
        ["tells", text] => {
            let text = NoticeText::new(text)?;
            let lines = run(cast, name, |ctx| engine::broadcast(ctx, &engine::desk(ctx, None)?, &text))?;
            ensure!(lines > 0, "nobody was told");
            Ok(())
        }
        ["will", "check", "in", "at", time, "every", "day", "as", label] => {
            let content = plan(cast.minute_at(time)?)?;
            let plan = run(cast, name, |ctx| {
                let line = engine::own_line(ctx, None)?;
                engine::make_plan(ctx, &line, content, Status::Actual)
            })?;
            cast.labels.insert((*label).to_owned(), (plan, name.to_owned()));
            Ok(())
        }
        ["says", "ok", "to", label] => {
            let (plan, now) = (cast.event(label)?, cast.minute());
            run(cast, name, |ctx| {
                let plan = engine::plan(ctx, &plan.to_hex())?;
                let due = check_in::answerable(&plan.content, &plan.answers, now).ok_or(EngineError::NotAsked)?;
                engine::check_in(ctx, &plan, due, CheckInAnswer::Ok, None, true)
            })?;
            Ok(())
        }
        ["alerts", kind, "as", label] => alert(cast, name, kind, label, Status::Actual),
        ["drills", "as", label] => alert(cast, name, "unspecified", label, Status::Exercise),
        ["alerts", kind, "about", label] => {
            let (case, alert) =
                (cast.case(label)?, ThreatAlert { kind: kind.parse::<Kind>()?, ..ThreatAlert::default() });
            run(cast, name, |ctx| {
                let home = engine::home(ctx, &case)?;
                engine::say(ctx, &home, alert, &Draft { case: Some(case), ..Draft::default() })
            })?;
            Ok(())
        }
        ["acknowledges", label] => {
            let event = cast.event(label)?;
            run(cast, name, |ctx| engine::acknowledge(ctx, &event, AckLevel::Human, None)).map(|_| ())
        }
        ["clears", label] => {
            let event = cast.event(label)?;
            run(cast, name, |ctx| engine::clear(ctx, &event, None)).map(|_| ())
        }
        ["triages", label, priority] => {
            let triage = Triage {
                status: Some(CaseStatus::Triaged),
                priority: Some(priority.parse::<Priority>()?),
                ..Triage::new(Note::new("as it was said")?)
            };
            decide(cast, name, label, triage, Place::Home)
        }
        ["monitors", label] => status(cast, name, label, CaseStatus::Monitor, None),
        ["closes", label] => status(cast, name, label, CaseStatus::Closed, None),
        ["confirms", label] => {
            let case = cast.case(label)?;
            let waits = run(cast, name, |ctx| {
                let mut board = engine::board(ctx)?;
                Ok(board.case(&case).and_then(|case| case.waiting.keys().next().copied()))
            })?;
            status(cast, name, label, CaseStatus::Closed, Some(waits.context("nothing waits for a second")?))
        }
        ["takes", label] => part(cast, name, label, None, Part::Lead, Act::Take),
        ["takes", label, "as", "backup"] => part(cast, name, label, None, Part::Backup, Act::Take),
        ["accepts", label] => part(cast, name, label, None, Part::Lead, Act::Accept),
        ["hands", label, "to", other] => part(cast, name, label, Some(other), Part::Lead, Act::ShiftHandover),
        ["replies", label, text] => {
            let notice = Notice { text: NoticeText::new(text)? };
            decide(cast, name, label, notice, Place::Home)
        }
        ["notes", label, text] => {
            let triage = Triage { note: Some(Text::new(text)?), ..Triage::new(Note::new("a note")?) };
            decide(cast, name, label, triage, Place::Desk)
        }
        ["withdraws", label] => {
            let refs = [cast.event(label)?].into();
            decide(cast, name, label, StandDown { refs, reason: None }, Place::Home)
        }
        ["removes", other] => {
            run(cast, name, |ctx| engine::remove(ctx, &engine::desk(ctx, None)?, other))?;
            cast.dismiss(other);
            Ok(())
        }
        ["offers", "again", _] => {
            let own = run(cast, name, |ctx| engine::own_places(ctx))?;
            let first = own.first().context("there is a place")?.first;
            run(cast, name, |ctx| {
                engine::change_offer(ctx, &first, |offer| {
                    offer.slots = 1;
                    offer.state = OfferState::Open;
                })
            })
        }
        ["offers", region, slots, "as", label] => offer(cast, name, region, slots, label),
        ["needs", "shelter", "as", label] => {
            let request = run(cast, name, |ctx| {
                let line = engine::own_line(ctx, None)?;
                engine::ask_for_shelter(ctx, &line, Status::Actual, |consent| {
                    ShelterRequest::new(NeededBy::Tonight, consent)
                })
            })?;
            cast.labels.insert((*label).to_owned(), (request, name.to_owned()));
            Ok(())
        }
        ["proposes", place, "for", label] => propose(cast, name, place, label),
        ["says", answer, "to", label] => answer_match(cast, name, label, *answer == "yes"),
        ["opens", label] => {
            let case = cast.case(label)?;
            run(cast, name, |ctx| engine::open_case(ctx, &case)).map(|_| ())
        }
        ["brings", other, "into", label] => {
            let case = cast.case(label)?;
            run(cast, name, |ctx| {
                let group = engine::home(ctx, &case)?;
                let member = engine::fellow(ctx, other)?;
                engine::bring_in(ctx, &group, &member, Role::Host)
            })
        }
        ["hands", "over", label, text] => {
            let (case, text) = (cast.case(label)?, Text::new(text)?);
            run(cast, name, |ctx| engine::hand_over(ctx, &case, text, 24)).map(|_| ())
        }
        ["leaves", label] => {
            let case = cast.case(label)?;
            run(cast, name, |ctx| engine::depart(ctx, &case)).map(|_| ())
        }
        other => bail!("nobody knows how to {}", other.join(" ")),
    }
}

fn run<V>(cast: &mut Cast, name: &str, work: impl FnOnce(&mut Ctx<'_>) -> Result<V, EngineError>) -> anyhow::Result<V> {
    Ok(cast.person(name)?.driver.transact(work)?)
}

fn decide(cast: &mut Cast, name: &str, label: &str, body: impl Into<Body>, place: Place) -> anyhow::Result<()> {
    let case = cast.case(label)?;
    run(cast, name, |ctx| engine::decide(ctx, &case, body, place)).map(|_| ())
}

fn status(
    cast: &mut Cast,
    name: &str,
    label: &str,
    status: CaseStatus,
    confirms: Option<EventId>,
) -> anyhow::Result<()> {
    let triage = Triage { status: Some(status), confirms, ..Triage::new(Note::new("as it stands")?) };
    decide(cast, name, label, triage, Place::Home)
}

fn part(cast: &mut Cast, name: &str, label: &str, other: Option<&str>, part: Part, act: Act) -> anyhow::Result<()> {
    let member = run(cast, name, |ctx| match other {
        Some(other) => Ok(engine::fellow(ctx, other)?.fingerprint),
        None => Ok(engine::identity(ctx)?.fingerprint),
    })?;
    decide(cast, name, label, Assignment { member, part, act }, Place::Home)
}

fn shift(cast: &mut Cast, name: &str, shifts: &[&str]) -> anyhow::Result<()> {
    let mut from = cast.minute();
    let mut planned = Vec::new();
    for pair in shifts.chunks(2) {
        let [who, hours] = pair else { bail!("a name and its hours") };
        let member = run(cast, name, |ctx| engine::member_named(ctx, &engine::desk(ctx, None)?, who))?.fingerprint;
        let until = from + hours.parse::<u64>()? * 60;
        planned.push(Shift { member, from, until });
        from = until;
    }
    let roster = ShiftRoster { shifts: planned };
    run(cast, name, |ctx| {
        let desk = engine::desk(ctx, None)?;
        engine::say(ctx, &desk, roster, &Draft::default())
    })
    .map(|_| ())
}

fn alert(cast: &mut Cast, name: &str, kind: &str, label: &str, status: Status) -> anyhow::Result<()> {
    let alert = ThreatAlert { kind: kind.parse::<Kind>()?, ..ThreatAlert::default() };
    let id = run(cast, name, |ctx| {
        let line = engine::own_line(ctx, None)?;
        engine::raise(ctx, Some(&line), alert, &Draft { status, ..Draft::default() })
    })?;
    cast.labels.insert(label.to_owned(), (id, name.to_owned()));
    Ok(())
}

fn offer(cast: &mut Cast, name: &str, region: &str, slots: &str, label: &str) -> anyhow::Result<()> {
    let from = cast.minute();
    let offer = Offer {
        slots: slots.parse()?,
        from,
        until: from + 30 * 1_440,
        place: region.parse()?,
        features: Vec::new(),
        max_nights: None,
        notice_h: 12,
        state: OfferState::Open,
    };
    run(cast, name, |ctx| engine::put_up_offer(ctx, &offer))?;
    cast.places.insert(label.to_owned(), name.to_owned());
    Ok(())
}

fn propose(cast: &mut Cast, name: &str, place: &str, label: &str) -> anyhow::Result<()> {
    let request = cast.event(label)?;
    let host = cast.places.get(place).with_context(|| format!("no place is called {place}"))?.clone();
    let host = run(cast, &host, |ctx| Ok(engine::identity(ctx)?.fingerprint))?;
    let found = run(cast, name, |ctx| engine::search(ctx, &request))?;
    let offer = found.iter().find(|(_, place, _)| place.host == host).context("the desk knows of the place")?.0;
    run(cast, name, |ctx| engine::propose(ctx, &request, &offer, None)).map(|_| ())
}

fn answer_match(cast: &mut Cast, name: &str, label: &str, yes: bool) -> anyhow::Result<()> {
    let request = cast.event(label)?;
    let asks = |entry: &&Entry| {
        matches!(entry.event.body(), Body::Match(said) if said.request == request
            && matches!(said.state, MatchState::Proposed | MatchState::HostOk))
            && !entry.own
    };
    let log = run(cast, name, |ctx| engine::log(ctx))?;
    let of = log.iter().rfind(asks).context("a match waits for an answer")?.event.id();
    run(cast, name, |ctx| engine::answer_match(ctx, &of, yes)).map(|_| ())
}
