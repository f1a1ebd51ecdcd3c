//! Other people's text on our screen.

use himaya_protocol::content::display::{FSI, PDI, clean, clean_lines, is_bidi_control, isolate};

#[test]
fn text_of_our_languages_is_untouched() {
    for text in [
        "გადმოდით ხუთ წუთში",
        "تم اعتقال زميلتنا عند الحاجز",
        "گرتیان لە بەردەم ماڵەکەی",
        "Ils ont forcé la porte, rue 12 — venez « vite »",
        "Ana bin mu tun daga kasuwa ƙ ɗ ɓ",
        "Wan ez girtim, çûn û hatin",
        "👩🏽 ✔️",
        "e\u{301} decomposed stays decomposed",
    ] {
        assert_eq!(clean(text), text);
        assert_eq!(clean_lines(text), text);
    }
}

#[test]
fn zwnj_stays_only_between_arabic_letters() {
    for (given, shown) in [
        ("می\u{200C}خواهم", "می\u{200C}خواهم"),
        ("ده\u{200C}ست", "ده\u{200C}ست"),
        ("نامه\u{200C}ای", "نامه\u{200C}ای"),
        ("مُ\u{200C}د", "مُ\u{200C}د"),
        ("pay\u{200C}pal", "paypal"),
        ("\u{200C}می", "می"),
        ("می\u{200C}", "می"),
        ("می\u{200C}\u{200C}خ", "می\u{200C}خ"),
        ("می\u{200C} خ", "می خ"),
        ("٣\u{200C}٤", "٣٤"),
        ("ა\u{200C}ბ", "აბ"),
    ] {
        assert_eq!(clean(given), shown, "{given:?}");
    }
}

#[test]
fn all_twelve_bidi_controls_go() {
    let controls: Vec<char> = ('\0'..=char::MAX).filter(|&c| is_bidi_control(c)).collect();
    assert_eq!(
        controls.iter().map(|&c| u32::from(c)).collect::<Vec<_>>(),
        [0x61C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069]
    );
    for control in controls {
        assert_eq!(clean(&format!("a{control}b")), "ab");
    }
}

#[test]
fn control_and_invisible_characters() {
    for (given, shown) in [
        ("a\u{1b}[2Jb", "a\u{FFFD}[2Jb"),
        ("\u{7}", "\u{FFFD}"),
        ("a\0b", "a\u{FFFD}b"),
        ("a\u{9b}31m", "a\u{FFFD}31m"),
        ("a\tb", "a b"),
        ("a\u{200B}b\u{FEFF}c\u{2060}d\u{AD}e", "abcde"),
        ("a\u{200D}b", "ab"),
        ("ok\u{E0041}\u{E007F}", "ok"),
    ] {
        assert_eq!(clean(given), shown, "{given:?}");
    }
    for code in (0..0x20).chain(0x7F..0xA0) {
        let c = char::from_u32(code).expect("a scalar value");
        assert!(!clean(&c.to_string()).contains(char::is_control), "U+{code:04X}");
    }
}

#[test]
fn line_breaks() {
    let text = "a\nb\r\nc\rd\u{85}e\u{2028}f\u{2029}g";
    assert_eq!(clean(text), "a b c d e f g");
    assert_eq!(clean_lines(text), "a\nb\nc\nd\ne\nf\ng");
}

#[test]
fn isolated_text_cannot_break_out() {
    let hostile = format!("evil{PDI}{PDI}\u{202E}txt.exe\n");
    assert_eq!(isolate(&hostile), format!("{FSI}eviltxt.exe {PDI}"));
}
