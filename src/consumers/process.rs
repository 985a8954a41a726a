//! Which process runs the consumers of a registry: a file beside it that the process holds as long as it lives, and in
//! which it says where it is.

use crate::clock::Stop;
use crate::lock::Lock;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how long after each other, it is looked who has the file: who only looks has it for a moment, too.
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

/// The process that runs the consumers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// Where its API answers: `http://127.0.0.1:8090`.
    pub address: Option<String>,
}

/// This process runs the consumers, until this is dropped.
#[derive(Debug)]
pub struct Held {
    file: File,
    path: PathBuf,
}

fn place(registry: &Path) -> PathBuf {
    registry.with_extension("running")
}

impl Held {
    /// Takes the consumers of a registry for this process.
    ///
    /// # Errors
    /// A usage error with the other's number and address where another process runs them.
    pub fn take(registry: &Path) -> Result<Self> {
        let path = place(registry);
        let failed = |error| Error::from(error).at(path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        for _ in 0..TRIES {
            match Lock::take(&path).map_err(failed)? {
                Lock::Ours(file) => {
                    let mut held = Self { file, path };
                    held.say(None)?;
                    return Ok(held);
                }
                Lock::Theirs(mut file) => {
                    if let Some(owner) = read(&mut file).filter(is_alive) {
                        return Err(in_use(registry, &owner));
                    }
                }
            }
            Stop::default().wait(BETWEEN);
        }
        Err(Error::usage(format!("{}: another process runs these consumers", registry.display())))
    }

    /// Says where the API answers.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn say(&mut self, address: Option<String>) -> Result<()> {
        let owner = Owner { pid: std::process::id(), host: crate::host::name(), address };
        let text = serde_json::to_string(&owner).map_err(|error| Error::failed(error.to_string()))?;
        let written = self
            .file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| writeln!(self.file, "{text}"));
        written.map_err(|error| Error::from(error).at(self.path.display()))
    }
}

/// Who runs the consumers of a registry, if anybody does.
///
/// # Errors
/// When the file cannot be read, or the process that has it does not say in time where it is.
pub fn owner(registry: &Path) -> Result<Option<Owner>> {
    let path = place(registry);
    if !path.exists() {
        return Ok(None);
    }
    for _ in 0..TRIES {
        match Lock::take(&path).map_err(|error| Error::from(error).at(path.display()))? {
            Lock::Ours(_) => return Ok(None),
            Lock::Theirs(mut file) => {
                let owner = read(&mut file).filter(|owner| owner.address.is_some() && is_alive(owner));
                if owner.is_some() {
                    return Ok(owner);
                }
            }
        }
        Stop::default().wait(BETWEEN);
    }
    Err(Error::unreachable(format!("{}: who has it does not say where it is", path.display())))
}

fn read(file: &mut File) -> Option<Owner> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    serde_json::from_str(&text).ok()
}

/// What stands there may be of a process that was killed, while somebody only looks.
fn is_alive(owner: &Owner) -> bool {
    owner.host != crate::host::name() || !cfg!(target_os = "linux") || {
        let process = PathBuf::from(format!("/proc/{}", owner.pid));
        process.exists()
    }
}

fn in_use(registry: &Path, owner: &Owner) -> Error {
    let address = owner.address.as_ref().map_or(String::new(), |address| format!(" at {address}"));
    let message = format!(
        "process {} on {}{address} runs the consumers of {} already",
        owner.pid,
        owner.host,
        registry.display()
    );
    Error::usage(message).hint("`ecap-consume status` shows them, ctrl-C there ends them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_runs_the_consumers_and_says_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let registry = folder.path().join("home/consumers.toml");
        assert_eq!(owner(&registry), Ok(None));
        let mut held = Held::take(&registry).unwrap();
        held.say(Some("http://127.0.0.1:1".into())).unwrap();
        let found = owner(&registry).unwrap().expect("somebody");
        assert_eq!((found.pid, found.address.as_deref()), (std::process::id(), Some("http://127.0.0.1:1")));
        let error = Held::take(&registry).unwrap_err().to_string();
        let expected = format!("process {} on {} at http://127.0.0.1:1 runs", found.pid, found.host);
        assert!(error.contains(&expected), "{error}");
        drop(held);
        assert_eq!(owner(&registry), Ok(None));
        assert!(Held::take(&registry).is_ok());
    }
}
