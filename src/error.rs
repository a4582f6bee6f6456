//! The one error type: what kind of trouble, where, and in words.

use std::fmt;

/// What went wrong; [`Error::kind`] tells it, [`Error`] says where.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Two shapes do not fit together (the caller's data or the network's description).
    Shape,
    /// A number is NaN or infinite where a finite one is needed.
    NonFinite,
    /// There are no inputs, no outputs, or an axis of length zero.
    Empty,
    /// The layers form a cycle.
    Cycle,
    /// A layer reads one that does not exist, or no output reads it.
    Dangling,
    /// Two layers have one name.
    DuplicateName,
    /// An index points outside of what it indexes.
    OutOfRange,
    /// A parameter has a value that makes no sense (a stride of zero, say).
    InvalidParameter,
    /// A pattern is not symmetric where symmetry is needed.
    NotSymmetric,
    /// The strategy cannot compute the quantity.
    WrongStrategy,
    /// A plan was used with a network of another structure.
    PlanMismatch,
    /// The result or the work space would be larger than the memory allowed.
    TooLarge,
    /// A file is not what it should be: truncated, hostile, or of another format.
    Format,
    /// The description is understood, but not supported.
    Unsupported,
    /// The operating system refused to read or write a file.
    Io,
}

/// An error with its kind, its place (a layer, a file, an argument) and a sentence.
///
/// ```
/// use colorjet::{Activation, ErrorKind, Network};
/// let mut builder = Network::builder();
/// let error = builder.input("x", &[0]).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Empty);
/// assert!(error.to_string().starts_with("in layer \"x\": "));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    place: Vec<String>,
    message: String,
}

/// `Result` with colorjet's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, place: Vec::new(), message: message.into() }))
    }

    /// Puts an outer place before the ones already known.
    pub(crate) fn within(mut self, place: impl Into<String>) -> Self {
        self.0.place.insert(0, place.into());
        self
    }

    /// Names the layer, unless an inner call named one already.
    pub(crate) fn in_layer(self, name: &str) -> Self {
        if self.0.place.iter().any(|p| p.starts_with("layer ")) {
            return self;
        }
        self.within(format!("layer {name:?}"))
    }

    /// The kind, to be matched on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where, from the outside in: `file "net.safetensors"`, `layer "conv1"`.
    pub fn place(&self) -> &[String] {
        &self.0.place
    }

    /// The sentence without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.place.is_empty() {
            write!(f, "in {}: ", self.0.place.join(", "))?;
        }
        f.write_str(&self.0.message)
    }
}

/// The sentence and the kind: what `unwrap` and a `main` that returns an error show.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.kind())
    }
}

impl std::error::Error for Error {}

/// A few items for a message, and how many more there are.
pub(crate) fn listed(items: impl IntoIterator<Item = impl Into<String>>) -> String {
    const MOST: usize = 12;
    let mut words: Vec<String> = items.into_iter().map(Into::into).collect();
    if words.is_empty() {
        return "none".into();
    }
    let more = words.len().saturating_sub(MOST);
    if more > 0 {
        words.truncate(MOST);
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

/// Leaves the function with an [`Error`] of the kind and the formatted message.
macro_rules! bail {
    ($kind:ident, $($message:tt)+) => {
        return Err($crate::error::Error::new($crate::error::ErrorKind::$kind, format!($($message)+)))
    };
}

/// [`bail!`] unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $kind:ident, $($message:tt)+) => {
        if !$condition {
            $crate::error::bail!($kind, $($message)+);
        }
    };
}

pub(crate) use {bail, ensure};
