//! What can go wrong in the engine, by whose fault.

use crate::store::StoreError;

/// Why an operation did not happen. Nothing was changed: the transaction is rolled back.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The profile's store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The profile has no identity yet.
    #[error("the profile has no identity yet")]
    NoIdentity,
    /// The profile has an identity already.
    #[error("the profile has an identity already")]
    HasIdentity,
    /// A name is empty, too long or holds characters that names may not hold.
    #[error("a name must have 1 to {max} bytes and no control characters")]
    Name {
        /// The most bytes it may have.
        max: usize,
    },
    /// Nothing here has that name or id.
    #[error("there is no {what} called {name}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// As it was called.
        name: String,
    },
    /// Several things here have that name or begin with that id.
    #[error("several of {what} match {name}")]
    Ambiguous {
        /// What was looked for.
        what: &'static str,
        /// As it was called.
        name: String,
    },
    /// A circle of this name exists.
    #[error("there is a circle called {0} already")]
    CircleExists(String),
    /// Only the owner of a circle may do this.
    #[error("only the owner of the circle may do this")]
    NotOwner,
    /// What was to be said is outside the limits of its type.
    #[error(transparent)]
    Content(#[from] himaya_protocol::content::EventError),
    /// The rules for cases do not let this hold.
    #[error(transparent)]
    Refused(#[from] himaya_protocol::case::Refusal),
    /// The case has no group of its own.
    #[error("the case has no group of its own")]
    NoCaseGroup,
    /// The case is held for duress: what is said there is read by whoever has the defender's device.
    #[error("the case is held for duress")]
    Held,
    /// Nothing may be passed on.
    #[error(transparent)]
    Release(#[from] crate::export::ExportError),
    /// The bridge leads to another organisation than this is for.
    #[error("the bridge {0} leads to somebody else")]
    OtherBridge(String),
    /// The rules for shelter do not let this hold.
    #[error(transparent)]
    NoMatch(#[from] himaya_protocol::case::shelter::NoMatch),
    /// The profile has no line to a desk.
    #[error("you have no line to a desk")]
    NoLine,
    /// The profile has no link to a desk as a host.
    #[error("you have no link to a desk as a host")]
    NoLink,
    /// Nobody waits for an answer of this profile to this.
    #[error("nobody waits for your answer to this")]
    NotAsked,
    /// The host joins when both have said yes.
    #[error("host and guest have not both said yes")]
    NotBoth,
    /// The profile is on no desk.
    #[error("you are on no desk")]
    NoDesk,
    /// The case did not come by a line.
    #[error("the case did not come by a line, or has a group already")]
    NotALine,
    /// Nothing has come yet by which the person could be added.
    #[error("the person's device has not offered a key for other groups yet")]
    NoOffer,
    /// Nobody has this role in a group of this kind.
    #[error("nobody has this role in a group of this kind")]
    Role,
    /// The owner cannot leave or be removed.
    #[error("the owner cannot leave the circle or be removed from it")]
    Owner,
    /// The circle has as many members as a group may have.
    #[error("the circle is full")]
    Full,
    /// The person is a member already.
    #[error("this person is in the circle already")]
    Member,
    /// The profile is not in the circle any more.
    #[error("you are not in this circle any more")]
    NotMember,
    /// The card is the profile's own.
    #[error("this card is your own")]
    OwnCard,
    /// The card belongs to a relay that the profile does not use.
    #[error("the card belongs to another relay")]
    OtherRelay,
    /// The invite belongs to a relay that the profile does not use.
    #[error("the invite belongs to another relay")]
    InviteRelay,
    /// The key that lies under the card is not the one the card names.
    #[error("the key under the card is not the card's")]
    CardKey,
    /// The request's KeyPackage is not one this client may add.
    #[error("the request is not valid: {0}")]
    Request(&'static str),
    /// Only the author of an alert may clear it.
    #[error("only the author of an alert may clear it")]
    NotAuthor,
    /// Only whom a group protects may do this there.
    #[error("only whom the group protects may do this")]
    NotDefender,
    /// The event is this profile's own.
    #[error("this is your own")]
    OwnEvent,
    /// The event is not of a kind that this can be done to.
    #[error("this cannot be done to an event of this kind")]
    Kind,
    /// openmls refused something that this client did itself.
    #[error("MLS failed while {step}: {cause}")]
    Mls {
        /// What was being done.
        step: &'static str,
        /// What openmls said.
        cause: String,
    },
}

impl EngineError {
    /// For `map_err` on openmls's own errors.
    pub(super) fn mls<E: std::fmt::Display>(step: &'static str) -> impl FnOnce(E) -> Self {
        move |cause| Self::Mls { step, cause: cause.to_string() }
    }
}
