//! A store that speaks S3's protocol (moto), with its conditional writes: a server of its own for each test.

use super::{cache, installed, run, script};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The server, with a bucket `lake`.
pub struct Store {
    server: Child,
    port: u16,
}

impl Store {
    /// Starts it, with its bucket.
    pub fn start() -> Self {
        let store = Self::serving("open");
        store.python(&["bucket", "lake"]);
        store
    }

    /// Starts it without a bucket; `how` is as objects.py has it.
    pub fn serving(how: &str) -> Self {
        let mut command = python(&["serve", how]);
        let mut server =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts");
        let said = BufReader::new(server.stdout.take().expect("stdout is piped")).lines().next();
        let port = said.and_then(Result::ok).and_then(|line| line.parse().ok());
        Self { server, port: port.expect("it says where it listens") }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What its clients are told.
    pub fn options(&self) -> Vec<(String, String)> {
        options(self.port)
    }

    /// What boto3 says.
    pub fn python(&self, args: &[&str]) -> String {
        run(python(args).envs(self.options()))
    }

    /// The names of the objects under a prefix of the bucket.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        serde_json::from_str(&self.python(&["keys", "lake", prefix])).expect("the program prints JSON")
    }

    /// What deltalake and pyarrow find at a place.
    pub fn tables(&self, args: &[&str]) -> serde_json::Value {
        let mut command = installed(&cache().join("tools/tables/bin/python"));
        command.args(["-W", "ignore"]).arg(script("tables.py")).args(args).envs(self.options());
        serde_json::from_str(&run(&mut command)).expect("the program prints JSON")
    }
}

/// What clients of a server at a port of this machine are told.
pub fn options(port: u16) -> Vec<(String, String)> {
    let endpoint = format!("http://127.0.0.1:{port}");
    let options = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    options.map(|(name, value)| (name.into(), value.into())).to_vec()
}

fn python(args: &[&str]) -> Command {
    let mut command = installed(&cache().join("tools/objects/bin/python"));
    command.args(["-W", "ignore"]).arg(script("objects.py")).args(args);
    command
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
