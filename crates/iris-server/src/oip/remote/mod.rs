//! The protocol outwards: another server as a device of this one. Of it only live, ready, metadata and infer are needed, by
//! REST or gRPC.
//!
//! A server that does not answer in time, or with an error, has failed like a device; what follows from that is the
//! pipeline's business.

mod files;
mod grpc;
mod link;
mod rest;

use std::borrow::Cow;
use std::time::Duration;

use iris_infer::runtime::Reader;
use iris_infer::{DataType, Error, Model, Output, Port, Provider, Remote, Runtime, Signature, Tensor, Value};
use iris_pipeline::{Backend, DeviceSettings, OnnxRuntime};
use tokio::runtime::Handle;

use self::files::Files;
use self::link::Link;
use super::pictures::gather;

/// How long an answer is awaited. A frame that is answered later is of no use.
const PATIENCE: Duration = Duration::from_secs(2);

/// Devices of this machine by ONNX Runtime, and other servers.
pub(crate) struct Devices(pub(crate) Handle);

impl Backend for Devices {
    fn check(&self, device: &DeviceSettings) -> Result<(), Error> {
        OnnxRuntime.check(device)
    }

    fn load(&self, device: &DeviceSettings, model: &Model) -> Result<Box<dyn Runtime>, Error> {
        match &device.provider {
            Provider::Remote(remote) => Ok(Box::new(RemoteRuntime::connect(self.0.clone(), remote, model)?)),
            _ => OnnxRuntime.load(device, model),
        }
    }
}

/// A model of another server.
struct RemoteRuntime {
    tasks: Handle,
    link: Link,
    /// The server's address, for people.
    server: String,
    /// The model's name there.
    model: String,
    /// As if the server took tensors, also where it gets files.
    signature: Signature,
    /// Whether the server takes tensors as binary data.
    binary: bool,
    /// How images go, if they go as files.
    files: Option<Files>,
}

impl RemoteRuntime {
    fn connect(tasks: Handle, remote: &Remote, model: &Model) -> Result<Self, Error> {
        let server = remote.url.clone();
        let failed = |what| Error::Remote { server: server.clone(), what };
        let mut link = Link::new(remote).map_err(failed)?;
        let name = remote.model.as_deref().unwrap_or(&model.manifest.name).to_owned();
        let look = async {
            if link.is_grpc() { grpc::look(&mut link, &name).await } else { rest::look(&mut link, &name).await }
        };
        let looked = tasks.block_on(async { tokio::time::timeout(PATIENCE, look).await });
        let (mut signature, binary) = looked.unwrap_or_else(|_| Err(late())).map_err(failed)?;
        let files = Files::expected(&mut signature, &model.manifest, remote.jpeg);
        if files.is_some() && !binary {
            return Err(failed("it takes no binary data by REST, and JPEG is nothing else; ask it by gRPC".into()));
        }
        Ok(Self { tasks, link, server, model: name, signature, binary, files })
    }

    fn ask(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        let inputs = match &self.files {
            Some(files) => Cow::Owned(files.write(inputs).map_err(|what| self.failed(what))?),
            None => Cow::Borrowed(inputs),
        };
        let Self { tasks, link, model, binary, .. } = self;
        let (inputs, link) = (&*inputs, link);
        let ask = async {
            if link.is_grpc() {
                grpc::infer(link, model, inputs, outputs).await
            } else {
                rest::infer(link, model, inputs, outputs, *binary).await
            }
        };
        let answered = tasks.block_on(async { tokio::time::timeout(PATIENCE, ask).await });
        let mut answered = answered.unwrap_or_else(|_| Err(late())).map_err(|what| self.failed(what))?;
        let find = |name: &String| {
            let at = answered.iter().position(|value| value.name == *name);
            at.map(|at| answered.swap_remove(at)).ok_or_else(|| name.clone())
        };
        let found: Result<Vec<Value>, String> = outputs.iter().map(find).collect();
        found.map_err(|name| self.failed(format!("the answer lacks the output {name:?}")))
    }

    fn failed(&self, what: String) -> Error {
        Error::Remote { server: self.server.clone(), what }
    }
}

fn late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

impl Runtime for RemoteRuntime {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error> {
        let Signature { inputs, outputs } = &self.signature;
        let names: Vec<String> = outputs.iter().map(|port| port.name.clone()).collect();
        let Some(Port { name, shape, .. }) = inputs.first() else {
            return Err(self.failed("the model takes nothing".into()));
        };
        let (name, is_open) = (name.clone(), shape.first() == Some(&None));
        let most = if is_open { batch.len().max(1) } else { 1 };
        for (n, part) in batch.chunks(most).enumerate() {
            let values = self.ask(&[gather(&name, part)], &names)?;
            lend(&values, part.len(), &mut |index, outputs| read(n * most + index, outputs))?;
        }
        Ok(())
    }

    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        self.ask(inputs, outputs)
    }
}

/// Lends the outputs of each of `count` images.
fn lend(values: &[Value], count: usize, read: &mut Reader<'_>) -> Result<(), Error> {
    let wrong = |value: &Value, what: &str| Error::BadOutput { what: format!("{:?} {what}", value.name) };
    let mut whole = Vec::with_capacity(values.len());
    for value in values {
        if value.data_type != DataType::F32 {
            return Err(wrong(value, "is not FP32"));
        }
        if value.shape.first() != Some(&count) {
            return Err(wrong(
                value,
                &format!("has the shape {:?}, which does not begin with {count} images", value.shape),
            ));
        }
        if Value::byte_size(DataType::F32, &value.shape) != Some(value.bytes.len()) {
            return Err(wrong(value, "has not as many bytes as its shape says"));
        }
        let float = |bytes: &[u8]| bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
        whole.push((&value.shape[1..], value.bytes.chunks_exact(4).map(float).collect::<Vec<f32>>()));
    }
    for index in 0..count {
        let one = whole.iter().map(|(shape, data)| {
            let length = data.len() / count;
            Output { shape, data: &data[index * length..][..length] }
        });
        read(index, &one.collect::<Vec<_>>())?;
    }
    Ok(())
}

/// An input or output as the server describes it. A type that there is not is left as the server calls it, so that whoever
/// needs it says so.
fn port(name: String, datatype: String, shape: &[i64]) -> Port {
    let element = super::parse_datatype(&datatype).map_or(datatype, |known| known.label().to_owned());
    Port { name, element, shape: shape.iter().map(|side| usize::try_from(*side).ok()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(shape: &[usize], values: &[f32]) -> Value {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Value { name: "y".into(), data_type: DataType::F32, shape: shape.to_vec(), bytes: bytes.into() }
    }

    #[test]
    fn outputs_come_back_one_by_one() {
        let mut seen = Vec::new();
        let outputs = [floats(&[2, 2], &[1., 2., 3., 4.]), floats(&[2, 1, 1], &[5., 6.])];
        let mut read = |index, outputs: &[Output<'_>]| {
            seen.push((index, outputs.iter().map(|output| (output.shape.to_vec(), output.data.to_vec())).collect()));
            Ok(())
        };
        lend(&outputs, 2, &mut read).expect("they fit");
        let images: [(usize, Vec<_>); 2] = [
            (0, vec![(vec![2], vec![1., 2.]), (vec![1, 1], vec![5.])]),
            (1, vec![(vec![2], vec![3., 4.]), (vec![1, 1], vec![6.])]),
        ];
        assert_eq!(seen, images);
    }

    #[test]
    fn outputs_that_are_not_of_these_images_are_errors() {
        let bytes = Value { data_type: DataType::U8, ..floats(&[1, 4], &[1.]) };
        for (value, expected) in [
            (floats(&[2, 1], &[1., 2.]), "does not begin with 1 images"),
            (floats(&[], &[1.]), "does not begin with 1 images"),
            (floats(&[1, 3], &[1., 2.]), "not as many bytes"),
            (bytes, "is not FP32"),
        ] {
            let error = lend(&[value], 1, &mut |_, _| Ok(())).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
