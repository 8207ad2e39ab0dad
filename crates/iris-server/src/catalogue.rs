//! The catalogue of models that others publish, and the folder of those that were fetched: `config/catalogue.toml`, and a
//! folder with one folder a model. Fetching is [`crate::download`]'s.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use iris_core::CameraId;
use iris_infer::{COCO, Manifest, inspect};
use serde::Deserialize;
use toml::{Table, Value};

const BUILT_IN: &str = include_str!("../../../config/catalogue.toml");

/// The models that can be fetched by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    pub(crate) models: Vec<Entry>,
}

/// A model that others publish.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// What it is, for people.
    pub(crate) about: String,
    pub(crate) url: String,
    /// Of the file, in lower-case hexadecimal; none where nobody has stated it.
    pub(crate) sha256: Option<String>,
    /// Of the file, in bytes.
    pub(crate) size: u64,
    pub(crate) licence: String,
    /// Whether the file was fetched and its hash and its boxes were checked.
    pub(crate) verified: bool,
    /// None: those of COCO.
    #[serde(default)]
    classes: Vec<String>,
    input: Table,
    output: Table,
    #[serde(default)]
    thresholds: Table,
}

impl Catalogue {
    /// The one that is part of the program, or a file's.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(toml::from_str(BUILT_IN)?) };
        let text = fs::read_to_string(path).with_context(|| format!("catalogue {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("catalogue {}", path.display()))
    }

    pub(crate) fn find(&self, name: &str) -> Result<&Entry> {
        let known = || self.models.iter().map(|entry| &*entry.name).collect::<Vec<_>>().join(", ");
        let found = self.models.iter().find(|entry| entry.name == name);
        found.with_context(|| format!("the catalogue has no model {name:?}; it has {}", known()))
    }
}

impl Entry {
    /// What is written into its `model.toml`, but for the hash.
    pub(crate) fn manifest(&self) -> Table {
        let list = |names: &[&str]| names.iter().map(|name| Value::from(*name)).collect::<Vec<_>>();
        let own: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        let classes = if own.is_empty() { list(&COCO) } else { list(&own) };
        let parts = [
            ("task", Value::from("detect")),
            ("classes", classes.into()),
            ("licence", self.licence.clone().into()),
            ("input", self.input.clone().into()),
            ("output", self.output.clone().into()),
            ("thresholds", self.thresholds.clone().into()),
        ];
        parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// A model that is being put into the folder: it lies beside its place until it is whole and was loaded once.
pub(crate) struct Newcomer {
    name: String,
    place: PathBuf,
    part: PathBuf,
}

impl Newcomer {
    /// Makes room for a model. Its name must be one that a configuration can use, and free.
    pub(crate) fn new(folder: &Path, name: &str) -> Result<Self> {
        CameraId::new(name).with_context(|| format!("the name {name:?}"))?;
        let (place, part) = (folder.join(name), folder.join(format!("{name}.part")));
        if place.exists() {
            bail!("{} is there already; remove it first", place.display());
        }
        fs::create_dir_all(&part).with_context(|| format!("folder {}", part.display()))?;
        Ok(Self { name: name.to_owned(), place, part })
    }

    /// Where its graph is written.
    pub(crate) fn onnx(&self) -> PathBuf {
        self.part.join("model.onnx")
    }

    /// Writes its manifest, loads it, and lets it take its place, which is returned.
    pub(crate) fn settle(&self, mut manifest: Table, sha256: &str) -> Result<&Path> {
        manifest.insert("name".into(), self.name.clone().into());
        manifest.insert("sha256".into(), sha256.into());
        let mut file = File::create(self.part.join("model.toml"))?;
        file.write_all(toml::to_string(&manifest)?.as_bytes())?;
        file.sync_all()?;
        File::open(self.onnx())?.sync_all()?;
        inspect(&self.part)?.manifest?;
        fs::rename(&self.part, &self.place).with_context(|| format!("folder {}", self.place.display()))?;
        Ok(&self.place)
    }

    /// Removes what is there of it.
    pub(crate) fn leave(&self) {
        if let Err(error) = fs::remove_dir_all(&self.part) {
            tracing::warn!("cannot remove {}: {error}", self.part.display());
        }
    }
}

/// The models that lie in a folder, by name, with what they say of themselves.
pub(crate) fn installed(folder: &Path) -> Result<Vec<(String, Manifest)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("folder {}", folder.display()))?,
    };
    let mut models = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path().join("model.toml"));
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match Manifest::parse(&text, &path) {
            Ok(manifest) if CameraId::new(&name).is_ok() => models.push((name, manifest)),
            Ok(_) => {}
            // It is in the way of nothing but itself.
            Err(error) => tracing::warn!("{error}"),
        }
    }
    models.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(models)
}

/// The lines of a configuration that name an installed model.
pub(crate) fn lines(name: &str, place: &Path) -> Result<String> {
    let path = fs::canonicalize(place).with_context(|| place.display().to_string())?;
    let Some(path) = path.to_str() else { bail!("{} cannot be written in a configuration", path.display()) };
    Ok(format!("[models.{name}]\npath = {}\n", Value::from(path)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_is_one_that_can_be_pulled() {
        let catalogue = Catalogue::load(None).expect("it is read");
        let names: BTreeSet<&str> = catalogue.models.iter().map(|entry| &*entry.name).collect();
        assert_eq!(names.len(), catalogue.models.len(), "each name once");
        for entry in &catalogue.models {
            CameraId::new(&entry.name).expect("a name for a configuration");
            assert!(entry.url.starts_with("https://"), "{}", entry.url);
            assert!(["Apache-2.0", "BSD-3-Clause", "MIT"].contains(&&*entry.licence), "{}", entry.licence);
            let mut manifest = entry.manifest();
            manifest.insert("name".into(), entry.name.clone().into());
            manifest.insert("sha256".into(), entry.sha256.clone().expect("each has a hash").into());
            let text = toml::to_string(&manifest).expect("it can be written");
            let manifest = Manifest::parse(&text, Path::new("model.toml")).expect(&entry.name);
            assert_eq!((manifest.classes.len(), manifest.licence.as_ref()), (80, Some(&entry.licence)));
        }
    }

    #[test]
    fn what_is_not_there_is_told_with_what_is() {
        let catalogue = Catalogue::load(None).expect("it is read");
        let error = catalogue.find("yolox").expect_err("no such name").to_string();
        assert!(error.contains("\"yolox\"") && error.contains("yolox-nano"), "{error}");
        assert!(Newcomer::new(Path::new("models"), "../x").is_err());
        assert!(installed(Path::new("/nowhere")).expect("none").is_empty());
    }
}
