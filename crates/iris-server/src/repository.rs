//! The models of the configuration, each with its versions: what is loaded, and what is not and why. A repository is a value:
//! a change makes another one, which [`crate::control`] puts in the place of the old one when all of it is well.

use std::collections::BTreeMap;
use std::sync::Arc;

use iris_infer::Model as Files;
use iris_pipeline::{Loaded, ModelSettings, Pipeline};

use crate::config::{self, Config};

/// All models, in the order of their names.
#[derive(Debug, Clone, Default)]
pub struct Repository(Vec<Entry>);

/// A model.
#[derive(Debug, Clone)]
pub struct Entry {
    /// As it is configured.
    pub model: config::Model,
    /// Its versions by their numbers.
    pub versions: BTreeMap<u32, Version>,
    /// Why its versions cannot be told.
    pub reason: Option<String>,
    /// It was taken away by request, until it is loaded again by request or a camera needs it.
    is_unloaded: bool,
}

/// A version of a model.
#[derive(Debug, Clone, Default)]
pub struct Version {
    /// What is served, if anything is.
    pub loaded: Option<Arc<Loaded>>,
    /// Why nothing is, or why it is not what lies on the disk now.
    pub reason: Option<String>,
}

/// How a model is loaded.
type Load<'a> = &'a dyn Fn(&ModelSettings) -> Result<Arc<Loaded>, iris_pipeline::Error>;

impl Repository {
    /// All models.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The model of that name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| *entry.model.name == *name)
    }

    /// All that is loaded.
    pub fn loaded(&self) -> Vec<Arc<Loaded>> {
        self.0.iter().flat_map(|entry| entry.versions.values()).filter_map(|version| version.loaded.clone()).collect()
    }

    /// What a configuration asks for. What is loaded stays as it is; one that cannot be loaded keeps nothing else from working.
    #[must_use]
    pub fn following(&self, config: &Config, pipeline: &Pipeline) -> Self {
        let is_needed = |model: &config::Model| config.cameras.iter().any(|c| c.enabled && c.model.name == model.name);
        let entry = |model: &config::Model| match self.find(&model.name).filter(|entry| entry.model == *model) {
            Some(before) if before.is_whole() || (before.is_unloaded && !is_needed(model)) => before.clone(),
            before => Entry::load(model, before, &|settings| pipeline.load(settings)),
        };
        Self(config.models.iter().map(entry).collect())
    }

    /// With a model as its files are now. A version that cannot be loaded stays as it was.
    #[must_use]
    pub fn reloading(&self, name: &str, pipeline: &Pipeline) -> Self {
        self.changing(name, |entry| Entry::load(&entry.model, Some(entry), &|settings| pipeline.reload(settings)))
    }

    /// Without what is loaded of a model.
    #[must_use]
    pub fn unloading(&self, name: &str) -> Self {
        let unloaded = |_: &Version| Version { loaded: None, reason: Some("it was unloaded".into()) };
        self.changing(name, |entry| Entry {
            versions: entry.versions.iter().map(|(number, version)| (*number, unloaded(version))).collect(),
            is_unloaded: true,
            ..entry.clone()
        })
    }

    fn changing(&self, name: &str, change: impl Fn(&Entry) -> Entry) -> Self {
        let entry = |entry: &Entry| if *entry.model.name == *name { change(entry) } else { entry.clone() };
        Self(self.0.iter().map(entry).collect())
    }
}

impl Entry {
    fn load(model: &config::Model, before: Option<&Self>, load: Load<'_>) -> Self {
        let mut entry = Self { model: model.clone(), versions: BTreeMap::new(), reason: None, is_unloaded: false };
        let found = match Files::versions(&model.path) {
            Ok(found) => found,
            Err(error) => {
                let versions = before.map(|before| before.versions.clone()).unwrap_or_default();
                return Self { reason: Some(error.to_string()), versions, ..entry };
            }
        };
        let wanted: Vec<u32> =
            if model.versions.is_empty() { found.keys().copied().collect() } else { model.versions.clone() };
        for number in wanted {
            let settings = |path| ModelSettings { name: (*model.name).into(), version: number, path, min_score: None };
            let missing = || format!("there is no version {number} in {}", model.path.display());
            let path = found.get(&number).cloned().ok_or_else(missing);
            let loaded = path.and_then(|path| load(&settings(path)).map_err(|error| reason(&error)));
            let before = || before?.versions.get(&number)?.loaded.clone();
            let version = match loaded {
                Ok(loaded) => Version { loaded: Some(loaded), reason: None },
                Err(reason) => Version { loaded: before(), reason: Some(reason) },
            };
            entry.versions.insert(number, version);
        }
        entry
    }

    /// The version that is served to those who name none: the highest that is loaded.
    pub fn newest(&self) -> Option<(u32, &Arc<Loaded>)> {
        self.versions.iter().rev().find_map(|(number, version)| Some((*number, version.loaded.as_ref()?)))
    }

    /// What is not as it should be, with the number of the version, if it is one's.
    pub fn problems(&self) -> impl Iterator<Item = (Option<u32>, &str)> {
        let of_versions = self.versions.iter().map(|(number, version)| (Some(*number), version.reason.as_deref()));
        let all = of_versions.chain([(None, self.reason.as_deref())]);
        all.filter(|_| !self.is_unloaded).filter_map(|(number, reason)| Some((number, reason?)))
    }

    /// Why none of it can be used.
    pub fn why_not(&self) -> String {
        if self.is_unloaded {
            return "it was unloaded".into();
        }
        let reasons = self.problems().map(|(number, reason)| match number {
            Some(number) if self.versions.len() > 1 => format!("version {number}: {reason}"),
            _ => reason.to_owned(),
        });
        reasons.collect::<Vec<_>>().join("; ")
    }

    /// Whether there is nothing to load that is not loaded.
    fn is_whole(&self) -> bool {
        self.reason.is_none() && self.versions.values().all(|version| version.loaded.is_some())
    }
}

/// Without the path, which whoever reads it knows.
fn reason(error: &iris_pipeline::Error) -> String {
    match error {
        iris_pipeline::Error::Model { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
