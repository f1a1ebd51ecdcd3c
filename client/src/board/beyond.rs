//! What leaves a case's own group: a place that is proposed to its host, and a referral to another organisation.

use himaya_protocol::case::{Board, Case, Group};
use himaya_protocol::content::body::{Match, Recipient, Referral};
use himaya_protocol::content::vocabulary::{
    ConsentField, MatchState, Need, Purpose, RecipientClass, ReferralState, Service,
};
use himaya_protocol::content::{Body, CaseId, EventId};

use super::action::{Desk, Where};
use crate::text::{Arg, Text, Texts};

/// A free place that fits what a case asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The request.
    pub request: EventId,
    /// The offer.
    pub offer: EventId,
    /// How many places are free.
    pub free: u64,
    /// In which region.
    pub region: String,
    /// What is there.
    pub features: Vec<Need>,
}

impl Offered {
    /// The proposal to the host.
    pub fn proposal(&self) -> Body {
        let (request, offer) = (self.request, self.offer);
        Match { request, offer, hold_until: None, state: MatchState::Proposed, carries: None }.into()
    }

    /// In one line. Neither host nor address is in it.
    pub fn say(&self, texts: &Texts) -> String {
        let features: Vec<String> = self.features.iter().map(|feature| texts.word(feature)).collect();
        let features = features.join(", ");
        let args = [("value", Arg::ours(&self.region)), ("count", self.free.into()), ("what", Arg::ours(&features))];
        texts.say(if features.is_empty() { Text::BoardPlace } else { Text::BoardPlaceWith }, &args)
    }
}

/// A group shared with another organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// Which group.
    pub id: Vec<u8>,
    /// What it is called.
    pub name: String,
    /// Whom it leads to, once that is said.
    pub to: Option<Recipient>,
}

/// What one consent lets be passed on, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The consent.
    pub consent: EventId,
    /// To whom.
    pub to: Recipient,
    /// What they are called here.
    pub name: String,
    /// What may be told.
    pub fields: Vec<ConsentField>,
    /// Over which bridge; `None` within one's own desk.
    pub bridge: Option<Bridge>,
}

impl Release {
    /// The referral for one service.
    pub fn referral(&self, service: Service) -> Body {
        Referral {
            to: self.to.clone(),
            services: vec![service],
            fields_shared: self.fields.clone(),
            consent: self.consent,
            reply_by: None,
            state: ReferralState::InProgress,
            reject_reason: None,
            referral: None,
        }
        .into()
    }

    /// In which group it is written; `home` is what the group is where the case is worked on.
    pub fn at(&self, home: Option<Group>) -> Where {
        match (&self.bridge, home) {
            (Some(bridge), _) => Where::Bridge(bridge.id.clone()),
            (None, Some(Group::Case)) => Where::Home,
            (None, _) => Where::Desk,
        }
    }

    /// In one line: what is told, then to whom.
    pub fn say(&self, texts: &Texts) -> String {
        let fields: Vec<String> = self.fields.iter().map(|field| texts.word(field)).collect();
        let (fields, class) = (fields.join(", "), texts.word(&self.to.class));
        let args = [("what", Arg::ours(&fields)), ("value", Arg::ours(&class)), ("name", Arg::theirs(&self.name))];
        let to = texts.say(Text::BoardRelease, &args);
        match &self.bridge {
            Some(bridge) => {
                texts.say(Text::BoardReleaseOver, &[("what", Arg::ours(&to)), ("name", Arg::theirs(&bridge.name))])
            }
            None => to,
        }
    }
}

/// Every way in which the consents of a case that stand at a minute let it be referred.
pub(super) fn releases(board: &Board, id: &CaseId, case: &Case, desk: &mut dyn Desk, minute: u64) -> Vec<Release> {
    let stands = |event: &EventId| case.consents.get(event).is_some_and(|ends| ends.is_none_or(|ends| minute < ends));
    let mut found = Vec::new();
    for entry in board.events(id).filter(|entry| stands(&entry.id())) {
        let Body::Consent(consent) = entry.body() else { continue };
        // Nothing is ever passed on to an authority.
        let never = consent.recipient.class == RecipientClass::Authority || consent.fields.is_empty();
        if consent.purpose != Purpose::Referral || never {
            continue;
        }
        let name = desk.called(&consent.recipient);
        let leads = |bridge: &Bridge| bridge.to.as_ref().is_none_or(|to| *to == consent.recipient);
        let bridges = desk.bridges().into_iter().filter(leads);
        for bridge in [None].into_iter().chain(bridges.map(Some)) {
            let (to, fields) = (consent.recipient.clone(), consent.fields.clone());
            found.push(Release { consent: entry.id(), to, name: name.clone(), fields, bridge });
        }
    }
    found
}
