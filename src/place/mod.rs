//! Where tables and checkpoints are: a folder, or a prefix in a bucket.

mod new_object;
mod wrong;

pub use new_object::NewObject;
pub use wrong::{is_absent, of_store};

use crate::{Error, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, ObjectStoreScheme, RetryConfig, WriteMultipart};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use url::Url;

/// What is longer goes to a store in parts of so many bytes, as a request has its time.
const PART: usize = 8 << 20;

/// So often a request is repeated that was not answered. Who calls knows better whether to wait for longer.
const RETRIES: usize = 5;

/// After so long it is not repeated any more.
const RETRIED: Duration = Duration::from_secs(20);

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
            let error = Error::usage(format!("'{text}': nothing can be kept there"));
            return Err(error.hint("a folder, s3://bucket/path or gs://bucket/path"));
        }
        if let Some((name, _)) = options.iter().find(|(name, _)| !is_option(&url, name)) {
            let message = format!("'{name}' is no option of {}", url.scheme());
            return Err(
                Error::usage(message).hint("the names are those of the environment, as in AWS_ENDPOINT_URL")
            );
        }
        let wrong = |error: object_store::Error| Error::usage(error.to_string()).at(text);
        let own = options.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        let store = store(&url, environment().chain(own)).map_err(wrong)?;
        Self::on(store, text)
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

    /// What is of this name directly below it.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let mut below = self.clone();
        below.text = format!("{}/{name}", self.text.trim_end_matches('/'));
        below.url.set_path(&format!("{}/{name}/", self.url.path().trim_end_matches('/')));
        below.prefix = self.prefix.clone().join(name);
        below
    }

    /// Whether it is a folder that is not there.
    pub fn is_absent(&self) -> bool {
        self.url.scheme() == "file" && self.url.to_file_path().is_ok_and(|path| !path.exists())
    }

    /// As a URL, which ends with a slash.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What holds the bytes, from the root of the file system or bucket on.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The path in [`Self::store`].
    pub fn prefix(&self) -> &StorePath {
        &self.prefix
    }

    /// Sees to it that files, their names and those of the folders down to them are on the disk; a bucket has them once it says
    /// so.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn settle<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Result<()> {
        if self.url.scheme() != "file" {
            return Ok(());
        }
        let root = PathBuf::from(format!("/{}", self.prefix));
        let mut folders = BTreeSet::from_iter(root.parent().map(PathBuf::from));
        for path in paths {
            let path = root.join(path);
            File::open(&path)?.sync_all()?;
            let above = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&root));
            folders.extend(above.map(PathBuf::from));
        }
        folders.iter().try_for_each(|folder| match File::open(folder) {
            // Who may not read a folder did not make it.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            folder => Ok(folder?.sync_all()?),
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// An option of a store, as people write it: `AWS_REGION=eu-west-1`.
///
/// # Errors
/// A usage error where there is no value.
pub fn parse_option(text: &str) -> Result<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Error::usage(format!("'{text}' is no option")).hint("write NAME=VALUE"))?;
    Ok((name.into(), value.into()))
}

/// Whether a text is a place in a bucket, and no folder.
pub fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// Whether an option is for a store.
pub fn is_of_a_store(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with("aws_") || name.starts_with("google_")
}

/// What runs the requests to stores.
///
/// # Errors
/// When the system has no thread left.
pub fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).thread_name("store").enable_all().build()?)
}

/// Gives bytes to a store, in parts where they are many.
///
/// # Errors
/// When the store does not take them; then they are not there.
pub async fn upload(store: &dyn ObjectStore, path: &StorePath, bytes: Vec<u8>) -> object_store::Result<()> {
    if bytes.len() <= PART {
        return store.put(path, bytes.into()).await.map(drop);
    }
    let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(path).await?, PART);
    upload.put(bytes.into());
    upload.finish().await.map(drop)
}

/// What holds the bytes at a URL; options that are of another store are passed over.
fn store(
    url: &Url,
    options: impl Iterator<Item = (String, String)>,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRIED, ..RetryConfig::default() };
    Ok(match url.scheme() {
        "s3" => {
            let known = options.filter_map(|(name, value)| Some((name.parse().ok()?, value)));
            let builder = AmazonS3Builder::new().with_url(url.as_str()).with_retry(retry);
            Arc::new(known.fold(builder, |builder, (key, value)| builder.with_config(key, value)).build()?)
        }
        "gs" => {
            let known = options.filter_map(|(name, value)| Some((name.parse().ok()?, value)));
            let builder = GoogleCloudStorageBuilder::new().with_url(url.as_str()).with_retry(retry);
            Arc::new(known.fold(builder, |builder, (key, value)| builder.with_config(key, value)).build()?)
        }
        _ => Arc::new(LocalFileSystem::new()),
    })
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
            let place = Place::open(text, options)?;
            assert_eq!(place.url.as_str(), url);
            let below = place.below("b c");
            assert_eq!(below.url.as_str(), format!("{url}b%20c/"));
            assert_eq!(below.prefix, Place::open(&below.text, options)?.prefix);
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
