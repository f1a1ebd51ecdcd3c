//! A recipient as it is typed and shown: `organisation:Night desk`, `host:Sara`.

use std::collections::BTreeMap;
use std::str::FromStr;

use himaya_protocol::content::body::Recipient;
use himaya_protocol::content::vocabulary::RecipientClass;
use himaya_protocol::wire::card::Fingerprint;
use serde_json::{Value, json};

use super::app::App;
use super::error::CliError;
use crate::engine::{self, EngineError};
use crate::export::ExportError;
use crate::store::Ctx;

/// A recipient before it is looked up.
#[derive(Debug, Clone)]
pub(super) struct To {
    class: RecipientClass,
    who: String,
}

impl FromStr for To {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "CLASS:WHO, as in 'organisation:Night desk' or 'host:Sara'";
        let (class, who) = text.split_once(':').ok_or(form)?;
        let class: RecipientClass = class.trim().parse().map_err(|error| format!("{error}"))?;
        if who.trim().is_empty() { Err(form.to_owned()) } else { Ok(Self { class, who: who.trim().to_owned() }) }
    }
}

impl To {
    /// Nothing is ever passed on to an authority.
    pub(super) fn check(&self) -> Result<(), CliError> {
        if self.class == RecipientClass::Authority { Err(ExportError::Authority.into()) } else { Ok(()) }
    }

    /// Who it is, as it was typed.
    pub(super) fn who(&self) -> &str {
        &self.who
    }

    /// Exactly one recipient: a person by name or fingerprint, anybody else by what they are known by.
    pub(super) fn find(&self, ctx: &Ctx<'_>) -> Result<Recipient, EngineError> {
        let digits = data_encoding::HEXLOWER_PERMISSIVE.decode(self.who.as_bytes()).ok();
        if let Some(who) = digits.and_then(|bytes| Fingerprint::from_slice(&bytes)) {
            return Ok(Recipient::person(self.class.clone(), &who));
        }
        if self.class == RecipientClass::Host {
            return Ok(Recipient::person(self.class.clone(), &engine::fellow(ctx, &self.who)?.fingerprint));
        }
        let unknown = || EngineError::Unknown { what: "recipient", name: self.who.clone() };
        let recipient = Recipient::known_as(self.class.clone(), &self.who).ok_or_else(unknown)?;
        engine::call_recipient(ctx, &recipient, &self.who)?;
        Ok(recipient)
    }
}

/// What this client can call recipients: people it is in a group with, the groups themselves, and what was typed here.
#[derive(Debug, Default)]
pub(super) struct Names {
    people: BTreeMap<[u8; 32], String>,
}

impl Names {
    pub(super) fn load(ctx: &Ctx<'_>) -> Result<Self, EngineError> {
        let people = engine::fellows(ctx)?.into_iter();
        let mut names = engine::recipients_called(ctx)?;
        names.extend(people.map(|member| (*member.fingerprint.as_bytes(), member.name)));
        for group in engine::list(ctx)? {
            if let Some(known) = Recipient::known_as(RecipientClass::Desk, &group.name) {
                names.insert(known.id, group.name);
            }
        }
        Ok(Self { people: names })
    }

    fn of(&self, recipient: &Recipient) -> Option<&String> {
        self.people.get(&recipient.id)
    }

    /// A recipient as people read it: its class, and its name or the beginning of its id.
    pub(super) fn say(&self, app: &App, recipient: &Recipient) -> String {
        format!("{} {}", app.texts.word(&recipient.class), self.name(recipient))
    }

    /// Its name, or the beginning of its id.
    pub(super) fn name(&self, recipient: &Recipient) -> String {
        let digits = || data_encoding::HEXLOWER.encode(&recipient.id).chars().take(8).collect();
        self.of(recipient).cloned().unwrap_or_else(digits)
    }

    /// The object of docs/cli.md.
    pub(super) fn json(&self, recipient: &Recipient) -> Value {
        json!({
            "class": recipient.class.as_str(), "id": data_encoding::HEXLOWER.encode(&recipient.id),
            "name": self.of(recipient),
        })
    }
}
