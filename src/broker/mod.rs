//! The embedded broker: one process, one node, for laptops, demos, courses and tests.
//!
//! It speaks Kafka's protocol, so that every Kafka client works on it, and keeps record batches
//! exactly as producers sent them. Rooms inside: [`batch`] reads a batch's header, [`records`] what
//! is inside, [`log`] stores batches in segments, [`settings`] and [`topics`] say what a topic is,
//! [`cleaner`] what time does to it, [`groups`] who consumes, [`transactions`] which batches count
//! together, [`marker`] how that ended, [`journal`] keeps what is no record, and [`wire`] turns requests
//! into calls of those. [`metrics`] counts what they do, and [`status`] tells it. Nothing outside of this
//! folder knows the protocol.

mod batch;
mod cleaner;
mod groups;
mod journal;
mod log;
mod marker;
mod metrics;
mod pack;
mod probe;
mod records;
mod room;
mod server;
pub(crate) mod settings;
mod status;
mod topics;
mod transactions;
mod unpack;
mod wire;

use crate::clock::{Clock, Micros, Stop, SystemClock};
use crate::lock::Lock;
use crate::{Error, Result};
use groups::Groups;
use metrics::Metrics;
pub use probe::Probe;
pub use status::Status;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use topics::Topics;
use transactions::Transactions;

/// How long open connections get to end when the broker stops.
const STOP_WITHIN: Duration = Duration::from_millis(500);

/// Where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In files under this folder; made if it is not there. It belongs to one process at a time.
    Dir(PathBuf),
    /// In memory, gone with the broker.
    Memory,
}

/// How a broker is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Address and port; port 0 takes any that is free. Clients are told the address that they
    /// reached the broker at.
    pub listen: SocketAddr,
    /// Where Prometheus finds metrics, if it is to; port 0 as above.
    pub metrics_listen: Option<SocketAddr>,
    /// Where records are kept.
    pub storage: Storage,
    /// Whether a topic is made when a client first asks for it.
    pub auto_create_topics: bool,
    /// Partitions of a topic whose creator names no number.
    pub default_partitions: i32,
    /// Whether an acknowledged record is on the disk, and not only with the operating system.
    pub fsync: bool,
    /// Connections that are open at the same time; more are closed at once.
    pub max_connections: usize,
    /// How long a connection may be silent before it is closed.
    pub idle: Duration,
    /// How long a request that has begun may take to arrive, and its answer to be taken.
    pub underway: Duration,
    /// The largest produce request, in bytes. Other requests have a limit of 4 MiB.
    pub max_request_bytes: usize,
}

impl Default for Config {
    /// 127.0.0.1:9092, in memory, topics of three partitions that are made by hand.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9092)),
            metrics_listen: None,
            storage: Storage::Memory,
            auto_create_topics: false,
            default_partitions: 3,
            fsync: false,
            max_connections: 1_000,
            idle: Duration::from_secs(600),
            underway: Duration::from_secs(60),
            max_request_bytes: 100 << 20,
        }
    }
}

/// What every connection shares.
struct Core {
    config: Config,
    folder: Option<PathBuf>,
    cluster_id: String,
    clock: Arc<dyn Clock>,
    /// When it was opened.
    started: Micros,
    metrics: Arc<Metrics>,
    room: room::Room,
    topics: Arc<Topics>,
    groups: Arc<Groups>,
    transactions: Transactions,
    /// Held as long as the broker runs, so that the folder has one owner.
    _lock: Option<File>,
}

impl Core {
    /// Takes the folder and recovers what is stored in it.
    fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let folder = match &config.storage {
            Storage::Dir(folder) => Some(folder.clone()),
            Storage::Memory => None,
        };
        let lock = folder.as_deref().map(lock).transpose()?;
        let inside = |name: &str| folder.as_ref().map(|folder| folder.join(name));
        let sync = config.fsync;
        let topics = Arc::new(Topics::open(inside("topics").as_deref(), sync)?);
        let groups = Arc::new(Groups::open(inside("journal").as_deref(), sync, Arc::clone(&clock))?);
        let transactions = Transactions::open(
            inside("transactions").as_deref(),
            sync,
            Arc::clone(&clock),
            Arc::clone(&topics),
            Arc::clone(&groups),
        )?;
        Ok(Self {
            cluster_id: folder.as_deref().map_or_else(|| Ok(new_cluster_id()), cluster_id)?,
            started: clock.now(),
            metrics: Arc::default(),
            room: room::Room::default(),
            topics,
            groups,
            transactions,
            config,
            folder,
            clock,
            _lock: lock,
        })
    }
}

/// A running broker. It stops when it is dropped.
pub struct Broker {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    core: Arc<Core>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    stop_cleaner: Stop,
    cleaner: Option<JoinHandle<()>>,
}

impl Broker {
    /// Binds the address, recovers what is stored, and serves on threads of its own.
    ///
    /// # Errors
    /// A folder that another broker holds or that cannot be read, an address that is taken.
    pub fn start(config: Config) -> Result<Self> {
        Self::start_at(config, Arc::new(SystemClock))
    }

    /// As [`Broker::start`], with a clock.
    ///
    /// # Errors
    /// As there.
    pub fn start_at(config: Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let (listener, address) = bind(config.listen, "--listen")?;
        let metrics = config.metrics_listen.map(|listen| bind(listen, "--metrics-listen")).transpose()?;
        let metrics_address = metrics.as_ref().map(|(_, address)| *address);
        let core = Arc::new(Core::open(config, clock)?);
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&core);
        let runtime = runtime()?;
        let thread = std::thread::Builder::new().name("ecap-broker".into()).spawn(move || {
            if let Err(error) = runtime.block_on(server::serve(
                served,
                listener,
                metrics.map(|(listener, _)| listener),
                stopped,
            )) {
                tracing::error!(%error, "the broker ended");
            }
            runtime.shutdown_timeout(STOP_WITHIN);
        })?;
        let stop_cleaner = Stop::default();
        let (cleaned, asked) = (Arc::clone(&core), stop_cleaner.clone());
        let cleaner = std::thread::Builder::new()
            .name("ecap-broker-cleaner".into())
            .spawn(move || cleaner::work(&cleaned, &asked))?;
        Ok(Self {
            address,
            metrics_address,
            core,
            stop: Some(stop),
            thread: Some(thread),
            stop_cleaner,
            cleaner: Some(cleaner),
        })
    }

    /// Where clients reach it, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it shows metrics, if it does.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// How many topics it has.
    pub fn topic_count(&self) -> usize {
        self.core.topics.all().len()
    }

    /// Its node number, as clients see it.
    pub fn node(&self) -> i32 {
        wire::NODE.0
    }

    /// Stops within a second. What was acknowledged is stored.
    ///
    /// # Errors
    /// A broker that ended by a mistake of its own.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        self.stop_cleaner.request();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        let ended = thread.join().and(self.cleaner.take().map_or(Ok(()), JoinHandle::join));
        self.core.topics.checkpoint_after(0);
        ended.map_err(|_| Error::failed("the broker's thread ended by a mistake of its own"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end().ok();
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4));
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(threads).thread_name("ecap-broker-worker").enable_all().build()?)
}

fn bind(listen: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr)> {
    let bound = TcpListener::bind(listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| {
        Error::failed(format!("cannot listen at {listen}: {error}"))
            .hint(format!("stop what listens there, or choose another address with {flag}"))
    })
}

fn lock(folder: &Path) -> Result<File> {
    let at = |error: std::io::Error| Error::from(error).at(folder.display());
    std::fs::create_dir_all(folder).map_err(at)?;
    match Lock::take(&folder.join(".lock")).map_err(at)? {
        Lock::Ours(file) => Ok(file),
        Lock::Theirs(_) => {
            Err(Error::failed(format!("the folder {} belongs to a broker that is running", folder.display()))
                .hint("stop that one, or choose another folder with --data-dir"))
        }
    }
}

/// The id that the folder's first broker drew.
fn cluster_id(folder: &Path) -> Result<String> {
    let path = folder.join("cluster-id");
    match std::fs::read_to_string(&path) {
        Ok(id) => Ok(id.trim().to_string()),
        Err(_) => {
            let id = new_cluster_id();
            log::write_whole(&path, id.as_bytes()).map_err(|error| Error::from(error).at(path.display()))?;
            Ok(id)
        }
    }
}

/// 22 characters, as Kafka's own ids have.
fn new_cluster_id() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(22).collect()
}
