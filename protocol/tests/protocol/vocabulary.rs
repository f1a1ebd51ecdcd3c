//! Every vocabulary has the exact words of its standard.

use himaya_protocol::content::value::{Lang, Place};
use himaya_protocol::content::vocabulary::{
    AckLevel, Act, ActorClass, Affected, CaseStatus, Certainty, CheckInAnswer, ConsentAct, ConsentField, ConsentMethod,
    Contact, Count, Credibility, Custody, Derivation, Duration, EscalationReason, GivenBy, Kind, LadderAct, LadderWho,
    MatchState, Need, NeededBy, OfferState, Part, Priority, Purpose, RecipientClass, ReferralState, Reliability,
    ResponseType, Service, Severity, SourceTie, Status, Tlp, Transport, Urgency, Verdict, VerifiedBy,
};

macro_rules! assert_words {
    ($($name:ident: $words:literal),+ $(,)?) => {$(
        let words: Vec<&str> = $words.split_whitespace().collect();
        assert_eq!($name::WORDS, words, stringify!($name));
        assert_eq!($name::ALL.iter().map($name::as_str).collect::<Vec<_>>(), words);
        for (word, value) in words.iter().zip($name::ALL) {
            assert_eq!(word.parse::<$name>().as_ref(), Ok(value));
        }
        let error = "no such word".parse::<$name>().expect_err("no such word");
        assert_eq!(error.allowed, words);
        assert!(words.iter().all(|word| error.to_string().contains(word)));
    )+};
}

#[test]
fn words_are_exact() {
    assert_words! {
        Status: "Actual Exercise System Test Draft",
        Urgency: "Immediate Expected Future Past Unknown",
        Severity: "Extreme Severe Moderate Minor Unknown",
        Certainty: "Observed Likely Possible Unlikely Unknown",
        ResponseType: "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None",
        Tlp: "RED AMBER+STRICT AMBER GREEN CLEAR",
        Affected: "self colleague family organisation group",
        Count: "1 2-5 6-20 >20",
        Contact: "reply_here dont_call code_phrase",
        AckLevel: "device human acting",
        Kind: "unspecified threat death_threat surveillance stalking sexual_harassment assault sexual_violence torture
            attempted_killing arrest detention disappearance abduction house_arrest home_raid office_raid group_ban
            travel_restriction confiscation defamation legal_harassment device_lost device_or_account_suspicious
            site_down impersonation online_harassment",
        ActorClass: "armed_forces police prison intelligence judiciary paramilitary vigilante armed_group private_guards
            crowd family employer corporation unknown",
        NeededBy: "tonight 48h 7d date",
        Duration: "7n 30d 3m 6m 12m unsure",
        Need: "step_free women_only private_room child_safe medication_storage assistance_animal remote_work",
        Transport: "own need unsure",
        OfferState: "open held full paused withdrawn",
        MatchState: "proposed host_ok guest_ok declined expired cancelled",
        CheckInAnswer: "ok delay help",
        LadderWho: "contacts desk lead everybody",
        LadderAct: "ask alert open_case open_plan",
        CaseStatus: "NEW ACKED TRIAGED ACTIVE MONITOR CLOSED PURGED DECLINED WITHDRAWN REFERRED TRANSFERRED REOPENED
            DURESS_HOLD",
        Priority: "P1 P2 P3 P4",
        VerifiedBy: "in_person call code_phrase third_person",
        Part: "lead backup",
        Act: "take offer accept release shift_handover",
        Service: "physical_security digital_security communications training transport legal medical_psychosocial
            humanitarian_family urgent_relocation monitoring_advocacy medico_legal_documentation other",
        ReferralState: "in_progress accepted rejected done revoked",
        ConsentAct: "grant refuse withdraw",
        Purpose: "service shelter referral advocacy statistics evidence",
        RecipientClass: "desk organisation provider host authority",
        GivenBy: "self via_contact guardian",
        ConsentMethod: "message call in_person written",
        ConsentField: "kind urgency severity certainty affected count when place actor_class contact note evidence
            needed_by adults children duration area_ok area_avoid needs transport contact_window status priority services",
        Reliability: "A B C D E F",
        Credibility: "1 2 3 4 5 6",
        SourceTie: "direct witness hearsay open_source unknown",
        Verdict: "confirmed probable unconfirmed refuted",
        Derivation: "stripped redacted resized cut transcribed translated",
        Custody: "collected sealed derived copied transferred accessed exported destroyed",
        EscalationReason: "no_ack no_lead no_reply missed_check_in",
    }
}

#[test]
fn huridocs_codes_are_distinct_twelve_digit_codes() {
    let codes: Vec<_> = Kind::ALL.iter().filter_map(Kind::huridocs).collect();
    assert_eq!(codes.len(), 20);
    assert!(codes.iter().all(|code| code.len() == 12 && code.bytes().all(|b| b.is_ascii_digit())));
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), codes.len());
    assert_eq!(Kind::Arrest.huridocs(), Some("030101000000"));
    assert_eq!(Kind::LegalHarassment.huridocs(), None);
}

#[test]
fn what_was_given_is_named_without_its_control_characters() {
    let error = "\u{1b}]0;x\u{202e}".parse::<Kind>().expect_err("no kind");
    assert_eq!(error.given, "\u{FFFD}]0;x");
    assert_eq!("x".repeat(1_000).parse::<Kind>().expect_err("no kind").given.len(), 64);
}

#[test]
fn language_tags() {
    for good in ["ar-IQ", "ckb", "kmr-Arab-IQ", "kmr-Latn", "fr", "ka", "ha", "en", "x-codes", "zh-Hant-x-a-1"] {
        assert_eq!(good.parse::<Lang>().map(|lang| lang.to_string()), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "e",
        "-",
        "en-",
        "-en",
        "en--GB",
        "en_GB",
        "english-",
        "x",
        "x-",
        "abcdefghi",
        "en-abcdefghi",
        "ku ",
        "fr\n",
        "ку",
    ] {
        assert!(bad.parse::<Lang>().is_err(), "{bad:?}");
    }
    assert!(format!("en-{}", "abcdefg-".repeat(4)).trim_end_matches('-').parse::<Lang>().is_ok());
    assert!(format!("en-{}abc", "abcdefgh-".repeat(4)).parse::<Lang>().is_err());
}

#[test]
fn places_are_regions_and_nothing_finer() {
    for good in ["IQ-AR", "IQ-SU", "NE-8", "ML-BKO", "GE-TB", "IQG11", "NE005", "NER005", "ML03", "GE11"] {
        assert_eq!(good.parse::<Place>().map(|place| place.as_str().to_owned()), Ok(good.to_owned()));
    }
    for bad in [
        "",
        "IQ",
        "IQ-",
        "iq-ar",
        "IQ-ARBI",
        "IRQ-AR",
        "IQ-A R",
        "36.19,44.01",
        "IQG11Q01",
        "NE005002",
        "ML0301",
        "Erbil",
        "G11",
    ] {
        assert!(bad.parse::<Place>().is_err(), "{bad:?}");
    }
}
