//! docs/protocol.md says what the code does: its tables of words, codes and sizes are read and compared.

use std::collections::BTreeMap;
use std::path::Path;

use himaya_protocol::cbor::DEPTH_MAX;
use himaya_protocol::content::Body;
use himaya_protocol::content::alert_json::EXPIRY_HOURS_MAX;
use himaya_protocol::content::body::{
    ALERT_EXPIRY_HOURS, CONSENT_MINUTES_MAX, EVIDENCE_MAX, EVIDENCE_SIZE_MAX, HANDOVER_MINUTES_MAX, HOLD_MINUTES,
    HOLD_MINUTES_MAX, LADDER_MAX, PARTY_MAX, REFS_MAX, RESPONSE_MAX, SLOTS_MAX,
};
use himaya_protocol::content::event::{EVENT_MAX, PREV_MAX};
use himaya_protocol::content::recurrence::OCCURRENCES_MAX;
use himaya_protocol::content::sos;
use himaya_protocol::content::value::{LANG_MAX, PLACE_MAX};
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, ActorClass, Affected, CaseStatus, Certainty, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod,
    Contact, Count, Credibility, Custody, Derivation, Duration, EscalationReason, GivenBy, Kind, LadderAct, LadderWho,
    MatchState, Need, NeededBy, OfferState, Part, Priority, Purpose, RecipientClass, ReferralState, Reliability,
    ResponseType, Service, Severity, SourceTie, Status, Tlp, Transport, Urgency, Verdict, VerifiedBy, WORD_MAX,
};
use himaya_protocol::wire::address::{ADDRESS_SIZE, PREFIX_SIZE};
use himaya_protocol::wire::cell::{CELL_PLAIN, CELL_SIZE, CHUNK_PLAIN, CHUNK_SIZE, INLINE_MAX, NONCE_SIZE};
use himaya_protocol::wire::contact::{NAME_MAX, NOTE_MAX};
use himaya_protocol::wire::link::ENDPOINT_MAX;
use himaya_protocol::wire::parts::{PART_SLOTS, PARTS_MAX};
use himaya_protocol::wire::policy::{EXPORT_COMPONENT, MEMBERS_MAX, POLICY_EXTENSION};
use himaya_protocol::wire::relay::{CURSOR_SIZE, PICK_CELLS, PICK_CHUNKS_MAX, PROBLEM_SIZE, PUT_ANSWER_SIZE};

use himaya_protocol::wire::spill::{SPILL_MAX, SPILL_SIZE};

fn protocol_md() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every field of every type has its key in section 8.3: as a table row, or as `key: field` in a line.
#[test]
fn keys_and_fields_are_those_of_the_code() {
    let document = protocol_md();
    let section = document.split_once("### 8.3 Bodies").expect("the section").1;
    let section = section.split("### 8.4").next().expect("a split has a first part");
    for (number, name) in Body::TYPES {
        let body = section.split_once(&format!("**{number} {name}**")).unwrap_or_else(|| panic!("no {name}")).1;
        let body = body.split("\n**").next().expect("a split has a first part").replace('\n', " ");
        for (key, field) in Body::layout(*number).iter().filter(|_| *name != "Duress") {
            let said = [format!("| {key} | {field} |"), format!(" {key}: {field}")];
            assert!(said.iter().any(|said| body.contains(said)), "{name} {key} {field}");
        }
    }
}

/// The table rows of a section, each as its cells.
fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let section = document.split_once(heading).unwrap_or_else(|| panic!("no {heading}")).1;
    let section = section.split("\n#").next().expect("a split has a first part");
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn words_are_those_of_the_code() {
    let document = protocol_md();
    let table: BTreeMap<String, String> = rows(&document, "### 8.4 Words")
        .into_iter()
        .filter_map(|row| if let [field, words] = row.as_slice() { Some((field.clone(), words.clone())) } else { None })
        .collect();
    for (field, words) in [
        ("status", Status::WORDS),
        ("urgency", Urgency::WORDS),
        ("severity", Severity::WORDS),
        ("certainty", Certainty::WORDS),
        ("response", ResponseType::WORDS),
        ("tlp", Tlp::WORDS),
        ("affected", Affected::WORDS),
        ("count", Count::WORDS),
        ("contact", Contact::WORDS),
        ("actor_class", ActorClass::WORDS),
        ("level", AckLevel::WORDS),
        ("needed_by", NeededBy::WORDS),
        ("duration", Duration::WORDS),
        ("needs", Need::WORDS),
        ("transport", Transport::WORDS),
        ("offer state", OfferState::WORDS),
        ("match state", MatchState::WORDS),
        ("answer", CheckInAnswer::WORDS),
        ("who", LadderWho::WORDS),
        ("do", LadderAct::WORDS),
        ("case status", CaseStatus::WORDS),
        ("priority", Priority::WORDS),
        ("verified", VerifiedBy::WORDS),
        ("part", Part::WORDS),
        ("act of an assignment", Act::WORDS),
        ("services", Service::WORDS),
        ("referral state", ReferralState::WORDS),
        ("act of a consent", ConsentAct::WORDS),
        ("purpose", Purpose::WORDS),
        ("recipient", RecipientClass::WORDS),
        ("given_by", GivenBy::WORDS),
        ("method", ConsentMethod::WORDS),
        ("fields", ConsentField::WORDS),
        ("reliability", Reliability::WORDS),
        ("credibility", Credibility::WORDS),
        ("connection", SourceTie::WORDS),
        ("verdict", Verdict::WORDS),
        ("derivations", Derivation::WORDS),
        ("custody", Custody::WORDS),
        ("reason of an escalation", EscalationReason::WORDS),
    ] {
        assert_eq!(table[field].split_whitespace().collect::<Vec<_>>(), words, "{field}");
    }
}

#[test]
fn kinds_and_codes_are_those_of_the_code() {
    let mut documented: Vec<(String, String)> = Vec::new();
    for row in rows(&protocol_md(), "### 8.4 Words").iter().filter(|row| row.len() == 4).skip(2) {
        documented.extend(row.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())));
    }
    documented.retain(|(kind, _)| !kind.is_empty());
    documented.sort();
    let mut kinds: Vec<(String, String)> =
        Kind::ALL.iter().map(|kind| (kind.to_string(), kind.huridocs().unwrap_or_default().to_owned())).collect();
    kinds.sort();
    assert_eq!(documented, kinds);
}

#[test]
fn severities_of_sos_are_those_of_the_code() {
    let document = protocol_md();
    let section = document.split_once("What `sos` sends").expect("the section").1.split("### 8.5").next();
    let section = section.expect("a split has a first part").replace('\n', " ");
    let list = |from: &str| -> Vec<String> {
        let line = section.split_once(from).expect("the line").1.split([';', '.']).next().expect("a first part");
        line.split(',').map(|kind| kind.trim().to_owned()).collect()
    };
    let (extreme, moderate) = (list("Extreme for"), list("Moderate for"));
    for kind in Kind::ALL {
        let severity = sos::of_kind(kind.clone()).severity;
        assert_eq!(extreme.contains(&kind.to_string()), severity == Severity::Extreme, "{kind}");
        assert_eq!(moderate.contains(&kind.to_string()), severity == Severity::Moderate, "{kind}");
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}

#[test]
fn sizes_and_limits_are_those_of_the_code() {
    let document = protocol_md();
    let table: BTreeMap<String, String> = rows(&document, "## 9 Sizes and limits")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].replace(',', "")))
        .collect();
    let numbers = |row: &str| -> Vec<usize> {
        let row = table.get(row).unwrap_or_else(|| panic!("no row {row}"));
        row.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    for (row, values) in [
        ("cell, its plaintext, inline payload", vec![CELL_SIZE, CELL_PLAIN, INLINE_MAX]),
        ("chunk, its plaintext", vec![CHUNK_SIZE, CHUNK_PLAIN]),
        ("spilled payload", vec![1, SPILL_MAX]),
        ("parts of a commit, slots of a part lane", vec![PARTS_MAX, small(PART_SLOTS)]),
        ("address, prefix, nonce, tag, cursor", vec![ADDRESS_SIZE, PREFIX_SIZE, NONCE_SIZE, 16, CURSOR_SIZE]),
        ("pick", vec![PICK_CELLS, PICK_CHUNKS_MAX]),
        ("problem document", vec![PROBLEM_SIZE]),
        ("body of an answer to a put", vec![PUT_ANSWER_SIZE]),
        ("members of a group", vec![MEMBERS_MAX]),
        ("endpoint, name, note of a hello", vec![ENDPOINT_MAX, NAME_MAX, NOTE_MAX]),
        ("event", vec![EVENT_MAX]),
        ("prev, refs, response, evidence", vec![PREV_MAX, REFS_MAX, RESPONSE_MAX, EVIDENCE_MAX]),
        ("word, language, place", vec![WORD_MAX, LANG_MAX, PLACE_MAX]),
        ("nesting of CBOR", vec![DEPTH_MAX]),
        ("party, slots, needs, areas", [PARTY_MAX, PARTY_MAX, SLOTS_MAX, 7, 8].map(small).to_vec()),
        ("hold, by default", [HOLD_MINUTES_MAX, HOLD_MINUTES].map(small).to_vec()),
        ("handover note, consent", [HANDOVER_MINUTES_MAX, CONSENT_MINUTES_MAX].map(small).to_vec()),
        ("check-ins of a plan, ladder", vec![small(OCCURRENCES_MAX), LADDER_MAX]),
        ("piece of evidence", vec![small(EVIDENCE_SIZE_MAX)]),
    ] {
        assert_eq!(numbers(row), values, "{row}");
    }
    for said in [
        format!("spill record ({SPILL_SIZE} B)"),
        format!("component 0x{EXPORT_COMPONENT:X}"),
        format!("extension of type 0x{POLICY_EXTENSION:X}"),
        format!("expires {ALERT_EXPIRY_HOURS} hours"),
        format!("at most {EXPIRY_HOURS_MAX} hours"),
    ] {
        assert!(document.contains(&said), "{said}");
    }
}
