//! The JSON of `himaya alert --file`: one object, every field optional.
//!
//! ```json
//! { "kind": "arrest", "urgency": "Immediate", "severity": "Extreme", "certainty": "Observed",
//!   "response": ["Shelter"], "affected": "colleague", "count": "2-5", "when": "2026-03-01T14:30+03:00",
//!   "place": "IQ-AR", "actor_class": "police", "contact": "dont_call", "note": "…", "evidence": ["64 hex digits"],
//!   "lang": "ar-IQ", "status": "Actual", "tlp": "RED", "expires_hours": 72 }
//! ```
//!
//! A field that is missing has the default of [`crate::content::sos::of_kind`]. All problems are reported at once, as
//! data, so that a client can say them in its user's language.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::body::{ALERT_EXPIRY_HOURS, EVIDENCE_MAX, RESPONSE_MAX, ThreatAlert};
use super::display;
use super::json_object::JsonObject;
use super::minutes;
use super::sos;
use super::value::{FormError, Lang, Note, Place, TextError};
use super::vocabulary::{ActorClass, Affected, Contact, Count, Kind, ResponseType, Status, Tlp, UnknownWord};

/// Every field that the object may have.
pub const FIELDS: &[&str] = &[
    "kind",
    "urgency",
    "severity",
    "certainty",
    "response",
    "affected",
    "count",
    "when",
    "place",
    "actor_class",
    "contact",
    "note",
    "evidence",
    "lang",
    "status",
    "tlp",
    "expires_hours",
];
/// The longest time that an alert may stand, in hours: 30 days.
pub const EXPIRY_HOURS_MAX: u64 = 720;

/// An alert and what the file says about its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFile {
    /// The alert.
    pub alert: ThreatAlert,
    /// The language of the note; `None` is the profile's.
    pub lang: Option<Lang>,
    /// Whether it is meant in earnest.
    pub status: Status,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// How long it stands, 1 to [`EXPIRY_HOURS_MAX`] hours.
    pub expires_hours: u64,
}

/// All that is wrong with a file, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertFileError(pub Vec<FieldProblem>);

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// Where it stands, such as `response[1]`; empty for the file as a whole. Cleaned for display.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
    /// The words that would have been right, if there is such a list.
    pub allowed: Vec<&'static str>,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is not one JSON object.
    #[error("not one JSON object (line {line}, column {column})")]
    NotAnObject {
        /// Line, from 1; 0 when the whole file is meant.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// No field has this name.
    #[error("unknown field")]
    UnknownField,
    /// The field stands twice.
    #[error("stands more than once")]
    Repeated,
    /// The value is of another JSON type.
    #[error("must be {expected}")]
    Type {
        /// Which type it must be, such as `a string`.
        expected: &'static str,
    },
    /// The word is none of its list.
    #[error("{given:?} is not an allowed value")]
    NotAllowed {
        /// What was given, cleaned and cut.
        given: String,
    },
    /// The value does not have its form.
    #[error("must be {form}")]
    Form {
        /// The form in words.
        form: &'static str,
    },
    /// A number is outside its limits.
    #[error("must be a whole number from {min} to {max}")]
    Range {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A text or a list is too long.
    #[error("{found} are too many, the most is {max}")]
    TooLong {
        /// The most characters or items.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A text is empty.
    #[error("is empty; leave the field out instead")]
    Empty,
    /// A text holds a control character other than a line feed.
    #[error("holds the control character U+{code:04X}")]
    Control {
        /// Its code point.
        code: u32,
    },
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.problem)?;
        if self.allowed.is_empty() { Ok(()) } else { write!(f, "; allowed: {}", self.allowed.join(", ")) }
    }
}

impl fmt::Display for AlertFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for AlertFileError {}

/// Reads the file, or names everything that is wrong with it.
pub fn parse(json: &str) -> Result<AlertFile, AlertFileError> {
    let JsonObject(members) = serde_json::from_str(json).map_err(|error| {
        let problem = Problem::NotAnObject { line: error.line(), column: error.column() };
        AlertFileError(vec![FieldProblem { path: String::new(), problem, allowed: Vec::new() }])
    })?;
    let mut reader = Reader { members, problems: Vec::new() };
    reader.check_names();
    let file = reader.file();
    if reader.problems.is_empty() { Ok(file) } else { Err(AlertFileError(reader.problems)) }
}

struct Reader {
    members: Vec<(String, Value)>,
    problems: Vec<FieldProblem>,
}

impl Reader {
    fn check_names(&mut self) {
        let mut seen = BTreeSet::new();
        let mut problems = Vec::new();
        for (name, _) in &self.members {
            let path: String = display::clean(name).chars().take(64).collect();
            if !FIELDS.contains(&name.as_str()) {
                problems.push(FieldProblem { path, problem: Problem::UnknownField, allowed: FIELDS.to_vec() });
            } else if !seen.insert(name) {
                problems.push(FieldProblem { path, problem: Problem::Repeated, allowed: Vec::new() });
            }
        }
        self.problems = problems;
    }

    fn file(&mut self) -> AlertFile {
        let kind = self.word("kind");
        let defaults = sos::of_kind(kind.unwrap_or(Kind::Unspecified));
        let alert = ThreatAlert {
            urgency: self.word("urgency").unwrap_or(defaults.urgency),
            severity: self.word("severity").unwrap_or(defaults.severity),
            certainty: self.word("certainty").unwrap_or(defaults.certainty),
            kind: defaults.kind,
            response: self
                .list("response", RESPONSE_MAX, |reader, path, text| reader.keep(path, text.parse::<ResponseType>())),
            affected: self.word::<Affected>("affected"),
            count: self.word::<Count>("count"),
            when: self.when(),
            place: self.word::<Place>("place"),
            actor_class: self.word::<ActorClass>("actor_class"),
            contact: self.word::<Contact>("contact"),
            note: self.note(),
            evidence: self.list("evidence", EVIDENCE_MAX, |reader, path, text| {
                let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
                let hash = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
                reader.keep(path, hash.ok_or(FormError("a SHA-256 in 64 hexadecimal digits")))
            }),
        };
        AlertFile {
            alert,
            lang: self.word("lang"),
            status: self.word("status").unwrap_or(Status::Actual),
            tlp: self.word("tlp").unwrap_or(Tlp::Red),
            expires_hours: self.expires_hours(),
        }
    }

    fn take(&self, field: &'static str) -> Option<Value> {
        self.members.iter().find(|(name, _)| name == field).map(|(_, value)| value.clone())
    }

    fn problem(&mut self, path: &str, problem: Problem) {
        self.problems.push(FieldProblem { path: path.to_owned(), problem, allowed: Vec::new() });
    }

    /// Keeps a good value; files the reason of a bad one.
    fn keep<T, E: Into<Reason>>(&mut self, path: &str, result: Result<T, E>) -> Option<T> {
        result
            .map_err(|error| {
                let Reason(problem, allowed) = error.into();
                self.problems.push(FieldProblem { path: path.to_owned(), problem, allowed });
            })
            .ok()
    }

    fn text(&mut self, field: &'static str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.problem(field, Problem::Type { expected: "a string" });
                None
            }
        }
    }

    fn word<T: FromStr<Err: Into<Reason>>>(&mut self, field: &'static str) -> Option<T> {
        let text = self.text(field)?;
        self.keep(field, text.parse())
    }

    fn note(&mut self) -> Option<Note> {
        let text = self.text("note")?;
        self.keep("note", Note::new(&text))
    }

    fn list<T>(
        &mut self,
        field: &'static str,
        max: usize,
        read: impl Fn(&mut Self, &str, &str) -> Option<T>,
    ) -> Vec<T> {
        let items = match self.take(field) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                self.problem(field, Problem::Type { expected: "an array of strings" });
                return Vec::new();
            }
        };
        if items.len() > max {
            self.problem(field, Problem::TooLong { max, found: items.len() });
        }
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{field}[{index}]");
            match item.as_str() {
                Some(text) => values.extend(read(self, &path, text)),
                None => self.problem(&path, Problem::Type { expected: "a string" }),
            }
        }
        values
    }

    fn when(&mut self) -> Option<u64> {
        match self.take("when")? {
            Value::String(now) if now == "now" => None,
            Value::String(time) => self.keep("when", minutes::parse(&time).ok_or(FormError(minutes::FORM))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.problem("when", Problem::Form { form: minutes::FORM });
                None
            }
        }
    }

    fn expires_hours(&mut self) -> u64 {
        let Some(value) = self.take("expires_hours") else {
            return ALERT_EXPIRY_HOURS;
        };
        let hours = value.as_u64().filter(|hours| (1..=EXPIRY_HOURS_MAX).contains(hours));
        if hours.is_none() {
            self.problem("expires_hours", Problem::Range { min: 1, max: EXPIRY_HOURS_MAX });
        }
        hours.unwrap_or(ALERT_EXPIRY_HOURS)
    }
}

/// A problem and the allowed words that go with it.
struct Reason(Problem, Vec<&'static str>);

impl From<UnknownWord> for Reason {
    fn from(error: UnknownWord) -> Self {
        Self(Problem::NotAllowed { given: error.given }, error.allowed)
    }
}

impl From<FormError> for Reason {
    fn from(FormError(form): FormError) -> Self {
        Self(Problem::Form { form }, Vec::new())
    }
}

impl From<TextError> for Reason {
    fn from(error: TextError) -> Self {
        let problem = match error {
            TextError::Empty => Problem::Empty,
            TextError::TooLong { max, found } => Problem::TooLong { max, found },
            TextError::Control(c) => Problem::Control { code: u32::from(c) },
        };
        Self(problem, Vec::new())
    }
}
