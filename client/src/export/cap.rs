//! The form of OASIS CAP 1.2 (docs/export.md; the schema stands in tests/schemas).
//!
//! | CAP | from |
//! |---|---|
//! | identifier, sender | ids of this export alone |
//! | sent | when it was made |
//! | status | `Exercise` for a drill, else `Actual` |
//! | msgType, scope, addresses, code | `Alert`, `Private`, the class of the recipient, `TLP:RED` |
//! | info | one for each alert and request; what CAP requires and the consent withholds is `unspecified` or `Unknown` |
//! | resource | a piece of evidence, its SHA-256 as RFC 6920 writes it |
//! | parameter | every granted field that CAP has no element for, by its own name |

use std::io;

use himaya_protocol::content::vocabulary::{Certainty, ConsentField, Kind, Severity, Urgency};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use time::OffsetDateTime;

use super::select::{Fact, Item, ItemKind, Piece, Release};

const NAMESPACE: &str = "urn:oasis:names:tc:emergency:cap:1.2";
const HURIDOCS: &str = "HURIDOCS micro-thesaurus 4";
const ISO_3166_2: &str = "ISO 3166-2";
/// What CAP has an element of its own for.
const ELEMENTS: &[ConsentField] = &[
    ConsentField::Kind,
    ConsentField::Urgency,
    ConsentField::Severity,
    ConsentField::Certainty,
    ConsentField::When,
    ConsentField::Place,
    ConsentField::Contact,
    ConsentField::Note,
];

type Xml = Writer<Vec<u8>>;

/// A point in time as CAP writes it: RFC 3339 in UTC with the offset `-00:00`.
fn time(minute: u64) -> String {
    format!("{}-00:00", clock(minute))
}

/// A point in time in UTC, without its offset.
pub(super) fn clock(minute: u64) -> String {
    let seconds = i64::try_from(minute.saturating_mul(60)).ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:00", time.hour(), time.minute())
}

/// The bytes of an export as CAP 1.2: UTF-8, indented, ending with a line feed.
pub fn to_cap(release: &Release) -> Vec<u8> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    write(&mut xml, release).expect("writing into memory does not fail");
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    bytes
}

fn write(xml: &mut Xml, release: &Release) -> io::Result<()> {
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("alert").with_attribute(("xmlns", NAMESPACE)).write_inner_content(|xml| {
        element(xml, "identifier", &release.id)?;
        element(xml, "sender", &release.sender)?;
        element(xml, "sent", &time(release.sent))?;
        element(xml, "status", if release.exercise { "Exercise" } else { "Actual" })?;
        element(xml, "msgType", "Alert")?;
        element(xml, "scope", "Private")?;
        element(xml, "addresses", release.class.as_str())?;
        element(xml, "code", "TLP:RED")?;
        element(xml, "incidents", &release.case.id)?;
        // What belongs to no alert stands in the first info, or in one of its own.
        let first = release.items.first();
        info(xml, release, first, true)?;
        release.items.iter().skip(1).try_for_each(|item| info(xml, release, Some(item), false))
    })?;
    Ok(())
}

fn info(xml: &mut Xml, release: &Release, item: Option<&Item>, first: bool) -> io::Result<()> {
    let of = |field: &ConsentField| item.and_then(|item| fact(item, field));
    let known = |words: &[&str], field: &ConsentField| {
        let word = of(field).and_then(plain);
        word.filter(|word| words.contains(&word.as_str())).unwrap_or_else(|| "Unknown".to_owned())
    };
    let request = item.is_some_and(|item| item.kind == ItemKind::Request);
    xml.create_element("info").write_inner_content(|xml| {
        if let Some(lang) = item.and_then(|item| item.lang.as_ref()) {
            element(xml, "language", lang.as_str())?;
        }
        element(xml, "category", if request { "Safety" } else { "Security" })?;
        let event = of(&ConsentField::Kind).and_then(plain);
        let unsaid = if request { "shelter_request" } else { Kind::Unspecified.as_str() };
        element(xml, "event", event.as_deref().unwrap_or(unsaid))?;
        if request {
            element(xml, "responseType", "Shelter")?;
        }
        element(xml, "urgency", &known(Urgency::WORDS, &ConsentField::Urgency))?;
        element(xml, "severity", &known(Severity::WORDS, &ConsentField::Severity))?;
        element(xml, "certainty", &known(Certainty::WORDS, &ConsentField::Certainty))?;
        if let Some(ItemKind::Alert { huridocs: Some(code) }) = item.map(|item| item.kind) {
            pair(xml, "eventCode", HURIDOCS, code)?;
        }
        for (name, field) in
            [("onset", ConsentField::When), ("description", ConsentField::Note), ("contact", ConsentField::Contact)]
        {
            if let Some(text) = of(&field).and_then(plain) {
                element(xml, name, &text)?;
            }
        }
        parameters(xml, release, item, first)?;
        if first {
            release.evidence.iter().try_for_each(|piece| resource(xml, piece))?;
        }
        match of(&ConsentField::Place).and_then(plain) {
            Some(place) => area(xml, &place),
            None => Ok(()),
        }
    })?;
    Ok(())
}

/// Everything that CAP has no element for, by its own name; several words as several parameters.
fn parameters(xml: &mut Xml, release: &Release, item: Option<&Item>, first: bool) -> io::Result<()> {
    if let Some(item) = item {
        pair(xml, "parameter", "id", &item.id)?;
    }
    let own = item.into_iter().flat_map(|item| &item.facts);
    let case = release.case.facts.iter().filter(|_| first);
    for (field, fact) in own.chain(case).filter(|(field, _)| !ELEMENTS.contains(field)) {
        match fact {
            Fact::Words(words) => words.iter().try_for_each(|word| pair(xml, "parameter", field.as_str(), word))?,
            fact @ (Fact::Word(_) | Fact::Number(_) | Fact::Minute(_) | Fact::Window(..) | Fact::Text(_)) => {
                pair(xml, "parameter", field.as_str(), &plain(fact).unwrap_or_default())?;
            }
        }
    }
    Ok(())
}

fn resource(xml: &mut Xml, piece: &Piece) -> io::Result<()> {
    xml.create_element("resource").write_inner_content(|xml| {
        element(xml, "resourceDesc", &format!("evidence {}", piece.id))?;
        element(xml, "mimeType", piece.mime.as_deref().unwrap_or("application/octet-stream"))?;
        element(xml, "uri", &format!("ni:///sha-256;{}", data_encoding::BASE64URL_NOPAD.encode(&piece.sha256)))
    })?;
    Ok(())
}

fn area(xml: &mut Xml, place: &str) -> io::Result<()> {
    xml.create_element("area").write_inner_content(|xml| {
        element(xml, "areaDesc", place)?;
        if place.contains('-') {
            pair(xml, "geocode", ISO_3166_2, place)
        } else {
            pair(xml, "geocode", "P-code", place)
        }
    })?;
    Ok(())
}

fn fact<'a>(item: &'a Item, field: &ConsentField) -> Option<&'a Fact> {
    item.facts.iter().find(|(known, _)| known == field).map(|(_, fact)| fact)
}

/// A fact as the text of one element.
fn plain(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Word(text) | Fact::Text(text) => text.clone(),
        Fact::Words(words) => words.join(" "),
        Fact::Number(number) => number.to_string(),
        Fact::Minute(minute) => time(*minute),
        Fact::Window(from, until) => {
            format!("{:02}:{:02}-{:02}:{:02} UTC", from / 60, from % 60, until / 60, until % 60)
        }
    })
}

fn element(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    let text = allowed(text);
    xml.create_element(name).write_text_content(BytesText::new(&text))?;
    Ok(())
}

fn pair(xml: &mut Xml, name: &str, value_name: &str, value: &str) -> io::Result<()> {
    xml.create_element(name).write_inner_content(|xml| {
        element(xml, "valueName", value_name)?;
        element(xml, "value", value)
    })?;
    Ok(())
}

/// What XML 1.0 has no way to write (section 2.2) is shown as missing, as control characters are.
fn allowed(text: &str) -> String {
    let may = |c: char| matches!(c, '\n' | '\t' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    text.chars().map(|c| if may(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}
