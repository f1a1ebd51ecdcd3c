//! What lies in a relay's folder after people have used it is what the schema declares, byte for byte, and no more (I6).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use himaya_relay::schema::{CELLS, CHUNKS, INVITES, PLACES, SPENT, STORED};
use himaya_tests::binaries::{RelayProcess, until};
use himaya_tests::scene::{Scene, alert_id, synced};

/// A chunk's record is stored in pieces of this size, each under its address and number.
const PIECE: usize = 4_096;
/// Before the records of a flat file.
const HEADER: usize = 32;
/// So many printable characters in a row stand in random bytes once in 2 × 10¹⁰ places.
const TEXT: usize = 24;

fn is_declared(path: &str) -> bool {
    PLACES.iter().any(|place| {
        let (place, path): (Vec<_>, Vec<_>) = (place.path.split('/').collect(), path.split('/').collect());
        place.len() == path.len()
            && place.iter().zip(path).all(|(place, name)| match place.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *place == name,
            })
    })
}

/// Every file and folder below `root`, by its path from there.
fn paths(folder: &Path, root: &Path) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        all.push(path.strip_prefix(root)?.to_str().context("a name is text")?.to_owned());
        if path.is_dir() {
            all.extend(paths(&path, root)?);
        }
    }
    Ok(all)
}

fn declared_size(tree: &str, field: &str) -> anyhow::Result<usize> {
    let record = STORED.iter().find(|record| record.name == tree).context("the record is declared")?;
    let declared = record.fields.iter().find(|declared| declared.name == field);
    Ok(declared.context("the field is declared")?.size)
}

/// The declared sizes of a record's fields but its window, which is a folder's name.
fn sizes(tree: &str) -> anyhow::Result<usize> {
    let record = STORED.iter().find(|record| record.name == tree).with_context(|| format!("{tree} is declared"))?;
    Ok(record.fields.iter().filter(|field| field.name != "window").map(|field| field.size).sum())
}

/// Everything in a database that the schema does not declare, and how many records of each kind are there.
fn undeclared(database: &Path) -> anyhow::Result<(Vec<String>, [usize; 3])> {
    let db = sled::open(database)?;
    let (mut strange, mut counts) = (Vec::new(), [0; 3]);
    for name in db.tree_names() {
        let name = String::from_utf8(name.to_vec())?;
        let tree = db.open_tree(&name)?;
        let (kind, key, value, pieces) = match name.as_str() {
            // sled's own; it is always there and we keep nothing in it.
            "__sled__default" => {
                strange.extend(tree.iter().map(|_| "a record in no tree".to_owned()));
                continue;
            }
            CELLS => (0, declared_size(CELLS, "address")?, declared_size(CELLS, "cell")?, 1),
            CHUNKS => (1, declared_size(CHUNKS, "address")? + 1, PIECE, declared_size(CHUNKS, "chunk")? / PIECE),
            SPENT => (2, declared_size(SPENT, "nullifier")?, 0, 1),
            other => {
                strange.push(format!("the tree {other}"));
                continue;
            }
        };
        if tree.len() % pieces != 0 {
            strange.push(format!("half a record in {name}"));
        }
        counts[kind] = tree.len() / pieces;
        for entry in &tree {
            let (found_key, found_value) = entry?;
            if (found_key.len(), found_value.len()) != (key, value) {
                strange.push(format!("a record of {} + {} bytes in {name}", found_key.len(), found_value.len()));
            }
        }
    }
    strange.sort_unstable();
    Ok((strange, counts))
}

/// How many records a flat file has: it is nothing but its header and so many records, sorted, of the declared fields,
/// each address and nullifier twice.
fn flat_records(path: &Path) -> anyhow::Result<usize> {
    let bytes = std::fs::read(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).context("a name")?;
    let count = bytes.get(16..24).and_then(|count| count.try_into().ok()).map(u64::from_be_bytes);
    let count = usize::try_from(count.context("a header")?)?;
    let fields = sizes(name)?;
    ensure!(bytes.len() == HEADER + count * (fields + 32), "{}: {} bytes for {count}", path.display(), bytes.len());
    let record = fields - 4;
    let keys: Vec<_> = bytes[HEADER..HEADER + count * record].chunks(record).map(|record| &record[..32]).collect();
    ensure!(keys.is_sorted_by(|one, next| one < next), "{name}: in another order than that of the addresses");
    let again = bytes[HEADER + count * record..].chunks(36).map(|entry| &entry[..32]);
    ensure!(again.eq(keys.iter().copied()), "{name}: something else than the addresses stands beside the checksums");
    Ok(count)
}

/// Texts of some length in a file.
fn texts(path: &Path) -> anyhow::Result<Vec<String>> {
    let bytes = std::fs::read(path)?;
    let runs = bytes.split(|byte| !(b' '..=b'~').contains(byte)).filter(|run| run.len() >= TEXT);
    Ok(runs.map(|run| String::from_utf8_lossy(run).into_owned()).collect())
}

/// A relay that asks for tokens and has closed windows, killed while it was in use.
fn used() -> anyhow::Result<(Scene, Vec<PathBuf>)> {
    let root = tempfile::tempdir()?;
    let mut relay = RelayProcess::init(&root.path().join("relay"))?;
    relay.configure("access = \"open\"", "access = \"tokens\"")?;
    relay.configure("window = \"24h\"", "window = \"15s\"")?;
    relay.configure("retention = 14", "retention = 30")?;
    relay.serve()?;
    let mut scene = Scene { relay, root };
    let (owner, guest) = (scene.person("Dilan")?, scene.person("Rojin")?);
    for home in [&owner, &guest] {
        home.done(["invite", "add", &scene.relay.invite()?])?;
    }
    owner.done(["circle", "new", "home"])?;
    owner.befriend(&guest, "home", "contact")?;
    let windows = scene.relay.folder().join("store/windows");
    let folders =
        || -> anyhow::Result<Vec<PathBuf>> { std::fs::read_dir(&windows)?.map(|entry| Ok(entry?.path())).collect() };
    // Until a window with cells in it is closed and rewritten, and another one is written.
    until("a closed window beside one that is written", || {
        alert_id(&owner.done(["sos", "arrest", "--note", "taken at the mill"])?)?;
        synced(&guest)?;
        let folders = folders()?;
        let flat =
            folders.iter().any(|folder| folder.join("flat/cells").metadata().is_ok_and(|file| file.len() > 4_096));
        Ok((flat && folders.iter().any(|folder| folder.join("whole").exists())).then_some(()))
    })?;
    scene.relay.kill()?;
    let folders = folders()?;
    Ok((scene, folders))
}

#[test]
fn every_file_and_every_record_is_declared() -> anyhow::Result<()> {
    let (scene, windows) = used()?;
    let folder = scene.relay.folder();
    let strange: Vec<_> = paths(folder, folder)?.into_iter().filter(|path| !is_declared(path)).collect();
    assert_eq!(strange, [""; 0]);
    let records = std::fs::read(folder.join("invites/records"))?;
    assert_eq!(records.len(), 1 + 2 * sizes(INVITES)?, "a version, and two invites of the declared fields");
    let (mut flats, mut databases) = ([0; 3], [0; 3]);
    for window in windows {
        let flat = window.join("flat");
        if flat.exists() {
            assert_eq!(std::fs::read_dir(&flat)?.count(), 3);
            for (sum, name) in flats.iter_mut().zip([CELLS, CHUNKS, SPENT]) {
                *sum += flat_records(&flat.join(name))?;
                assert_eq!(texts(&flat.join(name))?, [""; 0]);
            }
        }
        let boxes = window.join("boxes");
        if boxes.exists() {
            assert_eq!(texts(&boxes.join("db"))?, [""; 0], "in the raw file, remnants included");
            assert_eq!(std::fs::read_dir(boxes.join("blobs"))?.count(), 0, "sled made a file it never syncs");
            let (strange, counts) = undeclared(&boxes)?;
            assert_eq!(strange, [""; 0]);
            databases.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        let key = window.join("token-key");
        if key.exists() {
            assert_eq!(std::fs::metadata(key)?.len(), 32);
        }
    }
    ensure!(flats[0] > 0 && flats[2] >= flats[0] && databases[0] > 0, "it was used: {flats:?} {databases:?}");
    ensure!(std::fs::read(folder.join("store/ballast"))?.iter().all(|byte| *byte == 0));
    for empty in ["store/lock", "invites/lock"] {
        assert_eq!(std::fs::metadata(folder.join(empty))?.len(), 0, "{empty}");
    }
    println!("cells, chunks, spent tokens in flat files {flats:?}, in databases {databases:?}");
    Ok(())
}

#[test]
fn what_is_not_declared_is_found() -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    {
        let db = sled::open(scratch.path())?;
        db.open_tree("senders")?.insert(b"who", b"when")?;
        db.open_tree(CELLS)?.insert(b"who", b"when")?;
        db.insert(b"who", &b"when from 127.0.0.1 by a telephone"[..])?;
    }
    let (strange, _) = undeclared(scratch.path())?;
    assert_eq!(strange, ["a record in no tree", "a record of 3 + 4 bytes in cells", "the tree senders"]);
    ensure!(texts(&scratch.path().join("db"))?.iter().any(|text| text.contains("telephone")));
    ensure!(!is_declared("store/senders") && !is_declared("store/windows/0000000001/boxes/senders"));
    // A flat file with one field more, or in the order of arrival.
    let cells = sizes(CELLS)?;
    let flat = |keys: [u8; 2], more: usize| {
        let header = [&[0; 16][..], &2u64.to_be_bytes(), &[0; 8]].concat();
        let records = keys.map(|key| vec![key; cells - 4]).concat();
        let entries = keys.map(|key| [vec![key; 32], vec![0; 4 + more]].concat()).concat();
        [header, records, entries].concat()
    };
    let path = scratch.path().join("cells");
    for (bytes, good) in [(flat([1, 2], 0), true), (flat([1, 2], 8), false), (flat([2, 1], 0), false)] {
        std::fs::write(&path, bytes)?;
        assert_eq!(flat_records(&path).is_ok(), good);
    }
    Ok(())
}
