//! The words of the closed vocabularies, as people read them.

use himaya_protocol::content::vocabulary::{
    Act, ActorClass, Affected, CaseStatus, Certainty, CheckInAnswer, ConsentAct, ConsentField, Contact, Count, Kind,
    MatchState, Need, NeededBy, OfferState, Part, Priority, Purpose, RecipientClass, ReferralState, ResponseType,
    Service, Severity, Status, Tlp, Urgency, VerifiedBy,
};

use super::{Arg, Text, Texts};

/// A word of a vocabulary that has messages, `VOCABULARY-word` each.
pub trait Word {
    /// What the ids of its messages begin with.
    const VOCABULARY: &'static str;
    /// Every word of this version.
    const WORDS: &'static [&'static str];
    /// The word of the wire.
    fn word(&self) -> &str;
    /// Whether this version knows the word.
    fn known(&self) -> bool;
}

macro_rules! words {
    ($($vocabulary:ident = $name:literal,)+) => {
        $(impl Word for $vocabulary {
            const VOCABULARY: &'static str = $name;
            const WORDS: &'static [&'static str] = Self::WORDS;

            fn word(&self) -> &str {
                self.as_str()
            }

            fn known(&self) -> bool {
                self.is_known()
            }
        })+

        /// The ids of all messages for words.
        #[cfg(test)]
        pub(super) fn ids() -> Vec<String> {
            let mut ids = Vec::new();
            $(ids.extend($vocabulary::WORDS.iter().map(|word| id($name, word)));)+
            ids
        }
    };
}

words! {
    Act = "act",
    ActorClass = "actor",
    Affected = "affected",
    CaseStatus = "stands",
    Certainty = "certainty",
    ConsentField = "field",
    CheckInAnswer = "check-in",
    ConsentAct = "consent",
    Contact = "contact",
    Count = "count",
    Kind = "kind",
    MatchState = "matched",
    Need = "need",
    OfferState = "offer",
    NeededBy = "needed-by",
    Part = "part",
    Priority = "priority",
    Purpose = "purpose",
    RecipientClass = "recipient",
    ReferralState = "referral",
    ResponseType = "response",
    Service = "service",
    Severity = "severity",
    Status = "status",
    Tlp = "tlp",
    Urgency = "urgency",
    VerifiedBy = "verified",
}

impl Texts {
    /// A word as people read it; one of a newer version as it was sent, with "update needed".
    pub fn word<W: Word>(&self, word: &W) -> String {
        let known = if word.known() { self.message(&id(W::VOCABULARY, word.word()), None, &[]) } else { None };
        known.unwrap_or_else(|| self.say(Text::UpdateNeededWord, &[("word", Arg::machine(word.word()))]))
    }
}

/// `kind` and `death_threat` give `kind-death-threat`; `count` and `>20` give `count-over-20`.
fn id(vocabulary: &str, word: &str) -> String {
    let word = word.replace('>', "over-").replace(['_', '+'], "-");
    format!("{vocabulary}-{}", word.to_ascii_lowercase())
}
