mod error;
mod pattern;
mod scalar;
pub use error::{Error, ErrorKind, Result};
pub use pattern::Pattern;
pub use scalar::Scalar;
