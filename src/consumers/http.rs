//! The API of a process that runs consumers.

mod access;
mod api;
pub mod client;
mod connections;
mod events;
mod metrics;
mod page;
mod patient;
mod recent;
mod refused;

pub use access::{Access, token_of};
pub use api::{Api, PREFIX};

use crate::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;

/// A server, until it is dropped.
pub struct Server {
    address: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Server {
    /// Listens, and answers with `api` in a thread of its own.
    ///
    /// # Errors
    /// A usage error where the address is in use, or cannot be listened at.
    pub fn start(listen: SocketAddr, api: Arc<Api>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).map_err(|error| {
            let message = format!("--listen {listen}: {error}");
            Error::usage(message).hint("name another address, such as --listen 127.0.0.1:8091")
        })?;
        let address = listener.local_addr()?;
        runtime.spawn(events::send(api.clone()));
        runtime.spawn(connections::serve(listener, api::router(api)));
        Ok(Self { address, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Who is still being answered does not hold up the end.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
