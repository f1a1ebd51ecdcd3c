//! Disks of a test's own: a small one to fill, one whose power can be cut.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use himaya_relay::store::{Admission, CellStore, Put as Outcome, SledStore, StoreError};
use hyper::StatusCode;

use crate::client::{Put, Session, address, cell, chunk, pick_cells, post};
use crate::process::Home;

/// A mounted filesystem, unmounted when dropped.
pub struct Mount {
    pub path: PathBuf,
    /// How to mount it again.
    arguments: Vec<String>,
    _folder: tempfile::TempDir,
}

/// Runs a command; `Err` says why it did not work.
fn run(program: &str, arguments: &[String]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

impl Mount {
    /// A filesystem in memory of `mebibytes`.
    pub fn in_memory(mebibytes: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={mebibytes}m");
        let arguments = ["-t", "tmpfs", "-o", &size, "himaya-test", &text(&path)].map(str::to_owned).to_vec();
        run("mount", &arguments)?;
        Ok(Self { path, arguments, _folder: folder })
    }

    /// An ext4 in a file of `mebibytes`.
    pub fn in_a_file(mebibytes: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let (image, path) = (folder.path().join("image"), folder.path().join("disk"));
        std::fs::create_dir(&path).unwrap();
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        run("mkfs.ext4", &["-q".to_owned(), "-F".to_owned(), text(&image)])?;
        let arguments = vec!["-o".to_owned(), "loop".to_owned(), text(&image), text(&path)];
        run("mount", &arguments)?;
        Ok(Self { path, arguments, _folder: folder })
    }

    /// An ext4 of `mebibytes` on a device that has fewer: what goes beyond is taken and cannot be written, as on a dying
    /// disk. Room comes back when the file `more` beside it is removed.
    pub fn that_fails(mebibytes: u64, there: u32, more: u32) -> Result<(Self, Device), String> {
        let device = Self::in_memory(there)?;
        let folder = tempfile::tempdir().unwrap();
        let (image, path) = (device.path.join("image"), folder.path().join("disk"));
        std::fs::create_dir(&path).unwrap();
        File::create(&image).unwrap().set_len(mebibytes << 20).unwrap();
        // What the file system itself needs is written now, so that only files lack their blocks.
        let now = "lazy_itable_init=0,lazy_journal_init=0,nodiscard".to_owned();
        run("mkfs.ext4", &["-q".to_owned(), "-F".to_owned(), "-E".to_owned(), now, text(&image)])?;
        let more_of_it = device.path.join("more");
        std::fs::write(&more_of_it, vec![7; usize::try_from(more).unwrap() << 20]).unwrap();
        let arguments = vec!["-o".to_owned(), "loop".to_owned(), text(&image), text(&path)];
        run("mount", &arguments)?;
        Ok((Self { path, arguments, _folder: folder }, Device { more: more_of_it, _memory: device }))
    }

    /// Cuts the power. Whoever writes to it fails from now on.
    pub fn cut(&self) -> Result<(), String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/powercut.py");
        run("python3", &[script.to_owned(), text(&self.path)])
    }

    /// What a machine does when the power is back. Nobody may have a file open here.
    pub fn remount(&self) {
        run("umount", &[text(&self.path)]).unwrap();
        run("mount", &self.arguments).unwrap();
    }
}

/// What a disk that fails lies on. Dropped after the disk.
pub struct Device {
    more: PathBuf,
    _memory: Mount,
}

impl Device {
    /// Puts an end to the failing.
    pub fn mend(&self) {
        std::fs::remove_file(&self.more).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if let Err(error) = run("umount", &["-l".to_owned(), text(&self.path)]) {
            eprintln!("a test's disk stays mounted: {error}");
        }
    }
}

/// Says that a test proved nothing here, and why, past the test harness's capture. `HIMAYA_NO_SKIP` forbids it.
pub fn skipped(test: &str, why: &str) {
    assert!(std::env::var_os("HIMAYA_NO_SKIP").is_none(), "{test} cannot run here: {why}");
    // Not eprintln!, which the harness keeps to itself when a test passes.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED {test}: {why}").unwrap();
}

#[tokio::test]
async fn a_relay_on_a_full_disk_reads_on() {
    let disk = match Mount::in_memory(64) {
        Ok(disk) => disk,
        Err(why) => return skipped("a_relay_on_a_full_disk_reads_on", &why),
    };
    let home = Home::at(&disk.path.join("relay"));
    home.configure("reserve = \"1MiB\"", "reserve = \"24MiB\"");
    let relay = home.serve();
    let mut session = Session::open(&relay).await.unwrap();
    assert_eq!(session.put_cell(&address(0), &cell(0)).await, Ok(Put::Stored));
    let mut stored = 0;
    let refusal = loop {
        match session.put_chunk(&address(stored + 1), &chunk(stored)).await {
            Ok(put) => assert_eq!(put, Put::Stored),
            Err(refusal) => break refusal,
        }
        stored += 1;
    };
    assert!(refusal.starts_with("507"), "{refusal}");
    assert!(stored > 100, "only {stored} chunks fitted");
    let record = himaya_protocol::wire::relay::record(&address(9_999), &cell(1));
    let answer = post(&relay, "/v1/cells", record).await;
    assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(answer.body.len(), himaya_protocol::wire::relay::PUT_ANSWER_SIZE);

    fill_up(&disk.path.join("somebody-else"));
    // What is there is there: repeats and conflicts are answered, and reading goes on.
    assert_eq!(session.put_cell(&address(0), &cell(0)).await, Ok(Put::Same));
    assert!(matches!(session.put_cell(&address(0), &cell(1)).await, Ok(Put::Taken(_))));
    assert_eq!(pick_cells(&relay, &[address(0), address(9_999)]).await, [Some(cell(0)), None]);
    relay.kill();
    let relay = home.serve();
    assert_eq!(pick_cells(&relay, &[address(0)]).await, [Some(cell(0))]);
    assert_eq!(
        post(&relay, "/v1/cells", himaya_protocol::wire::relay::record(&address(7), &cell(7))).await.status,
        507
    );
    std::fs::remove_file(disk.path.join("somebody-else")).unwrap();
}

#[tokio::test]
async fn windows_expire_and_begin_on_a_full_disk() {
    // On ext4 a new folder needs a block of its own, so there it takes the ballast to begin a window.
    for disk in [Mount::in_memory(64), Mount::in_a_file(96)] {
        match disk {
            Ok(disk) => expire_and_begin(&disk).await,
            Err(why) => skipped("windows_expire_and_begin_on_a_full_disk", &why),
        }
    }
}

async fn expire_and_begin(disk: &Mount) {
    let store = SledStore::open(&disk.path.join("store"), 16 << 20, [1; 8]).unwrap();
    let mut name = 0;
    for window in 1.. {
        store.advance(window, 0).await.unwrap();
        let mut full = false;
        for _ in 0..100 {
            name += 1;
            match store.put_chunk(address(name), chunk(name), Admission::Open).await {
                Ok(put) => assert_eq!(put, Outcome::Stored),
                Err(error) => {
                    assert_eq!(error, StoreError::Full);
                    full = true;
                    break;
                }
            }
        }
        if full {
            break;
        }
    }
    fill_up(&disk.path.join("somebody-else"));
    let newest = store.newest_window() + 1;
    store.advance(newest, 0).await.unwrap();
    assert_eq!(store.newest_window(), newest, "a window begins, with the ballast's help if need be");
    assert_eq!(store.chunk(&address(1)).unwrap(), Some(chunk(1)));
    store.advance(newest, newest).await.unwrap();
    assert_eq!(store.chunk(&address(1)).unwrap(), None);
    assert_eq!(
        store.put_chunk(address(1), chunk(2), Admission::Open).await,
        Ok(Outcome::Stored),
        "what expired has made room"
    );
}

/// Takes the rest of a disk.
fn fill_up(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
    assert!(file.write_all(&[7; 4_096]).is_err(), "the disk is not full");
}
