//! What is wrong with a configuration, and where.

use std::collections::HashMap;
use std::fmt;

/// One thing that is wrong: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
    /// The key, such as `cameras[1].url`; empty where the file is not even TOML.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects problems while a file is read, and knows where in the text each key stands.
pub(super) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    offsets: HashMap<String, usize>,
    found: Vec<(usize, Problem)>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { file, text, line_starts, offsets: HashMap::new(), found: Vec::new() }
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

    /// A problem at a place in the text, in bytes.
    pub(super) fn add_at(&mut self, offset: usize, path: &str, message: impl Into<String>) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let column = self.text[self.line_starts[line - 1]..offset].chars().count() + 1;
        let problem = Problem { file: self.file.into(), line, column, path: path.into(), message: message.into() };
        self.found.push((offset, problem));
    }

    /// Whether a key, or something within it, was already found wrong.
    pub(super) fn any_within(&self, path: &str) -> bool {
        let within = |p: &str| p.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.found.iter().any(|(_, problem)| within(&problem.path))
    }

    /// All problems in the order of the text.
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
