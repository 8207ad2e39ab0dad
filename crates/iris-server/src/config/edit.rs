//! Changes to the cameras and sinks of the store, as they are asked for over the API. Here a change becomes a new list of
//! items; what the list means is found out as for any configuration.

use serde_json::{Map, Value};

use super::item::{Item, ItemKind, Origin};
use super::problem::{Place, Problem};
use super::text::Import;
use super::written::{Document, hidden, restore};

/// A change.
pub enum Edit {
    /// A new camera or sink, by its table in a configuration.
    Add(ItemKind, Map<String, Value>),
    /// Another table for one that is there, as a merge patch (RFC 7396): what is absent stays, what is null goes.
    Patch(ItemKind, String, Map<String, Value>),
    /// One less.
    Remove(ItemKind, String),
    /// Those of a TOML text in the place of all that there are.
    Import(Import),
}

/// Why a change cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing of that name.
    #[error("there is no {0}")]
    NotFound(String),
    /// There is something of that name.
    #[error("{0} exists already")]
    Exists(String),
    /// It was made in the file and is changed only there.
    #[error("{0} stands in the configuration file; change it there")]
    InFile(String),
    /// It makes no sense.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

impl Document {
    /// Where a camera or sink was made, if it is there.
    pub fn origin(&self, kind: ItemKind, name: &str) -> Option<Origin> {
        match kind {
            ItemKind::Camera => self.config.cameras.iter().find(|c| c.id.as_str() == name).map(|c| c.origin),
            ItemKind::Sink => self.config.sinks.iter().find(|s| s.name == name).map(|s| s.origin),
        }
    }
}

impl Edit {
    /// The items after the change, from those before it and what they mean with the file.
    ///
    /// # Errors
    /// The name is taken or unknown, the item stands in the file, or holds what may not come over the API.
    pub fn apply(self, items: &[Item], now: &Document) -> Result<Vec<Item>, Refusal> {
        let mut items = items.to_vec();
        match self {
            Self::Add(kind, table) => {
                let item = Item::new(kind, &table);
                if now.origin(kind, &item.name).is_some() {
                    return Err(Refusal::Exists(item.title()));
                }
                allow(&item)?;
                items.push(item);
            }
            Self::Patch(kind, name, patch) => {
                let at = find(kind, &name, &items, now)?;
                items[at] = patched(&items[at], patch)?;
            }
            Self::Remove(kind, name) => drop(items.remove(find(kind, &name, &items, now)?)),
            Self::Import(import) => return import.items(now),
        }
        Ok(items)
    }
}

fn find(kind: ItemKind, name: &str, items: &[Item], now: &Document) -> Result<usize, Refusal> {
    let title = || format!("{} {name}", kind.label());
    if now.origin(kind, name) == Some(Origin::File) {
        return Err(Refusal::InFile(title()));
    }
    items.iter().position(|item| item.kind == kind && item.name == name).ok_or_else(|| Refusal::NotFound(title()))
}

fn patched(item: &Item, patch: Map<String, Value>) -> Result<Item, Refusal> {
    let old = item.table();
    let mut table = old.clone();
    merge(&mut table, patch);
    restore(item.kind, &mut table, &old);
    let new = Item::new(item.kind, &table);
    if new.name != item.name {
        let key = item.kind.key();
        return Err(Refusal::Invalid(vec![problem(item, key, format!("`{key}` cannot change"))]));
    }
    allow(&new)?;
    Ok(new)
}

/// RFC 7396, for tables whose members are not tables that are patched in turn.
fn merge(table: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(table.remove(&key)),
            value => drop(table.insert(key, value)),
        }
    }
}

/// What comes over the API may not read or write files or the environment of the server, nor hold a secret's stand-in.
pub(super) fn allow(item: &Item) -> Result<(), Refusal> {
    let problems: Vec<Problem> =
        breaches(item.kind, &item.table()).into_iter().map(|(key, why)| problem(item, key, why)).collect();
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Invalid(problems)) }
}

fn breaches(kind: ItemKind, table: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for key in ["url", "secret"] {
        if table.get(key).is_some_and(Value::is_object) {
            found.push((key, "only a configuration file can name an environment variable or a file".to_owned()));
        }
        if hidden(kind, table).any(|hidden| hidden == key) {
            found.push((key, "holds *** in the place of a secret that is not known here; write the secret".to_owned()));
        }
    }
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    if kind == ItemKind::Camera && text("url").is_some_and(|url| !url.contains("://")) {
        found.push(("url", "must be an rtsp://, rtsps://, http:// or https:// address; a file is a source only in a configuration file".to_owned()));
    }
    if kind == ItemKind::Sink && text("kind") == Some("file") {
        found.push(("kind", "must be \"webhook\"; only a configuration file can name a file to write to".to_owned()));
    }
    found
}

fn problem(item: &Item, path: &str, message: String) -> Problem {
    Problem { place: Place::Store { item: item.title() }, path: path.to_owned(), message }
}
