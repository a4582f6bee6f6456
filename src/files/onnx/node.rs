//! [`Node`]: one operator of the graph, with its attributes by name.

use super::proto::{AttributeProto, GraphProto, NodeProto};
use super::tensor::Tensor;
use crate::error::{Error, ErrorKind, Result, bail};
use std::collections::HashMap;
use std::path::Path;

/// Attributes of the call of a function, which its body may refer to.
pub(super) type Arguments<'a> = HashMap<&'a str, &'a AttributeProto>;

/// A node with what it takes to understand it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) proto: &'a NodeProto,
    /// Version of the operator set that it is written in.
    pub(super) opset: i64,
    pub(super) arguments: &'a Arguments<'a>,
    pub(super) folder: Option<&'a Path>,
}

impl<'a> Node<'a> {
    pub(super) fn operator(&self) -> &'a str {
        &self.proto.op_type
    }

    /// How the node is named in errors.
    pub(super) fn place(&self) -> String {
        let name = match (self.proto.name.as_str(), self.proto.output.first()) {
            ("", Some(output)) => output,
            (name, _) => name,
        };
        let domain = if self.proto.domain.is_empty() { String::new() } else { format!("{}.", self.proto.domain) };
        format!("node {name:?} ({domain}{}, opset {})", self.operator(), self.opset)
    }

    /// An attribute, that of the call where the node refers to one.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.value_of(self.proto.attribute.iter().find(|a| a.name == name)?)
    }

    /// One of its attributes, or that of the call to which it refers.
    pub(super) fn value_of(&self, own: &'a AttributeProto) -> Option<&'a AttributeProto> {
        if own.ref_attr_name.is_empty() { Some(own) } else { self.arguments.get(&*own.ref_attr_name).copied() }
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// Whether an attribute is there and not zero.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|i| i != 0)
    }

    pub(super) fn float(&self, name: &str) -> Option<f64> {
        self.attribute(name)?.f.map(f64::from)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>> {
        let Some(bytes) = self.attribute(name).and_then(|a| a.s.as_ref()) else { return Ok(None) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => bail!(Format, "the attribute {name:?} is not text"),
        }
    }

    /// A list of integers; `None` if there is no such attribute.
    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        Some(&self.attribute(name)?.ints)
    }

    pub(super) fn floats(&self, name: &str) -> Option<&'a [f32]> {
        Some(&self.attribute(name)?.floats)
    }

    pub(super) fn graph(&self, name: &str) -> Option<&'a GraphProto> {
        self.attribute(name)?.g.as_ref()
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<Tensor>> {
        let tensor = self.attribute(name).and_then(|a| a.t.as_ref());
        tensor.map(|t| Tensor::read(t, self.folder)).transpose()
    }

    /// A list of lengths, steps or paddings.
    pub(super) fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>> {
        let Some(list) = self.ints(name) else { return Ok(None) };
        let sizes: Option<Vec<usize>> = list.iter().map(|&i| usize::try_from(i).ok()).collect();
        match sizes {
            Some(sizes) => Ok(Some(sizes)),
            None => bail!(Unsupported, "the attribute {name:?} is {list:?}; negative numbers are not supported"),
        }
    }

    /// An error for what colorjet does not do: the sentence says what, and what to do about it.
    pub(super) fn unsupported(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unsupported, message)
    }
}
