//! Files that mean harm, written here field by field, and what is said of them.

use proptest::prelude::*;

use super::*;

/// A field that is a number.
fn int(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field of bytes: a text, or the fields of a message.
fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [&varint(field << 3 | 2), &varint(content.len() as u64), content].concat()
}

fn text_field(field: u64, content: &str) -> Vec<u8> {
    bytes(field, content.as_bytes())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn operators_of(domain: &str, version: u64) -> Vec<u8> {
    bytes(8, &[text_field(1, domain), int(2, version)].concat())
}

/// An input or output of floats of this shape.
fn port(name: &str, dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| bytes(1, &int(1, *dim))).collect();
    let tensor = [int(1, 1), bytes(2, &dims)].concat();
    [text_field(1, name), bytes(2, &bytes(1, &tensor))].concat()
}

/// A constant of floats called "w" of this shape, with these further fields.
fn constant(dims: &[u64], fields: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|dim| int(1, *dim)).collect();
    [&dims, &int(2, 1), &text_field(8, "w"), fields].concat()
}

fn node_of(domain: &str, operator: &str, attributes: &[u8]) -> Vec<u8> {
    let fields = [text_field(1, "x"), text_field(2, "y"), text_field(3, "n"), text_field(4, operator)];
    [&fields.concat(), &text_field(7, domain), attributes].concat()
}

/// A model that has nothing wrong with it, with these further fields in its graph.
fn model_with(graph: &[u8]) -> Vec<u8> {
    let ports = [bytes(11, &port("x", &[1, 3])), bytes(12, &port("y", &[1, 3]))].concat();
    let graph = [&bytes(1, &node_of("", "Identity", &[])), &ports, graph].concat();
    [int(1, 8), operators_of("", 13), bytes(7, &graph)].concat()
}

fn refusal(onnx: &[u8]) -> String {
    let error = check(onnx).expect_err("it is refused");
    assert_eq!(error.kind(), crate::ErrorKind::Unsafe);
    error.to_string()
}

#[test]
fn what_has_nothing_wrong_with_it_passes() {
    for graph in [
        vec![],
        bytes(5, &constant(&[2, 3], &bytes(9, &[0; 24]))),
        bytes(5, &constant(&[], &bytes(9, &[0; 4]))),
        bytes(5, &constant(&[0, 7], &[])),
        // Packed, one by one, and texts.
        bytes(5, &constant(&[2], &bytes(4, &[0; 8]))),
        bytes(5, &[int(1, 3), int(2, 7), bytes(7, &[1, 2, 0x80, 1])].concat()),
        bytes(5, &[bytes(1, &[3]), int(2, 3), int(5, 1), int(5, 2), int(5, 3)].concat()),
        bytes(5, &[int(1, 3), int(2, 21), bytes(9, &[0; 2])].concat()),
        bytes(5, &[int(1, 1), int(2, 8), text_field(6, "a")].concat()),
        bytes(1, &node_of("com.microsoft", "QLinearAdd", &[])),
        bytes(13, &port("open", &[u64::MAX, 4])),
    ] {
        check(&model_with(&graph)).unwrap();
    }
    // What is imported and not used does no harm.
    check(&[model_with(&[]), operators_of("ai.onnx.training", 1)].concat()).unwrap();
}

#[test]
fn constants_have_all_their_bytes_in_the_file_and_no_more() {
    let of_type = |data_type, fields: &[u8]| [&int(1, 3), &int(2, data_type), fields].concat();
    let elsewhere = [text_field(1, "location"), text_field(2, "../../etc/passwd")].concat();
    for (tensor, says) in [
        (constant(&[2, 3], &bytes(9, &[0; 23])), "tensor \"w\": its type and shape ask for 24 bytes, and it has 23"),
        (constant(&[2, 3], &[]), "ask for 24 bytes, and it has 0"),
        (constant(&[1 << 35], &bytes(9, &[0; 4])), "ask for 137438953472 bytes"),
        (constant(&[1 << 40, 1 << 40], &bytes(9, &[0; 4])), "larger than any memory"),
        (constant(&[u64::MAX], &bytes(9, &[0; 4])), "larger than any memory"),
        (constant(&[1; 17], &bytes(9, &[0; 4])), "more than 16 dimensions"),
        (constant(&[1], &[bytes(9, &[0; 4]), bytes(4, &[0; 4])].concat()), "data of two kinds"),
        (constant(&[1], &bytes(7, &[1])), "data of two kinds"),
        (constant(&[1], &bytes(4, &[0; 3])), "cut off"),
        (
            constant(&[1], &[bytes(13, &elsewhere), int(14, 1)].concat()),
            "tensor \"w\": it keeps its data in another file",
        ),
        (constant(&[1], &[bytes(9, &[0; 4]), int(14, 1)].concat()), "in another file"),
        (constant(&[1], &[bytes(9, &[0; 4]), bytes(13, &elsewhere)].concat()), "in another file"),
        (constant(&[1], &[bytes(9, &[0; 4]), bytes(3, &int(1, 0))].concat()), "a part of another"),
        (of_type(0, &[]), "of type 0"),
        (of_type(99, &bytes(9, &[0; 3])), "of type 99"),
        (of_type(7, &bytes(7, &[1, 2, 0x80])), "cut off"),
        (of_type(7, &bytes(7, &[1, 2])), "ask for 24 bytes, and it has 16"),
        (of_type(8, &bytes(9, &[0; 3])), "texts cannot be raw"),
    ] {
        let in_node = node_of("", "Constant", &bytes(5, &[text_field(1, "value"), bytes(5, &tensor)].concat()));
        for (graph, place) in [(bytes(5, &tensor), ""), (bytes(1, &in_node), "node \"n\" (Constant)")] {
            let error = refusal(&model_with(&graph));
            assert!(error.contains(says) && error.contains(place), "{says}: {error}");
        }
    }
}

#[test]
fn only_operators_that_compute_are_run() {
    let sparse = bytes(5, &[text_field(1, "sparse_value"), bytes(22, &[])].concat());
    for (node, says) in [
        (node_of("com.microsoft", "EPContext", &[]), "node \"n\" (EPContext): the operator is of \"com.microsoft\""),
        (node_of("evil.corp", "Run", &[]), "of \"evil.corp\""),
        (node_of("ai.onnx.ml", "TreeEnsembleRegressor", &[]), "of \"ai.onnx.ml\""),
        (node_of("org.pytorch.aten", "ATen", &[]), "of \"org.pytorch.aten\""),
        (node_of("", "Constant", &sparse), "\"sparse_value\" is a sparse tensor"),
    ] {
        let error = refusal(&model_with(&bytes(1, &node)));
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn a_file_is_a_model_of_a_version_that_is_run() {
    let graph = bytes(7, &[]);
    for (onnx, says) in [
        (Vec::new(), "no graph"),
        (b"PK\x03\x04 a zip".to_vec(), "damaged, or no ONNX model"),
        (b"\x80\x04\x95pickle".to_vec(), "longer than"),
        (b"....ORTM....".to_vec(), "own format"),
        ([operators_of("", 13), graph.clone()].concat(), "version 0, and 3 to 13 are read"),
        ([int(1, 99), operators_of("", 13), graph.clone()].concat(), "version 99"),
        ([int(1, 8), graph.clone()].concat(), "which version of ONNX's operators"),
        ([int(1, 8), operators_of("com.microsoft", 1), graph.clone()].concat(), "which version of ONNX's operators"),
        ([int(1, 8), operators_of("", 999), graph.clone()].concat(), "version 999 of ONNX's operators"),
        ([int(1, 8), operators_of("ai.onnx", 6), graph.clone()].concat(), "7 to 26 are run"),
        ([model_with(&[]), graph].concat(), "two graphs"),
        ([model_with(&[]), bytes(20, &[])].concat(), "a training"),
        ([model_with(&[]), bytes(25, &[])].concat(), "defines functions"),
    ] {
        let error = refusal(&onnx);
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn what_a_graph_declares_is_bounded() {
    let ports: Vec<u8> = (0..65).flat_map(|_| bytes(12, &port("y", &[1]))).collect();
    let not_a_tensor = [text_field(1, "s"), bytes(2, &bytes(4, &[]))].concat();
    for (graph, says) in [
        (bytes(13, &port("huge", &[1 << 29])), "value \"huge\": it would take 2147483648 bytes"),
        (bytes(11, &port("in", &[1 << 33, 1 << 33])), "input \"in\": its shape is larger"),
        (bytes(12, &port("out", &[u64::MAX - 1])), "output \"out\": its shape is larger"),
        (bytes(11, &not_a_tensor), "input \"s\": it is no tensor"),
        (bytes(11, &text_field(1, "s")), "input \"s\": it is no tensor"),
        (bytes(15, &[]), "sparse tensors"),
        (ports, "66 outputs"),
    ] {
        let error = refusal(&model_with(&graph));
        assert!(error.contains(says), "{says}: {error}");
    }
    let error = refusal(&[int(1, 8), operators_of("", 13), bytes(7, &[])].concat());
    assert!(error.contains("0 inputs and 0 outputs"), "{error}");
}

#[test]
fn graphs_do_not_nest_without_end() {
    let nest = |depth: usize| {
        let inner = |graph: &[u8]| bytes(1, &node_of("", "If", &bytes(5, &bytes(6, graph))));
        model_with(&(0..depth).fold(Vec::new(), |graph, _| inner(&graph)))
    };
    check(&nest(MAX_DEPTH)).unwrap();
    for depth in [MAX_DEPTH + 1, 1000] {
        let error = refusal(&nest(depth));
        assert!(error.contains("deeper than 8") && error.len() < 1000, "{error}");
    }
}

#[test]
fn small_parts_without_number_are_refused() {
    let attributes = bytes(5, &[]).repeat(MAX_PARTS + 1);
    let error = refusal(&model_with(&bytes(1, &node_of("", "Relu", &attributes))));
    assert!(error.contains("more than 1000000 parts"), "{error}");
}

/// Real files, from which damaged ones are made.
fn real() -> [&'static [u8]; 2] {
    [include_bytes!("../../../../testdata/models/blobs/model.onnx"), crate::Model::BUILT_IN_ONNX]
}

#[test]
fn files_that_are_cut_off_are_refused() {
    for whole in real() {
        check(whole).unwrap();
        for percent in 0..100 {
            // What follows the graph may be missing without harm to it, but no real file is so cut within a hundredth.
            assert!(check(&whole[..whole.len() * percent / 100]).is_err(), "{percent} %");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_pass(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        check(&bytes).ok();
    }

    #[test]
    fn any_damage_is_refused_or_passes(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = real()[0].to_vec();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        check(&bytes).ok();
        check(&bytes[..cut.index(bytes.len())]).ok();
    }
}
