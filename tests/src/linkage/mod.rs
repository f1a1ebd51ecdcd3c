//! The linkage experiment: what an honest-but-curious relay makes of everything that it sees.
//!
//! A relay sees when a cell is put, on which connection, who holds a feed open, who reads windows and when, which chunks are
//! asked for how often, and, without Tor, from which IP address. The experiment gives all of that to an adversary who has
//! learned from a week whose truth it was told, and asks it about the week after: which puts belong to one group, who are
//! members of one group, how large a group is, whose client a put comes from.
//!
//! The clients are models in all but one thing: what leaves when, in which order, and on which connection is decided by the
//! functions that decide it in the client (`himaya::engine::schedule`, `himaya::transport::Call`). MLS and the store are left out,
//! because nobody can run some hundred of them side by side.

pub mod alike;
pub mod attack;
mod client;
mod evidence;
pub mod life;
pub mod lists;
mod matter;
pub mod measure;
mod named;
pub mod play;
mod plot;
pub mod population;
pub mod real;
pub mod report;
pub mod setting;
pub mod view;

/// A day, in seconds.
pub const DAY: u64 = 86_400;

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::mpsc;

use anyhow::Context as _;

use attack::{Task, Traffic};
use report::{Row, Scale};
use setting::Setting;

/// What a command line asks for.
#[derive(Debug, Default)]
struct Asked {
    real: bool,
    largest: Option<usize>,
    days: Option<u64>,
    out: Option<PathBuf>,
}

impl Asked {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let (mut asked, mut rest) = (Self::default(), arguments.iter());
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--real" => asked.real = true,
                "--largest" => asked.largest = Some(within(flag, value()?, 2..=200)?),
                "--days" => asked.days = Some(within(flag, value()?, 1..=28)?),
                "--out" => asked.out = Some(value()?.into()),
                _ => anyhow::bail!(
                    "call it as linkage [--out FOLDER], or linkage --real [--largest N] [--days N] [--out FOLDER]"
                ),
            }
        }
        Ok(asked)
    }
}

/// A whole number in a range.
fn within<N: FromStr + PartialOrd + Display>(flag: &str, value: &str, range: RangeInclusive<N>) -> anyhow::Result<N> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.with_context(|| format!("{flag} is a number from {} to {}, not {value}", range.start(), range.end()))
}

/// Runs the experiment for a command line: `--out FOLDER` writes tables and plots there, otherwise the tables are printed;
/// `--real` lets real clients play it.
pub fn run(arguments: &[String], out: &mut dyn Write) -> ExitCode {
    let ran = Asked::parse(arguments).and_then(|asked| match &asked {
        Asked { real: true, .. } => with_real_clients(asked),
        Asked { out: Some(folder), .. } => keep(folder),
        Asked { out: None, .. } => tables(|text| Ok(out.write_all(text.as_bytes())?)).map(|_| ()),
    });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when even this cannot be written.
            let _unwritable = writeln!(std::io::stderr(), "linkage: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Lets real clients play it, and writes each table into a file when it is there, or prints it.
fn with_real_clients(asked: Asked) -> anyhow::Result<()> {
    let whole = real::WHOLE;
    let largest = asked.largest.unwrap_or(whole.largest);
    let scale = Scale { largest, others: whole.others.min(largest), days: asked.days.unwrap_or(whole.days), ..whole };
    let file = asked.out.map(|folder| folder.join(format!("linkage-real-{}.md", scale.largest)));
    let heading = "# The linkage experiment with real clients: all figures\n\nWritten by the command in \
        [metadata.md](../metadata.md#with-real-clients), which says what they mean.\n";
    if let Some(file) = &file {
        std::fs::write(file, heading).context("the file cannot be written")?;
    }
    let (told, outcome) = mpsc::channel();
    crate::sim::play(move || async move {
        let tell = |text: &str| match &file {
            Some(file) => Ok(OpenOptions::new().append(true).open(file)?.write_all(text.as_bytes())?),
            None => Ok(std::io::stdout().write_all(text.as_bytes())?),
        };
        let ran = real::run(scale, &real::settings(), tell).await;
        // The receiver waits for the end of this.
        let _received = told.send(ran);
    });
    outcome.recv().context("the experiment has ended without a word")?
}

/// Runs everything at the scale of docs/metadata.md and tells each table as it is there.
fn tables(mut tell: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (heading, settings) in [
        ("As the client is", Setting::switched()),
        ("By lists", Setting::by_lists()),
        ("Weakened", [Setting::weakened(), vec![Setting::bare_lists()]].concat()),
    ] {
        tell(&format!("\n## {heading}\n"))?;
        for setting in settings {
            let (amount, more) = report::run(Scale::whole(), &setting);
            tell(&report::table(setting.name, amount, &more))?;
            rows.extend(more);
        }
    }
    Ok(rows)
}

fn keep(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).context("the folder cannot be made")?;
    let mut text =
        "# The linkage experiment: all figures\n\nWritten by the command in [metadata.md](../metadata.md#linking), \
        which says what they mean.\n"
            .to_owned();
    let rows = tables(|table| {
        text.push_str(table);
        Ok(())
    })?;
    std::fs::write(folder.join("linkage.md"), text)?;
    for (name, task, ips) in [
        ("linking", Task::Linking, false),
        ("co-membership", Task::CoMembership, false),
        ("acquaintance", Task::Acquaintance, true),
        ("sender", Task::Sender, false),
    ] {
        let picture = plot::bars(task, Traffic::Covered, ips, &rows);
        std::fs::write(folder.join(format!("linkage-{name}.svg")), picture)?;
    }
    Ok(())
}
