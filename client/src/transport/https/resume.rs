//! A closed window, or its index, that is read on from where the line broke: on a bad line a day of cells never comes in one piece.
//!
//! Closed windows do not change, so the rest is asked for by its place alone (RFC 9110 section 14.2). The tag that the relay
//! gives a window is compared here and never sent back (no `If-Range`): a relay could give each reader a tag of its own,
//! and would know by it who comes back.

use std::sync::{Mutex, PoisonError};

use himaya_protocol::wire::oblivious::CONTENT_MAX;
use himaya_protocol::wire::relay::LayoutError;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, RANGE};
use reqwest::{Method, Response};

use super::answer::{Form, Records};
use super::{Call, Https, ok, within};
use crate::transport::error::{Refusal, TransportError};

/// How often one call reads on. Each time must have brought a whole record at least.
const READS_ON_MAX: u32 = 64;
/// The longest tag that is remembered.
const TAG_MAX: usize = 128;

/// What came of a closed window before the line broke.
pub(super) struct Begun<T: 'static> {
    window: u32,
    path: String,
    form: &'static Form<T>,
    /// What the relay said that it is; nothing can be read on without.
    tag: Option<Vec<u8>>,
    records: Records<T>,
}

impl<T> Begun<T> {
    fn new(window: u32, path: String, form: &'static Form<T>) -> Self {
        Self { window, path, form, tag: None, records: Records::after_head(0, form) }
    }

    /// Forgets what has come, and takes what comes now under this tag.
    fn restart(&mut self, tag: Option<Vec<u8>>) {
        self.tag = tag;
        self.records = Records::after_head(0, self.form);
    }

    /// The place of the first byte that is missing, if it can be read on from there.
    fn rest(&self) -> Option<u64> {
        Some(self.records.received()).filter(|place| *place > 0 && self.tag.is_some())
    }
}

impl Https {
    /// All there is of a closed window, with what an earlier call has brought of it.
    pub(super) async fn whole<T>(
        &self,
        kept: &Mutex<Option<Begun<T>>>,
        window: u32,
        path: String,
        form: &'static Form<T>,
    ) -> Result<Vec<T>, TransportError> {
        let keep = |begun| std::mem::replace(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner), begun);
        let begun = keep(None).filter(|begun| begun.window == window);
        let mut begun = begun.unwrap_or_else(|| Begun::new(window, path, form));
        let read = within(self.timeouts.sweep, self.read_on(&mut begun)).await;
        match read {
            Ok(()) => begun.records.finish().map(|(_, records)| records),
            Err(error) => {
                if matches!(error, TransportError::Unreachable(_)) && begun.rest().is_some() {
                    begun.records.break_off();
                    keep(Some(begun));
                }
                Err(error)
            }
        }
    }

    /// Reads to the end, over as many connections as it takes while each brings something.
    async fn read_on<T>(&self, begun: &mut Begun<T>) -> Result<(), TransportError> {
        for _ in 0..READS_ON_MAX {
            let had = begun.records.received();
            match self.read_rest(begun).await {
                Err(TransportError::Unreachable(_)) if begun.records.received() > had && begun.rest().is_some() => {
                    begun.records.break_off();
                }
                other => return other,
            }
        }
        self.read_rest(begun).await
    }

    async fn read_rest<T>(&self, begun: &mut Begun<T>) -> Result<(), TransportError> {
        if self.sealing.is_some() {
            return self.read_pieces(begun).await;
        }
        let mut request = self.request(&self.client_for(Call::Read)?, Method::GET, &begun.path);
        let rest = begun.rest();
        if let Some(place) = rest {
            request = request.header(RANGE, format!("bytes={place}-"));
        }
        let answer = self.send(request).await?;
        match (rest, answer.status().as_u16()) {
            (Some(place), 206) => {
                let same = tag_of(answer.headers()) == begun.tag && begins_at(answer.headers(), place);
                if !same {
                    // Not what was begun: the next call starts anew.
                    begun.restart(None);
                    return Err(LayoutError("the rest of a closed window").into());
                }
                begun.records.read(answer).await
            }
            (Some(_), 416) => {
                begun.restart(None);
                Err(TransportError::Refused(Refusal::Other(416)))
            }
            // The whole, because this relay knows no ranges, or because nothing was there yet.
            _ => {
                let answer: Response = ok(answer)?;
                begun.restart(tag_of(answer.headers()));
                begun.records.read(answer).await
            }
        }
    }
}

impl Https {
    /// Reads on to the end, no more at a time than one sealed answer holds.
    async fn read_pieces<T>(&self, begun: &mut Begun<T>) -> Result<(), TransportError> {
        let client = self.client_for(Call::Read)?;
        let piece = u64::try_from(CONTENT_MAX - CONTENT_MAX % begun.form.size).unwrap_or(1);
        loop {
            let place = begun.records.received();
            let range = format!("bytes={place}-{}", place.saturating_add(piece).saturating_sub(1));
            let answer = self.send(self.request(&client, Method::GET, &begun.path).header(RANGE, range)).await?;
            let (tag, length) = (tag_of(answer.headers()), length_of_whole(answer.headers()));
            match (answer.status().as_u16(), length) {
                (206, Some(length)) if begins_at(answer.headers(), place) && (place == 0 || tag == begun.tag) => {
                    begun.tag = tag;
                    begun.records.read(answer).await?;
                    let received = begun.records.received();
                    if received == length {
                        return Ok(());
                    }
                    if received > length || received == place {
                        return Err(LayoutError("a piece of a closed window").into());
                    }
                }
                (206, _) => {
                    // Not what was begun: the next call starts anew.
                    begun.restart(None);
                    return Err(LayoutError("the rest of a closed window").into());
                }
                // Nothing arrived in it.
                (416, Some(0)) if place == 0 => return Ok(()),
                _ => {
                    begun.restart(None);
                    let answer = ok(answer)?;
                    return begun.records.read(answer).await;
                }
            }
        }
    }
}

/// How long the whole is of which a part came, or none (RFC 9110 section 14.4).
fn length_of_whole(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_RANGE)?.to_str().ok()?.rsplit_once('/')?.1.parse().ok()
}

/// The strong tag of an answer (RFC 9110 section 8.8.3).
fn tag_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let tag = headers.get(ETAG)?.as_bytes();
    (tag.len() <= TAG_MAX && tag.starts_with(b"\"")).then(|| tag.to_vec())
}

/// Whether a part begins where it should (RFC 9110 section 14.4).
fn begins_at(headers: &HeaderMap, place: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-'));
    first.is_some_and(|(first, _)| first.parse() == Ok(place))
}
