//! The one CBOR encoding: RFC 8949 section 4.2.1 (core deterministic), a subset of its types.
//!
//! Allowed: unsigned and negative integers of at most 64 bits, byte strings, text strings, arrays, maps with unsigned
//! integer keys, booleans and null. No tags, no floats, no indefinite lengths. At most [`DEPTH_MAX`] levels.
//! What decodes encodes to the same bytes again; anything else is refused, so one value has one encoding and one hash.

use std::collections::BTreeMap;

use ciborium::value::{Integer, Value as Raw};

/// How deep arrays and maps may nest.
pub const DEPTH_MAX: usize = 8;

/// A CBOR value of the allowed types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// An unsigned integer.
    Uint(u64),
    /// A negative integer.
    Negative(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map with unsigned integer keys.
    Map(BTreeMap<u64, Value>),
    /// A boolean.
    Bool(bool),
    /// Null.
    Null,
}

/// Why bytes are not a value of this encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// Not CBOR, or cut short, or bytes left over.
    #[error("not one CBOR item")]
    Malformed,
    /// CBOR, but not in its one deterministic form.
    #[error("CBOR that is not in the deterministic form of RFC 8949 section 4.2.1")]
    NotDeterministic,
    /// A type that this protocol does not use.
    #[error("a CBOR type that this protocol does not use")]
    Type,
    /// Nested more than [`DEPTH_MAX`] levels.
    #[error("nested more than {DEPTH_MAX} levels")]
    Depth,
}

/// Decodes exactly one item.
pub fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    let mut rest = bytes;
    let raw: Raw = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX + 1).map_err(|e| match e {
        ciborium::de::Error::RecursionLimitExceeded => CborError::Depth,
        ciborium::de::Error::Io(_) | ciborium::de::Error::Syntax(_) | ciborium::de::Error::Semantic(..) => {
            CborError::Malformed
        }
    })?;
    if !rest.is_empty() {
        return Err(CborError::Malformed);
    }
    let value = from_raw(raw, 0)?;
    if encode(&value) != bytes {
        return Err(CborError::NotDeterministic);
    }
    Ok(value)
}

/// Encodes a value in its one form.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::ser::into_writer(&to_raw(value), &mut bytes).expect("writing to memory does not fail");
    bytes
}

fn from_raw(raw: Raw, depth: usize) -> Result<Value, CborError> {
    if depth > DEPTH_MAX {
        return Err(CborError::Depth);
    }
    match raw {
        Raw::Integer(integer) => {
            let wide = i128::from(integer);
            if let Ok(unsigned) = u64::try_from(wide) {
                Ok(Value::Uint(unsigned))
            } else {
                i64::try_from(wide).map(Value::Negative).map_err(|_| CborError::Type)
            }
        }
        Raw::Bytes(bytes) => Ok(Value::Bytes(bytes)),
        Raw::Text(text) => Ok(Value::Text(text)),
        Raw::Bool(bool) => Ok(Value::Bool(bool)),
        Raw::Null => Ok(Value::Null),
        Raw::Array(items) => {
            Ok(Value::Array(items.into_iter().map(|item| from_raw(item, depth + 1)).collect::<Result<_, _>>()?))
        }
        Raw::Map(entries) => {
            let mut map = BTreeMap::new();
            for (key, value) in entries {
                let Raw::Integer(key) = key else {
                    return Err(CborError::Type);
                };
                let key = u64::try_from(key).map_err(|_| CborError::Type)?;
                if map.insert(key, from_raw(value, depth + 1)?).is_some() {
                    return Err(CborError::NotDeterministic);
                }
            }
            Ok(Value::Map(map))
        }
        // ciborium's Value is non-exhaustive; whatever it adds later is refused like these.
        Raw::Float(_) | Raw::Tag(..) | _ => Err(CborError::Type),
    }
}

fn to_raw(value: &Value) -> Raw {
    match value {
        Value::Uint(unsigned) => Raw::Integer(Integer::from(*unsigned)),
        Value::Negative(negative) => Raw::Integer(Integer::from(*negative)),
        Value::Bytes(bytes) => Raw::Bytes(bytes.clone()),
        Value::Text(text) => Raw::Text(text.clone()),
        Value::Bool(bool) => Raw::Bool(*bool),
        Value::Null => Raw::Null,
        Value::Array(items) => Raw::Array(items.iter().map(to_raw).collect()),
        // Unsigned keys in ascending order are already in the bytewise order of their encodings.
        Value::Map(map) => Raw::Map(map.iter().map(|(k, v)| (Raw::Integer(Integer::from(*k)), to_raw(v))).collect()),
    }
}

/// Reads the fields of a map one by one.
#[derive(Debug)]
pub struct Fields(BTreeMap<u64, Value>);

impl Fields {
    /// Decodes bytes that must be a map.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        Self::of(decode(bytes)?)
    }

    /// Takes a value that must be a map.
    pub fn of(value: Value) -> Result<Self, CborError> {
        if let Value::Map(map) = value { Ok(Self(map)) } else { Err(CborError::Type) }
    }

    /// Takes a field out, if it is there.
    pub fn take(&mut self, key: u64) -> Option<Value> {
        self.0.remove(&key)
    }

    /// Takes a byte string.
    pub fn bytes(&mut self, key: u64) -> Result<Vec<u8>, CborError> {
        if let Some(Value::Bytes(bytes)) = self.take(key) { Ok(bytes) } else { Err(CborError::Type) }
    }

    /// Takes a text string.
    pub fn text(&mut self, key: u64) -> Result<String, CborError> {
        if let Some(Value::Text(text)) = self.take(key) { Ok(text) } else { Err(CborError::Type) }
    }

    /// Takes an unsigned integer.
    pub fn uint(&mut self, key: u64) -> Result<u64, CborError> {
        if let Some(Value::Uint(uint)) = self.take(key) { Ok(uint) } else { Err(CborError::Type) }
    }

    /// What has not been taken.
    pub fn rest(self) -> BTreeMap<u64, Value> {
        self.0
    }
}

/// Builds a map from its present fields.
pub fn map<const N: usize>(fields: [(u64, Option<Value>); N]) -> Value {
    Value::Map(fields.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}
