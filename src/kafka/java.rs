//! What lets a connection in, in Java's `.properties` form, for Kafka's own tools.

use super::config::Connection;
use crate::{Error, Result};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use std::fmt::Write;

/// The lines of a settings file; nothing where the cluster lets everybody in.
///
/// # Errors
/// A usage error where a file cannot be read, or a mechanism is not one of a name and a password.
pub fn settings(connection: &Connection) -> Result<Option<String>> {
    let property = |name: &str| connection.property(name).filter(|value| !value.is_empty());
    let protocol = property("security.protocol").unwrap_or_default().to_ascii_uppercase();
    if protocol.is_empty() || protocol == "PLAINTEXT" {
        return Ok(None);
    }
    let mut lines = Lines(String::new());
    lines.put("security.protocol", &protocol);
    if protocol.starts_with("SASL") {
        let mechanism = property("sasl.mechanism").or(property("sasl.mechanisms")).unwrap_or("GSSAPI");
        lines.put("sasl.mechanism", mechanism);
        let module = module(mechanism)?;
        let [user, password] = ["sasl.username", "sasl.password"]
            .map(|name| property(name).unwrap_or_default().replace('\\', "\\\\").replace('"', "\\\""));
        let jaas = format!("{module} required username=\"{user}\" password=\"{password}\";");
        lines.put("sasl.jaas.config", &jaas);
    }
    if protocol.ends_with("SSL") {
        trust(connection, &mut lines);
        key(connection, &mut lines)?;
        if let Some(algorithm) = property("ssl.endpoint.identification.algorithm") {
            lines.put("ssl.endpoint.identification.algorithm", algorithm.trim_start_matches("none"));
        }
    }
    Ok(Some(lines.0))
}

fn module(mechanism: &str) -> Result<&'static str> {
    match mechanism.to_ascii_uppercase().as_str() {
        "PLAIN" => Ok("org.apache.kafka.common.security.plain.PlainLoginModule"),
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => Ok("org.apache.kafka.common.security.scram.ScramLoginModule"),
        other => {
            let message = format!("Kafka's own tools cannot be let in with what we have for {other}");
            Err(Error::usage(message)
                .hint("give the tool a settings file of its own, as --command-config FILE"))
        }
    }
}

fn trust(connection: &Connection, lines: &mut Lines) {
    let authority = connection.property("ssl.ca.location").filter(|path| *path != "probe");
    let authority = authority.map(|path| ("ssl.truststore.location", path));
    let given = connection.property("ssl.ca.pem").map(|text| ("ssl.truststore.certificates", text));
    if let Some((name, value)) = given.or(authority) {
        lines.put("ssl.truststore.type", "PEM");
        lines.put(name, value);
    }
}

/// Who we are: a store of PKCS#12, or certificate and key, which Java wants in the form of PKCS#8.
fn key(connection: &Connection, lines: &mut Lines) -> Result<()> {
    if let Some(path) = connection.property("ssl.keystore.location") {
        lines.put("ssl.keystore.type", "PKCS12");
        lines.put("ssl.keystore.location", path);
        lines.put("ssl.keystore.password", connection.property("ssl.keystore.password").unwrap_or_default());
        return Ok(());
    }
    let Some(certificate) = connection.pem("ssl.certificate")? else { return Ok(()) };
    let Some(key) = connection.pem("ssl.key")? else { return Ok(()) };
    let password = connection.property("ssl.key.password").unwrap_or_default();
    let key = PKey::private_key_from_pem_passphrase(key.as_bytes(), password.as_bytes())
        .and_then(|key| key.private_key_to_pem_pkcs8())
        .map_err(|_: ErrorStack| Error::usage("ssl.key.location: the key cannot be read"))?;
    lines.put("ssl.keystore.type", "PEM");
    lines.put("ssl.keystore.certificate.chain", &certificate);
    lines.put("ssl.keystore.key", &String::from_utf8_lossy(&key));
    Ok(())
}

/// Lines of `name=value`. Java reads them as Latin-1, and a backslash as the beginning of something.
struct Lines(String);

impl Lines {
    fn put(&mut self, name: &str, value: &str) {
        let mut line = format!("{name}=");
        for (at, c) in value.chars().enumerate() {
            match c {
                '\\' => line.push_str("\\\\"),
                '\n' => line.push_str("\\n"),
                '\r' => {}
                ' ' if at == 0 => line.push_str("\\ "),
                c if c.is_ascii() => line.push(c),
                c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    let _ = write!(line, "\\u{unit:04x}");
                }),
            }
        }
        self.0 += &line;
        self.0.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn connection(settings: &[(&str, &str)]) -> Connection {
        let settings = settings.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Connection::new("b:9092").with_properties(settings.collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn what_lets_us_in_is_said_in_java_s_names() {
        assert_eq!(settings(&connection(&[])), Ok(None));
        assert_eq!(settings(&connection(&[("security.protocol", "plaintext")])), Ok(None));
        let secured = connection(&[
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.username", "me"),
            ("sasl.password", "a\"b\\ü"),
            ("ssl.ca.location", "/etc/ca.pem"),
            ("ssl.endpoint.identification.algorithm", "none"),
        ]);
        let lines = "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n\
                     sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
                     username=\"me\" password=\"a\\\\\"b\\\\\\\\\\u00fc\";\n\
                     ssl.truststore.type=PEM\nssl.truststore.location=/etc/ca.pem\n\
                     ssl.endpoint.identification.algorithm=\n";
        assert_eq!(settings(&secured).as_ref().map(Option::as_deref), Ok(Some(lines)));
        let token = [("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")];
        let told = settings(&connection(&token)).expect_err("refused").to_string();
        assert!(told.contains("OAUTHBEARER") && told.contains("--command-config"), "{told}");
    }

    #[test]
    fn a_key_is_put_in_the_form_that_java_reads() {
        let key = openssl::rsa::Rsa::generate(2048).expect("a key").private_key_to_pem().expect("PEM");
        let key = String::from_utf8(key).expect("text");
        assert!(key.contains("BEGIN RSA PRIVATE KEY"));
        let own = connection(&[
            ("security.protocol", "ssl"),
            ("ssl.certificate.pem", "-----CERTIFICATE-----\n"),
            ("ssl.key.pem", &key),
        ]);
        let text = settings(&own).expect("settings").expect("some");
        assert!(text.contains("ssl.keystore.key=-----BEGIN PRIVATE KEY-----\\n"), "{text}");
        assert!(text.contains("ssl.keystore.certificate.chain=-----CERTIFICATE-----\\n\n"), "{text}");
    }
}
