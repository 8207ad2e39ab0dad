//! Cameras and sinks that were made over the API. They are kept as they would be written in a file, and read by the same
//! two stages; keeping them is the store's work.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Secret;
use super::problem::Problems;
use super::structure;

/// Where a camera or sink was made. It is changed only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It stands in the configuration file.
    File,
    /// It was made over the API and lies in the store.
    Store,
}

/// What can be made over the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A camera.
    Camera,
    /// A sink.
    Sink,
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Camera, Self::Sink];

    /// What it is called, also in the database.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Sink => "sink",
        }
    }

    /// The list in which it stands in a configuration.
    pub const fn list(self) -> &'static str {
        match self {
            Self::Camera => "cameras",
            Self::Sink => "sinks",
        }
    }

    /// The key that names it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Camera => "id",
            Self::Sink => "name",
        }
    }
}

/// A camera or sink as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Its id or name.
    pub name: String,
    /// Its table in a configuration, as JSON. It may hold passwords.
    pub body: Secret,
}

impl Item {
    /// The item that a table describes; it may still be wrong in every way. Keys that are null count as left out.
    pub fn new(kind: ItemKind, table: &Map<String, Value>) -> Self {
        let name = table.get(kind.key()).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { kind, name, body: Secret::new(without_nulls(table.clone()).to_string()) }
    }

    /// What problems call it. The name may be anything, so it is cut and holds no control characters.
    pub(super) fn title(&self) -> String {
        let name: String = self.name.chars().take(40).flat_map(char::escape_debug).collect();
        format!("{} {name}", self.kind.label())
    }

    /// Its table.
    pub fn table(&self) -> Map<String, Value> {
        match serde_json::from_str(self.body.expose()) {
            Ok(Value::Object(table)) => table,
            // Only a damaged database holds something else; the missing keys are then the problems that are listed.
            _ => Map::new(),
        }
    }
}

fn without_nulls(table: Map<String, Value>) -> Value {
    let value = |value| match value {
        Value::Object(table) => without_nulls(table),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::Object(table) => without_nulls(table),
                other => other,
            })
            .collect(),
        other => other,
    };
    Value::Object(table.into_iter().filter(|(_, v)| !v.is_null()).map(|(key, v)| (key, value(v))).collect())
}

/// Appends the items to a configuration's fitting parts, after those of the file, and lists what does not fit.
pub(super) fn append(schema: &Value, items: &[Item], whole: &mut Value, problems: &mut Problems<'_>) {
    for item in items {
        let list = &mut whole[item.kind.list()];
        if !list.is_array() {
            *list = Value::Array(Vec::new());
        }
        let Value::Array(list) = list else { continue };
        let path = format!("{}[{}]", item.kind.list(), list.len());
        problems.locate_in_store(&path, item.title());
        let schema = &schema["properties"][item.kind.list()]["items"];
        list.push(structure::take_json(schema, &item.table(), &path, problems));
    }
    for kind in ItemKind::ALL {
        let most = schema["properties"][kind.list()]["maxItems"].as_u64().unwrap_or(u64::MAX);
        let count = whole[kind.list()].as_array().map_or(0, Vec::len) as u64;
        if count > most && items.iter().any(|item| item.kind == kind) {
            let message = format!("{count} with those in the store; at most {most} belong here");
            problems.add(kind.list(), message);
        }
    }
}
