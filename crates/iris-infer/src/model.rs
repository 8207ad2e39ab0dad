//! A model on disk: a folder with `model.toml` and `model.onnx`, or with one such folder a version; or a bare `.onnx`; or the
//! one that is part of the program. What its manifest means is elsewhere; here it is found, read and checked against its hash.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::manifest::Task;
use crate::postprocess::Decoder;
use crate::runtime::{Runtime, Signature};
use crate::{Error, Manifest, OrtRuntime, guess, onnx};

/// A model that was found: its description and the bytes of its graph. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it takes and returns.
    pub manifest: Arc<Manifest>,
    /// The file with its graph and weights.
    pub onnx: Arc<[u8]>,
}

/// The most versions of a model that are told apart.
const MAX_VERSIONS: usize = 64;

impl Model {
    /// Where a path is asked for, this names the detector that is part of the program: `models/iris-n`.
    pub const BUILT_IN: &'static str = "built-in:iris-n";
    /// Its file.
    pub(crate) const BUILT_IN_ONNX: &'static [u8] = include_bytes!("../../../models/iris-n/model.onnx");

    /// Opens a model's folder, or the highest of its versions if it has such, a bare `.onnx` whose kind its shapes give
    /// away, or the [built-in](Self::BUILT_IN) one.
    ///
    /// Checks the manifest and the hash. Whether the manifest fits the graph shows when a detector loads it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        match path {
            path if path == Path::new(Self::BUILT_IN) => Self::built_in(),
            path if path.is_dir() => Self::open_folder(&newest(path)?),
            path => Self::open_bare(path),
        }
    }

    /// The versions of what lies at `path`, and where each can be [opened](Self::open): folders in it that are called by numbers,
    /// such as `1` and `2`; else it is version 1 itself.
    ///
    /// # Errors
    /// It is not there, or has more than 64 versions.
    pub fn versions(path: &Path) -> Result<BTreeMap<u32, PathBuf>, Error> {
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let mut found = BTreeMap::new();
        if path != Path::new(Self::BUILT_IN) && fs::metadata(path).map_err(failed)?.is_dir() {
            for entry in fs::read_dir(path).map_err(failed)? {
                let version = entry.map_err(failed)?.path();
                found.extend(number(&version).filter(|_| version.is_dir()).map(|number| (number, version)));
            }
        }
        if found.len() > MAX_VERSIONS {
            let message = format!("has {} versions, and may have {MAX_VERSIONS}", found.len());
            return Err(Error::Manifest { path: path.to_owned(), message });
        }
        if found.is_empty() {
            found.insert(1, path.to_owned());
        }
        Ok(found)
    }

    fn built_in() -> Result<Self, Error> {
        let manifest = include_str!("../../../models/iris-n/model.toml");
        Self::new(Manifest::parse(manifest, Path::new(Self::BUILT_IN))?, Self::BUILT_IN_ONNX.to_vec())
    }

    /// A model from its parts, which need not be on disk.
    pub fn new(manifest: Manifest, onnx: Vec<u8>) -> Result<Self, Error> {
        if let Some(expected) = &manifest.sha256 {
            let found = sha256(&onnx);
            if *expected != found {
                return Err(Error::mismatch("the SHA-256 of model.onnx", expected, &found));
            }
        }
        Ok(Self { manifest: Arc::new(manifest), onnx: onnx.into() })
    }

    fn open_folder(path: &Path) -> Result<Self, Error> {
        let (own, above) = (path.join("model.toml"), path.with_file_name("model.toml"));
        // What all versions have in common may stand once, in the folder around them.
        let toml = if number(path).is_some() && !own.exists() && above.exists() { above } else { own };
        let text = String::from_utf8(read(&toml)?)
            .map_err(|_| Error::Manifest { path: toml.clone(), message: "is not UTF-8".into() })?;
        Self::new(Manifest::parse(&text, &toml)?, read(&path.join("model.onnx"))?)
    }

    fn open_bare(path: &Path) -> Result<Self, Error> {
        let onnx = read(path)?;
        let runtime = OrtRuntime::load(&onnx, 1)?;
        let manifest = guess::manifest(&stem(path), runtime.signature())?;
        Self::new(manifest, onnx)
    }
}

/// What can be told about a model file without running it.
#[derive(Debug)]
pub struct ModelInfo {
    /// What goes in and comes out.
    pub signature: Signature,
    /// Who exported it, as the file says.
    pub producer: Option<String>,
    /// The SHA-256 of the graph's file.
    pub sha256: String,
    /// The manifest: that of the folder, or the one guessed for a bare file, or why there is none.
    pub manifest: Result<Manifest, Error>,
}

/// Looks into what [`Model::open`] opens. An unusable manifest is part of the answer and not an error.
pub fn inspect(path: &Path) -> Result<ModelInfo, Error> {
    let is_built_in = path == Path::new(Model::BUILT_IN);
    let onnx = match path {
        _ if is_built_in => Model::built_in()?.onnx.to_vec(),
        folder if folder.is_dir() => read(&newest(folder)?.join("model.onnx"))?,
        file => read(file)?,
    };
    let runtime = OrtRuntime::load(&onnx, 1)?;
    let signature = runtime.signature().clone();
    let manifest = if is_built_in || path.is_dir() {
        Model::open(path).and_then(|model| {
            let manifest = Manifest::clone(&model.manifest);
            if manifest.task == Task::Detect {
                Decoder::new(&manifest, &signature, manifest.thresholds.score)?;
            }
            Ok(manifest)
        })
    } else {
        guess::manifest(&stem(path), &signature)
    };
    Ok(ModelInfo { signature, producer: runtime.producer(), sha256: sha256(&onnx), manifest })
}

/// Reads a file, which must be one and no larger than a model may be.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        // Opening a pipe would wait for someone who writes into it.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(onnx::MAX_FILE + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 {
            ..=onnx::MAX_FILE => Ok(bytes),
            _ => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {} bytes", onnx::MAX_FILE))),
        }
    };
    read().map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// The folder of the highest version.
fn newest(folder: &Path) -> Result<PathBuf, Error> {
    let mut versions = Model::versions(folder)?;
    Ok(versions.pop_last().map_or_else(|| folder.to_owned(), |(_, newest)| newest))
}

/// The number by which a version's folder is called.
fn number(folder: &Path) -> Option<u32> {
    let name = folder.file_name()?.to_str()?;
    name.parse().ok().filter(|number: &u32| *number > 0 && number.to_string() == name)
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}

fn sha256(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    Sha256::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_a_known_text() {
        // FIPS 180-4's example "abc".
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_built_in_model_is_found_by_its_name() -> Result<(), Error> {
        let model = Model::open(Path::new(Model::BUILT_IN))?;
        assert_eq!((&*model.manifest.name, &*model.manifest.classes[0]), ("iris-n", "person"));
        Ok(())
    }

    #[test]
    fn versions_are_folders_called_by_numbers() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (path, manifest) = (folder.path(), include_str!("../../../models/iris-n/model.toml"));
        let onnx = include_bytes!("../../../models/iris-n/model.onnx");
        fs::write(path.join("model.toml"), manifest)?;
        assert_eq!(Model::versions(path)?, [(1, path.to_owned())].into(), "itself");
        for name in ["10", "2", "02", "0", "-1", "two", "4294967296"] {
            fs::create_dir(path.join(name))?;
            fs::write(path.join(name).join("model.onnx"), onnx)?;
        }
        fs::write(path.join("3"), "no folder")?;
        let expected = [(2, path.join("2")), (10, path.join("10"))].into();
        assert_eq!(Model::versions(path)?, expected);
        assert_eq!(Model::open(&path.join("2"))?.manifest.name, "iris-n", "by the manifest above it");
        fs::write(path.join("2/model.toml"), manifest.replacen("iris-n", "iris-two", 1))?;
        assert_eq!(Model::open(&path.join("2"))?.manifest.name, "iris-two", "by its own");
        assert_eq!(Model::open(path)?.manifest.name, "iris-n", "the highest");
        assert!(Model::open(&path.join("two")).is_err(), "it is no version");
        Ok(())
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Model::open(Path::new("/nowhere/model.onnx")).expect_err("it is not there").to_string();
        assert!(error.contains("/nowhere/model.onnx"), "{error}");
    }
}
