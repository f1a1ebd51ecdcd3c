//! `himaya requests`: who accepted a card and waits.

use himaya_protocol::wire::policy::GroupKind;

use super::app::{App, Exit};
use super::error::CliError;
use super::output;
use crate::engine::{self, CircleState};
use crate::text::{Arg, Text};

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (requests, known, groups) =
        driver.transact(|ctx| Ok((engine::requests(ctx)?, engine::contacts(ctx)?, engine::list(ctx)?)))?;
    if requests.is_empty() {
        app.say(Text::RequestsNone, &[])?;
        return app.exit(&mut driver, true);
    }
    app.say(Text::RequestsCount, &[("count", requests.len().into())])?;
    let now = app.now() / 60;
    for request in &requests {
        app.object(&output::request(request))?;
        if app.json() {
            continue;
        }
        let time = app.texts.ago(now, request.received / 60);
        let said =
            app.texts.say(Text::RequestFrom, &[("name", Arg::theirs(&request.name)), ("time", Arg::ours(&time))]);
        let mut screen = app.screen();
        screen.gap()?;
        screen.say(&said)?;
        if let Some(note) = &request.note {
            screen.quote(note)?;
        }
        screen.machine(&request.id.to_string())?;
        if known.iter().any(|other| other.name == request.name && other.fingerprint != request.fingerprint) {
            app.say(Text::MemberKeyChanged, &[("name", Arg::theirs(&request.name))])?;
        }
    }
    app.say(Text::RequestNext, &[])?;
    if groups.iter().any(|group| group.kind == GroupKind::Desk && group.state == CircleState::Active) {
        app.say(Text::RequestNextDesk, &[])?;
    }
    app.exit(&mut driver, true)
}
