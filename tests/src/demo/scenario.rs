//! The alerts that people send in the demo: files as `himaya alert --file` takes them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use himaya_protocol::content::alert_json;

/// One alert file.
pub(super) struct Scenario {
    pub(super) path: PathBuf,
    pub(super) kind: String,
    pub(super) lang: String,
}

/// Reads `tests/scenarios/*.json` in the order of their names. Each must be a valid alert.
pub(super) fn load() -> anyhow::Result<Vec<Scenario>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> anyhow::Result<Scenario> {
    let text = std::fs::read_to_string(&path)?;
    let file = alert_json::parse(&text).map_err(|error| anyhow::anyhow!("{}: {error:?}", path.display()))?;
    let lang = file.lang.as_ref().map_or("en", |lang| lang.as_str()).to_owned();
    Ok(Scenario { kind: file.alert.kind.as_str().to_owned(), lang, path })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_scenarios_are_valid_and_speak_the_languages_of_the_field() {
        let scenarios = load().unwrap();
        let kinds: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.kind.as_str()).collect();
        let langs: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.lang.as_str()).collect();
        assert!(kinds.len() >= 6, "{kinds:?}");
        for lang in ["ar-IQ", "ckb", "fr", "en"] {
            assert!(langs.contains(lang), "no alert in {lang}");
        }
    }
}
