//! `relay.toml`: strict, commented, without secrets. Environment variables stand above it, one a setting.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use himaya_protocol::wire::relay;
use serde::Deserialize;

use crate::service::{Policy, PolicyError};

mod environment;
mod forward;
mod limits;
mod units;

pub use forward::Forward;
pub use limits::Limits;

const TEMPLATE: &str = include_str!("relay.toml");

/// What an operator has decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the relay listens. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What the relay link names, `host:port`.
    pub link_host: String,
    /// Who may write.
    pub access: Access,
    /// Length of a window, in whole seconds.
    #[serde(deserialize_with = "units::duration")]
    pub window: Duration,
    /// How many windows are kept.
    pub retention: u8,
    /// Bytes of the disk that stay free.
    #[serde(deserialize_with = "units::size")]
    pub reserve: u64,
    /// Bytes of the disk that all windows together may take.
    #[serde(default = "quota", deserialize_with = "units::size")]
    pub quota: u64,
    /// Who reads the log.
    #[serde(default)]
    pub log: LogForm,
    /// Where health and metrics are told, if anywhere: a loopback address.
    #[serde(default, deserialize_with = "units::loopback")]
    pub health: Option<SocketAddr>,
    /// Where tor hands over what comes to the onion service, if there is one: a loopback address.
    #[serde(default, deserialize_with = "units::loopback")]
    pub onion: Option<SocketAddr>,
    /// The relay's certificate and key.
    #[serde(default)]
    pub tls: Tls,
    /// Who gives the certificate.
    #[serde(default)]
    pub acme: Acme,
    /// What one relay takes on at a time.
    pub limits: Limits,
}

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// People.
    #[default]
    Human,
    /// Programs: one JSON object a line.
    Json,
}

/// Where certificate and key lie. What is not absolute lies below the relay's folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and what vouches for it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM. The relay link names it.
    pub key: PathBuf,
}

impl Default for Tls {
    /// What `init` makes.
    fn default() -> Self {
        Self { certificate: "tls-certificate.pem".into(), key: "tls-key.pem".into() }
    }
}

/// An authority that gives certificates by ACME (RFC 8555), if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Acme {
    /// The address of its directory.
    #[serde(deserialize_with = "units::https")]
    pub directory: Option<String>,
    /// A file with what vouches for the authority itself; what the system trusts without one.
    #[serde(deserialize_with = "units::unless_system")]
    pub roots: Option<PathBuf>,
}

/// Who may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anybody.
    Open,
    /// Whoever spends a token, which an invite yields.
    Tokens,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not the TOML that is expected.
    #[error("relay.toml: {0}")]
    Form(#[from] toml::de::Error),
    /// A forwarder's file is not the TOML that is expected.
    #[error("forward.toml: {0}")]
    Forward(toml::de::Error),
    /// Windows or retention are outside the limits.
    #[error("relay.toml: {0}")]
    Policy(#[from] PolicyError),
    /// A variable that no setting has.
    #[error(
        "{0} is no setting; unset it, or name it HIMAYA_RELAY_ and a setting of relay.toml, such as HIMAYA_RELAY_LIMITS_FEEDS"
    )]
    NoSuchVariable(String),
    /// A variable whose value its setting does not take.
    #[error("{variable}: {why}; correct the variable, or unset it and relay.toml counts")]
    Variable {
        /// The variable's name.
        variable: String,
        /// What is wrong with its value.
        why: String,
    },
}

/// The quota of a file that names none.
fn quota() -> u64 {
    1 << 30
}

impl Config {
    /// The commented file of a new relay.
    pub fn template(listen: SocketAddr, link_host: &str, access: Access) -> String {
        let access = match access {
            Access::Open => "open",
            Access::Tokens => "tokens",
        };
        let template = TEMPLATE.replace("@ACCESS@", access);
        template.replace("@LISTEN@", &listen.to_string()).replace("@LINK_HOST@", link_host)
    }

    /// Reads and checks a file's text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::parse_with(text, [])
    }

    /// Reads and checks a file's text, and what the environment says above it.
    ///
    /// The setting `limits.feeds` is the variable `HIMAYA_RELAY_LIMITS_FEEDS`. Variables without that start are
    /// somebody else's; one with it that is no setting is an error.
    pub fn parse_with(
        text: &str,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let variables = environment::read(environment)?;
        let config: Self = if variables.is_empty() {
            toml::from_str(text)?
        } else {
            let mut table = toml::from_str(text)?;
            variables.into_iter().for_each(|variable| variable.set(&mut table));
            table.try_into()?
        };
        config.policy()?;
        Ok(config)
    }

    /// What the service is bound to.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let access = match self.access {
            Access::Open => relay::Access::Open,
            Access::Tokens => relay::Access::Token,
        };
        let window = u32::try_from(self.window.as_secs()).map_err(|_| PolicyError::Window)?;
        Policy::new(access, self.retention, window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> String {
        Config::template("127.0.0.1:7443".parse().unwrap(), "relay.example.org:443", Access::Open)
    }

    #[test]
    fn the_template_says_what_the_documentation_says() {
        let config = Config::parse(&template()).unwrap();
        assert_eq!(config.listen, "127.0.0.1:7443".parse().unwrap());
        assert_eq!(config.link_host, "relay.example.org:443");
        assert_eq!(config.access, Access::Open);
        assert_eq!(config.window, Duration::from_secs(86_400));
        assert_eq!(config.retention, 14);
        assert_eq!(config.reserve, 256 << 20);
        assert_eq!(config.quota, quota());
        assert_eq!(config.limits, Limits::default());
        assert_eq!((config.log, config.health, config.tls), (LogForm::Human, None, Tls::default()));
        assert_eq!(config.onion, None);
    }

    #[test]
    fn the_template_takes_the_access_that_was_asked_for() {
        let text = Config::template("127.0.0.1:7443".parse().unwrap(), "relay.example.org:443", Access::Tokens);
        assert_eq!(Config::parse(&text).unwrap().access, Access::Tokens);
    }

    #[test]
    fn a_file_of_the_first_version_is_still_read() {
        let first = "listen = \"127.0.0.1:7443\"\nlink_host = \"relay.example.org:443\"\naccess = \"open\"\nwindow = \"24h\"\n\
                     retention = 14\nreserve = \"256MiB\"\n[limits]\nconnections = 1024\nfeeds = 512\npatience = \"30s\"\n";
        assert_eq!(Config::parse(first).unwrap(), Config::parse(&template()).unwrap());
    }

    #[test]
    fn health_is_told_on_loopback_alone() {
        for address in ["127.0.0.1:9464", "[::1]:9464"] {
            let config =
                Config::parse(&template().replace("health = \"off\"", &format!("health = \"{address}\""))).unwrap();
            assert_eq!(config.health, Some(address.parse().unwrap()));
        }
    }

    #[test]
    fn every_setting_of_the_template_is_explained() {
        let template = template();
        let lines: Vec<_> = template.lines().collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ")) {
            if !line.starts_with('#') {
                assert!(lines[number - 1].starts_with('#'), "{line} has no comment");
            }
        }
    }

    #[test]
    fn access_has_no_default() {
        let error = Config::parse(&template().replace("access = \"open\"", "")).unwrap_err();
        assert!(error.to_string().contains("access"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (right, wrong) in [
            ("access = \"open\"", "access = \"token\""),
            ("retention = 14", "retention = 0"),
            ("retention = 14", "retention = 31"),
            ("retention = 14", "retention = 14\ncolour = \"green\""),
            ("feeds = 512", "feeds = 0"),
            ("feeds = 512", "feeds = 512\ncolour = \"green\""),
            ("streams = 4", "streams = 0"),
            ("head_size = \"8KiB\"", "head_size = \"7KiB\""),
            ("head_size = \"8KiB\"", "head_size = \"65KiB\""),
            ("head = \"30s\"", "head = \"0s\""),
            ("new_connections = 200", "new_connections = 0"),
            ("speed = \"1KiB\"", "speed = \"0KiB\""),
            ("quota = \"1GiB\"", "quota = \"0GiB\""),
            ("window = \"24h\"", "window = \"0s\""),
            ("window = \"24h\"", "window = \"24\""),
            ("window = \"24h\"", "window = \"-1h\""),
            ("window = \"24h\"", "window = \"99999999999d\""),
            ("window = \"24h\"", "window = 24"),
            ("reserve = \"256MiB\"", "reserve = \"256MB\""),
            ("reserve = \"256MiB\"", "reserve = \"99999999999999GiB\""),
            ("listen = \"127.0.0.1:7443\"", "listen = \"127.0.0.1\""),
            ("log = \"human\"", "log = \"xml\""),
            ("health = \"off\"", "health = \"0.0.0.0:9464\""),
            ("health = \"off\"", "health = \"192.0.2.1:9464\""),
            ("health = \"off\"", "health = \"[::]:9464\""),
            ("health = \"off\"", "health = \"localhost:9464\""),
            ("onion = \"off\"", "onion = \"0.0.0.0:7480\""),
            ("[tls]", "[tls]\nversion = 12"),
            ("directory = \"off\"", "directory = \"http://ca.example.org\""),
        ] {
            let text = template().replace(right, wrong);
            assert_ne!(text, template(), "{right} is not in the template");
            assert!(Config::parse(&text).is_err(), "{wrong} was accepted");
        }
    }
}
