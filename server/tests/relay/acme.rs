//! Certificates by ACME from a real authority: Let's Encrypt's pebble, on this machine alone.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;

use crate::certificate::shown;
use crate::client::{Put, address, cell, put_cell};
use crate::disk::skipped;
use crate::operator::{run, said};
use crate::process::Home;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(arguments).env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "0");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self).map_err(|error| format!("{program}: {error}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// An authority that finds every name on this machine, at a port.
struct Authority {
    directory: String,
    _running: [Running; 2],
}

impl Authority {
    fn start(folder: &Path, relay_port: u16) -> Result<Self, String> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (root, key_file) = (folder.join("authority.pem"), folder.join("authority-key.pem"));
        std::fs::write(&root, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        let (listen, management, dns, names) = (free(), free(), free(), free());
        let config = json!({"pebble": {
            "listenAddress": listen, "managementListenAddress": management,
            "certificate": root, "privateKey": key_file,
            "httpPort": free().port(), "tlsPort": relay_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": false,
        }});
        let file = folder.join("authority.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let names = names.to_string();
        let dns = dns.to_string();
        let nobody = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""];
        let found = [&["-dns01", &dns, "-management", &names, "-defaultIPv4", "127.0.0.1"][..], &nobody].concat();
        let running = [
            Running::start("pebble-challtestsrv", &found)?,
            Running::start("pebble", &["-config", file.to_str().unwrap(), "-dnsserver", &dns])?,
        ];
        while std::net::TcpStream::connect(listen).is_err() {
            std::thread::yield_now();
        }
        Ok(Self { directory: format!("https://localhost:{}/dir", listen.port()), _running: running })
    }
}

/// A relay that the authority finds, not yet started.
fn relay_for(directory: &str, root: &Path) -> Home {
    let home = Home::new();
    let listen = free();
    home.configure("listen = \"127.0.0.1:0\"", &format!("listen = \"{listen}\""));
    home.configure("link_host = \"127.0.0.1:1\"", "link_host = \"relay.himaya.test:443\"");
    home.configure("directory = \"off\"", &format!("directory = \"{directory}\""));
    home.configure("roots = \"system\"", &format!("roots = {root:?}"));
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_gives_a_certificate_for_the_key_of_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let home = relay_for("https://localhost:1/dir", &folder.path().join("authority.pem"));
    let listen = std::fs::read_to_string(home.dir.join("relay.toml")).unwrap();
    let listen = listen.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap().trim_matches('"').to_owned();
    let authority = match Authority::start(folder.path(), listen.parse::<SocketAddr>().unwrap().port()) {
        Ok(authority) => authority,
        Err(why) => return skipped("an_authority_gives_a_certificate_for_the_key_of_the_link", &why),
    };
    home.configure("https://localhost:1/dir", &authority.directory);
    let link = said(&run(&home, &["link", "DIR"]));
    let mut relay = home.serve();
    let own = std::fs::read(home.dir.join("tls-certificate.pem")).unwrap();
    let given = async {
        while std::fs::read(home.dir.join("tls-certificate.pem")).unwrap() == own {
            // Every connection checks the pin, before and after.
            let _certificate = shown(&relay).await;
        }
    };
    // The limit is for what never happens.
    tokio::time::timeout(std::time::Duration::from_secs(120), given).await.expect("the authority gives a certificate");
    let given = shown(&relay).await;
    let (_, given) = x509_parser::parse_x509_certificate(&given).unwrap();
    assert!(given.issuer().to_string().contains("Pebble"), "{}", given.issuer());
    assert_eq!(said(&run(&home, &["link", "DIR"])), link, "the link holds");
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    relay.terminate();
    let end = relay.wait();
    assert!(end.log.contains("the authority gave a certificate"), "{}", end.log);

    // The next start has nothing to ask for, and the certificate that was given is shown at once.
    let mut relay = home.serve();
    assert!(
        x509_parser::parse_x509_certificate(&shown(&relay).await).unwrap().1.issuer().to_string().contains("Pebble")
    );
    relay.terminate();
    assert!(!relay.wait().log.contains("authority"), "it asked again");
    let account = std::fs::metadata(home.dir.join("acme-account.json")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&account.permissions()) & 0o777, 0o600);
}

#[tokio::test]
async fn an_authority_that_is_not_there_does_not_keep_the_relay_from_its_work() {
    let home = relay_for(&format!("https://{}/dir", free()), Path::new("tls-certificate.pem"));
    let relay = home.serve();
    assert_eq!(put_cell(&relay, &address(1), &cell(1)).await, Ok(Put::Stored));
    drop(relay);
    home.configure("https://", "http://");
    let Err(end) = home.try_serve(&[]) else { panic!("an authority without TLS was taken") };
    assert!(end.log.contains("https://"), "{}", end.log);
}
