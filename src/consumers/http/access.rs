//! Who may ask for what. A web page elsewhere must not be able to restart a consumer on somebody's laptop.

use super::api::Api;
use super::refused::Refused;
use crate::{Error, Result};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// A token is not shorter, in bytes.
const SHORTEST: usize = 16;

/// A request's body is no longer, in bytes.
const BODY: u64 = 16 << 10;

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

    /// Whether a request may pass.
    fn check(&self, method: &Method, headers: &HeaderMap) -> Result<(), Refused> {
        let host = only(headers, header::HOST).ok_or_else(|| {
            Refused::new(StatusCode::BAD_REQUEST, "there is no Host header, or more than one")
        })?;
        self.check_host(host)?;
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        check_origin(is_read, host, headers)?;
        check_length(headers)?;
        if is_read { Ok(()) } else { self.check_token(headers) }
    }

    /// A name that leads here may be anybody's, who then is of the same origin as we are.
    fn check_host(&self, host: &str) -> Result<(), Refused> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
            _ => host,
        };
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let known = self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        if known || name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let message = "this is no name of this server: `run --allowed-host NAME` makes it one";
        Err(Refused::new(StatusCode::MISDIRECTED_REQUEST, message))
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let Some(token) = &self.token else {
            let message = "nothing can be changed here: `run --token-file FILE` allows it";
            let refused = || Refused::new(StatusCode::FORBIDDEN, message);
            return if self.is_loopback { Ok(()) } else { Err(refused()) };
        };
        let is_right = |given: &str| {
            let given = given.trim();
            given.len() == token.len() && openssl::memcmp::eq(given.as_bytes(), token.as_bytes())
        };
        let refused = |message| Err(Refused::new(StatusCode::UNAUTHORIZED, message));
        match only(headers, header::AUTHORIZATION).and_then(|given| given.strip_prefix("Bearer ")) {
            Some(given) if is_right(given) => Ok(()),
            Some(_) => refused("the token is another one"),
            None => refused("this needs a token: Authorization: Bearer TOKEN"),
        }
    }
}

/// The only header of this name; nothing where there is none, or more than one.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut found = headers.get_all(name).into_iter();
    match (found.next(), found.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// A browser says which page asks: it has to be ours.
fn check_origin(is_read: bool, host: &str, headers: &HeaderMap) -> Result<(), Refused> {
    let refused = || Err(Refused::new(StatusCode::FORBIDDEN, "a page of another server asks for this"));
    let is_cross_site =
        only(headers, HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site");
    if is_cross_site && !is_read {
        return refused();
    }
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let origin = only(headers, header::ORIGIN).unwrap_or_default();
    let origin = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) { Ok(()) } else { refused() }
}

/// Nothing that is asked for needs a body: a small one is let pass.
fn check_length(headers: &HeaderMap) -> Result<(), Refused> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Refused::new(StatusCode::LENGTH_REQUIRED, "a body says how long it is: Content-Length"));
    }
    let length = only(headers, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    match length.is_some_and(|length| length > BODY) {
        true => Err(Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")),
        false => Ok(()),
    }
}

/// Lets a request pass, or refuses it; and tells browsers what may not be done with the answer.
pub async fn check(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut response = match api.access.check(request.method(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
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
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        if !map.contains_key("host") {
            map.insert("host", HeaderValue::from_static("127.0.0.1:8090"));
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        access.check(&method, &map).map_or_else(|refused| refused.0.as_u16(), |()| 200)
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
        assert_eq!(here("POST", &[("content-length", "16385")]), 413);
        assert_eq!(here("POST", &[("transfer-encoding", "chunked")]), 411);
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
