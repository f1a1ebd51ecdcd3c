//! What is remembered of invites, and what a draw does to it. No files and no clock.

use std::collections::BTreeMap;

use himaya_protocol::wire::invite::InviteHash;

const VERSION: u8 = 1;
const RECORD_SIZE: usize = 80;

/// What is remembered of one invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// How many tokens it may draw in a window.
    pub allotment: u32,
    /// The last window in which it may draw.
    pub expires: u32,
    /// The last window in which it drew; 0 when it never did.
    pub last_window: u32,
    /// How many tokens it drew in that window.
    pub drawn: u32,
    /// SHA-256 of its last request; zeros when it never drew.
    pub last_request: [u8; 32],
}

/// What came of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allotment {
    /// It was taken from the allotment.
    Taken,
    /// It was the last request again: nothing was taken.
    Repeated,
    /// Not enough is left in this window.
    Used,
    /// There is no such invite, or not any more.
    NoInvite,
}

/// All invites.
///
/// ```text
/// version 1 = 1 ‖ (hash 32 ‖ allotment 4 ‖ expires 4 ‖ last window 4 ‖ drawn 4 ‖ last request 32) …   sorted by hash
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book(BTreeMap<InviteHash, Record>);

impl Book {
    /// Adds an invite that has drawn nothing.
    pub fn add(&mut self, invite: InviteHash, allotment: u32, expires: u32) {
        self.0.insert(invite, Record { allotment, expires, last_window: 0, drawn: 0, last_request: [0; 32] });
    }

    /// Forgets an invite; whether it was there.
    pub fn revoke(&mut self, invite: &InviteHash) -> bool {
        self.0.remove(invite).is_some()
    }

    /// An invite that may draw in a window.
    pub fn find(&self, invite: &InviteHash, window: u32) -> Option<Record> {
        self.0.get(invite).filter(|record| window <= record.expires).copied()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&InviteHash, &Record)> {
        self.0.iter()
    }

    /// Takes an amount from an invite's allotment of a window, unless `request` is its last one again.
    pub fn draw(&mut self, invite: &InviteHash, window: u32, amount: u32, request: [u8; 32]) -> Allotment {
        let Some(record) = self.0.get_mut(invite).filter(|record| window <= record.expires) else {
            return Allotment::NoInvite;
        };
        if record.last_request == request {
            return Allotment::Repeated;
        }
        let before = if record.last_window == window { record.drawn } else { 0 };
        match before.checked_add(amount).filter(|drawn| *drawn <= record.allotment) {
            Some(drawn) => {
                (record.last_window, record.drawn, record.last_request) = (window, drawn, request);
                Allotment::Taken
            }
            None => Allotment::Used,
        }
    }

    /// Whether an invite can no longer draw.
    pub fn has_expired(&self, window: u32) -> bool {
        self.0.values().any(|record| record.expires < window)
    }

    /// Forgets every invite that can no longer draw.
    pub fn forget_expired(&mut self, window: u32) {
        self.0.retain(|_, record| window <= record.expires);
    }

    /// What is written down.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for (invite, record) in &self.0 {
            bytes.extend_from_slice(&invite.0);
            for number in [record.allotment, record.expires, record.last_window, record.drawn] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
            bytes.extend_from_slice(&record.last_request);
        }
        bytes
    }

    /// Reads what was written down. `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (records, odd) = rest.as_chunks::<RECORD_SIZE>();
        let book: BTreeMap<_, _> = records.iter().map(read).collect::<Option<_>>()?;
        (version == VERSION && odd.is_empty() && book.len() == records.len()).then_some(Self(book))
    }
}

fn read(bytes: &[u8; RECORD_SIZE]) -> Option<(InviteHash, Record)> {
    let (hash, rest) = bytes.split_first_chunk::<32>()?;
    let (numbers, last_request) = rest.split_first_chunk::<16>()?;
    let mut numbers = numbers.as_chunks::<4>().0.iter().map(|number| u32::from_be_bytes(*number));
    let record = Record {
        allotment: numbers.next()?,
        expires: numbers.next()?,
        last_window: numbers.next()?,
        drawn: numbers.next()?,
        last_request: last_request.try_into().ok()?,
    };
    Some((InviteHash(*hash), record))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: InviteHash = InviteHash([1; 32]);
    const TWO: InviteHash = InviteHash([2; 32]);

    fn book() -> Book {
        let mut book = Book::default();
        book.add(ONE, 256, 20);
        book.add(TWO, 128, 10);
        book
    }

    #[test]
    fn an_allotment_is_for_a_window() {
        let mut book = book();
        assert_eq!(book.draw(&ONE, 10, 128, [1; 32]), Allotment::Taken);
        assert_eq!(book.draw(&ONE, 10, 128, [2; 32]), Allotment::Taken);
        assert_eq!(book.draw(&ONE, 10, 128, [3; 32]), Allotment::Used);
        assert_eq!(book.draw(&TWO, 10, 128, [3; 32]), Allotment::Taken, "invites have nothing to do with each other");
        assert_eq!(book.draw(&ONE, 11, 128, [3; 32]), Allotment::Taken);
        assert_eq!(book.find(&ONE, 11).unwrap().drawn, 128);
    }

    #[test]
    fn the_last_request_again_takes_nothing() {
        let mut book = book();
        assert_eq!(book.draw(&TWO, 9, 128, [1; 32]), Allotment::Taken);
        let before = book.clone();
        assert_eq!(book.draw(&TWO, 9, 128, [1; 32]), Allotment::Repeated);
        assert_eq!(book.draw(&TWO, 9, 128, [2; 32]), Allotment::Used);
        assert_eq!(book.draw(&TWO, 10, 128, [1; 32]), Allotment::Repeated, "in a later window too");
        assert_eq!(book, before);
        assert_eq!(book.draw(&TWO, 10, 128, [2; 32]), Allotment::Taken);
        assert_eq!(book.draw(&TWO, 10, 128, [1; 32]), Allotment::Used, "one before the last is a new one");
    }

    #[test]
    fn what_has_expired_or_was_revoked_draws_nothing() {
        let mut book = book();
        assert_eq!(book.draw(&TWO, 11, 128, [1; 32]), Allotment::NoInvite);
        assert_eq!(book.find(&TWO, 11), None);
        assert!(book.has_expired(11) && !book.has_expired(10));
        book.forget_expired(11);
        assert_eq!(book.all().count(), 1);
        assert!(book.revoke(&ONE) && !book.revoke(&ONE));
        assert_eq!(book.draw(&ONE, 5, 128, [1; 32]), Allotment::NoInvite);
    }

    #[test]
    fn what_is_written_is_read() {
        let mut book = book();
        book.draw(&ONE, 10, 128, [7; 32]);
        let bytes = book.to_bytes();
        assert_eq!(bytes.len(), 1 + 2 * RECORD_SIZE);
        assert_eq!(Book::from_bytes(&bytes), Some(book));
        let twice = [&bytes[..], &bytes[1..1 + RECORD_SIZE]].concat();
        for wrong in [&[][..], &[2], &bytes[..bytes.len() - 1], &bytes[1..], &twice] {
            assert_eq!(Book::from_bytes(wrong), None);
        }
        assert_eq!(Book::from_bytes(&[1]), Some(Book::default()));
    }
}
