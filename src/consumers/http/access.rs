//! Who may ask for what. A web page elsewhere must not be able to restart a consumer on somebody's laptop.

use super::wire::{Request, Response};
use crate::{Error, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// A token is not shorter, in bytes.
const SHORTEST: usize = 16;

/// Who may ask for what.
#[derive(Debug, Clone, Default)]
pub struct Access {
    token: Option<String>,
    is_loopback: bool,
    hosts: Vec<String>,
}

impl Access {
    /// At an address; where a token is given, what changes something needs it. Names of the machine that a request may
    /// use are in `hosts`; addresses and `localhost` are always right.
    pub fn new(listen: SocketAddr, token: Option<String>, hosts: Vec<String>) -> Self {
        Self { token, is_loopback: listen.ip().is_loopback(), hosts }
    }

    /// Whether something can be changed at all.
    pub fn can_change(&self) -> bool {
        self.token.is_some() || self.is_loopback
    }

    /// Lets a request pass, or refuses it.
    pub fn check(&self, request: &Request) -> std::result::Result<(), Response> {
        self.check_host(request)?;
        check_origin(request)?;
        if matches!(request.method.as_str(), "GET" | "HEAD") { Ok(()) } else { self.check_token(request) }
    }

    /// A name that leads here may be anybody's, who then is of the same origin as we are.
    fn check_host(&self, request: &Request) -> std::result::Result<(), Response> {
        let host = request.header("host").ok_or_else(|| Response::error(400, "there is no Host header"))?;
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let known = self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        if known || name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        Err(Response::error(421, "this is no name of this server: `run --allowed-host NAME` makes it one"))
    }

    fn check_token(&self, request: &Request) -> std::result::Result<(), Response> {
        let Some(token) = &self.token else {
            return if self.is_loopback {
                Ok(())
            } else {
                Err(Response::error(403, "nothing can be changed here: `run --token-file FILE` allows it"))
            };
        };
        let given = request.header("authorization").and_then(|given| given.strip_prefix("Bearer "));
        let is_right = |given: &str| {
            let given = given.trim();
            given.len() == token.len() && openssl::memcmp::eq(given.as_bytes(), token.as_bytes())
        };
        match given {
            Some(given) if is_right(given) => Ok(()),
            Some(_) => Err(Response::error(401, "the token is another one")),
            None => Err(Response::error(401, "this needs a token: Authorization: Bearer TOKEN")),
        }
    }
}

/// A browser says which page asks: it has to be ours.
fn check_origin(request: &Request) -> std::result::Result<(), Response> {
    let refused = || Err(Response::error(403, "a page of another server asks for this"));
    if request.header("sec-fetch-site").is_some_and(|site| site == "cross-site") && request.method != "GET" {
        return refused();
    }
    if !request.has("origin") {
        return Ok(());
    }
    let host = request.header("host").unwrap_or_default();
    let origin = request.header("origin").unwrap_or_default();
    let origin = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) { Ok(()) } else { refused() }
}

/// The token in a file that others cannot read, or in a variable of the environment.
///
/// # Errors
/// A usage error where the file can be read by all, or the token is too short.
pub fn token_of(file: Option<&Path>, variable: Option<String>) -> Result<Option<String>> {
    let Some(path) = file else {
        return variable.filter(|token| !token.is_empty()).map(|token| check_token(&token)).transpose();
    };
    let failed = |error: std::io::Error| Error::usage(format!("--token-file {}: {error}", path.display()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o007 != 0 {
            let error = Error::usage(format!("--token-file {}: everybody can read it", path.display()));
            return Err(error.hint(format!("chmod 600 {}", path.display())));
        }
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    check_token(&text).map(Some).map_err(|error| error.at(format!("--token-file {}", path.display())))
}

/// A token that is long enough, without the space around it.
fn check_token(token: &str) -> Result<String> {
    let token = token.trim();
    if token.len() < SHORTEST || !token.chars().all(|c| c.is_ascii_graphic()) {
        let error = Error::usage(format!("a token has {SHORTEST} letters, digits or signs, or more"));
        return Err(error.hint("`openssl rand -hex 32` makes one"));
    }
    Ok(token.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn asked(listen: &str, token: Option<&str>, method: &str, headers: &[(&str, &str)]) -> u16 {
        let access = Access::new(listen.parse().unwrap(), token.map(Into::into), vec!["box.example".into()]);
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        if !headers.iter().any(|(name, _)| name == "host") {
            headers.push(("host".into(), "127.0.0.1:8090".into()));
        }
        let request = Request { method: method.into(), path: "/".into(), headers };
        access.check(&request).map_or_else(|refused| refused.status, |()| 200)
    }

    #[test]
    fn on_the_loopback_only_a_page_elsewhere_is_kept_out() {
        let here = |method, headers: &[(&str, &str)]| asked("127.0.0.1:8090", None, method, headers);
        assert_eq!(here("GET", &[]), 200);
        assert_eq!(here("POST", &[]), 200);
        assert_eq!(here("POST", &[("host", "[::1]:8090")]), 200);
        assert_eq!(here("POST", &[("host", "LOCALHOST")]), 200);
        assert_eq!(here("GET", &[("host", "evil.example:8090")]), 421);
        assert_eq!(here("GET", &[("host", "box.example")]), 200);
        assert_eq!(here("POST", &[("origin", "http://127.0.0.1:8090")]), 200);
        assert_eq!(here("POST", &[("origin", "http://evil.example")]), 403);
        assert_eq!(here("POST", &[("origin", "http://127.0.0.1:9999")]), 403);
        assert_eq!(here("POST", &[("origin", "null")]), 403);
        assert_eq!(here("GET", &[("origin", "http://evil.example")]), 403);
        assert_eq!(here("POST", &[("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(here("GET", &[("host", "a"), ("host", "127.0.0.1")]), 400);
    }

    #[test]
    fn elsewhere_nothing_changes_without_a_token() {
        assert_eq!(asked("0.0.0.0:8090", None, "GET", &[]), 200);
        assert_eq!(asked("0.0.0.0:8090", None, "POST", &[]), 403);
        for listen in ["0.0.0.0:8090", "127.0.0.1:8090"] {
            let with = |given: &str| asked(listen, Some(TOKEN), "POST", &[("authorization", given)]);
            assert_eq!(asked(listen, Some(TOKEN), "POST", &[]), 401);
            assert_eq!(asked(listen, Some(TOKEN), "GET", &[]), 200);
            assert_eq!(with(&format!("Bearer {TOKEN}")), 200);
            assert_eq!(with(&format!("Bearer  {}", &TOKEN[1..])), 401);
            assert_eq!(with("Bearer 0123456789abcdeF"), 401);
            assert_eq!(with("Bearer 0123"), 401);
            assert_eq!(with(TOKEN), 401);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_token_that_all_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let error = token_of(Some(&path), None).unwrap_err().to_string();
        assert!(error.contains("everybody can read it: chmod 600"), "{error}");
        mode(0o600);
        assert_eq!(token_of(Some(&path), None), Ok(Some(TOKEN.into())));
        std::fs::write(&path, "short").unwrap();
        assert!(token_of(Some(&path), None).unwrap_err().to_string().contains("16 letters"));
        assert_eq!(token_of(None, Some(TOKEN.into())), Ok(Some(TOKEN.into())));
        assert_eq!(token_of(None, Some(String::new())), Ok(None));
        assert!(token_of(None, Some("short".into())).is_err());
    }
}
