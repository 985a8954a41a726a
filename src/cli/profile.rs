//! `ecap.toml`: settings by profile, found in this folder or upward.

use crate::{Error, Result, catalog};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the profile file.
pub const FILE: &str = "ecap.toml";

/// One profile of the file, and where it stood.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Where it comes from, for people: `ecap.toml [dev]`.
    pub origin: String,
    /// Its settings by their flags' names.
    pub settings: Settings,
}

/// What a profile can say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// As `--bootstrap-servers`.
    pub bootstrap_servers: Option<String>,
    /// As `--security-protocol`.
    pub security_protocol: Option<String>,
    /// As `--kafka-config`; relative to the file.
    pub kafka_config: Option<String>,
    /// As `--topic-prefix`.
    pub topic_prefix: Option<String>,
    /// As `--catalog`; relative to the file.
    pub catalog: Option<String>,
    /// The id of the cluster that is meant; `ecap-topics` refuses any other.
    pub cluster_id: Option<String>,
    /// As `--replication-factor`.
    pub replication_factor: Option<i32>,
    /// As `-X`: client settings by librdkafka's names.
    #[serde(default)]
    pub kafka: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profile: BTreeMap<String, Settings>,
}

/// The profile of that name from the nearest `ecap.toml` at `folder` or above; without a name the one
/// called `default`, if there is one.
///
/// # Errors
/// A usage error when the file cannot be read, or a profile was named that is not there.
pub fn load(folder: &Path, name: Option<&str>) -> Result<Profile> {
    let Some(path) = folder.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file()) else {
        return name.map_or(Ok(Profile::default()), |name| {
            Err(Error::usage(format!("profile '{name}': there is no {FILE} in this folder or above it")))
        });
    };
    let wrong = |what: String| Error::usage(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let mut file: File = toml::from_str(&text).map_err(|error| Error::from(error).at(path.display()))?;
    let wanted = name.unwrap_or("default");
    let Some(mut settings) = file.profile.remove(wanted) else {
        return name.map_or(Ok(Profile::default()), |name| {
            let error = wrong(format!("there is no profile '{name}'")).hint(format!("add [profile.{name}]"));
            Err(catalog::suggest(error, name, file.profile.keys().map(String::as_str)))
        });
    };
    let folder = path.parent().unwrap_or(folder);
    for file in [&mut settings.kafka_config, &mut settings.catalog].into_iter().flatten() {
        *file = beside(folder, file);
    }
    Ok(Profile { origin: format!("{} [{wanted}]", path.display()), settings })
}

fn beside(folder: &Path, file: &str) -> String {
    let joined: PathBuf = folder.join(file);
    joined.display().to_string()
}
