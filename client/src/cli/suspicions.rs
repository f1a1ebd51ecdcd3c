//! What the relay is suspected of, and what to do about it.

use super::app::App;
use super::error::CliError;
use crate::engine::{Reason, Suspicion};
use crate::text::{Arg, Text};

/// Says what was seen, and what to do next.
pub(super) fn show(app: &mut App, suspicions: &[Suspicion]) -> Result<(), CliError> {
    let now = app.now();
    for Suspicion { reason, since, circle, .. } in suspicions {
        let text = match reason {
            Reason::Gap => Text::SuspectGap,
            Reason::WindowChanged => Text::SuspectWindow,
            Reason::KeyChanged => Text::SuspectKeyChanged,
            Reason::KeyDiffers => Text::SuspectKeyDiffers,
            Reason::Silent => Text::SuspectSilent,
            Reason::TermsDiffer => Text::SuspectTermsDiffer,
        };
        let time = app.texts.ago(now / 60, since / 60);
        let circle = circle.as_deref().unwrap_or_default();
        app.say(text, &[("time", Arg::ours(&time)), ("circle", Arg::theirs(circle))])?;
    }
    if suspicions.is_empty() { Ok(()) } else { app.say(Text::SuspectNext, &[]) }
}
