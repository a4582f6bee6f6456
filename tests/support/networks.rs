//! Generated networks: random layer graphs of all kinds, small, valid by construction.

#[path = "random.rs"]
pub mod random;

use colorjet::{Activation, ConvOptions, LayerId, Network, NetworkBuilder, PadMode, Pool};
use ndarray::{Array1, Array2, ArrayD, IxDyn};
use proptest::prelude::*;
use random::Random;
use sprs::TriMat;

/// A network as a list of choices; proptest shrinks it by dropping steps and making numbers smaller.
#[derive(Clone, Debug)]
pub struct Recipe {
    pub inputs: Vec<Vec<usize>>,
    pub steps: Vec<Step>,
    pub seed: u64,
}

/// A layer: its kind, which layers it reads, and numbers that its parameters are made from.
#[derive(Clone, Debug)]
pub struct Step {
    kind: u8,
    reads: [usize; 2],
    numbers: [usize; 4],
}

const KINDS: u8 = 20;

/// Networks of one or two inputs and up to `steps` layers.
pub fn recipes(steps: usize) -> impl Strategy<Value = Recipe> {
    let shape = prop_oneof![
        (1usize..7).prop_map(|n| vec![n]),
        ((1usize..4), (1usize..9)).prop_map(|(c, l)| vec![c, l]),
        ((1usize..3), (1usize..5), (1usize..5)).prop_map(|(c, h, w)| vec![c, h, w]),
    ];
    let step = (0..KINDS, any::<[usize; 2]>(), any::<[usize; 4]>()).prop_map(|(kind, reads, numbers)| Step {
        kind,
        reads,
        numbers,
    });
    (prop::collection::vec(shape, 1..3), prop::collection::vec(step, 1..=steps), any::<u64>())
        .prop_map(|(inputs, steps, seed)| Recipe { inputs, steps, seed })
}

/// Every function that is finite everywhere.
pub fn entire_functions() -> Vec<Activation> {
    use Activation::*;
    let custom = colorjet::Custom::from_jet("swish by jet", |x| x * x.sigmoid());
    vec![
        Identity,
        Relu,
        LeakyRelu { alpha: 0.1 },
        Prelu { slope: vec![0.3] },
        Elu { alpha: 1.2 },
        Selu,
        Celu { alpha: 0.7 },
        Tanh,
        Sigmoid,
        Softplus,
        Softsign,
        Gelu,
        GeluTanh,
        Silu,
        Mish,
        Sin,
        Cos,
        Square,
        Powi(3),
        Erf,
        Abs,
        Step,
        Atan,
        Asinh,
        Clip { low: -0.5, high: 0.8 },
        Clip { low: f64::NEG_INFINITY, high: 0.3 },
        ThresholdedRelu { alpha: 0.2 },
        Shrink { lambda: 0.3, bias: 0.1 },
        Activation::Custom(custom),
    ]
}

/// Functions that are not defined everywhere, or grow fast, with the middle and the radius of an interval
/// where they are tame.
pub fn delicate_functions() -> Vec<(Activation, [f64; 2])> {
    use Activation::*;
    let positive = [Exp, Log, Sqrt, Powf(1.7), Powf(-0.5), Powi(-2), Reciprocal].map(|f| (f, [1.5, 1.0]));
    let inner = [Tan, Asin, Acos, Atanh].map(|f| (f, [0.1, 0.7]));
    let others = [(Acosh, [2.5, 1.0]), (Sinh, [-0.3, 1.5]), (Cosh, [0.3, 1.5])];
    positive.into_iter().chain(inner).chain(others).collect()
}

impl Recipe {
    /// The network: steps that do not fit the layers they read are replaced by an activation.
    pub fn build(&self) -> Network {
        self.build_before(&[])
    }

    /// The network, with dense layers of so many units each behind its last layer.
    pub fn build_before(&self, dense: &[usize]) -> Network {
        self.cook(dense, 0.0, 0)
    }

    /// The network, twice, with every weight moved by a part of at most `change` of it; not what keeps functions in their
    /// domains.
    pub fn moved(&self, change: f64) -> [Network; 2] {
        self.moved_before(&[], change)
    }

    /// The network of `build_before`, likewise.
    pub fn moved_before(&self, dense: &[usize], change: f64) -> [Network; 2] {
        [1, 2].map(|draw| self.cook(dense, change, draw))
    }

    fn cook(&self, dense: &[usize], change: f64, draw: u64) -> Network {
        let mut cook = Cook {
            builder: Network::builder(),
            layers: Vec::new(),
            read: Vec::new(),
            random: Random(self.seed),
            change,
            noise: Random(draw),
        };
        for (q, shape) in self.inputs.iter().enumerate() {
            let input = cook.builder.input(&format!("x{q}"), shape).unwrap();
            cook.layers.push(input);
            cook.read.push(true);
        }
        for (number, step) in self.steps.iter().enumerate() {
            cook.step(step, &format!("l{number}"));
        }
        for (number, &units) in dense.iter().enumerate() {
            let x = cook.take(0);
            let read = cook.builder.shape(x).unwrap().iter().product();
            let weight = Array2::from_shape_vec((units, read), cook.weights(units * read, read)).unwrap();
            let made = cook.builder.dense(&format!("d{number}"), x, weight, None).unwrap();
            let curved = cook.builder.activation(&format!("t{number}"), made, Activation::Tanh).unwrap();
            cook.put(curved);
        }
        // What nobody reads is an output, so that nothing dangles.
        let outputs: Vec<LayerId> =
            cook.layers.iter().zip(&cook.read).filter(|&(_, &read)| !read).map(|(&l, _)| l).collect();
        cook.builder.build(&outputs).unwrap()
    }

    /// A point to evaluate at.
    pub fn point(&self, net: &Network) -> Array1<f64> {
        let mut random = Random(self.seed ^ 0x5eed);
        Array1::from(random.numbers(net.inputs()))
    }
}

struct Cook {
    builder: NetworkBuilder,
    layers: Vec<LayerId>,
    read: Vec<bool>,
    random: Random,
    change: f64,
    noise: Random,
}

impl Cook {
    /// Numbers between −1 and 1, each times 1 + change · noise.
    fn numbers(&mut self, count: usize) -> Vec<f64> {
        let numbers = self.random.numbers(count);
        numbers.into_iter().map(|v| v * (1.0 + self.change * self.noise.number())).collect()
    }

    /// As [`Random::weights`], moved likewise.
    fn weights(&mut self, count: usize, fan_in: usize) -> Vec<f64> {
        let weights = self.random.weights(count, fan_in);
        weights.into_iter().map(|v| v * (1.0 + self.change * self.noise.number())).collect()
    }

    fn take(&mut self, choice: usize) -> LayerId {
        // Later layers are chosen more often, so that networks become deep.
        let count = self.layers.len();
        let k = count - 1 - (choice % (2 * count)).saturating_sub(count) % count;
        self.read[k] = true;
        self.layers[k]
    }

    fn put(&mut self, layer: LayerId) {
        self.layers.push(layer);
        self.read.push(false);
    }

    fn step(&mut self, step: &Step, name: &str) {
        let x = self.take(step.reads[0]);
        let shape = self.builder.shape(x).unwrap().to_vec();
        let units: usize = shape.iter().product();
        let made = match step.kind {
            0 | 1 => self.dense(name, x, units, step),
            2 => self.sparse(name, x, units, step),
            3..=5 if shape.len() > 1 => self.conv(name, x, &shape, step),
            6 if shape.len() > 1 => self.pool(name, x, &shape, step),
            7 if units < 200 => self.pad(name, x, &shape, step),
            8 => self.shapes(name, x, &shape, step),
            9 => self.sum(name, x, &shape, step),
            10 | 11 => self.product(name, x, &shape, step),
            12 => self.max(name, x, units, step),
            13 => self.gather(name, x, units, step),
            14 => self.delicate(name, x, step),
            15 => {
                let [scale, shift, mean] = [0; 3].map(|_| self.numbers(shape[0]));
                let variance: Vec<f64> = mean.iter().map(|m| m * m + 0.1).collect();
                self.builder.batch_norm(name, x, [&scale, &shift, &mean, &variance], 1e-5).unwrap()
            }
            _ => {
                let functions = entire_functions();
                let f = functions[step.numbers[0] % functions.len()].clone();
                self.builder.activation(name, x, f).unwrap()
            }
        };
        self.put(made);
    }

    fn dense(&mut self, name: &str, x: LayerId, units: usize, step: &Step) -> LayerId {
        let m = 1 + step.numbers[0] % 7;
        let weight = Array2::from_shape_vec((m, units), self.weights(m * units, units)).unwrap();
        let bias = step.numbers[1].is_multiple_of(2).then(|| Array1::from(self.numbers(m)));
        self.builder.dense(name, x, weight, bias).unwrap()
    }

    fn sparse(&mut self, name: &str, x: LayerId, units: usize, step: &Step) -> LayerId {
        let m = 1 + step.numbers[0] % 7;
        let mut triplets = TriMat::new((m, units));
        for i in 0..m {
            for j in 0..units {
                // Some rows stay empty: an output may depend on nothing.
                if self.random.next().is_multiple_of(3) && !(i + step.numbers[1]).is_multiple_of(5) {
                    triplets.add_triplet(i, j, self.numbers(1)[0]);
                }
            }
        }
        self.builder.sparse(name, x, triplets.to_csr(), None).unwrap()
    }

    fn conv(&mut self, name: &str, x: LayerId, shape: &[usize], step: &Step) -> LayerId {
        let [a, b, c, d] = step.numbers;
        let axes = shape.len() - 1;
        let padding: Vec<[usize; 2]> = (0..axes).map(|k| [(a >> k) % 3, (b >> k) % 2]).collect();
        let room = |k: usize| shape[1 + k] + padding[k][0] + padding[k][1];
        let dilation: Vec<usize> = (0..axes).map(|k| 1 + (c >> k) % 2).collect();
        let kernel: Vec<usize> = (0..axes).map(|k| 1 + (d >> k) % 3.min((room(k) - 1) / dilation[k] + 1)).collect();
        let stride = (0..axes).map(|k| 1 + (c >> (4 + k)) % 3).collect();
        let groups = if shape[0].is_multiple_of(2) && a.is_multiple_of(3) { 2 } else { 1 };
        let out = groups * (1 + b % 5);
        let dims: Vec<usize> = [out, shape[0] / groups].into_iter().chain(kernel).collect();
        let count = dims.iter().product::<usize>();
        let weight = ArrayD::from_shape_vec(IxDyn(&dims), self.weights(count, count / out)).unwrap();
        let bias = Array1::from(self.numbers(out));
        self.builder.conv(name, x, weight, bias, &ConvOptions { stride, padding, dilation, groups }).unwrap()
    }

    fn pool(&mut self, name: &str, x: LayerId, shape: &[usize], step: &Step) -> LayerId {
        let axes = shape.len() - 1;
        let kernel: Vec<usize> = (0..axes).map(|k| 1 + (step.numbers[0] >> k) % shape[1 + k].min(3)).collect();
        let padding = kernel.iter().map(|&k| [k / 2, 0]).collect();
        let stride = (0..axes).map(|k| 1 + (step.numbers[1] >> k) % 2).collect();
        let pool = Pool { kernel, stride, padding, dilation: vec![] };
        match step.numbers[2] % 3 {
            0 => self.builder.max_pool(name, x, &pool).unwrap(),
            k => self.builder.avg_pool(name, x, &pool, k == 1).unwrap(),
        }
    }

    fn pad(&mut self, name: &str, x: LayerId, shape: &[usize], step: &Step) -> LayerId {
        let mode = match step.numbers[0] % 4 {
            0 => PadMode::Constant(0.5),
            1 => PadMode::Circular,
            2 => PadMode::Reflect,
            _ => PadMode::Edge,
        };
        let most = |len: usize| if mode == PadMode::Reflect { len - 1 } else { len };
        let padding: Vec<[usize; 2]> = (0..shape.len())
            .map(|a| [(step.numbers[1] >> a) % 3, (step.numbers[2] >> a) % 2].map(|p| p.min(most(shape[a]))))
            .collect();
        self.builder.pad(name, x, &padding, mode).unwrap()
    }

    fn shapes(&mut self, name: &str, x: LayerId, shape: &[usize], step: &Step) -> LayerId {
        match step.numbers[0] % 3 {
            0 => self.builder.reshape(name, x, &[shape.iter().product()]).unwrap(),
            1 => self.builder.transpose(name, x, &(0..shape.len()).rev().collect::<Vec<_>>()).unwrap(),
            _ => {
                let ranges: Vec<[usize; 3]> =
                    shape.iter().map(|&len| [step.numbers[1] % len, len, 1 + step.numbers[2] % 2]).collect();
                self.builder.slice(name, x, &ranges).unwrap()
            }
        }
    }

    /// Any layer of this shape up to axes of length one; there is at least the one that the shape is of.
    fn partner(&mut self, shape: &[usize], choice: usize) -> LayerId {
        let long = |shape: &[usize]| shape.iter().copied().filter(|&len| len > 1).collect::<Vec<_>>();
        let fits: Vec<usize> = (0..self.layers.len())
            .filter(|&k| long(self.builder.shape(self.layers[k]).unwrap()) == long(shape))
            .collect();
        let k = fits[choice % fits.len()];
        self.read[k] = true;
        self.layers[k]
    }

    fn sum(&mut self, name: &str, x: LayerId, shape: &[usize], step: &Step) -> LayerId {
        let other = self.partner(shape, step.reads[1]);
        let units = shape.iter().product();
        let scales = [Some(self.numbers([1, shape[0], units][step.numbers[0] % 3])), None];
        let shift = step.numbers[1].is_multiple_of(2).then(|| self.numbers(units));
        let alike = self.builder.shape(other).unwrap() == shape;
        if step.numbers[2].is_multiple_of(4) && shape.len() == 1 && alike {
            return self.builder.concat(name, &[x, other, x], 0).unwrap();
        }
        self.builder.weighted_sum(name, &[x, other], &scales, shift).unwrap()
    }

    fn product(&mut self, name: &str, x: LayerId, shape: &[usize], step: &Step) -> LayerId {
        let other = self.partner(shape, step.reads[1]);
        if step.numbers[0].is_multiple_of(2) {
            return self.builder.product(name, x, other).unwrap();
        }
        let gate = self.builder.activation(&format!("{name}.gate"), other, Activation::Tanh).unwrap();
        self.builder.product(name, x, gate).unwrap()
    }

    fn max(&mut self, name: &str, x: LayerId, units: usize, step: &Step) -> LayerId {
        let m = 1 + step.numbers[0] % 4;
        let candidates =
            |_| (0..1 + self.random.next() as usize % 3).map(|_| self.random.next() as u32 % units as u32).collect();
        let candidates: Vec<Vec<u32>> = (0..m).map(candidates).collect();
        self.builder.max(name, &[x], candidates, &[m]).unwrap()
    }

    fn gather(&mut self, name: &str, x: LayerId, units: usize, step: &Step) -> LayerId {
        let other = self.take(step.reads[1]);
        let all = units + self.builder.shape(other).unwrap().iter().product::<usize>();
        let m = 1 + step.numbers[0] % 9;
        let index: Vec<Option<u32>> = (0..m)
            .map(|_| (!self.random.next().is_multiple_of(5)).then(|| self.random.next() as u32 % all as u32))
            .collect();
        self.builder.gather(name, &[x, other], index, &[m], 0.25).unwrap()
    }

    /// A function that needs a moderate argument in its domain, of middle + radius sin z.
    fn delicate(&mut self, name: &str, x: LayerId, step: &Step) -> LayerId {
        let functions = delicate_functions();
        let (f, [middle, radius]) = functions[step.numbers[0] % functions.len()].clone();
        let wave = self.builder.activation(&format!("{name}.sin"), x, Activation::Sin).unwrap();
        let scales = [Some(vec![radius])];
        let inside = self.builder.weighted_sum(&format!("{name}.in"), &[wave], &scales, Some(vec![middle])).unwrap();
        self.builder.activation(name, inside, f).unwrap()
    }
}
