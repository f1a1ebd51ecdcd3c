//! What can go wrong on the command line.

use std::path::PathBuf;

use himaya_protocol::content::alert_json::AlertFileError;
use himaya_protocol::content::event::IdPrefixError;
use himaya_protocol::content::value::{FormError, TextError};
use himaya_protocol::wire::card::CardError;
use himaya_protocol::wire::invite::InviteError;
use himaya_protocol::wire::link::LinkError;

use crate::driver::DriverError;
use crate::engine::EngineError;
use crate::export::{ExportError, SealError};
use crate::store::StoreError;
use crate::terminal::TerminalError;
use crate::text::{Arg, Explain, Text, Texts};
use crate::transport::TransportError;
use crate::transport::route::ProxyError;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The engine or the store refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The relay could not be reached or refused.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The terminal could not be used.
    #[error(transparent)]
    Terminal(#[from] TerminalError),
    /// What was given is no relay link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What was given is no card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// What was given is no invite and no kit.
    #[error(transparent)]
    Invite(#[from] InviteError),
    /// What was given is no forward link.
    #[error("{0}")]
    Forward(LinkError),
    /// What was given is no proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The relay does not take the invite.
    #[error("the relay does not take this invite")]
    InviteRefused,
    /// There is nothing left to write with.
    #[error("there is no token to write with")]
    NoTokens,
    /// The alert file has mistakes.
    #[error("the alert file has mistakes")]
    AlertFile(AlertFileError),
    /// What was given is no id.
    #[error(transparent)]
    Id(#[from] IdPrefixError),
    /// A note is too long or holds control characters.
    #[error(transparent)]
    Note(#[from] TextError),
    /// A language tag is not one.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A file cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file or folder cannot be written.
    #[error("{path}: {cause}")]
    Written {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The card was accepted by somebody else, or spoiled.
    #[error("the card was used already")]
    CardUsed,
    /// The key of the card is not on the relay.
    #[error("the key of the card is not on the relay")]
    NoCardKey,
    /// No folder for the profile is known.
    #[error("no folder for the profile is known")]
    NoHome,
    /// Nothing may leave.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A program has to say beforehand that it means it.
    #[error("programs confirm with --yes")]
    NeedsYes,
    /// There is no check-in plan to answer.
    #[error("there are no check-ins")]
    NoPlan,
    /// The input ended before the questions did.
    #[error("the questions were not answered")]
    Unanswered,
    /// Accepting a card needs the relay.
    #[error("this needs the relay")]
    NeedsRelay,
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<DriverError> for CliError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Engine(error) => Self::Engine(error),
            DriverError::Transport(error) => Self::Transport(error),
            DriverError::CardUsed => Self::CardUsed,
            DriverError::NoCardKey => Self::NoCardKey,
            DriverError::NoTokens => Self::NoTokens,
        }
    }
}

impl CliError {
    /// A stable word for programs.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Engine(EngineError::Store(StoreError::Passphrase)) => "passphrase",
            Self::Engine(EngineError::Store(StoreError::Missing(_))) => "no_profile",
            Self::Engine(EngineError::Store(StoreError::Exists(_))) => "profile_exists",
            Self::Engine(EngineError::Store(_)) => "profile",
            Self::Engine(EngineError::Unknown { .. }) => "unknown",
            Self::Engine(EngineError::Ambiguous { .. }) => "ambiguous",
            Self::Engine(EngineError::Content(_)) => "argument",
            Self::Engine(EngineError::InviteRelay) | Self::Invite(_) | Self::InviteRefused => "invite",
            Self::Engine(_) => "refused",
            Self::Export(_) => "refused",
            Self::Seal(_) | Self::NeedsYes => "argument",
            Self::Transport(TransportError::WrongKey) => "wrong_relay_key",
            Self::Transport(TransportError::WrongForwarder) => "wrong_forwarder_key",
            Self::Transport(TransportError::OtherGatewayKey) => "other_gateway_key",
            Self::Transport(_) | Self::NoTokens => "relay",
            Self::Terminal(_) | Self::Unanswered => "terminal",
            Self::Link(_) => "link",
            Self::Proxy(_) => "proxy",
            Self::Forward(_) => "forwarder",
            Self::Card(_) | Self::CardUsed | Self::NoCardKey => "card",
            Self::AlertFile(_) => "alert_file",
            Self::Id(_) | Self::Note(_) | Self::Form(_) => "argument",
            Self::File { .. } | Self::Written { .. } => "file",
            Self::NoPlan => "no_plan",
            Self::NoHome => "no_home",
            Self::NeedsRelay => "needs_relay",
        }
    }
}

pub(super) fn explain(error: &CliError, texts: &Texts) -> String {
    match error {
        CliError::Engine(error) => error.explain(texts),
        CliError::Transport(error) => error.explain(texts),
        CliError::Terminal(error) => error.explain(texts),
        CliError::Link(error) => error.explain(texts),
        CliError::Card(error) => error.explain(texts),
        CliError::Invite(error) => error.explain(texts),
        CliError::Forward(_) => texts.say(Text::ForwardForm, &[]),
        CliError::Proxy(_) => texts.say(Text::ProxyForm, &[]),
        CliError::InviteRefused => texts.say(Text::InviteRefused, &[]),
        CliError::NoTokens => texts.say(Text::TokensWait, &[]),
        CliError::AlertFile(error) => error.explain(texts),
        CliError::Id(_) => texts.say(Text::IdForm, &[]),
        CliError::Note(TextError::Empty) => texts.say(Text::ProblemEmpty, &[]),
        CliError::Note(TextError::TooLong { max, found }) => {
            texts.say(Text::NoteTooLong, &[("max", (*max).into()), ("found", (*found).into())])
        }
        CliError::Note(TextError::Control(control)) => {
            texts.say(Text::ProblemControl, &[("code", Arg::ours(&format!("{:04X}", u32::from(*control))))])
        }
        CliError::Form(FormError(form)) => texts.say(Text::ProblemForm, &[("expected", Arg::ours(form))]),
        CliError::File { path, cause } => texts.say(
            Text::FileUnreadable,
            &[("path", Arg::machine(&path.to_string_lossy())), ("cause", Arg::theirs(&cause.to_string()))],
        ),
        CliError::Written { path, cause } => texts.say(
            Text::FileUnwritable,
            &[("path", Arg::machine(&path.to_string_lossy())), ("cause", Arg::theirs(&cause.to_string()))],
        ),
        CliError::Export(error) => error.explain(texts),
        CliError::Seal(SealError::NoKey) => texts.say(Text::ExportKey, &[]),
        CliError::Seal(SealError::Secret) => texts.say(Text::ExportKeySecret, &[]),
        CliError::Seal(SealError::Age(cause)) => texts.say(Text::ExportSeal, &[("cause", Arg::theirs(cause))]),
        CliError::NeedsYes => texts.say(Text::NeedsYes, &[]),
        CliError::CardUsed => texts.say(Text::CardUsed, &[]),
        CliError::NoCardKey => texts.say(Text::CardKeyMissing, &[]),
        CliError::NoPlan => texts.say(Text::CheckNoPlan, &[]),
        CliError::Unanswered => texts.say(Text::AskEnded, &[]),
        CliError::NoHome => texts.say(Text::NoHome, &[]),
        CliError::NeedsRelay => texts.say(Text::NeedsRelay, &[]),
    }
}
