//! What one consent lets one recipient have of a case.
//!
//! An allow-list: alerts, requests for shelter, pieces of evidence and three facts about the case itself, each field only
//! if the consent names it. Handover notes, notices, what a desk writes for itself and who anybody is cannot get here.

use std::collections::{BTreeMap, BTreeSet};

use himaya_protocol::case::{Case, Entry, reduce};
use himaya_protocol::content::body::{Consent, Evidence, Recipient, Referral, ShelterRequest};
use himaya_protocol::content::value::Lang;
use himaya_protocol::content::vocabulary::{ConsentField, Custody, Kind, Purpose, RecipientClass};
use himaya_protocol::content::{Body, CaseId, EventId, ThreatAlert, display};
use himaya_protocol::wire::card::Fingerprint;

use super::Rekey;

/// What an export is asked for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The case.
    pub case: &'a CaseId,
    /// Exactly one recipient.
    pub to: Recipient,
    /// The consent, if it was named; otherwise the only one that stands for the recipient.
    pub consent: Option<EventId>,
    /// Only these of the granted fields; all of them if it is not said.
    pub fields: Option<&'a [ConsentField]>,
    /// Who exports.
    pub by: Fingerprint,
    /// Now, in Unix minutes.
    pub now: u64,
}

/// What leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Names this export, and nothing else.
    pub id: String,
    /// Stands for whoever exports, in this export alone.
    pub sender: String,
    /// When it was made, in Unix minutes.
    pub sent: u64,
    /// Whether all of it is practice.
    pub exercise: bool,
    /// What the consent is for.
    pub purpose: Purpose,
    /// What sort of recipient it is for.
    pub class: RecipientClass,
    /// The consent under which it leaves. Not in the bytes.
    pub consent: EventId,
    /// The fields that are in it.
    pub fields: BTreeSet<ConsentField>,
    /// About the case itself.
    pub case: CaseFacts,
    /// Alerts and requests, in order.
    pub items: Vec<Item>,
    /// Pieces of evidence, in order.
    pub evidence: Vec<Piece>,
}

/// About the case itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFacts {
    /// Stands for the case, in this export alone.
    pub id: String,
    /// Status, priority, services.
    pub facts: Facts,
}

/// Granted fields with what they say, in the order of the vocabulary.
pub type Facts = Vec<(ConsentField, Fact)>;

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A word of a vocabulary, or a region.
    Word(String),
    /// Several.
    Words(Vec<String>),
    /// A number.
    Number(u64),
    /// A Unix minute.
    Minute(u64),
    /// From and until, in minutes of every day (UTC).
    Window(u64, u64),
    /// What a person wrote, cleaned as for a screen.
    Text(String),
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// Somebody was in danger; the code of HURIDOCS if what happened is granted and has one.
    Alert {
        /// The code.
        huridocs: Option<&'static str>,
    },
    /// Somebody needed a place to stay.
    Request,
}

/// An alert or a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Stands for it, in this export alone.
    pub id: String,
    /// What it is.
    pub kind: ItemKind,
    /// The language of its note, if the note is granted.
    pub lang: Option<Lang>,
    /// What it says.
    pub facts: Facts,
}

/// A piece of evidence: enough to know the file again, not the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The event inside. Not in the bytes.
    pub inside: EventId,
    /// Stands for it, in this export alone.
    pub id: String,
    /// SHA-256 of what is shared of it.
    pub sha256: [u8; 32],
    /// Its media type.
    pub mime: Option<String>,
    /// Whether metadata was taken out.
    pub stripped: bool,
}

/// Why nothing leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Nothing is ever given to an authority.
    #[error("nothing is exported to an authority; there is no way to allow it")]
    Authority,
    /// No consent stands for this recipient.
    #[error("no consent stands for this recipient; ask the defender for one")]
    NoConsent,
    /// Several do.
    #[error("several consents stand for this recipient; name the one that is meant")]
    SeveralConsents,
    /// Consents for statistics let numbers out, never a case.
    #[error("this consent is for something else than passing the case on; ask for another")]
    Purpose,
    /// Nothing of what is granted is known.
    #[error("nothing in the case belongs to the fields that the consent grants")]
    Nothing,
    /// The case, or the consent, is not what was shown any more.
    #[error("the case has changed since this was shown; look at it again")]
    Changed,
    /// It does not fit one message over a bridge.
    #[error("this does not fit one message; share fewer fields, or export")]
    TooLong,
}

/// What a consent lets its recipient have of a case, as its events say it now.
pub fn select(entries: &[Entry], wanted: &Wanted<'_>, keys: &Rekey) -> Result<Release, ExportError> {
    if !matches!(
        wanted.to.class,
        RecipientClass::Desk | RecipientClass::Organisation | RecipientClass::Provider | RecipientClass::Host
    ) {
        return Err(ExportError::Authority);
    }
    let case = reduce(entries);
    let by_id: BTreeMap<EventId, &Entry> = entries.iter().map(|entry| (entry.id(), entry)).collect();
    let (consent, grant) = grant(&case, &by_id, wanted)?;
    let fields: Vec<ConsentField> =
        grant.fields.iter().filter(|field| wanted.fields.is_none_or(|only| only.contains(field))).cloned().collect();
    let granted = Granted { fields: &fields, keys };
    let held: Vec<&Entry> =
        case.order.iter().filter(|id| !case.refused.contains_key(id)).filter_map(|id| by_id.get(id).copied()).collect();
    let items = items(&case, &held, &granted);
    let evidence = if granted.has(&ConsentField::Evidence) { pieces(&case, &held, keys) } else { Vec::new() };
    let facts = case_facts(&case, &held, &wanted.to, &granted);
    let mut fields: BTreeSet<ConsentField> =
        items.iter().map(|item| &item.facts).chain([&facts]).flatten().map(|(field, _)| field.clone()).collect();
    if !evidence.is_empty() {
        fields.insert(ConsentField::Evidence);
    }
    if fields.is_empty() {
        return Err(ExportError::Nothing);
    }
    Ok(Release {
        id: keys.id("export", wanted.case.as_bytes()),
        sender: keys.id("person", wanted.by.as_bytes()),
        sent: wanted.now,
        exercise: case.exercise,
        purpose: grant.purpose.clone(),
        class: wanted.to.class.clone(),
        consent,
        fields,
        case: CaseFacts { id: keys.id("case", wanted.case.as_bytes()), facts },
        items,
        evidence,
    })
}

/// The one consent that stands now for exactly this recipient.
fn grant<'a>(
    case: &Case,
    by_id: &BTreeMap<EventId, &'a Entry>,
    wanted: &Wanted<'_>,
) -> Result<(EventId, &'a Consent), ExportError> {
    let stands = case.consents.iter().filter(|(_, expires)| expires.is_none_or(|expires| wanted.now < expires));
    let grants = stands.filter_map(|(id, _)| {
        let Body::Consent(consent) = by_id.get(id)?.body() else { return None };
        let named = wanted.consent.is_none_or(|named| named == *id);
        (named && consent.recipient == wanted.to).then_some((*id, consent.as_ref()))
    });
    let grants: Vec<_> = grants.collect();
    let passes = |consent: &Consent| {
        matches!(
            consent.purpose,
            Purpose::Service | Purpose::Shelter | Purpose::Referral | Purpose::Advocacy | Purpose::Evidence
        )
    };
    let mut may = grants.iter().copied().filter(|(_, consent)| passes(consent));
    match (may.next(), may.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(ExportError::SeveralConsents),
        (None, _) if grants.is_empty() => Err(ExportError::NoConsent),
        (None, _) => Err(ExportError::Purpose),
    }
}

struct Granted<'a> {
    fields: &'a [ConsentField],
    keys: &'a Rekey,
}

impl Granted<'_> {
    fn has(&self, field: &ConsentField) -> bool {
        self.fields.contains(field)
    }

    /// The only place where a field enters an export.
    fn keep(&self, said: impl IntoIterator<Item = (ConsentField, Option<Fact>)>) -> Facts {
        said.into_iter().filter(|(field, _)| self.has(field)).filter_map(|(field, fact)| Some((field, fact?))).collect()
    }
}

/// The newest version of every alert and request.
fn items(case: &Case, held: &[&Entry], granted: &Granted<'_>) -> Vec<Item> {
    let mut roots: BTreeMap<EventId, EventId> = BTreeMap::new();
    let mut newest: Vec<(EventId, &Entry)> = Vec::new();
    for entry in held {
        if !matches!(entry.body(), Body::ThreatAlert(_) | Body::ShelterRequest(_)) {
            continue;
        }
        let root = entry.event.content().replaces.map_or(entry.id(), |id| roots.get(&id).copied().unwrap_or(id));
        roots.insert(entry.id(), root);
        match newest.iter_mut().find(|(known, _)| *known == root) {
            Some((_, known)) => *known = entry,
            None => newest.push((root, entry)),
        }
    }
    let item = |(root, entry): (EventId, &Entry)| {
        let redacted = case.texts.get(&root).is_some_and(|text| text.redacted);
        let (kind, mut facts) = if let Body::ThreatAlert(alert) = entry.body() {
            let huridocs = if granted.has(&ConsentField::Kind) { Kind::huridocs(&alert.kind) } else { None };
            (ItemKind::Alert { huridocs }, granted.keep(alert_facts(alert)))
        } else if let Body::ShelterRequest(request) = entry.body() {
            (ItemKind::Request, granted.keep(request_facts(request)))
        } else {
            return None;
        };
        facts.retain(|(field, _)| !redacted || *field != ConsentField::Note);
        let noted = facts.iter().any(|(field, _)| *field == ConsentField::Note);
        let lang = noted.then(|| entry.event.content().lang.clone());
        let id = granted.keys.id("event", root.as_bytes());
        (!facts.is_empty()).then_some(Item { id, kind, lang, facts })
    };
    newest.into_iter().filter_map(item).collect()
}

fn word(word: impl ToString) -> Option<Fact> {
    Some(Fact::Word(word.to_string()))
}

fn words<W: ToString>(words: &[W]) -> Option<Fact> {
    (!words.is_empty()).then(|| Fact::Words(words.iter().map(ToString::to_string).collect()))
}

/// Cleaned, so that what is shown before it leaves is what leaves.
fn text(raw: &str) -> Fact {
    Fact::Text(display::clean_lines(raw))
}

fn alert_facts(alert: &ThreatAlert) -> [(ConsentField, Option<Fact>); 11] {
    [
        (ConsentField::Kind, word(&alert.kind)),
        (ConsentField::Urgency, word(&alert.urgency)),
        (ConsentField::Severity, word(&alert.severity)),
        (ConsentField::Certainty, word(&alert.certainty)),
        (ConsentField::Affected, alert.affected.as_ref().and_then(word)),
        (ConsentField::Count, alert.count.as_ref().and_then(word)),
        (ConsentField::When, alert.when.map(Fact::Minute)),
        (ConsentField::Place, alert.place.as_ref().and_then(|place| word(place.as_str()))),
        (ConsentField::ActorClass, alert.actor_class.as_ref().and_then(word)),
        // How to answer is for those who may; the words of a code phrase are never in an event.
        (ConsentField::Contact, alert.contact.as_ref().and_then(word)),
        (ConsentField::Note, alert.note.as_ref().map(|note| text(note.raw()))),
    ]
}

fn request_facts(request: &ShelterRequest) -> [(ConsentField, Option<Fact>); 10] {
    let places = |places: &[himaya_protocol::content::value::Place]| {
        words(&places.iter().map(|place| place.as_str().to_owned()).collect::<Vec<_>>())
    };
    [
        (ConsentField::NeededBy, word(&request.needed_by)),
        (ConsentField::Adults, Some(Fact::Number(request.adults))),
        (ConsentField::Children, Some(Fact::Number(request.children))),
        (ConsentField::Duration, request.duration.as_ref().and_then(word)),
        (ConsentField::AreaOk, places(&request.area_ok)),
        (ConsentField::AreaAvoid, places(&request.area_avoid)),
        (ConsentField::Needs, words(&request.needs)),
        (ConsentField::Transport, request.transport.as_ref().and_then(word)),
        (ConsentField::ContactWindow, request.contact_window.map(|w| Fact::Window(w.from(), w.until()))),
        (ConsentField::Note, request.note.as_ref().map(|note| text(note.raw()))),
    ]
}

/// Where the case stands, and which services this recipient, and nobody else, was asked for.
fn case_facts(case: &Case, held: &[&Entry], to: &Recipient, granted: &Granted<'_>) -> Facts {
    let asked = |entry: &&Entry| -> Vec<String> {
        let Body::Referral(referral) = entry.body() else { return Vec::new() };
        let Referral { services, .. } = referral.as_ref();
        if referral.to == *to { services.iter().map(ToString::to_string).collect() } else { Vec::new() }
    };
    let services: BTreeSet<String> = held.iter().flat_map(asked).collect();
    granted.keep([
        (ConsentField::Status, case.status.as_ref().and_then(word)),
        (ConsentField::Priority, case.priority.as_ref().and_then(word)),
        (ConsentField::Services, words(&services.into_iter().collect::<Vec<_>>())),
    ])
}

/// Pieces whose own consent stands, each once, as they were described last.
fn pieces(case: &Case, held: &[&Entry], keys: &Rekey) -> Vec<Piece> {
    let mut newest: Vec<(&Evidence, EventId)> = Vec::new();
    for entry in held {
        let Body::Evidence(evidence) = entry.body() else { continue };
        let stands = evidence.consent.is_none_or(|consent| case.consents.contains_key(&consent));
        if !stands || is_export(evidence) {
            continue;
        }
        newest.retain(|(known, _)| known.commitment != evidence.commitment);
        let destroyed = evidence.custody.iter().any(|entry| entry.what == Custody::Destroyed);
        if !destroyed {
            newest.push((evidence, entry.id()));
        }
    }
    let piece = |(evidence, inside): (&Evidence, EventId)| Piece {
        inside,
        id: keys.id("evidence", &evidence.commitment),
        sha256: evidence.shared_sha256,
        mime: evidence.mime.as_ref().map(|mime| mime.as_str().to_owned()),
        stripped: evidence.stripped,
    };
    newest.into_iter().map(piece).collect()
}

/// Whether it is no piece of evidence but the record of an export: its custody begins with that.
fn is_export(evidence: &Evidence) -> bool {
    evidence.custody.first().is_some_and(|first| first.what == Custody::Exported)
}
