//! `himaya export`: what a consent lets out of a case, shown first, sealed to its recipient, and noted in the case.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use himaya_protocol::case::{Entry, case_of};
use himaya_protocol::content::body::{CustodyEntry, Evidence};
use himaya_protocol::content::event::IdPrefix;
use himaya_protocol::content::vocabulary::Custody;
use himaya_protocol::content::{Body, CaseId, EventId};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use super::recipient::{Names, To};
use crate::engine::{self, EngineError, Place};
use crate::export::{self, ExportError, Key, Rekey, Release, Wanted};
use crate::store::Ctx;
use crate::text::{Arg, Text};

/// What a person types before anything leaves.
const WORD: &str = "export";

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Cap,
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[arg(value_name = "CASE")]
    case: String,
    #[arg(long, value_name = "CLASS:WHO")]
    to: To,
    #[arg(long, value_name = "KEY")]
    key: String,
    #[arg(long, value_name = "FORMAT")]
    format: Format,
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[arg(long, value_name = "ID")]
    consent: Option<String>,
    #[arg(long)]
    yes: bool,
}

/// What an export was asked for, looked up.
struct Plan {
    case: CaseId,
    wanted_consent: Option<EventId>,
    keys: Rekey,
}

pub(super) async fn run(app: &mut App, arguments: &Arguments) -> Result<Exit, CliError> {
    arguments.to.check()?;
    let key: Key = arguments.key.parse()?;
    let consent: Option<IdPrefix> = arguments.consent.as_deref().map(str::parse).transpose()?;
    if app.json() && !arguments.yes {
        return Err(CliError::NeedsYes);
    }
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (plan, release, names) = driver.transact(|ctx| {
        let plan = Plan {
            case: engine::pick_case(ctx, &arguments.case)?,
            wanted_consent: consent.map(|id| engine::entry(ctx, &id)).transpose()?.map(|entry| entry.event.id()),
            keys: Rekey::new(ctx.random()),
        };
        let release = select(ctx, &plan, &arguments.to)?;
        Ok((plan, release, Names::load(ctx)?))
    })?;
    let release = release?;
    let plain = match arguments.format {
        Format::Cap => export::to_cap(&release),
        Format::Json => export::to_json(&release),
    };
    if !agreed(app, &plain, arguments.yes)? {
        app.say(Text::ExportNot, &[])?;
        return Ok(Exit::Error);
    }
    let sealed = key.seal(&plain)?;
    let file = OutFile::create(&arguments.out)?;
    let logged = driver.transact(|ctx| {
        // What was shown is what leaves: a consent that was withdrawn meanwhile, or a word that came, stops it.
        if select(ctx, &plan, &arguments.to)?.as_ref() != Ok(&release) {
            return Ok(Err(ExportError::Changed));
        }
        record(ctx, &plan.case, &release, &plain, &sealed).map(Ok)
    })?;
    let event = logged?;
    file.write(&sealed)?;
    let sent = app.send(&mut driver).await?;
    let recipient = driver.transact(|ctx| arguments.to.find(ctx))?;
    app.object(&json!({
        "id": release.id, "case": data_encoding::HEXLOWER.encode(plan.case.as_bytes()), "event": event.to_hex(),
        "file": arguments.out.to_string_lossy(), "recipient": names.json(&recipient),
        "consent": release.consent.to_hex(),
        "fields": release.fields.iter().map(ToString::to_string).collect::<Vec<_>>(), "size": sealed.len(),
        "sha256": data_encoding::HEXLOWER.encode(&Sha256::digest(&sealed)), "state": state(sent),
    }))?;
    let name = names.say(app, &recipient);
    app.say(Text::ExportDone, &[("name", Arg::theirs(&name))])?;
    app.say(Text::ExportFile, &[("path", Arg::machine(&arguments.out.to_string_lossy()))])?;
    app.exit(&mut driver, sent)
}

/// What the consent lets out now.
fn select(ctx: &Ctx<'_>, plan: &Plan, to: &To) -> Result<Result<Release, ExportError>, EngineError> {
    let of_case = |entry: &Entry| case_of(&entry.event).as_ref() == Some(&plan.case);
    let entries: Vec<Entry> = engine::entries(ctx)?.into_iter().filter(of_case).collect();
    let wanted = Wanted {
        case: &plan.case,
        to: to.find(ctx)?,
        consent: plan.wanted_consent,
        fields: None,
        by: engine::identity(ctx)?.fingerprint,
        now: ctx.now / 60,
    };
    Ok(export::select(&entries, &wanted, &plan.keys))
}

/// Shows the exact bytes, and asks for a word unless it was given already.
fn agreed(app: &mut App, plain: &[u8], yes: bool) -> Result<bool, CliError> {
    let shown = String::from_utf8_lossy(plain);
    let count = plain.len();
    let said = app.texts.say(Text::ExportPreview, &[("count", count.into())]);
    if yes {
        let mut screen = app.aside();
        screen.say(&said)?;
        screen.quote(shown.trim_end())?;
        return Ok(true);
    }
    let mut screen = app.screen();
    screen.say(&said)?;
    screen.quote(shown.trim_end())?;
    screen.gap()?;
    app.say(Text::ExportAsk, &[("id", Arg::machine(WORD))])?;
    Ok(app.line(Text::ExportWord)?.trim() == WORD)
}

/// Notes in the case who exported what to whom: an Evidence whose custody begins with that, and `exported` in the custody
/// of every piece that the export names (docs/protocol.md section 8.3).
fn record(
    ctx: &mut Ctx<'_>,
    case: &CaseId,
    release: &Release,
    plain: &[u8],
    sealed: &[u8],
) -> Result<EventId, EngineError> {
    let by = engine::identity(ctx)?.fingerprint;
    let now = ctx.now / 60;
    for piece in &release.evidence {
        let entry = engine::by_id(ctx, &piece.inside)?;
        let Body::Evidence(evidence) = entry.event.body() else { return Err(EngineError::Kind) };
        let mut copied = evidence.as_ref().clone();
        let at = copied.custody.last().map_or(now, |last| last.at.max(now));
        copied.custody.push(CustodyEntry { what: Custody::Exported, at, by });
        engine::decide(ctx, case, copied, Place::Home)?;
    }
    let exported = Evidence {
        commitment: Sha256::new().chain_update(release.id.as_bytes()).chain_update(plain).finalize().into(),
        shared_sha256: Sha256::digest(sealed).into(),
        stripped: true,
        mime: None,
        size: u64::try_from(sealed.len()).ok(),
        captured: None,
        derivations: Vec::new(),
        custody: vec![CustodyEntry { what: Custody::Exported, at: now, by }],
        consent: Some(release.consent),
    };
    engine::decide(ctx, case, exported, Place::Home)
}

/// A new file that only its owner may read. It goes again unless something is written into it.
struct OutFile<'a> {
    path: &'a Path,
    file: std::fs::File,
    written: bool,
}

impl<'a> OutFile<'a> {
    fn create(path: &'a Path) -> Result<Self, CliError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|cause| CliError::Written { path: path.to_owned(), cause })?;
        Ok(Self { path, file, written: false })
    }

    fn write(mut self, bytes: &[u8]) -> Result<(), CliError> {
        let done = self.file.write_all(bytes).and_then(|()| self.file.sync_all());
        self.written = done.is_ok();
        done.map_err(|cause| CliError::Written { path: self.path.to_owned(), cause })
    }
}

impl Drop for OutFile<'_> {
    fn drop(&mut self) {
        if !self.written {
            // An empty file that cannot be removed says nothing about anybody.
            let _left = std::fs::remove_file(self.path);
        }
    }
}
