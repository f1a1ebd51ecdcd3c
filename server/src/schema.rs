//! The one declaration of what a relay stores.
//!
//! A test walks every tree of a real store and fails on anything that is not declared here, and `audit` prints from
//! here what an operator could hand over.

use std::mem::size_of;

use himaya_protocol::wire::address::ADDRESS_SIZE;
use himaya_protocol::wire::cell::{CELL_SIZE, CHUNK_SIZE};

/// The cells: a tree in a window's database, a file once the window is closed.
pub const CELLS: &str = "cells";
/// The chunks, likewise.
pub const CHUNKS: &str = "chunks";
/// The spent tokens, likewise.
pub const SPENT: &str = "spent";
/// The records of invites, in a file of their own.
pub const INVITES: &str = "invites";

/// One field of a stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// What it is called.
    pub name: &'static str,
    /// Its size in bytes.
    pub size: usize,
    /// What it is for, and what it says.
    pub purpose: &'static str,
}

/// One kind of stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// What it is called; for records in a database or in flat files, the name of the tree or of the file.
    pub name: &'static str,
    /// All its fields.
    pub fields: &'static [Field],
    /// How long it is kept.
    pub kept: &'static str,
}

const UNTIL_EXPIRY: &str = "until its window expires";
const ADDRESS: Field =
    Field { name: "address", size: ADDRESS_SIZE, purpose: "where clients look for it; looks random, used once" };
const WINDOW: Field = Field {
    name: "window",
    size: size_of::<u32>(),
    purpose: "in which window it arrived, as the name of the folder; the only time there is",
};

const CHECK: Field = Field {
    name: "checksum",
    size: size_of::<u32>(),
    purpose: "of the record, once its window is closed: tells a disk that decays",
};

/// Every kind of record. In a closed window each address and nullifier stands twice, the second time beside the checksum.
pub const STORED: [Record; 4] = [
    Record {
        name: CELLS,
        fields: &[
            ADDRESS,
            WINDOW,
            Field { name: "cell", size: CELL_SIZE, purpose: "ciphertext that only its readers can open" },
            CHECK,
        ],
        kept: UNTIL_EXPIRY,
    },
    Record {
        name: CHUNKS,
        fields: &[
            ADDRESS,
            WINDOW,
            Field { name: "chunk", size: CHUNK_SIZE, purpose: "ciphertext that only its readers can open" },
            CHECK,
        ],
        kept: UNTIL_EXPIRY,
    },
    Record {
        name: SPENT,
        fields: &[
            WINDOW,
            Field {
                name: "nullifier",
                size: 32,
                purpose: "hash of a token that paid for a cell or chunk of its window, so that it pays once; tells neither who \
                          drew it nor for which it paid",
            },
            CHECK,
        ],
        kept: UNTIL_EXPIRY,
    },
    Record {
        name: INVITES,
        fields: &[
            Field { name: "hash", size: 32, purpose: "of the invite's code, which the relay does not keep" },
            Field { name: "allotment", size: 4, purpose: "how many tokens it may draw in a window" },
            Field { name: "expires", size: 4, purpose: "the last window in which it may draw" },
            Field { name: "last window", size: 4, purpose: "the last window in which it drew" },
            Field { name: "drawn", size: 4, purpose: "how many tokens it drew in that window" },
            Field {
                name: "last request",
                size: 32,
                purpose: "hash of the last draw, so that a lost answer is given again",
            },
        ],
        kept: "until it expires or is revoked",
    },
];

/// One file or folder in a relay's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its path below the relay's folder. `*` stands for one name or the end of one.
    pub path: &'static str,
    /// What is in it.
    pub holds: &'static str,
}

/// Every file and folder that a relay makes.
pub const PLACES: [Place; 29] = [
    Place { path: "relay.toml", holds: "the configuration" },
    Place { path: "tls-key.pem", holds: "the TLS key; whoever has it can pose as this relay" },
    Place { path: "tls-certificate.pem", holds: "the TLS certificate, which names nothing" },
    Place {
        path: "ohttp-keys*",
        holds: "the keys that open encapsulated requests; whoever has them and recorded requests can read these, but not who sent \
                them",
    },
    Place { path: "sunset*", holds: "the last day on which the relay takes anything new, once it is announced" },
    Place {
        path: "acme-account.json*",
        holds: "the account at the authority that gives the certificate, if there is one; a key",
    },
    Place { path: "audit.sock", holds: "nothing: where a running relay tells `audit` its counts" },
    Place { path: "invites", holds: "what concerns invites" },
    Place { path: "invites/lock", holds: "nothing: held while the records change" },
    Place { path: "invites/records*", holds: "the records of invites" },
    Place { path: "store", holds: "what follows" },
    Place { path: "store/lock", holds: "nothing: says that the store is open" },
    Place { path: "store/version*", holds: "the number of the store's layout" },
    Place { path: "store/ballast", holds: "zeros: room to give up when the disk is full" },
    Place { path: "store/flattening", holds: "a closed window while it is being rewritten" },
    Place { path: "store/flattening/*", holds: "the same records" },
    Place { path: "store/windows", holds: "a folder for each window" },
    Place { path: "store/windows/*", holds: "a window, named by its number" },
    Place {
        path: "store/windows/*/token-key*",
        holds: "a key that issues tokens, if one was made in that window; whoever has it can write",
    },
    Place { path: "store/windows/*/whole", holds: "nothing: says that the window's database is complete" },
    Place { path: "store/windows/*/flat", holds: "a closed window; its database is gone" },
    Place { path: "store/windows/*/flat/cells", holds: "its cells by address" },
    Place { path: "store/windows/*/flat/chunks", holds: "its chunks by address" },
    Place { path: "store/windows/*/flat/spent", holds: "its spent tokens by nullifier" },
    Place { path: "store/windows/*/boxes", holds: "the window's database, as long as it is written" },
    Place { path: "store/windows/*/boxes/db", holds: "the records above, and remnants of the same records" },
    Place { path: "store/windows/*/boxes/conf", holds: "the format of the database" },
    Place { path: "store/windows/*/boxes/blobs", holds: "nothing, ever" },
    Place { path: "store/windows/*/boxes/snap.*", holds: "where in db the records lie" },
];
