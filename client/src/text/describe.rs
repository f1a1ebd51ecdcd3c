//! Events in a few words, the same wherever they are shown.

use himaya_protocol::content::Body;
use himaya_protocol::content::body::Triage;
use himaya_protocol::content::vocabulary::AckLevel;

use super::{Arg, Text, Texts};

impl Texts {
    /// What an event says, in a few words: one line, without anybody's free text.
    pub fn describe(&self, body: &Body) -> String {
        let texts = self;
        let say = |text: Text| texts.say(text, &[]);
        let with = |text: Text, value: &str| texts.say(text, &[("value", Arg::ours(value))]);
        match body {
            Body::ThreatAlert(alert) => with(Text::SaidAlert, &texts.word(&alert.kind)),
            Body::Ack(ack) => say(match ack.level {
                AckLevel::Human => Text::SaidAckHuman,
                AckLevel::Acting => Text::SaidAckActing,
                AckLevel::Device | AckLevel::Other(_) => Text::SaidAckDevice,
            }),
            Body::AllClear(_) => say(Text::SaidClear),
            Body::Notice(_) => say(Text::SaidNotice),
            Body::ShelterRequest(request) => with(Text::SaidRequest, &texts.word(&request.needed_by)),
            Body::Offer(_) => say(Text::SaidOffer),
            Body::Match(said) => with(Text::SaidMatch, &texts.word(&said.state)),
            Body::HandoverNote(_) => say(Text::SaidHandover),
            Body::CheckInPlan(_) => say(Text::SaidPlan),
            Body::CheckIn(said) => with(Text::SaidCheckIn, &texts.word(&said.answer)),
            Body::Triage(triage) if is_note(triage) => say(Text::SaidNote),
            Body::Triage(triage) => with(Text::SaidTriage, &decision(triage, texts)),
            Body::Assignment(part) => {
                with(Text::SaidAssignment, &format!("{}, {}", texts.word(&part.part), texts.word(&part.act)))
            }
            Body::Referral(referral) => with(Text::SaidReferral, &texts.word(&referral.state)),
            Body::Consent(consent) => with(Text::SaidConsent, &texts.word(&consent.act)),
            Body::Verification(grade) => {
                with(Text::SaidVerification, &format!("{}{}", grade.reliability, grade.credibility))
            }
            Body::Evidence(_) => say(Text::SaidEvidence),
            Body::StandDown(_) => say(Text::SaidStandDown),
            Body::Duress(_) => say(Text::SaidDuress),
            Body::Snapshot(_) => say(Text::SaidSnapshot),
            Body::DeskPolicy(_) | Body::ShiftRoster(_) => say(Text::SaidDesk),
            Body::Escalation(told) => texts.say(Text::SaidEscalation, &[("count", told.step.into())]),
            Body::Leave => say(Text::SaidLeave),
            Body::Unknown { .. } => say(Text::SaidUnknown),
        }
    }
}

fn is_note(triage: &Triage) -> bool {
    triage.note.is_some() && triage.status.is_none() && triage.priority.is_none()
}

fn decision(triage: &Triage, texts: &Texts) -> String {
    let words = [
        triage.priority.as_ref().map(ToString::to_string),
        triage.status.as_ref().map(|status| texts.word(status)),
        triage.urgency.as_ref().map(|word| texts.word(word)),
        triage.severity.as_ref().map(|word| texts.word(word)),
        triage.certainty.as_ref().map(|word| texts.word(word)),
        triage.verified.as_ref().map(|word| texts.word(word)),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The free text of an event. What a plan keeps sealed and what a note shows once stay where they are.
pub fn free_text(body: &Body) -> Vec<String> {
    if matches!(body, Body::CheckInPlan(_) | Body::HandoverNote(_)) {
        return Vec::new();
    }
    if let Body::Triage(triage) = body {
        let reason = (!is_note(triage)).then(|| triage.reason.raw().to_owned());
        let rest = triage.alternative.as_ref().map(|text| text.raw().to_owned());
        return reason.into_iter().chain(rest).chain(triage.note.as_ref().map(|note| note.raw().to_owned())).collect();
    }
    body.words().map(str::to_owned).into_iter().collect()
}
