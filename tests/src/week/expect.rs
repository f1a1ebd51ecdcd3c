//! What must be true: on the clients of all coordinators who are there and know of it, and of whoever it is about.

use anyhow::{Context as _, bail, ensure};
use himaya::engine;
use himaya_protocol::case::Case;
use himaya_protocol::case::check_in::Light;
use himaya_protocol::case::deadline::{Standing, standing};
use himaya_protocol::case::shelter::Stage;
use himaya_protocol::content::CaseId;

use super::cast::Cast;

/// Checks what a line expects.
pub(super) async fn check(cast: &mut Cast, words: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [label, rest @ ..] = words.as_slice() else { bail!("what is expected of whom") };
    let about = cast.author(label)?;
    cast.gather_at(&about).await?;
    match rest {
        ["unknown", "to", name] => {
            let event = cast.event(label)?;
            cast.sync(name).await?;
            ensure!(!cast.person(name)?.has(event), "{name} knows it");
            return Ok(());
        }
        ["planb", wanted] => {
            let said = seen(cast, &about, label)?.context("its defender knows it")?.1.is_some_and(|s| s.plan_b);
            ensure!(said == (*wanted == "yes"), "plan B is {said}");
            return Ok(());
        }
        ["light", wanted, "to", name] => return light(cast, &[(*name).to_owned()], label, wanted),
        ["light", wanted] => {
            let there: Vec<String> = cast.on_duty().into_iter().collect();
            return light(cast, &there, label, wanted);
        }
        ["match", wanted] => return stage(cast, label, wanted),
        ["gone"] => {
            for name in cast.on_duty().into_iter().chain([about]) {
                ensure!(seen(cast, &name, label)?.is_none(), "{name} still has it");
            }
            return Ok(());
        }
        [wanted @ .., "to", name] => {
            let (case, standing) = seen(cast, name, label)?.with_context(|| format!("{name} knows nothing of it"))?;
            return holds(cast, &case, standing, wanted);
        }
        _ => (),
    }
    let mut judged = 0;
    for name in cast.on_duty().into_iter().chain([about]) {
        let Some((case, standing)) = seen(cast, &name, label)? else { continue };
        judged += 1;
        holds(cast, &case, standing, rest).with_context(|| format!("on {name}'s client"))?;
    }
    ensure!(judged > 0, "nobody who is there knows it");
    Ok(())
}

/// A case as somebody's client sees it now.
fn seen(cast: &mut Cast, name: &str, label: &str) -> anyhow::Result<Option<(Case, Option<Standing>)>> {
    let (id, minute): (CaseId, u64) = (cast.case(label)?, cast.minute());
    Ok(cast.person(name)?.run(|ctx| {
        let mut board = engine::board(ctx)?;
        let written: std::collections::BTreeMap<_, _> =
            board.events(&id).map(|entry| (entry.id(), entry.written())).collect();
        Ok(board.case(&id).map(|case| (case.clone(), standing(case, |event| written.get(event).copied(), minute))))
    }))
}

fn holds(cast: &mut Cast, case: &Case, standing: Option<Standing>, wanted: &[&str]) -> anyhow::Result<()> {
    match wanted {
        ["status", status] => {
            let is = case.status.as_ref().map_or("none", |status| status.as_str());
            ensure!(is == *status, "it is {is}");
        }
        ["priority", priority] => {
            let is = case.priority.as_ref().map_or("none", |priority| priority.as_str());
            ensure!(is == *priority, "it is {is}");
        }
        ["lead", name] => {
            let lead = cast.person(name)?.run(|ctx| Ok(engine::identity(ctx)?.fingerprint));
            ensure!(case.lead == Some(lead), "somebody else leads");
        }
        ["step", step] => {
            let is = standing.context("it has a clock")?.step;
            ensure!(is == step.parse::<u64>()?, "the step is {is}");
        }
        ["steps", count] => {
            let told = case.escalated.len();
            ensure!(told == count.parse::<usize>()?, "{told} steps were told");
        }
        ["exercise", wanted] => ensure!(case.exercise == (*wanted == "yes"), "it is not"),
        ["known"] => (),
        other => bail!("nobody knows what {} means", other.join(" ")),
    }
    Ok(())
}

/// What a check-in plan looks like on the clients of those who know it.
fn light(cast: &mut Cast, names: &[String], label: &str, wanted: &str) -> anyhow::Result<()> {
    let id = cast.event(label)?;
    let mut judged = 0;
    for name in names {
        let plans = cast.person(name)?.run(|ctx| engine::plans(ctx));
        let Some(plan) = plans.into_iter().find(|plan| plan.id == id) else { continue };
        judged += 1;
        let is = match plan.light {
            Light::Waiting { .. } => "waiting",
            Light::Remind { .. } => "remind",
            Light::Due { .. } => "due",
            Light::Missed { .. } => "missed",
            Light::Unknown { .. } => "unknown",
            Light::Help => "help",
            Light::Over => "over",
        };
        ensure!(is == wanted, "it is {is} on {name}'s client");
    }
    ensure!(judged > 0, "nobody who is there knows it");
    Ok(())
}

/// How far the match is, as the coordinators of the desk see it that proposed it.
fn stage(cast: &mut Cast, label: &str, wanted: &str) -> anyhow::Result<()> {
    let wanted = match wanted {
        "none" => None,
        "proposed" => Some(Stage::Proposed),
        "host_ok" => Some(Stage::HostOk),
        "guest_ok" => Some(Stage::GuestOk),
        "handover" => Some(Stage::Handover),
        "sheltered" => Some(Stage::Sheltered),
        "departing" => Some(Stage::Departing),
        "ended" => Some(Stage::Ended),
        other => bail!("{other} is no stage"),
    };
    let case = cast.case(label)?;
    let mut judged = 0;
    for name in cast.on_duty() {
        if seen(cast, &name, label)?.is_none() {
            continue;
        }
        // The handover lies in the case's group: whoever is not in it sees the match up to GUEST_OK.
        let home = cast.person(&name)?.run(|ctx| engine::home(ctx, &case));
        let opened = cast.on_duty().iter().any(|other| {
            cast.person(other).is_ok_and(|other| {
                other.driver.transact(|ctx| engine::home(ctx, &case)).is_ok_and(|theirs| theirs.kind > home.kind)
            })
        });
        if opened {
            continue;
        }
        let is = cast.person(&name)?.run(|ctx| engine::stage_of(ctx, &case)).map(|(_, stage)| stage);
        ensure!(is == wanted, "it is {is:?} on {name}'s client");
        judged += 1;
    }
    ensure!(judged > 0, "nobody who is there knows it");
    Ok(())
}
