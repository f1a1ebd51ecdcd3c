//! QR codes (ISO/IEC 18004) of cards and links, in half blocks.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::TerminalError;

/// What the code stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// A terminal: the code brings its own black and white, so that any colour scheme works.
    Terminal,
    /// Plain text in an unknown place: what is lit is light, as on a dark screen.
    Plain,
}

/// Draws the code, its quiet zone included, two modules a letter, a line break after each line.
///
/// The text is drawn in upper case: cards and links do not care, and a code of digits and capitals is about a third
/// smaller (a card gives about 57 columns and 29 lines). Fails with [`TerminalError::QrTooLong`].
pub fn draw(text: &str, ground: Ground) -> Result<String, TerminalError> {
    let code = QrCode::with_error_correction_level(text.to_ascii_uppercase(), EcLevel::L)
        .map_err(|_| TerminalError::QrTooLong)?;
    let (dark, light) = match ground {
        Ground::Terminal => (Dense1x2::Dark, Dense1x2::Light),
        Ground::Plain => (Dense1x2::Light, Dense1x2::Dark),
    };
    let drawn = code.render::<Dense1x2>().dark_color(dark).light_color(light).quiet_zone(true).build();
    let (before, after) = match ground {
        // Black on bright white, and back.
        Ground::Terminal => ("\u{1b}[30;107m", "\u{1b}[0m\n"),
        Ground::Plain => ("", "\n"),
    };
    Ok(drawn.lines().map(|line| format!("{before}{line}{after}")).collect())
}
