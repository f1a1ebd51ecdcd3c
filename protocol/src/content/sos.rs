//! From the one word a person under stress types to an alert.
//!
//! | word | kind |
//! |---|---|
//! | (none) | unspecified |
//! | `arrest` | arrest |
//! | `raid` | home_raid |
//! | `followed` | surveillance |
//! | `digital` | device_or_account_suspicious |
//! | any kind's own name | that kind |

use super::body::ThreatAlert;
use super::vocabulary::{Certainty, Kind, Severity, UnknownWord, Urgency};

/// The short words, besides the names of all kinds.
pub const WORDS: &[&str] = &["arrest", "raid", "followed", "digital"];

/// The alert that `sos WORD` sends; without a word, the default alert.
///
/// Fails on a word that is neither in [`WORDS`] nor a kind, and names all that are.
pub fn alert(word: Option<&str>) -> Result<ThreatAlert, UnknownWord> {
    word.map_or(Ok(Kind::Unspecified), kind).map(of_kind)
}

/// The alert of one kind with the urgency, severity and certainty that go with it when nothing else is known.
///
/// Urgency is always Immediate: whoever asks for help means now.
pub fn of_kind(kind: Kind) -> ThreatAlert {
    let severity = severity(&kind);
    let certainty = if kind == Kind::DeviceOrAccountSuspicious { Certainty::Possible } else { Certainty::Observed };
    ThreatAlert { kind, urgency: Urgency::Immediate, severity, certainty, ..ThreatAlert::default() }
}

fn kind(word: &str) -> Result<Kind, UnknownWord> {
    match word {
        "raid" => Ok(Kind::HomeRaid),
        "followed" => Ok(Kind::Surveillance),
        "digital" => Ok(Kind::DeviceOrAccountSuspicious),
        _ => word.parse().map_err(|_| {
            let kinds = Kind::WORDS.iter().filter(|kind| !WORDS.contains(kind));
            UnknownWord::new("sos", word, WORDS.iter().chain(kinds).copied().collect())
        }),
    }
}

/// Extreme where life, body or freedom is at stake now; Moderate where harm comes slowly; else Severe.
fn severity(kind: &Kind) -> Severity {
    match kind {
        Kind::DeathThreat
        | Kind::Assault
        | Kind::SexualViolence
        | Kind::Torture
        | Kind::AttemptedKilling
        | Kind::Arrest
        | Kind::Detention
        | Kind::Disappearance
        | Kind::Abduction
        | Kind::HomeRaid => Severity::Extreme,
        Kind::Unspecified
        | Kind::Threat
        | Kind::Surveillance
        | Kind::Stalking
        | Kind::SexualHarassment
        | Kind::HouseArrest
        | Kind::OfficeRaid
        | Kind::Confiscation
        | Kind::DeviceLost
        | Kind::DeviceOrAccountSuspicious
        | Kind::Other(_) => Severity::Severe,
        Kind::GroupBan
        | Kind::TravelRestriction
        | Kind::Defamation
        | Kind::LegalHarassment
        | Kind::SiteDown
        | Kind::Impersonation
        | Kind::OnlineHarassment => Severity::Moderate,
    }
}
