//! Layers that are one with the layer before them: fewer sweeps over the lanes, the same function.

use crate::activation::Activation;
use crate::error::Result;
use crate::layer::{ConvOptions, Kind};
use crate::network::{LayerId, NetworkBuilder};
use ndarray::{Array1, ArrayD, IxDyn};
use sprs::CsMat;

/// `scale ⊙ L(x) + shift` as one layer of the kind of `L`, if there is one; the numbers are one, one for each
/// channel, or one for each unit.
pub(super) fn affine_after(
    builder: &mut NetworkBuilder,
    name: &str,
    layer: LayerId,
    scale: Option<&[f64]>,
    shift: Option<&[f64]>,
) -> Result<Option<LayerId>> {
    let (kind, units, operands) = builder.parts(layer);
    let [operand] = operands[..] else { return Ok(None) };
    let kind = kind.clone();
    let at =
        |numbers: Option<&[f64]>, default, k: usize, count: usize| numbers.map_or(default, |n| n[k * n.len() / count]);
    let scale_at = |k, count| at(scale, 1.0, k, count);
    // The constant behind `count` rows, of which each has its own number.
    let constant = |count: usize, bias: &dyn Fn(usize) -> f64| -> Array1<f64> {
        (0..count).map(|k| bias(k) * scale_at(k, count) + at(shift, 0.0, k, count)).collect()
    };
    match kind {
        Kind::Dense(l) => {
            let bias = constant(units, &|k| l.bias().map_or(0.0, |b| b[k]));
            let mut weight = l.weight().clone();
            weight.rows_mut().into_iter().enumerate().for_each(|(k, mut row)| row *= scale_at(k, units));
            Ok(Some(builder.dense(name, operand, weight, bias)?))
        }
        Kind::Sparse(l) => {
            let bias = constant(units, &|k| l.bias().map_or(0.0, |b| b[k]));
            let matrix = l.matrix();
            let mut data = Vec::with_capacity(matrix.nnz());
            for (k, row) in matrix.outer_iterator().enumerate() {
                data.extend(row.data().iter().map(|v| v * scale_at(k, units)));
            }
            let indptr = matrix.proper_indptr().to_vec();
            let matrix = CsMat::new(matrix.shape(), indptr, matrix.indices().to_vec(), data);
            Ok(Some(builder.sparse(name, operand, matrix, bias)?))
        }
        Kind::Conv(l) => {
            let shape = l.weight_shape();
            let channels = shape[0];
            if [scale, shift].into_iter().flatten().any(|n| n.len() > 1 && n.len() != channels) {
                return Ok(None);
            }
            let bias = constant(channels, &|k| l.bias().map_or(0.0, |b| b[k]));
            let each = l.weight().len() / channels;
            let weight = l.weight().iter().enumerate().map(|(k, w)| w * scale_at(k / each, channels)).collect();
            let weight = ArrayD::from_shape_vec(IxDyn(&shape), weight).expect("as many weights as before");
            let windows = l.windows();
            let options = ConvOptions {
                stride: windows.iter().map(|w| w.stride).collect(),
                padding: windows.iter().map(|w| [w.before, w.after]).collect(),
                dilation: windows.iter().map(|w| w.dilation).collect(),
                groups: l.groups(),
            };
            Ok(Some(builder.conv(name, operand, weight, bias, &options)?))
        }
        Kind::Sum(l) => {
            // As many numbers as the finest of them needs.
            let inner = (l.scales()[0].as_ref(), l.shift());
            let lengths = [scale, shift].into_iter().flatten().map(<[f64]>::len);
            let lengths = lengths.chain([inner.0, inner.1].into_iter().flatten().map(|b| b.values().len()));
            let count = lengths.max().unwrap_or(1);
            let each = units / count;
            let scales = (0..count).map(|k| scale_at(k, count) * inner.0.map_or(1.0, |s| s.get(k * each))).collect();
            let shifts = constant(count, &|k| inner.1.map_or(0.0, |s| s.get(k * each)));
            Ok(Some(builder.weighted_sum(name, &[operand], &[Some(scales)], Some(shifts.to_vec()))?))
        }
        _ => Ok(None),
    }
}

/// A product that is a function of one layer: `x · x`, and `x · sigmoid(x)`, which is how exporters write SiLU.
pub(super) fn one_function(builder: &NetworkBuilder, a: LayerId, b: LayerId) -> Option<(LayerId, Activation)> {
    if a == b {
        return Some((a, Activation::Square));
    }
    let gates = |gate: LayerId, x: LayerId| {
        let (kind, _, operands) = builder.parts(gate);
        matches!(kind, Kind::Elementwise(e) if *e.activation() == Activation::Sigmoid) && operands == [x]
    };
    if gates(b, a) {
        Some((a, Activation::Silu))
    } else if gates(a, b) {
        Some((b, Activation::Silu))
    } else {
        None
    }
}
