//! A group for those who work on a case.

use himaya_protocol::wire::policy::{GroupKind, Role};
use serde_json::json;

use crate::cli::app::{App, Exit};
use crate::cli::error::CliError;
use crate::cli::output::state;
use crate::cli::render::role_word;
use crate::engine::{self, EngineError};
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Open {
    #[arg(value_name = "CASE")]
    case: String,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Bring {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(value_name = "MEMBER")]
    member: String,
    #[arg(long = "as", value_name = "ROLE", default_value = "coordinator")]
    role: As,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum As {
    Coordinator,
    Host,
}

pub(in crate::cli) async fn open(app: &mut App, arguments: &Open) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let group = driver.transact(|ctx| {
        let case = engine::pick_case(ctx, &arguments.case)?;
        engine::open_case(ctx, &case)
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "group": group.name, "state": state(sent) }))?;
    app.say(Text::CaseGroupOpened, &[("circle", Arg::theirs(&group.name))])?;
    app.exit(&mut driver, sent)
}

pub(in crate::cli) async fn bring(app: &mut App, arguments: &Bring) -> Result<Exit, CliError> {
    let role = match arguments.role {
        As::Coordinator => Role::Coordinator,
        As::Host => Role::Host,
    };
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (name, group) = driver.transact(|ctx| {
        let case = engine::pick_case(ctx, &arguments.case)?;
        let group = engine::home(ctx, &case)?;
        if group.kind != GroupKind::Case {
            return Err(EngineError::NoCaseGroup);
        }
        let member = engine::fellow(ctx, &arguments.member)?;
        engine::bring_in(ctx, &group, &member, role)?;
        Ok((member.name, group.name))
    })?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({ "name": name, "group": group, "role": role_word(role), "state": state(sent) }))?;
    app.say(
        if sent { Text::Approved } else { Text::ApprovedQueued },
        &[("name", Arg::theirs(&name)), ("circle", Arg::theirs(&group))],
    )?;
    app.exit(&mut driver, sent)
}
