//! From the text of a file, and the items of the store, to a configuration.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use toml::de::DeTable;

use super::edit::{Refusal, allow};
use super::item::{self, Item, ItemKind, Origin};
use super::problem::{Place, Problem, Problems};
use super::resolve::{self, FromFile};
use super::written::{Document, restore};
use super::{Config, MAX_BYTES, source, structure};

/// The text of a configuration file, as it was when it was read. It may hold secrets, so it does not print itself.
#[derive(Clone)]
pub struct Text {
    content: String,
    file: String,
    base: PathBuf,
}

impl Text {
    /// A text that is called `file` in problems; relative paths in it are relative to `base`.
    pub fn new(text: &str, file: &str, base: &Path) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { content: text.to_owned(), file: file.to_owned(), base: base.to_owned() }
    }

    /// The text of a file. A file that does not exist or is not text is a problem like any other.
    pub fn read(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = path.display().to_string();
        let bytes =
            source::read_limited(path, MAX_BYTES).map_err(|error| fail(&file, format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            fail(&file, format!("is not UTF-8 text (byte {at})"))
        })?;
        let base = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self::new(&text, &file, base))
    }

    /// What the text and the items of the store mean together. Environment variables and secret files that they mention
    /// are read; nothing else is.
    ///
    /// Returns every problem, in the order of the text, those of the store last.
    pub fn resolve(&self, items: &[Item]) -> Result<Document, Vec<Problem>> {
        self.resolve_with(items, &|name| std::env::var(name).ok())
    }

    /// [`Self::resolve`] with environment variables from `env`.
    pub fn resolve_with(&self, items: &[Item], env: &dyn Fn(&str) -> Option<String>) -> Result<Document, Vec<Problem>> {
        let mut problems = Problems::new(&self.file, &self.content);
        match self.read_with(items, env, &mut problems) {
            Some(document) if problems.is_empty() => Ok(document),
            _ => Err(problems.into_sorted()),
        }
    }

    fn read_with(
        &self,
        items: &[Item],
        env: &dyn Fn(&str) -> Option<String>,
        problems: &mut Problems<'_>,
    ) -> Option<Document> {
        let mut written = self.fitting(problems)?;
        let count = |list: &str| written[list].as_array().map_or(0, Vec::len);
        let from_file = FromFile { cameras: count("cameras"), sinks: count("sinks") };
        item::append(super::schema_value(), items, &mut written, problems);
        match serde_json::from_value(written.clone()) {
            Ok(raw) => {
                let config = resolve::resolve(raw, from_file, &self.base, env, problems);
                Some(Document { config, written })
            }
            Err(error) => {
                problems.add("", format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// The parts of the text that have the shape of a configuration.
    fn fitting(&self, problems: &mut Problems<'_>) -> Option<Value> {
        if self.content.len() > MAX_BYTES {
            problems.add("", format!("the file has {} bytes; at most {MAX_BYTES} are read", self.content.len()));
            return None;
        }
        let (table, errors) = DeTable::parse_recoverable(&self.content);
        // Only the parser's words: its `Display` shows the line, and with it a password. What follows a syntax
        // error is guesswork, so meaning is checked once the file is TOML.
        for error in errors.iter().take(20) {
            problems.add_at(error.span().map_or(0, |span| span.start), "", format!("not TOML: {}", error.message()));
        }
        errors.is_empty().then(|| structure::take(super::schema_value(), table.get_ref(), problems))
    }
}

fn fail(file: &str, message: String) -> Vec<Problem> {
    let place = Place::File { file: file.to_owned(), line: 1, column: 1 };
    vec![Problem { place, path: String::new(), message }]
}

/// A text whose cameras and sinks are to take the place of those in the store.
#[derive(Clone)]
pub struct Import {
    /// The text; what else it configures is not looked at.
    pub text: Text,
    /// Whether it comes from who runs the server, and so may name files and environment variables.
    pub trusted: bool,
}

impl Import {
    /// The items that it makes. Those that stand in the server's file in the same words are left out.
    pub(super) fn items(&self, now: &Document) -> Result<Vec<Item>, Refusal> {
        let mut problems = Problems::new(&self.text.file, &self.text.content);
        let fitting = self.text.fitting(&mut problems).filter(|_| problems.is_empty());
        let Some(fitting) = fitting else { return Err(Refusal::Invalid(problems.into_sorted())) };
        let mut items = Vec::new();
        for (kind, mut table) in ItemKind::ALL.into_iter().flat_map(|kind| tables(kind, &fitting)) {
            let name = Item::new(kind, &table).name;
            if let Some(old) = now.table(kind, &name) {
                restore(kind, &mut table, old);
                if now.origin(kind, &name) == Some(Origin::File) && *old == table {
                    continue;
                }
            }
            items.push(Item::new(kind, &table));
        }
        let breaches = items.iter().filter(|_| !self.trusted).filter_map(|item| match allow(item) {
            Err(Refusal::Invalid(problems)) => Some(problems),
            _ => None,
        });
        let breaches: Vec<Problem> = breaches.flatten().collect();
        if breaches.is_empty() { Ok(items) } else { Err(Refusal::Invalid(self.in_place(breaches))) }
    }

    /// Problems that were found in the items, told by the lines of the text, in their order.
    pub fn in_place(&self, found: Vec<Problem>) -> Vec<Problem> {
        let mut places = Problems::new(&self.text.file, &self.text.content);
        let Some(fitting) = self.text.fitting(&mut places) else { return found };
        let here = |problem: Problem| {
            let Place::Store { item } = &problem.place else { return problem };
            let of = |kind| tables(kind, &fitting).map(move |(_, table)| Item::new(kind, &table).title()).enumerate();
            let all = ItemKind::ALL.into_iter().flat_map(|kind| of(kind).map(move |(n, title)| (kind, n, title)));
            let Some((kind, n, _)) = all.into_iter().find(|(_, _, title)| title == item) else { return problem };
            let path = format!("{}[{n}].{}", kind.list(), problem.path);
            let path = path.trim_end_matches('.').to_owned();
            Problem { place: places.place(&path), path, message: problem.message }
        };
        let mut found: Vec<Problem> = found.into_iter().map(here).collect();
        found.sort_by_key(|problem| match problem.place {
            Place::File { line, column, .. } => (line, column),
            Place::Store { .. } => (usize::MAX, 0),
        });
        found
    }
}

fn tables(kind: ItemKind, fitting: &Value) -> impl Iterator<Item = (ItemKind, Map<String, Value>)> {
    let tables = fitting[kind.list()].as_array().into_iter().flatten().filter_map(Value::as_object);
    tables.map(move |table| (kind, table.clone()))
}

/// Reads a configuration from text alone, without a store.
pub fn check(text: &str, file: &str, base: &Path) -> Result<Config, Vec<Problem>> {
    Text::new(text, file, base).resolve(&[]).map(|document| document.config)
}

/// [`check`] with environment variables from `env`.
pub fn check_with(
    text: &str,
    file: &str,
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Problem>> {
    Text::new(text, file, base).resolve_with(&[], env).map(|document| document.config)
}

/// Reads and checks a file alone. One that holds a password and can be read by everyone is a problem.
pub fn load(path: &Path) -> Result<Config, Vec<Problem>> {
    load_with(path, &[]).map(|(_, document)| document.config)
}

/// [`load`], together with the items of the store.
pub fn load_with(path: &Path, items: &[Item]) -> Result<(Text, Document), Vec<Problem>> {
    let text = Text::read(path)?;
    let document = text.resolve(items)?;
    match source::exposed_secret(&document.config, path) {
        Some(message) => Err(fail(&text.file, message)),
        None => Ok((text, document)),
    }
}
