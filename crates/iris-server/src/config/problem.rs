//! What is wrong with a configuration, and where.

use std::collections::HashMap;
use std::fmt;

/// One thing that is wrong: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written.
    pub place: Place,
    /// The key, such as `cameras[1].url`, or within an item of the store `url`; empty where the file is not even TOML.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Where a part of the configuration is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// Its name as it was given.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The character within the line, from 1.
        column: usize,
    },
    /// In the store, where what is made over the API is kept.
    Store {
        /// The camera or sink, such as `camera gate`.
        item: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Store { item } => write!(f, "{item} in the store"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects problems while a configuration is read, and knows where each key is written.
pub(super) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    offsets: HashMap<String, usize>,
    /// The items of the store by their place in the whole, such as `cameras[3]`, and their names.
    stored: HashMap<String, String>,
    found: Vec<(usize, Problem)>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { file, text, line_starts, offsets: HashMap::new(), stored: HashMap::new(), found: Vec::new() }
    }

    /// Remembers that what stands at `path` is written in the store, under the name of `item`.
    pub(super) fn locate_in_store(&mut self, path: &str, item: String) {
        self.stored.insert(path.to_owned(), item);
    }

    /// Remembers where a key's value stands.
    pub(super) fn locate(&mut self, path: &str, offset: usize) {
        self.offsets.insert(path.to_owned(), offset);
    }

    /// A problem with the value of a key, or, where the file does not have that key, of the key around it.
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>) {
        let offset = self.offset(path);
        self.add_at(offset, path, message);
    }

    /// A problem at a place in the text, in bytes; for what is in the store, that place says nothing.
    pub(super) fn add_at(&mut self, offset: usize, path: &str, message: impl Into<String>) {
        let (order, place, path) = match self.in_store(path) {
            Some((item, rest)) => (usize::MAX, Place::Store { item: item.to_owned() }, rest),
            None => (offset, self.place_at(offset), path),
        };
        self.found.push((order, Problem { place, path: path.to_owned(), message: message.into() }));
    }

    /// Where a key is written.
    pub(super) fn place(&self, path: &str) -> Place {
        match self.in_store(path) {
            Some((item, _)) => Place::Store { item: item.to_owned() },
            None => self.place_at(self.offset(path)),
        }
    }

    /// The item of the store in which a key is written, and the key within it.
    fn in_store<'s>(&'s self, path: &'s str) -> Option<(&'s str, &'s str)> {
        let end = path.find(']').map_or(path.len(), |at| at + 1);
        let item = self.stored.get(&path[..end])?;
        Some((item, path[end..].trim_start_matches('.')))
    }

    fn place_at(&self, offset: usize) -> Place {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let column = self.text[self.line_starts[line - 1]..offset].chars().count() + 1;
        Place::File { file: self.file.into(), line, column }
    }

    /// Whether a key, or something within it, was already found wrong.
    pub(super) fn any_within(&self, path: &str) -> bool {
        let place = self.in_store(path).map(|(item, rest)| (Place::Store { item: item.to_owned() }, rest));
        let (wanted, path) = place.map_or((None, path), |(place, rest)| (Some(place), rest));
        let within = |p: &str| p.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        let here = |place: &Place| match &wanted {
            Some(wanted) => place == wanted,
            None => matches!(place, Place::File { .. }),
        };
        self.found.iter().any(|(_, problem)| here(&problem.place) && within(&problem.path))
    }

    /// All problems in the order of the text, those of the store last.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(offset, _)| *offset);
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    fn offset(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(offset) = self.offsets.get(path) {
                return *offset;
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return 0,
            }
        }
    }
}

/// `value`, cut and quoted so that neither garbage nor control characters flood a terminal.
pub(super) fn quoted(value: &str) -> String {
    let cut: String = value.chars().take(60).collect();
    if cut.len() < value.len() { format!("{cut:?}...") } else { format!("{cut:?}") }
}

/// "; did you mean ...?" if one of `candidates` is close to what was written, else a list of them.
pub(super) fn suggest<'c>(written: &str, candidates: impl Iterator<Item = &'c str>) -> String {
    let candidates: Vec<&str> = candidates.collect();
    let written = &written[..written.floor_char_boundary(64)];
    let near = candidates.iter().map(|c| (strsim::damerau_levenshtein(&written.to_lowercase(), c), c)).min();
    match near {
        Some((distance, best)) if distance <= (best.len() / 3).max(1) => format!("; did you mean \"{best}\"?"),
        _ if candidates.is_empty() => String::new(),
        _ => format!("; known here: {}", candidates.join(", ")),
    }
}
