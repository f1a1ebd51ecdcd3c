//! Deleted means deleted: what expired is in no file of the relay, what a client has read or destroyed on no page of it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::ensure;
use himaya::engine::{self, Draft};
use himaya::store::Profile;
use himaya_protocol::content::ThreatAlert;
use himaya_protocol::content::value::Note;
use himaya_protocol::wire::secret::Secret;
use himaya_protocol::wire::{Address, Cell, Chunk};
use himaya_relay::store::{Admission, CellStore, Nullifier, SledStore, Spend};
use himaya_tests::binaries::Home;
use himaya_tests::scene::{Scene, alert_id, synced};
use himaya_tests::sim::{DAY, Person, World, play};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::scan::Scanner;

/// Cells, chunks and spent tokens of a window, and what to look for them by.
async fn fill(store: &SledStore, window: u32, rng: &mut ChaCha20Rng) -> anyhow::Result<Scanner> {
    store.advance(window, window.saturating_sub(1)).await?;
    store.keep_token_key(window, Secret::new([7; 32])).await?;
    let mut wanted = Scanner::default();
    let mut random = |size: usize| {
        let mut bytes = vec![0; size];
        rng.fill_bytes(&mut bytes);
        bytes
    };
    for _ in 0..40 {
        let (address, cell, chunk, token) = (random(32), random(4_096), random(65_536), random(32));
        wanted.bytes("an address", &address)?;
        wanted.bytes("a piece of a cell", &cell[1_000..1_032])?;
        wanted.bytes("a piece of a chunk", &chunk[40_000..40_032])?;
        wanted.bytes("a spent token", &token)?;
        let address = Address::new(address.as_slice().try_into()?);
        let spend = Spend { since: window, nullifier: Nullifier(token.as_slice().try_into()?) };
        let cell = Cell::from_bytes(cell).ok_or_else(|| anyhow::anyhow!("a cell's size"))?;
        let chunk = Chunk::from_bytes(chunk).ok_or_else(|| anyhow::anyhow!("a chunk's size"))?;
        store.put_cell(address, cell, Admission::Token(spend)).await?;
        store.put_chunk(address, chunk, Admission::Open).await?;
    }
    Ok(wanted)
}

#[test]
fn what_expired_is_in_no_file_of_the_relay() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let store = SledStore::open(folder.path(), 1 << 20, [0; 8])?;
    // Two windows are kept: the one that is written and the one before it.
    let mut all = Vec::new();
    for window in 100..104 {
        all.push(runtime.block_on(fill(&store, window, &mut rng))?);
        store.wait_for_flat_files();
        for (age, wanted) in all.iter().rev().enumerate() {
            let found: BTreeSet<_> = wanted
                .folder(folder.path())?
                .into_iter()
                .filter_map(|found| Some(found.rsplit_once(": ")?.1.to_owned()))
                .collect();
            let expected: &[&str] = match age {
                0 | 1 => &["a piece of a cell", "a piece of a chunk", "a spent token", "an address"],
                _ => &[],
            };
            assert!(found.iter().eq(expected), "{age} windows old: {found:?}");
        }
    }
    // Nor after a stop and a start, which may find what a stop has left.
    drop(store);
    let store = SledStore::open(folder.path(), 1 << 20, [1; 8])?;
    runtime.block_on(store.advance(110, 110))?;
    store.wait_for_flat_files();
    drop(store);
    for wanted in &all {
        assert_eq!(wanted.folder(folder.path())?, [""; 0]);
    }
    Ok(())
}

/// Every page of a profile as it is once it is decrypted, free ones too.
fn pages(home: &Home) -> anyhow::Result<Vec<u8>> {
    let passphrase = std::fs::read_to_string(home.passphrase_file())?;
    Ok(Profile::open(home.folder(), passphrase.trim_end().as_bytes())?.image()?)
}

/// The files of a profile that is not in use: no write-ahead log, no journal.
fn is_at_rest(folder: &Path) -> anyhow::Result<bool> {
    let names: BTreeSet<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()?;
    let names: Vec<_> = names.iter().filter_map(|name| name.to_str()).collect();
    Ok(["a", "b", "profile"].iter().all(|name| names.contains(name)) && !names.iter().any(|name| name.contains('-')))
}

#[test]
fn where_a_client_has_read_and_written_is_on_no_page_of_it() -> anyhow::Result<()> {
    let (scene, proxy) = Scene::behind_proxy()?;
    let [owner, guest] = scene.circle(["Dilan", "Rojin"])?;
    for _ in 0..3 {
        let alert = alert_id(&owner.done(["sos", "arrest", "--note", "taken at the mill"])?)?;
        synced(&guest)?;
        guest.done(["ack", &alert, "--acting"])?;
        synced(&owner)?;
    }
    // What each has written itself is kept until it has been read.
    for home in [&owner, &guest] {
        synced(home)?;
        synced(home)?;
    }
    let mut used = Scanner::default();
    for put in proxy.puts() {
        used.bytes("the address of a box", put.address())?;
        used.bytes("a piece of a box", &put.body[1_000..1_032])?;
    }
    for home in [&owner, &guest] {
        let image = pages(home)?;
        assert_eq!(used.find(&image), [""; 0], "on the pages of {}", home.name());
        let mut there = Scanner::default();
        there.text("what the log keeps", "taken at the mill")?;
        ensure!(!there.find(&image).is_empty(), "what is there is found, so these are the pages");
        ensure!(is_at_rest(home.folder())?, "nothing lies beside them");
        assert_eq!(used.folder(home.folder())?, [""; 0], "nor in the files as they are");
    }
    Ok(())
}

fn person(world: &mut World, name: &str, folder: &Path) -> Person {
    world.person_at(name, &folder.join(name))
}

#[test]
fn what_expired_is_on_no_page_of_a_client() {
    play(async || {
        let folder = tempfile::tempdir().expect("there is room");
        let mut world = World::new(902);
        let mut people = vec![person(&mut world, "Dilan", folder.path()), person(&mut world, "Rojin", folder.path())];
        let [owner, guest] = people.as_mut_slice() else { panic!("two were made") };
        owner.create_circle("home");
        owner.add(guest, "home").await;
        let mut wanted = Scanner::default();
        wanted.text("words", "taken at the mill").expect("long enough");
        let circle = owner.circle("home");
        let note = Note::new("taken at the mill").expect("it is short enough");
        let alert = ThreatAlert { note: Some(note), ..ThreatAlert::default() };
        let alert = owner.run(|ctx| engine::raise(ctx, Some(&circle), alert, &Draft::default()));
        wanted.bytes("what names it", &alert.as_bytes()[..]).expect("long enough");
        for person in [&mut *owner, &mut *guest] {
            person.sync().await;
            let image = person.image();
            assert!(wanted.find(&image).len() >= 2, "{} has it", person.name);
        }
        for _ in 0..17 {
            world.clock.advance(2 * DAY);
            for person in [&mut *owner, &mut *guest] {
                person.sync().await;
            }
        }
        let mut words = Scanner::default();
        words.text("words", "taken at the mill").expect("long enough");
        for person in [&mut *owner, &mut *guest] {
            assert!(!person.has(alert), "it has expired");
            assert_eq!(words.find(&person.image()), [""; 0], "{} keeps some of it", person.name);
        }
    });
}
