//! ONNX models; [`guide::onnx`](crate::guide::onnx) says what is read and why prost reads it.
//!
//! `proto` holds the messages, `tensor` constants, `node` one operator with its attributes. `graph` goes through the
//! nodes, `control` into functions, branches and loops; for each name there is a `value`: a constant, or units of layers in
//! any arrangement, which a `movement` changes. `ops` says what each operator is made of, in the words of `lowering`.

mod control;
mod graph;
mod lowering;
mod movement;
mod node;
mod ops;
mod proto;
mod tensor;
mod value;

use super::LoadOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::network::Network;
use bytes::Bytes;
use prost::Message;
use std::path::Path;

/// The network of an ONNX file; `folder` is where it is, for weights kept beside it.
pub(super) fn read(bytes: Vec<u8>, folder: Option<&Path>, options: &LoadOptions) -> Result<Network> {
    let model = proto::ModelProto::decode(Bytes::from(bytes))
        .map_err(|e| Error::new(ErrorKind::Format, format!("not an ONNX model: {e}")))?;
    graph::network(&model, folder, options)
}
