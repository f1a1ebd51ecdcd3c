//! Encapsulated requests (RFC 9458): the relay's keys for them, opening and sealing. No HTTP and no store.
//!
//! A key is made in a window and accepted as long as that window is kept; clients use the newest. A seed is 32 bytes in a
//! file of its own, and goes out of it when its time is over.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use himaya_protocol::wire::oblivious::{self, GatewayKey, PUBLIC_KEY_SIZE};
use himaya_protocol::wire::secret::Secret;
use ohttp::hpke::{Aead, Kdf, Kem};
use ohttp::{KeyConfig, ServerResponse, SymmetricSuite};

use crate::tokens::Random;

mod seeds;

/// Where the public key stands in a key configuration: after the key id and the KEM.
const PUBLIC_KEY_AT: usize = 3;

/// Why a request was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// Its key is not one of this relay's, or not any more.
    #[error("it is not sealed to a key of this relay")]
    UnknownKey,
    /// It does not open.
    #[error("it does not open")]
    Malformed,
}

/// Why the keys could not be exchanged. Those that were there stay.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file failed.
    #[error("the file ohttp-keys: {0}")]
    File(#[from] io::Error),
    /// The file is none of ours.
    #[error(
        "the file ohttp-keys is damaged; move it away and restart, and clients that use a forwarder take up a new key"
    )]
    Damaged,
    /// The system gave no randomness.
    #[error("{0}")]
    Randomness(#[from] crate::tokens::NoRandomness),
    /// A seed gives no key.
    #[error("no key can be made")]
    Make,
}

/// The keys of a relay, and what they open.
pub struct Gateway {
    /// Where the seeds lie; in memory alone without one.
    file: Option<PathBuf>,
    random: Random,
    ring: RwLock<Arc<Vec<Held>>>,
    /// Held while keys are exchanged.
    turning: Mutex<()>,
}

/// A key that is accepted.
struct Held {
    seed: Secret,
    key: GatewayKey,
    opener: ohttp::Server,
}

/// What seals the answer to one request.
pub struct Sealer(ServerResponse);

impl Gateway {
    /// Takes where the seeds lie, or nothing for simulations, and a source of randomness. There is no key before the
    /// first [`Gateway::turn`].
    pub fn new(file: Option<PathBuf>, random: Random) -> Self {
        Self { file, random, ring: RwLock::default(), turning: Mutex::default() }
    }

    /// Takes up the keys, makes one when it is due and forgets those whose window is older than `oldest`. Blocks on the disk.
    ///
    /// `period` is for how many windows clients use a key.
    pub fn turn(&self, newest: u32, oldest: u32, period: u32) -> Result<(), KeyError> {
        let _turning = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.ring();
        let loaded = held.is_empty();
        let mut kept = if loaded {
            let seeds = self.file.as_deref().map(seeds::read).transpose()?.unwrap_or_default();
            seeds.into_iter().map(|(first, seed)| Held::of(first, seed)).collect::<Result<Vec<_>, _>>()?
        } else {
            held.iter().map(Held::again).collect()
        };
        let before = kept.len();
        kept.retain(|held| held.key.first >= oldest);
        let due = kept.last().is_none_or(|last| newest.saturating_sub(last.key.first) >= period);
        if due {
            let mut seed = [0; 32];
            (self.random)(&mut seed)?;
            kept.push(Held::of(newest, Secret::new(seed))?);
        }
        if let Some(file) = self.file.as_deref().filter(|_| due || kept.len() != before) {
            seeds::write(file, kept.iter().map(|held| (held.key.first, &held.seed)))?;
        }
        if loaded || due || kept.len() != before {
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept);
        }
        Ok(())
    }

    /// The public keys, oldest first.
    pub fn keys(&self) -> Vec<GatewayKey> {
        self.ring().iter().map(|held| held.key.clone()).collect()
    }

    /// Opens an encapsulated request. Computes for a moment.
    pub fn open(&self, request: &[u8]) -> Result<(Vec<u8>, Sealer), GatewayError> {
        let id = request.first().ok_or(GatewayError::Malformed)?;
        let ring = self.ring();
        let held = ring.iter().rev().find(|held| held.key.id() == *id).ok_or(GatewayError::UnknownKey)?;
        // Algorithms that the key is not for count as another key: a client has to read the descriptor again.
        let (opened, sealer) = held.opener.decapsulate(request).map_err(|error| {
            let other = matches!(error, ohttp::Error::KeyId | ohttp::Error::InvalidKem | ohttp::Error::Unsupported);
            if other { GatewayError::UnknownKey } else { GatewayError::Malformed }
        })?;
        Ok((opened, Sealer(sealer)))
    }

    fn ring(&self) -> Arc<Vec<Held>> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sealer {
    /// Seals an answer. Computes for a moment.
    pub fn seal(self, answer: &[u8]) -> Result<Vec<u8>, GatewayError> {
        self.0.encapsulate(answer).map_err(|_| GatewayError::Malformed)
    }
}

impl Held {
    fn of(first: u32, seed: Secret) -> Result<Self, KeyError> {
        let suite = SymmetricSuite::new(Kdf::HkdfSha256, Aead::ChaCha20Poly1305);
        let config = KeyConfig::derive(oblivious::id_of(first), Kem::XWing, vec![suite], seed.expose());
        let config = config.map_err(|_| KeyError::Make)?;
        let encoded = config.encode().map_err(|_| KeyError::Make)?;
        let public =
            encoded.get(PUBLIC_KEY_AT..).and_then(<[u8]>::first_chunk::<PUBLIC_KEY_SIZE>).ok_or(KeyError::Make)?;
        let key = GatewayKey { first, public: Box::new(*public) };
        Ok(Self { seed, key, opener: ohttp::Server::new(config).map_err(|_| KeyError::Make)? })
    }

    fn again(&self) -> Self {
        Self { seed: self.seed.clone(), key: self.key.clone(), opener: self.opener.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    fn gateway(file: Option<PathBuf>) -> Gateway {
        static DRAWN: AtomicU8 = AtomicU8::new(0);
        let random = |bytes: &mut [u8]| {
            bytes.fill(DRAWN.fetch_add(1, Ordering::Relaxed));
            Ok(())
        };
        Gateway::new(file, Box::new(random))
    }

    fn firsts(gateway: &Gateway) -> Vec<u32> {
        gateway.keys().iter().map(|key| key.first).collect()
    }

    #[test]
    fn keys_are_made_in_their_time_and_go_with_their_window() {
        let gateway = gateway(None);
        for (newest, firsts_then) in
            [(100, vec![100]), (106, vec![100]), (107, vec![100, 107]), (113, vec![100, 107]), (114, vec![107, 114])]
        {
            gateway.turn(newest, newest - 13, 7).unwrap();
            assert_eq!(firsts(&gateway), firsts_then, "window {newest}");
        }
        gateway.turn(110, 97, 7).unwrap();
        assert_eq!(firsts(&gateway), [107, 114], "a clock that goes back makes no key");
        gateway.turn(200, 187, 7).unwrap();
        assert_eq!(firsts(&gateway), [200], "after a long stop all are new");
    }

    #[test]
    fn keys_outlast_the_process_and_nobody_else_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ohttp-keys");
        let first = gateway(Some(file.clone()));
        first.turn(100, 87, 7).unwrap();
        first.turn(107, 94, 7).unwrap();
        let again = gateway(Some(file.clone()));
        again.turn(108, 95, 7).unwrap();
        assert_eq!(again.keys(), first.keys());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let gone = std::fs::read(&file).unwrap()[5..37].to_vec();
        again.turn(114, 101, 7).unwrap();
        let left = std::fs::read(&file).unwrap();
        assert!(!left.windows(32).any(|bytes| bytes == gone), "a key that is over is still in the file");
        std::fs::write(&file, [&left[..], &[0]].concat()).unwrap();
        assert!(matches!(gateway(Some(file)).turn(114, 101, 7), Err(KeyError::Damaged)));
    }

    #[test]
    fn what_does_not_open_says_why() {
        let gateway = gateway(None);
        gateway.turn(100, 87, 7).unwrap();
        let opened = |request: &[u8]| gateway.open(request).map(drop);
        assert_eq!(opened(&[]), Err(GatewayError::Malformed));
        assert_eq!(opened(&[99; 2_000]), Err(GatewayError::UnknownKey));
        assert_eq!(opened(&[100]), Err(GatewayError::Malformed));
        let head = [100, 0x64, 0x7a, 0, 1, 0, 3];
        assert_eq!(opened(&[&head[..], &[7; 1_119]].concat()), Err(GatewayError::Malformed));
        assert_eq!(opened(&[&head[..], &[7; 3_000]].concat()), Err(GatewayError::Malformed));
        for other in [[100, 0, 0x20, 0, 1, 0, 3], [100, 0x64, 0x7a, 0, 1, 0, 1], [100, 0xff, 0xff, 0, 1, 0, 3]] {
            assert_eq!(opened(&[&other[..], &[7; 3_000]].concat()), Err(GatewayError::UnknownKey), "{other:?}");
        }
    }
}
