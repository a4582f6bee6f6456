//! Architectures: how named weights are put together, as data.

use super::statement::{Statement, sizes};
use crate::activation::Activation;
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use crate::files::native::{Function, activation};
use serde_json::{Map, Value};

/// How the tensors of a file make a network.
#[derive(Debug)]
pub(super) struct Arch {
    /// Shape of the input, where it is given.
    pub(super) input: Option<Vec<usize>>,
    pub(super) body: Body,
}

/// The layers, by rule or by list.
#[derive(Debug)]
pub(super) enum Body {
    /// All linear layers in the natural order of their names.
    Mlp { between: Activation, output: Option<Activation> },
    /// One after the other.
    Layers(Vec<Step>),
}

/// One layer of a list; a `String` is the common part of the names of its tensors.
#[derive(Debug)]
pub(super) enum Step {
    Linear(String),
    Conv { name: String, options: Window, groups: usize },
    BatchNorm { name: String, epsilon: f64 },
    Prelu(String),
    Activation(Activation),
    Flatten,
    MaxPool { kernel: Vec<usize>, options: Window },
    AvgPool { kernel: Vec<usize>, options: Window },
}

/// Numbers for each axis, or one for all, or none for the default.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) stride: Vec<usize>,
    pub(super) padding: Vec<usize>,
    pub(super) dilation: Vec<usize>,
}

/// What has been read so far.
#[derive(Default)]
struct Outline {
    input: Option<Vec<usize>>,
    between: Option<Activation>,
    output: Option<Activation>,
    layers: Vec<Step>,
}

impl Arch {
    /// Reads text, or JSON if it begins with a brace.
    ///
    /// # Errors
    /// [`Format`](ErrorKind::Format) for what is not a statement, [`Unsupported`](ErrorKind::Unsupported) for a word
    /// that is not known, [`InvalidParameter`](ErrorKind::InvalidParameter) for a parameter; each names the
    /// statement.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // Some editors begin a file with a byte order mark.
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.starts_with('{') { Outline::from_json(text)? } else { Outline::from_text(text)? }.close()
    }
}

impl Outline {
    /// Statements with `;` or line ends between them.
    fn from_text(text: &str) -> Result<Self> {
        let mut this = Outline::default();
        let lines = text.split([';', '\n']).map(str::trim).filter(|line| !line.is_empty());
        for (number, line) in lines.enumerate() {
            this.add(line).map_err(|e| e.within(format!("statement {} ({line:?})", number + 1)))?;
        }
        Ok(this)
    }

    fn add(&mut self, line: &str) -> Result<()> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let begun = self.between.is_some() || !self.layers.is_empty();
        match word {
            "input" => {
                ensure!(self.input.is_none() && !begun, Format, "the input comes first, and once");
                self.input = Some(sizes(rest.trim(), "the input")?);
            }
            "mlp" => {
                ensure!(!begun, Format, "mlp stands for all layers: only the input can come before it");
                self.between = Some(function(&Statement::from_text(rest)?)?);
            }
            "output" => {
                let last = self.between.is_some() && self.output.is_none();
                ensure!(last, Format, "\"output FUNCTION\" can only follow mlp; in a list the function is a layer");
                self.output = Some(function(&Statement::from_text(rest)?)?);
            }
            _ => {
                ensure!(self.between.is_none(), Format, "only \"output FUNCTION\" can follow mlp");
                self.layers.push(step(&Statement::from_text(line)?)?);
            }
        }
        Ok(())
    }

    /// `{"input": […], "layers": […]}` or `{"mlp": …, "output": …}`.
    fn from_json(text: &str) -> Result<Self> {
        let mut object: Map<String, Value> =
            serde_json::from_str(text).map_err(|e| Error::new(ErrorKind::Format, format!("not JSON: {e}")))?;
        let mut this = Outline::default();
        if let Some(shape) = object.remove("input") {
            let shape = serde_json::from_value(shape);
            this.input = Some(shape.map_err(|e| Error::new(ErrorKind::Format, format!("key \"input\": {e}")))?);
        }
        let mut function_of = |key: &str| {
            let read = |value: Value| function(&Statement::from_json(&value)?);
            object.remove(key).map(read).transpose().map_err(|e| e.within(format!("key {key:?}")))
        };
        this.between = function_of("mlp")?;
        this.output = function_of("output")?;
        ensure!(
            this.output.is_none() || this.between.is_some(),
            Format,
            "\"output\" belongs to \"mlp\"; in a list the function is a layer"
        );
        let layers = object.remove("layers");
        ensure!(
            layers.is_none() || this.between.is_none(),
            Format,
            "\"mlp\" stands for all \"layers\": give one of them"
        );
        match layers {
            None => {}
            Some(Value::Array(layers)) => {
                let read = |(number, layer): (usize, &Value)| {
                    let read = Statement::from_json(layer).and_then(|statement| step(&statement));
                    read.map_err(|e| e.within(format!("number {} of \"layers\"", number + 1)))
                };
                this.layers = layers.iter().enumerate().map(read).collect::<Result<_>>()?;
            }
            Some(_) => bail!(Format, "\"layers\" is not a list"),
        }
        if let Some(key) = object.keys().next() {
            bail!(Format, "the key {key:?} is none of input, layers, mlp, output");
        }
        Ok(this)
    }

    fn close(self) -> Result<Arch> {
        let Outline { input, between, output, layers } = self;
        let body = match between {
            Some(between) => Body::Mlp { between, output },
            None => Body::Layers(layers),
        };
        ensure!(input.as_ref().is_none_or(|shape| !shape.is_empty()), Format, "the shape of the input has no axis");
        ensure!(!matches!(&body, Body::Layers(l) if l.is_empty()), Format, "no layers are described");
        Ok(Arch { input, body })
    }
}

/// A layer from its statement.
fn step(statement: &Statement) -> Result<Step> {
    let name = statement.subject.clone();
    let window = || {
        let [stride, padding, dilation] = ["stride", "padding", "dilation"].map(|p| statement.sizes(p));
        Ok(Window { stride: stride?, padding: padding?, dilation: dilation? })
    };
    let pool = || Ok((sizes(&name, "the window")?, window()?));
    Ok(match statement.word.as_str() {
        "linear" => {
            statement.only(&[])?;
            Step::Linear(name)
        }
        "conv" => {
            statement.only(&["stride", "padding", "dilation", "groups"])?;
            let groups = match statement.sizes("groups")?[..] {
                [] => 1,
                [groups] if groups > 0 => groups,
                ref other => bail!(InvalidParameter, "groups is {other:?}, not one positive number"),
            };
            Step::Conv { name, options: window()?, groups }
        }
        "batch_norm" => {
            statement.only(&["eps"])?;
            Step::BatchNorm { name, epsilon: statement.real("eps")?.unwrap_or(1e-5) }
        }
        "prelu" => {
            statement.only(&[])?;
            Step::Prelu(name)
        }
        "flatten" => {
            statement.only(&[])?;
            Step::Flatten
        }
        "max_pool" => {
            statement.only(&["stride", "padding", "dilation"])?;
            let (kernel, options) = pool()?;
            Step::MaxPool { kernel, options }
        }
        "avg_pool" => {
            statement.only(&["stride", "padding"])?;
            let (kernel, options) = pool()?;
            Step::AvgPool { kernel, options }
        }
        "input" => bail!(Format, "the input comes first, and is not a layer"),
        _ => Step::Activation(function(statement)?),
    })
}

/// An activation from its statement.
fn function(statement: &Statement) -> Result<Activation> {
    if statement.word == "relu6" {
        statement.only(&[])?;
    }
    statement.only(&["alpha", "exponent", "low", "high", "lambda", "bias"])?;
    let mut function = Function {
        function: statement.word.clone(),
        alpha: statement.real("alpha")?,
        exponent: statement.real("exponent")?,
        low: statement.real("low")?,
        high: statement.real("high")?,
        lambda: statement.real("lambda")?,
        bias: statement.real("bias")?,
        slope: None,
    };
    // PyTorch's names of clips.
    let clip = match &*statement.word {
        "relu6" => Some([0.0, 6.0]),
        "hardtanh" => Some([-1.0, 1.0]),
        _ => None,
    };
    if let Some([low, high]) = clip {
        function.function = "clip".to_owned();
        (function.low, function.high) = (function.low.or(Some(low)), function.high.or(Some(high)));
    }
    activation(&function, None).map_err(|e| match e.kind() {
        ErrorKind::Unsupported => {
            const LAYERS: &str = "linear, conv, batch_norm, prelu, flatten, max_pool, avg_pool";
            Error::new(e.kind(), format!("{:?} is neither a function nor one of {LAYERS}", statement.word))
        }
        _ => e,
    })
}
