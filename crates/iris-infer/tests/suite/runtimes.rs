//! The suite that every runtime passes: cases as data, and a function that loads a model into the runtime under test.

use iris_infer::tensor::Samples;
use iris_infer::{DataType, Error, OrtRuntime, Output, Runtime, Tensor, Value, push_text};

use crate::blobs::{self, CELLS, HEIGHT, Variant, WIDTH};
use crate::onnx::{Attribute, Dim, Element, Graph};

/// A model with two inputs' worth of arithmetic that can be checked by hand: `x · 2 + 1` as it is, and its sum over
/// columns.
fn arithmetic(batch: Dim, batch_again: [Dim; 2], element: Element) -> Vec<u8> {
    let mut g = Graph::default();
    g.input("x", element, &[batch, Dim::Fixed(1), Dim::Fixed(2), Dim::Fixed(3)]);
    let x = g.node("Cast", &["x"], &[("to", Attribute::Int(Element::F32 as i64))]);
    let (two, one) = (g.floats(&[1], &[2.0]), g.floats(&[1], &[1.0]));
    let doubled = g.node("Mul", &[&x, &two], &[]);
    let line = g.node("Add", &[&doubled, &one], &[]);
    g.name(&line, "line");
    let axis = g.ints(&[3]);
    let sum = g.node("ReduceSum", &[&line, &axis], &[("keepdims", Attribute::Int(0))]);
    g.name(&sum, "sum");
    let [first, second] = batch_again;
    g.output("line", Element::F32, &[first, Dim::Fixed(1), Dim::Fixed(2), Dim::Fixed(3)]);
    g.output("sum", Element::F32, &[second, Dim::Fixed(1), Dim::Fixed(2)]);
    g.model("arithmetic", "iris tests")
}

fn open() -> Dim {
    Dim::Open("batch")
}

fn tensor(element: Element, values: [u8; 6]) -> Tensor {
    let samples = match element {
        Element::U8 => Samples::U8(values.to_vec()),
        _ => Samples::F32(values.iter().map(|v| f32::from(*v)).collect()),
    };
    Tensor::from_samples([1, 2, 3], samples)
}

struct Case {
    name: &'static str,
    model: Vec<u8>,
    element: Element,
    batch: usize,
}

fn cases() -> Vec<Case> {
    let case = |name, model, element, batch| Case { name, model, element, batch };
    let fixed = || arithmetic(Dim::Fixed(1), [Dim::Fixed(1), Dim::Fixed(1)], Element::F32);
    let opened = |element| arithmetic(open(), [open(), open()], element);
    vec![
        case("one image, batch fixed", fixed(), Element::F32, 1),
        case("one image, batch open", opened(Element::F32), Element::F32, 1),
        case("four images in turn", fixed(), Element::F32, 4),
        case("four images at once", opened(Element::F32), Element::F32, 4),
        case("bytes", opened(Element::U8), Element::U8, 3),
        case("no image", opened(Element::F32), Element::F32, 0),
    ]
}

pub(crate) type Load = dyn Fn(&[u8]) -> Result<Box<dyn Runtime>, Error>;

fn outputs(runtime: &mut dyn Runtime, batch: &[Tensor]) -> Result<Vec<Vec<f32>>, Error> {
    let mut seen = Vec::new();
    runtime.run(&batch.iter().collect::<Vec<_>>(), &mut |index, outputs: &[Output<'_>]| {
        assert_eq!(index, seen.len());
        assert_eq!(outputs.iter().map(|o| o.shape).collect::<Vec<_>>(), [&[1, 2, 3][..], &[1, 2]]);
        seen.push(outputs.iter().flat_map(|output| output.data).copied().collect());
        Ok(())
    })?;
    Ok(seen)
}

fn every_case_gives_what_it_should(load: &Load) {
    for Case { name, model, element, batch } in cases() {
        let mut runtime = load(&model).expect(name);
        // Twice, because outputs may be written into the same memory again.
        for round in 0..2 {
            let values = |i: usize| [0, 1, 2, 3, 4, 5].map(|v| v + 10 * i as u8 + round);
            let inputs: Vec<Tensor> = (0..batch).map(|i| tensor(element, values(i))).collect();
            let expected = (0..batch).map(|i| {
                let line = values(i).map(|v| f32::from(v) * 2.0 + 1.0);
                line.into_iter().chain(line.chunks(3).map(|row| row.iter().sum())).collect::<Vec<f32>>()
            });
            let got = outputs(&mut *runtime, &inputs).expect(name);
            assert_eq!(got, expected.collect::<Vec<_>>(), "{name}");
        }
    }
}

fn the_signature_says_what_goes_in_and_out(load: &Load) {
    let runtime = load(&arithmetic(open(), [open(), open()], Element::U8)).unwrap();
    let expected = "x u8 ?x1x2x3 -> line f32 ?x1x2x3, sum f32 ?x1x2";
    assert_eq!(runtime.signature().to_string(), expected);
}

fn an_error_of_the_reader_stops_the_batch(load: &Load) {
    let mut runtime = load(&arithmetic(open(), [open(), open()], Element::F32)).unwrap();
    let inputs = [0; 3].map(|_| tensor(Element::F32, [0; 6]));
    let mut seen = 0;
    let result = runtime.run(&inputs.iter().collect::<Vec<_>>(), &mut |_, _: &[Output<'_>]| {
        seen += 1;
        Err(Error::BadOutput { what: "is unwelcome".into() })
    });
    assert!(matches!(result, Err(Error::BadOutput { .. })) && seen == 1);
}

fn wrong_inputs_are_errors_and_the_model_goes_on(load: &Load) {
    let mut runtime = load(&arithmetic(open(), [open(), open()], Element::F32)).unwrap();
    let large = Tensor::from_samples([1, 3, 3], Samples::F32(vec![0.0; 9]));
    let bytes = tensor(Element::U8, [0; 6]);
    for wrong in [vec![large], vec![tensor(Element::F32, [0; 6]), bytes]] {
        assert!(outputs(&mut *runtime, &wrong).is_err());
        assert_eq!(
            outputs(&mut *runtime, &[tensor(Element::F32, [1; 6])]).unwrap()[0],
            [3., 3., 3., 3., 3., 3., 9., 9.]
        );
    }
}

fn what_cannot_be_run_is_refused(load: &Load) {
    assert!(load(b"not a model").is_err());
    let mut integers = load(&arithmetic(open(), [open(), open()], Element::I64)).unwrap();
    assert!(outputs(&mut *integers, &[tensor(Element::F32, [0; 6])]).is_err());
}

/// Adds what is called `a` to the sum of `b` over its rows, and turns `c` upside down.
fn two_and_a_half() -> Vec<u8> {
    let mut g = Graph::default();
    g.input("a", Element::I64, &[Dim::Fixed(2)]);
    g.input("b", Element::F32, &[open(), Dim::Fixed(2)]);
    g.input("c", Element::Bool, &[Dim::Fixed(2)]);
    let a = g.node("Cast", &["a"], &[("to", Attribute::Int(Element::F32 as i64))]);
    let axis = g.ints(&[0]);
    let b = g.node("ReduceSum", &["b", &axis], &[("keepdims", Attribute::Int(0))]);
    let sum = g.node("Add", &[&a, &b], &[]);
    let half = g.node("Cast", &[&sum], &[("to", Attribute::Int(Element::F16 as i64))]);
    let not = g.node("Not", &["c"], &[]);
    g.name(&half, "half");
    g.name(&not, "not");
    g.output("half", Element::F16, &[Dim::Fixed(2)]);
    g.output("not", Element::Bool, &[Dim::Fixed(2)]);
    g.model("two and a half", "iris tests")
}

fn named_tensors_of_any_type_go_in_and_out(load: &Load) {
    let mut runtime = load(&two_and_a_half()).unwrap();
    let value = |name: &str, data_type, shape: &[usize], bytes: Vec<u8>| Value {
        name: name.into(),
        data_type,
        shape: shape.to_vec(),
        bytes: bytes.into(),
    };
    let a = [1_i64, -7].iter().flat_map(|v| v.to_le_bytes()).collect();
    let b = [1_f32, 2., 3., 4., 5., 6.].iter().flat_map(|v| v.to_le_bytes()).collect();
    let inputs = [
        value("c", DataType::Bool, &[2], vec![0, 1]),
        value("b", DataType::F32, &[3, 2], b),
        value("a", DataType::I64, &[2], a),
    ];
    let wanted = ["not".to_owned(), "half".to_owned()];
    runtime.signature().check(&inputs, &wanted, 8).unwrap();
    // 10 and 5 with 16 bits.
    let half = [0x00, 0x49, 0x00, 0x45];
    for _ in 0..2 {
        let outputs = runtime.infer(&inputs, &wanted).unwrap();
        let expected =
            [value("not", DataType::Bool, &[2], vec![1, 0]), value("half", DataType::F16, &[2], half.to_vec())];
        assert_eq!(outputs, expected);
    }
    assert_eq!(runtime.infer(&inputs, &wanted[..1]).unwrap().len(), 1);
    assert!(runtime.infer(&inputs[1..], &wanted).is_err(), "an input is missing");
}

/// Joins what is called `a` and `b`, and returns `a` as it is.
fn words() -> Vec<u8> {
    let mut g = Graph::default();
    let shape = || [open(), Dim::Fixed(2)];
    g.input("a", Element::Text, &shape());
    g.input("b", Element::Text, &shape());
    let both = g.node("Concat", &["a", "b"], &[("axis", Attribute::Int(1))]);
    let same = g.node("Identity", &["a"], &[]);
    g.name(&both, "both");
    g.name(&same, "same");
    g.output("both", Element::Text, &[open(), Dim::Fixed(4)]);
    g.output("same", Element::Text, &shape());
    g.model("words", "iris tests")
}

fn texts_go_in_and_out(load: &Load) {
    let mut runtime = load(&words()).unwrap();
    let value = |name: &str, shape: &[usize], texts: &[&str]| {
        let mut bytes = Vec::new();
        for text in texts {
            push_text(&mut bytes, text.as_bytes());
        }
        Value { name: name.into(), data_type: DataType::Text, shape: shape.to_vec(), bytes: bytes.into() }
    };
    let inputs = [value("a", &[2, 2], &["gate", "", "Zürich", "x"]), value("b", &[2, 2], &["gate", "y", "z", "x"])];
    let wanted = ["both".to_owned(), "same".to_owned()];
    runtime.signature().check(&inputs, &wanted, 8).unwrap();
    let both = value("both", &[2, 4], &["gate", "", "gate", "y", "Zürich", "x", "z", "x"]);
    let same = Value { name: "same".into(), ..inputs[0].clone() };
    assert_eq!(runtime.infer(&inputs, &wanted).unwrap(), [both, same]);
    let none = [value("a", &[0, 2], &[]), value("b", &[0, 2], &[])];
    assert_eq!(runtime.infer(&none, &wanted[..1]).unwrap(), [value("both", &[0, 4], &[])]);
}

fn what_cameras_and_programs_send_is_answered_alike(load: &Load) {
    let mut runtime = load(&arithmetic(open(), [open(), open()], Element::U8)).unwrap();
    let value = Value {
        name: "x".into(),
        data_type: DataType::U8,
        shape: vec![1, 1, 2, 3],
        bytes: vec![1, 2, 3, 4, 5, 6].into(),
    };
    let answered = runtime.infer(&[value], &["line".into(), "sum".into()]).unwrap();
    assert_eq!([&answered[0].shape[..], &answered[1].shape], [&[1, 1, 2, 3][..], &[1, 1, 2]]);
    let floats = answered.iter().flat_map(|value| value.bytes.chunks_exact(4));
    let floats: Vec<f32> = floats.map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(floats, outputs(&mut *runtime, &[tensor(Element::U8, [1, 2, 3, 4, 5, 6])]).unwrap()[0]);
}

fn a_real_network_runs(load: &Load) {
    let mut runtime = load(&blobs::model(&Variant::default())).unwrap();
    let image = Tensor::from_samples(
        [3, HEIGHT as usize, WIDTH as usize],
        Samples::F32(vec![0.0; (3 * HEIGHT * WIDTH) as usize]),
    );
    let mut shape = Vec::new();
    runtime
        .run(&[&image], &mut |_, outputs: &[Output<'_>]| {
            shape = outputs[0].shape.to_vec();
            Ok(())
        })
        .unwrap();
    assert_eq!(shape, [CELLS as usize, 7]);
}

/// Every part of the suite, for a runtime that not every machine has.
pub(crate) fn whole_suite(load: &Load) {
    every_case_gives_what_it_should(load);
    the_signature_says_what_goes_in_and_out(load);
    an_error_of_the_reader_stops_the_batch(load);
    wrong_inputs_are_errors_and_the_model_goes_on(load);
    what_cannot_be_run_is_refused(load);
    named_tensors_of_any_type_go_in_and_out(load);
    texts_go_in_and_out(load);
    what_cameras_and_programs_send_is_answered_alike(load);
    a_real_network_runs(load);
}

/// One test a part of the suite, for one way of loading models.
macro_rules! suite {
    ($backend:ident, $load:expr) => {
        suite!(
            $backend,
            $load,
            every_case_gives_what_it_should,
            the_signature_says_what_goes_in_and_out,
            an_error_of_the_reader_stops_the_batch,
            wrong_inputs_are_errors_and_the_model_goes_on,
            what_cannot_be_run_is_refused,
            named_tensors_of_any_type_go_in_and_out,
            texts_go_in_and_out,
            what_cameras_and_programs_send_is_answered_alike,
            a_real_network_runs
        );
    };
    ($backend:ident, $load:expr, $($part:ident),*) => {
        mod $backend {
            use super::*;

            $(#[test]
            fn $part() {
                super::$part(&$load);
            })*
        }
    };
}

suite!(ort_on_the_cpu, |onnx: &[u8]| Ok(Box::new(OrtRuntime::load(onnx, 1)?)));
