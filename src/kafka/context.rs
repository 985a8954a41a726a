//! What librdkafka reports to: its log lines go to ours, its tokens come from a file or a command.

use crate::clock::{Clock, SystemClock};
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientContext, Statistics};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Where an OAUTHBEARER token comes from, read anew whenever it has to be refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// The content of a file.
    File(PathBuf),
    /// The standard output of a shell command.
    Command(String),
}

/// The context of every client.
pub struct Context {
    token: Option<TokenSource>,
    last_error: Mutex<Option<String>>,
    /// The last connection that a broker refused, which it will do again.
    refusal: Mutex<Option<String>>,
}

impl Context {
    /// A context whose tokens come from `token`.
    pub fn new(token: Option<TokenSource>) -> Self {
        Self { token, last_error: Mutex::new(None), refusal: Mutex::new(None) }
    }

    /// The last thing that went wrong on a connection, in librdkafka's words.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why a broker refuses the connection, in librdkafka's words: the listener, the mechanism, what the broker said.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether a connection will fail again for the same reason.
fn is_refusal(error: &KafkaError, reason: &str) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL))
        || reason.contains("incorrect security.protocol")
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "kafka", "{facility}: {message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::info!(target: "kafka", "{facility}: {message}");
            }
            _ => tracing::debug!(target: "kafka", "{facility}: {message}"),
        }
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", "{error}: {reason}");
        if is_refusal(&error, reason) {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_string());
        }
        // That all brokers are down follows from what went wrong before, and says less.
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none() || error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *last = Some(reason.to_string());
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let token = match &self.token {
            None => return Err("no token source: set sasl.oauthbearer.token to @FILE or cmd:COMMAND".into()),
            Some(TokenSource::File(path)) => std::fs::read_to_string(path)?,
            Some(TokenSource::Command(command)) => {
                let output = Command::new("sh").args(["-c", command]).output()?;
                if !output.status.success() {
                    return Err(format!("the token command ended with {}", output.status).into());
                }
                String::from_utf8(output.stdout)?
            }
        };
        Ok(OAuthToken {
            token: token.trim().to_string(),
            principal_name: "ecap".into(),
            // Half an hour is asked for again long before any issuer's usual hour is over.
            lifetime_ms: SystemClock.now() / 1000 + 30 * 60 * 1000,
        })
    }
}

impl ConsumerContext for Context {}
