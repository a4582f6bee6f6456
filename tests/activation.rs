//! The elementwise functions against mpmath, against dual numbers, and against those of a user.

use colorjet::Activation::{self, *};
use colorjet::{Custom, Jet2, Scalar};

/// Every function once, curved and not; where a parameter decides, several times.
fn all() -> Vec<Activation> {
    vec![
        Identity,
        Relu,
        LeakyRelu { alpha: 0.1 },
        Prelu { slope: vec![0.25] },
        Elu { alpha: 1.5 },
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
        Tan,
        Asin,
        Acos,
        Atan,
        Sinh,
        Cosh,
        Asinh,
        Acosh,
        Atanh,
        Exp,
        Log,
        Sqrt,
        Square,
        Powi(0),
        Powi(1),
        Powi(3),
        Powi(-2),
        Powf(0.0),
        Powf(1.0),
        Powf(2.5),
        Reciprocal,
        Erf,
        Abs,
        Step,
        Clip { low: -1.5, high: 2.5 },
        Clip { low: 0.3, high: f64::INFINITY },
        ThresholdedRelu { alpha: 1.2 },
        Shrink { lambda: 0.7, bias: 0.4 },
        Custom(Custom::from_jet("swish", |z| z * z.sigmoid())),
    ]
}

fn by_name(name: &str, parameters: &[f64]) -> Activation {
    match (name, parameters) {
        ("leaky_relu", &[alpha]) => LeakyRelu { alpha },
        ("prelu", &[slope]) => Prelu { slope: vec![slope] },
        ("elu", &[alpha]) => Elu { alpha },
        ("celu", &[alpha]) => Celu { alpha },
        ("powi", &[n]) => Powi(n as i32),
        ("powf", &[p]) => Powf(p),
        ("clip", &[low, high]) => Clip { low, high },
        ("thresholded_relu", &[alpha]) => ThresholdedRelu { alpha },
        ("shrink", &[lambda, bias]) => Shrink { lambda, bias },
        _ => all().into_iter().find(|a| a.name() == name).expect(name),
    }
}

fn assert_close(got: [f64; 3], want: [f64; 3], relative: f64, smallest: f64, place: &str) {
    for k in 0..3 {
        let error = (got[k] - want[k]).abs();
        let bound = relative * want[k].abs() + smallest;
        assert!(error <= bound, "{place}, derivative {k}: {:e} should be {:e}", got[k], want[k]);
    }
}

#[test]
fn values_and_derivatives_are_those_of_mpmath() {
    let mut names = Vec::new();
    for line in include_str!("golden_activation.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let parameters: Vec<f64> = cells[1].split_whitespace().map(|p| p.parse().unwrap()).collect();
        let [z, a, b, c] = [2, 3, 4, 5].map(|k| cells[k].parse::<f64>().unwrap());
        let want = [a, b, c];
        let activation = by_name(cells[0], &parameters);

        // Below the smallest normal number digits are lost, that is all.
        assert_close(activation.eval(z), want, 4e-15, 1e-305, line);
        // In single precision a parameter is rounded too, and e^z changes by |z| times that.
        let single = activation.eval(z as f32).map(f64::from);
        if want.iter().all(|v| v.abs() < 1e38) {
            assert_close(single, want, 1e-6, 1e-36, line);
        }
        names.push(activation.name().to_owned());
    }
    names.dedup();
    assert_eq!(names.len(), 38, "every built-in function is in the table");
}

/// The same functions in the words of a user, by formulas that are good enough for |z| < 4.
fn as_jet(activation: &Activation, z: Jet2) -> Option<Jet2> {
    let zero = Jet2::constant(0.0);
    let elu = |alpha: f64, z: Jet2| z.max(zero) + alpha * z.min(zero).exp_m1();
    Some(match *activation {
        Identity => z,
        Relu => z.max(zero),
        LeakyRelu { alpha } => z.max(zero) + alpha * z.min(zero),
        Prelu { ref slope } => z.max(zero) + slope[0] * z.min(zero),
        Elu { alpha } => elu(alpha, z),
        Selu => 1.0507009873554805 * elu(1.6732632423543772, z),
        Celu { alpha } => z.max(zero) + alpha * (z.min(zero) / alpha).exp_m1(),
        Tanh => z.sinh() / z.cosh(),
        Sigmoid => 1.0 / (1.0 + (-z).exp()),
        Softplus => (1.0 + z.exp()).ln(),
        Softsign => z / (1.0 + z.abs()),
        Gelu => 0.5 * z * (1.0 + (z * std::f64::consts::FRAC_1_SQRT_2).erf()),
        GeluTanh => {
            let c = (2.0 / std::f64::consts::PI).sqrt();
            0.5 * z * (1.0 + (c * (z + 0.044715 * z.powi(3))).tanh())
        }
        Silu => z * z.sigmoid(),
        Mish => z * z.softplus().tanh(),
        Sin => z.sin(),
        Cos => z.cos(),
        Tan => z.tan(),
        Asin => z.asin(),
        Acos => z.acos(),
        Atan => z.atan(),
        Sinh => z.sinh(),
        Cosh => z.cosh(),
        Asinh => (z + (z * z + 1.0).sqrt()).ln(),
        Acosh => (z + (z * z - 1.0).sqrt()).ln(),
        Atanh => 0.5 * ((1.0 + z) / (1.0 - z)).ln(),
        Exp => z.exp(),
        Log => z.ln(),
        Sqrt => z.sqrt(),
        Square => z * z,
        Powi(n) => z.powi(n),
        Powf(p) => z.powf(p),
        Reciprocal => z.recip(),
        Erf => z.erf(),
        Abs => z.abs(),
        Step if z.value > 0.0 => zero + 1.0,
        Step => zero,
        Clip { low, high } => z.max(low.into()).min(high.into()),
        ThresholdedRelu { alpha } if z.value > alpha => z,
        Shrink { lambda, bias } if z.value > lambda => z - bias,
        Shrink { lambda, bias } if z.value < -lambda => z + bias,
        ThresholdedRelu { .. } | Shrink { .. } => zero,
        _ => return None,
    })
}

#[test]
fn dual_numbers_agree() {
    for activation in all() {
        for step in -40..40 {
            let z = 0.1 * f64::from(step) + 0.03;
            let Some(jet) = as_jet(&activation, Jet2::variable(z)) else {
                continue;
            };
            let want = [jet.value, jet.first, jet.second];
            if want.iter().all(|v| v.is_finite()) {
                assert_close(activation.eval(z), want, 1e-11, 1e-13, &format!("{activation:?} at {z}"));
            }
        }
    }
}

#[test]
fn dual_numbers_obey_identities() {
    let same = |a: Jet2, b: Jet2, text: &str| {
        assert_close([a.value, a.first, a.second], [b.value, b.first, b.second], 1e-13, 1e-13, text);
    };
    for x in [0.1, 0.4, 0.9].map(|x| Jet2 { value: x, first: 0.7, second: -1.3 }) {
        same(x.tan(), x.sin() / x.cos(), "tan");
        same(x.tanh(), x.sinh() / x.cosh(), "tanh");
        same(x.tan().atan(), x, "atan");
        same(x.sin().asin(), x, "asin");
        same(x.cos().acos(), x, "acos");
        same(x.exp().ln(), x, "ln");
        same(x.exp_m1().ln_1p(), x, "ln_1p");
        same(x.exp2().log2(), x, "log2");
        same(x.log10(), x.ln() / std::f64::consts::LN_10, "log10");
        same(x.sqrt() * x.sqrt(), x, "sqrt");
        same(x.cbrt().powi(3), x, "cbrt");
        same(x.recip(), x.powi(-1), "recip");
        same(x.powf(2.5), x * x * x.sqrt(), "powf");
        same(x.erf() + x.erfc(), Jet2::constant(1.0), "erfc");
        same(x.softplus(), (1.0 + x.exp()).ln(), "softplus");
        same((x - 2.0).abs(), 2.0 - x, "abs");
    }
    let (a, b) = (Jet2::variable(1.0), Jet2::constant(1.0));
    assert_eq!((a.max(b), b.max(a), a.min(b)), (a, b, a), "the first wins a tie");
    assert_eq!(Jet2::variable(0.0).powi(1), Jet2::variable(0.0));
}

#[test]
fn custom_functions_agree_with_the_built_in() {
    let s = |z: f64| 1.0 / (1.0 + (-z).exp());
    let closures = Custom::from_closures(
        "swish",
        move |z| z * s(z),
        move |z| s(z) * (1.0 + z * s(-z)),
        move |z| s(z) * s(-z) * (2.0 + z * (s(-z) - s(z))),
    );
    let jet = Custom::from_jet("swish", |z| z * z.sigmoid());
    for custom in [Custom(closures.clone()), Custom(jet.clone())] {
        assert_eq!((custom.name(), custom.is_curved(), custom.is_affine()), ("swish", true, false));
        let z: Vec<f64> = (-30..30).map(|k| 0.21 * f64::from(k)).collect();
        let (got, want) = (slices(&custom, &z), slices(&Silu, &z));
        for k in 0..z.len() {
            let at = |v: &[Vec<f64>; 3]| [v[0][k], v[1][k], v[2][k]];
            assert_close(at(&got), at(&want), 1e-13, 1e-14, &format!("{custom:?} at {}", z[k]));
        }
    }
    assert_eq!(format!("{closures:?}"), "Custom(\"swish\")");
    assert!(closures == closures.clone() && closures != jet && jet == jet.clone());

    let flat = Custom(jet.clone().piecewise_linear());
    assert!(!flat.is_curved() && flat != Custom(jet));
    assert_eq!(flat.eval(0.0), [0.0, 0.5, 0.0]);
}

/// The three results from the sweep of all three, after checking that the shorter sweeps agree with it.
fn slices<T: Scalar>(activation: &Activation, z: &[T]) -> [Vec<T>; 3] {
    let bits = |v: &[T]| v.iter().map(|&x| x.to_f64().to_bits()).collect::<Vec<_>>();
    let [mut a, mut b, mut c, mut a1, mut b1, mut a0] = [(); 6].map(|()| vec![T::zero(); z.len()]);
    activation.eval_slice_second(z, &mut a, &mut b, &mut c);
    activation.eval_slice_first(z, &mut a1, &mut b1);
    activation.eval_slice(z, &mut a0);
    assert_eq!((bits(&a), bits(&b)), (bits(&a1), bits(&b1)), "{activation:?}: first");
    assert_eq!(bits(&a), bits(&a0), "{activation:?}: value");
    [a, b, c]
}
