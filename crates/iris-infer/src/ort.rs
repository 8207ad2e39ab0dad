//! ONNX Runtime as a [`Runtime`]: one session, on a CPU or by another [`Provider`]. On a CPU that means one thread and one
//! image at a time: measured with YOLOX-nano at 416×416 on two cores, two such sessions give about twice what one
//! two-threaded session gives, and batches gain nothing.

use std::ptr;

use bytes::Bytes;
use ort::memory::Allocator;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue, SessionOutputs};
use ort::value::{DynTensor, DynValue, Outlet, TensorElementType, TensorRef, ValueType};
use smallvec::SmallVec;

use crate::runtime::{Output, Port, Reader, Runtime, Signature};
use crate::tensor::{ElementType, Samples, Tensor};
use crate::value::{push_text, texts};
use crate::{DataType, Error, Model, Provider, Remote, Value, library, onnx, trial};

type Dims = SmallVec<[usize; 4]>;

/// A session of ONNX Runtime.
pub struct OrtRuntime {
    session: Session,
    signature: Signature,
    /// Outputs for a single image that are written again and again, where the model fixes their shapes.
    single: Option<RunOptions<HasSelectedOutputs>>,
    batch: Samples,
}

impl OrtRuntime {
    /// Loads a model from the bytes of its file, to run on `threads` threads of the CPU (1 is best where several sessions
    /// run).
    pub fn load(onnx: &[u8], threads: usize) -> Result<Self, Error> {
        Self::commit(builder(threads)?, onnx)
    }

    /// Loads a model by a provider. For TensorRT that makes an engine the first time, which takes minutes.
    pub fn open(model: &Model, provider: &Provider) -> Result<Self, Error> {
        // What its input is called must be known before TensorRT sees the model.
        let signature = match provider {
            Provider::TensorRt { .. } => Some(Self::load(&model.onnx, 1)?.signature),
            Provider::Remote(Remote { url, .. }) => {
                return Err(Error::Remote { server: url.clone(), what: "ONNX Runtime runs nothing there".into() });
            }
            Provider::Cpu | Provider::Cuda { .. } => None,
        };
        let builder = provider.register(builder(1)?, model.manifest.precision, signature.as_ref())?;
        Self::commit(builder, &model.onnx)
    }

    /// The one place where ONNX Runtime gets to see a file.
    fn commit(mut builder: SessionBuilder, onnx: &[u8]) -> Result<Self, Error> {
        onnx::check(onnx)?;
        trial::pass(onnx)?;
        let session = builder.commit_from_memory(onnx).map_err(failed("loading the model"))?;
        let signature = signature(&session)?;
        let single = preallocate(&session, &signature)?;
        Ok(Self { session, signature, single, batch: Samples::new(ElementType::default(), 0) })
    }

    /// Who exported the model, as its file says.
    pub(crate) fn producer(&self) -> Option<String> {
        let metadata = self.session.metadata().ok()?;
        metadata.producer().filter(|name| !name.is_empty())
    }

    fn run_single(&mut self, index: usize, tensor: &Tensor, read: &mut Reader<'_>) -> Result<(), Error> {
        let input = [view(1, tensor.shape(), tensor.samples())?];
        let outputs = match &self.single {
            Some(options) => self.session.run_with_options(input, options),
            None => self.session.run(input),
        };
        let outputs = outputs.map_err(failed("running the model"))?;
        lend(&outputs, 1, &mut |_, outputs| read(index, outputs))
    }

    fn run_batch(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error> {
        gather(batch, &mut self.batch)?;
        let input = [view(batch.len(), batch[0].shape(), &self.batch)?];
        let outputs = self.session.run(input).map_err(failed("running the model"))?;
        lend(&outputs, batch.len(), read)
    }
}

impl Runtime for OrtRuntime {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, batch: &[&Tensor], read: &mut Reader<'_>) -> Result<(), Error> {
        if batch.len() > 1 && self.signature.takes_batches() {
            return self.run_batch(batch, read);
        }
        batch.iter().enumerate().try_for_each(|(i, tensor)| self.run_single(i, tensor, read))
    }

    fn infer(&mut self, inputs: &[Value], outputs: &[String]) -> Result<Vec<Value>, Error> {
        let pass = |value: &Value| Ok((value.name.clone(), SessionInputValue::from(pass(value)?)));
        let inputs = inputs.iter().map(pass).collect::<Result<Vec<_>, Error>>()?;
        let returned = self.session.run(inputs).map_err(failed("running the model"))?;
        let find = |name: &String| {
            let missing = || Error::bad_output(format!("{name:?} is missing"));
            take(name, returned.get(name.as_str()).ok_or_else(missing)?)
        };
        outputs.iter().map(find).collect()
    }
}

fn builder(threads: usize) -> Result<SessionBuilder, Error> {
    let doing = "configuring a session";
    SessionBuilder::new(&library::environment()?)
        .map_err(failed(doing))?
        .with_optimization_level(GraphOptimizationLevel::All)
        .map_err(failed(doing))?
        .with_intra_threads(threads.max(1))
        .map_err(failed(doing))?
        .with_inter_threads(1)
        .map_err(failed(doing))?
        .with_intra_op_spinning(false)
        .map_err(failed(doing))?
        // Without it INT8 models are faster and wrong on x86-64 processors without VNNI: sums of two products of bytes
        // overflow their 16 bits.
        .with_config_entry("session.x64quantprecision", "1")
        .map_err(failed(doing))
}

fn failed<R>(doing: &'static str) -> impl FnOnce(ort::Error<R>) -> Error {
    move |e| Error::Runtime { doing, message: e.message().to_owned() }
}

fn signature(session: &Session) -> Result<Signature, Error> {
    let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect::<Result<Vec<_>, _>>();
    Ok(Signature { inputs: ports(session.inputs())?, outputs: ports(session.outputs())? })
}

fn port(outlet: &Outlet) -> Result<Port, Error> {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Err(Error::mismatch(outlet.name(), &"a tensor", outlet.dtype()));
    };
    let shape = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    Ok(Port { name: outlet.name().to_owned(), element: ty.to_string(), shape })
}

/// Output tensors that ONNX Runtime writes into at every run instead of making new ones; none if a shape is open.
fn preallocate(session: &Session, signature: &Signature) -> Result<Option<RunOptions<HasSelectedOutputs>>, Error> {
    let mut selector = OutputSelector::default();
    for port in &signature.outputs {
        let open_batch = port.shape.first() == Some(&None);
        let rest = &port.shape[usize::from(open_batch)..];
        let Some(rest) = rest.iter().copied().collect::<Option<Vec<usize>>>() else { return Ok(None) };
        if port.element != "f32" {
            return Ok(None);
        }
        let shape: Vec<usize> = open_batch.then_some(1).into_iter().chain(rest).collect();
        let tensor =
            ort::value::Tensor::<f32>::new(session.allocator(), shape).map_err(failed("allocating an output"))?;
        selector = selector.preallocate(port.name.as_str(), tensor);
    }
    let options = RunOptions::new().map_err(failed("configuring a run"))?;
    Ok(Some(options.with_outputs(selector)))
}

fn view(count: usize, [c, h, w]: [usize; 3], samples: &Samples) -> Result<SessionInputValue<'_>, Error> {
    let shape = [count, c, h, w];
    let doing = "passing an input";
    match samples {
        Samples::F32(v) => TensorRef::from_array_view((shape, v.as_slice())).map(Into::into).map_err(failed(doing)),
        Samples::U8(v) => TensorRef::from_array_view((shape, v.as_slice())).map(Into::into).map_err(failed(doing)),
    }
}

/// A copy of a value in ONNX Runtime's memory.
fn pass(value: &Value) -> Result<DynTensor, Error> {
    let doing = "passing an input";
    if value.data_type == DataType::Text {
        let texts = texts(&value.bytes).map_err(|what| Error::BadInput { what })?;
        let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let tensor = ort::value::Tensor::from_string_array((value.shape.as_slice(), texts.as_slice()));
        return tensor.map(ort::value::Tensor::upcast).map_err(failed(doing));
    }
    let allocator = Allocator::default();
    let mut tensor =
        DynTensor::new(&allocator, element_type(value.data_type), value.shape.as_slice()).map_err(failed(doing))?;
    match tensor.size() {
        Some(size) if size == value.bytes.len() => {}
        size => {
            return Err(Error::mismatch(
                format!("the bytes of {:?}", value.name),
                &size.unwrap_or(0),
                &value.bytes.len(),
            ));
        }
    }
    // SAFETY: the tensor is on the CPU and owns as many bytes as are copied, which was just compared; all bits are values
    // of its type, but for bool, whose bytes `Signature::check` has looked at.
    #[expect(unsafe_code, reason = "ONNX Runtime's types include some that Rust does not have")]
    unsafe {
        ptr::copy_nonoverlapping(value.bytes.as_ptr(), tensor.data_ptr_mut().cast(), value.bytes.len());
    }
    Ok(tensor)
}

/// A copy of an output in our memory.
fn take(name: &str, value: &DynValue) -> Result<Value, Error> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err(Error::bad_output(format!("{name:?} is not a tensor")));
    };
    let unknown = || Error::bad_output(format!("{name:?} is of the type {ty}, which cannot be passed on"));
    let data_type = DataType::ALL.into_iter().find(|data_type| element_type(*data_type) == *ty).ok_or_else(unknown)?;
    let shape: Vec<usize> = shape.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    if data_type == DataType::Text {
        let (_, texts) = value.try_extract_strings().map_err(failed("reading an output"))?;
        let mut bytes = Vec::new();
        for text in texts {
            push_text(&mut bytes, text.as_bytes());
        }
        return Ok(Value { name: name.to_owned(), data_type, shape, bytes: bytes.into() });
    }
    let size = Value::byte_size(data_type, &shape).unwrap_or(0);
    let tensor = value.view().downcast::<ort::value::DynTensorValueType>().map_err(failed("reading an output"))?;
    if !tensor.memory_info().is_cpu_accessible() {
        return Err(Error::bad_output(format!("{name:?} is not in the CPU's memory")));
    }
    let bytes = if size == 0 {
        Bytes::new()
    } else {
        // SAFETY: the tensor is in the CPU's memory, which was just asked, and lives as long as `value`; it has as many bytes
        // as its own type and shape say.
        #[expect(unsafe_code, reason = "ONNX Runtime's types include some that Rust does not have")]
        let bytes = unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast::<u8>(), size) };
        Bytes::copy_from_slice(bytes)
    };
    Ok(Value { name: name.to_owned(), data_type, shape, bytes })
}

const fn element_type(data_type: DataType) -> TensorElementType {
    match data_type {
        DataType::Bool => TensorElementType::Bool,
        DataType::U8 => TensorElementType::Uint8,
        DataType::U16 => TensorElementType::Uint16,
        DataType::U32 => TensorElementType::Uint32,
        DataType::U64 => TensorElementType::Uint64,
        DataType::I8 => TensorElementType::Int8,
        DataType::I16 => TensorElementType::Int16,
        DataType::I32 => TensorElementType::Int32,
        DataType::I64 => TensorElementType::Int64,
        DataType::F16 => TensorElementType::Float16,
        DataType::Bf16 => TensorElementType::Bfloat16,
        DataType::F32 => TensorElementType::Float32,
        DataType::F64 => TensorElementType::Float64,
        DataType::Text => TensorElementType::String,
    }
}

fn gather(batch: &[&Tensor], into: &mut Samples) -> Result<(), Error> {
    match batch.first().map(|tensor| tensor.samples().element()) {
        Some(element) if element != into.element() => *into = Samples::new(element, 0),
        _ => into.clear(),
    }
    for tensor in batch {
        match (&mut *into, tensor.samples()) {
            (Samples::F32(all), Samples::F32(one)) => all.extend_from_slice(one),
            (Samples::U8(all), Samples::U8(one)) => all.extend_from_slice(one),
            (all, one) => return Err(Error::mismatch("the input's elements", &all.element(), &one.element())),
        }
    }
    Ok(())
}

/// Lends the outputs of each of `count` images.
fn lend(outputs: &SessionOutputs<'_>, count: usize, read: &mut Reader<'_>) -> Result<(), Error> {
    let whole = (0..outputs.len()).map(|i| extract(&outputs[i], count)).collect::<Result<SmallVec<[_; 4]>, _>>()?;
    for index in 0..count {
        let one: SmallVec<[Output<'_>; 4]> = whole
            .iter()
            .map(|(shape, data): &(Dims, &[f32])| {
                let len = data.len() / count;
                Output { shape: &shape[1..], data: &data[index * len..][..len] }
            })
            .collect();
        read(index, &one)?;
    }
    Ok(())
}

fn extract(value: &DynValue, count: usize) -> Result<(Dims, &[f32]), Error> {
    let (shape, data) = value.try_extract_tensor::<f32>().map_err(failed("reading an output"))?;
    let shape: Dims = shape.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    match shape.first() {
        Some(&batch) if batch == count => Ok((shape, data)),
        _ => Err(Error::bad_output(format!("has the shape {shape:?}, which does not begin with {count} images"))),
    }
}
