//! HTTP/1.1 as far as an API of small answers needs it: one request a connection, bounded in size, in time and in
//! number.
//!
//! The server of hyper (and so axum) is a feature of a crate that object_store is built on: with it, all of DataFusion
//! would be built anew. The parser is hyper's own.

use super::api::Api;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// So many connections are served at once; the others are told to come back.
const MOST: usize = 64;

/// A request, and the answer to it, may take so long on the wire.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is told to come back may take so long to hear it.
const SHORT: Duration = Duration::from_secs(1);

/// A request's head is no longer, in bytes.
const HEAD: usize = 16 << 10;

/// A request has no more headers.
const HEADERS: usize = 64;

/// A request's body is no longer, in bytes. None has a meaning yet.
const BODY: usize = 16 << 10;

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Its path, without what is behind a question mark.
    pub path: String,
    /// Its headers, with small names.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// The only header of this name; nothing where there is none, or more than one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }

    /// Whether there is a header of this name.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// The type of its body.
    pub kind: &'static str,
    /// Its body.
    pub body: String,
}

impl Response {
    /// JSON.
    pub fn json(status: u16, body: &impl serde::Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self { status, kind: "application/json", body: body + "\n" },
            Err(error) => Self::error(500, &error.to_string()),
        }
    }

    /// Text.
    pub fn text(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body }
    }

    /// What is wrong, as JSON.
    pub fn error(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "error": message }).to_string() + "\n";
        Self { status, kind: "application/json", body }
    }

    /// The bytes of it.
    fn bytes(&self, with_body: bool) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            202 => "Accepted",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            411 => "Length Required",
            413 => "Content Too Large",
            421 => "Misdirected Request",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        let own = match self.status {
            401 => "WWW-Authenticate: Bearer\r\n",
            405 => "Allow: GET, HEAD, POST\r\n",
            503 => "Retry-After: 1\r\n",
            _ => "",
        };
        let head = format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{own}\r\n",
            self.status,
            self.kind,
            self.body.len()
        );
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(self.body.as_bytes());
        }
        bytes
    }
}

/// Answers all who come, for ever.
pub async fn serve(listener: TcpListener, api: Arc<Api>) {
    let (free, refused) = (Arc::new(Semaphore::new(MOST)), Arc::new(Semaphore::new(MOST)));
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // Too many files are open: others have to be closed first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = free.clone().try_acquire_owned() else {
            if let Ok(place) = refused.clone().try_acquire_owned() {
                tokio::spawn(async move {
                    let busy = Response::error(503, "too many connections").bytes(true);
                    drop(timeout(SHORT, write(&mut stream, &busy)).await);
                    drop(place);
                });
            }
            continue;
        };
        let api = api.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(&mut stream, &api).await {
                tracing::debug!("http: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(stream: &mut TcpStream, api: &Api) -> io::Result<()> {
    let (response, with_body) = match timeout(PATIENCE, read(stream)).await {
        Err(_) => (Response::error(408, "the request did not come in time"), true),
        Ok(Err(error)) => return Err(error),
        Ok(Ok(Err(refused))) => (refused, true),
        Ok(Ok(Ok(request))) => (api.answer(&request), request.method != "HEAD"),
    };
    timeout(PATIENCE, write(stream, &response.bytes(with_body))).await?
}

/// What was not read yet would make the answer get lost.
async fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    let mut left = 1 << 20;
    while left > 0 {
        match stream.read(&mut rest).await? {
            0 => break,
            read => left = usize::saturating_sub(left, read),
        }
    }
    Ok(())
}

/// Reads a request, or says why it is none.
async fn read(stream: &mut TcpStream) -> io::Result<Result<Request, Response>> {
    let mut bytes = Vec::new();
    loop {
        match parse(&bytes) {
            Ok(Some((request, body))) => {
                skip(stream, body).await?;
                return Ok(Ok(request));
            }
            Ok(None) if bytes.len() >= HEAD => {
                return Ok(Err(Response::error(431, "the head of the request is too long")));
            }
            Ok(None) => {}
            Err(refused) => return Ok(Err(refused)),
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&more[..read]),
        }
    }
}

/// Reads the rest of a body.
async fn skip(stream: &mut TcpStream, mut left: usize) -> io::Result<()> {
    let mut more = [0; 4096];
    while left > 0 {
        match stream.read(&mut more).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

/// A request whose head is there, and how much of its body is not.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Response> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Response::error(431, "too many headers")),
        Err(error) => return Err(Response::error(400, &format!("this is no request: {error}"))),
    };
    let target = head.path.unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    let request = Request {
        method: head.method.unwrap_or_default().into(),
        path: target.split_once('?').map_or(target, |(path, _)| path).into(),
        headers: head.headers.iter().map(|one| (one.name.to_ascii_lowercase(), text(one.value))).collect(),
    };
    if request.has("transfer-encoding") {
        return Err(Response::error(411, "say how long the body is"));
    }
    let body = match request.has("content-length") {
        false => 0,
        true => {
            let length = request.header("content-length").and_then(|length| length.parse::<usize>().ok());
            length.ok_or_else(|| Response::error(400, "Content-Length is no number"))?
        }
    };
    if body > BODY {
        return Err(Response::error(413, "the body is too large"));
    }
    Ok(Some((request, body.saturating_sub(bytes.len() - length))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn status(text: &str) -> Result<Option<usize>, u16> {
        parse(text.as_bytes()).map(|found| found.map(|(_, left)| left)).map_err(|refused| refused.status)
    }

    #[test]
    fn a_request_is_taken_or_refused_with_its_status() {
        let get = "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
        let (request, left) = parse(get.as_bytes()).expect("a request").expect("whole");
        assert_eq!((request.path.as_str(), request.header("host"), left), ("/metrics", Some("a"), 0));
        assert_eq!(status(&get[..20]), Ok(None));
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc"), Ok(Some(2)));
        for (text, expected) in [
            ("\u{1}\u{2}\r\n\r\n", 400),
            ("GET / HTTP/9.1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ] {
            assert_eq!(status(text), Err(expected), "{text}");
        }
        let many = "x: y\r\n".repeat(HEADERS + 1);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{many}\r\n")), Err(431));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
