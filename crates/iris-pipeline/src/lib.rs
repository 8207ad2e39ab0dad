//! The wiring of Iris: which stage runs on which thread, and what lies between them.
//!
//! Start reading at [`topology`]: it holds a frame's whole way, from the camera's packet to the event. The other
//! modules are what the way passes through. Stages themselves (decoder, model, tracker, rules) live in their own crates
//! and know nothing of threads; this crate owns all threads and decides nothing about pictures.

mod analyst;
mod audience;
mod breaker;
mod camera;
mod control;
mod device;
mod error;
mod gauge;
mod inference;
mod ladder;
mod look;
mod meter;
mod metrics;
mod models;
mod settings;
mod shedding;
mod slots;
mod still;
mod tempo;
pub mod topology;
mod waiting;

pub use analyst::LocalClock;
pub use audience::{BEFORE, Live, RECENT, Recording, Sight};
pub use camera::{CameraStatus, reason};
pub use control::{Changes, Pipeline, View};
pub use device::{Backend, OnnxRuntime};
pub use error::{Error, ErrorKind};
pub use gauge::{DeviceState, DeviceStatus, QueueStatus, StageAge, StageThreads};
pub use inference::{Books, Inference, Outcome, Refusal, Times};
pub use ladder::Rung;
pub use meter::{Ledger, StageCount, Stages};
pub use metrics::{Name, describe, observe_age, publish};
pub use models::Loaded;
pub use settings::{CameraSettings, Cores, DeviceSettings, Gating, ModelSettings, Pace, Role, Settings, cores};
pub use still::still;
pub use topology::Report;
