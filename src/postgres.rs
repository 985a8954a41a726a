//! How a server of PostgreSQL is reached, and what its errors mean: for tables that are read, and for results.

use crate::{Error, Result};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;
use std::time::Duration;
use tokio_postgres::{Client, Config};

/// How long a server may take to take a connection, where the URL does not say.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may be silent before the other side is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(30);

/// A database, as `postgres://user@host/database`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Without what is said of tables and certificates.
    url: String,
    config: Box<Config>,
    /// Whether the server's certificate is checked, and with which authorities.
    verified: bool,
    authorities: Option<String>,
}

impl Server {
    /// Reads a URL, and the table that its `?table=` names, if it names one. The password comes from the
    /// environment (PGPASSWORD), never from the text.
    ///
    /// # Errors
    /// A usage error when it is none, or has a password; it is not repeated then.
    pub fn parse(url: &str) -> Result<(Self, Option<String>)> {
        let (before, parameters) = url.split_once('?').unwrap_or((url, ""));
        let address = before.split_once("://").map_or(before, |(_, rest)| rest);
        let user = address.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') || parameters.contains("password=") {
            return Err(Error::usage("a password must not stand in a URL").hint("set PGPASSWORD"));
        }
        let (mut table, mut authorities, mut verified, mut others) = (None, None, false, Vec::new());
        for parameter in parameters.split('&').filter(|part| !part.is_empty()) {
            match parameter.split_once('=') {
                Some(("table", name)) if !name.is_empty() => table = Some(name.to_string()),
                Some(("sslrootcert", file)) => authorities = Some(file.to_string()),
                Some(("sslmode", "verify-ca" | "verify-full")) => {
                    verified = true;
                    others.push("sslmode=require");
                }
                _ => others.push(parameter),
            }
        }
        let url = if others.is_empty() { before.into() } else { format!("{before}?{}", others.join("&")) };
        let config: Result<Config, _> = url.parse();
        let config =
            config.map_err(|error| Error::usage(format!("'{url}' is no address of PostgreSQL: {error}")))?;
        let verified = verified || authorities.is_some();
        Ok((Self { url, config: Box::new(config), verified, authorities }, table))
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection. It is served by the runtime that this is called on.
    ///
    /// # Errors
    /// An unreachable error when nobody answers; what `refused` makes of it when the server refuses.
    pub async fn connect(&self, refused: impl FnOnce(&tokio_postgres::Error) -> Error) -> Result<Client> {
        let mut config = self.config.clone();
        if let Ok(password) = std::env::var("PGPASSWORD") {
            config.password(password);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        // A network that is gone is noticed within a minute or so.
        if !self.url.contains("keepalives") {
            config.keepalives_idle(SILENCE).keepalives_interval(SILENCE / 3).keepalives_retries(3);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(2 * SILENCE);
        }
        let tls = self.tls().map_err(|error| Error::failed(format!("PostgreSQL: {error}")))?;
        let (client, connection) = config.connect(tls).await.map_err(|error| {
            let unreachable =
                || Error::unreachable(format!("PostgreSQL does not answer: {}", reason(&error)));
            if error.as_db_error().is_some() { refused(&error) } else { unreachable() }
        })?;
        // It ends with the client.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("PostgreSQL: {error}");
            }
        });
        Ok(client)
    }

    /// As psql does it: encrypted where the server can, and checked where the URL asks for that.
    fn tls(&self) -> Result<MakeTlsConnector, openssl::error::ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls())?;
        if let Some(file) = &self.authorities {
            builder.set_ca_file(file)?;
        }
        if !self.verified {
            builder.set_verify(SslVerifyMode::NONE);
        }
        let verified = self.verified;
        let mut tls = MakeTlsConnector::new(builder.build());
        tls.set_callback(move |connection, _| {
            connection.set_verify_hostname(verified);
            Ok(())
        });
        Ok(tls)
    }
}

/// A name as SQL has it, part by part: `public.x` is `"public"."x"`.
pub fn quoted(name: &str) -> String {
    name.split('.').map(identifier).collect::<Vec<_>>().join(".")
}

/// One identifier, whatever is in it.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What went wrong, in the words of the innermost error.
pub fn reason(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match error.as_db_error() {
        Some(error) => error.message().to_string(),
        None => error.source().map_or_else(|| error.to_string(), ToString::to_string),
    }
}

/// Whether the same may go well later, with nobody doing anything about this client: the server is away, starts,
/// stops, is full, takes no writes for now, or something was in the way.
pub fn may_pass(error: &tokio_postgres::Error) -> bool {
    let Some(error) = error.as_db_error() else { return true };
    // Classes of codes: connection, transaction rollback, resources, operator intervention; then single ones: a
    // lock is not to be had, and a standby that only reads.
    let code = error.code().code();
    ["08", "40", "53", "57", "55P03", "25006"].iter().any(|passing| code.starts_with(passing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_no_password() {
        let parse = |url: &str| Server::parse(url).map_err(|error| error.to_string());
        let (server, table) = parse("postgres://u@h:5433/d?sslmode=disable&table=public.x").expect("right");
        assert_eq!(
            (server.url(), table.as_deref()),
            ("postgres://u@h:5433/d?sslmode=disable", Some("public.x"))
        );
        assert!(parse("postgres://u@h/d").is_ok_and(|(_, table)| table.is_none()));
        let secret = parse("postgres://u:hunter2@h/d?table=x").expect_err("refused");
        assert!(secret.contains("PGPASSWORD") && !secret.contains("hunter2"), "{secret}");
        assert!(parse("postgres://h:port/d?table=x").is_err_and(|error| error.contains("no address")));
    }

    #[test]
    fn names_are_quoted_part_by_part() {
        assert_eq!(quoted("public.x"), "\"public\".\"x\"");
        assert_eq!(identifier("a\"b.c"), "\"a\"\"b.c\"");
    }
}
