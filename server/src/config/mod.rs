//! `relay.toml`: strict, commented, without secrets.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use crate::service::{Policy, PolicyError};
use crate::store::Admission;

mod units;

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
    /// What one relay takes on at a time.
    pub limits: Limits,
}

/// Who may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anybody.
    Open,
}

/// What one relay takes on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Connections.
    pub connections: NonZeroU32,
    /// Feeds among them.
    pub feeds: NonZeroU32,
    /// How long a peer may take for a handshake, a head, a body or taking an answer.
    #[serde(deserialize_with = "units::duration")]
    pub patience: Duration,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not the TOML that is expected.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// Windows or retention are outside the limits.
    #[error("{0}")]
    Policy(#[from] PolicyError),
}

impl Config {
    /// The commented file of a new relay.
    pub fn template(listen: SocketAddr, link_host: &str) -> String {
        TEMPLATE.replace("@LISTEN@", &listen.to_string()).replace("@LINK_HOST@", link_host)
    }

    /// Reads and checks a file's text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.policy()?;
        Ok(config)
    }

    /// What the service is bound to.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        let admission = match self.access {
            Access::Open => Admission::Open,
        };
        let window = u32::try_from(self.window.as_secs()).map_err(|_| PolicyError::Window)?;
        Policy::new(admission, self.retention, window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> String {
        Config::template("127.0.0.1:7443".parse().unwrap(), "relay.example.org:443")
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
        assert_eq!(config.limits.patience, Duration::from_secs(30));
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
            ("window = \"24h\"", "window = \"0s\""),
            ("window = \"24h\"", "window = \"24\""),
            ("window = \"24h\"", "window = \"-1h\""),
            ("window = \"24h\"", "window = \"99999999999d\""),
            ("window = \"24h\"", "window = 24"),
            ("reserve = \"256MiB\"", "reserve = \"256MB\""),
            ("reserve = \"256MiB\"", "reserve = \"99999999999999GiB\""),
            ("listen = \"127.0.0.1:7443\"", "listen = \"127.0.0.1\""),
        ] {
            let text = template().replace(right, wrong);
            assert_ne!(text, template(), "{right} is not in the template");
            assert!(Config::parse(&text).is_err(), "{wrong} was accepted");
        }
    }
}
