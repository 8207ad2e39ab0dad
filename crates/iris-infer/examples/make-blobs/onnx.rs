//! The little of ONNX's file format that it takes to write a graph: protocol buffers' wire format, and the field
//! numbers of `ModelProto` and what it contains.

/// A message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn int(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    fn message(self, field: u64, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }
}

/// A type of elements, by ONNX's number.
#[derive(Clone, Copy)]
pub(crate) enum Element {
    F32 = 1,
    U8 = 2,
    I64 = 7,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the models of tests have it"))]
    Text = 8,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the models of tests have it"))]
    Bool = 9,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the models of tests have it"))]
    F16 = 10,
}

/// An attribute of a node.
pub(crate) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
}

/// A dimension: a length, or a name for one left open.
pub(crate) enum Dim {
    Fixed(i64),
    Open(&'static str),
}

/// A graph under construction. Values are known by their names.
#[derive(Default)]
pub(crate) struct Graph {
    message: Message,
    nodes: usize,
}

impl Graph {
    /// Adds a node with one output and returns its name.
    pub(crate) fn node(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attribute<'_>)]) -> String {
        self.node_n(op, inputs, attributes, 1).remove(0)
    }

    /// Adds a node and returns the names of its outputs.
    pub(crate) fn node_n(
        &mut self,
        op: &str,
        inputs: &[&str],
        attrs: &[(&str, Attribute<'_>)],
        outputs: usize,
    ) -> Vec<String> {
        self.nodes += 1;
        let names: Vec<String> = (0..outputs).map(|i| format!("{op}{}_{i}", self.nodes)).collect();
        let mut node = inputs.iter().fold(Message::default(), |node, input| node.text(1, input));
        node = names.iter().fold(node, |node, output| node.text(2, output));
        node = node.text(4, op);
        node = attrs.iter().fold(node, |node, (name, value)| node.message(5, &attribute(name, value)));
        self.add(1, &node);
        names
    }

    /// Adds a node that gives a value its name as an output of the graph.
    pub(crate) fn name(&mut self, value: &str, name: &str) {
        self.add(1, &Message::default().text(1, value).text(2, name).text(4, "Identity"));
    }

    /// Adds a constant of floats and returns its name.
    pub(crate) fn floats(&mut self, dims: &[i64], values: &[f32]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(Element::F32, dims, &raw)
    }

    /// Adds a constant list of integers and returns its name.
    pub(crate) fn ints(&mut self, values: &[i64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(Element::I64, &[values.len() as i64], &raw)
    }

    fn constant(&mut self, element: Element, dims: &[i64], raw: &[u8]) -> String {
        self.nodes += 1;
        let name = format!("const{}", self.nodes);
        let tensor = dims.iter().fold(Message::default(), |tensor, dim| tensor.int(1, *dim));
        self.add(5, &tensor.int(2, element as i64).text(8, &name).bytes(9, raw));
        name
    }

    /// Declares an input.
    pub(crate) fn input(&mut self, name: &str, element: Element, dims: &[Dim]) {
        self.add(11, &value_info(name, element, dims));
    }

    /// Declares an output.
    pub(crate) fn output(&mut self, name: &str, element: Element, dims: &[Dim]) {
        self.add(12, &value_info(name, element, dims));
    }

    fn add(&mut self, field: u64, value: &Message) {
        self.message = std::mem::take(&mut self.message).message(field, value);
    }

    /// The bytes of a model file, of operator set 13.
    pub(crate) fn model(self, name: &str, producer: &str) -> Vec<u8> {
        let opset = Message::default().text(1, "").int(2, 13);
        let graph = self.message.text(2, name);
        Message::default().int(1, 8).text(2, producer).message(7, &graph).message(8, &opset).0
    }
}

fn attribute(name: &str, value: &Attribute<'_>) -> Message {
    let message = Message::default().text(1, name);
    match value {
        Attribute::Int(v) => message.int(3, *v).int(20, 2),
        Attribute::Ints(v) => v.iter().fold(message, |message, v| message.int(8, *v)).int(20, 7),
    }
}

fn value_info(name: &str, element: Element, dims: &[Dim]) -> Message {
    let shape = dims.iter().fold(Message::default(), |shape, dim| {
        let dim = match dim {
            Dim::Fixed(len) => Message::default().int(1, *len),
            Dim::Open(name) => Message::default().text(2, name),
        };
        shape.message(1, &dim)
    });
    let tensor = Message::default().int(1, element as i64).message(2, &shape);
    Message::default().text(1, name).message(2, &Message::default().message(1, &tensor))
}
