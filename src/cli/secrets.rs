//! Secrets come from a file or the environment, never from a flag's value, and are never shown.

use crate::{Error, Result};

/// Whether a client setting's value must not be seen.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "secret", "token", ".pem", "jaas"].iter().any(|part| name.contains(part))
        && name != "sasl.oauthbearer.token.endpoint.url"
}

/// The value of a setting as a person gave it: `@FILE` and `env:NAME` are followed for secrets,
/// and nothing else is accepted for them.
///
/// # Errors
/// A usage error when a secret stands in the open, or its file or variable cannot be read.
pub fn reveal(name: &str, value: &str) -> Result<String> {
    if !is_secret(name) {
        return Ok(value.to_string());
    }
    if let Some(path) = value.strip_prefix('@') {
        let content = std::fs::read_to_string(path);
        let content =
            content.map_err(|error| Error::usage(format!("{name}: cannot read {path}: {error}")))?;
        return Ok(content.trim_end_matches(['\r', '\n']).to_string());
    }
    if let Some(variable) = value.strip_prefix("env:") {
        return std::env::var(variable)
            .map_err(|_| Error::usage(format!("{name}: the environment has no variable {variable}")));
    }
    Err(Error::usage(format!("{name} is a secret and must not stand in a flag or a profile"))
        .hint(format!("write {name}=@FILE or {name}=env:NAME")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_the_open_is_refused_without_being_repeated() {
        let error = reveal("sasl.password", "hunter2").expect_err("refused").to_string();
        assert!(!error.contains("hunter2") && error.contains("@FILE"), "{error}");
        assert_eq!(reveal("linger.ms", "5").as_deref(), Ok("5"));
    }

    #[test]
    fn a_secret_is_read_from_a_file() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "hunter2\n").expect("written");
        let value = format!("@{}", file.path().display());
        assert_eq!(reveal("sasl.password", &value).as_deref(), Ok("hunter2"));
    }
}
