//! `himaya grade`: how far an item is to be believed. The desk grades items, never people.

use himaya_protocol::case::case_of;
use himaya_protocol::content::body::Verification;
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::value::Text as Words;
use himaya_protocol::content::vocabulary::{Credibility, Reliability, SourceTie, Verdict};

use super::app::{App, Exit};
use super::decided;
use super::error::CliError;
use crate::engine::{self, EngineError, Place};
use crate::store::Ctx;
use crate::text::{Arg, Text};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "EVENT")]
    id: String,
    #[arg(long, value_name = "A-F")]
    source: Reliability,
    #[arg(long, value_name = "1-6")]
    information: Credibility,
    #[arg(long, value_name = "TIE")]
    connection: Option<SourceTie>,
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(0..=99))]
    independent: Option<u64>,
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<Verdict>,
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    let prefix: IdPrefix = arguments.id.parse()?;
    let note = arguments.note.as_deref().map(Words::<1000>::new).transpose()?;
    let work = |ctx: &mut Ctx<'_>| {
        let about = engine::entry(ctx, &prefix)?.event;
        let case = case_of(&about).ok_or(EngineError::Kind)?;
        let grade = Verification {
            about: about.id(),
            reliability: arguments.source.clone(),
            credibility: arguments.information.clone(),
            connection: arguments.connection.clone(),
            independent_sources: arguments.independent,
            verdict: arguments.verdict.clone(),
            note,
        };
        let id = engine::decide(ctx, &case, grade, Place::Desk)?;
        Ok((case, id))
    };
    let grade = format!("{}{}", arguments.source, arguments.information);
    decided::write(app, work, |app, _, _| app.say(Text::Graded, &[("value", Arg::ours(&grade))])).await
}
