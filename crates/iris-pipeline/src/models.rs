//! The models that are loaded. They come and go while others run; loading one never makes a frame wait, because it is done
//! by whoever adds it, for every device.
//!
//! A model stays as long as somebody holds it: the pipeline, a camera that looks by it, whoever is about to ask it, a request
//! that waits. With the last of them its sessions go. So a new version can take the place of an old one at once, and what was
//! begun with the old one ends with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use iris_analytics::{ClassGroups, Profile};
use iris_infer::{Detector, Manifest, Model, Options, Preprocessor, Signature};
use tokio::sync::oneshot;

use crate::analyst::Classes;
use crate::device::Backend;
use crate::error::Error;
use crate::inference::Books;
use crate::settings::{DeviceSettings, ModelSettings};

/// How much surer than the manifest's threshold a model must be for a track to begin; so has ByteTrack's reference.
const MARGIN: f32 = 0.1;

/// A loaded model, as all share it.
pub struct Loaded {
    pub(crate) settings: ModelSettings,
    pub(crate) classes: Classes,
    number: usize,
    /// Detections from this score on are believed.
    min_score: f32,
    model: Model,
    /// Of which all others are clones; none if it finds no boxes.
    preprocessor: Option<Preprocessor>,
    /// What it takes and returns, as its first session says.
    signature: OnceLock<Signature>,
    books: Arc<Books>,
    #[expect(dead_code, reason = "its drop is its message")]
    gone: oneshot::Sender<()>,
}

impl Loaded {
    /// Its number, for [`CameraSettings::model`](crate::CameraSettings::model). No other model ever has it.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Its description.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.model.manifest
    }

    /// Puts pictures into its input. All cameras and requests share one pool of tensors.
    ///
    /// # Errors
    /// It finds no boxes.
    pub fn preprocessor(&self) -> Result<Preprocessor, iris_infer::Error> {
        self.preprocessor.clone().map_or_else(|| Preprocessor::new(self.manifest()), Ok)
    }

    /// What it takes and returns; none before a device has loaded it.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.get()
    }

    /// What became of other programs' requests for it, and for what was loaded by the same name and version before.
    pub fn books(&self) -> &Books {
        &self.books
    }

    pub(crate) fn profile(&self) -> Profile {
        Profile { groups: ClassGroups::by_name(&self.manifest().classes), high: self.min_score }
    }

    /// Whether what it sees means the same as what the other sees, so that a camera can change from one to the other.
    pub(crate) fn sees_as(&self, other: &Self) -> bool {
        self.manifest().classes == other.manifest().classes && self.min_score == other.min_score
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("number", &self.number).field("settings", &self.settings).finish_non_exhaustive()
    }
}

type NameAndVersion = (Arc<str>, u32);

/// All models by their numbers, and the books of all that ever were.
pub(crate) struct Models {
    backend: Arc<dyn Backend>,
    loaded: RwLock<BTreeMap<usize, Arc<Loaded>>>,
    books: Mutex<BTreeMap<NameAndVersion, Arc<Books>>>,
    next: AtomicUsize,
}

impl Models {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, loaded: RwLock::default(), books: Mutex::default(), next: AtomicUsize::new(0) }
    }

    /// Reads a model, without adding it, and says when it is gone: then `gone` ends.
    pub(crate) fn read(&self, settings: &ModelSettings) -> Result<(Arc<Loaded>, oneshot::Receiver<()>), Error> {
        let model = Model::open(&settings.path).map_err(|source| Error::model(settings, source))?;
        let (gone, heard) = oneshot::channel();
        let loaded = Loaded {
            settings: settings.clone(),
            classes: Classes(model.manifest.classes.iter().map(|name| name.as_str().into()).collect()),
            number: self.next.fetch_add(1, Relaxed),
            min_score: settings.min_score.unwrap_or(model.manifest.thresholds.score + MARGIN),
            preprocessor: Preprocessor::new(&model.manifest).ok(),
            model,
            signature: OnceLock::new(),
            books: self.books_of(settings),
            gone,
        };
        Ok((Arc::new(loaded), heard))
    }

    pub(crate) fn add(&self, model: Arc<Loaded>) {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).insert(model.number, model);
    }

    /// Lets go of all models but those of which `stays` is true.
    pub(crate) fn keep(&self, stays: impl Fn(&Loaded) -> bool) {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).retain(|_, model| stays(model));
    }

    /// In the order of their numbers.
    pub(crate) fn all(&self) -> Vec<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn get(&self, number: usize) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// The one with these settings that was loaded last.
    pub(crate) fn find(&self, settings: &ModelSettings) -> Option<Arc<Loaded>> {
        self.all().into_iter().rfind(|loaded| loaded.settings == *settings)
    }

    /// Whether it is what already runs.
    pub(crate) fn is_same(one: &Loaded, other: &Loaded) -> bool {
        one.model.manifest == other.model.manifest && one.model.onnx == other.model.onnx
    }

    /// Calls `visit` with each name and version that was ever loaded, and its books.
    pub(crate) fn books(&self, mut visit: impl FnMut(&str, u32, &Books)) {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for ((name, version), books) in &books {
            visit(name, *version, books);
        }
    }

    fn books_of(&self, settings: &ModelSettings) -> Arc<Books> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(books.entry((Arc::clone(&settings.name), settings.version)).or_default())
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
        let detector = Detector::new(model.manifest(), runtime, &options)?;
        model.signature.get_or_init(|| detector.signature().clone());
        Ok(detector)
    }
}
