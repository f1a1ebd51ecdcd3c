//! Checked values that bodies and envelopes are made of.
//!
//! Each has a strict way in for what this client writes (`new`, `FromStr`) and a tolerant one for what others wrote,
//! so that a slip of somebody else's program does not cost an alert.

use std::fmt;
use std::str::FromStr;

use super::display;

/// The longest language tag, in bytes (RFC 5646 section 4.4.1).
pub const LANG_MAX: usize = 35;
/// The longest place code that is kept from others, in bytes.
pub const PLACE_MAX: usize = 16;

/// Text that a person wrote: 1 to `MAX` Unicode scalar values. `Display` shows it cleaned, `Debug` not at all.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

/// A short remark.
pub type Note = Text<500>;
/// The text of a notice.
pub type NoticeText = Text<2000>;

/// Why a string is not a [`Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is empty.
    #[error("the text is empty")]
    Empty,
    /// It is too long.
    #[error("the text has {found} characters, the most is {max}")]
    TooLong {
        /// The most Unicode scalar values allowed.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// It holds a control character other than a line feed.
    #[error("the text holds the control character U+{code:04X}", code = u32::from(*.0))]
    Control(char),
}

impl<const MAX: usize> Text<MAX> {
    /// Checks what this client is about to write: length, and no control characters but line feeds.
    pub fn new(text: &str) -> Result<Self, TextError> {
        if let Some(control) = text.chars().find(|c| c.is_control() && *c != '\n') {
            return Err(TextError::Control(control));
        }
        Self::received(text.to_owned())
    }

    /// Checks what somebody else wrote: length only, for `Display` cleans.
    pub(super) fn received(text: String) -> Result<Self, TextError> {
        match text.chars().count() {
            0 => Err(TextError::Empty),
            found if found > MAX => Err(TextError::TooLong { max: MAX, found }),
            _ => Ok(Self(text)),
        }
    }

    /// The text exactly as it was written. Not for a terminal.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display::clean_lines(&self.0))
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

/// A string that does not have the form of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FormError(pub &'static str);

/// How far a clock is ahead of UTC, in minutes: −840 to 840.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset(i64);

impl Offset {
    /// Takes what clocks on earth can be ahead or behind.
    pub fn new(minutes: i64) -> Option<Self> {
        (-840..=840).contains(&minutes).then_some(Self(minutes))
    }

    /// The minutes; negative is behind UTC.
    pub fn minutes(self) -> i64 {
        self.0
    }
}

/// A language tag of BCP 47 (RFC 5646), checked for its form only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lang(String);

impl Lang {
    /// The form, in words, for error messages.
    pub const FORM: &'static str = "a BCP 47 language tag such as ar-IQ or ckb: at most 35 letters, digits and hyphens";

    /// The tag as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Lang {
    type Err = FormError;

    fn from_str(tag: &str) -> Result<Self, FormError> {
        let mut parts = tag.split('-');
        let first_ok = parts.next().is_some_and(|first| {
            let letters = first.bytes().all(|b| b.is_ascii_alphabetic());
            letters && ((2..=8).contains(&first.len()) || (first.eq_ignore_ascii_case("x") && tag.len() > 2))
        });
        let rest_ok =
            parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if first_ok && rest_ok && tag.len() <= LANG_MAX && !tag.ends_with("-x") {
            Ok(Self(tag.to_owned()))
        } else {
            Err(FormError(Self::FORM))
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A first-level administrative area: ISO 3166-2 (`IQ-AR`) or an ADM1 P-code (`NE005`). Nothing finer.
#[derive(Clone, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// The form, in words, for error messages.
    pub const FORM: &'static str = "a region, nothing finer: ISO 3166-2 such as IQ-AR, or an ADM1 P-code such as NE005";

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Keeps what somebody else wrote if it at least looks like a code.
    pub(super) fn received(code: String) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-';
        ((2..=PLACE_MAX).contains(&code.len()) && code.bytes().all(plain)).then_some(Self(code))
    }

    /// Whether the code has the form of a first-level area, as this version writes it.
    pub fn is_known_form(&self) -> bool {
        is_iso_3166_2(&self.0) || is_adm1_pcode(&self.0)
    }
}

impl FromStr for Place {
    type Err = FormError;

    fn from_str(code: &str) -> Result<Self, FormError> {
        let place = Self(code.to_owned());
        if place.is_known_form() { Ok(place) } else { Err(FormError(Self::FORM)) }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place(..)")
    }
}

/// Two letters, a hyphen, one to three letters or digits.
fn is_iso_3166_2(code: &str) -> bool {
    code.split_once('-').is_some_and(|(country, area)| {
        country.len() == 2
            && country.bytes().all(|b| b.is_ascii_uppercase())
            && (1..=3).contains(&area.len())
            && area.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

/// Two or three letters of the country, sometimes one more letter for the level, then two or three digits.
fn is_adm1_pcode(code: &str) -> bool {
    let digits = code.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = code.len() - digits.len();
    (2..=4).contains(&letters)
        && (2..=3).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && code.len() <= 6
}
