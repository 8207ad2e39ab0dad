//! Thread `control`: owns the pipeline and the sinks, and changes them one wish after the other, whoever has it: the
//! start, a signal, or a request. There is one way from a configuration to what runs (`Owner::take_over`).
//!
//! Whoever asks waits on a future and not on a thread, because a change waits for threads of the pipeline. What a change
//! means is [`crate::config`]'s to know.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use iris_infer::Manifest;
use iris_pipeline::{Changes, ModelSettings, Pipeline};
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{self, Document, Edit, Item, Problem, Text};
use crate::sink::Sinks;
use crate::store::Store;
use crate::{error, setup};

/// Wishes that wait; whoever has another one waits before the queue.
const WISHES: usize = 16;

/// What is in effect.
pub struct Effect {
    /// The configuration, of file and store together.
    pub document: Document,
    /// The cameras and sinks that were made over the API.
    items: Vec<Item>,
    /// The models of the configuration, or why one cannot be used.
    pub models: Vec<(config::Model, Result<Usable, String>)>,
}

/// A model that is loaded.
#[derive(Debug, Clone)]
pub struct Usable {
    /// Its number in the pipeline.
    pub number: usize,
    /// Its description.
    pub manifest: Arc<Manifest>,
}

/// Why a change was not made. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It makes no sense by itself or beside what there is.
    #[error(transparent)]
    Edit(#[from] config::Refusal),
    /// A model cannot be loaded, or does not know a class that a rule names, or a required GPU cannot be used.
    #[error("{0}")]
    Unfit(String),
    /// The store or the system refused.
    #[error("the change could not be carried out: {0}")]
    Failed(String),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl From<Vec<Problem>> for Refusal {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Edit(config::Refusal::Invalid(problems))
    }
}

impl From<error::Error> for Refusal {
    fn from(error: error::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

type Answer<T> = oneshot::Sender<Result<T, Refusal>>;

enum Wish {
    Reload(Answer<Changes>),
    Edit(Edit, Answer<Changes>),
    Stop,
}

/// The way to the thread. Cloning is cheap.
#[derive(Clone)]
pub struct Control {
    wishes: mpsc::Sender<Wish>,
    effect: watch::Receiver<Arc<Effect>>,
}

impl Control {
    /// What is in effect now.
    pub fn effect(&self) -> Arc<Effect> {
        Arc::clone(&self.effect.borrow())
    }

    /// Takes the configuration file over, as it is now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn reload(&self) -> Result<Changes, Refusal> {
        self.ask(Wish::Reload).await
    }

    /// Changes the cameras and sinks of the store.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub async fn edit(&self, edit: Edit) -> Result<Changes, Refusal> {
        self.ask(|answer| Wish::Edit(edit, answer)).await
    }

    async fn ask<T>(&self, wish: impl FnOnce(Answer<T>) -> Wish) -> Result<T, Refusal> {
        let (answer, told) = oneshot::channel();
        self.wishes.send(wish(answer)).await.map_err(|_| Refusal::Stopping)?;
        told.await.map_err(|_| Refusal::Stopping)?
    }

    /// Ends the thread after what was wished for before.
    pub async fn stop(&self) {
        // One that has ended already needs no telling.
        self.wishes.send(Wish::Stop).await.ok();
    }
}

/// What the thread owns.
pub struct Owner {
    path: PathBuf,
    text: Text,
    store: Arc<dyn Store>,
    /// The pipeline, to be shut down when the thread has ended.
    pub pipeline: Pipeline,
    /// The sinks, to be stopped after that.
    pub sinks: Sinks,
    effect: watch::Sender<Arc<Effect>>,
}

impl Owner {
    /// Owns what was started, without cameras and sinks yet. `text` is what the file at `path` holds, and `document`
    /// what that means with the `items` of the store.
    pub fn new(
        path: &Path,
        (text, document): (Text, Document),
        items: Vec<Item>,
        store: &Arc<dyn Store>,
        pipeline: Pipeline,
        sinks: Sinks,
    ) -> Self {
        let effect = Arc::new(Effect { document, items, models: Vec::new() });
        let (effect, _) = watch::channel(effect);
        Self { path: path.to_owned(), text, store: Arc::clone(store), pipeline, sinks, effect }
    }

    /// Starts the cameras and sinks that are configured, and the thread. It gives back what it owns when it ends.
    ///
    /// # Errors
    /// A model that does not load, a required GPU that cannot be used, or a thread that the system does not give.
    pub fn start(mut self) -> anyhow::Result<(Control, JoinHandle<Self>)> {
        let now = Arc::clone(&self.effect.borrow());
        self.take_over(now.document.clone(), now.items.clone())?;
        let (sender, mut wishes) = mpsc::channel(WISHES);
        let control = Control { wishes: sender, effect: self.effect.subscribe() };
        let work = move || {
            while let Some(wish) = wishes.blocking_recv() {
                // Whoever asked may have gone away meanwhile.
                match wish {
                    Wish::Reload(answer) => drop(answer.send(self.reload())),
                    Wish::Edit(edit, answer) => drop(answer.send(self.edit(edit))),
                    Wish::Stop => break,
                }
            }
            self
        };
        let thread = std::thread::Builder::new().name("control".into()).spawn(work)?;
        Ok((control, thread))
    }

    fn reload(&mut self) -> Result<Changes, Refusal> {
        let now = Arc::clone(&self.effect.borrow());
        let (text, document) = config::load_with(&self.path, &now.items)?;
        let later = config::needs_restart(&now.document.config, &document.config);
        let changes = self.take_over(document, now.items.clone())?;
        self.text = text;
        if !later.is_empty() {
            tracing::warn!("takes effect at the next start: {}", later.join(", "));
        }
        Ok(changes)
    }

    fn edit(&mut self, edit: Edit) -> Result<Changes, Refusal> {
        let now = Arc::clone(&self.effect.borrow());
        let import = if let Edit::Import(import) = &edit { Some(import.clone()) } else { None };
        let items = edit.apply(&now.items, &now.document)?;
        let document = self.text.resolve(&items).map_err(|problems| match import {
            Some(import) => import.in_place(problems),
            None => problems,
        })?;
        self.store.set_items(items.clone())?;
        self.take_over(document, items).inspect_err(|_| {
            if let Err(error) = self.store.set_items(now.items.clone()) {
                tracing::error!(%error, "a change that was not made stands in the store, and takes effect at the next start");
            }
        })
    }

    /// Makes a configuration the one in effect. Touches only what changed; what fails has changed nothing.
    fn take_over(&mut self, document: Document, items: Vec<Item>) -> Result<Changes, Refusal> {
        let unfit = |error: anyhow::Error| Refusal::Unfit(crate::commands::explain(&error));
        let cameras = setup::cameras(&document.config, &self.pipeline).map_err(unfit)?;
        let devices = setup::devices(&document.config);
        self.pipeline.set_devices(&devices).map_err(|error| Refusal::Unfit(error.to_string()))?;
        self.sinks.apply(&document.config.sinks)?;
        let changes = self.pipeline.apply(cameras).map_err(|error| Refusal::Failed(error.to_string()))?;
        tracing::info!(?changes.added, ?changes.changed, ?changes.removed, "configuration taken over");
        let models = self.load(&document.config.models);
        self.effect.send_replace(Arc::new(Effect { document, items, models }));
        Ok(changes)
    }

    /// Loads the models that no camera uses, for other programs. One that cannot be loaded keeps nothing else from working.
    fn load(&self, models: &[config::Model]) -> Vec<(config::Model, Result<Usable, String>)> {
        let load = |model: &config::Model| {
            let loaded = self.pipeline.load(&ModelSettings { path: model.path.clone(), min_score: None });
            loaded.map(|(number, manifest)| Usable { number, manifest }).map_err(|error| match error {
                iris_pipeline::Error::Model { source, .. } => source.to_string(),
                other => other.to_string(),
            })
        };
        models.iter().map(|model| (model.clone(), load(model))).collect()
    }
}
