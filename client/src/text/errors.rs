//! Errors as people read them: what went wrong, whether anything is lost, what to do now.

use himaya_protocol::case::shelter::NoMatch;
use himaya_protocol::content::EventError;
use himaya_protocol::content::alert_json::{AlertFileError, FieldProblem, Problem};
use himaya_protocol::wire::card::CardError;
use himaya_protocol::wire::invite::InviteError;
use himaya_protocol::wire::link::LinkError;

use super::{Arg, Text, Texts};
use crate::engine::EngineError;
use crate::export::ExportError;
use crate::store::StoreError;
use crate::terminal::TerminalError;
use crate::transport::{Refusal, TransportError, Unreachable};

/// An error that can say itself to a person, with the next step.
pub trait Explain {
    /// The whole text, one line or more, without a line break at its end.
    fn explain(&self, texts: &Texts) -> String;
}

impl Explain for TransportError {
    fn explain(&self, texts: &Texts) -> String {
        let text = match self {
            Self::Unreachable(Unreachable::Connect) => Text::RelayNoConnection,
            Self::Unreachable(Unreachable::Proxy) => Text::RelayNoProxy,
            Self::Unreachable(Unreachable::Forwarder) => Text::RelayNoForwarder,
            Self::Unreachable(Unreachable::Behind) => Text::RelayBehind,
            Self::Unreachable(Unreachable::Cut) => Text::RelayCut,
            Self::Unreachable(Unreachable::Timeout) => Text::RelayTimeout,
            Self::WrongKey => Text::RelayWrongKey,
            Self::WrongForwarder => Text::RelayWrongForwarder,
            Self::OtherGatewayKey => Text::RelayOtherKey,
            Self::Insecure => Text::RelayInsecure,
            Self::Refused(Refusal::Other(status)) => {
                return texts.say(Text::RelayUnexpected, &[("status", u32::from(*status).into())]);
            }
            Self::Refused(Refusal::NotUnderstood | Refusal::WrongTokenKey) => Text::RelayNotUnderstood,
            Self::Refused(Refusal::NotAllowed) => Text::RelayNotAllowed,
            Self::Refused(Refusal::NotFound) => Text::RelayNotFound,
            Self::Refused(Refusal::Gone) => Text::RelayGone,
            Self::Refused(Refusal::TooLarge) => Text::RelayTooLarge,
            Self::Refused(Refusal::Busy) => Text::RelayBusy,
            Self::Refused(Refusal::Full) => Text::RelayFull,
            Self::Malformed(_) => Text::RelayMalformed,
            Self::Endpoint => Text::RelayEndpoint,
            Self::Onion => Text::RelayOnion,
            Self::Setup(_) => Text::TlsSetup,
        };
        texts.say(text, &[])
    }
}

impl Explain for LinkError {
    fn explain(&self, texts: &Texts) -> String {
        let text = match self {
            Self::Scheme => Text::LinkScheme,
            Self::Letters | Self::Checksum => Text::LinkMistyped,
            Self::Version => Text::LinkNewer,
            Self::Endpoint => Text::RelayEndpoint,
        };
        texts.say(text, &[])
    }
}

impl Explain for CardError {
    fn explain(&self, texts: &Texts) -> String {
        let text = match self {
            Self::Scheme => Text::CardScheme,
            Self::Letters | Self::Checksum => Text::CardMistyped,
            Self::Version => Text::CardNewer,
            Self::Relay(LinkError::Version) => Text::CardNewer,
            Self::Relay(_) => Text::CardMistyped,
        };
        texts.say(text, &[])
    }
}

impl Explain for InviteError {
    fn explain(&self, texts: &Texts) -> String {
        let text = match self {
            Self::Scheme => Text::InviteScheme,
            Self::Letters | Self::Checksum => Text::InviteMistyped,
            Self::Version | Self::Relay(LinkError::Version) | Self::Card(CardError::Version) => Text::InviteNewer,
            Self::Relay(_) | Self::Card(_) => Text::InviteMistyped,
        };
        texts.say(text, &[])
    }
}

impl Explain for StoreError {
    fn explain(&self, texts: &Texts) -> String {
        let path = |text, path: &std::path::Path| texts.say(text, &[("path", Arg::machine(&path.to_string_lossy()))]);
        match self {
            Self::Missing(folder) => path(Text::ProfileMissing, folder),
            Self::Exists(folder) => path(Text::ProfileExists, folder),
            Self::Passphrase => texts.say(Text::PassphraseWrong, &[]),
            Self::WeakPassphrase => texts.say(Text::PassphraseWeak, &[]),
            Self::Newer => texts.say(Text::ProfileNewer, &[]),
            Self::File { path, cause } => file(texts, Text::ProfileFile, path, cause),
            Self::Randomness => texts.say(Text::NoRandomness, &[]),
            Self::Busy => texts.say(Text::ProfileBusy, &[]),
            Self::Database(cause) => texts.say(Text::ProfileFailed, &[("cause", Arg::theirs(cause))]),
            Self::Damaged(what) => texts.say(Text::ProfileDamaged, &[("what", Arg::ours(what))]),
        }
    }
}

/// What a refusal says, with its next step.
pub fn refused(refusal: himaya_protocol::case::Refusal) -> Text {
    use himaya_protocol::case::Refusal;
    match refusal {
        Refusal::Role => Text::RefusedRole,
        Refusal::Group => Text::RefusedGroup,
        Refusal::NotAuthor => Text::RefusedNotAuthor,
        Refusal::NotInEarnest => Text::RefusedNotInEarnest,
        Refusal::Transition => Text::RefusedTransition,
        Refusal::NotAnswered => Text::RefusedNotAnswered,
        Refusal::DefendersOwn => Text::RefusedDefendersOwn,
        Refusal::NoPriority => Text::RefusedNoPriority,
        Refusal::NoLead => Text::RefusedNoLead,
        Refusal::HasLead => Text::RefusedHasLead,
        Refusal::NotYours => Text::RefusedNotYours,
        Refusal::Confirms => Text::RefusedConfirms,
        Refusal::Held => Text::RefusedHeld,
        Refusal::NotVerified => Text::RefusedNotVerified,
        Refusal::NoConsent => Text::RefusedNoConsent,
        Refusal::NotReadBack => Text::RefusedNotReadBack,
        Refusal::Referral => Text::RefusedReferral,
        Refusal::DeskOnly => Text::RefusedDeskOnly,
    }
}

fn no_match(why: NoMatch, texts: &Texts) -> String {
    let text = match why {
        NoMatch::Refused(refusal) => refused(refusal),
        NoMatch::Unknown => Text::MatchUnknown,
        NoMatch::Stage => Text::MatchStage,
        NoMatch::NoConsent => Text::MatchNoConsent,
        NoMatch::Full => Text::MatchFull,
        NoMatch::Expired => Text::MatchExpired,
    };
    not_written(text, texts)
}

fn not_written(why: Text, texts: &Texts) -> String {
    texts.say(Text::NotWritten, &[("what", Arg::ours(&texts.say(why, &[])))])
}

impl Explain for ExportError {
    fn explain(&self, texts: &Texts) -> String {
        let text = match self {
            Self::Authority => Text::ExportAuthority,
            Self::NoConsent => Text::ExportNoConsent,
            Self::SeveralConsents => Text::ExportSeveral,
            Self::Purpose => Text::ExportPurpose,
            Self::Nothing => Text::ExportNothing,
            Self::Changed => Text::ExportChanged,
            Self::TooLong => Text::ExportTooLong,
        };
        texts.say(text, &[])
    }
}

impl Explain for EngineError {
    fn explain(&self, texts: &Texts) -> String {
        let named = |text, name: &str| texts.say(text, &[("name", Arg::theirs(name))]);
        match self {
            Self::Store(error) => error.explain(texts),
            Self::NoIdentity => texts.say(Text::NoIdentity, &[]),
            Self::HasIdentity => texts.say(Text::HasIdentity, &[]),
            Self::Name { max } => texts.say(Text::NameBad, &[("max", (*max).into())]),
            Self::Unknown { what, name } => match *what {
                "circle" => named(Text::UnknownCircle, name),
                "contact" => named(Text::UnknownContact, name),
                "member" => named(Text::UnknownMember, name),
                "request" => texts.say(Text::UnknownRequest, &[]),
                "event" => texts.say(Text::UnknownEvent, &[]),
                "case" => texts.say(Text::UnknownCase, &[]),
                "bridge" => named(Text::UnknownBridge, name),
                _ => named(Text::UnknownThing, name),
            },
            Self::Ambiguous { what: "who notices", .. } => texts.say(Text::AmbiguousNotice, &[]),
            Self::Ambiguous { name, .. } => named(Text::AmbiguousThing, name),
            Self::CircleExists(name) => texts.say(Text::CircleExists, &[("circle", Arg::theirs(name))]),
            Self::Content(EventError::Range { field, min, max }) => {
                let (field, limits) = (field.replace('_', " "), [("min", (*min).into()), ("max", (*max).into())]);
                let [min, max] = limits;
                texts.say(Text::ContentRange, &[("what", Arg::ours(&field)), min, max])
            }
            Self::Content(error) => texts.say(Text::ContentLimit, &[("cause", Arg::ours(&error.to_string()))]),
            Self::Refused(refusal) => not_written(refused(*refusal), texts),
            Self::NoMatch(why) => no_match(*why, texts),
            Self::Release(error) => error.explain(texts),
            Self::OtherBridge(name) => named(Text::BridgeOther, name),
            Self::NoLine => texts.say(Text::NoLine, &[]),
            Self::NoLink => texts.say(Text::NoLink, &[]),
            Self::NotAsked => texts.say(Text::NotAsked, &[]),
            Self::NotBoth => texts.say(Text::NotBoth, &[]),
            Self::Held => texts.say(Text::DuressHeld, &[]),
            Self::NoCaseGroup => texts.say(Text::NoCaseGroup, &[]),
            Self::NoDesk => texts.say(Text::NoDesk, &[]),
            Self::NotDefender => texts.say(Text::NotDefender, &[]),
            Self::NotALine => texts.say(Text::NotALine, &[]),
            Self::NoOffer => texts.say(Text::NoOffer, &[]),
            Self::Role => texts.say(Text::RoleBad, &[]),
            Self::NotOwner => texts.say(Text::NotOwner, &[]),
            Self::Owner => texts.say(Text::OwnerStays, &[]),
            Self::Full => texts.say(Text::CircleFull, &[]),
            Self::Member => texts.say(Text::MemberAlready, &[]),
            Self::NotMember => texts.say(Text::NotMember, &[]),
            Self::OwnCard => texts.say(Text::OwnCard, &[]),
            Self::OtherRelay => texts.say(Text::OtherRelay, &[]),
            Self::InviteRelay => texts.say(Text::InviteRelay, &[]),
            Self::CardKey => texts.say(Text::CardKeyWrong, &[]),
            Self::Request(cause) => texts.say(Text::RequestInvalid, &[("cause", Arg::ours(cause))]),
            Self::OwnEvent => texts.say(Text::OwnEvent, &[]),
            Self::NotAuthor => texts.say(Text::NotAuthor, &[]),
            Self::Kind => texts.say(Text::WrongKind, &[]),
            Self::Mls { step, cause } => {
                texts.say(Text::MlsFailed, &[("cause", Arg::theirs(&format!("{step}: {cause}")))])
            }
        }
    }
}

impl Explain for TerminalError {
    fn explain(&self, texts: &Texts) -> String {
        match self {
            Self::NoScreen => texts.say(Text::BoardNoScreen, &[]),
            Self::NoTerminal => texts.say(Text::PassphraseNoTerminal, &[]),
            Self::Differs => texts.say(Text::PassphraseDiffers, &[]),
            Self::FileUnreadable { path, cause } => file(texts, Text::PassphraseFileUnreadable, path, cause),
            Self::FileOpen(path) => {
                texts.say(Text::PassphraseFileOpen, &[("path", Arg::machine(&path.to_string_lossy()))])
            }
            Self::FileBad(path) => {
                texts.say(Text::PassphraseFileBad, &[("path", Arg::machine(&path.to_string_lossy()))])
            }
            Self::Output(cause) => texts.say(Text::OutputFailed, &[("cause", Arg::theirs(&cause.to_string()))]),
            Self::QrTooLong => texts.say(Text::CardTooLongForQr, &[]),
        }
    }
}

impl Explain for AlertFileError {
    fn explain(&self, texts: &Texts) -> String {
        let mut lines = vec![texts.say(Text::AlertFileProblems, &[("count", self.0.len().into())])];
        for FieldProblem { path, problem, allowed } in &self.0 {
            if !path.is_empty() {
                lines.push(format!("  {path}"));
            }
            lines.push(explain_problem(problem, texts));
            if !allowed.is_empty() {
                lines.push(texts.say(Text::ProblemAllowed, &[("words", Arg::machine(&allowed.join(", ")))]));
            }
        }
        lines.join("\n")
    }
}

fn explain_problem(problem: &Problem, texts: &Texts) -> String {
    match problem {
        Problem::NotAnObject { line, column } => {
            texts.say(Text::ProblemNotObject, &[("line", (*line).into()), ("column", (*column).into())])
        }
        Problem::UnknownField => texts.say(Text::ProblemUnknownField, &[]),
        Problem::Repeated => texts.say(Text::ProblemRepeated, &[]),
        Problem::Type { expected } => texts.say(Text::ProblemType, &[("expected", Arg::ours(expected))]),
        Problem::NotAllowed { given } => texts.say(Text::ProblemNotAllowed, &[("given", Arg::theirs(given))]),
        Problem::Form { form } => texts.say(Text::ProblemForm, &[("expected", Arg::ours(form))]),
        Problem::Range { min, max } => texts.say(Text::ProblemRange, &[("min", (*min).into()), ("max", (*max).into())]),
        Problem::TooLong { max, found } => {
            texts.say(Text::ProblemTooLong, &[("max", (*max).into()), ("found", (*found).into())])
        }
        Problem::Empty => texts.say(Text::ProblemEmpty, &[]),
        Problem::Control { code } => texts.say(Text::ProblemControl, &[("code", Arg::ours(&format!("{code:04X}")))]),
    }
}

fn file(texts: &Texts, text: Text, path: &std::path::Path, cause: &std::io::Error) -> String {
    let cause = Arg::theirs(&cause.to_string());
    texts.say(text, &[("path", Arg::machine(&path.to_string_lossy())), ("cause", cause)])
}
