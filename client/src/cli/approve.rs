//! `himaya approve`: let somebody who asks into a circle.

use himaya_protocol::wire::policy::{GroupKind, Role};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::{hex, state};
use super::render::role_word;
use crate::engine;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "ID")]
    id: u64,
    #[arg(long, value_name = "NAME", required_unless_present_any = ["line", "host", "bridge"])]
    circle: Option<String>,
    #[arg(long = "as", value_name = "ROLE", default_value = "contact")]
    role: As,
    #[arg(long, conflicts_with_all = ["circle", "host", "bridge"])]
    line: bool,
    #[arg(long, conflicts_with_all = ["circle", "bridge"])]
    host: bool,
    #[arg(long, conflicts_with = "circle")]
    bridge: bool,
    #[arg(long, value_name = "NAME", conflicts_with = "circle")]
    desk: Option<String>,
}

impl Arguments {
    /// The kind of group that the person gets with a desk, and the role there.
    fn with_desk(&self) -> Option<(GroupKind, Role)> {
        match (self.line, self.host, self.bridge) {
            (true, ..) => Some((GroupKind::Line, Role::Defender)),
            (_, true, _) => Some((GroupKind::HostLink, Role::Host)),
            (.., true) => Some((GroupKind::Bridge, Role::Coordinator)),
            (false, false, false) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum As {
    Contact,
    Coordinator,
    Admin,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (contact, circle, role) = driver.transact(|ctx| {
        if let Some((kind, role)) = arguments.with_desk() {
            let desk = engine::desk(ctx, arguments.desk.as_deref())?;
            let (contact, group) = engine::approve_for_desk(ctx, arguments.id, &desk, kind, role)?;
            return Ok((contact, group.name, role));
        }
        let circle = engine::named(ctx, arguments.circle.as_deref().unwrap_or_default())?;
        let role = match arguments.role {
            As::Contact => Role::Contact,
            As::Coordinator => Role::Coordinator,
            As::Admin => Role::Admin,
        };
        Ok((engine::approve(ctx, arguments.id, &circle, role)?, circle.name, role))
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({
        "name": contact.name, "fingerprint": hex(&contact.fingerprint), "circle": circle,
        "role": role_word(role), "state": state(sent),
    }))?;
    app.say(
        if sent { Text::Approved } else { Text::ApprovedQueued },
        &[("name", Arg::theirs(&contact.name)), ("circle", Arg::theirs(&circle))],
    )?;
    app.say(Text::ApprovedNext, &[])?;
    app.exit(&mut driver, sent)
}
