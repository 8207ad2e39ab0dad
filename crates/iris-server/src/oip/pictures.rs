//! A detector's input as pictures: files of which each becomes an image of the input, and the way back for servers that want
//! files. Pure.
//!
//! The protocol knows no pictures. Servers that take them want a tensor of `BYTES`, an element a file: OpenVINO Model Server
//! for any model that takes images, Triton where the model before the detector decodes them, and this one for any detector.

use std::borrow::Cow;
use std::path::Path;

use iris_core::{CameraId, Epoch, Frame, FrameKey, Size};
use iris_infer::manifest::{Color, Input};
use iris_infer::tensor::Samples;
use iris_infer::{DataType, Prepared, Preprocessor, Tensor, Value, elements};

use crate::door::{Code, Problem};
use crate::picture::{self, Picture, decode_still};

/// The quality of the files that are sent, 1 to 100. docs/guide/devices.md says what it costs and gains.
const QUALITY: u8 = 90;

/// A picture, and as the model takes it, with the way back to the picture's own size. The picture may be smaller than that,
/// unless it is needed `whole`. Errors call it `name`.
///
/// # Errors
/// It is no picture, or too large.
pub(crate) fn open(
    file: &[u8],
    name: &str,
    preprocessor: &mut Preprocessor,
    whole: bool,
) -> Result<(Frame, Prepared), Problem> {
    let internal = |error: String| Problem::new(Code::Internal, error);
    let camera = CameraId::new("still").map_err(|error| internal(error.to_string()))?;
    let key = FrameKey { camera, epoch: Epoch::first(1), seq: 0 };
    let invalid = |error: iris_infer::Error| Problem::new(Code::Invalid, error.to_string());
    // A quarter more than the model sees: with a seventh more its AP50 fell by 0.4 points (docs/adr/0023).
    let with_margin = |Size { width, height }| Size::new(width + width / 4, height + height / 4);
    let needed = |size| if whole { size } else { with_margin(preprocessor.shown(size)) };
    let (frame, size) = decode_still(file, Path::new(name), key, needed).map_err(|error| refused(&error))?;
    let mut prepared = preprocessor.prepare(&frame).map_err(invalid)?;
    prepared.letterbox = prepared.letterbox.of_original(size);
    Ok((frame, prepared))
}

fn refused(error: &picture::Error) -> Problem {
    let code = match error {
        picture::Error::TooLarge { .. } => Code::TooLarge,
        picture::Error::Decode { source: image::ImageError::Unsupported(_), .. } => Code::UnsupportedMediaType,
        _ => Code::Invalid,
    };
    Problem::new(code, error.to_string())
}

/// What a detector takes, of a tensor whose elements are JPEG, PNG or WebP files, at most `most` of them.
///
/// # Errors
/// One is no picture, or there are too many, or not as many as the shape says.
pub(super) fn decode(files: &Value, preprocessor: &mut Preprocessor, most: usize) -> Result<Value, Problem> {
    let Value { name, shape, bytes, .. } = files;
    let bad = |what: String| Problem::new(Code::BadRequest, format!("input {name:?}: {what}"));
    let files = elements(bytes).map_err(bad)?;
    let expected = shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
    if expected != Some(files.len()) {
        return Err(bad(format!("its shape is {shape:?}, and it has {} pictures", files.len())));
    }
    // Before the first is decoded.
    if !(1..=most).contains(&files.len()) {
        return Err(bad(format!("it has {} pictures, and should have 1 to {most}", files.len())));
    }
    let read = |(n, file): (usize, &&[u8])| {
        let of = format!("picture {n} of input {name:?}");
        let wrong = |problem: Problem| match problem.code {
            Code::TooLarge => problem,
            _ => Problem { code: Code::BadRequest, ..problem },
        };
        open(file, &of, preprocessor, false).map(|(_, prepared)| prepared.tensor).map_err(wrong)
    };
    let tensors = files.iter().enumerate().map(read).collect::<Result<Vec<Tensor>, Problem>>()?;
    Ok(gather(name, &tensors.iter().collect::<Vec<_>>()))
}

/// Images of one shape as one input.
pub(super) fn gather(name: &str, batch: &[&Tensor]) -> Value {
    let mut bytes = Vec::new();
    let mut data_type = DataType::F32;
    for tensor in batch {
        match tensor.samples() {
            Samples::F32(floats) => bytes.extend(floats.iter().flat_map(|float| float.to_le_bytes())),
            Samples::U8(samples) => {
                data_type = DataType::U8;
                bytes.extend(samples);
            }
        }
    }
    let image = batch.first().map_or([0; 3], |tensor| tensor.shape());
    let shape = [&[batch.len()], &image[..]].concat();
    Value { name: name.to_owned(), data_type, shape, bytes: bytes.into() }
}

/// The images of a detector's input as JPEG files of its size, so that boxes have the same places as with the tensor.
///
/// # Errors
/// It is not what `input` says.
pub(super) fn encode(images: &Value, input: &Input) -> Result<Vec<Vec<u8>>, String> {
    let pixels = input.size().pixels() as usize;
    let samples = match images.data_type {
        DataType::U8 => Cow::Borrowed(&images.bytes[..]),
        DataType::F32 => Cow::Owned(samples(&images.bytes, pixels, input)),
        other => return Err(format!("images of {other} are no pictures")),
    };
    samples.chunks(3 * pixels).map(|image| file(image, input)).collect()
}

/// The pixel values, 0 to 255, of which the floating-point numbers of an input were made.
fn samples(floats: &[u8], pixels: usize, Input { scale, mean, std, .. }: &Input) -> Vec<u8> {
    let (floats, _) = floats.as_chunks();
    let plane = |(n, plane): (usize, &[[u8; 4]])| {
        let (mean, std) = (mean[n % 3], std[n % 3]);
        // The cast is to the nearest of what there is.
        let sample = move |float: &[u8; 4]| ((f32::from_le_bytes(*float) * std + mean) / scale).round() as u8;
        plane.iter().map(sample).collect::<Vec<u8>>()
    };
    floats.chunks(pixels).enumerate().flat_map(plane).collect()
}

/// A JPEG file of three planes of colours.
fn file(planes: &[u8], input: &Input) -> Result<Vec<u8>, String> {
    let size = input.size();
    let pixels = size.pixels() as usize;
    if planes.len() != 3 * pixels {
        return Err(format!("an image of {size} should have {} samples, and has {}", 3 * pixels, planes.len()));
    }
    let order = match input.color {
        Color::Rgb => [0, 1, 2],
        Color::Bgr => [2, 1, 0],
    };
    let picture = Picture::of_rgb(size, |at| order.map(|plane| planes[plane * pixels + at]));
    picture.to_jpeg(QUALITY).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iris_core::Rect;
    use iris_infer::{Manifest, push_text};
    use proptest::prelude::*;

    /// A detector that takes 64x32 pixels, with more said of them.
    fn manifest(more: &str) -> Manifest {
        let text = format!(
            "name = 'n'\ntask = 'detect'\nclasses = ['a']\n[output]\ndecoder = 'yolox'\n\
             [input]\nwidth = 64\nheight = 32\n{more}"
        );
        Manifest::parse(&text, "model.toml".as_ref()).expect("a manifest")
    }

    fn preprocessor(manifest: &Manifest) -> Preprocessor {
        Preprocessor::new(manifest).expect("a detector")
    }

    /// A picture of smooth colours, as a model takes it.
    fn image(manifest: &Manifest) -> Tensor {
        let smooth = |at: usize, step: f32| (128.0 + 100.0 * ((at % 64 + at / 64) as f32 * step).sin()) as u8;
        let picture = Picture::of_rgb(manifest.input.as_ref().expect("a detector").size(), |at| {
            [smooth(at, 0.05), smooth(at, 0.07), smooth(at, 0.03)]
        });
        let png = picture.to_jpeg(100).expect("a file");
        open(&png, "it", &mut preprocessor(manifest), true).expect("a picture").1.tensor
    }

    fn tensor_of_files(files: &[Vec<u8>], shape: &[usize]) -> Value {
        let mut bytes = Vec::new();
        for file in files {
            push_text(&mut bytes, file);
        }
        Value { name: "x".into(), data_type: DataType::Text, shape: shape.to_vec(), bytes: bytes.into() }
    }

    #[test]
    fn images_that_went_as_files_come_back_nearly_as_they_were() {
        for more in [
            "color = 'rgb'\ntype = 'u8'",
            "color = 'bgr'\ntype = 'u8'",
            "color = 'bgr'",
            "color = 'rgb'\nscale = 0.003921569\nmean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]",
        ] {
            let manifest = manifest(more);
            let input = manifest.input.as_ref().expect("a detector");
            let image = image(&manifest);
            let images = gather("x", &[&image, &image]);
            let files = encode(&images, input).expect("files");
            assert!(files.len() == 2 && files.iter().all(|file| file.starts_with(b"\xff\xd8") && file.len() < 2500));
            let back = decode(&tensor_of_files(&files, &[2, 1]), &mut preprocessor(&manifest), 2).expect("pictures");
            assert_eq!((&back.shape, back.data_type), (&images.shape, images.data_type));
            let step = if images.data_type == DataType::U8 { 1.0 } else { input.scale / input.std[0] };
            let values = |value: &Value| -> Vec<f32> {
                let (floats, _) = value.bytes.as_chunks();
                match value.data_type {
                    DataType::F32 => floats.iter().map(|float| f32::from_le_bytes(*float)).collect(),
                    _ => value.bytes.iter().map(|sample| f32::from(*sample)).collect(),
                }
            };
            let most = values(&images).iter().zip(values(&back)).map(|(a, b)| (a - b).abs() / step).fold(0.0, f32::max);
            assert!(most < 12.0, "{more}: {most}");
        }
    }

    #[test]
    fn a_picture_is_decoded_no_larger_than_the_model_sees_it_unless_it_is_needed_whole() {
        let manifest = manifest("color = 'rgb'\ntype = 'u8'");
        let smooth = |at: usize| (128.0 + 100.0 * ((at % 300 + at / 300) as f32 * 0.02).sin()) as u8;
        let large = Size::new(300, 160);
        let jpeg = Picture::of_rgb(large, |at| [smooth(at), 90, 255 - smooth(at)]).to_jpeg(95).expect("a file");
        let (frame, whole) = open(&jpeg, "it", &mut preprocessor(&manifest), true).expect("a picture");
        assert_eq!(frame.size, large);
        let (frame, reduced) = open(&jpeg, "it", &mut preprocessor(&manifest), false).expect("a picture");
        assert_eq!((frame.size, reduced.letterbox.image), (Size::new(75, 40), large));
        let corner = |prepared: &Prepared| prepared.letterbox.to_image(Rect::new(0.0, 0.0, 60.0, 32.0));
        assert!((corner(&whole).x1 - corner(&reduced).x1).abs() < 0.01, "{:?}", corner(&reduced));
        let [Samples::U8(whole), Samples::U8(reduced)] = [whole.tensor.samples(), reduced.tensor.samples()] else {
            panic!("the model takes bytes");
        };
        let most = whole.iter().zip(reduced).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most < Some(12), "{most:?}");
    }

    #[test]
    fn what_are_no_pictures_or_too_many_is_refused() {
        let manifest = manifest("color = 'rgb'");
        let good = encode(&gather("x", &[&image(&manifest)]), manifest.input.as_ref().expect("one")).expect("files");
        let two = [good.clone(), good.clone()].concat();
        for (files, code, expected) in [
            (tensor_of_files(&two, &[2]), Code::BadRequest, "has 2 pictures, and should have 1 to 1"),
            (tensor_of_files(&[], &[0]), Code::BadRequest, "has 0 pictures"),
            (tensor_of_files(&good, &[2]), Code::BadRequest, "its shape is [2], and it has 1 pictures"),
            (tensor_of_files(&[b"text".to_vec()], &[1]), Code::BadRequest, "picture 0 of input \"x\""),
            (Value { bytes: vec![9, 0, 0, 0, 1].into(), ..tensor_of_files(&[], &[1]) }, Code::BadRequest, "9 bytes"),
        ] {
            let problem = decode(&files, &mut preprocessor(&manifest), 1).expect_err(expected);
            assert!(problem.code == code && problem.detail.contains(expected), "{problem:?}");
        }
    }

    #[test]
    fn what_is_no_image_of_the_input_does_not_become_a_file() {
        let manifest = manifest("color = 'rgb'");
        let input = manifest.input.as_ref().expect("a detector");
        for (data_type, bytes, expected) in [(DataType::I64, 8, "i64"), (DataType::F32, 44, "should have 6144 samples")]
        {
            let images = Value { name: "x".into(), data_type, shape: vec![1], bytes: vec![0; bytes].into() };
            let why = encode(&images, input).expect_err(expected);
            assert!(why.contains(expected), "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_pictures_or_refused(bytes: Vec<u8>) {
            let value = Value { bytes: bytes.into(), ..tensor_of_files(&[], &[1]) };
            prop_assert!(decode(&value, &mut preprocessor(&manifest("color = 'rgb'")), 4).is_err());
        }
    }
}
