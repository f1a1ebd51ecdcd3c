//! The closed lists of words, with the exact spelling of the wire and of JSON.
//!
//! Sources: OASIS CAP 1.2 section 3.2 (status, msgType, urgency, severity, certainty, responseType), FIRST TLP 2.0,
//! HURIDOCS micro-thesauri (kinds of act). A word that this version does not know is kept as `Other` and shown as
//! "update needed".

use std::fmt;
use std::str::FromStr;

pub use consent::{ConsentAct, ConsentField, ConsentMethod, GivenBy, Purpose, RecipientClass, ReferralState, Service};
pub use desk::{
    Act, CheckInAnswer, Credibility, EscalationReason, LadderAct, LadderWho, Part, Priority, Reliability, SourceTie,
    Status as CaseStatus, Verdict, VerifiedBy,
};
pub use evidence::{Custody, Derivation};
pub use shelter::{Duration, MatchState, Need, NeededBy, OfferState, Transport};

/// The longest word, in bytes.
pub const WORD_MAX: usize = 32;

/// A word of a newer version: 1 to [`WORD_MAX`] visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OtherWord(Box<str>);

impl OtherWord {
    fn received(word: &str) -> Option<Self> {
        let fits = (1..=WORD_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(word.into()))
    }
}

/// A word that its vocabulary does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{vocabulary}: {given:?} is not one of {}", allowed.join(", "))]
pub struct UnknownWord {
    /// Which vocabulary.
    pub vocabulary: &'static str,
    /// What was given, cleaned for display and cut to 64 characters.
    pub given: String,
    /// What it could have been.
    pub allowed: Vec<&'static str>,
}

impl UnknownWord {
    /// Names the word that was given and those that would have been right.
    pub fn new(vocabulary: &'static str, given: &str, allowed: Vec<&'static str>) -> Self {
        let given = super::display::clean(given).chars().take(64).collect();
        Self { vocabulary, given, allowed }
    }
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident ($field:literal): $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* #[doc = concat!("`", $word, "`")] $variant,)+
            /// A word of a newer version: kept, shown as "update needed".
            Other(OtherWord),
        }

        impl $name {
            /// Every value of this version, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The words of [`Self::ALL`].
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The exact word of the wire and of JSON.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => &word.0,
                }
            }

            /// Whether this version knows the word.
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Other(_))
            }

            /// Reads what somebody else wrote. `None` for what no version would write.
            pub(in crate::content) fn received(word: &str) -> Option<Self> {
                word.parse().ok().or_else(|| OtherWord::received(word).map(Self::Other))
            }
        }

        impl $crate::content::field::Item for $name {
            fn value(&self) -> $crate::cbor::Value {
                $crate::cbor::Value::Text(self.as_str().to_owned())
            }

            fn of(value: $crate::cbor::Value, field: &'static str) -> Result<Self, $crate::content::EventError> {
                let $crate::cbor::Value::Text(word) = value else {
                    return Err($crate::content::EventError::Type(field));
                };
                Self::received(&word).ok_or($crate::content::EventError::Limit(field))
            }

            fn is_known(&self) -> bool {
                self.is_known()
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord::new($field, word, Self::WORDS.to_vec())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

mod consent;
mod desk;
mod evidence;
mod shelter;

vocabulary! {
    /// CAP status: whether this is meant in earnest.
    Status ("status"):
    Actual = "Actual",
    Exercise = "Exercise",
    System = "System",
    Test = "Test",
    Draft = "Draft",
}

vocabulary! {
    /// CAP urgency.
    Urgency ("urgency"):
    Immediate = "Immediate",
    Expected = "Expected",
    Future = "Future",
    Past = "Past",
    Unknown = "Unknown",
}

vocabulary! {
    /// CAP severity.
    Severity ("severity"):
    Extreme = "Extreme",
    Severe = "Severe",
    Moderate = "Moderate",
    Minor = "Minor",
    Unknown = "Unknown",
}

vocabulary! {
    /// CAP certainty.
    Certainty ("certainty"):
    Observed = "Observed",
    Likely = "Likely",
    Possible = "Possible",
    Unlikely = "Unlikely",
    Unknown = "Unknown",
}

vocabulary! {
    /// CAP responseType: what the sender asks for.
    ResponseType ("response"):
    Shelter = "Shelter",
    Evacuate = "Evacuate",
    Prepare = "Prepare",
    Execute = "Execute",
    Avoid = "Avoid",
    Monitor = "Monitor",
    Assess = "Assess",
    AllClear = "AllClear",
    None = "None",
}

vocabulary! {
    /// FIRST Traffic Light Protocol 2.0: how far a receiver may pass it on.
    Tlp ("tlp"):
    Red = "RED",
    AmberStrict = "AMBER+STRICT",
    Amber = "AMBER",
    Green = "GREEN",
    Clear = "CLEAR",
}

vocabulary! {
    /// What happened, or is about to.
    Kind ("kind"):
    Unspecified = "unspecified",
    Threat = "threat",
    DeathThreat = "death_threat",
    Surveillance = "surveillance",
    Stalking = "stalking",
    SexualHarassment = "sexual_harassment",
    Assault = "assault",
    SexualViolence = "sexual_violence",
    Torture = "torture",
    AttemptedKilling = "attempted_killing",
    Arrest = "arrest",
    Detention = "detention",
    Disappearance = "disappearance",
    Abduction = "abduction",
    HouseArrest = "house_arrest",
    HomeRaid = "home_raid",
    OfficeRaid = "office_raid",
    GroupBan = "group_ban",
    TravelRestriction = "travel_restriction",
    Confiscation = "confiscation",
    Defamation = "defamation",
    LegalHarassment = "legal_harassment",
    DeviceLost = "device_lost",
    DeviceOrAccountSuspicious = "device_or_account_suspicious",
    SiteDown = "site_down",
    Impersonation = "impersonation",
    OnlineHarassment = "online_harassment",
}

impl Kind {
    /// The code in HURIDOCS micro-thesaurus 4, "Types of acts", in its 12-digit form; `None` where it has no such term.
    ///
    /// HURIDOCS has no terms for legal harassment and for digital attacks.
    pub fn huridocs(&self) -> Option<&'static str> {
        match self {
            Self::Threat => Some("020103010000"),
            Self::DeathThreat => Some("020103020000"),
            Self::Surveillance => Some("020103030000"),
            Self::Stalking => Some("020103040000"),
            Self::SexualHarassment => Some("020103050000"),
            Self::Assault => Some("020101000000"),
            Self::SexualViolence => Some("020102000000"),
            Self::Torture => Some("020111110000"),
            Self::AttemptedKilling => Some("010109000000"),
            Self::Arrest => Some("030101000000"),
            Self::Detention => Some("030102000000"),
            Self::Disappearance => Some("030103000000"),
            Self::Abduction => Some("030104000000"),
            Self::HouseArrest => Some("030105000000"),
            Self::HomeRaid => Some("040101000000"),
            Self::OfficeRaid => Some("120102000000"),
            Self::GroupBan => Some("120103000000"),
            Self::TravelRestriction => Some("050106000000"),
            Self::Confiscation => Some("130107000000"),
            Self::Defamation => Some("140101000000"),
            Self::Unspecified
            | Self::LegalHarassment
            | Self::DeviceLost
            | Self::DeviceOrAccountSuspicious
            | Self::SiteDown
            | Self::Impersonation
            | Self::OnlineHarassment
            | Self::Other(_) => None,
        }
    }
}

vocabulary! {
    /// Who is affected.
    Affected ("affected"):
    Myself = "self",
    Colleague = "colleague",
    Family = "family",
    Organisation = "organisation",
    Group = "group",
}

vocabulary! {
    /// How many people are affected, as a class.
    Count ("count"):
    One = "1",
    TwoToFive = "2-5",
    SixToTwenty = "6-20",
    OverTwenty = ">20",
}

vocabulary! {
    /// What sort of actor is behind it. Never a name.
    ActorClass ("actor_class"):
    ArmedForces = "armed_forces",
    Police = "police",
    Prison = "prison",
    Intelligence = "intelligence",
    Judiciary = "judiciary",
    Paramilitary = "paramilitary",
    Vigilante = "vigilante",
    ArmedGroup = "armed_group",
    PrivateGuards = "private_guards",
    Crowd = "crowd",
    Family = "family",
    Employer = "employer",
    Corporation = "corporation",
    Unknown = "unknown",
}

vocabulary! {
    /// How the sender can be answered.
    Contact ("contact"):
    ReplyHere = "reply_here",
    DontCall = "dont_call",
    CodePhrase = "code_phrase",
}

vocabulary! {
    /// What an acknowledgement says.
    AckLevel ("level"):
    /// A device has it; no person has seen it.
    Device = "device",
    /// A person has read it.
    Human = "human",
    /// A person is acting on it.
    Acting = "acting",
}

/// CAP msgType: derived from the event, never sent, so it has no `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MsgType {
    /// Something new.
    Alert,
    /// It takes the place of an earlier event.
    Update,
    /// It ends earlier events.
    Cancel,
    /// It acknowledges earlier events.
    Ack,
}

impl MsgType {
    /// The word of CAP 1.2.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "Alert",
            Self::Update => "Update",
            Self::Cancel => "Cancel",
            Self::Ack => "Ack",
        }
    }
}
