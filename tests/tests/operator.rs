//! docs/operator.md as its reader types it: with the real relay, the real unit and the real scripts of the package.
//!
//! The programs of the system are played by stand-ins, so that this runs anywhere and changes nothing outside of a folder of
//! its own: `apt` runs the package's scripts, `systemctl` does what the unit says, `sudo` becomes nobody else.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use himaya_tests::binaries::binaries;
use rustix::process::{Pid, Signal, kill_process};

const PAGE: &str = include_str!("../../docs/operator.md");
const UNIT: &str = include_str!("../../packaging/himaya-relay.service");
const TORRC: &str = include_str!("../../packaging/torrc");
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("../../packaging/debian/postinst")),
    ("prerm", include_str!("../../packaging/debian/prerm")),
    ("postrm", include_str!("../../packaging/debian/postrm")),
];
/// What `systemd-analyze security` may find at most, in tenths. docs/operator.md says 1.2.
const EXPOSURE: &str = "12";

/// Stand-ins. `$STAGE` is the test's folder.
const STAND_INS: [(&str, &str); 9] = [
    ("sudo", r#"if [ "$1" = -u ]; then [ "$2" = himaya-relay ]; shift 2; fi; exec "$@""#),
    (
        "apt",
        r#"case "$1" in
            install) [ "$2" = "./himaya-relay_$VERSION-1_amd64.deb" ]; sh "$STAGE/postinst" configure ;;
            purge) [ "$2" = himaya-relay ]; sh "$STAGE/prerm" remove; sh "$STAGE/postrm" remove; sh "$STAGE/postrm" purge ;;
            *) exit 64 ;;
        esac"#,
    ),
    (
        "systemctl",
        r#"[ "${!#}" = himaya-relay ]
        unit() { sed -n "s/^$1=//p" "$STAGE/himaya-relay.service"; }
        start() {
            [ -e "$(unit ConditionPathExists)" ]
            rm -f "$STAGE/out"; mkfifo "$STAGE/out"
            $(unit ExecStart) >"$STAGE/out" 2>>"$STAGE/journal" </dev/null &
            echo $! >"$STAGE/pid"
            read -r line <"$STAGE/out"
            case "$line" in "listening on "*) ;; *) exit 1 ;; esac
        }
        stop() { kill -TERM "$(cat "$STAGE/pid")"; tail --pid="$(cat "$STAGE/pid")" -f /dev/null; rm "$STAGE/pid"; }
        case "$1" in
            enable) [ "$2" = --now ]; start ;;
            restart) stop; start ;;
            reload) MAINPID=$(cat "$STAGE/pid"); export MAINPID; eval "$(unit ExecReload)" ;;
            disable) [ "$2" = --now ]; stop ;;
            *) exit 64 ;;
        esac"#,
    ),
    ("journalctl", r#"[ "$*" = "-u himaya-relay" ]; cat "$STAGE/journal""#),
    (
        "curl",
        r#"[ "$1" = --fail ]; rest=${2#http://127.0.0.1:}; port=${rest%%/*}
        exec 3<>"/dev/tcp/127.0.0.1/$port"
        printf 'GET /%s HTTP/1.0\r\n\r\n' "${rest#*/}" >&3
        read -r status <&3; case "$status" in *" 200 "*) cat <&3 ;; *) exit 22 ;; esac"#,
    ),
    ("adduser", ":"),
    ("getent", "exit 2"),
    // Only root could give a folder to somebody else.
    ("install", r#"[ "$*" = "-d -m 0700 -o himaya-relay -g himaya-relay $RELAY" ]; mkdir -m 0700 "$RELAY""#),
    ("himaya-relay", r#"exec "$BINARY" "$@""#),
];

/// A folder in which the page is played. What still runs at the end is killed.
struct Stage {
    folder: tempfile::TempDir,
    port: u16,
    health: u16,
}

impl Stage {
    fn build() -> anyhow::Result<Self> {
        let free = || anyhow::Ok(TcpListener::bind("127.0.0.1:0")?);
        let (port, health) = (free()?, free()?);
        let (port, health) = (port.local_addr()?.port(), health.local_addr()?.port());
        let stage = Self { folder: tempfile::tempdir()?, port, health };
        let folder = stage.folder.path();
        fs::create_dir_all(folder.join("var"))?;
        fs::create_dir_all(folder.join("home"))?;
        fs::create_dir_all(folder.join("bin"))?;
        for (name, script) in STAND_INS {
            let path = folder.join("bin").join(name);
            fs::write(&path, format!("#!/bin/bash\nset -euo pipefail\n{script}\n"))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        fs::write(folder.join("himaya-relay.service"), stage.here(UNIT))?;
        for (name, script) in SCRIPTS {
            fs::write(folder.join(name), stage.here(script))?;
        }
        Ok(stage)
    }

    fn relay(&self) -> PathBuf {
        self.folder.path().join("var/himaya-relay")
    }

    /// A text of the page with this stage's folder and ports.
    fn here(&self, text: &str) -> String {
        let relay = self.relay();
        text.replace("/var/lib/himaya-relay", &relay.to_string_lossy())
            .replace("/usr/bin/himaya-relay", "himaya-relay")
            .replace("0.0.0.0", "127.0.0.1")
            .replace("7443", &self.port.to_string())
            .replace("9464", &self.health.to_string())
    }

    /// Runs a script as somebody at the page's shell; what it printed.
    fn play(&self, script: &str) -> anyhow::Result<String> {
        let folder = self.folder.path();
        let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-x", "-c", script])
            .current_dir(folder.join("home"))
            .env("PATH", path)
            .env("STAGE", folder)
            .env("RELAY", self.relay())
            .env("BINARY", &binaries()?.relay)
            .env("VERSION", env!("CARGO_PKG_VERSION"))
            .stdin(Stdio::null())
            .output()?;
        let err = String::from_utf8_lossy(&output.stderr);
        let journal = fs::read_to_string(folder.join("journal")).unwrap_or_default();
        ensure!(output.status.success(), "{script}\nended with {}: {err}\njournal: {journal}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).ok();
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.trim().parse().ok()?)) {
            // It may have ended by itself.
            let _ended = kill_process(pid, Signal::KILL);
        }
    }
}

/// The page's blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    PAGE.split(&start).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_operators_page_works_as_it_is_printed() -> anyhow::Result<()> {
    let stage = Stage::build()?;
    let blocks = blocks("sh");
    ensure!(blocks.len() > 10, "the page has its commands in blocks of sh");
    let mut printed = Vec::new();
    for block in blocks {
        printed.push(stage.play(&stage.here(block))?);
    }
    let all = printed.concat();
    assert!(all.contains("himaya-relay:") && all.contains("listening    ok"), "{all}");
    assert!(all.contains("himaya_relay_cells 0\n# TYPE"), "{all}");
    assert!(all.contains("Everything that this relay stores"), "{all}");
    assert!(all.contains("until the end of 2099-12-31") && all.contains("Taken back"), "{all}");
    let home = stage.folder.path().join("home");
    let letter = fs::read_to_string(home.join("letter.txt"))?;
    assert!(letter.contains("What the relay at relay.example.org"), "{letter}");
    let audit: serde_json::Value = serde_json::from_str(&fs::read_to_string(home.join("audit.json"))?)?;
    assert!(audit["records"].as_array().is_some_and(|records| !records.is_empty()), "{audit}");
    let backup = stage.play("tar -tf relay-backup.tar")?;
    assert_eq!(backup.lines().collect::<Vec<_>>(), ["relay.toml", "tls-key.pem", "tls-certificate.pem"]);
    assert!(!stage.relay().exists(), "a purge leaves nothing");
    assert!(!stage.folder.path().join("pid").exists(), "the relay was stopped");
    Ok(())
}

/// Says that a test proved nothing here, and why, past the test harness's capture. `HIMAYA_NO_SKIP` forbids it.
fn skipped(test: &str, why: &str) -> anyhow::Result<()> {
    ensure!(std::env::var_os("HIMAYA_NO_SKIP").is_none(), "{test} cannot run here: {why}");
    Ok(writeln!(std::io::stderr(), "SKIPPED {test}: {why}")?)
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn the_unit_is_hardened() -> anyhow::Result<()> {
    if !is_installed("systemd-analyze") {
        return skipped("the_unit_is_hardened", "systemd-analyze is not installed");
    }
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/himaya-relay.service");
    let analyzed = Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true", &format!("--threshold={EXPOSURE}")])
        .arg(&unit)
        .output()?;
    let table = String::from_utf8_lossy(&analyzed.stdout);
    ensure!(analyzed.status.success(), "{table}{}", String::from_utf8_lossy(&analyzed.stderr));
    assert!(table.contains("Overall exposure level for himaya-relay.service"), "{table}");
    Ok(())
}

#[test]
fn tor_takes_the_recipe() -> anyhow::Result<()> {
    let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
    assert_eq!(
        blocks("torrc").into_iter().flat_map(lines).collect::<Vec<_>>(),
        lines(TORRC),
        "page and packaging/torrc"
    );
    if !is_installed("tor") {
        return skipped("tor_takes_the_recipe", "tor is not installed");
    }
    let stage = Stage::build()?;
    let folder = stage.folder.path();
    let torrc = stage.here(TORRC).replace("/var/lib/tor", &folder.join("tor").to_string_lossy());
    // No network: tor makes the key and the name, and asks nobody.
    let settings = format!("{torrc}\nDataDirectory {}\nDisableNetwork 1\nSocksPort 0\n", folder.join("tor").display());
    fs::create_dir(folder.join("tor"))?;
    fs::set_permissions(folder.join("tor"), fs::Permissions::from_mode(0o700))?;
    fs::write(folder.join("torrc"), settings)?;
    let mut tor = Command::new("tor")
        .arg("-f")
        .arg(folder.join("torrc"))
        .args(["--defaults-torrc", "/dev/null", "--Log", "err stderr"])
        .stdout(Stdio::null())
        .spawn()?;
    let hostname = folder.join("tor/himaya-relay/hostname");
    let named = himaya_tests::binaries::until("tor to make the name", || Ok(fs::read_to_string(&hostname).ok()));
    tor.kill()?;
    tor.wait()?;
    let name = named?.trim().to_owned();
    ensure!(name.len() == 62 && name.ends_with(".onion"), "{name} is no onion name of version 3");
    let init = format!(
        "himaya-relay init {} --listen 127.0.0.1:{} --link-host {name}:7443",
        stage.relay().display(),
        stage.port
    );
    let link: himaya_protocol::wire::link::RelayLink = stage.play(&init)?.trim().parse().context("it prints a link")?;
    assert_eq!(link.endpoint(), format!("{name}:7443"));
    Ok(())
}
