//! From frames to detections: pixels into model space ([`Preprocessor`]), the choice of whose turn it is
//! ([`Scheduler`] among cameras, [`Requests`] beside them), the model itself ([`Runtime`], [`Detector`]) and the folder that describes it ([`Model`],
//! [`Manifest`]).
//!
//! Everything here is a plain object that is called with what it needs and the time. Threads, queues and the sharing
//! of devices belong to the pipeline; what boxes mean from frame to frame belongs to analytics.

pub mod batch;
pub mod detector;
pub mod error;
pub mod manifest;
pub mod model;
pub mod onnx;
pub mod postprocess;
pub mod preprocess;
pub mod provider;
pub mod requests;
pub mod runtime;
pub mod scheduler;
pub mod tensor;
pub mod trial;
pub mod value;

mod coco;
mod guess;
mod library;
mod ort;

pub use self::ort::OrtRuntime;
pub use coco::CLASSES as COCO;
pub use detector::{Detector, Options};
pub use error::{Error, ErrorKind};
pub use manifest::{Batching, Manifest, Task};
pub use model::{Model, ModelInfo, inspect};
pub use preprocess::{Prepared, Preprocessor};
pub use provider::{Provider, Remote};
pub use requests::{Batchable, Refused, Requests, Sharing, Taken};
pub use runtime::{Output, Port, Runtime, Signature};
pub use scheduler::{Scheduler, Share, Take, Waits};
pub use tensor::{ElementType, Tensor};
pub use value::{DataType, Value, elements, push_text, texts};
