//! What the machine can do at all, measured in the same minute as what we make of it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use himaya_protocol::wire::cell::CELL_SIZE;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::Ciphersuite;

use crate::measure::{Samples, timed};
use crate::person::{PASSPHRASE, Person};

const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;

/// A file on the disk that everything else is measured on.
pub struct Disk(File);

impl Disk {
    pub fn new(folder: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(folder.join("raw"));
        Self(file.expect("the benchmark's folder can be written"))
    }

    /// Appends as many bytes as a cell has and waits until they are on the disk.
    pub fn flush(&mut self, samples: &mut Samples) {
        timed(samples, || {
            self.0.write_all(&[0x5a; CELL_SIZE]).and_then(|()| self.0.sync_data()).expect("the disk takes 4 KiB");
        });
    }
}

/// What a commit is made of.
#[derive(Default)]
pub struct Cryptography {
    /// HPKE with X-Wing to one key: a commit needs one for each node it is sealed to.
    pub seal: Samples,
    /// The way back: taking a commit in needs one.
    pub open: Samples,
    /// One Ed25519 signature; every message has one.
    pub sign: Samples,
    /// Its verification.
    pub verify: Samples,
}

impl Cryptography {
    /// One of each, by the provider that the engine uses.
    pub fn measure(&mut self, person: &mut Person) {
        person.run(|ctx| {
            let provider = ctx.mls();
            let crypto = provider.crypto();
            let config = || SUITE.hpke_config();
            let keys = crypto.derive_hpke_keypair(config(), &[7; 32]).expect("any 32 bytes are a seed");
            let secret = [9; 32];
            let sealed = timed(&mut self.seal, || crypto.hpke_seal(config(), &keys.public, b"", b"", &secret));
            let sealed = sealed.expect("the key was just made");
            let opened = timed(&mut self.open, || crypto.hpke_open(config(), &sealed, &keys.private, b"", b""));
            assert_eq!(opened.as_deref(), Ok(&secret[..]));
            let scheme = SUITE.signature_algorithm();
            let (private, public) = crypto.signature_key_gen(scheme).expect("there is randomness");
            let signature = timed(&mut self.sign, || crypto.sign(scheme, &secret, &private));
            let signature = signature.expect("the key was just made");
            timed(&mut self.verify, || crypto.verify_signature(scheme, &secret, &public, &signature))
                .expect("the signature was just made");
            Ok(())
        });
    }
}

/// Argon2id as the profile has it (64 MiB, 3 passes, 4 lanes), once.
pub fn argon2(samples: &mut Samples) {
    let params = Params::new(64 << 10, 3, 4, Some(32)).expect("RFC 9106's second recommended option");
    let mut key = [0; 32];
    timed(samples, || {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(PASSPHRASE, &[7; 16], &mut key)
    })
    .expect("the parameters were accepted");
}
