//! What a session runs on: ONNX Runtime's execution providers, or another server. One that cannot be had is an error here, never
//! another one in its place; what then takes its place is for the pipeline to decide, loudly.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ort::ep::{CUDA, ExecutionProvider, TensorRT, cuda};
use ort::session::builder::SessionBuilder;

use crate::manifest::Precision;
use crate::runtime::Signature;
use crate::{Error, library};

/// What a session runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// One thread of the CPU.
    Cpu,
    /// An NVIDIA GPU by CUDA and cuDNN. Quantised graphs are computed in floating point.
    Cuda {
        /// Which of the machine's GPUs, from 0.
        index: u32,
    },
    /// An NVIDIA GPU by TensorRT, which makes an engine of each model for this very GPU, and keeps it. Graphs with Q and DQ
    /// nodes of symmetric signed activations run in INT8. What TensorRT does not know runs on CUDA.
    TensorRt {
        /// Which of the machine's GPUs, from 0.
        index: u32,
        /// Whether layers in floating point may be computed with 16 bits.
        fp16: bool,
        /// The largest batch that an engine is made for.
        batch: usize,
        /// The folder of the engines, made when missing. Whoever can write there can run code here.
        engines: PathBuf,
    },
    /// Another server that speaks the Open Inference Protocol. Its sessions are made where the network is known.
    Remote(Remote),
}

/// Another server.
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its address: `http`, `https`, `grpc` or `grpcs`, host and port.
    pub url: String,
    /// What models are called there, if not by their own names.
    pub model: Option<String>,
    /// What it is shown as `Authorization: Bearer`.
    pub token: Option<String>,
    /// A file with the certificates by which it is trusted, if not by those that browsers trust.
    pub ca: Option<PathBuf>,
    /// Whether frames go as JPEG files though it says that it takes tensors.
    pub jpeg: bool,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Provider {
    /// Its name in configuration, metrics and API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda { .. } => "cuda",
            Self::TensorRt { .. } => "tensorrt",
            Self::Remote(_) => "oip",
        }
    }

    /// Whether it is a GPU of this machine.
    pub const fn is_gpu(&self) -> bool {
        matches!(self, Self::Cuda { .. } | Self::TensorRt { .. })
    }

    /// Whether it is something else than the CPU, and so can be lost.
    pub fn can_be_lost(&self) -> bool {
        *self != Self::Cpu
    }

    /// Whether ONNX Runtime, as it is installed here, has this provider and can load what it needs. Whether there is such
    /// a GPU shows when a model is loaded.
    ///
    /// # Errors
    /// [`Error::Library`] or [`Error::Provider`].
    pub fn check(&self) -> Result<(), Error> {
        if !self.is_gpu() {
            return Ok(());
        }
        let builder = SessionBuilder::new(&library::environment()?).map_err(|e| self.refused(&e))?;
        self.register(builder, Precision::default(), None).map(drop)
    }

    /// Adds the provider to a session. `signature` is the model's, for engines of several batch sizes.
    pub(crate) fn register(
        &self,
        mut session: SessionBuilder,
        precision: Precision,
        signature: Option<&Signature>,
    ) -> Result<SessionBuilder, Error> {
        // Not with_execution_providers(), which goes on with the CPU if one fails unless told otherwise.
        if let Self::TensorRt { index, fp16, batch, engines } = self {
            let trt = TensorRT::default()
                .with_device_id(*index as i32)
                .with_fp16(*fp16 || precision == Precision::Fp16)
                .with_int8(precision == Precision::Int8)
                .with_engine_cache(true)
                .with_engine_cache_path(prepare(engines)?)
                .with_timing_cache(true)
                .with_timing_cache_path(prepare(engines)?);
            let trt = match signature.and_then(open_batch) {
                // Without a range, each new size of a batch would make a new engine, which takes minutes.
                Some((name, rest)) => trt
                    .with_profile_min_shapes(format!("{name}:1{rest}"))
                    .with_profile_opt_shapes(format!("{name}:{batch}{rest}"))
                    .with_profile_max_shapes(format!("{name}:{batch}{rest}")),
                None => trt,
            };
            trt.register(&mut session).map_err(|e| self.refused(&e))?;
        }
        if let Self::TensorRt { index, .. } | Self::Cuda { index } = self {
            // The default searches exhaustively for each new size of a batch, which stops frames for seconds.
            let search = cuda::ConvAlgorithmSearch::Heuristic;
            let cuda = CUDA::default().with_device_id(*index as i32).with_conv_algorithm_search(search);
            cuda.register(&mut session).map_err(|e| self.refused(&e))?;
        }
        Ok(session)
    }

    fn refused(&self, error: &ort::Error) -> Error {
        let message = error.message().trim().to_owned();
        Error::Provider { provider: self.to_string(), library: library::path(), needs: self.needs(), message }
    }

    const fn needs(&self) -> &'static str {
        match self {
            Self::Cpu | Self::Remote(_) => "",
            Self::Cuda { .. } => "libonnxruntime_providers_cuda.so beside it, CUDA and cuDNN",
            Self::TensorRt { .. } => {
                "libonnxruntime_providers_tensorrt.so and libonnxruntime_providers_cuda.so beside it, CUDA, cuDNN and TensorRT"
            }
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("the CPU"),
            Self::Cuda { index } => write!(f, "GPU {index} by CUDA"),
            Self::TensorRt { index, .. } => write!(f, "GPU {index} by TensorRT"),
            Self::Remote(remote) => write!(f, "the server at {}", remote.url),
        }
    }
}

/// The input's name, and its dimensions after an open batch as TensorRT writes them (`x3x416x416`), if only that is open.
fn open_batch(signature: &Signature) -> Option<(&str, String)> {
    let input = signature.inputs.first().filter(|input| input.shape.first() == Some(&None))?;
    let rest: Option<String> = input.shape[1..].iter().map(|side| side.map(|side| format!("x{side}"))).collect();
    Some((&input.name, rest?))
}

/// Makes the folder, for its owner alone, and returns its path as ONNX Runtime takes it.
fn prepare(folder: &Path) -> Result<&str, Error> {
    let failed = |why: &dyn fmt::Display| Error::Runtime {
        doing: "making the folder for TensorRT's engines",
        message: format!("{}: {why}", folder.display()),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(&error))?;
    folder.to_str().ok_or_else(|| failed(&"the path is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Port;

    #[test]
    fn engines_are_made_for_a_range_of_batches_where_the_batch_is_open() {
        let signature = |shape: &[Option<usize>]| {
            let input = Port { name: "images".into(), element: "u8".into(), shape: shape.to_vec() };
            Signature { inputs: vec![input], outputs: Vec::new() }
        };
        let open = signature(&[None, Some(3), Some(320), Some(416)]);
        assert_eq!(open_batch(&open), Some(("images", "x3x320x416".into())));
        assert_eq!(open_batch(&signature(&[Some(1), Some(3), Some(320), Some(416)])), None);
        assert_eq!(open_batch(&signature(&[None, Some(3), None, Some(416)])), None);
    }

    #[test]
    fn a_server_s_token_is_not_shown() {
        let token = Some("iris_secret".to_owned());
        let remote =
            Provider::Remote(Remote { url: "grpc://gpu:8001".into(), model: None, token, ca: None, jpeg: false });
        assert_eq!(format!("{remote:?} {remote}"), "Remote(grpc://gpu:8001) the server at grpc://gpu:8001");
    }

    #[test]
    fn the_folder_of_engines_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("store/engines");
        prepare(&folder).expect("it is made");
        prepare(&folder).expect("it may be there");
        let mode = folder.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{mode:o}");
    }
}
