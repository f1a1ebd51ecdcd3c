//! A week of two desks on simulated time, told in tests/scenarios/week.txt: the real engine and the real relay service,
//! with a clock that is moved and a wire that is short.

mod act;
mod cast;
mod expect;
mod script;

use std::io::Write;

use anyhow::Context as _;

use crate::sim;

use cast::Cast;
use script::{Line, What};

const SCRIPT: &str = include_str!("../../scenarios/week.txt");

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Played {
    /// How many lines were played.
    pub lines: usize,
    /// How many of them were expectations, all of which held.
    pub expectations: usize,
    /// How many different events everybody's logs hold at the end of the week.
    pub events: usize,
}

/// Plays the week for whoever watches: `cargo demo desk`.
pub fn show() -> anyhow::Result<()> {
    let (send, played) = std::sync::mpsc::channel();
    sim::play(|| async move {
        let mut out = std::io::stdout();
        // The other end waits below.
        let _alone = send.send(show_to(&mut out).await);
    });
    played.recv().context("the week was not played")?
}

async fn show_to(out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    writeln!(
        out,
        "A week of two desks: 12 defenders, 4 coordinators, 5 hosts. The engine and the relay are the real ones;"
    )?;
    writeln!(
        out,
        "the clock is moved, and the wire is short. Each line is played, and each that expects something checked.\n"
    )?;
    let played = play(out).await?;
    writeln!(
        out,
        "\n{} lines, {} expectations that held on every client concerned, {} events in the week.",
        played.lines, played.expectations, played.events
    )?;
    Ok(())
}

/// Plays the week and tells it to `out`. An expectation that does not hold is an error with its line.
pub async fn play(out: &mut (dyn Write + Send)) -> anyhow::Result<Played> {
    let lines = script::parse(SCRIPT)?;
    let mut cast = Cast::gather().await?;
    let mut played = Played { lines: 0, expectations: 0, events: 0 };
    for Line { number, text, what } in lines {
        let at = || format!("tests/scenarios/week.txt:{number}: {text}");
        match what {
            What::Later(days) => {
                played.events = cast.events();
                cast.pass_days(days).await;
            }
            What::Does { minute, name, words } => {
                cast.until(minute).await;
                act::act(&mut cast, &name, &words).await.with_context(at)?;
            }
            What::Expect { minute, words } => {
                if let Some(minute) = minute {
                    cast.until(minute).await;
                }
                expect::check(&mut cast, &words).await.with_context(at)?;
                played.expectations += 1;
            }
        }
        played.lines += 1;
        writeln!(out, "  {text}")?;
    }
    Ok(played)
}
