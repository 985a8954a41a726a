//! Small files become large ones. The rows stay the same: readers of the manifest see the one or the other.

use super::Form;
use super::filling::Filling;
use super::folder::manifest;
use super::manifest::{Entry, Kept, fold};
use super::tidy::{self, MERGED};
use crate::clock::Micros;
use crate::lock::Lock;
use crate::new_file::NewFile;
use crate::sink::steps::Steps;
use crate::{Error, Result};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// So many groups are merged before the manifest is changed; their files are open until then.
const GROUPS: usize = 64;

/// What is merged.
#[derive(Debug, Clone, Copy)]
pub struct Targets {
    /// How large a file becomes, about, in bytes; those of half of it are left alone.
    pub file_size: u64,
    /// Files that do not fill a large one are merged when the oldest of them is this old.
    pub file_age: Duration,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Small files that are gone.
    pub before: usize,
    /// Files in their place.
    pub after: usize,
    /// How long these are, in bytes.
    pub bytes: u64,
}

/// Files of one partition with the same columns, that become one.
type Group = Vec<Kept>;

/// Merges the small files of a folder at the time `now`.
///
/// # Errors
/// A usage error when it is no folder of results; when another one is at it; when a file cannot be read or written.
pub fn compact(folder: &Path, targets: &Targets, now: Micros, steps: &mut Steps) -> Result<Compacted> {
    let manifest = manifest(folder);
    if !manifest.exists() {
        let message = format!("{} has no manifest: it is no folder of results", folder.display());
        return Err(Error::usage(message).hint("name the --path of the sink"));
    }
    let _alone = alone(folder)?;
    tidy::remove_unfinished(folder)?;
    let entries = {
        let locked = manifest.lock()?;
        let entries = locked.open()?;
        tidy::remove_leftovers(folder, &entries, None)?;
        entries
    };
    let mut done = Compacted::default();
    for groups in groups(folder, entries, targets, now)?.chunks(GROUPS) {
        let merged = groups.iter().map(|group| merge(folder, group)).collect::<Result<Vec<_>>>()?;
        steps.reach("swap")?;
        swap(folder, groups, merged, steps, &mut done)?;
    }
    Ok(done)
}

/// Sees to it that nobody else merges.
fn alone(folder: &Path) -> Result<File> {
    match Lock::take(&folder.join("_compact.lock"))? {
        Lock::Ours(file) => Ok(file),
        Lock::Theirs(_) => {
            let message = format!("the files of {} are being merged already", folder.display());
            Err(Error::failed(message).hint("wait until that is done"))
        }
    }
}

/// Which files become one.
fn groups(folder: &Path, entries: Vec<Entry>, targets: &Targets, now: Micros) -> Result<Vec<Group>> {
    let mut alike: BTreeMap<_, Vec<Kept>> = BTreeMap::new();
    let small = entries.into_iter().flat_map(|entry| entry.files);
    for file in small.filter(|file| file.bytes < targets.file_size / 2) {
        let (partition, _) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        alike.entry((partition.to_string(), head(folder, &file.path)?)).or_default().push(file);
    }
    let mut groups = Vec::new();
    for files in alike.into_values() {
        let (mut group, mut bytes) = (Group::new(), 0);
        for file in files {
            bytes += file.bytes;
            group.push(file);
            if bytes >= targets.file_size {
                bytes = 0;
                groups.push(std::mem::take(&mut group));
            }
        }
        if is_old(folder, &group, targets.file_age, now)? {
            groups.push(group);
        }
    }
    groups.retain(|group| group.len() > 1);
    Ok(groups)
}

/// What files must have in common to be merged: their form and columns.
fn head(folder: &Path, path: &str) -> Result<String> {
    let file = File::open(folder.join(path)).map_err(|error| Error::from(error).at(path))?;
    match form(path)? {
        Form::Ndjson => Ok("ndjson".into()),
        Form::Csv => {
            let mut heading = String::new();
            BufReader::new(file).read_line(&mut heading)?;
            Ok(heading)
        }
        Form::Parquet => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(file);
            Ok(format!("{:?}", reader.map_err(|error| Error::from(error).at(path))?.schema()))
        }
    }
}

fn form(path: &str) -> Result<Form> {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    let form = Form::ALL.into_iter().find(|form| Some(form.ending()) == ending);
    form.ok_or_else(|| Error::failed(format!("{path} is of no known form")))
}

fn is_old(folder: &Path, group: &Group, age: Duration, now: Micros) -> Result<bool> {
    let changed = |file: &Kept| {
        let time = fs::metadata(folder.join(&file.path))?.modified()?;
        Ok(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Micros))
    };
    let changed = group.iter().map(changed).collect::<Result<Vec<_>>>()?;
    Ok(changed.into_iter().min().is_some_and(|oldest| now - oldest >= age.as_micros() as Micros))
}

/// A file with the rows of a group, which does not appear yet.
fn merge(folder: &Path, group: &Group) -> Result<(NewFile, Kept)> {
    let first = &group[0].path;
    let partition = first.rsplit_once('/').map_or(String::new(), |(partition, _)| format!("{partition}/"));
    let form = form(first)?;
    let path = format!("{partition}{MERGED}{}.{}", uuid::Uuid::new_v4().simple(), form.ending());
    let rows = group.iter().map(|file| file.rows).sum();
    let (file, bytes) = match form {
        Form::Parquet => merge_parquet(folder, group, &path)?,
        Form::Ndjson => merge_lines(folder, group, &path, false)?,
        Form::Csv => merge_lines(folder, group, &path, true)?,
    };
    Ok((file, Kept { path, rows, bytes }))
}

fn merge_parquet(folder: &Path, group: &Group, to: &str) -> Result<(NewFile, u64)> {
    let open = |file: &Kept| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(folder.join(&file.path))?);
        reader.map_err(|error| Error::from(error).at(&file.path))
    };
    let columns = open(&group[0])?.schema().clone();
    let mut merged = Filling::create(Form::Parquet, &folder.join(to), &columns)?;
    for file in group {
        for rows in open(file)?.build()? {
            merged.write(&rows?)?;
        }
    }
    merged.close()
}

fn merge_lines(folder: &Path, group: &Group, to: &str, has_heading: bool) -> Result<(NewFile, u64)> {
    let mut merged = NewFile::create(&folder.join(to), true)?;
    let mut bytes = 0;
    for (number, file) in group.iter().enumerate() {
        let mut lines = BufReader::new(File::open(folder.join(&file.path))?);
        if has_heading && number > 0 {
            lines.skip_until(b'\n')?;
        }
        bytes += std::io::copy(&mut lines, &mut merged)?;
    }
    Ok((merged, bytes))
}

/// Puts merged files in the place of those that they were made of.
fn swap(
    folder: &Path,
    groups: &[Group],
    merged: Vec<(NewFile, Kept)>,
    steps: &mut Steps,
    done: &mut Compacted,
) -> Result<()> {
    let manifest = manifest(folder);
    let locked = manifest.lock()?;
    let old: HashSet<_> = groups.iter().flatten().map(|file| &*file.path).collect();
    let mut entries = locked.entries()?;
    entries.iter_mut().for_each(|entry| entry.files.retain(|file| !old.contains(&*file.path)));
    let mut new = Vec::new();
    for (file, kept) in merged {
        steps.reach("merged file")?;
        file.finish()?;
        done.bytes += kept.bytes;
        new.push(kept);
    }
    done.before += old.len();
    done.after += new.len();
    entries.push(Entry::files(new));
    steps.reach("merged manifest")?;
    locked.replace(&fold(entries))?;
    for path in old {
        steps.reach("merged away")?;
        fs::remove_file(folder.join(path))?;
    }
    Ok(())
}
