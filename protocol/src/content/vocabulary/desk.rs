//! Words of a desk: the life of a case, who works on it, how items are graded, check-ins.

use std::fmt;
use std::str::FromStr;

use super::{OtherWord, UnknownWord};

vocabulary! {
    /// Where a case stands in its life.
    Status ("status"):
    New = "NEW",
    Acked = "ACKED",
    Triaged = "TRIAGED",
    Active = "ACTIVE",
    Monitor = "MONITOR",
    Closed = "CLOSED",
    Purged = "PURGED",
    Declined = "DECLINED",
    Withdrawn = "WITHDRAWN",
    Referred = "REFERRED",
    Transferred = "TRANSFERRED",
    Reopened = "REOPENED",
    DuressHold = "DURESS_HOLD",
}

vocabulary! {
    /// How urgent a case is, `P1` the most.
    Priority ("priority"):
    P1 = "P1",
    P2 = "P2",
    P3 = "P3",
    P4 = "P4",
}

vocabulary! {
    /// What part somebody has in a case.
    Part ("part"):
    Lead = "lead",
    Backup = "backup",
}

vocabulary! {
    /// What is done with a part.
    Act ("act"):
    Take = "take",
    Offer = "offer",
    Accept = "accept",
    Release = "release",
    ShiftHandover = "shift_handover",
}

vocabulary! {
    /// How somebody made sure, outside this system, that a defender is free to speak.
    VerifiedBy ("verified"):
    InPerson = "in_person",
    Call = "call",
    CodePhrase = "code_phrase",
    ThirdPerson = "third_person",
}

vocabulary! {
    /// Admiralty code: how reliable the source of an item is.
    Reliability ("reliability"):
    A = "A",
    B = "B",
    C = "C",
    D = "D",
    E = "E",
    F = "F",
}

vocabulary! {
    /// Admiralty code: how credible the information of an item is.
    Credibility ("credibility"):
    One = "1",
    Two = "2",
    Three = "3",
    Four = "4",
    Five = "5",
    Six = "6",
}

vocabulary! {
    /// How the source of an item is tied to what it tells.
    SourceTie ("connection"):
    Direct = "direct",
    Witness = "witness",
    Hearsay = "hearsay",
    OpenSource = "open_source",
    Unknown = "unknown",
}

vocabulary! {
    /// What a desk holds of an item.
    Verdict ("verdict"):
    Confirmed = "confirmed",
    Probable = "probable",
    Unconfirmed = "unconfirmed",
    Refuted = "refuted",
}

vocabulary! {
    /// What a check-in says.
    CheckInAnswer ("answer"):
    Ok = "ok",
    Delay = "delay",
    Help = "help",
}

vocabulary! {
    /// Whom a step of a check-in's ladder reaches.
    LadderWho ("who"):
    Contacts = "contacts",
    Desk = "desk",
    Lead = "lead",
    Everybody = "everybody",
}

vocabulary! {
    /// What a step of a check-in's ladder does.
    LadderAct ("do"):
    Ask = "ask",
    Alert = "alert",
    OpenCase = "open_case",
    OpenPlan = "open_plan",
}

vocabulary! {
    /// Why a case goes up the ladder.
    EscalationReason ("reason"):
    NoAck = "no_ack",
    NoLead = "no_lead",
    NoReply = "no_reply",
    MissedCheckIn = "missed_check_in",
}
