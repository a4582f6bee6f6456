//! Lanes by offset: generated local networks, cut into tiles of all sizes, against lanes by color and the oracle.

#[path = "support/random.rs"]
mod random;

use colorjet::{
    Activation, ConvOptions, ErrorKind, LaneKind, LayerId, Network, NetworkBuilder, PadMode, Plan, PlanOptions,
    Quantity, Strategy,
};
use ndarray::{Array1, Array2, ArrayD, IxDyn, array};
use proptest::prelude::*;
use random::Random;
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
fn local_network(seed: u64, energy: bool) -> Network {
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
            local.builder.dense(&format!("sum{number}"), curved, weight, None).unwrap()
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

fn point(net: &Network, seed: u64) -> Array1<f64> {
    Array1::from(Random(seed ^ 0x5eed).numbers(net.inputs()))
}

fn compare(ours: &CsMat<f64>, exact: &CsMat<f64>) -> Result<(), TestCaseError> {
    let (ours, exact) = (ours.to_dense(), exact.to_dense());
    let scale = exact.iter().fold(1e-300, |s: f64, v| s.max(v.abs()));
    let error = (&ours - &exact).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
    prop_assert!(error < 1e-12, "{error:e}");
    Ok(())
}

fn compare_values(ours: &Array1<f64>, exact: &Array1<f64>) -> Result<(), TestCaseError> {
    compare_to(ours, exact, 1e-300)
}

/// Sums of many terms of both signs, of the order of one: a sum may be far smaller than what it is made of.
fn compare_sums(ours: &Array1<f64>, exact: &Array1<f64>) -> Result<(), TestCaseError> {
    compare_to(ours, exact, 1.0)
}

fn compare_to(ours: &Array1<f64>, exact: &Array1<f64>, least: f64) -> Result<(), TestCaseError> {
    let scale = exact.iter().fold(least, |s: f64, v| s.max(v.abs()));
    let error = (ours - exact).iter().fold(0.0, |s: f64, v| s.max(v.abs())) / scale;
    prop_assert!(error < 1e-13, "{error:e}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn tiles_agree_with_the_oracle(seed in any::<u64>(), tile in 1usize..40) {
        let net = local_network(seed, false);
        let x = point(&net, seed);
        for (quantity, strategy) in [
            (Quantity::Jacobian, Strategy::Forward),
            (Quantity::HessianDiagonal, Strategy::DoubleForward),
            (Quantity::HessianDiagonal, Strategy::Nodal),
            (Quantity::Laplacian, Strategy::DoubleForward),
        ] {
            let base = PlanOptions::new(quantity).with_jacobian();
            let oracle = Plan::with(&net, &base.clone().strategy(Strategy::Dense)).unwrap();
            let exact = oracle.run_all(&net, x.view()).unwrap();
            let offset = base.strategy(strategy).lanes(LaneKind::Offset);
            for options in [offset.clone(), offset.tile(tile)] {
                let plan = match Plan::with(&net, &options) {
                    Ok(plan) => plan,
                    // Outputs may share an adjoint lane, and copies may differ.
                    Err(e) if strategy == Strategy::Nodal || e.to_string().contains("comes back") => {
                        prop_assert_eq!(e.kind(), ErrorKind::WrongStrategy);
                        continue;
                    }
                    Err(e) => return Err(TestCaseError::fail(e.to_string())),
                };
                let all = plan.run_all(&net, x.view()).unwrap();
                compare_values(&all.value, &exact.value)?;
                compare(&all.jacobian.unwrap(), exact.jacobian.as_ref().unwrap())?;
                if let (Some(ours), Some(exact)) = (&all.hessian_diagonal, &exact.hessian_diagonal) {
                    compare(ours, exact)?;
                }
            }
        }
    }

    #[test]
    fn energies_agree_with_the_oracle(seed in any::<u64>(), tile in 1usize..40) {
        let net = local_network(seed, true);
        let x = point(&net, seed);
        // With the Jacobian, outputs that see one input have adjoint lanes of their own.
        let base = PlanOptions::new(Quantity::HessianDiagonal).with_jacobian();
        let oracle = Plan::with(&net, &base.clone().strategy(Strategy::Dense)).unwrap();
        let exact = oracle.run_all(&net, x.view()).unwrap();
        let offset = base.lanes(LaneKind::Offset);
        let forced = offset.clone().strategy(Strategy::Nodal);
        if let Err(e) = Plan::with(&net, &forced) {
            // Outputs of different parts may share an adjoint lane, and units that are repeated are summed once.
            prop_assert_eq!(e.kind(), ErrorKind::WrongStrategy);
            prop_assert!(net.output_layers().len() > 1 || e.to_string().contains("comes back"), "{}", e);
            return Ok(());
        }
        let alone = PlanOptions::new(Quantity::HessianDiagonal).lanes(LaneKind::Offset).strategy(Strategy::Nodal);
        for options in [offset.clone(), offset.tile(tile), forced, alone.clone(), alone.tile(tile)] {
            let plan = match Plan::with(&net, &options) {
                Ok(plan) => plan,
                // Where no output needs the Jacobian of another, they may share an adjoint lane.
                Err(e) => {
                    prop_assert!(e.to_string().contains("share an adjoint lane"), "{}", e);
                    continue;
                }
            };
            // Where nothing is curved, there is nothing to choose.
            prop_assert!(plan.strategy() == Strategy::Nodal || plan.pattern().nnz() == 0);
            let all = plan.run_all(&net, x.view()).unwrap();
            compare_sums(&all.value, &exact.value)?;
            compare(&all.hessian_diagonal.unwrap(), exact.hessian_diagonal.as_ref().unwrap())?;
            if let Some(jacobian) = all.jacobian {
                compare(&jacobian, exact.jacobian.as_ref().unwrap())?;
            }
        }
    }
}

/// Large enough for several tiles of the size that fits the cache, on every axis.
#[test]
fn large_grids_agree_with_lanes_by_color() {
    let conv = |axes: &[usize], channels: &[usize], periodic: bool, energy: bool| {
        let mut builder = Network::builder();
        let mut layer = builder.input("x", &[&[1], axes].concat()).unwrap();
        let mut random = Random(7);
        for (number, pair) in channels.windows(2).enumerate() {
            let kernel = vec![3; axes.len()];
            let dims = [&[pair[1], pair[0]], &kernel[..]].concat();
            let count = dims.iter().product();
            let weight = ArrayD::from_shape_vec(IxDyn(&dims), random.weights(count, count / pair[1])).unwrap();
            let mut options = ConvOptions::default();
            if periodic {
                let around: Vec<[usize; 2]> = std::iter::once([0, 0]).chain(axes.iter().map(|_| [1, 1])).collect();
                layer = builder.pad(&format!("pad{number}"), layer, &around, PadMode::Circular).unwrap();
            } else {
                options.padding = vec![[1, 1]; axes.len()];
            }
            layer = builder.conv(&format!("conv{number}"), layer, weight, None, &options).unwrap();
            layer = builder.activation(&format!("tanh{number}"), layer, Activation::Tanh).unwrap();
        }
        if energy {
            let units = builder.shape(layer).unwrap().iter().product();
            let weight = Array2::from_shape_vec((2, units), random.weights(2 * units, units)).unwrap();
            layer = builder.dense("sum", layer, weight, Some(Array1::from(random.numbers(2)))).unwrap();
        }
        builder.build(&[layer]).unwrap()
    };
    // With and without first layers of one input each, and with few channels made of many in the end.
    for (axes, channels) in [(&[5000][..], &[1, 5, 9, 2][..]), (&[70, 65], &[1, 5, 9, 3]), (&[17, 16, 19], &[1, 9, 2])]
    {
        for (periodic, energy) in [(false, false), (true, false), (false, true), (true, true)] {
            let net = conv(axes, channels, periodic, energy);
            let x = point(&net, 3);
            let options = |lanes| PlanOptions::new(Quantity::HessianDiagonal).with_jacobian().lanes(lanes);
            let strategy = if energy { Strategy::Nodal } else { Strategy::DoubleForward };
            let [offset, color] = [LaneKind::Offset, LaneKind::Color].map(|lanes| {
                let plan = Plan::with(&net, &options(lanes).strategy(strategy)).unwrap();
                plan.run_all(&net, x.view()).unwrap()
            });
            compare(&offset.hessian_diagonal.unwrap(), &color.hessian_diagonal.unwrap()).unwrap();
            compare(&offset.jacobian.unwrap(), &color.jacobian.unwrap()).unwrap();
            let compare_values = if energy { compare_sums } else { compare_values };
            compare_values(&offset.value, &color.value).unwrap();
        }
    }
}

/// Whatever makes the values says the same of the first unit that leaves a domain, and of no unit that nobody reads.
#[test]
fn the_first_unit_outside_of_a_domain_is_named() {
    // σ of a first sum, and a sum of that; positions on one axis and on two.
    let net = |function: Activation, axes: &[usize], energy: bool| {
        let mut random = Random(2);
        let kernel = |dims: [usize; 2], weights| {
            let dims = [&dims[..], &vec![3; axes.len()]].concat();
            ArrayD::from_shape_vec(IxDyn(&dims), weights).unwrap()
        };
        let options = ConvOptions { padding: vec![[1, 1]; axes.len()], ..ConvOptions::default() };
        let window = 3usize.pow(axes.len() as u32);
        // The first channel is the input itself, the second its double, each from the end of a window: in a box, what is
        // not needed reads what is not there.
        let mut copies = vec![0.0; 2 * window];
        (copies[window - 1], copies[2 * window - 1]) = (1.0, 2.0);
        let first = ConvOptions::default();
        let chain = Network::chain([&[1], axes].concat()).conv(kernel([2, 1], copies), None, &first);
        let chain = chain.activation(function);
        let weights = random.numbers(4 * window);
        let chain = chain.conv(kernel([2, 2], weights), None, &options).activation(Activation::Softplus);
        if !energy {
            return chain.build().unwrap();
        }
        // What is cut off on the way makes the first layer smaller than the input.
        let units = 2 * axes.iter().map(|len| len - 2).product::<usize>();
        let weight = Array2::from_shape_vec((1, units), random.weights(units, units)).unwrap();
        chain.dense(weight, array![0.5]).build().unwrap()
    };
    for (axes, energy) in [(&[6000][..], false), (&[80, 70], false), (&[6000], true), (&[80, 70], true)] {
        let n: usize = axes.iter().product();
        let strategy = if energy { Strategy::Nodal } else { Strategy::DoubleForward };
        for (function, inside, outside) in
            [(Activation::Log, 0.5, -1.0), (Activation::Sqrt, 0.5, 0.0), (Activation::Exp, 0.5, 500.0)]
        {
            let net = net(function.clone(), axes, energy);
            let plan = |lanes| {
                let options = PlanOptions::new(Quantity::HessianDiagonal).lanes(lanes);
                Plan::with(&net, &options.strategy(strategy)).unwrap()
            };
            let [offset, color] = [LaneKind::Offset, LaneKind::Color].map(plan);
            let mut x = Array1::from_elem(n, inside);
            assert!(offset.run(&net, x.view()).is_ok(), "{function:?}");
            for bad in [vec![n - 1], vec![n / 2 + 3, n / 2 + 1, n - 7], vec![n / 3, 0]] {
                bad.iter().for_each(|&j| x[j] = outside);
                let [ours, expected] = [&offset, &color].map(|plan| plan.run(&net, x.view()).unwrap_err());
                assert_eq!(ours.kind(), ErrorKind::NonFinite);
                assert_eq!(ours.to_string(), expected.to_string());
                bad.iter().for_each(|&j| x[j] = inside);
            }
        }
    }
}

/// A chain of convolutions whose last layer is summed up with the weights given.
fn energy(n: usize, weight: Array2<f64>) -> Network {
    let mut random = Random(4);
    let options = ConvOptions { padding: vec![[1, 1]], ..ConvOptions::default() };
    let mut kernel =
        |dims: [usize; 3]| ArrayD::from_shape_vec(IxDyn(&dims), random.numbers(dims.iter().product())).unwrap();
    let chain = Network::chain([1, n]).conv(kernel([4, 1, 3]), None, &options).activation(Activation::Tanh);
    let chain = chain.conv(kernel([2, 4, 3]), None, &options).activation(Activation::Tanh);
    chain.dense(weight, array![0.25]).build().unwrap()
}

/// Values, slopes and adjoints of a local energy are those of a tile: the memory is that of the results.
#[test]
fn an_energy_is_not_recorded() {
    let n = 1 << 15;
    let net = energy(n, Array2::from_elem((1, 2 * n), 0.5));
    let options = PlanOptions::new(Quantity::HessianDiagonal).strategy(Strategy::Nodal);
    let [offset, color] = [LaneKind::Offset, LaneKind::Color]
        .map(|lanes| Plan::with(&net, &options.clone().lanes(lanes)).unwrap().workspace_bytes(8) / (8 * n as u64));
    // The adjoints of the last layer and the results, before all tiles are put together.
    assert!(offset < 8, "{offset} numbers for each input");
    assert!(color > 30, "{color} numbers for each input");
}

/// Outside of the tiles too, an overflow is found.
#[test]
fn an_energy_that_overflows_is_named() {
    let n = 300;
    let net = energy(n, Array2::from_elem((1, 2 * n), 1e307));
    let x = Array1::from_elem(n, 5.0);
    let options = PlanOptions::new(Quantity::HessianDiagonal).strategy(Strategy::Nodal);
    for lanes in [LaneKind::Offset, LaneKind::Color] {
        let plan = Plan::with(&net, &options.clone().lanes(lanes)).unwrap();
        let error = plan.run(&net, x.view()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NonFinite);
        // Infinite, or none where infinite numbers of both signs are added.
        let message = error.to_string();
        assert!(message.contains("\"dense5\": the value is") && message.contains("unit 0 of sample 0"), "{message}");
    }
}

#[test]
fn a_row_of_weights_in_a_grid_is_one_row() {
    let mut builder = Network::builder();
    let x = builder.input("x", &[1, 1, 40]).unwrap();
    let mut random = Random(11);
    let matrix = TriMat::from_triplets((40, 40), (0..40).collect(), (0..40).collect(), random.numbers(40));
    let row = builder.sparse("row", x, matrix.to_csr(), None).unwrap();
    let weight = ArrayD::from_shape_vec(IxDyn(&[1, 1, 3, 3]), random.numbers(9)).unwrap();
    let options = ConvOptions { padding: vec![[2, 3], [4, 1]], ..ConvOptions::default() };
    let grid = builder.conv("grid", x, weight, None, &options).unwrap();
    let outputs = [row, grid]
        .map(|l| builder.activation(if l == row { "tanh 1" } else { "tanh 2" }, l, Activation::Tanh).unwrap());
    let net = builder.build(&outputs).unwrap();
    let x = point(&net, 5);
    let plan = |lanes, tile| {
        let options = PlanOptions::new(Quantity::HessianDiagonal).with_jacobian().lanes(lanes).tile(tile);
        Plan::with(&net, &options.strategy(Strategy::DoubleForward)).unwrap().run_all(&net, x.view()).unwrap()
    };
    let color = plan(LaneKind::Color, 1);
    for tile in [1, 7, 64, 1000] {
        let offset = plan(LaneKind::Offset, tile);
        compare(offset.hessian_diagonal.as_ref().unwrap(), color.hessian_diagonal.as_ref().unwrap()).unwrap();
        compare(offset.jacobian.as_ref().unwrap(), color.jacobian.as_ref().unwrap()).unwrap();
    }
}

/// Two copies of a unit, each with a shift of its own, are two different functions of it: a period of 1 does not
/// describe them.
#[test]
fn copies_with_numbers_of_their_own_are_not_periodic() {
    let mut builder = Network::builder();
    let x = builder.input("x", &[1, 1]).unwrap();
    let copied = builder.pad("copied", x, &[[0, 0], [0, 1]], PadMode::Circular).unwrap();
    let shift = Some(vec![-0.125, -0.875]);
    let shifted = builder.weighted_sum("shifted", &[copied], &[None], shift).unwrap();
    let product = builder.product("product", shifted, copied).unwrap();
    let curved = builder.activation("curved", product, Activation::Tanh).unwrap();
    let net = builder.build(&[curved]).unwrap();
    let x = Array1::from(vec![0.75]);
    let options = PlanOptions::new(Quantity::HessianDiagonal);
    let error = Plan::with(&net, &options.clone().lanes(LaneKind::Offset)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStrategy);
    assert!(error.to_string().contains("shifted"), "{error}");
    let exact = Plan::with(&net, &options.clone().strategy(Strategy::Dense)).unwrap().run(&net, x.view()).unwrap();
    compare(&Plan::with(&net, &options).unwrap().run(&net, x.view()).unwrap(), &exact).unwrap();
}

#[test]
fn a_layer_that_is_not_local_is_named() {
    let net = Network::chain([1, 8])
        .conv(Array2::ones((1, 3)).into_shape_with_order((1, 1, 3)).unwrap().into_dyn(), None, &ConvOptions::default())
        .activation(Activation::Tanh)
        .dense(Array2::ones((2, 6)), None)
        .activation(Activation::Tanh)
        .build()
        .unwrap();
    let offset = PlanOptions::new(Quantity::HessianDiagonal).lanes(LaneKind::Offset);
    let error = Plan::with(&net, &offset).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongStrategy);
    assert!(error.to_string().contains("dense"), "{error}");
    let zero = Plan::with(&net, &PlanOptions::new(Quantity::Jacobian).tile(0)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidParameter);
}
