//! Unfinished texts, which survive going elsewhere and the end of the board.

use std::collections::BTreeMap;

use himaya_protocol::content::CaseId;
use serde::{Deserialize, Serialize};

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Why something was decided.
    Reason,
    /// What the defender can do instead.
    Alternative,
    /// A message into the case.
    Reply,
    /// A note for the desk.
    Note,
}

/// Which text of which case.
pub type DraftKey = (CaseId, Purpose);

/// The most that are kept.
const MOST: usize = 500;

/// All unfinished texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drafts {
    texts: BTreeMap<DraftKey, String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    case: String,
    purpose: Purpose,
    text: String,
}

impl Drafts {
    /// Reads what [`Self::to_bytes`] wrote. What cannot be read is left out: nothing was promised to anybody in it.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let stored: Vec<Stored> = serde_json::from_slice(bytes).unwrap_or_default();
        let read = |stored: Stored| {
            let case = data_encoding::HEXLOWER.decode(stored.case.as_bytes()).ok()?;
            Some(((CaseId::from_slice(&case)?, stored.purpose), stored.text))
        };
        Self { texts: stored.into_iter().filter_map(read).take(MOST).collect() }
    }

    /// For the profile.
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = |((case, purpose), text): (&DraftKey, &String)| Stored {
            case: data_encoding::HEXLOWER.encode(case.as_bytes()),
            purpose: *purpose,
            text: text.clone(),
        };
        let stored: Vec<Stored> = self.texts.iter().map(stored).collect();
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// A text, if one was begun.
    pub fn text(&self, key: &DraftKey) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }

    /// Keeps a text, or forgets it when it is empty.
    pub fn keep(&mut self, key: DraftKey, text: String) {
        if text.trim().is_empty() {
            self.texts.remove(&key);
        } else if self.texts.len() < MOST || self.texts.contains_key(&key) {
            self.texts.insert(key, text);
        }
    }

    /// Forgets a text.
    pub fn forget(&mut self, key: &DraftKey) {
        self.texts.remove(key);
    }
}
