//! ONNX models.

mod fold;
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
