//! A network that fails when it is told to: a relay between clients and a server, which can cut a connection just before
//! or just after a message, so that the answer to it is lost.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a stream falls into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// As the bytes come.
    Raw,
    /// Kafka's requests and answers, each with its length before it. The server's address in them becomes the relay's.
    Kafka,
}

/// Whether a message is the one to fail at.
pub type Matches = Box<dyn Fn(&[u8]) -> bool + Send>;

/// What is to fail next.
struct Fault {
    matches: Matches,
    /// The server gets the message, and the client no answer.
    delivered: bool,
}

struct Shared {
    protocol: Protocol,
    server: SocketAddr,
    own_port: u16,
    fault: Mutex<Option<Fault>>,
    is_down: AtomicBool,
    /// Whether bytes stay where they are, and connections too.
    hangs: AtomicBool,
    cuts: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

/// The relay.
#[derive(Clone)]
pub struct Relay(Arc<Shared>);

impl Relay {
    /// Listens on a free port for clients of `server`.
    pub fn start(protocol: Protocol, server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            protocol,
            server: server.parse().unwrap(),
            own_port: listener.local_addr().unwrap().port(),
            fault: Mutex::new(None),
            is_down: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            cuts: AtomicUsize::new(0),
            open: Mutex::new(vec![]),
        });
        let relay = Self(shared);
        let accepting = relay.clone();
        std::thread::spawn(move || listener.incoming().for_each(|client| accepting.accept(client.unwrap())));
        relay
    }

    /// Where clients connect.
    pub fn port(&self) -> u16 {
        self.0.own_port
    }

    /// Goes down at the next message that matches, with or without having delivered it.
    pub fn cut_at(&self, delivered: bool, matches: impl Fn(&[u8]) -> bool + Send + 'static) {
        *self.0.fault.lock().unwrap() = Some(Fault { matches: Box::new(matches), delivered });
    }

    /// Cuts every connection, and takes none.
    pub fn down(&self) {
        self.0.is_down.store(true, Ordering::SeqCst);
        self.0.cuts.fetch_add(1, Ordering::SeqCst);
        for stream in self.0.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Passes nothing on, and cuts nothing: who is connected hears no more.
    pub fn hang(&self) {
        self.0.hangs.store(true, Ordering::SeqCst);
    }

    /// Takes connections and passes bytes on again; nothing is to fail.
    pub fn up(&self) {
        self.0.hangs.store(false, Ordering::SeqCst);
        *self.0.fault.lock().unwrap() = None;
        self.0.is_down.store(false, Ordering::SeqCst);
    }

    /// How often it went down.
    pub fn cuts(&self) -> usize {
        self.0.cuts.load(Ordering::SeqCst)
    }

    fn accept(&self, client: TcpStream) {
        if self.0.is_down.load(Ordering::SeqCst) {
            return;
        }
        let Ok(server) = TcpStream::connect(self.0.server) else { return };
        let mut open = self.0.open.lock().unwrap();
        // Looked at again: it may have gone down while this one was made.
        if self.0.is_down.load(Ordering::SeqCst) {
            return;
        }
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            open.push(stream.try_clone().unwrap());
        }
        drop(open);
        let awaited = Arc::new(Mutex::new(None));
        let (relay, from, to, awaits) =
            (self.clone(), client.try_clone().unwrap(), server.try_clone().unwrap(), awaited.clone());
        std::thread::spawn(move || relay.requests(from, to, &awaits));
        let relay = self.clone();
        std::thread::spawn(move || relay.answers(server, client, &awaited));
    }

    fn requests(&self, mut from: TcpStream, mut to: TcpStream, awaited: &Mutex<Option<Vec<u8>>>) {
        while let Some(message) = self.next(&mut from) {
            let mut fault = self.0.fault.lock().unwrap();
            if let Some(fault) = fault.take_if(|fault| (fault.matches)(&message)) {
                if !fault.delivered {
                    self.down();
                    break;
                }
                *awaited.lock().unwrap() = Some(self.correlation(&message, 8));
            }
            drop(fault);
            if to.write_all(&message).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    fn answers(&self, mut from: TcpStream, mut to: TcpStream, awaited: &Mutex<Option<Vec<u8>>>) {
        while let Some(mut message) = self.next(&mut from) {
            if awaited.lock().unwrap().as_ref().is_some_and(|id| *id == self.correlation(&message, 4)) {
                self.down();
                break;
            }
            self.readdress(&mut message);
            if to.write_all(&message).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    /// What an answer has in common with its request.
    fn correlation(&self, message: &[u8], at: usize) -> Vec<u8> {
        match self.0.protocol {
            Protocol::Raw => vec![],
            Protocol::Kafka => message[at..at + 4].to_vec(),
        }
    }

    fn next(&self, from: &mut TcpStream) -> Option<Vec<u8>> {
        let message = self.message(from);
        while self.0.hangs.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        message
    }

    fn message(&self, from: &mut TcpStream) -> Option<Vec<u8>> {
        match self.0.protocol {
            Protocol::Raw => {
                let mut bytes = vec![0; 64 << 10];
                let read = from.read(&mut bytes).ok().filter(|read| *read > 0)?;
                bytes.truncate(read);
                Some(bytes)
            }
            Protocol::Kafka => {
                let mut length = [0; 4];
                from.read_exact(&mut length).ok()?;
                let mut message = length.to_vec();
                message.resize(4 + u32::from_be_bytes(length) as usize, 0);
                from.read_exact(&mut message[4..]).ok()?;
                Some(message)
            }
        }
    }

    fn readdress(&self, message: &mut [u8]) {
        if self.0.protocol != Protocol::Kafka {
            return;
        }
        let port = |port: u16| u32::from(port).to_be_bytes();
        let address = [b"127.0.0.1", &port(self.0.server.port())[..]].concat();
        let mut at = 0;
        while let Some(found) = message[at..].windows(address.len()).position(|part| part == address) {
            at += found + address.len();
            message[at - 4..at].copy_from_slice(&port(self.0.own_port));
        }
    }
}

/// Whether a request to Kafka is of this kind, by the number that the protocol gives it.
pub fn is_request(message: &[u8], kind: i16) -> bool {
    message.get(4..6).is_some_and(|key| key == kind.to_be_bytes())
}

/// Whether a message has this text in it.
pub fn contains(message: &[u8], text: &str) -> bool {
    message.windows(text.len()).any(|part| part == text.as_bytes())
}
