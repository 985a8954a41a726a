//! The consumers that are registered: a file that people may edit, too, and that is whole whoever is killed.

mod changes;
mod definition;
mod parse;
mod text;

pub use changes::{Action, Change, Setting, changes};
pub use definition::{Definition, Kind, Value, check_name};

use crate::catalog::suggest;
use crate::clock::Stop;
use crate::lock::Lock;
use crate::new_file::NewFile;
use crate::{Error, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The consumers that are there by default.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// What the file is called.
pub const FILE: &str = "consumers.toml";

/// How often, and how long after each other, it is tried to change the file while somebody else does.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(50);

/// A consumer of the file. The others are there where one has a mistake.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is called; what can be said of it where that is not known.
    pub name: String,
    /// What it is, or what is wrong with it: file, line, field, and the nearest right name.
    pub definition: Result<Definition>,
}

/// The file, as it was when it was read.
#[derive(Debug, Clone)]
pub struct Registry {
    path: PathBuf,
    text: String,
    entries: Vec<Entry>,
}

impl Registry {
    /// Reads the file; where there is none, the consumers are those by default.
    ///
    /// # Errors
    /// When it cannot be read; a usage error that names file and line where it is no TOML before its first consumer.
    pub fn load(path: &Path) -> Result<Self> {
        Self::of(path, Self::text(path)?)
    }

    /// What the file says; where there is none, that the consumers are those by default.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(path: &Path) -> Result<String> {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(DEFAULTS.into()),
            read => read.map_err(|error| Error::from(error).at(path.display())),
        }
    }

    /// The consumers of a text, as if `path` held it.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of(path: &Path, text: String) -> Result<Self> {
        let entries = parse::entries(path, &text)?;
        Ok(Self { path: path.into(), text, entries })
    }

    /// The same; what `check` refuses is a mistake, too.
    #[must_use]
    pub fn checked(mut self, check: impl Fn(&Definition) -> Result<()>) -> Self {
        for entry in &mut self.entries {
            if let Err(error) = entry.definition.as_ref().map_err(Clone::clone).and_then(&check) {
                entry.definition = Err(error);
            }
        }
        self
    }

    /// What is wrong in the file, first of all.
    ///
    /// # Errors
    /// Where anything is.
    pub fn all_right(&self) -> Result<()> {
        let wrong = self.entries.iter().find_map(|entry| entry.definition.as_ref().err());
        wrong.map_or(Ok(()), |error| Err(error.clone()))
    }

    /// The consumers, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The consumers in which nothing is wrong.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.entries.iter().filter_map(|entry| entry.definition.as_ref().ok())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The consumer of this name.
    ///
    /// # Errors
    /// A usage error with the nearest name; what is wrong with the consumer.
    pub fn find(&self, name: &str) -> Result<&Definition> {
        match self.entries.iter().find(|entry| entry.name == name) {
            Some(entry) => entry.definition.as_ref().map_err(Clone::clone),
            None => Err(unknown(name, self.entries.iter().map(|entry| entry.name.as_str()))),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }
}

/// There is no consumer of this name.
pub fn unknown<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Error {
    suggest(Error::usage(format!("there is no consumer '{name}'")), name, names)
}

/// Adds consumers to the file.
///
/// # Errors
/// A usage error where one is there already; when the file cannot be written.
pub fn register(path: &Path, added: &[Definition]) -> Result<()> {
    change(path, |registry| {
        let mut text = registry.text.clone();
        for definition in added {
            let name = &definition.name;
            if registry.has(name) {
                let error = Error::usage(format!("consumer '{name}' is registered already"));
                let hint = format!("`ecap-consume unregister-consumer --name {name}` takes it away");
                return Err(error.hint(hint));
            }
            text = text::with(&text, definition);
        }
        Ok(text)
    })
}

/// Adds those consumers by default that are not there; gives their names.
///
/// # Errors
/// When the file cannot be read or written.
pub fn set_up_defaults(path: &Path) -> Result<Vec<String>> {
    let mut added = Vec::new();
    let defaults = Registry::of(Path::new(FILE), DEFAULTS.into())?;
    change(path, |registry| {
        let mut text = registry.text.clone();
        let exists = registry.path.exists();
        for definition in defaults.definitions() {
            let is_there = registry.has(&definition.name);
            if !is_there {
                text = text::with(&text, definition);
            }
            if !is_there || !exists {
                added.push(definition.name.clone());
            }
        }
        Ok(text)
    })?;
    Ok(added)
}

/// Takes a consumer out of the file, with its comments.
///
/// # Errors
/// A usage error where there is none of this name, or its lines cannot be told apart; when the file cannot be written.
pub fn unregister(path: &Path, name: &str) -> Result<()> {
    change(path, |registry| {
        let names = || registry.entries.iter().map(|entry| entry.name.as_str());
        let place = registry.place(name)?.ok_or_else(|| unknown(name, names()))?;
        Ok(text::without(&registry.text, &place))
    })
}

/// Gives the file the consumers of `wanted`, in the place of those of the same name; others stay, but with `prune`. What
/// was changed.
///
/// # Errors
/// The first mistake in `wanted`; a usage error where the lines of a consumer cannot be told apart; when the file cannot be
/// written.
pub fn apply(path: &Path, wanted: &Registry, prune: bool) -> Result<Vec<Change>> {
    let mut done = Vec::new();
    change(path, |registry| {
        let mut registry = registry.clone();
        for (change, definition) in changes(&registry, wanted, prune)? {
            let place = registry.place(&change.name)?;
            let text = match (change.action, place) {
                (Action::Unregister, Some(place)) => text::without(&registry.text, &place),
                (Action::Alter, Some(place)) => {
                    let is_right = registry.find(&change.name).is_ok();
                    let settings = is_right.then_some(change.settings.as_slice());
                    text::altered(&registry.text, &place, &definition, settings)
                }
                _ => text::with(&registry.text, &definition),
            };
            registry = Registry::of(path, text)?;
            done.push(change);
        }
        Ok(registry.text)
    })?;
    Ok(done)
}

impl Registry {
    /// Where a consumer stands in the text.
    fn place(&self, name: &str) -> Result<Option<Range<usize>>> {
        let Some(number) = self.entries.iter().position(|entry| entry.name == name) else { return Ok(None) };
        Ok(text::places(&self.path, &self.text, self.entries.len())?.into_iter().nth(number))
    }
}

/// Writes the file anew, whole, while nobody else does.
fn change(path: &Path, to: impl FnOnce(&Registry) -> Result<String>) -> Result<()> {
    let _lock = lock(path)?;
    let text = to(&Registry::load(path)?)?;
    let mut file = NewFile::create(path, true)?;
    file.write_all(text.as_bytes()).map_err(|error| Error::from(error).at(path.display()))?;
    file.finish()
}

fn lock(path: &Path) -> Result<File> {
    let beside = path.with_extension("lock");
    let failed = |error| Error::from(error).at(beside.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    for _ in 0..TRIES {
        if let Lock::Ours(file) = Lock::take(&beside).map_err(failed)? {
            return Ok(file);
        }
        Stop::default().wait(BETWEEN);
    }
    Err(Error::failed(format!("{}: somebody else changes it", path.display())).hint("try again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn definition(name: &str) -> Definition {
        Definition {
            name: name.into(),
            kind: Kind::Transaction,
            topic: Some("transactions".into()),
            group: None,
            query: None,
            options: vec![("sink".into(), Value::Many(vec!["console".into(), "csv".into()]))],
            ..Definition::default()
        }
    }

    fn names(path: &Path) -> Vec<String> {
        Registry::load(path).unwrap().entries().iter().map(|entry| entry.name.clone()).collect()
    }

    #[test]
    fn the_default_consumers_are_there_until_they_are_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home").join(FILE);
        assert_eq!(names(&path), ["transaction_consumer", "user_behavior_consumer"]);
        register(&path, &[definition("mine")]).unwrap();
        assert_eq!(names(&path), ["transaction_consumer", "user_behavior_consumer", "mine"]);
        unregister(&path, "user_behavior_consumer").unwrap();
        assert_eq!(names(&path), ["transaction_consumer", "mine"]);
        assert_eq!(set_up_defaults(&path).unwrap(), ["user_behavior_consumer"]);
        assert_eq!(names(&path), ["transaction_consumer", "mine", "user_behavior_consumer"]);
        let again = register(&path, &[definition("mine")]).unwrap_err().to_string();
        assert!(again.contains("'mine' is registered already"), "{again}");
        let unknown = unregister(&path, "mime").unwrap_err().to_string();
        assert_eq!(unknown, "there is no consumer 'mime': did you mean 'mine'?");
    }

    #[test]
    fn what_somebody_wrote_by_hand_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let by_hand = "# Ours.\n[[consumer]] # the first\nname = 'a'\ntype = 'transaction'\n\n[[consumer]]\nname = 'b'\n\
                       type = 'user-behavior' # behaviour\n";
        fs::write(&path, by_hand).unwrap();
        register(&path, &[definition("c")]).unwrap();
        unregister(&path, "c").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), by_hand.trim_end());
        let wanted = "[[consumer]]\nname = 'a'\ntype = 'transaction'\ntopic = 't'\n";
        let wanted = Registry::of(Path::new("file.toml"), wanted.into()).unwrap();
        let done = apply(&path, &wanted, false).unwrap();
        let to = Some(Value::One("t".into()));
        let settings = vec![Setting { setting: "topic".into(), from: None, to }];
        assert_eq!(done, [Change { name: "a".into(), action: Action::Alter, settings }]);
        let text = fs::read_to_string(&path).unwrap();
        let expected = by_hand.replace("'transaction'\n", "'transaction'\ntopic = \"t\"\n");
        assert_eq!(text.trim_end(), expected.trim_end());
        assert_eq!(apply(&path, &wanted, false).unwrap(), []);
        assert_eq!(apply(&path, &wanted, true).unwrap()[0].action, Action::Unregister);
        assert_eq!(names(&path), ["a"]);
        assert!(fs::read_to_string(&path).unwrap().starts_with("# Ours.\n[[consumer]] # the first\n"));
    }

    proptest! {
        #[test]
        fn it_holds_what_was_registered_and_not_taken_away(
            steps in prop::collection::vec((any::<bool>(), "[a-d]"), 0..12)
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(FILE);
            fs::write(&path, "").unwrap();
            let mut expected = BTreeSet::new();
            for (add, name) in steps {
                let done = if add { register(&path, &[definition(&name)]) } else { unregister(&path, &name) };
                prop_assert_eq!(done.is_ok(), if add { expected.insert(name) } else { expected.remove(&name) });
                let registry = Registry::load(&path).unwrap();
                let found: BTreeSet<_> = registry.entries().iter().map(|entry| entry.name.clone()).collect();
                prop_assert_eq!(&found, &expected);
                let same = |entry: &Entry| {
                    entry.definition.as_ref().is_ok_and(|found| found.settings() == definition(&entry.name).settings())
                };
                prop_assert!(registry.entries().iter().all(same));
            }
        }
    }
}
