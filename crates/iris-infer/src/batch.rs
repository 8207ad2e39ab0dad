//! Requests of several programs as one run of a model: their tensors put together along the batch, and the answers taken
//! apart again. Which requests are put together is [`Requests`](crate::Requests)' to say.

use bytes::{Bytes, BytesMut};

use crate::{DataType, Error, Port, Signature, Value};

/// Whether the model leaves the batch of all its inputs and of `outputs` open, and all `inputs` hold as many images, so that
/// they can be put together with those of others. Texts, each of its own length, are not. `inputs` have passed
/// [`Signature::check`].
pub fn is_open(signature: &Signature, inputs: &[Value], outputs: &[String]) -> bool {
    let asked = signature.outputs.iter().filter(|port| outputs.contains(&port.name));
    let is_open =
        |port: &Port| port.shape.first() == Some(&None) && port.data_type().and_then(DataType::size).is_some();
    let all_open = signature.inputs.iter().chain(asked).all(is_open);
    let images = inputs.first().and_then(|input| input.shape.first());
    all_open && images.is_some() && inputs.iter().all(|input| input.shape.first() == images)
}

/// Whether two requests for the same model differ in nothing but their images and how many those are. Their inputs are in the
/// same order.
pub fn go_together(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name && a.shape.get(1..) == b.shape.get(1..))
}

/// The inputs of requests that [go together](go_together), as one request.
pub fn join(requests: &[&[Value]]) -> Vec<Value> {
    let Some(first) = requests.first() else { return Vec::new() };
    let whole = |(at, one): (usize, &Value)| {
        let parts = || requests.iter().filter_map(|request| request.get(at));
        let mut bytes = BytesMut::with_capacity(parts().map(|value| value.bytes.len()).sum());
        parts().for_each(|value| bytes.extend_from_slice(&value.bytes));
        let mut shape = one.shape.clone();
        shape[0] = parts().map(|value| value.shape[0]).sum();
        Value { shape, bytes: bytes.freeze(), ..one.clone() }
    };
    first.iter().enumerate().map(whole).collect()
}

/// The answers to requests of so many images each, out of the answer to all of them. They share its memory.
///
/// # Errors
/// An output that does not begin with as many images as went in.
pub fn split(outputs: &[Value], images: &[usize]) -> Result<Vec<Vec<Value>>, Error> {
    let total: usize = images.iter().sum();
    if let Some(other) = outputs.iter().find(|output| output.shape.first() != Some(&total)) {
        let Value { name, shape, .. } = other;
        return Err(Error::bad_output(format!(
            "{name:?} has the shape {shape:?}, which does not begin with {total} images"
        )));
    }
    let mut before = 0;
    let part = |output: &Value, before: usize, images: usize| {
        let (mut shape, each) = (output.shape.clone(), output.bytes.len() / total.max(1));
        shape[0] = images;
        let bytes: Bytes = output.bytes.slice(before * each..(before + images) * each);
        Value { shape, bytes, ..output.clone() }
    };
    let answers = images.iter().map(|&images| {
        let answer = outputs.iter().map(|output| part(output, before, images)).collect();
        before += images;
        answer
    });
    Ok(answers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, shape: &[usize], bytes: &[u8]) -> Value {
        Value { name: name.into(), data_type: DataType::U8, shape: shape.to_vec(), bytes: bytes.to_vec().into() }
    }

    #[test]
    fn what_is_put_together_is_taken_apart_again() {
        let one = [value("a", &[1, 2], &[1, 2]), value("b", &[1], &[9])];
        let two = [value("a", &[2, 2], &[3, 4, 5, 6]), value("b", &[2], &[8, 7])];
        assert!(go_together(&one, &two));
        let whole = join(&[&one, &two, &one]);
        assert_eq!(whole, [value("a", &[4, 2], &[1, 2, 3, 4, 5, 6, 1, 2]), value("b", &[4], &[9, 8, 7, 9])]);
        assert_eq!(split(&whole, &[1, 2, 1]).expect("it fits"), [one.to_vec(), two.to_vec(), one.to_vec()]);
        let error = split(&whole, &[1, 2]).expect_err("one too many").to_string();
        assert!(error.contains("does not begin with 3 images"), "{error}");
    }

    #[test]
    fn only_what_is_alike_goes_together() {
        let one = [value("a", &[1, 2], &[1, 2])];
        for other in [value("b", &[1, 2], &[1, 2]), value("a", &[1, 3], &[1, 2, 3]), value("a", &[1, 1, 2], &[1, 2])] {
            assert!(!go_together(&one, &[other]));
        }
        assert!(!go_together(&one, &[]));
    }

    #[test]
    fn a_model_must_leave_every_batch_open() {
        let port = |name: &str, batch| Port { name: name.into(), element: "u8".into(), shape: vec![batch, Some(2)] };
        let inputs = [value("a", &[3, 2], &[0; 6])];
        let texts = Port { element: "String".into(), ..port("texts", None) };
        let outputs = vec![port("x", None), port("fixed", Some(3)), texts];
        let open = Signature { inputs: vec![port("a", None)], outputs: outputs.clone() };
        assert!(is_open(&open, &inputs, &["x".into()]));
        assert!(!is_open(&open, &inputs, &["x".into(), "fixed".into()]));
        assert!(!is_open(&open, &inputs, &["texts".into()]));
        let fixed = Signature { inputs: vec![port("a", Some(3))], outputs };
        assert!(!is_open(&fixed, &inputs, &["x".into()]));
        assert!(!is_open(&open, &[inputs[0].clone(), value("b", &[2], &[0; 2])], &["x".into()]));
    }
}
