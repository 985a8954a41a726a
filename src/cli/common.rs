//! What every binary's command line shares, and how a setting is found: flag, environment, profile, default.

use super::output::OutputArgs;
use super::profile::{self, Profile};
use super::secrets;
use crate::catalog::{self, Catalog, Topic};
use crate::kafka::config::Connection;
use crate::kafka::context::TokenSource;
use crate::kafka::properties;
use crate::record::schema::Schema;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The arguments of every binary.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct CommonArgs {
    /// How to reach the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// How results are shown.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How much is logged, and where.
    #[command(flatten)]
    pub logs: LogArgs,
}

/// How to reach the cluster, and which topics it is expected to have.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Broker addresses, comma separated [env: ECAP_BOOTSTRAP_SERVERS, KAFKA_BROKERS] [default: localhost:9092]
    #[arg(
        short = 'b',
        long,
        visible_aliases = ["bootstrap-server", "brokers", "kafka-servers"],
        value_name = "HOST:PORT",
        global = true
    )]
    pub bootstrap_servers: Option<String>,
    /// Any client setting by librdkafka's name; a secret as NAME=@FILE or NAME=env:VARIABLE
    #[arg(short = 'X', value_name = "NAME=VALUE", global = true)]
    pub property: Vec<String>,
    /// Client settings in Java's .properties form [env: ECAP_KAFKA_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub kafka_config: Option<String>,
    /// plaintext, ssl, sasl_plaintext or sasl_ssl [env: ECAP_SECURITY_PROTOCOL]
    #[arg(long, value_name = "PROTOCOL", global = true)]
    pub security_protocol: Option<String>,
    /// Put before every catalog topic and group, for environments that share a cluster [env: ECAP_TOPIC_PREFIX]
    #[arg(long, value_name = "PREFIX", global = true)]
    pub topic_prefix: Option<String>,
    /// A catalog of topics in place of the built-in one [env: ECAP_CATALOG]
    #[arg(long, value_name = "FILE", global = true)]
    pub catalog: Option<String>,
    /// A profile of ecap.toml, found in this folder or above it [env: ECAP_PROFILE]
    #[arg(long, value_name = "NAME", global = true)]
    pub profile: Option<String>,
}

/// How much is logged, and where.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// More log lines; twice for still more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Errors only
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Append log lines to this file instead of standard error
    #[arg(long, value_name = "FILE", global = true)]
    pub log_file: Option<PathBuf>,
    /// The form of log lines
    #[arg(long, value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that the shared arguments, the environment and the profile decide.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How to reach the cluster.
    pub connection: Connection,
    /// The topics, with the prefix before their names.
    pub catalog: Catalog,
    /// What stands before every catalog topic and group.
    pub prefix: String,
    /// The id of the cluster that is meant, where one is named.
    pub cluster_id: Option<String>,
    /// How many brokers are to keep each partition, in place of what the catalog says.
    pub replication_factor: Option<i32>,
    /// Each setting with where it came from, secrets hidden.
    pub origins: Vec<Setting>,
}

/// One setting and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// The flag's name without its dashes, or the client setting's.
    pub name: String,
    /// The value; `********` for a secret.
    pub value: String,
    /// `flag`, the environment variable, the profile, or `default`.
    pub origin: String,
}

impl Settings {
    /// The catalog's topic that a person named, with or without the prefix.
    ///
    /// # Errors
    /// A usage error with the nearest name, without the prefix.
    pub fn topic(&self, name: &str) -> Result<&Topic> {
        self.catalog.topic(&self.full(name)).map_err(|_| {
            let error = Error::usage(format!("topic '{name}' is not in the catalog"));
            let names = self.catalog.topics().iter().map(|topic| self.bare(&topic.name));
            catalog::suggest(error, self.bare(name), names)
        })
    }

    /// The same; of a topic that the catalog does not have only the name is known, and it takes any bytes.
    pub fn any_topic(&self, name: &str) -> Topic {
        let undeclared = |_| Topic::undeclared(&self.full(name), Schema::default());
        self.topic(name).cloned().unwrap_or_else(undeclared)
    }

    /// A topic's name with the prefix of the environment.
    pub fn full(&self, name: &str) -> String {
        format!("{}{}", self.prefix, self.bare(name))
    }

    /// A topic's name without the prefix of the environment.
    pub fn bare<'a>(&self, name: &'a str) -> &'a str {
        name.strip_prefix(&self.prefix).unwrap_or(name)
    }
}

/// Where the state of a working folder is kept: `$ECAP_HOME`, `./.ecap` by default.
pub fn home() -> PathBuf {
    std::env::var_os("ECAP_HOME").map_or_else(|| PathBuf::from(".ecap"), PathBuf::from)
}

impl CommonArgs {
    /// Finds every shared setting.
    ///
    /// # Errors
    /// A usage error that names the setting.
    pub fn settings(&self) -> Result<Settings> {
        let args = &self.connection;
        let profile = self.profile()?;
        let given = &profile.settings;
        let mut finder = Finder { profile: &profile.origin, origins: Vec::new() };
        let servers = finder.find("bootstrap-servers", &args.bootstrap_servers, &given.bootstrap_servers);
        let config = finder.find("kafka-config", &args.kafka_config, &given.kafka_config);
        let protocol = finder.find("security-protocol", &args.security_protocol, &given.security_protocol);
        let prefix = finder.prefix(args, given);
        let catalog = match finder.find("catalog", &args.catalog, &given.catalog) {
            Some(path) => Catalog::load(Path::new(&path))?,
            None => Catalog::built_in()?,
        };
        let cluster_id = finder.find("cluster-id", &None, &given.cluster_id);
        let replication_factor = finder.replication_factor(given.replication_factor)?;
        let mut found = finder.properties(args, given, config.as_deref(), protocol)?;
        let servers = finder.servers(servers, found.values.remove("bootstrap.servers"))?;
        Ok(Settings {
            connection: Connection::new(servers).with_properties(found.values).with_token(found.token),
            catalog: catalog.prefixed(&prefix)?,
            prefix,
            cluster_id,
            replication_factor,
            origins: finder.origins,
        })
    }

    /// What stands before every catalog topic and group, and nothing else: a catalog in use may be the one that is wrong.
    ///
    /// # Errors
    /// A usage error where the profile is wrong.
    pub fn prefix(&self) -> Result<String> {
        let profile = self.profile()?;
        let mut finder = Finder { profile: &profile.origin, origins: Vec::new() };
        Ok(finder.prefix(&self.connection, &profile.settings))
    }

    fn profile(&self) -> Result<Profile> {
        let named = self.connection.profile.clone().or_else(|| variable("ECAP_PROFILE"));
        profile::load(&std::env::current_dir()?, named.as_deref())
    }

    /// Finds every shared setting and sees to it that a broker answers.
    ///
    /// # Errors
    /// A usage error that names the setting, or an unreachable error within 10 s.
    pub fn connect(&self) -> Result<Settings> {
        let settings = self.settings()?;
        settings.connection.check()?;
        Ok(settings)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where a setting comes from that was given as a flag of its own.
const FLAG: &str = "flag";

/// Where a setting comes from that was given with `-X`.
const PROPERTY_FLAG: &str = "flag -X";

/// Looks a setting up in its places, and remembers where it was found.
struct Finder<'a> {
    profile: &'a str,
    origins: Vec<Setting>,
}

impl Finder<'_> {
    fn note(&mut self, name: &str, value: &str, origin: &str) {
        let value = if secrets::is_secret(name) { "********" } else { value };
        self.origins.retain(|setting| setting.name != name);
        self.origins.push(Setting { name: name.into(), value: value.into(), origin: origin.into() });
    }

    fn find(&mut self, name: &str, flag: &Option<String>, profile: &Option<String>) -> Option<String> {
        let own = format!("ECAP_{}", name.to_ascii_uppercase().replace('-', "_"));
        let mut variables = vec![own];
        if name == "bootstrap-servers" {
            variables.push("KAFKA_BROKERS".into());
        }
        let places = flag.iter().map(|value| (value.clone(), FLAG.to_string()));
        let places = places.chain(variables.into_iter().filter_map(|name| Some((variable(&name)?, name))));
        let places = places.chain(profile.iter().map(|value| (value.clone(), self.profile.to_string())));
        let (value, origin) = places.into_iter().next()?;
        self.note(name, &value, &origin);
        Some(value)
    }

    fn default(&mut self, name: &str, value: &str) -> String {
        self.note(name, value, "default");
        value.into()
    }

    fn prefix(&mut self, args: &ConnectionArgs, profile: &profile::Settings) -> String {
        let prefix = self.find("topic-prefix", &args.topic_prefix, &profile.topic_prefix);
        prefix.unwrap_or_else(|| self.default("topic-prefix", ""))
    }

    /// A number of brokers, by environment or profile; a command that has a flag for it looks there first.
    fn replication_factor(&mut self, profile: Option<i32>) -> Result<Option<i32>> {
        let found = self.find("replication-factor", &None, &profile.map(|factor| factor.to_string()));
        let wrong =
            |text: &str| Error::usage(format!("replication-factor: '{text}' is no number of brokers"));
        let number = |text: String| match text.parse() {
            Ok(factor @ 1..=1000) => Ok(factor),
            _ => Err(wrong(&text)),
        };
        found.map(number).transpose()
    }

    /// Client settings: the profile's, over them the file's, over them the flags'.
    fn properties(
        &mut self,
        args: &ConnectionArgs,
        profile: &profile::Settings,
        file: Option<&str>,
        protocol: Option<String>,
    ) -> Result<Properties> {
        let mut found = Properties::default();
        for (name, value) in &profile.kafka {
            self.note(name, value, self.profile);
            found.put(name, value)?;
        }
        if let Some(path) = file {
            // A settings file may hold secrets: it is what `@FILE` would point to.
            for (name, value) in properties::load(Path::new(path))? {
                self.note(&name, &value, path);
                found.values.insert(name, value);
            }
        }
        found.values.extend(protocol.map(|value| ("security.protocol".into(), value)));
        for property in &args.property {
            let (name, value) = property.split_once('=').ok_or_else(|| {
                Error::usage(format!("-X {property}: there is no '='")).hint("write -X name=value")
            })?;
            self.note(name.trim(), value, PROPERTY_FLAG);
            found.put(name.trim(), value)?;
        }
        Ok(found)
    }

    /// The broker's address: by flag, environment or profile, or else as a client setting. `-X` is a flag.
    fn servers(&mut self, own: Option<String>, setting: Option<String>) -> Result<String> {
        let origin = |name: &str| self.origins.iter().find(|setting| setting.name == name);
        let origin = |name: &str| origin(name).map(|setting| setting.origin.clone());
        let (by_own, by_setting) = (origin("bootstrap-servers"), origin("bootstrap.servers"));
        self.origins.retain(|setting| setting.name != "bootstrap.servers");
        let setting = setting.zip(by_setting);
        let wins = |(_, origin): &(String, String)| {
            own.is_none() || (origin == PROPERTY_FLAG && by_own.as_deref() != Some(FLAG))
        };
        let servers = match setting.filter(wins) {
            Some((value, origin)) => {
                self.note("bootstrap-servers", &value, &origin);
                value
            }
            None => own.unwrap_or_else(|| self.default("bootstrap-servers", "localhost:9092")),
        };
        if servers.trim().is_empty() {
            return Err(Error::usage("bootstrap-servers is empty").hint("write -b HOST:PORT"));
        }
        if servers.contains('@') {
            return Err(Error::usage("bootstrap-servers: an address has no user and no password")
                .hint("write -X sasl.username=NAME -X sasl.password=@FILE"));
        }
        Ok(servers)
    }
}

/// Client settings, secrets in the open.
#[derive(Default)]
struct Properties {
    values: BTreeMap<String, String>,
    token: Option<TokenSource>,
}

impl Properties {
    fn put(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "sasl.oauthbearer.token" => self.token = Some(token_source(value)?),
            _ => drop(self.values.insert(name.into(), secrets::reveal(name, value)?)),
        }
        Ok(())
    }
}

fn token_source(value: &str) -> Result<TokenSource> {
    match (value.strip_prefix('@'), value.strip_prefix("cmd:")) {
        (Some(path), _) => Ok(TokenSource::File(path.into())),
        (_, Some(command)) => Ok(TokenSource::Command(command.into())),
        _ => {
            Err(Error::usage("sasl.oauthbearer.token is a secret and must not stand in a flag or a profile")
                .hint("write sasl.oauthbearer.token=@FILE or sasl.oauthbearer.token=cmd:COMMAND"))
        }
    }
}
