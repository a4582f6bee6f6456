//! Operators whose operands are all constants: they are computed when the model is loaded.

use super::Call;
use super::elementwise::function;
use crate::error::{Result, bail, ensure};
use crate::files::onnx::movement::{Movement, axes, broadcast_shape};
use crate::files::onnx::tensor::{Shared, Tensor, array, check_size, data_type};
use crate::files::onnx::value::Value;

/// The constant that a node makes, if it makes one.
///
/// `None` for operators that are lowered like any other even if their operands are constants.
pub(super) fn folded(call: &mut Call<'_>) -> Result<Option<Tensor>> {
    match call.node.operator() {
        "Constant" => return constant(call).map(Some),
        "Shape" => return shape(call).map(Some),
        "Size" => {
            let count: usize = call.value(0)?.shape().iter().product();
            return Ok(Some(Tensor::ints(&[], vec![count as i64])));
        }
        // Values that are no finite numbers are errors.
        "IsNaN" | "IsInf" if call.value(0)?.constant().is_none() => {
            let shape = call.value(0)?.shape().to_vec();
            call.lowering.spend(check_size(&shape)?)?;
            return Tensor::Bool(array(&[], vec![false])).moved(&Movement::Expand(shape)).map(Some);
        }
        _ => {}
    }
    let operands: Option<Vec<Tensor>> = call.inputs.iter().flatten().map(|v| v.constant().cloned()).collect();
    let Some(operands) = operands else { return Ok(None) };
    if operands.iter().any(|t| t.len() == 0) {
        return empty(call, &operands);
    }
    computed(call, &operands)
}

fn computed(call: &mut Call<'_>, operands: &[Tensor]) -> Result<Option<Tensor>> {
    let operator = call.node.operator();
    if operator == "Identity" {
        return Ok(operands.first().cloned());
    }
    let operand = |k: usize| match operands.get(k) {
        Some(tensor) => Ok(tensor),
        None => bail!(Format, "operand {k} is missing"),
    };
    Ok(Some(match operator {
        "ConstantOfShape" => {
            let shape = sizes(operand(0)?)?;
            constant_of_shape(call, &shape)?
        }
        "Range" => range(call, operands)?,
        "Cast" => {
            call.lowering.spend(operand(0)?.len())?;
            cast(operand(0)?, call.node.int("to").unwrap_or(1))?
        }
        "Not" => {
            call.lowering.spend(operand(0)?.len())?;
            Tensor::Bool(operand(0)?.to_bools().mapv(|v| !v).into_shared())
        }
        "Where" => {
            let condition = operand(0)?.to_bools();
            let [a, b] = [operand(1)?, operand(2)?];
            let shape = broadcast_shape(&broadcast_shape(condition.shape(), a.shape())?, b.shape())?;
            call.lowering.spend(check_size(&shape)?)?;
            let spread = Movement::Expand(shape);
            let [a, b] = [a.moved(&spread)?, b.moved(&spread)?];
            let condition = Tensor::Bool(condition).moved(&spread)?.to_bools();
            match (a, b) {
                (Tensor::Int(a), Tensor::Int(b)) => Tensor::Int(choose(&condition, &a, &b)),
                (Tensor::Bool(a), Tensor::Bool(b)) => Tensor::Bool(choose(&condition, &a, &b)),
                (a, b) => Tensor::Float(choose(&condition, &a.to_floats(), &b.to_floats())),
            }
        }
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Max" | "Min" | "Sum" | "And" | "Or" | "Xor" | "Equal"
        | "Greater" | "Less" | "GreaterOrEqual" | "LessOrEqual" => {
            // The sign of the remainder is that of the divisor, or with `fmod` that of the dividend.
            let operator = if operator == "Mod" && call.node.flag("fmod") { "Fmod" } else { operator };
            let mut result = operand(0)?.clone();
            for other in &operands[1..] {
                let shape = broadcast_shape(result.shape(), other.shape())?;
                call.lowering.spend(check_size(&shape)?)?;
                result = binary(operator, &result, other, &Movement::Expand(shape))?;
            }
            result
        }
        "NonZero" => non_zero(call, operand(0)?)?,
        "ReduceSum" | "ReduceProd" | "ReduceMax" | "ReduceMin" | "ReduceMean" => reduced(call, operand(0)?)?,
        "Neg" | "Abs" | "Sign" | "Floor" | "Ceil" | "Round" => {
            call.lowering.spend(operand(0)?.len())?;
            rounded(operator, operand(0)?)
        }
        _ => match function(&call.node)? {
            Some(function) => {
                function.validate()?;
                let x = operand(0)?.to_floats();
                call.lowering.spend(x.len())?;
                Tensor::Float(x.mapv(|v| function.eval(v)[0]).into_shared())
            }
            None => return Ok(None),
        },
    }))
}

/// The operators that keep integers integers.
fn rounded(operator: &str, tensor: &Tensor) -> Tensor {
    match (operator, tensor) {
        ("Neg", Tensor::Int(a)) => Tensor::Int(a.mapv(i64::wrapping_neg).into_shared()),
        ("Abs", Tensor::Int(a)) => Tensor::Int(a.mapv(i64::wrapping_abs).into_shared()),
        ("Sign", Tensor::Int(a)) => Tensor::Int(a.mapv(i64::signum).into_shared()),
        (_, Tensor::Int(_)) => tensor.clone(),
        _ => {
            let f: fn(f64) -> f64 = match operator {
                "Neg" => |v| -v,
                "Abs" => f64::abs,
                "Sign" => |v| if v == 0.0 { 0.0 } else { v.signum() },
                "Floor" => f64::floor,
                "Ceil" => f64::ceil,
                _ => f64::round_ties_even,
            };
            Tensor::Float(tensor.to_floats().mapv(f).into_shared())
        }
    }
}

/// What can be made of tensors without entries: shapes of scalars, lists of nothing.
fn empty(call: &mut Call<'_>, operands: &[Tensor]) -> Result<Option<Tensor>> {
    match (call.node.operator(), &operands[0]) {
        // The empty shape is that of one number.
        ("ConstantOfShape", _) => constant_of_shape(call, &[]).map(Some),
        ("Cast", tensor) => cast(tensor, call.node.int("to").unwrap_or(1)).map(Some),
        ("Identity", tensor) => Ok(Some(tensor.clone())),
        // The product of no lengths.
        ("ReduceProd", Tensor::Int(_)) => Ok(Some(Tensor::ints(&[], vec![1]))),
        _ => Ok(None),
    }
}

fn constant(call: &mut Call<'_>) -> Result<Tensor> {
    let node = &call.node;
    if let Some(tensor) = node.tensor("value")? {
        // A function may be called often.
        call.lowering.spend(tensor.len())?;
        return Ok(tensor);
    }
    if let Some(v) = node.float("value_float") {
        return Ok(Tensor::floats(&[], vec![v]));
    }
    if let Some(list) = node.floats("value_floats") {
        return Ok(Tensor::floats(&[list.len()], list.iter().map(|&v| v.into()).collect()));
    }
    if let Some(v) = node.int("value_int") {
        return Ok(Tensor::ints(&[], vec![v]));
    }
    if let Some(list) = node.ints("value_ints") {
        return Ok(Tensor::ints(&[list.len()], list.to_vec()));
    }
    call.refuse("a constant that is neither a tensor nor numbers")
}

fn shape(call: &Call<'_>) -> Result<Tensor> {
    let shape = call.value(0)?.shape();
    let rank = shape.len() as i64;
    let bound = |name: &str, default: i64| {
        let at = call.node.int(name).unwrap_or(default);
        (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
    };
    let (start, end) = (bound("start", 0), bound("end", rank));
    let lengths: Vec<i64> = shape[start..end.max(start)].iter().map(|&s| s as i64).collect();
    Ok(Tensor::ints(&[lengths.len()], lengths))
}

/// A list of lengths.
pub(super) fn sizes(tensor: &Tensor) -> Result<Vec<usize>> {
    let ints = tensor.to_list()?;
    let sizes: Option<Vec<usize>> = ints.iter().map(|&i| usize::try_from(i).ok()).collect();
    match sizes {
        Some(sizes) => Ok(sizes),
        None => bail!(InvalidParameter, "a shape with a negative length: {ints:?}"),
    }
}

fn constant_of_shape(call: &mut Call<'_>, shape: &[usize]) -> Result<Tensor> {
    let count = check_size(shape)?;
    call.lowering.spend(count)?;
    let value = call.node.tensor("value")?.unwrap_or(Tensor::floats(&[1], vec![0.0]));
    ensure!(value.len() == 1, Shape, "a value of {} numbers", value.len());
    value.moved(&Movement::Reshape(vec![]))?.moved(&Movement::Expand(shape.to_vec()))
}

fn range(call: &mut Call<'_>, operands: &[Tensor]) -> Result<Tensor> {
    let [start, limit, step] = operands else { bail!(Format, "{} operands instead of 3", operands.len()) };
    ensure!(operands.iter().all(|t| t.len() == 1), Shape, "start, limit and step must be numbers");
    if let (Tensor::Int(_), Tensor::Int(_), Tensor::Int(_)) = (start, limit, step) {
        let [start, limit, step] = [start.to_ints()?[0], limit.to_ints()?[0], step.to_ints()?[0]].map(i128::from);
        ensure!(step != 0, InvalidParameter, "a step of zero");
        let count = usize::try_from(((limit - start + step - step.signum()) / step).max(0)).unwrap_or(usize::MAX);
        call.lowering.spend(check_size(&[count])?)?;
        return Ok(Tensor::ints(&[count], (0..count).map(|k| (start + k as i128 * step) as i64).collect()));
    }
    let of = |tensor: &Tensor| tensor.to_floats().iter().copied().next().unwrap_or(0.0);
    let [start, limit, step] = [of(start), of(limit), of(step)];
    let count = ((limit - start) / step).ceil().max(0.0);
    ensure!(count.is_finite() && step != 0.0, InvalidParameter, "a range from {start} to {limit} by {step}");
    let count = count as usize;
    call.lowering.spend(check_size(&[count])?)?;
    Ok(Tensor::floats(&[count], (0..count).map(|k| start + k as f64 * step).collect()))
}

/// Numbers of another type.
fn cast(tensor: &Tensor, to: i64) -> Result<Tensor> {
    let to = i32::try_from(to).unwrap_or(0);
    if data_type::REAL.contains(&to) {
        return Ok(Tensor::Float(tensor.to_floats()));
    }
    match data_type::describe(to) {
        Some(("bool", _)) => Ok(Tensor::Bool(tensor.to_bools())),
        Some(_) => match tensor {
            // Towards zero, as the operator says.
            Tensor::Float(a) => Ok(Tensor::Int(a.mapv(|v| v as i64).into_shared())),
            Tensor::Bool(a) => Ok(Tensor::Int(a.mapv(i64::from).into_shared())),
            Tensor::Int(_) => Ok(tensor.clone()),
        },
        None => bail!(Unsupported, "numbers of type {to} (of TensorProto.DataType)"),
    }
}

/// The coordinates of all entries that are not zero, one column for each.
fn non_zero(call: &mut Call<'_>, tensor: &Tensor) -> Result<Tensor> {
    let (chosen, rank) = (tensor.to_bools(), tensor.shape().len());
    let count = chosen.iter().filter(|&&v| v).count();
    call.lowering.spend(chosen.len().max(check_size(&[rank, count])?))?;
    let mut coordinates = vec![0; rank * count];
    let found = chosen.indexed_iter().filter(|(_, v)| **v);
    for (k, (at, _)) in found.enumerate() {
        (0..rank).for_each(|a| coordinates[a * count + k] = at[a] as i64);
    }
    Ok(Tensor::ints(&[rank, count], coordinates))
}

fn choose<T: Copy>(condition: &Shared<bool>, a: &Shared<T>, b: &Shared<T>) -> Shared<T> {
    let chosen = condition.iter().zip(a.iter().zip(b)).map(|(&c, (&a, &b))| if c { a } else { b });
    array(condition.shape(), chosen.collect())
}

fn zip<A: Copy, R: Clone>(a: &Shared<A>, b: &Shared<A>, f: impl Fn(A, A) -> R) -> Shared<R> {
    array(a.shape(), a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect())
}

fn binary(operator: &str, a: &Tensor, b: &Tensor, spread: &Movement) -> Result<Tensor> {
    let (a, b) = (a.moved(spread)?, b.moved(spread)?);
    if let "And" | "Or" | "Xor" = operator {
        let f: fn(bool, bool) -> bool = match operator {
            "And" => |a, b| a && b,
            "Or" => |a, b| a || b,
            _ => |a, b| a != b,
        };
        return Ok(Tensor::Bool(zip(&a.to_bools(), &b.to_bools(), f)));
    }
    if let (Tensor::Float(_), _) | (_, Tensor::Float(_)) = (&a, &b) {
        let (x, y) = (a.to_floats(), b.to_floats());
        let f: fn(f64, f64) -> f64 = match operator {
            "Add" | "Sum" => |a, b| a + b,
            "Sub" => |a, b| a - b,
            "Mul" => |a, b| a * b,
            "Div" => |a, b| a / b,
            "Mod" | "Fmod" => |a, b| a % b,
            "Pow" => f64::powf,
            "Max" => f64::max,
            "Min" => f64::min,
            _ => return Ok(Tensor::Bool(zip(&x, &y, compare(operator)))),
        };
        return Ok(Tensor::Float(zip(&x, &y, f)));
    }
    let as_ints = |t: &Tensor| Ok(array(t.shape(), t.to_ints()?));
    let (x, y): (Shared<i64>, Shared<i64>) = (as_ints(&a)?, as_ints(&b)?);
    ensure!(
        !matches!(operator, "Div" | "Mod" | "Fmod") || y.iter().all(|&v| v != 0),
        InvalidParameter,
        "an integer is divided by zero"
    );
    let f: fn(i64, i64) -> i64 = match operator {
        "Add" | "Sum" => i64::wrapping_add,
        "Sub" => i64::wrapping_sub,
        "Mul" => i64::wrapping_mul,
        "Div" => i64::wrapping_div,
        "Mod" => |a, b| match a.wrapping_rem(b) {
            rest if rest != 0 && (rest < 0) != (b < 0) => rest + b,
            rest => rest,
        },
        "Fmod" => i64::wrapping_rem,
        "Pow" => |a, b| u32::try_from(b).map_or((a as f64).powf(b as f64) as i64, |b| a.wrapping_pow(b)),
        "Max" => i64::max,
        "Min" => i64::min,
        _ => return Ok(Tensor::Bool(zip(&x, &y, compare(operator)))),
    };
    Ok(Tensor::Int(zip(&x, &y, f)))
}

fn compare<T: PartialOrd>(operator: &str) -> fn(T, T) -> bool {
    match operator {
        "Equal" => |a, b| a == b,
        "Greater" => |a, b| a > b,
        "Less" => |a, b| a < b,
        "GreaterOrEqual" => |a, b| a >= b,
        _ => |a, b| a <= b,
    }
}

fn reduced(call: &mut Call<'_>, tensor: &Tensor) -> Result<Tensor> {
    call.lowering.spend(tensor.len())?;
    let rank = tensor.shape().len();
    let list = call.integers(1, "axes")?.unwrap_or_default();
    let list = match (list.is_empty(), call.node.flag("noop_with_empty_axes")) {
        (true, true) => return Ok(tensor.clone()),
        (true, false) => (0..rank).collect(),
        (false, _) => axes(&list, rank)?,
    };
    let keep = call.node.int("keepdims").unwrap_or(1) != 0;
    let kept: Vec<usize> = (0..rank).filter(|a| !list.contains(a)).collect();
    let order: Vec<usize> = kept.iter().chain(&list).copied().collect();
    let shape: Vec<usize> = match keep {
        true => (0..rank).map(|a| if list.contains(&a) { 1 } else { tensor.shape()[a] }).collect(),
        false => kept.iter().map(|&a| tensor.shape()[a]).collect(),
    };
    let inner = list.iter().map(|&a| tensor.shape()[a]).product::<usize>().max(1);
    let moved = tensor.moved(&Movement::Transpose(order))?;
    let operator = call.node.operator();
    if let (Tensor::Int(a), true) = (&moved, operator != "ReduceMean") {
        let numbers: Vec<i64> = a.iter().copied().collect();
        let f: fn(i64, i64) -> i64 = match operator {
            "ReduceSum" => i64::wrapping_add,
            "ReduceProd" => i64::wrapping_mul,
            "ReduceMax" => i64::max,
            _ => i64::min,
        };
        let numbers = numbers.chunks(inner).map(|c| c.iter().copied().reduce(f).unwrap_or(0)).collect();
        return Ok(Tensor::ints(&shape, numbers));
    }
    let numbers: Vec<f64> = moved.to_floats().iter().copied().collect();
    let f: fn(f64, f64) -> f64 = match operator {
        "ReduceSum" | "ReduceMean" => |a, b| a + b,
        "ReduceProd" => |a, b| a * b,
        "ReduceMax" => f64::max,
        _ => f64::min,
    };
    let scale = if operator == "ReduceMean" { inner as f64 } else { 1.0 };
    let numbers = numbers.chunks(inner).map(|c| c.iter().copied().reduce(f).unwrap_or(0.0) / scale).collect();
    Ok(Tensor::floats(&shape, numbers))
}

/// Whether a constant is there and true.
pub(in crate::files::onnx) fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::constant).is_some_and(|t| t.to_bools().iter().any(|&v| v))
}
