//! Variables that stand above the file: one a setting, named after it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

use toml::{Table, Value};

use super::{Access, Config, ConfigError};

const PREFIX: &str = "HIMAYA_RELAY_";

/// A setting that a variable has given.
#[derive(Debug)]
pub(super) struct Variable {
    /// Where it stands: tables, then the key.
    path: Vec<String>,
    value: Value,
}

impl Variable {
    /// Puts the value in its place.
    pub(super) fn set(self, table: &mut Table) {
        let Some((key, tables)) = self.path.split_last() else { return };
        let mut place = table;
        for name in tables {
            let inner = place.entry(name).or_insert_with(|| Value::Table(Table::new()));
            // What is no table where one belongs is refused when the whole is read.
            let Value::Table(inner) = inner else { return };
            place = inner;
        }
        place.insert(key.clone(), self.value);
    }
}

/// Takes the settings out of an environment. Each is tried by itself, so that an error names its variable.
pub(super) fn read(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Vec<Variable>, ConfigError> {
    let mut given: Vec<(String, OsString)> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok().filter(|name| name.starts_with(PREFIX))?, value)))
        .collect();
    given.sort();
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let example: Table =
        toml::from_str(&Config::template(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), "localhost:1", Access::Open))?;
    let settings = settings(&example, &[]);
    let one = |(name, value): (String, OsString)| {
        let (path, like) = settings
            .iter()
            .find(|(path, _)| variable_of(path) == name)
            .ok_or_else(|| ConfigError::NoSuchVariable(name.clone()))?;
        let wrong = |why: &str| ConfigError::Variable { variable: name.clone(), why: why.to_owned() };
        let text = value.into_string().map_err(|_| wrong("it is not text in UTF-8"))?;
        let value = parse(&text, like).map_err(wrong)?;
        let mut tried = example.clone();
        Variable { path: path.clone(), value: value.clone() }.set(&mut tried);
        let config: Config = tried.try_into().map_err(|error: toml::de::Error| wrong(error.message()))?;
        config.policy().map_err(|error| wrong(&error.to_string()))?;
        Ok(Variable { path: path.clone(), value })
    };
    given.into_iter().map(one).collect()
}

/// Every setting of the example, with its value.
fn settings(table: &Table, above: &[String]) -> Vec<(Vec<String>, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        let path = [above, std::slice::from_ref(key)].concat();
        match value.as_table() {
            Some(inner) => found.extend(settings(inner, &path)),
            None => found.push((path, value.clone())),
        }
    }
    found
}

fn variable_of(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("_").to_uppercase())
}

/// A value of the kind that the example has there.
fn parse(text: &str, like: &Value) -> Result<Value, &'static str> {
    if like.is_integer() {
        text.parse().map(Value::Integer).map_err(|_| "it is not a whole number")
    } else if like.is_bool() {
        text.parse().map(Value::Boolean).map_err(|_| "it is neither true nor false")
    } else {
        Ok(Value::String(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let file = Config::template("127.0.0.1:7443".parse().unwrap(), "relay.example.org:443", Access::Open);
        Config::parse_with(&file, variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn every_setting_has_a_variable() {
        let example: Table =
            toml::from_str(&Config::template("127.0.0.1:1".parse().unwrap(), "a:1", Access::Open)).unwrap();
        let settings = settings(&example, &[]);
        assert!(settings.len() > 10);
        for (path, value) in settings {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let config = with(&[(&variable_of(&path), &text)]);
            assert!(config.is_ok(), "{path:?}: {config:?}");
        }
    }

    #[test]
    fn a_variable_stands_above_the_file() {
        let config = with(&[
            ("HIMAYA_RELAY_LISTEN", "0.0.0.0:443"),
            ("HIMAYA_RELAY_RETENTION", "7"),
            ("HIMAYA_RELAY_LIMITS_PATIENCE", "5s"),
            ("HIMAYA_RELAY_TLS_KEY", "/etc/key.pem"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.listen, "0.0.0.0:443".parse().unwrap());
        assert_eq!(config.retention, 7);
        assert_eq!(config.limits.patience, Duration::from_secs(5));
        assert_eq!(config.tls.key.to_str(), Some("/etc/key.pem"));
        assert_eq!(config.link_host, "relay.example.org:443", "what no variable names is as the file has it");
    }

    #[test]
    fn what_is_wrong_with_a_variable_is_said_with_its_name() {
        for (name, value, why) in [
            ("HIMAYA_RELAY_RETENTION", "many", "whole number"),
            ("HIMAYA_RELAY_RETENTION", "31", "retention must be"),
            ("HIMAYA_RELAY_RETENTION", "-1", ""),
            ("HIMAYA_RELAY_WINDOW", "1 day", "a whole number above zero"),
            ("HIMAYA_RELAY_LISTEN", "everywhere", ""),
            ("HIMAYA_RELAY_HEALTH", "0.0.0.0:1", "loopback"),
            ("HIMAYA_RELAY_LIMITS_FEEDS", "0", ""),
            ("HIMAYA_RELAY_ACCESS", "", "open"),
            ("HIMAYA_RELAY_COLOUR", "green", "unset it"),
            ("HIMAYA_RELAY_LIMITS", "1", "unset it"),
        ] {
            let error = with(&[("HIMAYA_RELAY_LINK_HOST", "a:1"), (name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(why) && error.contains("unset it"), "{error}");
        }
    }
}
