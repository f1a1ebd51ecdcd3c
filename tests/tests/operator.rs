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
use himaya::transport::Transport;
use himaya::transport::https::{Https, Timeouts, Via};
use himaya::transport::route::Route;
use himaya_protocol::wire::link::ForwardLink;
use himaya_tests::binaries::{RelayProcess, binaries};
use rustix::process::{Pid, Signal, kill_process};

const PAGE: &str = include_str!("../../docs/operator.md");
/// The services by their names.
const UNITS: [(&str, &str); 2] = [
    ("himaya-relay", include_str!("../../packaging/himaya-relay.service")),
    ("himaya-forward", include_str!("../../packaging/himaya-forward.service")),
];
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
    (
        "sudo",
        r#"if [ "$1" = -u ]; then
            # Each service's commands are run by its own user.
            for folder in "$RELAY" "$FORWARD"; do
                if [[ " $* " == *" $folder"[\ /]* ]]; then [ "$2" = "${folder##*/}" ]; fi
            done
            shift 2
        fi
        exec "$@""#,
    ),
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
        r#"name=${!#}; here="$STAGE/$name"
        unit() { sed -n "s/^$1=//p" "$here.service"; }
        start() {
            [ -e "$(unit ConditionPathExists)" ] && [ "$(unit User)" = "$name" ]
            rm -f "$here.out"; mkfifo "$here.out"
            $(unit ExecStart) >"$here.out" 2>>"$here.journal" </dev/null &
            echo $! >"$here.pid"
            read -r line <"$here.out"
            case "$line" in "listening on "*) ;; *) exit 1 ;; esac
        }
        stop() { kill -TERM "$(cat "$here.pid")"; tail --pid="$(cat "$here.pid")" -f /dev/null; rm "$here.pid"; }
        case "$1" in
            enable) [ "$2" = --now ]; start ;;
            restart) stop; start ;;
            reload) MAINPID=$(cat "$here.pid"); export MAINPID; eval "$(unit ExecReload)" ;;
            disable) [ "$2" = --now ]; stop ;;
            *) exit 64 ;;
        esac"#,
    ),
    ("journalctl", r#"[ "$*" = "-u himaya-relay" ]; cat "$STAGE/himaya-relay.journal""#),
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
    (
        "install",
        r#"last=${!#}; name=${last##*/}; [ "$*" = "-d -m 0700 -o $name -g $name $last" ]; mkdir -m 0700 "$last""#,
    ),
    ("himaya-relay", r#"exec "$BINARY" "$@""#),
];

/// A folder in which the page is played. What still runs at the end is killed.
struct Stage {
    folder: tempfile::TempDir,
    port: u16,
    health: u16,
    forward: u16,
    /// The relay of the other organisation.
    theirs: RelayProcess,
}

impl Stage {
    fn build() -> anyhow::Result<Self> {
        let free = || anyhow::Ok(TcpListener::bind("127.0.0.1:0")?);
        let (port, health, forward) = (free()?, free()?, free()?);
        let (port, health) = (port.local_addr()?.port(), health.local_addr()?.port());
        let (folder, forward) = (tempfile::tempdir()?, forward.local_addr()?.port());
        let mut theirs = RelayProcess::init(&folder.path().join("theirs"))?;
        theirs.serve()?;
        let stage = Self { folder, port, health, forward, theirs };
        let folder = stage.folder.path();
        fs::create_dir_all(folder.join("var"))?;
        fs::create_dir_all(folder.join("home"))?;
        fs::create_dir_all(folder.join("bin"))?;
        for (name, script) in STAND_INS {
            let path = folder.join("bin").join(name);
            fs::write(&path, format!("#!/bin/bash\nset -euo pipefail\n{script}\n"))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        for (name, unit) in UNITS {
            fs::write(folder.join(format!("{name}.service")), stage.here(unit))?;
        }
        for (name, script) in SCRIPTS {
            fs::write(folder.join(name), stage.here(script))?;
        }
        Ok(stage)
    }

    fn relay(&self) -> PathBuf {
        self.folder.path().join("var/himaya-relay")
    }

    fn forwarder(&self) -> PathBuf {
        self.folder.path().join("var/himaya-forward")
    }

    /// A text of the page with this stage's folder and ports.
    fn here(&self, text: &str) -> String {
        let services = self.folder.path().join("var");
        text.replace("/var/lib/himaya-", &services.join("himaya-").to_string_lossy())
            .replace("/var/lib/$name", &services.join("$name").to_string_lossy())
            // The machine's own systemd is left alone.
            .replace("/run/systemd/system", &services.join("no-systemd").to_string_lossy())
            .replace("/usr/bin/himaya-relay", "himaya-relay")
            .replace("0.0.0.0", "127.0.0.1")
            .replace("7443", &self.port.to_string())
            .replace("7453", &self.forward.to_string())
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
            .env("FORWARD", self.forwarder())
            .env("THEIRS", self.theirs.link())
            .env("BINARY", &binaries()?.relay)
            .env("VERSION", env!("CARGO_PKG_VERSION"))
            .stdin(Stdio::null())
            .output()?;
        let err = String::from_utf8_lossy(&output.stderr);
        let journals = UNITS.map(|(name, _)| fs::read_to_string(folder.join(format!("{name}.journal"))));
        let journal = journals.into_iter().flatten().collect::<String>();
        ensure!(output.status.success(), "{script}\nended with {}: {err}\njournal: {journal}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for (name, _) in UNITS {
            let pid = fs::read_to_string(self.folder.path().join(format!("{name}.pid"))).ok();
            if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.trim().parse().ok()?)) {
                // It may have ended by itself.
                let _ended = kill_process(pid, Signal::KILL);
            }
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
        let says = stage.play(&stage.here(block))?;
        if block.contains("forward link") {
            assert_leads_to_them(&stage, says.lines().last().unwrap_or_default())?;
        }
        printed.push(says);
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
    assert!(!stage.relay().exists() && !stage.forwarder().exists(), "a purge leaves nothing");
    for (name, _) in UNITS {
        assert!(!stage.folder.path().join(format!("{name}.pid")).exists(), "{name} was stopped");
    }
    Ok(())
}

/// Through the forwarder that the page sets up, the other organisation's relay is reached. The link names another host: only its
/// key counts here.
fn assert_leads_to_them(stage: &Stage, link: &str) -> anyhow::Result<()> {
    let printed: ForwardLink = link.parse().context("it prints a forward link")?;
    assert_eq!(printed.endpoint(), format!("forward.example.org:{}", stage.forward));
    let forwarder = ForwardLink::new(&format!("127.0.0.1:{}", stage.forward), *printed.pin())?;
    let via = Via { forwarder, seen: Vec::new() };
    let client = Https::through(&stage.theirs.link().parse()?, via, Route::direct(), Timeouts::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    assert!(!runtime.block_on(client.descriptor())?.gateway_keys.is_empty());
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
fn the_units_are_hardened() -> anyhow::Result<()> {
    if !is_installed("systemd-analyze") {
        return skipped("the_units_are_hardened", "systemd-analyze is not installed");
    }
    for (name, _) in UNITS {
        let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../packaging/{name}.service"));
        let analyzed = Command::new("systemd-analyze")
            .args(["security", "--no-pager", "--offline=true", &format!("--threshold={EXPOSURE}")])
            .arg(&unit)
            .output()?;
        let table = String::from_utf8_lossy(&analyzed.stdout);
        ensure!(analyzed.status.success(), "{table}{}", String::from_utf8_lossy(&analyzed.stderr));
        assert!(table.contains(&format!("Overall exposure level for {name}.service")), "{table}");
    }
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
