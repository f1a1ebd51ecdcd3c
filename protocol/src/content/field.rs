//! How the fields of bodies stand in CBOR: one item each, absent, or a list.
//!
//! [`Item`] is a value; [`Slot`] is a field, which may be there or not. A list that may be absent is never an empty
//! array: one meaning, one encoding.

use std::collections::BTreeSet;

use super::event::{EventError, EventId};
use super::value::{Lang, Offset, Place, Text, TextError};
use crate::cbor::Value;
use crate::wire::card::Fingerprint;

/// A value that can stand in a field.
pub(in crate::content) trait Item: Sized {
    /// Its CBOR.
    fn value(&self) -> Value;

    /// Reads it, tolerantly as docs/protocol.md section 8.2 says.
    fn of(value: Value, field: &'static str) -> Result<Self, EventError>;

    /// Whether this version knows all of it.
    fn is_known(&self) -> bool {
        true
    }

    /// The number that the limits of its field are about, if it has one.
    fn measure(&self) -> Option<u64> {
        None
    }
}

/// A field of a body.
pub(in crate::content) trait Slot: Sized {
    /// Its CBOR, if it is there.
    fn put(&self) -> Option<Value>;

    /// Reads it.
    fn take(value: Option<Value>, field: &'static str) -> Result<Self, EventError>;

    /// Whether this version knows all of it.
    fn is_known(&self) -> bool;

    /// What its limits are about: the number, or how many items there are.
    fn measure(&self) -> Option<u64>;
}

impl<T: Item> Slot for T {
    fn put(&self) -> Option<Value> {
        Some(self.value())
    }

    fn take(value: Option<Value>, field: &'static str) -> Result<Self, EventError> {
        T::of(value.ok_or(EventError::Missing(field))?, field)
    }

    fn is_known(&self) -> bool {
        Item::is_known(self)
    }

    fn measure(&self) -> Option<u64> {
        Item::measure(self)
    }
}

impl<T: Item> Slot for Option<T> {
    fn put(&self) -> Option<Value> {
        self.as_ref().map(Item::value)
    }

    fn take(value: Option<Value>, field: &'static str) -> Result<Self, EventError> {
        value.map(|value| T::of(value, field)).transpose()
    }

    fn is_known(&self) -> bool {
        self.as_ref().is_none_or(Item::is_known)
    }

    fn measure(&self) -> Option<u64> {
        self.as_ref().and_then(Item::measure)
    }
}

impl<T: Item> Slot for Vec<T> {
    fn put(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Array(self.iter().map(Item::value).collect()))
    }

    fn take(value: Option<Value>, field: &'static str) -> Result<Self, EventError> {
        match value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.is_empty() => Err(EventError::Limit(field)),
            Some(Value::Array(items)) => items.into_iter().map(|item| T::of(item, field)).collect(),
            Some(_) => Err(EventError::Type(field)),
        }
    }

    fn is_known(&self) -> bool {
        self.iter().all(Item::is_known)
    }

    fn measure(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

/// Sets stand in ascending order, so that one set has one encoding.
impl<T: Item + Ord> Slot for BTreeSet<T> {
    fn put(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Array(self.iter().map(Item::value).collect()))
    }

    fn take(value: Option<Value>, field: &'static str) -> Result<Self, EventError> {
        let items: Vec<T> = Slot::take(value, field)?;
        if items.is_sorted_by(|a, b| a < b) { Ok(items.into_iter().collect()) } else { Err(EventError::Order(field)) }
    }

    fn is_known(&self) -> bool {
        self.iter().all(Item::is_known)
    }

    fn measure(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }
}

impl Item for u64 {
    fn value(&self) -> Value {
        Value::Uint(*self)
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        if let Value::Uint(number) = value { Ok(number) } else { Err(EventError::Type(field)) }
    }

    fn measure(&self) -> Option<u64> {
        Some(*self)
    }
}

impl Item for bool {
    fn value(&self) -> Value {
        Value::Bool(*self)
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        if let Value::Bool(answer) = value { Ok(answer) } else { Err(EventError::Type(field)) }
    }
}

impl Item for [u8; 32] {
    fn value(&self) -> Value {
        Value::Bytes(self.to_vec())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Bytes(bytes) = value else { return Err(EventError::Type(field)) };
        bytes.try_into().map_err(|_| EventError::Limit(field))
    }
}

impl Item for EventId {
    fn value(&self) -> Value {
        self.as_bytes().value()
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Bytes(bytes) = value else { return Err(EventError::Type(field)) };
        Self::from_slice(&bytes).ok_or(EventError::Limit(field))
    }
}

impl Item for Fingerprint {
    fn value(&self) -> Value {
        self.as_bytes().value()
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Bytes(bytes) = value else { return Err(EventError::Type(field)) };
        Self::from_slice(&bytes).ok_or(EventError::Limit(field))
    }
}

impl<const MAX: usize> Item for Text<MAX> {
    fn value(&self) -> Value {
        Value::Text(self.raw().to_owned())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Text(text) = value else { return Err(EventError::Type(field)) };
        Self::received(text).map_err(|error| match error {
            TextError::Empty | TextError::TooLong { .. } => EventError::Range { field, min: 1, max: count(MAX) },
            TextError::Control(_) => EventError::Limit(field),
        })
    }
}

impl Item for Place {
    fn value(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Text(code) = value else { return Err(EventError::Type(field)) };
        Self::received(code).ok_or(EventError::Limit(field))
    }

    fn is_known(&self) -> bool {
        self.is_known_form()
    }
}

impl Item for Lang {
    fn value(&self) -> Value {
        Value::Text(self.as_str().to_owned())
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let Value::Text(tag) = value else { return Err(EventError::Type(field)) };
        tag.parse().map_err(|_| EventError::Limit(field))
    }
}

impl Item for Offset {
    fn value(&self) -> Value {
        let minutes = self.minutes();
        u64::try_from(minutes).map_or(Value::Negative(minutes), Value::Uint)
    }

    fn of(value: Value, field: &'static str) -> Result<Self, EventError> {
        let minutes = match value {
            Value::Uint(minutes) => i64::try_from(minutes).ok(),
            Value::Negative(minutes) => Some(minutes),
            Value::Bytes(_) | Value::Text(_) | Value::Array(_) | Value::Map(_) | Value::Bool(_) | Value::Null => {
                return Err(EventError::Type(field));
            }
        };
        minutes.and_then(Self::new).ok_or(EventError::Limit(field))
    }
}

/// A length as the number that limits are said in.
pub(in crate::content) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Takes the items of an array of exactly `N`.
pub(in crate::content) fn tuple<const N: usize>(value: Value, field: &'static str) -> Result<[Value; N], EventError> {
    let Value::Array(items) = value else { return Err(EventError::Type(field)) };
    items.try_into().map_err(|_| EventError::Limit(field))
}
