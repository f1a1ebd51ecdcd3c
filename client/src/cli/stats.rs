//! `himaya stats`: numbers of cases that have ended and whose defenders let them be counted.

use std::collections::BTreeMap;

use himaya_protocol::case::statistics::{Cell, Table};
use serde_json::{Value, json};

use super::app::{App, Exit};
use super::error::CliError;
use super::render;
use crate::engine;
use crate::text::{Arg, Text};

pub(super) async fn run(app: &mut App) -> Result<Exit, CliError> {
    let mut driver = app.open()?;
    app.refresh(&mut driver).await?;
    let told = driver.transact(|ctx| engine::statistics(ctx))?;
    let months = words(&told.months, |month| format!("{:04}-{:02}", 1970 + month / 12, month % 12 + 1));
    let priorities =
        words(&told.priorities, |priority| priority.as_ref().map_or("none", |priority| priority.as_str()).to_owned());
    let outcomes = words(&told.outcomes, |outcome| outcome.as_str().to_owned());
    app.object(&json!({
        "total": number(told.months.total), "months": object(&months), "priorities": object(&priorities),
        "outcomes": object(&outcomes),
    }))?;
    if app.json() {
        return app.exit(&mut driver, true);
    }
    match told.months.total {
        Cell::Told(count) => app.say(Text::StatsTotal, &[("count", count.into())])?,
        Cell::Held => app.say(Text::StatsHeld, &[])?,
    }
    for (label, table) in
        [(Text::StatsMonths, &months), (Text::StatsPriorities, &priorities), (Text::StatsOutcomes, &outcomes)]
    {
        if !table.is_empty() {
            render::gap(app)?;
            app.say(label, &[])?;
        }
        for (word, cell) in table {
            let value = match cell {
                Cell::Told(count) => count.to_string(),
                Cell::Held => app.texts.say(Text::StatsFew, &[]),
            };
            render::detail(app, Text::FieldLine, &[("label", Arg::ours(word)), ("value", Arg::ours(&value))])?;
        }
    }
    app.exit(&mut driver, true)
}

fn words<K>(table: &Table<K>, word: impl Fn(&K) -> String) -> BTreeMap<String, Cell> {
    table.cells.iter().map(|(key, cell)| (word(key), *cell)).collect()
}

/// What is held back is null.
fn number(cell: Cell) -> Value {
    match cell {
        Cell::Told(count) => json!(count),
        Cell::Held => Value::Null,
    }
}

fn object(table: &BTreeMap<String, Cell>) -> Value {
    table.iter().map(|(word, cell)| json!({ "what": word, "count": number(*cell) })).collect()
}
