//! What each past epoch that is kept costs in a group of 50: the reason for keeping few.

use himaya::engine;

use crate::Effort;
use crate::group::{Group, Growth, Tree};
use crate::limits::Disk;
use crate::measure::{Samples, head, ms, ratio, row, timed};
use crate::people::folder;
use crate::person::{CIRCLE, Person, Storage};

/// The engine keeps no more (design: at most 5).
const KEPT: usize = 5;

#[derive(Default)]
struct Costs {
    load: Samples,
    send: Samples,
    receive: Samples,
    secrets: i64,
}

pub fn run(effort: Effort) -> anyhow::Result<()> {
    let (size, times) = effort.pick((5, 3), (50, 30));
    let folder = folder()?;
    let mut disk = Disk::new(folder.path());
    let mut flush = Samples::default();
    let file = by_epochs(Storage::File(folder.path()), size, times, || disk.flush(&mut flush));
    let memory = by_epochs(Storage::Memory, size, times, || ());
    head(
        &format!("Past epochs kept by a member of a group of {size}, median of {times}, milliseconds"),
        &["kept", "load", "send", "receive", "all three", "to none kept", "in memory", "bytes of secrets"],
    );
    let sum = |costs: &Costs| costs.load.median() + costs.send.median() + costs.receive.median();
    let none = file.first().map(sum).unwrap_or_default();
    for (kept, (file, memory)) in file.iter().zip(&memory).enumerate() {
        row(&[
            kept.to_string(),
            ms(file.load.median()),
            ms(file.send.median()),
            ms(file.receive.median()),
            ms(sum(file)),
            ratio(sum(file), none),
            ms(sum(memory)),
            file.secrets.to_string(),
        ]);
    }
    println!(
        "\nBeside it: append 4 KiB and fdatasync {} ms; sending takes two of them, receiving one.",
        ms(flush.median())
    );
    Ok(())
}

/// A newcomer has no past; each commit gives it one epoch more.
fn by_epochs(storage: Storage<'_>, size: usize, times: usize, mut beside: impl FnMut()) -> Vec<Costs> {
    let mut growth = Growth::default();
    let mut group = Group::of_two(Storage::Memory, Tree::Bare, 0, &mut growth);
    while group.size + 1 < size {
        group.grow(&mut growth, false);
    }
    let mut newcomer = group.newcomer(storage);
    group.add(&mut newcomer, &mut growth, true);
    let mut by_epochs = Vec::new();
    for kept in 0..=KEPT {
        if kept > 0 {
            let commit = group.update_reader(&mut Samples::default(), &mut Samples::default());
            assert!(newcomer.take_in(&commit), "it is the epoch's first");
        }
        by_epochs.push(costs(&mut newcomer, &mut group.reader, times, &mut beside));
    }
    by_epochs
}

fn costs(member: &mut Person, other: &mut Person, times: usize, beside: &mut impl FnMut()) -> Costs {
    let mut costs = Costs::default();
    for _ in 0..times {
        beside();
        timed(&mut costs.load, || {
            member.run(|ctx| {
                let circle = engine::named(ctx, CIRCLE)?;
                engine::authenticator(ctx, &circle)
            })
        });
        timed(&mut costs.send, || member.alert());
        let event = other.alert();
        assert!(timed(&mut costs.receive, || member.take_in(&event)), "nobody else wrote there");
    }
    let sql = "SELECT sum(length(group_data)) FROM openmls_group_data WHERE data_type = 'message_secrets'";
    costs.secrets = member.run(|ctx| Ok(ctx.row(sql, &[], |row| row.get(0))?)).unwrap_or_default();
    costs
}
