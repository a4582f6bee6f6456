//! The network evaluated from the definitions of its layers, one input direction at a time, on second-order dual
//! numbers. Slow, and independent of patterns, colors, lanes and sweeps.

use colorjet::{Jet2, Kind, Network};
use ndarray::{Array1, Array2, ArrayView1};

/// y, J and D, dense.
pub struct Reference {
    pub value: Array1<f64>,
    pub jacobian: Array2<f64>,
    pub diagonal: Array2<f64>,
}

/// Every derivative along every input.
pub fn reference(net: &Network, x: ArrayView1<'_, f64>) -> Reference {
    let (n, m) = (net.inputs(), net.outputs());
    let mut result =
        Reference { value: Array1::zeros(m), jacobian: Array2::zeros((m, n)), diagonal: Array2::zeros((m, n)) };
    for direction in 0..n {
        let point: Vec<Jet2> = x
            .iter()
            .enumerate()
            .map(|(j, &v)| if j == direction { Jet2::variable(v) } else { Jet2::constant(v) })
            .collect();
        for (i, y) in evaluate(net, &point).into_iter().enumerate() {
            result.value[i] = y.value;
            result.jacobian[[i, direction]] = y.first;
            result.diagonal[[i, direction]] = y.second;
        }
    }
    result
}

fn evaluate(net: &Network, x: &[Jet2]) -> Vec<Jet2> {
    let mut values: Vec<Vec<Jet2>> = Vec::new();
    let mut used = 0;
    for (id, layer) in net.layers() {
        let operands: Vec<&[Jet2]> = net.operands(id).iter().map(|o| values[o.index()].as_slice()).collect();
        let joined: Vec<Jet2> = operands.concat();
        let value: Vec<Jet2> = match layer.kind() {
            Kind::Input => {
                used += layer.units();
                x[used - layer.units()..used].to_vec()
            }
            Kind::Dense(l) => (0..layer.units())
                .map(|i| {
                    let terms = l.weight().row(i).to_vec().into_iter().zip(&joined).map(|(w, &x)| w * x);
                    terms.fold(Jet2::constant(l.bias().map_or(0.0, |b| b[i])), |s, t| s + t)
                })
                .collect(),
            Kind::Sparse(l) => {
                let dense = l.matrix().to_dense();
                (0..layer.units())
                    .map(|i| {
                        let terms = dense.row(i).to_vec().into_iter().zip(&joined).map(|(w, &x)| w * x);
                        terms.fold(Jet2::constant(l.bias().map_or(0.0, |b| b[i])), |s, t| s + t)
                    })
                    .collect()
            }
            Kind::Conv(l) => conv(l, &joined),
            Kind::Gather(l) => l.index().map(|i| i.map_or(Jet2::constant(l.fill()), |i| joined[i as usize])).collect(),
            Kind::Sum(l) => (0..layer.units())
                .map(|k| {
                    let start = Jet2::constant(l.shift().map_or(0.0, |s| s.get(k)));
                    operands
                        .iter()
                        .zip(l.scales())
                        .fold(start, |sum, (x, scale)| sum + scale.as_ref().map_or(1.0, |s| s.get(k)) * x[k])
                })
                .collect(),
            Kind::Elementwise(e) => joined
                .iter()
                .map(|z| {
                    let [value, first, second] = e.activation().eval(z.value);
                    Jet2 { value, first: first * z.first, second: first * z.second + second * z.first * z.first }
                })
                .collect(),
            Kind::Product => operands[0].iter().zip(operands[1]).map(|(&a, &b)| a * b).collect(),
            Kind::Select(l) => l
                .candidates()
                .map(|list| {
                    let first = joined[list[0] as usize];
                    list.iter().fold(first, |best, &i| {
                        if joined[i as usize].value > best.value { joined[i as usize] } else { best }
                    })
                })
                .collect(),
            _ => unreachable!("all kinds are known"),
        };
        values.push(value);
    }
    net.output_layers().iter().flat_map(|o| values[o.index()].clone()).collect()
}

/// The sum of the definition, tap by tap.
fn conv(l: &colorjet::Conv<f64>, x: &[Jet2]) -> Vec<Jet2> {
    let shape = l.weight_shape();
    let windows = l.windows();
    let (outputs, inputs) = (shape[0], shape[1]);
    let count = |f: fn(&colorjet::Window) -> usize| windows.iter().map(f).collect::<Vec<_>>();
    let (out_len, in_len, kernel) = (count(|w| w.output), count(|w| w.input), count(|w| w.kernel));
    let positions = |len: &[usize]| len.iter().product::<usize>();
    let coordinates = |mut k: usize, len: &[usize]| {
        let mut at = vec![0; len.len()];
        for a in (0..len.len()).rev() {
            (at[a], k) = (k % len[a], k / len[a]);
        }
        at
    };
    let mut y = Vec::new();
    for o in 0..outputs {
        let group = o / (outputs / l.groups());
        for p in 0..positions(&out_len) {
            let p = coordinates(p, &out_len);
            let mut sum = Jet2::constant(l.bias().map_or(0.0, |b| b[o]));
            for i in 0..inputs {
                for t in 0..positions(&kernel) {
                    let tap = coordinates(t, &kernel);
                    let mut place = Some(0);
                    for (a, w) in windows.iter().enumerate() {
                        let at = (p[a] * w.stride + tap[a] * w.dilation).checked_sub(w.before).filter(|&q| q < w.input);
                        place = place.zip(at).map(|(place, q)| place * in_len[a] + q);
                    }
                    if let Some(place) = place {
                        let weight = l.weight()[(o * inputs + i) * positions(&kernel) + t];
                        sum = sum + weight * x[(group * inputs + i) * positions(&in_len) + place];
                    }
                }
            }
            y.push(sum);
        }
    }
    y
}
