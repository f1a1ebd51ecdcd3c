//! `himaya inbox`: what has arrived.

use himaya_protocol::content::Body;
use himaya_protocol::content::vocabulary::AckLevel;

use super::app::{App, Exit};
use super::error::CliError;
use super::{output, render};
use crate::engine;
use crate::text::Text;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(long)]
    answers: bool,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let entries = driver.transact(|ctx| if arguments.answers { engine::log(ctx) } else { engine::inbox(ctx) })?;
    if entries.is_empty() {
        app.say(Text::InboxEmpty, &[])?;
    }
    for entry in &entries {
        let by_device = matches!(entry.event.body(), Body::Ack(ack) if ack.level == AckLevel::Device);
        if by_device {
            continue;
        }
        app.object(&output::entry(entry))?;
        render::arrived(app, &mut driver, entry)?;
        let over = driver.transact(|ctx| engine::status(ctx, entry))?.cleared.is_some();
        if over && matches!(entry.event.body(), Body::ThreatAlert(_)) {
            render::detail(app, Text::EventOver, &[])?;
        }
    }
    app.exit(&mut driver, true)
}
