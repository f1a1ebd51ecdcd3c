//! A relay that lies to one person.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use himaya_protocol::wire::oblivious::GatewayKey;
use himaya_protocol::wire::relay::Descriptor;
use himaya_protocol::wire::token::TokenKey;
use himaya_protocol::wire::{Address, Cell};

/// What the relay does to one person that it must not do. Clones are the same.
#[derive(Clone, Default)]
pub struct Lies(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Never shown to this person.
    hidden: BTreeSet<Address>,
    /// How many puts of this person are still acknowledged and thrown away.
    swallow: usize,
    /// Shown to this person instead of the relay's own.
    keys: Option<Vec<TokenKey>>,
    /// The same of its keys for forwarders.
    gateway_keys: Option<Vec<GatewayKey>>,
    /// What is said otherwise in its descriptor.
    terms: Option<fn(&mut Descriptor)>,
    /// Whether the relay has lied, or somebody else has made it look so.
    blamed: bool,
}

impl Lies {
    /// Never shows what lies here, wherever and whenever it is read.
    pub fn hide(&self, address: Address) {
        self.change(|state| state.blamed |= state.hidden.insert(address));
    }

    /// Acknowledges the next puts of cells and throws them away.
    pub fn swallow(&self, puts: usize) {
        self.change(|state| (state.swallow, state.blamed) = (puts, true));
    }

    /// Shows another relay's token keys.
    pub fn show_keys(&self, keys: Vec<TokenKey>) {
        self.change(|state| (state.keys, state.blamed) = (Some(keys), true));
    }

    /// Shows another relay's keys for forwarders.
    pub fn show_gateway_keys(&self, keys: Vec<GatewayKey>) {
        self.change(|state| (state.gateway_keys, state.blamed) = (Some(keys), true));
    }

    /// Says of itself what this makes of its descriptor.
    pub fn show_terms(&self, terms: fn(&mut Descriptor)) {
        self.change(|state| (state.terms, state.blamed) = (Some(terms), true));
    }

    /// Whoever plays this person makes the relay look guilty by other means.
    pub fn blame(&self) {
        self.change(|state| state.blamed = true);
    }

    /// The relay is honest from now on.
    pub fn end(&self) {
        self.change(|state| *state = State::default());
    }

    /// Whether this person may suspect the relay.
    pub fn are_told(&self) -> bool {
        self.change(|state| state.blamed)
    }

    pub(super) fn swallows(&self) -> bool {
        self.change(|state| {
            let swallows = state.swallow > 0;
            state.swallow = state.swallow.saturating_sub(1);
            swallows
        })
    }

    pub(super) fn hides(&self, address: &Address) -> bool {
        self.change(|state| state.hidden.contains(address))
    }

    pub(super) fn tamper(&self, cells: &mut Vec<(Address, Cell)>) {
        cells.retain(|(address, _)| !self.hides(address));
    }

    pub(super) fn shown(&self, mut addresses: Vec<Address>) -> Vec<Address> {
        addresses.retain(|address| !self.hides(address));
        addresses
    }

    pub(super) fn describe(&self, mut descriptor: Descriptor) -> Descriptor {
        if let Some(keys) = self.change(|state| state.keys.clone()) {
            descriptor.token_keys = keys;
        }
        if let Some(keys) = self.change(|state| state.gateway_keys.clone()) {
            descriptor.gateway_keys = keys;
        }
        if let Some(change) = self.change(|state| state.terms) {
            change(&mut descriptor);
        }
        descriptor
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().expect("no test panics while it holds the lies"))
    }
}
