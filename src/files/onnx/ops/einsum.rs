//! Einsum: sums of products, whose axes have names, as in `"bij,bjk->bik"`.

use super::Call;
use super::linear::{matrix, terms_product};
use crate::error::{Result, bail, ensure};
use crate::files::onnx::lowering::Lowering;
use crate::files::onnx::movement::Movement;
use crate::files::onnx::tensor::check_size;
use crate::files::onnx::value::{Value, Variable};

/// The name of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// One of those that `...` stands for, counted from the last of them.
    Ellipsis(usize),
    Letter(char),
}

/// An operand, and the names of its axes, all different.
struct Term {
    value: Value,
    names: Vec<Name>,
}

impl Term {
    fn at(&self, name: Name) -> Option<usize> {
        self.names.iter().position(|&n| n == name)
    }
}

pub(super) fn lower(call: &mut Call<'_>) -> Result<Variable> {
    let Some(equation) = call.node.text("equation")? else { bail!(Format, "the equation is missing") };
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (operands, result) = match equation.split_once("->") {
        Some((operands, result)) => (operands, Some(result)),
        None => (&*equation, None),
    };
    let count = operands.split(',').count();
    ensure!(count == call.inputs.len(), Format, "{equation:?} has {count} terms");
    let mut terms = Vec::new();
    for (k, text) in operands.split(',').enumerate() {
        let value = call.value(k)?.clone();
        let names = names(text, value.shape().len())?;
        let Some(names) = names else {
            bail!(Shape, "the term {text:?} of {equation:?} for a tensor of shape {:?}", value.shape());
        };
        terms.push(diagonal(call.lowering, &value, &names)?);
    }
    let lengths = lengths(&terms)?;
    let longest = lengths.iter().filter(|(name, _)| matches!(name, Name::Ellipsis(_))).count();
    let result = match result {
        // As many axes as the longest ellipsis stands for.
        Some(text) => {
            names(text, text.replace("...", "").chars().count() + if text.contains("...") { longest } else { 0 })?
                .unwrap_or_default()
        }
        // Without an arrow: the ellipsis, and every letter that stands once, in the order of the alphabet.
        None => {
            let letters = |c: &char| *c != ',' && *c != '.' && operands.matches(*c).count() == 1;
            let mut letters: Vec<Name> = operands.chars().filter(letters).map(Name::Letter).collect();
            letters.sort_unstable();
            (0..longest).rev().map(Name::Ellipsis).chain(letters).collect()
        }
    };
    let length = |name: Name| lengths.iter().find(|(n, _)| *n == name).map(|&(_, length)| length);
    for (i, &name) in result.iter().enumerate() {
        let known = length(name).is_some() && !result[..i].contains(&name);
        ensure!(known, Format, "{name:?} in the result of {equation:?}");
    }
    let summed: Vec<Name> = lengths.iter().map(|&(n, _)| n).filter(|n| !result.contains(n)).collect();

    if let Some(product) = against_a_matrix(call.lowering, &terms, &result, &summed)? {
        return Ok(product);
    }
    // The terms of every sum: the axes that are summed, then those of the result.
    let order: Vec<Name> = summed.iter().chain(&result).copied().collect();
    let full: Vec<usize> = order.iter().filter_map(|&n| length(n)).collect();
    let mut product: Option<Value> = None;
    for term in &terms {
        let present: Vec<usize> = order.iter().filter_map(|&n| term.at(n)).collect();
        let with_gaps = order.iter().map(|&n| term.at(n).map_or(1, |a| term.value.shape()[a])).collect();
        let value = call.lowering.moved(&term.value, &Movement::Transpose(present))?;
        let value = call.lowering.moved(&value, &Movement::Reshape(with_gaps))?;
        let value = call.lowering.moved(&value, &Movement::Expand(full.clone()))?;
        product = Some(match product {
            None => value,
            Some(product) => terms_product(call.lowering, &product, &value)?,
        });
    }
    let Some(product) = product else { return call.refuse("no operands") };
    let product = call.lowering.variable(&product)?;
    if summed.is_empty() {
        return Ok(product);
    }
    let axes: Vec<usize> = (0..summed.len()).collect();
    call.lowering.summed(&product, &axes, 1.0)
}

/// The names of the axes of a tensor of this rank; `None` if there are more or fewer.
fn names(text: &str, rank: usize) -> Result<Option<Vec<Name>>> {
    let (before, after) = text.split_once("...").unwrap_or((text, ""));
    if let Some(c) = before.chars().chain(after.chars()).find(|c| !c.is_alphabetic()) {
        bail!(Format, "{c:?} is not the name of an axis in {text:?}");
    }
    let letters = before.chars().count() + after.chars().count();
    let more = match rank.checked_sub(letters) {
        Some(more) if more == 0 || text.contains("...") => more,
        _ => return Ok(None),
    };
    let letter = |text: &'_ str| text.chars().map(Name::Letter).collect::<Vec<_>>();
    Ok(Some(letter(before).into_iter().chain((0..more).rev().map(Name::Ellipsis)).chain(letter(after)).collect()))
}

/// The entries where axes of one name have one index.
fn diagonal(lowering: &mut Lowering, value: &Value, names: &[Name]) -> Result<Term> {
    let mut value = value.clone();
    let mut names = names.to_vec();
    while let Some(b) = (1..names.len()).find(|&b| names[..b].contains(&names[b])) {
        let name = names.remove(b);
        let a = names.iter().position(|&n| n == name).expect("the name stands before");
        let shape = value.shape().to_vec();
        ensure!(shape[a] == shape[b], Shape, "the diagonal {name:?} of a tensor of shape {shape:?}");
        // Both axes last, then every (length + 1)-th entry.
        let order: Vec<usize> = (0..shape.len()).filter(|&k| k != a && k != b).chain([a, b]).collect();
        let rest: Vec<usize> = order[..order.len() - 2].iter().map(|&k| shape[k]).collect();
        let (blocks, length) = (check_size(&rest)?, shape[a]);
        lowering.spend(check_size(&[blocks, length])?)?;
        let picked = (0..blocks * length).map(|k| (k / length * length + k % length) * length + k % length);
        let picked = Movement::Pick(picked.collect(), rest.iter().copied().chain([length]).collect());
        let last = lowering.moved(&value, &Movement::Transpose(order))?;
        let last = lowering.moved(&last, &picked)?;
        // The diagonal stands where the first of the axes was.
        let rank = rest.len() + 1;
        let back: Vec<usize> = (0..a).chain([rank - 1]).chain(a..rank - 1).collect();
        value = lowering.moved(&last, &Movement::Transpose(back))?;
    }
    Ok(Term { value, names })
}

/// Every name with its length, in the order in which they are met; lengths of one are spread.
fn lengths(terms: &[Term]) -> Result<Vec<(Name, usize)>> {
    let mut lengths: Vec<(Name, usize)> = Vec::new();
    for term in terms {
        for (&name, &length) in term.names.iter().zip(term.value.shape()) {
            match lengths.iter_mut().find(|(n, _)| *n == name) {
                None => lengths.push((name, length)),
                Some((_, known)) if *known == 1 => *known = length,
                Some((_, known)) => {
                    ensure!(*known == length || length == 1, Shape, "{name:?} has {known} and {length} entries");
                }
            }
        }
    }
    Ok(lengths)
}

/// A variable against a constant, where every name is either summed or of one of the two: a matrix product.
fn against_a_matrix(
    lowering: &mut Lowering,
    terms: &[Term],
    result: &[Name],
    summed: &[Name],
) -> Result<Option<Variable>> {
    let [a, b] = terms else { return Ok(None) };
    let (x, of_x, w, of_w) = match (&a.value, &b.value) {
        (Value::Variable(x), Value::Constant(w)) => (x, a, w, b),
        (Value::Constant(w), Value::Variable(x)) => (x, b, w, a),
        _ => return Ok(None),
    };
    let separate = !result.iter().any(|&n| of_x.at(n).is_some() && of_w.at(n).is_some())
        && summed.iter().all(|&n| match (of_x.at(n), of_w.at(n)) {
            (Some(i), Some(j)) => x.shape[i] == w.shape()[j],
            _ => false,
        });
    if !separate {
        return Ok(None);
    }
    let rows: Vec<Name> = of_w.names.iter().filter(|n| !summed.contains(n)).copied().collect();
    let order: Vec<usize> = rows.iter().chain(summed).filter_map(|&n| of_w.at(n)).collect();
    let w = w.moved(&Movement::Transpose(order))?;
    let lengths = w.shape()[..rows.len()].to_vec();
    let count: usize = lengths.iter().product();
    let w = matrix(&w, count, w.len() / count.max(1))?;
    let axes: Vec<usize> = summed.iter().filter_map(|&n| of_x.at(n)).collect();
    let product = lowering.contracted(x, &axes, w, &lengths)?;
    let made: Vec<Name> = rows.iter().chain(of_x.names.iter().filter(|n| !summed.contains(n))).copied().collect();
    let order: Vec<usize> = result.iter().filter_map(|n| made.iter().position(|m| m == n)).collect();
    Ok(Some(lowering.transposed(&product, &order)?))
}
