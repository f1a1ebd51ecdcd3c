//! Takes fields out of CBOR maps and says which one was wrong.

use std::collections::BTreeSet;

use super::event::{EventError, EventId};
use crate::cbor::{Fields, Value};

/// A text string, if it is there.
pub(super) fn text(fields: &mut Fields, key: u64, field: &'static str) -> Result<Option<String>, EventError> {
    match fields.take(key) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(EventError::Type(field)),
    }
}

/// An unsigned integer, if it is there.
pub(super) fn uint(fields: &mut Fields, key: u64, field: &'static str) -> Result<Option<u64>, EventError> {
    match fields.take(key) {
        None => Ok(None),
        Some(Value::Uint(uint)) => Ok(Some(uint)),
        Some(_) => Err(EventError::Type(field)),
    }
}

/// A byte string, if it is there.
pub(super) fn bytes(fields: &mut Fields, key: u64, field: &'static str) -> Result<Option<Vec<u8>>, EventError> {
    match fields.take(key) {
        None => Ok(None),
        Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
        Some(_) => Err(EventError::Type(field)),
    }
}

/// A word of a vocabulary, if it is there.
pub(super) fn optional_word<T>(
    fields: &mut Fields,
    key: u64,
    field: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, EventError> {
    text(fields, key, field)?.map(|word| read(&word).ok_or(EventError::Limit(field))).transpose()
}

/// A word of a vocabulary that must be there.
pub(super) fn word<T>(
    fields: &mut Fields,
    key: u64,
    field: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, EventError> {
    optional_word(fields, key, field, read)?.ok_or(EventError::Missing(field))
}

/// A list, empty when it is not there. A list that is there but empty is a second form of the same thing: refused.
pub(super) fn list<T>(
    fields: &mut Fields,
    key: u64,
    field: &'static str,
    read: impl Fn(Value) -> Option<T>,
) -> Result<Vec<T>, EventError> {
    match fields.take(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) if items.is_empty() => Err(EventError::Limit(field)),
        Some(Value::Array(items)) => items.into_iter().map(|item| read(item).ok_or(EventError::Limit(field))).collect(),
        Some(_) => Err(EventError::Type(field)),
    }
}

/// A set of event ids, strictly ascending, empty when it is not there.
pub(super) fn ids(fields: &mut Fields, key: u64, field: &'static str) -> Result<BTreeSet<EventId>, EventError> {
    let ids =
        list(fields, key, field, |item| if let Value::Bytes(id) = item { EventId::from_slice(&id) } else { None })?;
    if ids.is_sorted_by(|a, b| a < b) { Ok(ids.into_iter().collect()) } else { Err(EventError::Order(field)) }
}

/// The form of a set of event ids that [`ids`] reads.
pub(super) fn ids_value(ids: &BTreeSet<EventId>) -> Value {
    Value::Array(ids.iter().map(|id| Value::Bytes(id.as_bytes().to_vec())).collect())
}
