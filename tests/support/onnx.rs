//! ONNX files, written by hand: the wire format of Protocol Buffers and the messages that models are made of.

/// A message in the making: fields, one after the other.
#[derive(Clone, Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub fn int(self, field: u32, value: i64) -> Self {
        self.varint(u64::from(field) << 3).varint(value as u64)
    }

    pub fn float(self, field: u32, value: f32) -> Self {
        let mut message = self.varint(u64::from(field) << 3 | 5);
        message.0.extend(value.to_le_bytes());
        message
    }

    pub fn bytes(self, field: u32, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut message = self.varint(u64::from(field) << 3 | 2).varint(bytes.len() as u64);
        message.0.extend(bytes);
        message
    }

    pub fn message(self, field: u32, message: &Message) -> Self {
        self.bytes(field, &message.0)
    }

    pub fn messages(self, field: u32, messages: &[Message]) -> Self {
        messages.iter().fold(self, |whole, part| whole.message(field, part))
    }

    pub fn ints(self, field: u32, list: &[i64]) -> Self {
        list.iter().fold(self, |whole, &value| whole.int(field, value))
    }

    pub fn texts<T: AsRef<str>>(self, field: u32, list: &[T]) -> Self {
        list.iter().fold(self, |whole, text| whole.bytes(field, text.as_ref()))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The numbers of a tensor.
#[derive(Clone, Debug)]
pub enum Numbers {
    Float(Vec<f32>),
    Int(Vec<i64>),
    Bool(Vec<bool>),
}

pub fn tensor(name: &str, dims: &[i64], numbers: &Numbers) -> Message {
    let message = Message::new().ints(1, dims).bytes(8, name);
    match numbers {
        Numbers::Float(v) => message.int(2, 1).bytes(9, v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()),
        Numbers::Int(v) => message.int(2, 7).bytes(9, v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()),
        Numbers::Bool(v) => message.int(2, 9).bytes(9, v.iter().map(|&v| u8::from(v)).collect::<Vec<_>>()),
    }
}

/// The value of an attribute.
#[derive(Clone)]
pub enum Value {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Floats(Vec<f32>),
    Text(String),
    Tensor(Message),
    Graph(Message),
}

pub fn attribute(name: &str, value: &Value) -> Message {
    let message = Message::new().bytes(1, name);
    match value {
        Value::Float(v) => message.float(2, *v).int(20, 1),
        Value::Int(v) => message.int(3, *v).int(20, 2),
        Value::Text(v) => message.bytes(4, v).int(20, 3),
        Value::Tensor(v) => message.message(5, v).int(20, 4),
        Value::Graph(v) => message.message(6, v).int(20, 5),
        Value::Floats(v) => v.iter().fold(message, |m, &v| m.float(7, v)).int(20, 6),
        Value::Ints(v) => message.ints(8, v).int(20, 7),
    }
}

pub fn node<T: AsRef<str>>(operator: &str, inputs: &[T], outputs: &[&str], attributes: &[Message]) -> Message {
    Message::new().texts(1, inputs).texts(2, outputs).bytes(4, operator).messages(5, attributes)
}

/// A value of 32-bit floats, as inputs and outputs are declared.
pub fn declared(name: &str, dims: &[i64]) -> Message {
    let dims: Vec<Message> = dims.iter().map(|&d| Message::new().int(1, d)).collect();
    let tensor = Message::new().int(1, 1).message(2, &Message::new().messages(1, &dims));
    Message::new().bytes(1, name).message(2, &Message::new().message(1, &tensor))
}

/// A whole file.
pub fn model(
    opset: i64,
    nodes: &[Message],
    initializers: &[Message],
    inputs: &[Message],
    outputs: &[Message],
) -> Vec<u8> {
    let graph = Message::new().messages(1, nodes).bytes(2, "graph").messages(5, initializers);
    let graph = graph.messages(11, inputs).messages(12, outputs);
    let set = Message::new().bytes(1, "").int(2, opset);
    Message::new().int(1, 8).message(7, &graph).message(8, &set).into_bytes()
}
