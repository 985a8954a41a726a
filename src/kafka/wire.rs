//! A broker asked without librdkafka, for what it cannot ask, or not of many at once: one request after the other, over TCP or TLS,
//! with SASL PLAIN and SCRAM. Requests are in their first form that every broker since Apache Kafka 1.0 knows, and Kafka 4 still
//! does, but for those whose first form asks for too little ([`compact`]).

pub mod compact;
mod scram;

use super::config::Connection;
use crate::{Error, Result};
use openssl::hash::MessageDigest;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

/// How long a broker may take for anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// No answer is longer: ten thousand partitions are a megabyte.
const LONGEST: usize = 64 << 20;

/// A request's key and version.
pub type Api = (i16, i16);

const SASL_HANDSHAKE: Api = (17, 1);
const SASL_AUTHENTICATE: Api = (36, 0);

/// A connection to one broker, which has let us in.
pub struct Wire {
    address: String,
    stream: Box<dyn Stream>,
    asked: i32,
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl Wire {
    /// Connects to a broker of the connection's cluster at this address.
    ///
    /// # Errors
    /// When nobody answers there, or does not let us in; a usage error where we cannot do what it takes.
    pub fn open(connection: &Connection, address: &str) -> Result<Self> {
        let protocol = connection.property("security.protocol").unwrap_or_default().to_ascii_lowercase();
        let login = protocol.starts_with("sasl").then(|| mechanism(connection)).transpose()?;
        let tcp = dial(address).map_err(at(address))?;
        let stream: Box<dyn Stream> = match protocol.ends_with("ssl") {
            false => Box::new(tcp),
            true => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                Box::new(tls(connection, host, tcp).map_err(|reason| refused(address, &reason))?)
            }
        };
        let mut wire = Self { address: address.into(), stream, asked: 0 };
        if let Some(login) = login {
            wire.log_in(connection, login)?;
        }
        Ok(wire)
    }

    /// What the broker answers to a request, by its key and version and its body, as `read` reads it.
    ///
    /// # Errors
    /// When the broker closes the connection or does not answer in time, or its answer is none that `read` reads.
    pub fn told<T>(
        &mut self,
        api: Api,
        body: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
    ) -> Result<T> {
        let answer = self.ask(api, body).map_err(|error| self.failed(&error.to_string()))?;
        read(&mut Reader(&answer)).ok_or_else(|| self.failed("its answer cannot be read"))
    }

    /// An error of this broker's.
    pub fn failed(&self, reason: &str) -> Error {
        Error::failed(format!("broker {}: {reason}", self.address))
    }

    fn ask(&mut self, (key, version): Api, body: &[u8]) -> io::Result<Vec<u8>> {
        self.asked += 1;
        let mut request = Vec::with_capacity(32 + body.len());
        request.extend(key.to_be_bytes());
        request.extend(version.to_be_bytes());
        request.extend(self.asked.to_be_bytes());
        put_text(&mut request, "ecap");
        request.extend(body);
        self.stream.write_all(&(request.len() as i32).to_be_bytes())?;
        self.stream.write_all(&request)?;
        self.stream.flush()?;
        let mut head = [0; 8];
        self.stream.read_exact(&mut head)?;
        let [a, b, c, d, number @ ..] = head;
        let length = usize::try_from(i32::from_be_bytes([a, b, c, d])).unwrap_or(0);
        if !(4..=LONGEST).contains(&length) || i32::from_be_bytes(number) != self.asked {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another answer came"));
        }
        let mut answer = vec![0; length - 4];
        self.stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    fn log_in(&mut self, connection: &Connection, (mechanism, digest): Mechanism) -> Result<()> {
        let address = &self.address.clone();
        let property = |name: &str| connection.property(name).unwrap_or_default();
        let (user, password) = (property("sasl.username"), property("sasl.password"));
        let mut body = Vec::new();
        put_text(&mut body, &mechanism);
        let answer = self.ask(SASL_HANDSHAKE, &body).map_err(at(address))?;
        if Reader(&answer).number::<2>() != Some(0) {
            return Err(refused(address, &format!("it does not know {mechanism}")));
        }
        match digest {
            None => drop(self.say(format!("\0{user}\0{password}").as_bytes())?),
            Some(digest) => {
                let wrong = |reason: String| refused(address, &reason);
                let exchange = scram::Exchange::new(digest, user, password).map_err(wrong)?;
                let challenge = self.say(exchange.first().as_bytes())?;
                let (last, signature) = exchange.last(&challenge).map_err(wrong)?;
                let verdict = self.say(last.as_bytes())?;
                if verdict.trim() != signature {
                    return Err(refused(address, "it does not know the password itself"));
                }
            }
        }
        Ok(())
    }

    /// Says something in the course of a login, and gives what the broker says.
    fn say(&mut self, bytes: &[u8]) -> Result<String> {
        let mut body = (bytes.len() as i32).to_be_bytes().to_vec();
        body.extend(bytes);
        let answer = self.ask(SASL_AUTHENTICATE, &body).map_err(at(&self.address))?;
        let mut answer = Reader(&answer);
        let code = answer.number::<2>();
        let reason = answer.text().unwrap_or_default();
        match code {
            Some(0) => {
                Ok(answer.bytes().map(|said| String::from_utf8_lossy(said).into_owned()).unwrap_or_default())
            }
            _ => Err(refused(&self.address, reason)),
        }
    }
}

/// How brokers are told who we are: its name, and SCRAM's way to compute.
type Mechanism = (String, Option<MessageDigest>);

fn mechanism(connection: &Connection) -> Result<Mechanism> {
    let name = connection.property("sasl.mechanism").or(connection.property("sasl.mechanisms"));
    let name = name.unwrap_or("GSSAPI").to_ascii_uppercase();
    let digest = match name.as_str() {
        "PLAIN" => None,
        "SCRAM-SHA-256" => Some(MessageDigest::sha256()),
        "SCRAM-SHA-512" => Some(MessageDigest::sha512()),
        other => {
            let reason = format!("brokers are asked for it with PLAIN and SCRAM, and not with {other}");
            return Err(Error::usage(reason));
        }
    };
    Ok((name, digest))
}

fn at(address: &str) -> impl Fn(io::Error) -> Error {
    move |error| Error::unreachable(format!("broker {address}: {error}"))
}

fn refused(address: &str, reason: &str) -> Error {
    Error::failed(format!("broker {address} does not let us in: {reason}"))
}

fn dial(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn tls(connection: &Connection, host: &str, tcp: TcpStream) -> Result<impl Stream + use<>, String> {
    let property = |name: &str| connection.property(name).filter(|value| !value.is_empty());
    let wrong = |error: openssl::error::ErrorStack| error.to_string();
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(wrong)?;
    let (place, text) = (property("ssl.ca.location").filter(|path| *path != "probe"), property("ssl.ca.pem"));
    if place.or(text).is_some() {
        // As librdkafka: where authorities are named, those of the system are none.
        builder.set_cert_store(X509StoreBuilder::new().map_err(wrong)?.build());
    }
    if let Some(path) = place {
        let (file, folder) = if Path::new(path).is_dir() { (None, Some(path)) } else { (Some(path), None) };
        builder
            .load_verify_locations(file.map(Path::new), folder.map(Path::new))
            .map_err(|_| format!("ssl.ca.location: {path} cannot be read"))?;
    }
    if let Some(text) = text {
        for authority in X509::stack_from_pem(text.as_bytes()).map_err(wrong)? {
            builder.cert_store_mut().add_cert(authority).map_err(wrong)?;
        }
    }
    if let Some((key, chain)) = identity(connection)? {
        builder.set_private_key(&key).map_err(wrong)?;
        let mut chain = chain.into_iter();
        if let Some(own) = chain.next() {
            builder.set_certificate(&own).map_err(wrong)?;
        }
        chain.try_for_each(|other| builder.add_extra_chain_cert(other)).map_err(wrong)?;
    }
    if property("enable.ssl.certificate.verification") == Some("false") {
        builder.set_verify(SslVerifyMode::NONE);
    }
    let configured = builder.build().configure().map_err(wrong)?;
    let is_checked = property("ssl.endpoint.identification.algorithm") != Some("none");
    configured.verify_hostname(is_checked).connect(host, tcp).map_err(|error| error.to_string())
}

/// A key, its certificate and those above it.
type Identity = (PKey<Private>, Vec<X509>);

/// Who we are, where the settings say so.
fn identity(connection: &Connection) -> Result<Option<Identity>, String> {
    if let Some(path) = connection.property("ssl.keystore.location") {
        let password = connection.property("ssl.keystore.password").unwrap_or_default();
        let read =
            std::fs::read(path).ok().and_then(|bytes| Pkcs12::from_der(&bytes).ok()?.parse2(password).ok());
        let read = read.and_then(|store| Some((store.pkey?, store.cert?, store.ca)));
        let (key, own, others) =
            read.ok_or_else(|| format!("ssl.keystore.location: {path} cannot be read"))?;
        return Ok(Some((key, std::iter::once(own).chain(others.into_iter().flatten()).collect())));
    }
    let text = |name| connection.pem(name).map_err(|error| error.to_string());
    let (Some(certificate), Some(key)) = (text("ssl.certificate")?, text("ssl.key")?) else {
        return Ok(None);
    };
    let password = connection.property("ssl.key.password").unwrap_or_default();
    let key = PKey::private_key_from_pem_passphrase(key.as_bytes(), password.as_bytes());
    let chain = X509::stack_from_pem(certificate.as_bytes());
    key.and_then(|key| Ok(Some((key, chain?)))).map_err(|error| error.to_string())
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as i16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// Reads an answer in the protocol's first form, where lengths are whole numbers.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// A big-endian number of so many bytes, at most eight.
    pub fn number<const BYTES: usize>(&mut self) -> Option<i64> {
        let (bytes, behind) = self.0.split_first_chunk::<BYTES>()?;
        self.0 = behind;
        let signed = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
        let start = if signed { -1 } else { 0 };
        Some(bytes.iter().fold(start, |number, byte| number << 8 | i64::from(*byte)))
    }

    /// A text; an empty one where there is none.
    pub fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number::<2>()?).unwrap_or(0);
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number::<4>()?).unwrap_or(0);
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, behind) = self.0.split_at_checked(length)?;
        self.0 = behind;
        Some(bytes)
    }
}
