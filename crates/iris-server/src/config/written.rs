//! A configuration as it is written, file and store together: for export as TOML, and for showing without secrets.

use iris_ingest::SourceUrl;
use serde_json::{Map, Value};
use url::Url;

use super::Config;
use super::item::ItemKind;

/// What stands for a secret that is not shown.
pub const HIDDEN: &str = "***";

/// A configuration, and how it is written. It holds secrets, so it does not print itself.
#[derive(Clone)]
pub struct Document {
    /// What it means.
    pub config: Config,
    /// The file's tables, and behind its cameras and sinks those of the store.
    pub(super) written: Value,
}

impl Document {
    /// The table of a camera or sink as it was written.
    pub fn table(&self, kind: ItemKind, name: &str) -> Option<&Map<String, Value>> {
        let tables = self.written[kind.list()].as_array()?.iter().filter_map(Value::as_object);
        tables.into_iter().find(|table| table.get(kind.key()).and_then(Value::as_str) == Some(name))
    }

    /// All of it in the file's own form. Secrets only if `with_secrets`.
    ///
    /// # Errors
    /// None that is known: what came from TOML can be written as TOML.
    pub fn to_toml(&self, with_secrets: bool) -> Result<String, toml::ser::Error> {
        let mut written = self.written.clone();
        if !with_secrets {
            for kind in ItemKind::ALL {
                let tables = written.get_mut(kind.list()).and_then(Value::as_array_mut).into_iter().flatten();
                tables.filter_map(Value::as_object_mut).for_each(|table| hide(kind, table));
            }
        }
        toml::to_string(&written)
    }
}

/// Puts what is shown in the place of each secret.
pub fn hide(kind: ItemKind, table: &mut Map<String, Value>) {
    for (key, value) in table {
        if let Some(shown) = shown(kind, key, value) {
            *value = shown.into();
        }
    }
}

/// Puts back each secret of `old` that stands in `new` as it was shown: who saves what he saw changes nothing.
pub fn restore(kind: ItemKind, new: &mut Map<String, Value>, old: &Map<String, Value>) {
    for (key, value) in new {
        if let Some(was) = old.get(key)
            && shown(kind, key, was).is_some_and(|shown| value.as_str() == Some(&shown))
        {
            value.clone_from(was);
        }
    }
}

/// The keys whose text is one that [`hide`] made: their secrets are not known.
pub fn hidden(kind: ItemKind, table: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let is_hidden = move |(key, value): &(&String, &Value)| {
        shown(kind, key, value).is_some() && value.as_str().is_some_and(|text| text.contains(HIDDEN))
    };
    table.iter().filter(is_hidden).map(|(key, _)| key.as_str())
}

/// What is shown of a text that may be a secret. Names of environment variables and files are none.
fn shown(kind: ItemKind, key: &str, value: &Value) -> Option<String> {
    let text = value.as_str()?;
    match (kind, key) {
        (ItemKind::Camera, "url") => Some(camera_url(text)),
        (ItemKind::Sink, "url") => Some(webhook_url(text)),
        (ItemKind::Sink, "secret") => Some(HIDDEN.to_owned()),
        _ => None,
    }
}

/// A camera's address without its secrets.
pub fn camera_url(text: &str) -> String {
    SourceUrl::parse(text).map_or_else(|_| HIDDEN.to_owned(), |url| url.to_string())
}

/// A webhook's address up to its path, in which many receivers want a token.
pub fn webhook_url(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return HIDDEN.to_owned() };
    let rest = &url[url::Position::BeforePath..];
    let shown = if rest.len() > 1 { format!("/{HIDDEN}") } else { rest.to_owned() };
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{shown}", url.scheme(), url.host_str().unwrap_or_default())
}
