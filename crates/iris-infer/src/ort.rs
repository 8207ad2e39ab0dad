//! ONNX Runtime as a [`Runtime`]: one session, on a CPU or by another [`Provider`]. On a CPU that means one thread and one
//! image at a time: measured with YOLOX-nano at 416×416 on two cores, two such sessions give about twice what one
//! two-threaded session gives, and batches gain nothing.

use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue, SessionOutputs};
use ort::value::{DynValue, Outlet, TensorRef, ValueType};
use smallvec::SmallVec;

use crate::runtime::{Output, Port, Reader, Runtime, Signature};
use crate::tensor::{ElementType, Samples, Tensor};
use crate::{Error, Model, Provider, library};

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
            _ => None,
        };
        let builder = provider.register(builder(1)?, model.manifest.precision, signature.as_ref())?;
        Self::commit(builder, &model.onnx)
    }

    fn commit(mut builder: SessionBuilder, onnx: &[u8]) -> Result<Self, Error> {
        let session = builder.commit_from_memory(onnx).map_err(failed("loading the model"))?;
        let signature = signature(&session)?;
        let single = preallocate(&session, &signature)?;
        let batch = Samples::new(element(&signature.inputs[0])?, 0);
        Ok(Self { session, signature, single, batch })
    }

    /// Who exported the model, as its file says.
    pub(crate) fn producer(&self) -> Option<String> {
        let metadata = self.session.metadata().ok()?;
        metadata.producer().filter(|name| !name.is_empty())
    }

    fn takes_batches(&self) -> bool {
        self.signature.inputs[0].shape.first() == Some(&None)
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
        if batch.len() > 1 && self.takes_batches() {
            return self.run_batch(batch, read);
        }
        batch.iter().enumerate().try_for_each(|(i, tensor)| self.run_single(i, tensor, read))
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
        .map_err(failed(doing))
}

fn failed<R>(doing: &'static str) -> impl FnOnce(ort::Error<R>) -> Error {
    move |e| Error::Runtime { doing, message: e.message().to_owned() }
}

fn signature(session: &Session) -> Result<Signature, Error> {
    let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect::<Result<Vec<_>, _>>();
    let signature = Signature { inputs: ports(session.inputs())?, outputs: ports(session.outputs())? };
    match signature.inputs.as_slice() {
        [_] => Ok(signature),
        inputs => Err(Error::mismatch("the number of inputs", &1, &inputs.len())),
    }
}

fn element(input: &Port) -> Result<ElementType, Error> {
    [ElementType::F32, ElementType::U8]
        .into_iter()
        .find(|element| element.to_string() == input.element)
        .ok_or_else(|| Error::mismatch(format!("the type of input {:?}", input.name), &"f32 or u8", &input.element))
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

fn gather(batch: &[&Tensor], into: &mut Samples) -> Result<(), Error> {
    into.clear();
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
