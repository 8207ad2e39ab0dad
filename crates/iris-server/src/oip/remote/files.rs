//! Frames as JPEG files, for servers that take them: a fraction of the tensor's bytes, and not quite the same pixels.

use iris_infer::manifest::Input;
use iris_infer::{DataType, Manifest, Port, Signature, Value, push_text};

use crate::oip::pictures;

/// How a server takes the images of a detector's input as files.
#[derive(Debug, PartialEq)]
pub(super) struct Files {
    /// What the input is called there.
    name: String,
    form: Form,
    input: Input,
}

/// What a tensor of files is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// An element a file, in so many dimensions, of which the first is the batch.
    Elements(usize),
    /// A row of bytes a file, all as long as the longest, as the DALI backend of Triton takes them.
    Rows,
    /// The bytes of one file.
    Bytes,
}

impl Files {
    /// If the server says that it takes files, or they are `wanted` whatever it says. Then `signature` becomes that of the
    /// detector that takes their tensor.
    pub(super) fn expected(signature: &mut Signature, manifest: &Manifest, wanted: bool) -> Option<Self> {
        let ([port], Some(input)) = (&mut signature.inputs[..], &manifest.input) else { return None };
        let form = match (port.data_type(), &port.shape[..]) {
            (Some(DataType::Text), shape) => Form::Elements(shape.len()),
            (Some(DataType::U8), [_, None]) => Form::Rows,
            (Some(DataType::U8), [None]) => Form::Bytes,
            _ if wanted => Form::Elements(1),
            _ => return None,
        };
        let batch = if form == Form::Bytes { Some(1) } else { port.shape.first().copied().flatten() };
        let [width, height] = [input.width, input.height].map(|side| Some(side as usize));
        let name = input.name.clone().unwrap_or_else(|| port.name.clone());
        let tensor = Port { name, element: input.element.to_string(), shape: vec![batch, Some(3), height, width] };
        let name = std::mem::replace(port, tensor).name;
        Some(Self { name, form, input: input.clone() })
    }

    /// The images of tensors as files.
    ///
    /// # Errors
    /// Why one cannot be.
    pub(super) fn write(&self, images: &[Value]) -> Result<Vec<Value>, String> {
        images.iter().map(|images| Ok(self.pack(&pictures::encode(images, &self.input)?))).collect()
    }

    fn pack(&self, files: &[Vec<u8>]) -> Value {
        let mut bytes = Vec::new();
        let (data_type, shape) = match self.form {
            Form::Elements(rank) => {
                for file in files {
                    push_text(&mut bytes, file);
                }
                let mut shape = vec![1; rank.max(1)];
                shape[0] = files.len();
                (DataType::Text, shape)
            }
            Form::Rows | Form::Bytes => {
                let longest = files.iter().map(Vec::len).max().unwrap_or(0);
                for (file, row) in files.iter().zip(1..) {
                    bytes.extend_from_slice(file);
                    // Behind the end of the picture, where no decoder looks.
                    bytes.resize(row * longest, 0);
                }
                let shape = if self.form == Form::Rows { vec![files.len(), longest] } else { vec![longest] };
                (DataType::U8, shape)
            }
        };
        Value { name: self.name.clone(), data_type, shape, bytes: bytes.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(element: &str, shape: &[Option<usize>], wanted: bool) -> (Signature, Option<Files>) {
        let manifest = "name = 'n'\ntask = 'detect'\nclasses = ['a']\n[output]\ndecoder = 'yolox'\n\
                        [input]\nname = 'images'\nwidth = 8\nheight = 4\ncolor = 'rgb'\n";
        let manifest = Manifest::parse(manifest, "model.toml".as_ref()).expect("a manifest");
        let port = Port { name: "files".into(), element: element.into(), shape: shape.to_vec() };
        let mut signature = Signature { inputs: vec![port], outputs: Vec::new() };
        let files = Files::expected(&mut signature, &manifest, wanted);
        (signature, files)
    }

    #[test]
    fn a_server_gets_files_in_the_form_that_it_says() {
        let (text, u8) = (DataType::Text, DataType::U8);
        let elements = b"\x01\0\0\0a\x03\0\0\0bcd";
        for (element, shape, batch, sent) in [
            ("String", &[None][..], None, (text, &[2][..], &elements[..])),
            ("String", &[None, Some(1)], None, (text, &[2, 1], elements)),
            ("String", &[None, None], None, (text, &[2, 1], elements)),
            ("String", &[Some(1)], Some(1), (text, &[2], elements)),
            ("u8", &[None, None], None, (u8, &[2, 3], b"a\0\0bcd")),
            ("u8", &[None], Some(1), (u8, &[3], b"a\0\0bcd")),
        ] {
            let (signature, files) = expected(element, shape, false);
            assert_eq!(signature.inputs[0].to_string(), format!("images f32 {}x3x4x8", batch.map_or("?", |_| "1")));
            let packed = files.expect("files").pack(&[b"a".to_vec(), b"bcd".to_vec()]);
            assert_eq!(
                (&*packed.name, packed.data_type, &*packed.shape, &*packed.bytes),
                ("files", sent.0, sent.1, sent.2)
            );
        }
    }

    #[test]
    fn a_server_that_takes_tensors_gets_files_only_if_they_are_wanted() {
        let shape = [None, Some(4), Some(8), Some(3)];
        let (signature, files) = expected("f32", &shape, false);
        assert_eq!((files, signature.inputs[0].to_string()), (None, "files f32 ?x4x8x3".into()));
        let (signature, files) = expected("f32", &shape, true);
        assert_eq!(files.expect("files").form, Form::Elements(1));
        assert_eq!(signature.inputs[0].to_string(), "images f32 ?x3x4x8");
    }
}
