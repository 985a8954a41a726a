//! How to reach a cluster, and what every client of it is told.

use super::context::{Context, TokenSource};
use crate::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a broker may take to answer before it counts as not there.
const PATIENCE: Duration = Duration::from_secs(8);

/// A cluster's addresses and the client settings that reach it.
#[derive(Clone)]
pub struct Connection {
    servers: String,
    properties: BTreeMap<String, String>,
    token: Option<TokenSource>,
    /// Made for the first question, and the same for all: a connection takes a tenth of a second.
    questioner: Arc<Mutex<Option<Questioner>>>,
}

/// A client for questions about the cluster; it belongs to no group and fetches nothing, so that no answer waits
/// behind a fetch.
pub type Questioner = Arc<BaseConsumer<Context>>;

impl std::fmt::Debug for Connection {
    // Properties may hold secrets, so only their names are shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.properties.keys().collect();
        f.debug_struct("Connection").field("servers", &self.servers).field("properties", &names).finish()
    }
}

impl Connection {
    /// A cluster at `servers` (`host:port`, comma separated), without further settings.
    pub fn new(servers: impl Into<String>) -> Self {
        Self { servers: servers.into(), properties: BTreeMap::new(), token: None, questioner: Arc::default() }
    }

    /// Adds client settings by librdkafka's names.
    #[must_use]
    pub fn with_properties(mut self, properties: BTreeMap<String, String>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// Adds where OAUTHBEARER tokens come from.
    #[must_use]
    pub fn with_token(mut self, token: Option<TokenSource>) -> Self {
        self.token = token;
        self
    }

    /// Client settings, by librdkafka's names, for what nobody has set.
    pub fn prefer(&mut self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            self.properties.entry((*name).into()).or_insert_with(|| (*value).into());
        }
    }

    /// A client setting that somebody gave.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// What stands in `NAME.pem`, or in the file that `NAME.location` names.
    ///
    /// # Errors
    /// A usage error where the file cannot be read.
    pub(super) fn pem(&self, name: &str) -> Result<Option<String>> {
        if let Some(text) = self.property(&format!("{name}.pem")) {
            return Ok(Some(text.into()));
        }
        let location = format!("{name}.location");
        let read = |path: &str| {
            std::fs::read_to_string(path)
                .map_err(|error| Error::usage(format!("{location}: cannot read {path}: {error}")))
        };
        self.property(&location).map(read).transpose()
    }

    /// The addresses, as given.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// The settings of a new client: ours, and over them the user's.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", "ecap")
            .set("broker.address.ttl", "30000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "2000")
            .set("socket.nagle.disable", "true");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    /// What a client reports to: its log lines, its tokens.
    pub fn context(&self) -> Context {
        Context::new(self.token.clone())
    }

    /// The client for questions about the cluster.
    ///
    /// # Errors
    /// A usage error where a setting is wrong.
    pub fn questioner(&self) -> Result<Questioner> {
        let mut own = self.questioner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(questioner) = &*own {
            return Ok(questioner.clone());
        }
        let made: BaseConsumer<Context> =
            self.client().create_with_context(self.context()).map_err(|error| wrong_setting(&error))?;
        Ok(own.insert(Arc::new(made)).clone())
    }

    /// A consumer that reads where it is told and that no group knows, with these settings.
    ///
    /// # Errors
    /// A usage error where a setting is wrong.
    pub(super) fn reader(&self, own: &[(&str, &str)]) -> Result<Arc<BaseConsumer<Context>>> {
        let mut config = self.client();
        config
            .set("group.id", "ecap-questions")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest");
        own.iter().for_each(|(name, value)| {
            config.set(*name, *value);
        });
        config.create_with_context(self.context()).map(Arc::new).map_err(|error| wrong_setting(&error))
    }

    /// Sees to it that a broker answers, so that everything after it may assume one.
    ///
    /// # Errors
    /// An unreachable error that names the address, what was tried and for how long, within 10 s;
    /// a usage error where a setting is wrong.
    pub fn check(&self) -> Result<()> {
        let start = Instant::now();
        let questioner = self.questioner()?;
        let mut tried = self.knock();
        while tried.is_err() && start.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(100));
            tried = self.knock();
        }
        let answer = tried.and_then(|()| {
            let told = |reason| {
                format!("{reason}; something listens there: does it want another --security-protocol?")
            };
            ask(&questioner, start).map_err(told)
        });
        answer.map_err(|reason| match questioner.context().refusal() {
            Some(reason) => self.refused(&reason),
            None => self.nobody_there(&reason, start.elapsed()),
        })
    }

    /// One line: the listener, the mechanism, and what the broker said.
    fn refused(&self, reason: &str) -> Error {
        let error = Error::usage(format!("the broker at {} refuses the connection: {reason}", self.servers));
        error.hint("check security.protocol, sasl.mechanism, sasl.username, sasl.password and ssl.ca.location: `ecap-topics config`")
    }

    /// Whether anything listens at one of the addresses; otherwise what was tried.
    fn knock(&self) -> Result<(), String> {
        let mut tried = Vec::new();
        for server in self.servers.split(',').map(str::trim) {
            let server = server.rsplit_once("://").map_or(server, |(_, address)| address);
            let with_port = if server.contains(':') { server.to_string() } else { format!("{server}:9092") };
            let addresses = match with_port.to_socket_addrs() {
                Ok(addresses) => addresses,
                Err(error) => {
                    tried.push(format!("{server}: {error}"));
                    continue;
                }
            };
            for address in addresses {
                match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
                    Ok(_) => return Ok(()),
                    Err(error) => tried.push(format!("{address}: {}", error.kind())),
                }
            }
        }
        Err(tried.join(", "))
    }

    fn nobody_there(&self, reason: &str, waited: Duration) -> Error {
        let waited = waited.as_secs_f64();
        Error::unreachable(format!(
            "no broker answers at {} ({reason}; tried for {waited:.1} s)",
            self.servers
        ))
        .hint("start one with `ecap-broker`, or `docker compose up -d kafka`")
    }
}

/// Asks for anything, until a broker answers or says why it never will; each time for twice as long as the time before.
fn ask(questioner: &BaseConsumer<Context>, start: Instant) -> Result<(), String> {
    let mut patience = Duration::from_millis(500);
    loop {
        let left = PATIENCE.saturating_sub(start.elapsed());
        let Err(error) = questioner.fetch_metadata(Some("__ecap_nobody_has_this"), patience.min(left)) else {
            return Ok(());
        };
        // What went wrong on a connection is told by a poll, which takes all that is there only if it has time.
        while questioner.poll(Duration::from_millis(20)).is_some() {}
        let context = questioner.context();
        if context.refusal().is_some() || left <= patience {
            return Err(context.last_error().unwrap_or(error.to_string()));
        }
        patience *= 2;
    }
}

/// What librdkafka said about a setting, as a usage error.
pub fn wrong_setting(error: &rdkafka::error::KafkaError) -> Error {
    use rdkafka::error::KafkaError::{ClientConfig, ClientCreation};
    match error {
        ClientConfig(_, reason, name, _) => Error::usage(format!("client setting {name}: {reason}")),
        ClientCreation(reason) => Error::usage(format!("the client's settings do not fit: {reason}")),
        other => Error::usage(format!("the client's settings do not fit: {other}")),
    }
}
