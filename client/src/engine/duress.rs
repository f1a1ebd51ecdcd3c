//! The duress word: said with `ok`, it tells the others that the check-in was made under duress.
//!
//! Nothing on this device shows it: the check-in is listed as any other. What is kept of the word is an Argon2id hash with
//! a salt of its own, so that whoever opens the profile reads no word; guesses can be tried on it.

use std::collections::BTreeSet;

use argon2::Argon2;
use himaya_protocol::content::body::Duress;
use himaya_protocol::content::vocabulary::CheckInAnswer;
use himaya_protocol::content::{Body, EventId};
use himaya_protocol::wire::policy::GroupKind;

use super::circles::{self, Circle};
use super::cover;
use super::error::EngineError;
use super::events::{self, Draft};
use super::plans::{self, Plan};
use crate::store::{Ctx, StoreError};

/// The setting that holds salt and hash.
const WORD: &str = "duress word";
/// The setting that holds the ids of what is on no list.
const HIDDEN: &str = "beside the log";
const SALT: usize = 16;
const HASH: usize = 32;

/// Sets the duress word; an empty one takes it away.
pub fn set_duress_word(ctx: &mut Ctx<'_>, word: &str) -> Result<(), EngineError> {
    let word = fold(word);
    if word.is_empty() {
        return Ok(ctx.unset(WORD)?);
    }
    let salt: [u8; SALT] = ctx.random();
    let kept = [&salt[..], &hash(&word, &salt)?[..]].concat();
    Ok(ctx.set(WORD, &kept)?)
}

/// Whether words typed after `ok` are the duress word. Takes as long whatever they are.
pub fn is_duress_word(ctx: &Ctx<'_>, words: &str) -> Result<bool, EngineError> {
    let words = fold(words);
    let kept = ctx.setting(WORD)?.unwrap_or_else(|| vec![0; SALT + HASH]);
    let (salt, expected) = kept.split_at_checked(SALT).ok_or(StoreError::Damaged("duress word"))?;
    Ok(!words.is_empty() && hash(&words, salt)?[..] == *expected)
}

/// Says what `ok` says when no check-in of `plan` is due, or there is no plan at all: nothing, or that it was said under
/// duress, in the plan's group, else in every line, else in every group that protects this profile.
///
/// Either way as many cells leave: whoever looks on, or at the line, is to see no difference.
pub fn say_when_none_is_due(ctx: &mut Ctx<'_>, plan: Option<&Plan>, words: &str) -> Result<(), EngineError> {
    let duress = is_duress_word(ctx, words)?;
    let groups = match plan {
        Some(plan) => vec![plan.circle.clone()],
        None => protectors(ctx)?,
    };
    for group in groups.into_iter().filter(|group| group.members > 1) {
        if duress {
            // Of no plan, and so in earnest and a case of its own, whose clocks begin now.
            let body = Duress { plan: EventId::of(&ctx.random::<32>()), seq: 0, answer: CheckInAnswer::Ok, late: None };
            let id = events::say(ctx, &group, Body::from(body), &Draft::default())?;
            let hidden = [ctx.setting(HIDDEN)?.unwrap_or_default(), id.as_bytes().to_vec()].concat();
            ctx.set(HIDDEN, &hidden)?;
        } else {
            cover::noise(ctx, true)?;
        }
    }
    Ok(())
}

/// What was said under duress when no check-in was due: it is on no list of this device.
pub(super) fn hidden(ctx: &Ctx<'_>) -> Result<BTreeSet<EventId>, EngineError> {
    let ids = ctx.setting(HIDDEN)?.unwrap_or_default();
    Ok(ids.as_chunks::<32>().0.iter().filter_map(|id| EventId::from_slice(id)).collect())
}

/// The own lines, else all groups whose defender this profile is; not those of cases, where others read along.
fn protectors(ctx: &Ctx<'_>) -> Result<Vec<Circle>, EngineError> {
    let mut groups = Vec::new();
    for group in circles::list(ctx)? {
        if group.kind != GroupKind::Case && plans::protects_me(ctx, &group)? {
            groups.push(group);
        }
    }
    if groups.iter().any(|group| group.kind == GroupKind::Line) {
        groups.retain(|group| group.kind == GroupKind::Line);
    }
    Ok(groups)
}

fn hash(word: &str, salt: &[u8]) -> Result<[u8; HASH], EngineError> {
    let mut hash = [0; HASH];
    let hashed = Argon2::default().hash_password_into(word.as_bytes(), salt, &mut hash);
    hashed.map_err(|_| StoreError::Damaged("duress word"))?;
    Ok(hash)
}

/// A code word as it is compared: without case, spaces at the ends and invisible joiners, and with one letter for those
/// that keyboards of Arabic and Kurdish give in several forms.
fn fold(word: &str) -> String {
    let letter = |c: char| match c {
        'ك' => Some('ک'),
        'ي' | 'ى' => Some('ی'),
        'ه' => Some('ە'),
        '\u{200C}' | '\u{200D}' => None,
        '٠'..='٩' => char::from_digit(u32::from(c) - u32::from('٠'), 10),
        '۰'..='۹' => char::from_digit(u32::from(c) - u32::from('۰'), 10),
        c => Some(c),
    };
    let words: Vec<String> = word
        .split_whitespace()
        .map(|word| word.to_lowercase().chars().filter_map(letter).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn one_word_is_one_word_whatever_keyboard_it_comes_from() {
        assert_eq!(fold("  Blue   Tree "), fold("blue tree"));
        assert_eq!(fold("كتێبي"), fold("کتێبی"), "Arabic and Kurdish letters");
        assert_eq!(fold("هێمن"), fold("ەێمن"));
        assert_eq!(fold("می\u{200C}خواهم"), fold("میخواهم"), "a joiner that nobody sees");
        assert_eq!(fold("باش ٤٢"), fold("باش 42"));
        assert_eq!(fold("باش ۴۲"), fold("باش 42"));
        assert_ne!(fold("blue"), fold("green"));
        assert_eq!(fold(" \u{200C} "), "");
    }
}
