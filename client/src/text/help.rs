//! What `--help` says, from the same files.
//!
//! The message `help-circle-remove` tells what `himaya circle remove` does, and its attributes what each of its
//! arguments means, by the id that clap knows them by. `help-himaya` is the program itself.

use std::collections::BTreeSet;

use clap::Command;

use super::Texts;

/// Puts the texts into a command and all below it.
pub fn fill(command: Command, texts: &Texts) -> Command {
    fill_below(command, texts, "himaya")
}

/// Every id that a command and all below it ask for; arguments as `help-sos.note`.
pub fn ids(command: &Command) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    ids_below(command, "himaya", &mut ids);
    ids
}

fn fill_below(command: Command, texts: &Texts, name: &str) -> Command {
    let id = format!("help-{name}");
    let command = match texts.message(&id, None, &[]) {
        Some(about) => command.about(about),
        None => command,
    };
    command
        .mut_args(|arg| match texts.message(&id, Some(arg.get_id().as_str()), &[]) {
            Some(help) => arg.help(help),
            None => arg,
        })
        .mut_subcommands(|below| {
            let name = below_name(name, below.get_name());
            fill_below(below, texts, &name)
        })
}

fn ids_below(command: &Command, name: &str, ids: &mut BTreeSet<String>) {
    ids.insert(format!("help-{name}"));
    let own = |id: &str| !matches!(id, "help" | "version");
    let args = command.get_arguments().map(|arg| arg.get_id().as_str()).filter(|id| own(id));
    ids.extend(args.map(|arg| format!("help-{name}.{arg}")));
    for below in command.get_subcommands() {
        ids_below(below, &below_name(name, below.get_name()), ids);
    }
}

fn below_name(above: &str, name: &str) -> String {
    if above == "himaya" { name.to_owned() } else { format!("{above}-{name}") }
}
