//! Random ONNX models: valid files of operators that colorjet knows, with operands and attributes that mostly fit
//! together, and sometimes do not.

use super::onnx::{Message, Numbers, Value, attribute, declared, model, node, tensor};
use arbitrary::{Result, Unstructured};

/// An operator, its operands (the letters of [`Graph::operand`]; `?` before those that may be left out) and the
/// attributes it has.
type Operator = (&'static str, &'static str, &'static [&'static str]);

const WINDOWS: &[&str] = &["kernel_shape", "strides", "dilations", "pads", "auto_pad", "group"];
const POOL: &[&str] =
    &["kernel_shape", "kernel_shape", "strides", "dilations", "pads", "auto_pad", "ceil_mode", "count_include_pad"];
const REDUCE: &[&str] = &["axes", "keepdims", "noop_with_empty_axes"];
const RESIZE: &[&str] = &[
    "mode",
    "nearest_mode",
    "coordinate_transformation_mode",
    "axes",
    "scales",
    "cubic_coeff_a",
    "exclude_outside",
    "antialias",
    "keep_aspect_ratio_policy",
];

#[rustfmt::skip]
const OPERATORS: &[Operator] = &[
    ("Conv", "xw?n", WINDOWS),
    ("ConvTranspose", "xt?n", &["kernel_shape", "strides", "dilations", "pads", "auto_pad", "group", "output_padding", "output_shape"]),
    ("MaxPool", "x", POOL), ("AveragePool", "x", POOL), ("GlobalMaxPool", "x", &[]), ("GlobalAveragePool", "x", &[]),
    ("Gemm", "vm?l", &["transA", "transB", "alpha", "beta"]), ("Gemm", "aa?a", &["transA", "transB", "alpha", "beta"]),
    ("MatMul", "vm", &[]), ("MatMul", "mv", &[]), ("MatMul", "aa", &[]),
    ("Einsum", "aa", &["equation", "equation"]), ("Einsum", "v", &["equation", "equation"]),
    ("CumSum", "v1", &["exclusive", "reverse"]),
    ("BatchNormalization", "xnnnn", &["epsilon", "training_mode", "spatial"]),
    ("InstanceNormalization", "xnn", &["epsilon"]),
    ("GroupNormalization", "xnn", &["epsilon", "num_groups", "num_groups"]),
    ("LayerNormalization", "vl?l", &["axis", "epsilon"]), ("RMSNormalization", "vl", &["axis", "epsilon"]),
    ("LpNormalization", "v", &["axis", "p"]), ("Softmax", "v", &["axis"]), ("LogSoftmax", "v", &["axis"]),
    ("ReduceSum", "a?i", REDUCE), ("ReduceMean", "a?i", REDUCE), ("ReduceMax", "a?i", REDUCE), ("ReduceMin", "a?i", REDUCE),
    ("ReduceProd", "a?i", REDUCE), ("ReduceL1", "a?i", REDUCE), ("ReduceL2", "a?i", REDUCE), ("ReduceLogSum", "a?i", REDUCE),
    ("ReduceLogSumExp", "a?i", REDUCE), ("ReduceSumSquare", "a?i", REDUCE),
    ("Resize", "a_f", RESIZE), ("Resize", "a__s", RESIZE), ("Upsample", "af", RESIZE),
    ("Reshape", "as", &["allowzero", "shape"]), ("Transpose", "a", &["perm"]), ("Flatten", "a", &["axis"]),
    ("Squeeze", "a?i", &["axes"]), ("Unsqueeze", "ai", &["axes"]), ("Expand", "as", &[]), ("Tile", "as", &[]),
    ("Slice", "aii?i?i", &["starts", "ends", "axes"]), ("Split", "a?s", &["axis", "split", "num_outputs"]),
    ("Concat", "aaa", &["axis", "axis"]), ("Concat", "av", &["axis", "axis"]), ("Pad", "ap?1?i", &["mode", "pads", "value"]),
    ("Gather", "ai", &["axis"]), ("GatherElements", "aI", &["axis"]), ("GatherND", "aI", &["batch_dims"]),
    ("ScatterND", "aIa", &["reduction"]), ("ScatterElements", "aIa", &["axis", "reduction"]), ("Trilu", "a?1", &["upper"]),
    ("DepthToSpace", "x", &["blocksize", "blocksize", "mode"]), ("SpaceToDepth", "x", &["blocksize", "blocksize"]),
    ("ReverseSequence", "ai", &[]), ("Compress", "ab", &["axis"]), ("OneHot", "iis", &["axis"]),
    ("Identity", "a", &[]), ("Dropout", "v?1?b", &[]), ("Cast", "a", &["to"]), ("CastLike", "aa", &[]),
    ("Add", "aa", &[]), ("Sub", "aa", &[]), ("Mul", "aa", &[]), ("Div", "aa", &[]), ("Pow", "aa", &[]), ("Mod", "ii", &["fmod"]),
    ("Sum", "aaa", &[]), ("Mean", "aaa", &[]), ("Max", "aaa", &[]), ("Min", "aaa", &[]), ("Where", "baa", &[]),
    ("Add", "ii", &[]), ("Mul", "ii", &[]), ("Div", "ii", &[]), ("Sub", "ii", &[]), ("Pow", "ii", &[]), ("Max", "ii", &[]),
    ("Greater", "aa", &[]), ("GreaterOrEqual", "aa", &[]), ("LessOrEqual", "va", &[]), ("Equal", "va", &[]), ("Sign", "v", &[]),
    ("Where", "vaa", &[]), ("And", "vb", &[]), ("Or", "vv", &[]), ("Xor", "vb", &[]), ("Not", "v", &[]), ("IsNaN", "v", &[]),
    ("NonZero", "b", &[]), ("Loop", "ibv", &["body", "body"]), ("Loop", "_bva", &["body", "body"]), ("If", "b", &["then_branch", "else_branch"]),
    ("Einsum", "aac", &["equation", "equation"]), ("Scatter", "aIa", &["axis"]),
    ("And", "bb", &[]), ("Not", "b", &[]), ("Less", "aa", &[]), ("Equal", "ii", &[]), ("Where", "bii", &[]),
    ("Shape", "a", &["start", "end"]), ("Size", "a", &[]), ("Constant", "", &["value", "value_float", "value_ints", "value_floats", "value_int"]),
    ("ConstantOfShape", "s", &["value"]), ("Range", "111", &[]), ("Range", "III", &[]), ("Abs", "i", &[]), ("Neg", "i", &[]), ("Sign", "i", &[]),
    ("PRelu", "vc", &[]), ("Clip", "v?1?1", &["min", "max"]), ("Gelu", "v", &["approximate"]),
    ("Elu", "v", &["alpha"]), ("Selu", "v", &["alpha", "gamma"]), ("Celu", "v", &["alpha"]), ("Swish", "v", &["alpha"]),
    ("HardSigmoid", "v", &["alpha", "beta"]), ("HardSwish", "v", &[]), ("Shrink", "v", &["lambd", "bias"]),
    ("ThresholdedRelu", "v", &["alpha"]), ("LeakyRelu", "v", &["alpha"]), ("Relu", "v", &[]), ("Neg", "v", &[]), ("Tanh", "v", &[]),
    ("Sigmoid", "v", &[]), ("Softplus", "v", &[]), ("Softsign", "v", &[]), ("Mish", "v", &[]), ("Erf", "v", &[]), ("Exp", "a", &[]),
    ("Log", "a", &[]), ("Sqrt", "a", &[]), ("Reciprocal", "a", &[]), ("Sin", "v", &[]), ("Atan", "v", &[]), ("Acosh", "v", &[]),
    ("Abs", "v", &[]), ("Floor", "a", &[]), ("ArgMax", "v", &["axis"]),
];

const EQUATIONS: &[&str] = &[
    "ij,jk->ik",
    "bij,bjk->bik",
    "ij,ij->",
    "i,j->ij",
    "ij->ji",
    "ij->",
    "ii->i",
    "bhid,bhjd->bhij",
    "ij,jk",
    "ijk,k",
    "i,i",
    "ab,cd->abcd",
    "...i,i",
    "...ij,...jk->...ik",
    "...i->i...",
    "iji->ij",
    "...",
    "ij,jk,kl->il",
    "i...,i...,i...",
    ",",
    "",
    "->",
    "i,",
    "ij,j->i",
    "ijkl,kl->ij",
];

/// A number from a file that means no good.
const HOSTILE: &[i64] = &[
    -1,
    0,
    i64::MIN,
    i64::MAX,
    i64::MIN + 1,
    1 << 31,
    1 << 32,
    (1 << 32) - 1,
    1 << 20,
    65_537,
    -65_537,
    1 << 62,
    1 << 16,
    1 << 22,
    255,
];

/// A model in the making.
struct Graph<'a, 'b> {
    choices: &'a mut Unstructured<'b>,
    nodes: Vec<Message>,
    initializers: Vec<Message>,
    /// Names and shapes, as far as they can be guessed, of what nodes may read.
    values: Vec<(String, Vec<i64>)>,
}

/// The bytes of a model.
pub fn random_model(choices: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut graph = Graph { choices, nodes: Vec::new(), initializers: Vec::new(), values: Vec::new() };
    let opset = *graph.choices.choose(&[18, 21, 13, 11, 9, 8, 7, 10, 24])?;
    let mut inputs = Vec::new();
    for k in 0..graph.choices.int_in_range(1..=2)? {
        let rank = *graph.choices.choose(&[4, 3, 2, 1, 5, 0])?;
        let mut shape = graph.lengths(rank)?;
        if rank > 2 && graph.choices.ratio(3, 4)? {
            shape[0] = 1;
        }
        // Inputs are small, or too large to be read at all.
        shape.iter_mut().filter(|length| **length < 1 << 30).for_each(|length| *length = (*length).min(99));
        inputs.push(declared(&format!("x{k}"), &shape));
        graph.values.push((format!("x{k}"), shape));
    }
    for _ in 0..graph.choices.int_in_range(1..=8)? {
        graph.node()?;
    }
    let mut outputs = vec![declared(&graph.values[graph.values.len() - 1].0, &[])];
    if graph.choices.ratio(1, 4)? {
        outputs.push(declared(&graph.any()?.0, &[]));
    }
    Ok(model(opset, &graph.nodes, &graph.initializers, &inputs, &outputs))
}

impl Graph<'_, '_> {
    fn any(&mut self) -> Result<(String, Vec<i64>)> {
        // The newest twice: graphs should be deep rather than wide.
        let last = self.values.len() - 1;
        let at = self.choices.int_in_range(0..=last + 2)?.min(last);
        Ok(self.values[at].clone())
    }

    fn length(&mut self) -> Result<i64> {
        match self.choices.int_in_range(0..=63)? {
            0 => self.choices.choose(HOSTILE).copied(),
            1 | 2 => Ok(0),
            k => Ok([1, 2, 3, 4, 6, 2, 4, 5][k % 8]),
        }
    }

    fn lengths(&mut self, count: usize) -> Result<Vec<i64>> {
        (0..count).map(|_| self.length()).collect()
    }

    /// A small number of either sign.
    fn index(&mut self, below: i64) -> Result<i64> {
        if self.choices.ratio(1, 24)? {
            return self.choices.choose(HOSTILE).copied();
        }
        let below = below.clamp(1, 8);
        self.choices.int_in_range(-below..=below - 1)
    }

    fn indices(&mut self, count: usize, below: i64) -> Result<Vec<i64>> {
        (0..count).map(|_| self.index(below)).collect()
    }

    fn number(&mut self) -> Result<f32> {
        const NUMBERS: [f32; 12] = [0.5, 1.0, -1.0, 2.0, 0.25, -0.75, 3.0, 0.0, f32::INFINITY, f32::NAN, 1e30, -1e-30];
        let usual = if self.choices.ratio(1, 16)? { NUMBERS.len() } else { 7 };
        Ok(NUMBERS[self.choices.choose_index(usual)?])
    }

    /// A new constant of this shape; of a shape that is large or makes no sense, with too few numbers.
    fn constant(&mut self, shape: &[i64], kind: char) -> Result<String> {
        let name = format!("c{}", self.initializers.len());
        let tensor = self.tensor(&name, shape, kind)?;
        self.initializers.push(tensor);
        Ok(name)
    }

    fn tensor(&mut self, name: &str, shape: &[i64], kind: char) -> Result<Message> {
        let count = shape.iter().try_fold(1i64, |p, &d| p.checked_mul(d.max(0))).unwrap_or(0).min(600) as usize;
        // Few choices, repeated.
        let several = count.min(3);
        let numbers = match kind {
            'I' => Numbers::Int(cycled(self.indices(several, 4)?, count)),
            'b' => Numbers::Bool(cycled((0..several).map(|_| self.choices.arbitrary()).collect::<Result<_>>()?, count)),
            _ => Numbers::Float(cycled((0..several).map(|_| self.number()).collect::<Result<_>>()?, count)),
        };
        Ok(tensor(name, shape, &numbers))
    }

    fn list(&mut self, list: Vec<i64>) -> Result<String> {
        let name = format!("c{}", self.initializers.len());
        self.initializers.push(tensor(&name, &[list.len() as i64], &Numbers::Int(list)));
        Ok(name)
    }

    /// An operand for an operator whose first operand has the shape `x`.
    fn operand(&mut self, letter: char, x: &[i64], groups: i64) -> Result<(String, Vec<i64>)> {
        let channels = x.get(1).copied().unwrap_or(1);
        let last = x.last().copied().unwrap_or(1);
        let shape = match letter {
            // A value, one with channels, a value or a constant.
            'v' => return self.any(),
            'x' => {
                let images: Vec<_> = self.values.iter().filter(|(_, s)| s.len() > 2).cloned().collect();
                return if images.is_empty() { self.any() } else { self.choices.choose(&images).cloned() };
            }
            'a' if self.choices.ratio(2, 3)? => return self.any(),
            'a' | 'c' | 'b' | 'I' => {
                // As x, or what spreads over it.
                let mut shape = x[self.choices.int_in_range(0..=x.len())?.min(x.len())..].to_vec();
                for length in &mut shape {
                    if self.choices.ratio(1, 4)? {
                        *length = 1;
                    }
                }
                if self.choices.ratio(1, 8)? {
                    let rank = self.choices.int_in_range(0..=4)?;
                    shape = self.lengths(rank)?;
                }
                shape
            }
            'w' | 't' => {
                let mut shape = vec![self.length()?.saturating_mul(groups), channels / groups.max(1)];
                if letter == 't' {
                    shape = vec![channels, self.length()?];
                }
                let kernel = self.lengths(x.len().saturating_sub(2))?;
                shape.extend(kernel.iter().zip(&x[2.min(x.len())..]).map(|(&k, &len)| k.min(len.max(1))));
                shape
            }
            'm' => vec![last, self.length()?],
            'n' => vec![channels],
            'l' => vec![last],
            '1' => vec![],
            'i' => {
                let count = self.choices.int_in_range(0..=3)?;
                let list = self.indices(count, x.len() as i64)?;
                return Ok((self.list(list)?, vec![count as i64]));
            }
            's' => {
                let mut list = x.to_vec();
                match self.choices.int_in_range(0..=3)? {
                    0 => list.reverse(),
                    1 => list = vec![-1],
                    2 => {
                        let count = self.choices.int_in_range(0..=5)?;
                        list = self.lengths(count)?;
                    }
                    _ => list = self.lengths(x.len())?,
                }
                let shape = vec![list.len() as i64];
                return Ok((self.list(list)?, shape));
            }
            'p' => {
                let list = self.indices(2 * x.len(), 2)?;
                return Ok((self.list(list)?, vec![2 * x.len() as i64]));
            }
            _ => vec![x.len() as i64],
        };
        let wrong = self.choices.ratio(1, 24)?;
        let shape = if wrong { self.lengths(shape.len().max(1))? } else { shape };
        Ok((self.constant(&shape, letter)?, shape))
    }

    fn attribute(&mut self, name: &str, x: &[i64], groups: i64) -> Result<Message> {
        let spatial = x.len().saturating_sub(2);
        let rank = x.len() as i64;
        let value = match name {
            "group" => Value::Int(groups),
            "axis" | "num_groups" | "blocksize" | "batch_dims" | "start" | "end" | "num_outputs" | "p" => {
                Value::Int(self.index(rank)?)
            }
            "value_int" => Value::Int(self.index(8)?),
            "to" => Value::Int(self.choices.int_in_range(-1..=17)?),
            "axes" | "starts" | "ends" | "value_ints" => {
                let count = self.choices.int_in_range(0..=3)?;
                Value::Ints(self.indices(count, rank)?)
            }
            "perm" => {
                let mut order: Vec<i64> = (0..rank).collect();
                for k in 1..order.len() {
                    order.swap(k, self.choices.choose_index(k + 1)?);
                }
                if self.choices.ratio(1, 16)? {
                    order = self.indices(x.len(), rank)?;
                }
                Value::Ints(order)
            }
            "kernel_shape" | "strides" | "dilations" | "output_padding" | "output_shape" => {
                Value::Ints(self.lengths(spatial)?)
            }
            "pads" => {
                let mut list = self.indices(2 * spatial, 3)?;
                if self.choices.ratio(7, 8)? {
                    list.iter_mut().for_each(|p| *p = p.saturating_abs());
                }
                Value::Ints(list)
            }
            "shape" | "split" => Value::Ints(self.lengths(x.len())?),
            "scales" | "value_floats" => Value::Floats((0..x.len()).map(|_| self.number()).collect::<Result<_>>()?),
            "auto_pad" => self.text(&["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET", "x"])?,
            "mode" => self
                .text(&["nearest", "linear", "cubic", "constant", "reflect", "edge", "wrap", "DCR", "CRD", "magic"])?,
            "nearest_mode" => self.text(&["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])?,
            "coordinate_transformation_mode" => self.text(&[
                "half_pixel",
                "pytorch_half_pixel",
                "align_corners",
                "asymmetric",
                "half_pixel_symmetric",
                "tf_crop",
            ])?,
            "keep_aspect_ratio_policy" => self.text(&["stretch", "not_larger"])?,
            "approximate" => self.text(&["none", "tanh", ""])?,
            "reduction" => self.text(&["none", "add", "max", "min", "mul"])?,
            "equation" => self.text(EQUATIONS)?,
            "body" | "then_branch" | "else_branch" => Value::Graph(self.inner(name == "body", x)?),
            "value" if self.choices.ratio(1, 4)? => Value::Float(self.number()?),
            "value" => {
                let kind = *self.choices.choose(&['I', 'f', 'b'])?;
                let rank = self.choices.int_in_range(0..=2)?;
                let shape = self.lengths(rank)?;
                Value::Tensor(self.tensor("", &shape, kind)?)
            }
            "alpha" | "beta" | "gamma" | "bias" | "lambd" | "epsilon" | "min" | "max" | "value_float"
            | "cubic_coeff_a" => Value::Float(self.number()?),
            _ => Value::Int(i64::from(self.choices.arbitrary::<bool>()?)),
        };
        Ok(attribute(name, &value))
    }

    /// A graph inside of a node, which reads what is around it too, and uses names that are taken.
    fn inner(&mut self, repeats: bool, x: &[i64]) -> Result<Message> {
        if self.choices.len() < 8 {
            return Ok(Message::new());
        }
        let (around, outside) = (std::mem::take(&mut self.nodes), self.values.clone());
        let mut inputs = Vec::new();
        if repeats {
            inputs = ["k", "go", "h"].map(|name| declared(name, &[])).to_vec();
            self.values.extend([("k".to_owned(), vec![]), ("h".to_owned(), x.to_vec())]);
            self.nodes.push(node("Identity", &["go"], &["on"], &[]));
        }
        for _ in 0..self.choices.int_in_range(1..=2)? {
            self.node()?;
        }
        let mut outputs = if repeats { vec![declared("on", &[])] } else { vec![] };
        for _ in 0..self.choices.int_in_range(1..=2)? {
            outputs.push(declared(&self.any()?.0, &[]));
        }
        let nodes = std::mem::replace(&mut self.nodes, around);
        self.values = outside;
        Ok(Message::new().messages(1, &nodes).bytes(2, "inner").messages(11, &inputs).messages(12, &outputs))
    }

    fn text(&mut self, words: &[&str]) -> Result<Value> {
        Ok(Value::Text((*self.choices.choose(words)?).to_owned()))
    }

    fn node(&mut self) -> Result<()> {
        let &(operator, letters, names) = self.choices.choose(OPERATORS)?;
        let groups = if self.choices.ratio(1, 4)? { self.length()? } else { 1 };
        let (mut inputs, mut x) = (Vec::new(), Vec::new());
        let mut optional = false;
        for letter in letters.chars() {
            if letter == '?' {
                optional = true;
            } else if letter == '_' || std::mem::take(&mut optional) && self.choices.ratio(1, 2)? {
                inputs.push(String::new());
            } else {
                // The largest operand so far is what the others should fit.
                let guide = if inputs.is_empty() { self.any()?.1 } else { x.clone() };
                let (name, shape) = self.operand(letter, &guide, groups)?;
                inputs.push(name);
                if shape.len() > x.len() || x.is_empty() {
                    x = shape;
                }
            }
        }
        while inputs.last().is_some_and(String::is_empty) {
            inputs.pop();
        }
        let mut attributes = Vec::new();
        for name in names {
            let needed = matches!(*name, "equation" | "blocksize" | "num_groups" | "group");
            if needed || self.choices.ratio(1, 2)? {
                attributes.push(self.attribute(name, &x, groups)?);
            }
        }
        let output = format!("y{}", self.nodes.len());
        self.nodes.push(node(operator, &inputs, &[&output, &format!("{output}.b")], &attributes));
        self.values.push((output, x));
        Ok(())
    }
}

fn cycled<T: Clone>(few: Vec<T>, count: usize) -> Vec<T> {
    few.into_iter().cycle().take(count).collect()
}
