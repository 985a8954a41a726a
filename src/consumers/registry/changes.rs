//! What a file of consumers would change in the registry, setting by setting.

use super::{Definition, Registry, Value};
use crate::Result;
use serde::Serialize;

/// What becomes of a consumer of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which consumer.
    pub name: String,
    /// What becomes of it.
    pub action: Action,
    /// What of it becomes another.
    pub settings: Vec<Setting>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not there.
    Register,
    /// It is another.
    Alter,
    /// The file does not have it.
    Unregister,
}

impl Action {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Alter => "alter",
            Self::Unregister => "unregister",
        }
    }
}

/// A field or an option of a consumer, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name, as it stands in the file: `topic`, `options.window`.
    pub setting: String,
    /// What it is; nothing where it is not given.
    pub from: Option<Value>,
    /// What it becomes; nothing where it is left out.
    pub to: Option<Value>,
}

/// What has to happen for `registry` to have the consumers of `wanted`; with `prune` no others. The query files of
/// `wanted` are named from any folder.
///
/// # Errors
/// The first mistake in `wanted`; when the folder of this process is not known.
pub fn changes(registry: &Registry, wanted: &Registry, prune: bool) -> Result<Vec<(Change, Definition)>> {
    wanted.all_right()?;
    let mut changes = Vec::new();
    for definition in wanted.definitions() {
        let (name, definition) = (definition.name.clone(), definition.anywhere()?);
        let there = registry.entries().iter().find(|entry| entry.name == name);
        let before = there.and_then(|there| there.definition.as_ref().ok());
        let before = before.map(Definition::anywhere).transpose()?;
        let settings = settings(before.as_ref(), Some(&definition));
        let action = if there.is_none() { Action::Register } else { Action::Alter };
        if !settings.is_empty() {
            changes.push((Change { name, action, settings }, definition));
        }
    }
    let is_wanted = |name: &str| wanted.entries().iter().any(|entry| entry.name == name);
    for entry in registry.entries().iter().filter(|entry| prune && !is_wanted(&entry.name)) {
        let before = entry.definition.as_ref().ok();
        let settings = settings(before, None);
        let change = Change { name: entry.name.clone(), action: Action::Unregister, settings };
        changes.push((change, before.cloned().unwrap_or_default()));
    }
    Ok(changes)
}

/// The settings in which two definitions differ.
fn settings(before: Option<&Definition>, after: Option<&Definition>) -> Vec<Setting> {
    let of = |definition: Option<&Definition>| definition.map(Definition::settings).unwrap_or_default();
    let (before, after) = (of(before), of(after));
    let value = |of: &[(String, Value)], name: &str| {
        of.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    };
    let gone = before.iter().filter(|(name, _)| value(&after, name).is_none());
    let all = after.iter().chain(gone).map(|(name, _)| Setting {
        setting: name.clone(),
        from: value(&before, name),
        to: value(&after, name),
    });
    all.filter(|setting| setting.from != setting.to).collect()
}
