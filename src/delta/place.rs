//! Where a table is: a folder, or a prefix in a bucket.

use crate::{Error, Result};
use deltalake::logstore::object_store::ObjectStoreScheme;
use deltalake::logstore::object_store::prefix::PrefixStore;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake::{ObjectStore, Path as StorePath};
use object_store::aws::AmazonS3ConfigKey;
use object_store::gcp::GoogleConfigKey;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// A place, and what holds its bytes.
#[derive(Debug, Clone)]
pub struct Place {
    /// As somebody wrote it.
    text: String,
    url: Url,
    prefix: StorePath,
    /// From the root of the file system or bucket on.
    store: Arc<dyn ObjectStore>,
}

impl Place {
    /// Opens a folder, `s3://bucket/path` or `gs://bucket/path`. What the store needs comes from the environment (AWS_…,
    /// GOOGLE_…) and from `options`, by the same names; these win.
    ///
    /// # Errors
    /// A usage error when it is neither, or an option is unknown.
    pub fn open(text: &str, options: &[(String, String)]) -> Result<Self> {
        let url = parse(text)?;
        if !["file", "s3", "gs"].contains(&url.scheme()) {
            let error = Error::usage(format!("'{text}': tables are not kept there"));
            return Err(error.hint("a folder, s3://bucket/path or gs://bucket/path"));
        }
        if let Some((name, _)) = options.iter().find(|(name, _)| !is_option(&url, name)) {
            let message = format!("'{name}' is no option of {}", url.scheme());
            return Err(
                Error::usage(message).hint("the names are those of the environment, as in AWS_ENDPOINT_URL")
            );
        }
        let own = |(name, value): &(String, String)| (name.to_lowercase(), value.clone());
        let options = environment().chain(options.iter().map(own));
        let opened = object_store::parse_url_opts(&url, options);
        let (store, prefix) = opened.map_err(|error| Error::usage(error.to_string()).at(text))?;
        Ok(Self { text: text.into(), url, prefix, store: Arc::from(store) })
    }

    /// The place at `url` in a store that is open, from its root on.
    ///
    /// # Errors
    /// A usage error when the URL has no path in a store.
    pub fn on(store: Arc<dyn ObjectStore>, text: &str) -> Result<Self> {
        let url = parse(text)?;
        let path = ObjectStoreScheme::parse(&url).map_err(|error| Error::usage(error.to_string()));
        Ok(Self { text: text.into(), prefix: path?.1, url, store })
    }

    /// Whether it is a folder that is not there.
    pub fn is_absent(&self) -> bool {
        self.url.scheme() == "file" && self.url.to_file_path().is_ok_and(|path| !path.exists())
    }

    /// The log of the table.
    pub fn log(&self) -> LogStoreRef {
        let table = Arc::new(PrefixStore::new(self.store.clone(), self.prefix.clone()));
        default_logstore(table, self.store.clone(), &self.url, &StorageConfig::default())
    }

    /// Sees to it that files and their names are on the disk; a bucket has them once it says so.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn settle<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Result<()> {
        if self.url.scheme() != "file" {
            return Ok(());
        }
        let mut folders = BTreeSet::new();
        for path in paths {
            let path = PathBuf::from(format!("/{}/{path}", self.prefix));
            File::open(&path)?.sync_all()?;
            folders.extend(path.parent().map(PathBuf::from));
        }
        folders.iter().try_for_each(|folder| Ok(File::open(folder)?.sync_all()?))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a text is a place in a bucket, and no folder.
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// Whether an option is for the store that a table is in.
pub fn is_of_a_store(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with("aws_") || name.starts_with("google_")
}

fn parse(text: &str) -> Result<Url> {
    if !is_url(text) {
        let path = std::path::absolute(text)?;
        let url = Url::from_directory_path(&path);
        return url.map_err(|()| Error::usage(format!("{} is no path", path.display())));
    }
    let url = Url::parse(&format!("{}/", text.trim_end_matches('/')));
    url.map_err(|error| Error::usage(format!("'{text}' is no URL: {error}")))
}

/// What the environment says of stores.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?.to_lowercase(), value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(name, _)| is_of_a_store(name))
}

fn is_option(url: &Url, name: &str) -> bool {
    let name = name.to_lowercase();
    match url.scheme() {
        "s3" => name.parse::<AmazonS3ConfigKey>().is_ok(),
        "gs" => name.parse::<GoogleConfigKey>().is_ok(),
        _ => false,
    }
}

/// The path of a data file in its store.
pub fn in_store(path: &str) -> StorePath {
    StorePath::parse(path).unwrap_or_else(|_| StorePath::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_in_a_bucket() -> Result<()> {
        let region = [("AWS_REGION".to_string(), "eu-west-1".to_string())];
        for (text, options, url) in
            [("/data/a b", &[][..], "file:///data/a%20b/"), ("s3://bucket/a/", &region, "s3://bucket/a/")]
        {
            assert_eq!(Place::open(text, options)?.url.as_str(), url);
        }
        for (text, option) in
            [("ftp://host/a", None), ("/data/a", Some("AWS_REGION")), ("s3://b/a", Some("merge"))]
        {
            let options: Vec<_> = option.map(|name| (name.to_string(), String::new())).into_iter().collect();
            assert!(Place::open(text, &options).is_err(), "{text}");
        }
        Ok(())
    }
}
