//! Makes other people's text safe to show on a terminal.
//!
//! Display never folds or normalises: letters stay as they were written. Only what is invisible and can move, hide or
//! recolour other text goes.

/// First Strong Isolate: what follows takes its direction from its own first letter.
pub const FSI: char = '\u{2068}';
/// Pop Directional Isolate: ends [`FSI`].
pub const PDI: char = '\u{2069}';
const ZWNJ: char = '\u{200C}';

/// Text for one line: line breaks become spaces.
///
/// Control characters (Cc) become U+FFFD so that an attempt shows; tabs become spaces. The 12 characters with the
/// property Bidi_Control and other invisible format characters are removed. ZWNJ stays between letters of the Arabic
/// script (Persian and Sorani need it there) and nowhere else.
pub fn clean(text: &str) -> String {
    neutralise(text, ' ')
}

/// Text for a paragraph: as [`clean`], but line breaks stay.
pub fn clean_lines(text: &str) -> String {
    neutralise(text, '\n')
}

/// A line of other people's text to stand inside one of ours: cleaned, between FSI and PDI (UAX 9 section 2.4).
pub fn isolate(text: &str) -> String {
    format!("{FSI}{}{PDI}", clean(text))
}

/// Whether the character has the property Bidi_Control (Unicode, PropList.txt).
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn neutralise(text: &str, line_break: char) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{0085}' | '\u{2028}' | '\u{2029}' => cleaned.push(line_break),
            '\t' => cleaned.push(' '),
            ZWNJ => {
                let before = cleaned.chars().rev().find(|&c| !is_arabic_mark(c));
                if before.is_some_and(is_arabic_letter) && chars.peek().copied().is_some_and(is_arabic_letter) {
                    cleaned.push(ZWNJ);
                }
            }
            c if is_bidi_control(c) || is_invisible(c) => {}
            c if c.is_control() => cleaned.push(char::REPLACEMENT_CHARACTER),
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// Format characters other than the bidi controls and ZWNJ that show nothing themselves.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{115F}'
            | '\u{1160}'
            | '\u{17B4}'
            | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{200D}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206A}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Letters of the Arabic script: its blocks without digits, signs and marks.
fn is_arabic_letter(c: char) -> bool {
    matches!(
        c,
        '\u{0620}'..='\u{064A}'
            | '\u{066E}'
            | '\u{066F}'
            | '\u{0671}'..='\u{06D3}'
            | '\u{06D5}'
            | '\u{06E5}'
            | '\u{06E6}'
            | '\u{06EE}'
            | '\u{06EF}'
            | '\u{06FA}'..='\u{06FC}'
            | '\u{06FF}'
            | '\u{0750}'..='\u{077F}'
            | '\u{0870}'..='\u{0887}'
            | '\u{0889}'..='\u{088E}'
            | '\u{08A0}'..='\u{08C9}'
            | '\u{FB50}'..='\u{FBB1}'
            | '\u{FBD3}'..='\u{FD3D}'
            | '\u{FD50}'..='\u{FDFB}'
            | '\u{FE70}'..='\u{FEFC}'
    )
}

/// Vowel signs and other marks that may stand between a letter and a ZWNJ.
fn is_arabic_mark(c: char) -> bool {
    matches!(c, '\u{0610}'..='\u{061A}' | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{06D6}'..='\u{06DC}' | '\u{06DF}'..='\u{06E4}' | '\u{06E7}' | '\u{06E8}' | '\u{06EA}'..='\u{06ED}')
}
