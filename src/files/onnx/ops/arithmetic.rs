//! Sums, products, powers and maxima of tensors broadcast together.

use super::Call;
use super::logic::opposite;
use crate::activation::Activation;
use crate::error::Result;
use crate::files::onnx::movement::{Movement, broadcast_shape};
use crate::files::onnx::tensor::{Shared, Tensor, array, check_size};
use crate::files::onnx::value::{Value, Variable};

/// The operator; at least one operand is no constant.
pub(super) fn lower(call: &mut Call<'_>) -> Result<Variable> {
    match call.node.operator() {
        "Sum" | "Mean" | "Max" | "Min" => several(call),
        "Where" => choice(call),
        "Add" => linear(call, 1.0),
        "Sub" => linear(call, -1.0),
        "Mul" => product(call),
        "Div" => quotient(call),
        _ => power(call),
    }
}

/// `a + sign · b`.
fn linear(call: &mut Call<'_>, sign: f64) -> Result<Variable> {
    let (a, b) = (call.value(0)?.clone(), call.value(1)?.clone());
    let alone = [call.alone(0), call.alone(1)];
    match (&a, &b) {
        (Value::Variable(x), Value::Constant(mask)) | (Value::Constant(mask), Value::Variable(x))
            if sign == 1.0 && mask.to_floats().iter().any(|&v| v == f64::NEG_INFINITY) =>
        {
            masked(call, x, &mask.to_floats())
        }
        (Value::Variable(a), Value::Constant(b)) => {
            let shift = b.to_floats().mapv(|v| sign * v).into_shared();
            call.lowering.affine(a, None, Some(&shift), alone[0])
        }
        (Value::Constant(a), Value::Variable(b)) => {
            let scale = array(&[], vec![sign]);
            call.lowering.affine(b, Some(&scale), Some(&a.to_floats()), alone[1])
        }
        _ => {
            let (a, b) = (call.variable(0)?, call.variable(1)?);
            call.lowering.sum(&[&a, &b], &[1.0, sign])
        }
    }
}

/// What stands for −∞ in masks: far below anything that meets it, so that its exponential is zero, and finite.
const FAR_BELOW: f64 = -1e30;

/// Constants with a finite number in place of −∞.
pub(super) fn standing_in(constant: &Shared<f64>) -> Shared<f64> {
    constant.mapv(|v| if v == f64::NEG_INFINITY { FAR_BELOW } else { v }).into_shared()
}

/// `x + mask`, where the mask is −∞ at some entries: these are constants, which nothing of x reaches.
fn masked(call: &mut Call<'_>, x: &Variable, mask: &Shared<f64>) -> Result<Variable> {
    let hidden = mask.mapv(|v| v == f64::NEG_INFINITY).into_shared();
    let open = mask.mapv(|v| if v == f64::NEG_INFINITY { 0.0 } else { v }).into_shared();
    let sum = call.lowering.affine(x, None, Some(&open), false)?;
    let far_below = Value::Constant(Tensor::floats(&[], vec![FAR_BELOW]));
    chosen(call, &Tensor::Bool(hidden), &far_below, &Value::Variable(sum))
}

fn product(call: &mut Call<'_>) -> Result<Variable> {
    let (a, b) = (call.value(0)?.clone(), call.value(1)?.clone());
    let alone = [call.alone(0), call.alone(1)];
    match (&a, &b) {
        (Value::Variable(a), Value::Constant(b)) => call.lowering.affine(a, Some(&b.to_floats()), None, alone[0]),
        (Value::Constant(a), Value::Variable(b)) => call.lowering.affine(b, Some(&a.to_floats()), None, alone[1]),
        _ => {
            let (a, b) = (call.variable(0)?, call.variable(1)?);
            call.lowering.product(&a, &b)
        }
    }
}

fn quotient(call: &mut Call<'_>) -> Result<Variable> {
    if let Some(divisor) = call.value(1)?.constant() {
        let inverse = divisor.to_floats().mapv(f64::recip).into_shared();
        let (x, alone) = (call.variable(0)?, call.alone(0));
        return call.lowering.affine(&x, Some(&inverse), None, alone);
    }
    let divisor = call.variable(1)?;
    let inverse = call.lowering.activation(&divisor, Activation::Reciprocal)?;
    match call.value(0)?.clone() {
        Value::Constant(a) => call.lowering.affine(&inverse, Some(&a.to_floats()), None, false),
        Value::Variable(a) => call.lowering.product(&a, &inverse),
    }
}

fn power(call: &mut Call<'_>) -> Result<Variable> {
    let (base, exponent) = (call.value(0)?.clone(), call.value(1)?.clone());
    match (&base, &exponent) {
        (Value::Variable(x), Value::Constant(p)) => {
            let p = p.to_floats();
            let Some(&first) = p.iter().next() else { return call.refuse("an exponent without entries") };
            if p.iter().all(|&v| v == first) {
                let shape = broadcast_shape(&x.shape, p.shape())?;
                let power = call.lowering.activation(x, raised(first))?;
                return call.lowering.expanded(&power, &shape);
            }
            // Each exponent on the part of the tensor that has it.
            let shape = broadcast_shape(&x.shape, p.shape())?;
            let x = call.lowering.expanded(x, &shape)?;
            let units = call.lowering.numbers(&Value::Variable(x))?;
            let p = Tensor::Float(p).moved(&Movement::Expand(shape.clone()))?.to_floats();
            by_exponent(call, &units, &p)
        }
        (Value::Constant(a), Value::Variable(x)) => {
            let logarithms = a.to_floats().mapv(f64::ln).into_shared();
            if logarithms.iter().any(|l| !l.is_finite()) {
                return call.refuse("the base of a power with a varying exponent must be positive");
            }
            let scaled = call.lowering.affine(x, Some(&logarithms), None, false)?;
            call.lowering.activation(&scaled, Activation::Exp)
        }
        _ => {
            // aᵇ = e^(b ln a): only where the base is positive, which is checked when it is evaluated.
            let (a, b) = (call.variable(0)?, call.variable(1)?);
            let logarithm = call.lowering.activation(&a, Activation::Log)?;
            let scaled = call.lowering.product(&b, &logarithm)?;
            call.lowering.activation(&scaled, Activation::Exp)
        }
    }
}

/// `z^p`, by the function that is best at it.
fn raised(p: f64) -> Activation {
    match p {
        2.0 => Activation::Square,
        0.5 => Activation::Sqrt,
        -1.0 => Activation::Reciprocal,
        _ if p.fract() == 0.0 && p.abs() <= 64.0 => Activation::Powi(p as i32),
        _ => Activation::Powf(p),
    }
}

fn by_exponent(call: &mut Call<'_>, units: &Shared<u32>, exponents: &Shared<f64>) -> Result<Variable> {
    let mut distinct: Vec<f64> = exponents.iter().copied().collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup_by_key(|p| p.to_bits());
    if distinct.len() > 64 {
        return call.refuse(format!("a power with {} different exponents; 64 is the limit", distinct.len()));
    }
    let flat: Vec<u32> = units.iter().copied().collect();
    let mut result = flat.clone();
    for p in distinct {
        let places: Vec<usize> =
            exponents.iter().enumerate().filter(|(_, v)| v.to_bits() == p.to_bits()).map(|(k, _)| k).collect();
        let part = array(&[places.len()], places.iter().map(|&k| flat[k]).collect());
        let part = call.lowering.of_numbers(part)?;
        let layer = call.lowering.layer(&part)?;
        let part = call.lowering.activation(&Variable::of(layer, vec![places.len()]), raised(p))?;
        let made = call.lowering.numbers(&Value::Variable(part))?;
        places.iter().zip(&made).for_each(|(&k, &unit)| result[k] = unit);
    }
    call.lowering.of_numbers(array(units.shape(), result))
}

/// Operators of any number of operands.
fn several(call: &mut Call<'_>) -> Result<Variable> {
    let variables: Vec<Variable> = (0..call.inputs.len()).map(|k| call.variable(k)).collect::<Result<_>>()?;
    if variables.is_empty() {
        return call.refuse("no operands");
    }
    let all: Vec<&Variable> = variables.iter().collect();
    match call.node.operator() {
        "Sum" => call.lowering.sum(&all, &vec![1.0; all.len()]),
        "Mean" => call.lowering.sum(&all, &vec![1.0 / all.len() as f64; all.len()]),
        "Max" => call.lowering.maximum(&variables),
        _ => {
            // The least is the largest of the opposites.
            let opposites: Vec<Variable> =
                variables.iter().map(|v| call.lowering.scaled(v, -1.0)).collect::<Result<_>>()?;
            let largest = call.lowering.maximum(&opposites)?;
            call.lowering.scaled(&largest, -1.0)
        }
    }
}

/// One of two tensors for each entry.
fn choice(call: &mut Call<'_>) -> Result<Variable> {
    if let Value::Variable(condition) = call.value(0)?.clone() {
        // c ⊙ a + (1 − c) ⊙ b, exact since c is 1 or 0.
        let otherwise = opposite(call.lowering, &condition)?;
        let mut part = |k: usize, c: &Variable| match call.value(k)?.clone() {
            Value::Constant(a) => call.lowering.affine(c, Some(&standing_in(&a.to_floats())), None, false),
            Value::Variable(a) => call.lowering.product(c, &a),
        };
        let (a, b) = (part(1, &condition)?, part(2, &otherwise)?);
        return call.lowering.sum(&[&a, &b], &[1.0, 1.0]);
    }
    let condition = call.constant(0, "the condition")?.clone();
    let finite = |value: &Value| match value {
        Value::Constant(tensor @ Tensor::Float(_)) => Value::Constant(Tensor::Float(standing_in(&tensor.to_floats()))),
        _ => value.clone(),
    };
    let (a, b) = (finite(call.value(1)?), finite(call.value(2)?));
    chosen(call, &condition, &a, &b)
}

/// The entries of `a` where the condition holds, those of `b` elsewhere, broadcast.
fn chosen(call: &mut Call<'_>, condition: &Tensor, a: &Value, b: &Value) -> Result<Variable> {
    let shape = broadcast_shape(&broadcast_shape(condition.shape(), a.shape())?, b.shape())?;
    let spread = Movement::Expand(shape.clone());
    call.lowering.spend(check_size(&shape)?)?;
    let condition = condition.moved(&spread)?.to_bools();
    let mut units = |value: &Value, wanted: bool| {
        let mut moved = call.lowering.moved(value, &spread)?;
        if let Value::Constant(tensor) = &mut moved {
            // What is not chosen may be anything, NaN for example.
            let numbers = tensor.to_floats();
            let chosen = condition.iter().zip(&numbers).map(|(&c, &v)| if c == wanted { v } else { 0.0 });
            *tensor = Tensor::floats(&shape, chosen.collect());
        }
        call.lowering.numbers(&moved)
    };
    let (a, b) = (units(a, true)?, units(b, false)?);
    let chosen = condition.iter().zip(a.iter().zip(&b)).map(|(&c, (&a, &b))| if c { a } else { b }).collect();
    call.lowering.of_numbers(array(&shape, chosen))
}
