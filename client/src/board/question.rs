//! What the board asks for before it writes something.

use himaya_protocol::content::body::{Triage, Verification};
use himaya_protocol::content::value::{Note, Text as Checked, TextError};
use himaya_protocol::content::vocabulary::{CaseStatus, Credibility, Priority, Reliability, Service, VerifiedBy};
use himaya_protocol::content::{CaseId, EventId};
use himaya_protocol::wire::card::Fingerprint;

use super::beyond::{Offered, Release};
use super::draft::Purpose;
use super::say::Message;
use crate::text::{Text, Texts};

/// A coordinator's decision, as far as it has been asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// How urgent the case is to be.
    pub priority: Option<Priority>,
    /// Where it is to stand.
    pub status: Option<CaseStatus>,
    /// The decision of another coordinator that this one bears out.
    pub confirms: Option<EventId>,
    /// Whether the word that closes was typed.
    pub word: bool,
    /// How it was made sure that the defender is free to speak.
    pub verified: Option<VerifiedBy>,
    /// Why.
    pub reason: Option<Note>,
    /// What the defender can do instead.
    pub alternative: Option<Note>,
    /// Whether the case is held for duress.
    pub held: bool,
}

/// What is being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Why.
    Reason(Decision),
    /// What the defender can do instead.
    Alternative(Decision),
    /// The word that closes a case.
    Word(Decision),
    /// How the defender was reached.
    Verified(Decision),
    /// Where the case is to stand.
    Status(Vec<CaseStatus>),
    /// To whom a part is handed over.
    Member(Vec<(Fingerprint, String)>),
    /// Which place is proposed.
    Place(Vec<Offered>),
    /// What is passed on, to whom.
    Release(Vec<Release>),
    /// Which service is asked for.
    Service(Release),
    /// A message into the case.
    Reply,
    /// A note for the desk.
    Note,
    /// A grade of an event.
    Grade(EventId),
}

/// A question about a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which case.
    pub case: CaseId,
    /// What is asked.
    pub ask: Ask,
}

impl Decision {
    /// What is still to be asked, or the finished decision.
    pub fn next(self) -> Result<Triage, Box<Ask>> {
        if self.status == Some(CaseStatus::Closed) && !self.word {
            return Err(Box::new(Ask::Word(self)));
        }
        if self.held && self.status.is_some() && self.verified.is_none() {
            return Err(Box::new(Ask::Verified(self)));
        }
        let Some(reason) = self.reason.clone() else { return Err(Box::new(Ask::Reason(self))) };
        if self.status == Some(CaseStatus::Declined) && self.alternative.is_none() {
            return Err(Box::new(Ask::Alternative(self)));
        }
        Ok(Triage {
            status: self.status,
            priority: self.priority,
            confirms: self.confirms,
            verified: self.verified,
            alternative: self.alternative,
            ..Triage::new(reason)
        })
    }

    /// What it is, in a few words.
    pub fn what(&self, texts: &Texts) -> Message {
        match (&self.status, &self.priority) {
            (Some(status), None) => Message::new(Text::BoardDoStatus).plain("value", texts.word(status)),
            (_, Some(priority)) => Message::new(Text::BoardDoPriority).plain("value", priority.to_string()),
            (None, None) => Message::new(Text::BoardDoNote),
        }
    }
}

impl Ask {
    /// What is asked, as it is said.
    pub fn prompt(&self, texts: &Texts) -> Message {
        match self {
            Self::Reason(_) => Message::new(Text::BoardAskReason),
            Self::Alternative(_) => Message::new(Text::BoardAskAlternative),
            Self::Word(_) => Message::new(Text::BoardAskClose).plain("word", texts.say(Text::BoardCloseWord, &[])),
            Self::Verified(_) => Message::new(Text::BoardAskVerified),
            Self::Status(_) => Message::new(Text::BoardAskStatus),
            Self::Member(_) => Message::new(Text::BoardAskMember),
            Self::Place(_) => Message::new(Text::BoardAskPlace),
            Self::Release(_) => Message::new(Text::BoardAskRelease),
            Self::Service(_) => Message::new(Text::BoardAskService),
            Self::Reply => Message::new(Text::BoardAskReply),
            Self::Note => Message::new(Text::BoardAskNote),
            Self::Grade(_) => Message::new(Text::BoardAskGrade),
        }
    }

    /// What can be chosen, each with its number; empty where something is typed. Names are as people wrote them.
    pub fn choices(&self, texts: &Texts) -> Vec<String> {
        match self {
            Self::Status(ways) => ways.iter().map(|way| texts.word(way)).collect(),
            Self::Verified(_) => VerifiedBy::ALL.iter().map(|way| texts.word(way)).collect(),
            Self::Member(members) => members.iter().map(|(_, name)| name.clone()).collect(),
            Self::Place(places) => places.iter().map(|place| place.say(texts)).collect(),
            Self::Release(ways) => ways.iter().map(|way| way.say(texts)).collect(),
            Self::Service(_) => Service::ALL.iter().map(|service| texts.word(service)).collect(),
            Self::Reason(_) | Self::Alternative(_) | Self::Word(_) | Self::Reply | Self::Note | Self::Grade(_) => {
                Vec::new()
            }
        }
    }

    /// Under which purpose an unfinished text is kept; `None` for what is too short to keep.
    pub fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::Reason(_) => Some(Purpose::Reason),
            Self::Alternative(_) => Some(Purpose::Alternative),
            Self::Reply => Some(Purpose::Reply),
            Self::Note => Some(Purpose::Note),
            Self::Word(_) | Self::Verified(_) | Self::Status(_) | Self::Member(_) | Self::Grade(_) => None,
            Self::Place(_) | Self::Release(_) | Self::Service(_) => None,
        }
    }
}

/// Reads a grade such as `B2`.
pub(super) fn grade(about: EventId, typed: &str) -> Option<Verification> {
    let mut letters = typed.trim().chars();
    let (reliability, credibility) = (letters.next()?.to_ascii_uppercase(), letters.next()?);
    let known = |word: String| word.parse::<Reliability>().ok();
    let graded = Verification {
        reliability: known(reliability.to_string())?,
        credibility: credibility.to_string().parse::<Credibility>().ok()?,
        ..Verification::new(about)
    };
    letters.next().is_none().then_some(graded)
}

/// Checks a text that was typed; what is wrong with it.
pub(super) fn checked<const MAX: usize>(typed: &str) -> Result<Checked<MAX>, Message> {
    Checked::new(typed.trim()).map_err(|error| match error {
        TextError::Empty => Message::new(Text::BoardEmptyText),
        TextError::TooLong { max, .. } => {
            Message::new(Text::BoardTooLong).number("max", u64::try_from(max).unwrap_or(u64::MAX))
        }
        TextError::Control(_) => Message::new(Text::BoardBadText),
    })
}
