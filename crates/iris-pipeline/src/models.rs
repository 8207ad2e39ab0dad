//! The models that are loaded. More can be added while they run; loading one never makes a frame wait, because it is done
//! by whoever adds it, for every device.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use iris_analytics::{ClassGroups, Profile};
use iris_infer::{Detector, Manifest, Model, Options, Signature};

use crate::analyst::Classes;
use crate::device::Backend;
use crate::error::Error;
use crate::inference::Books;
use crate::settings::{DeviceSettings, ModelSettings};

/// How much surer than the manifest's threshold a model must be for a track to begin; so has ByteTrack's reference.
const MARGIN: f32 = 0.1;

/// A model as all threads share it.
pub(crate) struct Loaded {
    pub(crate) settings: ModelSettings,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) classes: Classes,
    /// Detections from this score on are believed.
    min_score: f32,
    model: Model,
    /// What it takes and returns, as its first session says.
    signature: OnceLock<Signature>,
    /// What became of other programs' requests.
    pub(crate) books: Books,
}

impl Loaded {
    pub(crate) fn open(settings: &ModelSettings) -> Result<Self, Error> {
        let model = Model::open(&settings.path).map_err(|source| Error::model(settings, source))?;
        Ok(Self {
            settings: settings.clone(),
            classes: Classes(model.manifest.classes.iter().map(|name| name.as_str().into()).collect()),
            min_score: settings.min_score.unwrap_or(model.manifest.thresholds.score + MARGIN),
            manifest: Arc::clone(&model.manifest),
            model,
            signature: OnceLock::new(),
            books: Books::default(),
        })
    }

    /// What it takes and returns; none before a device has loaded it.
    pub(crate) fn signature(&self) -> Option<&Signature> {
        self.signature.get()
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile { groups: ClassGroups::by_name(&self.manifest.classes), high: self.min_score }
    }
}

/// All models, by their numbers. None is ever taken away.
pub(crate) struct Models {
    backend: Arc<dyn Backend>,
    loaded: RwLock<Vec<Arc<Loaded>>>,
}

impl Models {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, loaded: RwLock::default() }
    }

    /// Adds a model, and returns its number.
    pub(crate) fn add(&self, model: Arc<Loaded>) -> usize {
        let mut all = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        all.push(model);
        all.len() - 1
    }

    pub(crate) fn all(&self) -> Vec<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn get(&self, at: usize) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(at).cloned()
    }

    /// Whether there may be such a device.
    pub(crate) fn check(&self, device: &DeviceSettings) -> Result<(), iris_infer::Error> {
        self.backend.check(device)
    }

    /// A new session of a model on a device.
    pub(crate) fn open(&self, model: &Loaded, device: &DeviceSettings) -> Result<Detector, iris_infer::Error> {
        let runtime = self.backend.load(device, &model.model)?;
        // It reports weaker boxes too, for trackers to carry on with.
        let options = Options { score: Some(model.min_score.min(Profile::LOW)), ..Options::default() };
        let detector = Detector::new(&model.manifest, runtime, &options)?;
        model.signature.get_or_init(|| detector.signature().clone());
        Ok(detector)
    }
}
