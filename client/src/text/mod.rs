//! All text that people read, in Fluent (projectfluent.org) files that the program carries with it.
//!
//! [`Text`] names every message, so a name that does not exist does not compile, and a test holds the list and the
//! English files to each other. What another language lacks is said in English.
//!
//! Direction: a text may hold names and notes in another script than its own. Values by other people enter through
//! [`Arg::theirs`], which cleans and isolates them; ids, cards and commands stand on lines of their own, because a
//! terminal that reorders right-to-left text would reorder them too (a test holds every language to that). Fluent's
//! own isolation is off: it would put invisible marks around ids that people copy.

mod arg;
mod catalogue;
mod describe;
mod errors;
pub mod help;
mod names;
mod time;
mod words;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

pub use arg::Arg;
pub use catalogue::Text;
pub use describe::free_text;
pub use errors::{Explain, refused};
pub use time::{day, utc};
pub use words::Word;

/// Every language that the program carries: its BCP 47 tag and its files. The first is complete.
const LOCALES: &[(&str, &[&str])] = &[(
    "en",
    &[
        include_str!("../../locales/en/commands.ftl"),
        include_str!("../../locales/en/events.ftl"),
        include_str!("../../locales/en/desk.ftl"),
        include_str!("../../locales/en/consent.ftl"),
        include_str!("../../locales/en/board.ftl"),
        include_str!("../../locales/en/errors.ftl"),
        include_str!("../../locales/en/words.ftl"),
        include_str!("../../locales/en/help.ftl"),
    ],
)];

/// The messages of one language, with English behind it.
pub struct Texts {
    tag: &'static str,
    /// In the order in which a message is looked for.
    bundles: Vec<FluentBundle<FluentResource>>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Texts({})", self.tag)
    }
}

impl Texts {
    /// Takes the first of the wishes that names a language the program has, else English.
    ///
    /// A wish is a BCP 47 tag or a POSIX locale such as `fr_FR.UTF-8`; empty ones, `C` and `POSIX` wish for nothing.
    pub fn load<'a>(wishes: impl IntoIterator<Item = &'a str>) -> Self {
        Self::choose(LOCALES, wishes)
    }

    fn choose<'a>(
        locales: &'static [(&'static str, &'static [&'static str])],
        wishes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let wished = wishes.into_iter().find_map(|wish| {
            let wish = language_of(wish)?;
            let exact = locales.iter().find(|(tag, _)| language_of(tag).as_ref() == Some(&wish));
            exact.or_else(|| {
                locales.iter().find(|(tag, _)| language_of(tag).is_some_and(|has| has.language == wish.language))
            })
        });
        let complete = locales.first();
        let chosen = wished.or(complete);
        let behind = complete.filter(|complete| chosen.is_some_and(|chosen| chosen.0 != complete.0));
        let tag = chosen.map_or("en", |(tag, _)| tag);
        Self { tag, bundles: chosen.into_iter().chain(behind).map(|(tag, files)| bundle(tag, files)).collect() }
    }

    /// The BCP 47 tag of the language that was chosen.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// A message with its arguments. One that no language has is shown as its id.
    pub fn say(&self, text: Text, args: &[(&str, Arg<'_>)]) -> String {
        let id = <&str>::from(text);
        self.message(id, None, args).unwrap_or_else(|| id.to_owned())
    }

    /// A message, or an attribute of one, from the first language that has it.
    fn message(&self, id: &str, attribute: Option<&str>, args: &[(&str, Arg<'_>)]) -> Option<String> {
        let args: FluentArgs<'_> = args.iter().map(|(name, arg)| (*name, arg.0.clone())).collect();
        self.bundles.iter().find_map(|bundle| {
            let message = bundle.get_message(id)?;
            let pattern = match attribute {
                Some(attribute) => message.get_attribute(attribute)?.value(),
                None => message.value()?,
            };
            let mut errors = Vec::new();
            let said = bundle.format_pattern(pattern, Some(&args), &mut errors);
            debug_assert!(errors.is_empty(), "the message {id} was not given what it says: {errors:?}");
            Some(said.into_owned())
        })
    }
}

fn language_of(wish: &str) -> Option<LanguageIdentifier> {
    let tag = wish.split(['.', '@']).next().unwrap_or_default().trim();
    if tag.is_empty() || tag == "C" || tag == "POSIX" { None } else { tag.parse().ok() }
}

fn bundle(tag: &str, files: &[&str]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(language_of(tag).into_iter().collect());
    bundle.set_use_isolating(false);
    for file in files {
        // A file with an error keeps its other messages; the tests allow neither errors nor repetitions.
        let file = FluentResource::try_new((*file).to_owned()).unwrap_or_else(|(file, _errors)| file);
        bundle.add_resource_overriding(file);
    }
    bundle
}

#[cfg(test)]
mod tests;
