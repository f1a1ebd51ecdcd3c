//! What every command does that writes a word about a case: looks first, writes, sends, and says so.

use himaya_protocol::content::{CaseId, EventId};
use serde_json::json;

use super::app::{App, Exit};
use super::error::CliError;
use super::output::state;
use crate::engine::EngineError;
use crate::store::Ctx;

/// Writes with `work`, which is judged by what its author has seen, sends, gives the object `decided`, and has `tell` say
/// the rest to a person.
pub(super) async fn write(
    app: &mut App,
    work: impl FnOnce(&mut Ctx<'_>) -> Result<(CaseId, EventId), EngineError>,
    tell: impl FnOnce(&mut App, &CaseId, &EventId) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let (case, id) = driver.transact(work)?;
    let sent = app.send(&mut driver).await?;
    app.object(&json!({
        "id": id.to_hex(), "case": data_encoding::HEXLOWER.encode(case.as_bytes()), "state": state(sent),
    }))?;
    tell(app, &case, &id)?;
    app.exit(&mut driver, sent)
}
