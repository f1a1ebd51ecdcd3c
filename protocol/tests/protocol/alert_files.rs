//! The JSON of `himaya alert --file`.

use himaya_protocol::content::alert_json::{AlertFile, FIELDS, FieldProblem, Problem, parse};
use himaya_protocol::content::vocabulary::{
    ActorClass, Affected, Certainty, Contact, Count, Kind, ResponseType, Severity, Status, Tlp, Urgency,
};
use himaya_protocol::content::{ThreatAlert, sos};

fn problems(json: &str) -> Vec<FieldProblem> {
    parse(json).expect_err("it is wrong").0
}

fn one(json: &str) -> (String, Problem) {
    let mut found = problems(json);
    assert_eq!(found.len(), 1, "{found:?}");
    found.pop().map(|it| (it.path, it.problem)).expect("one problem")
}

#[test]
fn an_empty_object_is_the_default_alert() {
    let file = parse("{}").expect("an alert");
    assert_eq!(
        file,
        AlertFile {
            alert: ThreatAlert::default(),
            lang: None,
            status: Status::Actual,
            tlp: Tlp::Red,
            expires_hours: 72
        }
    );
}

#[test]
fn a_kind_brings_its_defaults() {
    let file = parse(r#"{"kind": "arrest", "certainty": "Likely"}"#).expect("an alert");
    assert_eq!(file.alert, ThreatAlert { certainty: Certainty::Likely, ..sos::of_kind(Kind::Arrest) });
}

#[test]
fn every_field_is_read() {
    let hash = "0123456789abcdef".repeat(4);
    let json = format!(
        r#"{{"kind": "abduction", "urgency": "Expected", "severity": "Moderate", "certainty": "Possible",
        "response": ["Shelter", "Evacuate", "Monitor"], "affected": "family", "count": ">20",
        "when": "2026-03-01T14:30+03:00", "place": "NE005", "actor_class": "armed_group", "contact": "code_phrase",
        "note": "ligne une\nligne deux", "evidence": ["{hash}"], "lang": "fr", "status": "Exercise", "tlp": "AMBER+STRICT",
        "expires_hours": 720}}"#
    );
    let file = parse(&json).expect("an alert");
    let alert = &file.alert;
    assert_eq!(alert.kind, Kind::Abduction);
    assert_eq!(
        (&alert.urgency, &alert.severity, &alert.certainty),
        (&Urgency::Expected, &Severity::Moderate, &Certainty::Possible)
    );
    assert_eq!(alert.response, [ResponseType::Shelter, ResponseType::Evacuate, ResponseType::Monitor]);
    assert_eq!((&alert.affected, &alert.count), (&Some(Affected::Family), &Some(Count::OverTwenty)));
    assert_eq!(alert.when, Some(29_539_410), "2026-03-01T11:30Z in minutes");
    assert_eq!(alert.place.as_ref().map(|place| place.as_str()), Some("NE005"));
    assert_eq!((&alert.actor_class, &alert.contact), (&Some(ActorClass::ArmedGroup), &Some(Contact::CodePhrase)));
    assert_eq!(alert.note.as_ref().map(|note| note.raw()), Some("ligne une\nligne deux"));
    assert_eq!(alert.evidence.len(), 1);
    assert_eq!(file.lang.as_ref().map(|lang| lang.as_str()), Some("fr"));
    assert_eq!((file.status, file.tlp, file.expires_hours), (Status::Exercise, Tlp::AmberStrict, 720));
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).expect("an object");
    assert!(FIELDS.iter().all(|field| fields.contains_key(*field)), "this test names every field");
}

#[test]
fn all_problems_are_named_at_once() {
    let found = problems(
        r#"{"kind": "Arrest", "urgency": 3, "colour": "red", "response": ["Shelter", "Run", 4], "place": "Erbil, street 4",
        "count": "2", "note": "", "when": "yesterday", "expires_hours": 0, "evidence": "x", "lang": "kurdî",
        "tlp": "AMBER", "tlp": "RED"}"#,
    );
    let paths: Vec<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "colour",
            "tlp",
            "kind",
            "urgency",
            "response[1]",
            "response[2]",
            "count",
            "when",
            "place",
            "note",
            "evidence",
            "lang",
            "expires_hours"
        ]
    );
    let of = |path: &str| found.iter().find(|problem| problem.path == path).expect("named above");
    assert_eq!(of("colour").allowed, FIELDS);
    assert_eq!(of("colour").problem, Problem::UnknownField);
    assert_eq!(of("kind").allowed, Kind::WORDS);
    assert_eq!(of("kind").problem, Problem::NotAllowed { given: "Arrest".to_owned() });
    assert_eq!(of("urgency").problem, Problem::Type { expected: "a string" });
    assert_eq!(of("response[1]").allowed, ResponseType::WORDS);
    assert_eq!(of("count").allowed, Count::WORDS);
    assert_eq!(of("tlp").problem, Problem::Repeated);
    assert_eq!(of("note").problem, Problem::Empty);
    assert_eq!(of("expires_hours").problem, Problem::Range { min: 1, max: 720 });
    let error = parse(r#"{"count": "2"}"#).expect_err("not a class").to_string();
    assert_eq!(error, r#"count: "2" is not an allowed value; allowed: 1, 2-5, 6-20, >20"#);
}

#[test]
fn limits() {
    let note = |note: String| one(&serde_json::json!({ "note": note }).to_string()).1;
    assert_eq!(note("ა".repeat(501)), Problem::TooLong { max: 500, found: 501 });
    assert_eq!(note("a\u{1b}b".to_owned()), Problem::Control { code: 0x1B });
    assert!(parse(&serde_json::json!({ "note": "ა".repeat(500) }).to_string()).is_ok());
    let four = r#"{"response": ["Monitor", "Monitor", "Monitor", "Monitor"]}"#;
    assert_eq!(one(four), ("response".to_owned(), Problem::TooLong { max: 3, found: 4 }));
    for bad in ["721", "-1", "1.5", "\"72\"", "null", "99999999999999999999"] {
        let problem = one(&format!(r#"{{"expires_hours": {bad}}}"#)).1;
        assert_eq!(problem, Problem::Range { min: 1, max: 720 }, "{bad}");
    }
    assert_eq!(one(r#"{"evidence": ["00"]}"#).0, "evidence[0]");
}

#[test]
fn what_is_not_an_object_is_said_with_its_place() {
    for json in ["", "[]", "null", "{", r#"{"kind": }"#, r#"{} {}"#, "\u{0}", r#"{"kind": "arrest",}"#] {
        assert!(matches!(one(json), (path, Problem::NotAnObject { .. }) if path.is_empty()), "{json}");
    }
    assert_eq!(one("{\n  \"kind\" 1}").1, Problem::NotAnObject { line: 2, column: 10 });
}

#[test]
fn hostile_names_and_values_are_cleaned_in_the_answer() {
    let found = problems(r#"{"\u001b[2J\u202ekind": 1, "kind": "\u001b[31m"}"#);
    assert!(found.iter().all(|problem| !problem.to_string().contains(|c: char| c.is_control() || c == '\u{202e}')));
}

#[test]
fn times() {
    let when = |time: &str| parse(&serde_json::json!({ "when": time }).to_string()).map(|file| file.alert.when);
    for (time, minutes) in [
        ("1970-01-01T00:00Z", 0),
        ("1970-01-02T00:00:59.999Z", 1_440),
        ("2000-02-29T12:00Z", 15_863_760),
        ("2024-12-31T23:59:60Z", 28_928_159),
        ("2026-03-01T00:00-05:30", 29_539_050),
        ("2026-03-01 11:30Z", 29_539_410),
        ("9999-12-31T23:59Z", 4_223_371_679),
    ] {
        assert_eq!(when(time), Ok(Some(minutes)), "{time}");
    }
    assert_eq!(when("now"), Ok(None));
    for bad in [
        "",
        "2026-03-01",
        "2026-03-01T11:30",
        "2026-02-29T00:00Z",
        "1900-02-29T00:00Z",
        "2026-13-01T00:00Z",
        "2026-00-01T00:00Z",
        "2026-01-00T00:00Z",
        "2026-01-01T24:00Z",
        "2026-01-01T00:60Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00+24:00",
        "2026-01-01T00:00+0300",
        "1970-01-01T00:00+00:01",
        "26-01-01T00:00Z",
        "2026-1-1T0:0Z",
        "+026-01-01T00:00Z",
        "2026-01-01T00:00:00:00Z",
        "٢٠٢٦-01-01T00:00Z",
    ] {
        assert!(when(bad).is_err(), "{bad}");
    }
}
