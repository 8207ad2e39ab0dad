//! The models that are loaded, with a session for each thread that runs models. More can be added while they run;
//! loading one never makes a frame wait, because it is done by whoever adds it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use iris_analytics::{ClassGroups, Profile};
use iris_infer::{Detector, Manifest, Model, Options};

use crate::analyst::Classes;
use crate::error::Error;
use crate::settings::ModelSettings;

/// How much surer than the manifest's threshold a model must be for a track to begin; so has ByteTrack's reference.
const MARGIN: f32 = 0.1;

/// A model as all threads share it.
pub(crate) struct Loaded {
    settings: ModelSettings,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) classes: Classes,
    /// Detections from this score on are believed.
    min_score: f32,
    /// One for each thread; each takes its own.
    sessions: Mutex<Vec<Detector>>,
}

impl Loaded {
    fn open(settings: &ModelSettings, threads: usize) -> Result<Self, Error> {
        let failed = |source| Error::model(settings, source);
        let model = Model::open(&settings.path).map_err(failed)?;
        let min_score = settings.min_score.unwrap_or(model.manifest.thresholds.score + MARGIN);
        // It reports weaker boxes too, for trackers to carry on with.
        let options = Options { score: Some(min_score.min(Profile::LOW)), ..Options::default() };
        let sessions = (0..threads).map(|_| Detector::load(&model, &options)).collect::<Result<_, _>>();
        Ok(Self {
            settings: settings.clone(),
            classes: Classes(model.manifest.classes.iter().map(|name| name.as_str().into()).collect()),
            min_score,
            sessions: Mutex::new(sessions.map_err(failed)?),
            manifest: model.manifest,
        })
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile { groups: ClassGroups::by_name(&self.manifest.classes), high: self.min_score }
    }
}

/// All models, by their numbers. None is ever taken away.
#[derive(Default)]
pub(crate) struct Models {
    threads: usize,
    loaded: RwLock<Vec<Arc<Loaded>>>,
}

impl Models {
    /// For so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, loaded: RwLock::default() }
    }

    /// A model and its number. It is loaded unless it is there.
    pub(crate) fn load(&self, settings: &ModelSettings) -> Result<(usize, Arc<Loaded>), Error> {
        let known = self.all().into_iter().enumerate().find(|(_, loaded)| loaded.settings == *settings);
        if let Some(known) = known {
            return Ok(known);
        }
        let loaded = Arc::new(Loaded::open(settings, self.threads)?);
        let mut all = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&loaded));
        Ok((all.len() - 1, loaded))
    }

    pub(crate) fn all(&self) -> Vec<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn get(&self, at: usize) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }
}

/// The sessions of one thread, in the order of the models.
#[derive(Default)]
pub(crate) struct Sessions(Vec<Detector>);

impl Sessions {
    /// The thread's session of a model; taken from the model when it is first asked for.
    pub(crate) fn of(&mut self, models: &Models, at: usize) -> Option<&mut Detector> {
        for n in self.0.len()..=at {
            let session = models.get(n)?.sessions.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            self.0.push(session);
        }
        self.0.get_mut(at)
    }
}
