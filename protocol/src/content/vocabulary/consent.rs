//! Words about consent and referral: who may hear what, and for what.

use std::fmt;
use std::str::FromStr;

use super::{OtherWord, UnknownWord};

vocabulary! {
    /// What is done with a consent.
    ConsentAct ("act"):
    Grant = "grant",
    Refuse = "refuse",
    Withdraw = "withdraw",
}

vocabulary! {
    /// What a consent is for.
    Purpose ("purpose"):
    Service = "service",
    Shelter = "shelter",
    Referral = "referral",
    Advocacy = "advocacy",
    Statistics = "statistics",
    Evidence = "evidence",
}

vocabulary! {
    /// What sort of recipient it is. `authority` stands here to be refused.
    RecipientClass ("recipient"):
    Desk = "desk",
    Organisation = "organisation",
    Provider = "provider",
    Host = "host",
    Authority = "authority",
}

vocabulary! {
    /// Who gave a consent.
    GivenBy ("given_by"):
    Myself = "self",
    ViaContact = "via_contact",
    Guardian = "guardian",
}

vocabulary! {
    /// How a consent was given.
    ConsentMethod ("method"):
    Message = "message",
    Call = "call",
    InPerson = "in_person",
    Written = "written",
}

vocabulary! {
    /// The fields of a case that a recipient may be given, by the names that they have in events.
    ConsentField ("fields"):
    Kind = "kind",
    Urgency = "urgency",
    Severity = "severity",
    Certainty = "certainty",
    Affected = "affected",
    Count = "count",
    When = "when",
    Place = "place",
    ActorClass = "actor_class",
    Contact = "contact",
    Note = "note",
    Evidence = "evidence",
    NeededBy = "needed_by",
    Adults = "adults",
    Children = "children",
    Duration = "duration",
    AreaOk = "area_ok",
    AreaAvoid = "area_avoid",
    Needs = "needs",
    Transport = "transport",
    ContactWindow = "contact_window",
    Status = "status",
    Priority = "priority",
    Services = "services",
}

vocabulary! {
    /// Services for defenders, as ProtectDefenders.eu divides them.
    Service ("services"):
    PhysicalSecurity = "physical_security",
    DigitalSecurity = "digital_security",
    Communications = "communications",
    Training = "training",
    Transport = "transport",
    Legal = "legal",
    MedicalPsychosocial = "medical_psychosocial",
    HumanitarianFamily = "humanitarian_family",
    UrgentRelocation = "urgent_relocation",
    MonitoringAdvocacy = "monitoring_advocacy",
    MedicoLegal = "medico_legal_documentation",
    OtherService = "other",
}

vocabulary! {
    /// How far a referral is, in Primero's words.
    ReferralState ("state"):
    InProgress = "in_progress",
    Accepted = "accepted",
    Rejected = "rejected",
    Done = "done",
    Revoked = "revoked",
}
