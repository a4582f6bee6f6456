//! Local networks at random, points for them, and how results are compared.

use crate::random::Random;
use colorjet::{Activation, ConvOptions, LayerId, Network, NetworkBuilder, PadMode};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use proptest::prelude::*;
use sprs::{CsMat, TriMat};

/// Layers of local kinds, at random.
struct Local {
    builder: NetworkBuilder,
    random: Random,
    layers: Vec<LayerId>,
    read: Vec<LayerId>,
    /// Axes come back to their beginning, so no convolution is padded with zeros.
    periodic: bool,
}

impl Local {
    fn below(&mut self, end: usize) -> usize {
        self.random.next() as usize % end
    }

    fn shape(&self, layer: LayerId) -> Vec<usize> {
        self.builder.shape(layer).unwrap().to_vec()
    }

    fn step(&mut self, number: usize) {
        let count = self.layers.len();
        let back = self.below(count.min(2));
        let x = self.layers[count - 1 - back];
        self.read.push(x);
        let shape = self.shape(x);
        let name = format!("l{number}");
        let functions = [Activation::Tanh, Activation::Silu, Activation::Relu, Activation::Softplus, Activation::Sin];
        let made = match self.below(11) {
            0 | 1 => self.conv(&name, x, &shape),
            2 => {
                let other = self.alike(&shape);
                self.builder.product(&name, x, other).unwrap()
            }
            3 => {
                let other = self.alike(&shape);
                let scales = [Some(self.random.numbers(if number.is_multiple_of(2) { 1 } else { shape[0] })), None];
                let scales = if shape.len() > 1 { scales } else { [None, None] };
                self.builder.weighted_sum(&name, &[x, other], &scales, None).unwrap()
            }
            4 if !self.periodic && shape.len() > 1 => {
                let axis = 1 + self.below(shape.len() - 1);
                let mut ranges: Vec<[usize; 3]> = shape.iter().map(|&len| [0, len, 1]).collect();
                ranges[axis] = [self.below(shape[axis]), shape[axis], 1];
                self.builder.slice(&name, x, &ranges).unwrap()
            }
            5 if shape.len() > 1 => {
                let other = self.alike(&shape);
                self.builder.concat(&name, &[x, other], 0).unwrap()
            }
            6 if shape.len() == 1 && !self.periodic => self.banded(&name, x, shape[0]),
            7 => self.within_a_domain(&name, x),
            8 if !self.periodic => {
                let around: Vec<[usize; 2]> = shape.iter().map(|_| [self.below(2), self.below(3)]).collect();
                self.builder.pad(&name, x, &around, PadMode::Constant(0.7)).unwrap()
            }
            9 => {
                // Of a channel or, in smaller layers, of a unit.
                let units: usize = shape.iter().product();
                let slope = self.random.numbers(if units < 40 && !self.periodic { units } else { shape[0] });
                let slope = if shape.len() > 1 { slope } else { self.random.numbers(1) };
                self.builder.activation(&name, x, Activation::Prelu { slope }).unwrap()
            }
            _ => {
                let function = functions[self.below(functions.len())].clone();
                self.builder.activation(&name, x, function).unwrap()
            }
        };
        self.layers.push(made);
    }

    /// A layer of this shape.
    fn alike(&mut self, shape: &[usize]) -> LayerId {
        let fits: Vec<LayerId> = self.layers.iter().copied().filter(|&l| self.shape(l) == shape).collect();
        let at = self.below(fits.len());
        let chosen = fits[at];
        self.read.push(chosen);
        chosen
    }

    /// A function that is not finite everywhere, of `1 + x²`: where it is evaluated at zero, nobody may look.
    fn within_a_domain(&mut self, name: &str, x: LayerId) -> LayerId {
        let shape = self.shape(x);
        let shift = match self.below(3) {
            0 if !self.periodic => shape.iter().product(),
            1 if shape.len() > 1 => shape[0],
            _ => 1,
        };
        let square = self.builder.product(&format!("{name}.xx"), x, x).unwrap();
        let scales = [Some(vec![0.5])];
        let positive =
            self.builder.weighted_sum(&format!("{name}.+1"), &[square], &scales, Some(vec![1.0; shift])).unwrap();
        let functions = [Activation::Log, Activation::Sqrt, Activation::Reciprocal];
        let function = functions[self.below(functions.len())].clone();
        self.builder.activation(name, positive, function).unwrap()
    }

    fn conv(&mut self, name: &str, x: LayerId, shape: &[usize]) -> LayerId {
        let (x, shape) = match shape {
            [n] => (self.builder.reshape(&format!("{name}.r"), x, &[1, *n]).unwrap(), vec![1, *n]),
            _ => (x, shape.to_vec()),
        };
        let axes = shape.len() - 1;
        let kernel: Vec<usize> = (0..axes).map(|a| 1 + self.below(shape[1 + a].min(3))).collect();
        let dilation: Vec<usize> =
            (0..axes).map(|a| if 2 * (kernel[a] - 1) < shape[1 + a] { 1 + self.below(2) } else { 1 }).collect();
        let around: Vec<[usize; 2]> = (0..axes)
            .map(|a| {
                let reach = (kernel[a] - 1) * dilation[a];
                let before = self.below(reach + 1);
                [before, reach - before]
            })
            .collect();
        let (x, padding) = if self.periodic {
            let padding: Vec<[usize; 2]> = std::iter::once([0, 0]).chain(around).collect();
            let mut padded = self.builder.pad(&format!("{name}.p"), x, &padding, PadMode::Circular).unwrap();
            match self.below(16) {
                0..4 => padded = self.builder.activation(&format!("{name}.f"), padded, Activation::Sin).unwrap(),
                // Units that are copies of one another, and then differ.
                4 => {
                    let units = self.shape(padded).iter().product();
                    let (scale, shift) = (self.random.numbers(1), self.random.numbers(units));
                    let scales = [Some(scale)];
                    padded = self.builder.weighted_sum(&format!("{name}.s"), &[padded], &scales, Some(shift)).unwrap();
                }
                _ => {}
            }
            (padded, Vec::new())
        } else if self.below(4) == 0 {
            (x, Vec::new())
        } else {
            (x, around)
        };
        let groups = if shape[0].is_multiple_of(2) && self.below(3) == 0 { 2 } else { 1 };
        let out = groups * (1 + self.below(9));
        let dims: Vec<usize> = [out, shape[0] / groups].into_iter().chain(kernel).collect();
        let count: usize = dims.iter().product();
        let weight = ArrayD::from_shape_vec(IxDyn(&dims), self.random.weights(count, count / out)).unwrap();
        let bias = Array1::from(self.random.numbers(out));
        let options = ConvOptions { padding, dilation, groups, ..Default::default() };
        self.builder.conv(name, x, weight, bias, &options).unwrap()
    }

    /// A few diagonals, not always square.
    fn banded(&mut self, name: &str, x: LayerId, n: usize) -> LayerId {
        let rows = n.saturating_sub(self.below(2)).max(1);
        let first = -(self.below(3) as isize);
        let mut matrix = TriMat::new((rows, n));
        for i in 0..rows {
            for shift in first..first + 3 {
                let j = i as isize + shift;
                if (0..n as isize).contains(&j) {
                    matrix.add_triplet(i, j as usize, self.random.number());
                }
            }
        }
        self.builder.sparse(name, x, matrix.to_csr(), Some(Array1::from(self.random.numbers(rows)))).unwrap()
    }
}

/// A network all of whose layers are local; with `energy`, a dense layer sums them up.
pub fn local_network(seed: u64, energy: bool) -> Network {
    let mut random = Random(seed);
    let axes = random.next() as usize % 4;
    let periodic = random.next().is_multiple_of(3);
    let longest = [40, 40, 7, 4][axes];
    let mut shape: Vec<usize> = (0..axes.max(1)).map(|_| 3 + random.next() as usize % longest).collect();
    if axes > 0 {
        shape.insert(0, 1 + random.next() as usize % 3);
    }
    let mut builder = Network::builder();
    let x = builder.input("x", &shape).unwrap();
    let mut layers = vec![x];
    if random.next().is_multiple_of(4) {
        layers.push(builder.input("y", &shape).unwrap());
    }
    let inputs = layers.len();
    let steps = 2 + random.next() as usize % 6;
    let mut local = Local { builder, random, layers, read: Vec::new(), periodic };
    (0..steps).for_each(|number| local.step(number));
    // What nobody reads goes to the end, so that nothing dangles.
    let mut ends = Vec::new();
    for layer in local.layers.split_off(inputs) {
        if local.read.contains(&layer) {
            continue;
        }
        let number = ends.len();
        let curved = local.builder.activation(&format!("end{number}"), layer, Activation::Tanh).unwrap();
        let units: usize = local.shape(curved).iter().product();
        ends.push(if energy {
            let m = 1 + local.below(3);
            let weight = Array2::from_shape_vec((m, units), local.random.weights(m * units, units)).unwrap();
            let bias = (local.below(2) == 0).then(|| Array1::from(local.random.numbers(m)));
            let sum = local.builder.dense(&format!("sum{number}"), curved, weight, bias).unwrap();
            if local.below(2) == 0 {
                sum
            } else {
                // More that is linear, with constants of its own.
                let (scale, shift) = (Some(local.random.numbers(1)), Some(local.random.numbers(m)));
                local.builder.weighted_sum(&format!("more{number}"), &[sum], &[scale], shift).unwrap()
            }
        } else if local.below(2) == 0 {
            // Linear to the end.
            let scale = Some(local.random.numbers(1));
            local.builder.weighted_sum(&format!("scaled{number}"), &[curved], &[scale], None).unwrap()
        } else {
            curved
        });
    }
    local.builder.build(&ends).unwrap()
}

pub fn point(net: &Network, seed: u64) -> Array1<f64> {
    Array1::from(Random(seed ^ 0x5eed).numbers(net.inputs()))
}

pub fn compare(ours: &CsMat<f64>, exact: &CsMat<f64>) -> Result<(), TestCaseError> {
    let (ours, exact) = (ours.to_dense(), exact.to_dense());
    let scale = exact.iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
    let error = (&ours - &exact).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
    prop_assert!(error < 1e-12, "{error:e}");
    Ok(())
}

/// Errors relative to the largest number, or to `least` if that is larger.
pub fn compare_to(ours: &Array1<f64>, exact: &Array1<f64>, least: f64) -> Result<(), TestCaseError> {
    let scale = exact.iter().fold(least, |s: f64, v| s.max(v.abs()));
    let error = (ours - exact).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
    prop_assert!(error < 1e-13, "{error:e}");
    Ok(())
}
