//! `forward.toml`: what a forwarder's operator has decided. Strict, commented, without secrets.

use std::net::SocketAddr;

use himaya_protocol::wire::link::RelayLink;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::{Limits, LogForm, Tls};

const TEMPLATE: &str = include_str!("forward.toml");

/// What a forwarder's operator has decided.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Where the forwarder listens. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// What the forward link names, `host:port`.
    pub link_host: String,
    /// The one relay that requests are handed to.
    #[serde(deserialize_with = "relay")]
    pub relay: RelayLink,
    /// Who reads the log.
    #[serde(default)]
    pub log: LogForm,
    /// The forwarder's certificate and key.
    #[serde(default)]
    pub tls: Tls,
    /// What it takes on at a time.
    #[serde(default)]
    pub limits: Limits,
}

impl Forward {
    /// The commented file of a new forwarder.
    pub fn template(listen: SocketAddr, link_host: &str, relay: &RelayLink) -> String {
        let template = TEMPLATE.replace("@LISTEN@", &listen.to_string()).replace("@LINK_HOST@", link_host);
        template.replace("@RELAY@", &relay.to_string())
    }

    /// Reads and checks a file's text.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// A relay link that leads somewhere without Tor.
fn relay<'de, D: Deserializer<'de>>(from: D) -> Result<RelayLink, D::Error> {
    let link: RelayLink = String::deserialize(from)?.parse().map_err(D::Error::custom)?;
    if link.is_onion() { Err(D::Error::custom("a forwarder reaches no onion address")) } else { Ok(link) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONION: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad.onion:443";

    #[test]
    fn the_template_is_read_and_what_is_wrong_is_refused() {
        let relay = RelayLink::new("relay.example.org:443", [7; 32]).unwrap();
        let text = Forward::template("127.0.0.1:7453".parse().unwrap(), "forward.example.org:443", &relay);
        let read = Forward::parse(&text).unwrap();
        assert_eq!(
            (read.listen, read.link_host.as_str()),
            ("127.0.0.1:7453".parse().unwrap(), "forward.example.org:443")
        );
        assert_eq!((read.relay.clone(), read.tls, read.limits), (relay.clone(), Tls::default(), Limits::default()));
        let onion = RelayLink::new(ONION, [7; 32]).unwrap();
        for (right, wrong) in [
            (relay.to_string(), "himaya-relay:AAAA".to_owned()),
            (relay.to_string(), onion.to_string()),
            ("[limits]".to_owned(), "[limits]\ncolour = 1".to_owned()),
            ("[tls]".to_owned(), "[colours]".to_owned()),
        ] {
            assert!(text.contains(&right), "{right}");
            assert!(Forward::parse(&text.replace(&right, &wrong)).is_err(), "{wrong}");
        }
    }
}
