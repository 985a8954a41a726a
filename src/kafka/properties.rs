//! Client settings in Java's `.properties` form, translated to librdkafka's names.

use crate::{Error, Result};
use std::path::Path;

/// Settings of Java clients that mean nothing to this client and harm nobody.
const JAVA_ONLY: &[&str] = &[
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "sasl.login.callback.handler.class",
    "sasl.client.callback.handler.class",
    "ssl.truststore.type",
    "ssl.keystore.type",
    "client.dns.lookup",
];

/// Reads a settings file.
///
/// # Errors
/// A usage error that names the file and the setting which this client cannot have.
pub fn load(path: &Path) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))?;
    parse(&text).map_err(|error| error.at(path.display()))
}

fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for line in text.replace("\\\r\n", "").replace("\\\n", "").lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let (name, value) = line
            .split_once(['=', ':'])
            .ok_or_else(|| Error::usage(format!("'{line}' is not of the form name=value")))?;
        translate(name.trim(), value.trim(), &mut settings)?;
    }
    Ok(settings)
}

fn translate(name: &str, value: &str, settings: &mut Vec<(String, String)>) -> Result<()> {
    let is_store = name == "ssl.truststore.location" || name == "ssl.keystore.location";
    if is_store && !value.to_ascii_lowercase().ends_with(".pem") {
        return Err(Error::usage(format!("{name}: Java key stores (JKS, PKCS12) are not supported"))
            .hint("export the certificates as PEM and set ssl.ca.location, ssl.certificate.location, ssl.key.location"));
    }
    match name {
        "ssl.truststore.location" => settings.push(("ssl.ca.location".into(), value.into())),
        "ssl.keystore.location" => {
            settings.push(("ssl.certificate.location".into(), value.into()));
            settings.push(("ssl.key.location".into(), value.into()));
        }
        "sasl.jaas.config" => {
            for (from, to) in [("username", "sasl.username"), ("password", "sasl.password")] {
                let value = jaas_option(value, from)
                    .ok_or_else(|| Error::usage(format!("sasl.jaas.config: there is no {from}=\"…\"")))?;
                settings.push((to.into(), value));
            }
        }
        _ if JAVA_ONLY.contains(&name) => tracing::debug!("{name} is for Java clients and left out"),
        _ => settings.push((name.into(), value.into())),
    }
    Ok(())
}

/// The value of `option="…"` in a JAAS line.
fn jaas_option(line: &str, option: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{option}="))?;
    let mut characters = rest.trim_start().chars();
    let quote = characters.next().filter(|c| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    while let Some(next) = characters.next() {
        match next {
            '\\' => value.extend(characters.next()),
            next if next == quote => return Some(value),
            next => value.push(next),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_s_lines_become_librdkafka_s() {
        let text = "# a comment\nbootstrap.servers=a:9092\nsecurity.protocol = SASL_SSL\n\
                    sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n \
                    username=\"me\" password=\"a\\\"b\";\nkey.serializer=x\n";
        let expected = [
            ("bootstrap.servers", "a:9092"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.username", "me"),
            ("sasl.password", "a\"b"),
        ];
        let expected: Vec<_> = expected.map(|(name, value)| (name.to_string(), value.to_string())).into();
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn a_java_key_store_is_named_as_unsupported() {
        let error = parse("ssl.truststore.location=/etc/kafka/client.jks").expect_err("refused").to_string();
        assert!(error.contains("JKS") && error.contains("ssl.ca.location"), "{error}");
    }
}
