//! Thread `control`: owns the pipeline and the sinks, and changes them one wish after the other, whoever has it: the
//! start, a signal, or a request. There is one way from a configuration to what runs (`Owner::take_over`).
//!
//! Whoever asks waits on a future and not on a thread, because a change waits for threads of the pipeline. What a change
//! means is [`crate::config`]'s to know.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use iris_pipeline::{Changes, Pipeline};
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::{self, Config, Document, Edit, Item, Problem, Text};
use crate::repository::Repository;
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
    /// The models of the configuration, and what of them is loaded.
    pub models: Repository,
}

/// Why a change was not made. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It makes no sense by itself or beside what there is.
    #[error(transparent)]
    Edit(#[from] config::Refusal),
    /// There is no model of that name.
    #[error("there is no model {0:?} in the configuration")]
    NoModel(String),
    /// Cameras use the model.
    #[error("model {model:?} is used by {}", .cameras.join(", "))]
    InUse {
        /// Its name.
        model: String,
        /// Theirs.
        cameras: Vec<String>,
    },
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
    Load(String, Answer<()>),
    Unload(String, Answer<()>),
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

    /// Loads a model of the configuration as its files are now. What was loaded before is used until that is done.
    ///
    /// # Errors
    /// Why it cannot be loaded, or some of its versions; what could not be loaded is as it was.
    pub async fn load_model(&self, name: String) -> Result<(), Refusal> {
        self.ask(|answer| Wish::Load(name, answer)).await
    }

    /// Lets go of a model until it is loaded again, or a camera is to use it.
    ///
    /// # Errors
    /// There is no such model, or cameras use it.
    pub async fn unload_model(&self, name: String) -> Result<(), Refusal> {
        self.ask(|answer| Wish::Unload(name, answer)).await
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
        let effect = Arc::new(Effect { document, items, models: Repository::default() });
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
                    Wish::Load(name, answer) => drop(answer.send(self.load_model(&name))),
                    Wish::Unload(name, answer) => drop(answer.send(self.unload_model(&name))),
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

    fn load_model(&mut self, name: &str) -> Result<(), Refusal> {
        let now = Arc::clone(&self.effect.borrow());
        let before = now.models.find(name).ok_or_else(|| Refusal::NoModel(name.to_owned()))?;
        let models = now.models.reloading(name, &self.pipeline);
        // What could be loaded is taken over also where something else could not.
        self.put_in_effect(now.document.clone(), now.items.clone(), models)?;
        let after = Arc::clone(&self.effect.borrow());
        let entry = after.models.find(name).unwrap_or(before);
        match entry.problems().next() {
            Some(_) => Err(Refusal::Unfit(format!("model {name:?}: {}", entry.why_not()))),
            None => Ok(()),
        }
    }

    fn unload_model(&mut self, name: &str) -> Result<(), Refusal> {
        let now = Arc::clone(&self.effect.borrow());
        now.models.find(name).ok_or_else(|| Refusal::NoModel(name.to_owned()))?;
        let users = now.document.config.cameras.iter().filter(|camera| camera.enabled && *camera.model.name == *name);
        let cameras: Vec<String> = users.map(|camera| camera.id.to_string()).collect();
        if !cameras.is_empty() {
            return Err(Refusal::InUse { model: name.to_owned(), cameras });
        }
        self.put_in_effect(now.document.clone(), now.items.clone(), now.models.unloading(name)).map(drop)
    }

    /// Makes a configuration the one in effect. Touches only what changed; what fails has changed nothing.
    fn take_over(&mut self, document: Document, items: Vec<Item>) -> Result<Changes, Refusal> {
        let now = Arc::clone(&self.effect.borrow());
        let models = now.models.following(&document.config, &self.pipeline);
        let changes = self.put_in_effect(document, items, models)?;
        tracing::info!(?changes.added, ?changes.changed, ?changes.removed, "configuration taken over");
        Ok(changes)
    }

    fn put_in_effect(&mut self, document: Document, items: Vec<Item>, models: Repository) -> Result<Changes, Refusal> {
        let changed = self.change(&document.config, &models);
        if changed.is_ok() {
            self.effect.send_replace(Arc::new(Effect { document, items, models }));
        }
        // Who asks finds the new models from here on, and who found the old ones is answered by them.
        self.pipeline.keep(&self.effect.borrow().models.loaded());
        changed
    }

    /// Changes what runs.
    fn change(&mut self, config: &Config, models: &Repository) -> Result<Changes, Refusal> {
        let unfit = |error: anyhow::Error| Refusal::Unfit(crate::commands::explain(&error));
        let cameras = setup::cameras(config, models).map_err(unfit)?;
        let devices = setup::devices(config);
        self.pipeline.set_devices(&devices).map_err(|error| Refusal::Unfit(error.to_string()))?;
        self.sinks.apply(&config.sinks)?;
        self.pipeline.apply(cameras).map_err(|error| Refusal::Failed(error.to_string()))
    }
}
