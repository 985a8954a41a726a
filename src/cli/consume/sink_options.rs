//! Which sinks a query has, and which of them each option is for.

use super::sink::Kind;
use crate::{Error, Result};
use clap::ValueEnum;
use std::collections::BTreeMap;

/// A sink as it stands on the command line: `kafka`, or `alerts=kafka`.
#[derive(Debug, Clone)]
pub struct Named {
    name: Option<String>,
    kind: Kind,
}

impl Named {
    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl std::str::FromStr for Named {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, kind) = text.split_once('=').map_or((None, text), |(name, kind)| (Some(name), kind));
        if let Some(name) = name.filter(|name| !is_name(name)) {
            let error = Error::usage(format!("'{name}' is no name of a sink"));
            return Err(error.hint("letters, digits, '_' and '-'"));
        }
        let kind = Kind::from_str(kind, false).map_err(|_| {
            let known: Vec<_> = Kind::value_variants().iter().map(Kind::name).collect();
            Error::usage(format!("there is no sink '{kind}'")).hint(known.join(", "))
        })?;
        Ok(Self { name: name.map(Into::into), kind })
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// An option as it stands on the command line: `topic=alerts`, or `kafka.topic=alerts`.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The sink that it is for; without it, the one that has such an option.
    sink: Option<String>,
    key: String,
    value: String,
    /// How it was written.
    flag: String,
}

impl Setting {
    /// An option with a flag of its own, `--path`.
    pub fn of_flag(key: &str, value: &str) -> Self {
        Self { sink: None, key: key.into(), value: value.into(), flag: format!("--{key}") }
    }
}

impl std::str::FromStr for Setting {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Error::usage("there is no '='").hint("--sink-option topic=alerts, file-size=128m")
        })?;
        let (sink, key) = name.split_once('.').map_or((None, name), |(sink, key)| (Some(sink), key));
        let flag = format!("--sink-option {name}");
        Ok(Self { sink: sink.map(Into::into), key: key.into(), value: value.into(), flag })
    }
}

/// A sink with its options.
#[derive(Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name, which no other sink of the query has.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    options: BTreeMap<String, String>,
}

impl Chosen {
    /// An option, if it was given.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// An option that there is no sink without.
    ///
    /// # Errors
    /// A usage error with an example.
    pub fn needed(&self, key: &str, example: &str) -> Result<&str> {
        self.option(key).ok_or_else(|| {
            Error::usage(format!("--sink {} needs an option '{key}'", self.kind.name())).hint(example)
        })
    }

    /// All options.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The names in an option, with commas between them.
    pub fn list(&self, key: &str) -> Option<Vec<String>> {
        let names = |list: &str| list.split(',').map(|name| name.trim().to_string()).collect();
        self.option(key).map(names)
    }
}

/// The sinks, each with its options.
///
/// # Errors
/// A usage error when two have the same name, or an option is not of exactly one of them.
pub fn choose(sinks: &[Named], settings: impl IntoIterator<Item = Setting>) -> Result<Vec<Chosen>> {
    let mut chosen: Vec<Chosen> = Vec::new();
    for Named { name, kind } in sinks {
        let name = name.clone().unwrap_or_else(|| kind.name().into());
        if chosen.iter().any(|other| other.name == name) {
            let hint = format!("--sink NAME={} gives one a name of its own", kind.name());
            return Err(Error::usage(format!("there are two sinks '{name}'")).hint(hint));
        }
        chosen.push(Chosen { name, kind: *kind, options: BTreeMap::new() });
    }
    for setting in settings {
        let sink = owner(&chosen, &setting)?;
        if chosen[sink].options.insert(setting.key, setting.value).is_some() {
            return Err(Error::usage(format!("{} was given twice", setting.flag)));
        }
    }
    Ok(chosen)
}

/// The sink that an option is for.
fn owner(chosen: &[Chosen], setting: &Setting) -> Result<usize> {
    let Setting { sink, key, flag, .. } = setting;
    let has = |sink: &Chosen| sink.kind.takes(key, false);
    if let Some(name) = sink {
        let names = || chosen.iter().map(|sink| sink.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = chosen.iter().position(|sink| sink.name == *name).ok_or_else(|| {
            Error::usage(format!("{flag}: there is no sink '{name}'")).hint(format!("there is {}", names()))
        })?;
        if chosen[found].kind.takes(key, true) {
            return Ok(found);
        }
    }
    let mut owners = chosen.iter().enumerate().filter(|(_, sink)| has(sink));
    match (sink, owners.next(), owners.next()) {
        (None, Some((only, _)), None) => Ok(only),
        (None, Some((_, first)), Some((_, second))) => {
            let message = format!("{flag}: which sink's is this?");
            let hint = format!("--sink-option {}.{key}=… or {}.{key}=…", first.name, second.name);
            Err(Error::usage(message).hint(hint))
        }
        _ => Err(unknown(chosen, setting)),
    }
}

/// No sink has such an option.
fn unknown(chosen: &[Chosen], Setting { key, flag, .. }: &Setting) -> Error {
    let those = Kind::value_variants().iter().filter(|kind| kind.options().contains(&key.as_str()));
    let those: Vec<_> = those.map(|kind| format!("--sink {}", kind.name())).collect();
    if !those.is_empty() {
        return Error::usage(format!("{flag} needs another sink")).hint(those.join(", "));
    }
    let options: Vec<_> = chosen.iter().flat_map(|sink| sink.kind.options()).copied().collect();
    let error = Error::usage(format!("{flag}: there is no such option"));
    if options.is_empty() { error } else { error.hint(format!("there is {}", options.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(sinks: &[&str], settings: &[&str]) -> Result<Vec<Chosen>, String> {
        let sinks: Vec<Named> = sinks.iter().map(|sink| sink.parse().expect("a sink")).collect();
        let settings: Vec<Setting> = settings.iter().map(|text| text.parse().expect("an option")).collect();
        choose(&sinks, settings).map_err(|error| error.to_string())
    }

    #[test]
    fn an_option_is_for_the_sink_that_has_it() {
        let both = chosen(&["console", "kafka"], &["topic=alerts", "kafka.key=user,day"]).expect("right");
        assert_eq!(both[1].option("topic"), Some("alerts"));
        assert_eq!(both[1].list("key"), Some(vec!["user".into(), "day".into()]));
        let two = ["a=kafka", "b=kafka"];
        let error = chosen(&two, &["topic=x"]).expect_err("whose?");
        assert_eq!(error, "--sink-option topic: which sink's is this?: --sink-option a.topic=… or b.topic=…");
        assert_eq!(chosen(&two, &["b.topic=x"]).expect("right")[1].option("topic"), Some("x"));
    }

    #[test]
    fn what_fits_no_sink_is_refused() {
        let wrong = |sinks: &[&str], settings: &[&str]| chosen(sinks, settings).expect_err("wrong");
        assert!(wrong(&["kafka", "kafka"], &[]).contains("two sinks 'kafka': --sink NAME=kafka"));
        assert!(wrong(&["kafka"], &["pg.topic=x"]).contains("no sink 'pg': there is kafka"));
        assert!(wrong(&["console"], &["path=x"]).contains("needs another sink: --sink ndjson, --sink csv"));
        assert!(wrong(&["kafka"], &["colour=red"]).contains("no such option: there is topic"));
        assert!(wrong(&["kafka"], &["topic=x", "kafka.topic=y"]).contains("given twice"));
        let error = "carrier-pigeon".parse::<Named>().expect_err("none").to_string();
        assert!(error.contains("no sink 'carrier-pigeon': console"), "{error}");
    }
}
