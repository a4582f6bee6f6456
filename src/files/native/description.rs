//! The JSON description of a layer graph, as data.

use crate::activation::Activation;
use crate::error::{Error, ErrorKind, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The whole description.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) version: u64,
    pub(super) layers: Vec<Map<String, Value>>,
    pub(super) outputs: Vec<String>,
}

/// A layer: its name, what it reads, and what it computes.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) from: Vec<String>,
    pub(super) layer: LayerEntry,
}

/// Numbers given in place, or the name of a tensor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Numbers {
    One(f64),
    Tensor(String),
}

/// What a layer computes; strings in place of weights are names of tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum LayerEntry {
    Input {
        shape: Vec<usize>,
    },
    Dense {
        weight: String,
        bias: Option<String>,
    },
    Sparse {
        indptr: String,
        indices: String,
        data: String,
        shape: [usize; 2],
        bias: Option<String>,
    },
    Conv {
        weight: String,
        bias: Option<String>,
        #[serde(default)]
        stride: Vec<usize>,
        #[serde(default)]
        padding: Vec<[usize; 2]>,
        #[serde(default)]
        dilation: Vec<usize>,
        #[serde(default)]
        groups: usize,
    },
    Gather {
        index: String,
        shape: Vec<usize>,
        #[serde(default)]
        fill: f64,
    },
    Sum {
        #[serde(default)]
        scales: Vec<Option<Numbers>>,
        shift: Option<Numbers>,
    },
    Elementwise(Function),
    Product {},
    Max {
        ptr: String,
        index: String,
        shape: Vec<usize>,
    },
    Reshape {
        shape: Vec<usize>,
    },
    Flatten {},
    Concat {
        axis: usize,
    },
    Transpose {
        perm: Vec<usize>,
    },
    Slice {
        starts: Vec<usize>,
        ends: Vec<usize>,
        #[serde(default)]
        steps: Vec<usize>,
    },
    Pad {
        padding: Vec<[usize; 2]>,
        #[serde(default)]
        mode: Mode,
        #[serde(default)]
        fill: f64,
    },
    AvgPool {
        kernel: Vec<usize>,
        #[serde(default)]
        stride: Vec<usize>,
        #[serde(default)]
        padding: Vec<[usize; 2]>,
        #[serde(default = "yes")]
        count_include_pad: bool,
    },
    MaxPool {
        kernel: Vec<usize>,
        #[serde(default)]
        stride: Vec<usize>,
        #[serde(default)]
        padding: Vec<[usize; 2]>,
        #[serde(default)]
        dilation: Vec<usize>,
    },
    BatchNorm {
        scale: String,
        shift: String,
        mean: String,
        variance: String,
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
}

/// An elementwise function with those of the parameters that it has.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::files) struct Function {
    pub(in crate::files) function: String,
    pub(in crate::files) alpha: Option<f64>,
    pub(in crate::files) exponent: Option<f64>,
    pub(in crate::files) low: Option<f64>,
    pub(in crate::files) high: Option<f64>,
    pub(in crate::files) lambda: Option<f64>,
    pub(in crate::files) bias: Option<f64>,
    pub(in crate::files) slope: Option<String>,
}

/// What stands beyond the border.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    #[default]
    Constant,
    Circular,
    Reflect,
    Edge,
}

fn yes() -> bool {
    true
}

fn epsilon() -> f64 {
    1e-5
}

impl Entry {
    /// Reads one layer of the description.
    pub(super) fn parse(mut map: Map<String, Value>, number: usize) -> Result<Self> {
        let malformed = |e: serde_json::Error| Error::new(ErrorKind::Format, e.to_string());
        let Some(Value::String(name)) = map.remove("name") else {
            bail!(Format, "layer number {number} has no name");
        };
        let parse = || {
            let from = match map.remove("from") {
                None => Vec::new(),
                Some(from) => serde_json::from_value(from).map_err(malformed)?,
            };
            Ok((from, serde_json::from_value(Value::Object(map)).map_err(malformed)?))
        };
        let (from, layer) = parse().map_err(|e: Error| e.in_layer(&name))?;
        Ok(Entry { name, from, layer })
    }

    pub(super) fn into_map(self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("name".into(), self.name.into());
        if !self.from.is_empty() {
            map.insert("from".into(), self.from.into());
        }
        let layer = serde_json::to_value(self.layer).expect("plain data");
        let Value::Object(fields) = layer else { unreachable!("a layer is a map") };
        // Absent parameters are not written.
        map.extend(fields.into_iter().filter(|(_, v)| !v.is_null() && *v != Value::Array(Vec::new())));
        map
    }
}

/// The function that an entry describes; `slope` are the numbers of the tensor that it names.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for a name that is not known,
/// [`InvalidParameter`](ErrorKind::InvalidParameter) for a parameter that the function does not have or needs.
pub(in crate::files) fn activation(entry: &Function, slope: Option<Vec<f64>>) -> Result<Activation> {
    let Function { ref function, alpha, exponent, low, high, lambda, bias, slope: _ } = *entry;
    let given = [
        ("alpha", alpha.is_some()),
        ("exponent", exponent.is_some()),
        ("low", low.is_some()),
        ("high", high.is_some()),
        ("lambda", lambda.is_some()),
        ("bias", bias.is_some()),
        ("slope", slope.is_some()),
    ];
    let only = |allowed: &[&str]| {
        let extra = given.iter().find(|&&(name, given)| given && !allowed.contains(&name));
        ensure!(extra.is_none(), InvalidParameter, "{function} has no parameter {}", extra.map_or("", |e| e.0));
        Ok(())
    };
    let needed = || Error::new(ErrorKind::InvalidParameter, format!("{function} needs an exponent"));
    let plain = |activation| only(&[]).map(|()| activation);
    match function.as_str() {
        "leaky_relu" => only(&["alpha"]).map(|()| Activation::LeakyRelu { alpha: alpha.unwrap_or(0.01) }),
        "elu" => only(&["alpha"]).map(|()| Activation::Elu { alpha: alpha.unwrap_or(1.0) }),
        "celu" => only(&["alpha"]).map(|()| Activation::Celu { alpha: alpha.unwrap_or(1.0) }),
        "thresholded_relu" => only(&["alpha"]).map(|()| Activation::ThresholdedRelu { alpha: alpha.unwrap_or(1.0) }),
        "clip" => only(&["low", "high"])
            .map(|()| Activation::Clip { low: low.unwrap_or(f64::NEG_INFINITY), high: high.unwrap_or(f64::INFINITY) }),
        "shrink" => only(&["lambda", "bias"])
            .map(|()| Activation::Shrink { lambda: lambda.unwrap_or(0.5), bias: bias.unwrap_or(0.0) }),
        "prelu" => {
            only(&["slope"])?;
            let Some(slope) = slope else { bail!(InvalidParameter, "prelu needs a slope") };
            Ok(Activation::Prelu { slope })
        }
        "powf" => only(&["exponent"]).and(exponent.map(Activation::Powf).ok_or_else(needed)),
        "powi" => {
            only(&["exponent"])?;
            let exponent = exponent.ok_or_else(needed)?;
            let whole = exponent as i32;
            ensure!(f64::from(whole) == exponent, InvalidParameter, "powi with exponent {exponent}");
            Ok(Activation::Powi(whole))
        }
        "identity" => plain(Activation::Identity),
        "relu" => plain(Activation::Relu),
        "selu" => plain(Activation::Selu),
        "tanh" => plain(Activation::Tanh),
        "sigmoid" => plain(Activation::Sigmoid),
        "softplus" => plain(Activation::Softplus),
        "softsign" => plain(Activation::Softsign),
        "gelu" => plain(Activation::Gelu),
        "gelu_tanh" => plain(Activation::GeluTanh),
        "silu" => plain(Activation::Silu),
        "mish" => plain(Activation::Mish),
        "sin" => plain(Activation::Sin),
        "cos" => plain(Activation::Cos),
        "tan" => plain(Activation::Tan),
        "asin" => plain(Activation::Asin),
        "acos" => plain(Activation::Acos),
        "atan" => plain(Activation::Atan),
        "sinh" => plain(Activation::Sinh),
        "cosh" => plain(Activation::Cosh),
        "asinh" => plain(Activation::Asinh),
        "acosh" => plain(Activation::Acosh),
        "atanh" => plain(Activation::Atanh),
        "exp" => plain(Activation::Exp),
        "log" => plain(Activation::Log),
        "sqrt" => plain(Activation::Sqrt),
        "square" => plain(Activation::Square),
        "reciprocal" => plain(Activation::Reciprocal),
        "erf" => plain(Activation::Erf),
        "abs" => plain(Activation::Abs),
        "step" => plain(Activation::Step),
        _ => bail!(Unsupported, "the function {function:?} is not known"),
    }
}
