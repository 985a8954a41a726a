//! A registered consumer as the flags of a query, and back. The flags' own definition says what is right.

use crate::catalog::suggest;
use crate::cli::common::Settings;
use crate::cli::consume::{flags, inputs, read, run};
use crate::consumers::registry::{Definition, Kind, Value};
use crate::query::header::Header;
use crate::{Error, Result};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// The flags of a query over a topic.
#[derive(clap::Args, Debug)]
pub struct OfTopic {
    #[command(flatten)]
    query: flags::QueryArgs,
    #[command(flatten)]
    run: run::RunArgs,
}

/// The flags of a query of a file.
#[derive(clap::Args, Debug)]
struct OfFile {
    #[command(flatten)]
    run: run::RunArgs,
}

/// Flags that are fields of a consumer.
const FIELDS: [(&str, &str); 3] = [("topic", "topic"), ("consumer-group", "group"), ("name", "name")];

/// Flags that say nothing about a consumer.
const SENSELESS: [&str; 2] = ["print-sql", "progress"];

/// Flags of the types that sum up a topic.
const SUMS: [&str; 2] = ["aggregated", "quality"];

/// A consumer as a query, of which only the text may be missing.
pub struct Ready {
    /// How it runs.
    pub run: run::RunArgs,
    query: Option<flags::QueryArgs>,
    file: Option<PathBuf>,
}

/// The text of a query, and what is around it.
pub struct Text {
    /// Its text.
    pub sql: String,
    /// What its comments say.
    pub header: Header,
    /// What its tables are relative to.
    pub folder: PathBuf,
}

impl Ready {
    /// Takes the flags of a definition apart; `full` puts the prefix of the environment before a group.
    ///
    /// # Errors
    /// A usage error with file, line, option and nearest right name.
    pub fn of(definition: &Definition, full: impl Fn(&str) -> String) -> Result<Self> {
        let command = if definition.kind == Kind::Query { command::<OfFile>() } else { command::<OfTopic>() };
        let mut words = options(definition, &command)?;
        let own = || format!("ecap-{}", definition.name);
        let group = definition.group.clone().unwrap_or_else(own);
        words.push(format!("--consumer-group={}", full(&group)));
        let wrong = |error| of_flag(definition, &error);
        match (definition.kind, &definition.query) {
            (Kind::Query, Some(query)) => {
                let OfFile { run } = parse(command, &words).map_err(wrong)?;
                let folder = definition.file.parent().unwrap_or(Path::new(""));
                Ok(Self { run, query: None, file: Some(folder.join(query)) })
            }
            (kind, _) => {
                let topic = definition.topic.as_deref().or(kind.topic()).unwrap_or_default();
                words.push(format!("--topic={topic}"));
                let given = |flag: &str| definition.options.iter().any(|(name, _)| name == flag);
                words.extend(SUMS.into_iter().filter(|flag| !given(flag)).map(|flag| format!("--{flag}")));
                let OfTopic { query, run } = parse(command, &words).map_err(wrong)?;
                Ok(Self { run, query: Some(query), file: None })
            }
        }
    }

    /// The text of the query; topics that the catalog does not have are added to the settings.
    ///
    /// # Errors
    /// A usage error where there is no such topic or file, or flags do not go together; when a topic whose schema is to be
    /// inferred cannot be read.
    pub fn text(&self, settings: &mut Settings) -> Result<Text> {
        match (&self.query, &self.file) {
            (Some(query), _) => {
                let header = Header::default();
                self.run.inputs.declare(settings, &header, query.topics())?;
                let sql = query.to_sql(settings, self.run.time_column())?;
                Ok(Text { sql, header, folder: PathBuf::new() })
            }
            (None, file) => {
                let file = file.as_deref().unwrap_or(Path::new(""));
                let sql = read(file)?;
                let header = Header::of(&sql).map_err(|error| error.at(file.display()))?;
                self.run.inputs.declare(settings, &header, &inputs::named_in(&sql, &header))?;
                Ok(Text { sql, header, folder: file.parent().unwrap_or(Path::new("")).into() })
            }
        }
    }
}

/// A command that has nothing but these flags.
fn command<A: Args>() -> Command {
    A::augment_args(Command::new("consumer").no_binary_name(true).disable_help_flag(true))
}

fn parse<A: FromArgMatches>(command: Command, words: &[String]) -> Result<A, clap::Error> {
    A::from_arg_matches(&command.try_get_matches_from(words)?)
}

/// The options of a definition as words of a command line.
fn options(definition: &Definition, command: &Command) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for (name, value) in &definition.options {
        let wrong = |error| Err(definition.wrong(Some(&format!("option '{name}'")), error));
        if let Some((_, field)) = FIELDS.iter().find(|(flag, _)| flag == name) {
            return wrong(Error::usage("this is a field, and stands above the options").hint(*field));
        }
        if SENSELESS.contains(&name.as_str()) {
            return wrong(Error::usage("a registered consumer has no use for it"));
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            return wrong(Error::usage("there is no such option"));
        }
        match value {
            Value::Flag(_) if takes_value(command, name) => {
                return wrong(Error::usage("a value is required, and not true or false"));
            }
            Value::Flag(true) => words.push(format!("--{name}")),
            Value::Flag(false) => {}
            Value::One(value) => words.push(format!("--{name}={value}")),
            Value::Many(values) => words.extend(values.iter().map(|value| format!("--{name}={value}"))),
        }
    }
    Ok(words)
}

/// Whether there is a flag of this name that has a value: it would take the next word for it.
fn takes_value(command: &Command, name: &str) -> bool {
    let has = |arg: &&Arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    };
    command.get_arguments().find(has).is_some_and(|arg| arg.get_action().takes_values())
}

/// What clap says of an option, where it stands in the file.
fn of_flag(definition: &Definition, error: &clap::Error) -> Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let bare = |flag: &str| {
        let flag = flag.trim_start_matches('-');
        flag.split([' ', '=', '[']).next().unwrap_or(flag).to_string()
    };
    let name = context(ContextKind::InvalidArg).map(|flag| bare(&flag));
    let field = name.as_ref().map(|name| format!("option '{name}'"));
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(name) = name
    {
        let wrong = Error::usage("there is no such option");
        let nearest = context(ContextKind::SuggestedArg).map(|flag| bare(&flag));
        return definition.wrong(field.as_deref(), suggest(wrong, &name, nearest.as_deref().into_iter()));
    }
    let text = error.to_string();
    let first: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let message = first.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    definition.wrong(field.as_deref(), Error::usage(message))
}

/// The flags `A` of a command line that somebody gave, as options of a consumer.
#[derive(Debug)]
pub struct Given<A> {
    /// Those that somebody gave.
    pub options: Vec<(String, Value)>,
    flags: PhantomData<A>,
}

impl<A: Args> Args for Given<A> {
    fn augment_args(command: Command) -> Command {
        A::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        A::augment_args_for_update(command)
    }
}

impl<A: Args> FromArgMatches for Given<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let command = command::<A>();
        let options = command.get_arguments().filter_map(|arg| given(arg, matches)).collect();
        A::from_arg_matches(matches)?;
        Ok(Self { options, flags: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// An argument that somebody gave.
fn given(arg: &Arg, matches: &ArgMatches) -> Option<(String, Value)> {
    let (id, name) = (arg.get_id().as_str(), arg.get_long()?);
    if matches.value_source(id) != Some(clap::parser::ValueSource::CommandLine) {
        return None;
    }
    if !arg.get_action().takes_values() {
        return Some((name.into(), Value::Flag(true)));
    }
    let raw = matches.get_raw(id)?.map(|value| value.to_string_lossy().into_owned());
    let mut values: Vec<String> = raw.collect();
    let value = if values.len() == 1 { Value::One(values.remove(0)) } else { Value::Many(values) };
    Some((name.into(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consumers::registry::Registry;
    use crate::query::header;
    use std::collections::BTreeSet;

    fn definition(options: &str) -> Definition {
        let text = format!("[[consumer]]\nname = 'x'\ntype = 'transaction'\n[consumer.options]\n{options}\n");
        let registry = Registry::of(Path::new("consumers.toml"), text).unwrap();
        registry.find("x").unwrap().clone()
    }

    fn wrong(options: &str) -> String {
        let ready = Ready::of(&definition(options), |group| group.into());
        ready.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_wrong_option_names_file_line_and_the_nearest() {
        for (options, expected) in [
            ("windw = '10s'", "option 'windw': there is no such option: did you mean 'window'?"),
            ("trigger = 'sometimes'", "option 'trigger': invalid value 'sometimes' for '--trigger <WHEN>'"),
            ("rows = 'x'", "option 'rows': invalid value 'x'"),
            ("quality = 'x'", "option 'quality': unexpected value 'x'"),
            ("window = true", "option 'window': a value is required"),
            ("group = 'x'", "option 'group': there is no such option"),
            ("topic = 'x'", "option 'topic': this is a field, and stands above the options: topic"),
            ("print-sql = true", "option 'print-sql': a registered consumer has no use for it"),
            ("'window=1s --x' = true", "there is no such option"),
        ] {
            let error = wrong(options);
            let place = "consumers.toml, line 5: consumer 'x', ";
            assert!(error.starts_with(place) && error.contains(expected), "{error}\n{expected}");
        }
        assert_eq!(wrong("window = '10s'\nsink = ['console', 'a=csv']\npath = 'x'\nquality = true"), "");
    }

    #[test]
    fn a_query_file_knows_which_words_are_flags() {
        let flags = |command: Command| -> BTreeSet<String> {
            command.get_arguments().filter_map(Arg::get_long).map(Into::into).collect()
        };
        // Those that a comment may well begin with, or that say nothing of what a query does.
        let others = ["command", "name", "print-sql", "progress"];
        let known = || header::KEYS.iter().chain(&header::FLAGS).chain(&others).map(|name| (*name).into());
        assert_eq!(flags(command::<OfFile>()), known().collect());
        let all = known().chain(header::SHORTHANDS.map(Into::into));
        assert_eq!(flags(command::<OfTopic>()), all.collect());
    }

    #[test]
    fn each_flag_of_a_query_becomes_an_option_and_back() {
        let words =
            ["--window", "10s", "--agg", "sum(a) AS b", "--agg", "count(*) AS n", "--no-backpressure"];
        let matches = command::<OfTopic>().try_get_matches_from(words).unwrap();
        let given = Given::<OfTopic>::from_arg_matches(&matches).unwrap();
        let text = Definition { name: "x".into(), options: given.options.clone(), ..Definition::default() };
        let registry = Registry::of(Path::new("consumers.toml"), text.to_toml()).unwrap();
        let read = registry.find("x").unwrap();
        assert_eq!(read.options, given.options);
        let ready = Ready::of(read, |group| group.into()).unwrap();
        let shown =
            |query: &flags::QueryArgs| format!("{query:?}").replace("aggregated: true", "aggregated: false");
        let topic = |text: String| text.replace("customer-transactions", "transactions");
        assert_eq!(
            shown(&ready.query.unwrap()),
            topic(shown(&OfTopic::from_arg_matches(&matches).unwrap().query))
        );
    }
}
