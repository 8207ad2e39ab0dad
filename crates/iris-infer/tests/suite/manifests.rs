//! Models on disk: folders, bare files, and manifests that do not fit.

use std::fs;
use std::path::Path;

use iris_infer::{Detector, Error, ErrorKind, Model, Options, inspect};

use crate::blobs::{self, Variant};
use crate::support::blobs_model;

fn refusal(variant: &Variant, changes: &[(&str, &str)]) -> Error {
    match Detector::load(&blobs_model(variant, changes), &Options::default()) {
        Ok(_) => panic!("{changes:?} was taken"),
        Err(error) => error,
    }
}

#[test]
fn a_manifest_that_does_not_fit_is_refused_with_what_was_found() {
    for (from, to, expected) in [
        ("width = 160", "width = 320", "the shape of input \"image\" should be ?x3x96x320, but is ?x3x96x160"),
        ("name = \"image\"", "name = \"images\"", "the input's name should be images, but is image"),
        ("color", "type = \"u8\"\ncolor", "the input's type should be u8, but is f32"),
        (", \"red blob\"", "", "the shape of output \"grid\" should be ?x315x6, but is ?x315x7"),
        ("[8, 16, 32]", "[8, 16]", "the shape of output \"grid\" should be ?x300x7, but is ?x315x7"),
        ("strides = [8, 16, 32]", "strides = [8, 16, 32, 64]", "?x321x7"),
        (
            "\"yolox\"\nstrides = [8, 16, 32]",
            "\"detr\"\nboxes = \"boxes\"\nlogits = \"grid\"\nactivation = \"sigmoid\"",
            "the outputs should be one called \"boxes\", but is grid",
        ),
        (
            "\"yolox\"\nstrides = [8, 16, 32]",
            "\"yolo\"\nstyle = \"v8\"",
            "the shape of output \"grid\" should be ?x6x?, but is ?x315x7",
        ),
    ] {
        let error = refusal(&Variant::default(), &[(from, to)]);
        assert_eq!((error.kind(), error.recovery()), (ErrorKind::Mismatch, iris_core::Recovery::GiveUp));
        assert!(error.to_string().contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_model_of_bytes_does_not_fit_a_manifest_of_floats() {
    let error = refusal(&Variant { bytes: true, ..Variant::default() }, &[]);
    assert!(error.to_string().contains("the input's type should be f32, but is u8"), "{error}");
}

#[test]
fn another_hash_is_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let sha256 = format!("sha256 = \"{}\"\n[input]", "0".repeat(64));
    fs::write(folder.path().join("model.toml"), blobs::MANIFEST.replace("[input]", &sha256)).unwrap();
    fs::write(folder.path().join("model.onnx"), blobs::model(&Variant::default())).unwrap();
    let error = Model::open(folder.path()).expect_err("the hash differs").to_string();
    assert!(error.contains("SHA-256") && error.contains(&"0".repeat(64)), "{error}");
    let found = inspect(folder.path()).unwrap();
    assert!(found.manifest.is_err());
    let right = format!("sha256 = \"{}\"\n[input]", found.sha256);
    fs::write(folder.path().join("model.toml"), blobs::MANIFEST.replace("[input]", &right)).unwrap();
    assert!(Model::open(folder.path()).is_ok());
}

#[test]
fn a_bare_file_is_recognised_by_its_shapes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my-blobs.onnx");
    fs::write(&path, blobs::model(&Variant::default())).unwrap();
    let info = inspect(&path).unwrap();
    assert_eq!(info.signature.to_string(), "image f32 ?x3x96x160 -> grid f32 ?x315x7");
    assert_eq!(info.producer.as_deref(), Some("iris make-blobs"));
    let manifest = Model::open(&path).unwrap().manifest;
    assert_eq!((manifest.name.as_str(), manifest.classes.len()), ("my-blobs", 2));
    assert_eq!(*manifest, info.manifest.unwrap());
}

#[test]
fn what_is_no_model_is_an_error_and_not_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let whole = blobs::model(&Variant::default());
    for (name, bytes) in [("empty.onnx", &[][..]), ("torn.onnx", &whole[..whole.len() / 2]), ("text.onnx", b"hello")] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = Model::open(&path).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Unsafe, "{name}: {error}");
    }
    // Nobody writes into a pipe, and nobody waits for it.
    assert_eq!(Model::open(Path::new("/dev/zero")).expect_err("no file").kind(), ErrorKind::Read);
    assert_eq!(Model::open(folder.path()).expect_err("no model.toml").kind(), ErrorKind::Read);
    assert_eq!(inspect(Path::new("/nowhere.onnx")).expect_err("no file").kind(), ErrorKind::Read);
}
