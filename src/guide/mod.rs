//! The guide: what to ask for, what it means, where it comes from, where it ends.
//!
//! | page | question |
//! |---|---|
//! | [`choosing`] | which quantity, which strategy, what it costs |
//! | [`patterns`] | why a few colors stand for thousands of inputs |
//! | [`kinks`] | derivatives where there is none |
//! | [`precision`] | how many digits are right, and what happens at overflow |
//! | [`files`] | networks and arrays in files; the grammar of architectures |
//! | [`onnx`] | how an ONNX model becomes a network, the table of operators |
//! | [`limits`] | what is refused, and when |
//! | [`coming_from`] | Flux, PyTorch, JAX, Keras: export lines and the calls that replace yours |

pub mod choosing {
    #![doc = include_str!("choosing.md")]
}
pub mod coming_from {
    #![doc = include_str!("coming_from.md")]
}
pub mod files {
    #![doc = include_str!("files.md")]
}
pub mod kinks {
    #![doc = include_str!("kinks.md")]
}
pub mod limits {
    #![doc = include_str!("limits.md")]
}
pub mod onnx {
    #![doc = include_str!("onnx.md")]
}
pub mod patterns {
    #![doc = include_str!("patterns.md")]
}
pub mod precision {
    #![doc = include_str!("precision.md")]
}
