//! The JSON form (docs/export.md).

use serde_json::{Map, Value, json};

use super::cap::clock;
use super::select::{Fact, Facts, Item, ItemKind, Piece, Release};

/// The bytes of an export as JSON: one object, UTF-8, indented, ending with a line feed.
pub fn to_json(release: &Release) -> Vec<u8> {
    format!("{:#}\n", object(release)).into_bytes()
}

/// The same object in one line.
pub fn to_line(release: &Release) -> String {
    object(release).to_string()
}

fn object(release: &Release) -> Value {
    let items = |request: bool| -> Vec<Value> {
        release.items.iter().filter(|item| (item.kind == ItemKind::Request) == request).map(item).collect()
    };
    let mut case = facts(&release.case.facts);
    case.insert("id".to_owned(), json!(release.case.id));
    json!({
        "format": "himaya-export", "version": 1, "id": release.id, "sender": release.sender, "sent": time(release.sent),
        "status": if release.exercise { "Exercise" } else { "Actual" }, "tlp": "RED",
        "purpose": release.purpose.as_str(), "recipient": release.class.as_str(), "case": case,
        "alerts": items(false), "requests": items(true),
        "evidence": release.evidence.iter().map(piece).collect::<Vec<_>>(),
    })
}

fn item(item: &Item) -> Value {
    let mut object = facts(&item.facts);
    object.insert("id".to_owned(), json!(item.id));
    if let Some(lang) = &item.lang {
        object.insert("lang".to_owned(), json!(lang.as_str()));
    }
    Value::Object(object)
}

fn facts(facts: &Facts) -> Map<String, Value> {
    facts.iter().map(|(field, fact)| (field.as_str().to_owned(), value(fact))).collect()
}

fn value(fact: &Fact) -> Value {
    match fact {
        Fact::Word(text) | Fact::Text(text) => json!(text),
        Fact::Words(words) => json!(words),
        Fact::Number(number) => json!(number),
        Fact::Minute(minute) => json!(time(*minute)),
        Fact::Window(from, until) => json!([from, until]),
    }
}

fn time(minute: u64) -> String {
    format!("{}Z", clock(minute))
}

fn piece(piece: &Piece) -> Value {
    let mut object = json!({
        "id": piece.id, "sha256": data_encoding::HEXLOWER.encode(&piece.sha256), "stripped": piece.stripped,
    });
    if let (Some(object), Some(mime)) = (object.as_object_mut(), &piece.mime) {
        object.insert("mime".to_owned(), json!(mime));
    }
    object
}
