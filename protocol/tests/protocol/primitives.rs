//! Published vectors of the primitives that everything here stands on.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use himaya_protocol::cbor::{self, Value};
use himaya_protocol::content::EventId;
use himaya_protocol::wire::secret::Secret;

use crate::vector_file::unhex;

/// RFC 5869 appendix A.1: the PRK and the first 32 bytes of the OKM. Expand to 32 bytes is the first block of it.
#[test]
fn hkdf_sha256_expand_of_rfc_5869() {
    let prk = unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    let info = unhex("f0f1f2f3f4f5f6f7f8f9");
    let okm = Secret::from_slice(&prk).expect("32 bytes").expand(&[&info]);
    assert_eq!(okm.expose()[..], unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"));
    let in_parts = Secret::from_slice(&prk).expect("32 bytes").expand(&[&info[..3], &info[3..]]);
    assert_eq!(in_parts.expose(), okm.expose(), "the info is the concatenation of its parts");
}

/// draft-irtf-cfrg-xchacha-03 appendix A.3.1.
#[test]
fn xchacha20_poly1305_of_the_draft() {
    let plain = b"Ladies and Gentlemen of the class of '99: \
        If I could offer you only one tip for the future, sunscreen would be it.";
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let key = unhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    let nonce = unhex("404142434445464748494a4b4c4d4e4f5051525354555657");
    let expected = unhex(concat!(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
        "21f9664c97637da9768812f615c68b13b52e",
        "c0875924c1c7987947deafd8780acf49",
    ));
    let key: [u8; 32] = key.try_into().expect("32 bytes");
    let nonce: [u8; 24] = nonce.try_into().expect("24 bytes");
    let sealed = XChaCha20Poly1305::new(&key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
        .expect("short input");
    assert_eq!(sealed, expected);
}

/// FIPS 180-2 appendix B.1.
#[test]
fn sha256_of_fips_180() {
    assert_eq!(EventId::of(b"abc").to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/// RFC 4648 section 10, without padding.
#[test]
fn base32_of_rfc_4648() {
    for (plain, coded) in [
        ("", ""),
        ("f", "MY"),
        ("fo", "MZXQ"),
        ("foo", "MZXW6"),
        ("foob", "MZXW6YQ"),
        ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ] {
        assert_eq!(data_encoding::BASE32_NOPAD.encode(plain.as_bytes()), coded);
    }
}

/// RFC 8949 appendix A, those of our types.
#[test]
fn cbor_of_rfc_8949() {
    let text = |text: &str| Value::Text(text.to_owned());
    let uints = |n: std::ops::RangeInclusive<u64>| Value::Array(n.map(Value::Uint).collect());
    for (hex, value) in [
        ("00", Value::Uint(0)),
        ("01", Value::Uint(1)),
        ("0a", Value::Uint(10)),
        ("17", Value::Uint(23)),
        ("1818", Value::Uint(24)),
        ("1819", Value::Uint(25)),
        ("1864", Value::Uint(100)),
        ("1903e8", Value::Uint(1_000)),
        ("1a000f4240", Value::Uint(1_000_000)),
        ("1b000000e8d4a51000", Value::Uint(1_000_000_000_000)),
        ("1bffffffffffffffff", Value::Uint(u64::MAX)),
        ("20", Value::Negative(-1)),
        ("29", Value::Negative(-10)),
        ("3863", Value::Negative(-100)),
        ("3903e7", Value::Negative(-1_000)),
        ("f4", Value::Bool(false)),
        ("f5", Value::Bool(true)),
        ("f6", Value::Null),
        ("40", Value::Bytes(vec![])),
        ("4401020304", Value::Bytes(vec![1, 2, 3, 4])),
        ("60", text("")),
        ("6161", text("a")),
        ("6449455446", text("IETF")),
        ("62225c", text("\"\\")),
        ("62c3bc", text("ü")),
        ("63e6b0b4", text("水")),
        ("64f0908591", text("\u{10151}")),
        ("80", Value::Array(vec![])),
        ("83010203", uints(1..=3)),
        ("8301820203820405", Value::Array(vec![Value::Uint(1), uints(2..=3), uints(4..=5)])),
        ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", uints(1..=25)),
        ("a0", cbor::map([])),
        ("a201020304", cbor::map([(1, Some(Value::Uint(2))), (3, Some(Value::Uint(4)))])),
    ] {
        assert_eq!(cbor::encode(&value), unhex(hex), "{hex}");
        assert_eq!(cbor::decode(&unhex(hex)), Ok(value), "{hex}");
    }
}

/// RFC 8949 appendix A and section 4.2: what is CBOR, but not ours.
#[test]
fn cbor_that_is_refused() {
    use cbor::CborError::{Malformed, NotDeterministic, Type};
    for (hex, error) in [
        ("", Malformed),
        ("18", Malformed),
        ("61ff", Malformed),
        ("ff", Malformed),
        ("0000", Malformed),
        ("1817", NotDeterministic),
        ("190018", NotDeterministic),
        ("5f42010243030405ff", NotDeterministic),
        ("7f657374726561646d696e67ff", NotDeterministic),
        ("9fff", NotDeterministic),
        ("bf0102ff", NotDeterministic),
        ("a203040102", NotDeterministic),
        ("a201020103", NotDeterministic),
        ("f7", NotDeterministic),
        ("c24101", NotDeterministic),
        ("c249010000000000000000", Type),
        ("3bffffffffffffffff", Type),
        ("f93c00", Type),
        ("fb3ff199999999999a", Type),
        ("c11a514b67b0", Type),
        ("a2616101616202", Type),
        ("a12001", Type),
    ] {
        assert_eq!(cbor::decode(&unhex(hex)), Err(error), "{hex}");
    }
}

#[test]
fn cbor_depth_is_limited_and_does_not_eat_the_stack() {
    let nested = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
    assert!(cbor::decode(&nested(cbor::DEPTH_MAX)).is_ok());
    assert_eq!(cbor::decode(&nested(cbor::DEPTH_MAX + 1)), Err(cbor::CborError::Depth));
    assert_eq!(cbor::decode(&nested(1_000_000)), Err(cbor::CborError::Depth));
}

#[test]
fn cbor_lengths_that_lie_cost_nothing() {
    for hex in ["5bffffffffffffffff00", "7bffffffffffffffff00", "9bffffffffffffffff00", "bbffffffffffffffff0000"] {
        assert_eq!(cbor::decode(&unhex(hex)), Err(cbor::CborError::Malformed), "{hex}");
    }
}
