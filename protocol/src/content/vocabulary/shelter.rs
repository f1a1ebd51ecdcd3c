//! Words about shelter: what is asked for, what is offered, how far a match is.

use std::fmt;
use std::str::FromStr;

use super::{OtherWord, UnknownWord};

vocabulary! {
    /// How soon shelter is needed.
    NeededBy ("needed_by"):
    Tonight = "tonight",
    TwoDays = "48h",
    Week = "7d",
    Date = "date",
}

vocabulary! {
    /// For how long shelter is needed.
    Duration ("duration"):
    SevenNights = "7n",
    ThirtyDays = "30d",
    ThreeMonths = "3m",
    SixMonths = "6m",
    TwelveMonths = "12m",
    Unsure = "unsure",
}

vocabulary! {
    /// What a place must have, or has. Needs are asked for, never the reason for them.
    Need ("needs"):
    StepFree = "step_free",
    WomenOnly = "women_only",
    PrivateRoom = "private_room",
    ChildSafe = "child_safe",
    MedicationStorage = "medication_storage",
    AssistanceAnimal = "assistance_animal",
    RemoteWork = "remote_work",
}

vocabulary! {
    /// How the guest gets there.
    Transport ("transport"):
    Own = "own",
    Need = "need",
    Unsure = "unsure",
}

vocabulary! {
    /// Whether an offer can be had.
    OfferState ("state"):
    Open = "open",
    Held = "held",
    Full = "full",
    Paused = "paused",
    Withdrawn = "withdrawn",
}

vocabulary! {
    /// What somebody says about a match.
    MatchState ("state"):
    Proposed = "proposed",
    HostOk = "host_ok",
    GuestOk = "guest_ok",
    Declined = "declined",
    Expired = "expired",
    Cancelled = "cancelled",
}
