//! What openmls works with: its cryptography, our randomness, and its tables inside our transaction.

use std::sync::Mutex;

use openmls_libcrux_crypto::CryptoProvider;
use openmls_sqlite_storage::{Codec, SqliteStorageProvider};
use openmls_traits::OpenMlsProvider;
use openmls_traits::random::OpenMlsRand;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use rmp_serde::Serializer;
use rmp_serde::config::BytesMode;
use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;

const CODEC_VERSION: u8 = 1;

/// MessagePack with field names and a version byte in front: openmls's types need a self-describing form.
#[derive(Debug, Default)]
pub struct Named;

/// Why stored MLS state could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// It could not be written.
    #[error("MLS state could not be encoded: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// It could not be read.
    #[error("MLS state could not be decoded: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// It was written by another version.
    #[error("MLS state of another version")]
    Version,
}

impl Codec for Named {
    type Error = NamedError;

    fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, NamedError> {
        let mut bytes = vec![CODEC_VERSION];
        // Keys and ciphertexts are vectors of bytes to serde: written as such, not number by number.
        let mut serializer = Serializer::new(&mut bytes).with_struct_map().with_bytes(BytesMode::ForceIterables);
        value.serialize(&mut serializer)?;
        Ok(bytes)
    }

    fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NamedError> {
        match bytes.split_first() {
            Some((&CODEC_VERSION, rest)) => Ok(rmp_serde::from_slice(rest)?),
            _ => Err(NamedError::Version),
        }
    }
}

/// The provider for one transaction.
pub struct Mls<'a> {
    crypto: &'a CryptoProvider,
    storage: SqliteStorageProvider<Named, &'a Connection>,
    rand: SeededRand,
}

/// Randomness seeded by the caller's generator.
pub struct SeededRand(Mutex<ChaCha20Rng>);

/// The seeded generator's lock was poisoned.
#[derive(Debug, thiserror::Error)]
#[error("the generator is not usable any more")]
pub struct RandError;

impl<'a> Mls<'a> {
    pub(super) fn new(connection: &'a Connection, crypto: &'a CryptoProvider, seed: &[u8; 32]) -> Self {
        let rand = SeededRand(Mutex::new(ChaCha20Rng::from_seed(*seed)));
        Self { crypto, storage: SqliteStorageProvider::new(connection), rand }
    }
}

impl<'a> OpenMlsProvider for Mls<'a> {
    type CryptoProvider = CryptoProvider;
    type RandProvider = SeededRand;
    type StorageProvider = SqliteStorageProvider<Named, &'a Connection>;

    fn storage(&self) -> &Self::StorageProvider {
        &self.storage
    }

    fn crypto(&self) -> &CryptoProvider {
        self.crypto
    }

    fn rand(&self) -> &SeededRand {
        &self.rand
    }
}

impl OpenMlsRand for SeededRand {
    type Error = RandError;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], RandError> {
        let mut bytes = [0; N];
        self.0.lock().map_err(|_| RandError)?.fill_bytes(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, RandError> {
        let mut bytes = vec![0; len];
        self.0.lock().map_err(|_| RandError)?.fill_bytes(&mut bytes);
        Ok(bytes)
    }
}
