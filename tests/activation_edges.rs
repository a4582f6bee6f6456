//! The elementwise functions at their edges: kinks, tails, infinities, NaN, odd parameters; and slices of
//! any length, which give the bits of single points.

use colorjet::Activation::{self, *};
use colorjet::{Custom, ErrorKind, Scalar};

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
        Custom(Custom::from_jet("swish", |z| z * z.sigmoid())),
    ]
}

#[test]
fn kinks_follow_the_documented_convention() {
    for zero in [0.0f64, -0.0] {
        assert_eq!(Relu.eval(zero), [0.0, 0.0, 0.0]);
        assert_eq!(LeakyRelu { alpha: 0.1 }.eval(zero), [0.0, 0.1, 0.0]);
        assert_eq!(Prelu { slope: vec![0.3] }.eval(zero), [0.0, 0.3, 0.0]);
        assert_eq!(Abs.eval(zero), [0.0, 0.0, 0.0]);
        assert_eq!(Elu { alpha: 1.5 }.eval(zero), [0.0, 1.5, 1.5]);
        assert_eq!(Celu { alpha: 2.0 }.eval(zero), [0.0, 1.0, 0.5]);
        assert_eq!(Softsign.eval(zero), [0.0, 1.0, 0.0]);
        let [_, slope, curve] = Selu.eval(zero);
        assert_eq!((slope, curve), (1.0507009873554805 * 1.6732632423543772, slope));
    }
}

fn bits_do_not_depend_on_the_place<T: Scalar>() {
    let points: Vec<T> = (0..80)
        .map(|k| match k {
            7 => 3e6, // beyond the reach of the vectorized sine
            20 => -1e9,
            33 => 0.0,
            50 => -400.0,
            _ => 6.0 * (1.7 * f64::from(k)).sin(),
        })
        .map(|z| T::from(z).unwrap())
        .collect();
    let bits = |x: T| {
        if x.is_nan() { 0 } else { x.to_f64().to_bits() }
    };
    for activation in all() {
        let alone: Vec<[T; 3]> = points.iter().map(|&z| activation.eval(z)).collect();
        for (start, length) in (0..40).map(|k| (k % 11, k)).chain([(0, 80), (3, 77), (5, 0)]) {
            let [a, b, c] = slices(&activation, &points[start..start + length]);
            for k in 0..length {
                let together = [a[k], b[k], c[k]].map(bits);
                assert_eq!(together, alone[start + k].map(bits), "{activation:?} at {}", points[start + k]);
            }
        }
    }
}

fn slices<T: Scalar>(activation: &Activation, z: &[T]) -> [Vec<T>; 3] {
    let [mut a, mut b, mut c] = [(); 3].map(|()| vec![T::zero(); z.len()]);
    activation.eval_slice_second(z, &mut a, &mut b, &mut c);
    [a, b, c]
}

#[test]
fn bits_do_not_depend_on_the_place_in_double_precision() {
    bits_do_not_depend_on_the_place::<f64>();
}

#[test]
fn bits_do_not_depend_on_the_place_in_single_precision() {
    bits_do_not_depend_on_the_place::<f32>();
}

/// Functions that are finite, with both derivatives, at every finite number.
fn is_tame(activation: &Activation) -> bool {
    !matches!(activation, Exp | Log | Sqrt | Square | Powi(_) | Powf(_) | Reciprocal)
}

#[test]
fn finite_inputs_give_finite_outputs() {
    for activation in all().iter().filter(|a| is_tame(a)) {
        for magnitude in [5e-324, 1e-310, 1e-160, 20.0, 38.0, 90.0, 710.0, 745.2, 1e3, 1e17, 1e155, 1e308f64] {
            for z in [magnitude, -magnitude] {
                let got = activation.eval(z);
                assert!(got.iter().all(|v| v.is_finite()), "{activation:?} at {z:e}: {got:?}");
                let single = activation.eval((z as f32).clamp(-3e38, 3e38));
                assert!(single.iter().all(|v| v.is_finite()), "{activation:?} at {z:e}: {single:?}");
            }
        }
    }
}

#[test]
fn infinite_inputs_give_the_limits() {
    let (plus, minus) = (f64::INFINITY, f64::NEG_INFINITY);
    for activation in [Relu, Elu { alpha: 1.0 }, Softplus, Gelu, GeluTanh, Silu, Mish] {
        assert_eq!(activation.eval(plus), [plus, 1.0, 0.0], "{activation:?}");
        let left = if activation.name() == "elu" { -1.0 } else { 0.0 };
        assert_eq!(activation.eval(minus), [left, 0.0, 0.0], "{activation:?}");
    }
    for activation in [Tanh, Erf] {
        assert_eq!(activation.eval(plus), [1.0, 0.0, 0.0], "{activation:?}");
        assert_eq!(activation.eval(minus), [-1.0, 0.0, 0.0], "{activation:?}");
    }
    assert_eq!(Sigmoid.eval(minus), [0.0; 3]);
    assert_eq!(Exp.eval(minus), [0.0; 3]);
    assert_eq!(Exp.eval(1e3), [plus; 3]);
}

#[test]
fn nan_is_not_hidden() {
    for activation in all().iter().filter(|a| !matches!(a, Powi(0) | Powf(0.0))) {
        assert!(activation.eval(f64::NAN)[0].is_nan(), "{activation:?}");
        assert!(activation.eval(f32::NAN)[0].is_nan(), "{activation:?}");
    }
}

#[test]
fn curved_means_that_the_second_derivative_is_somewhere_nonzero() {
    for activation in all() {
        let z: Vec<f64> = (-20..20).map(|k| 0.3 * f64::from(k) + 0.05).collect();
        let [_, slope, curve] = slices(&activation, &z);
        let curved = curve.iter().any(|&c| c != 0.0);
        assert_eq!(activation.is_curved(), curved, "{activation:?}");
        let affine = !curved && slope.iter().all(|&s| s == slope[0]);
        assert_eq!(activation.is_affine(), affine, "{activation:?}");
    }
}

#[test]
fn validation_names_the_parameter() {
    assert!(all().iter().all(|a| a.validate().is_ok()));
    let kind = |a: Activation| a.validate().unwrap_err().kind();
    assert_eq!(kind(LeakyRelu { alpha: f64::NAN }), ErrorKind::NonFinite);
    assert_eq!(kind(Elu { alpha: f64::INFINITY }), ErrorKind::NonFinite);
    assert_eq!(kind(Powf(f64::NAN)), ErrorKind::NonFinite);
    assert_eq!(kind(Celu { alpha: 0.0 }), ErrorKind::InvalidParameter);
    assert_eq!(kind(Prelu { slope: vec![] }), ErrorKind::Empty);
    assert_eq!(kind(Prelu { slope: vec![0.1, f64::NAN] }), ErrorKind::NonFinite);
    let text = Celu { alpha: f64::NAN }.validate().unwrap_err().to_string();
    assert_eq!(text, "celu has the alpha NaN");
}

#[test]
fn odd_parameters_do_not_panic() {
    let odd = [
        Prelu { slope: vec![] },
        Celu { alpha: 0.0 },
        Celu { alpha: -1.0 },
        Celu { alpha: 1e-310 },
        Celu { alpha: 1e308 },
        Powi(i32::MIN),
        Powi(i32::MAX),
        Powf(f64::NAN),
        Elu { alpha: f64::INFINITY },
    ];
    for activation in odd {
        for z in [f64::NEG_INFINITY, f64::MIN, -1.0, -0.0, 0.0, 2.0, f64::MAX, f64::INFINITY, f64::NAN] {
            let _ = (activation.eval(z), activation.eval(z as f32));
        }
    }
    // A negative alpha grows on the left; large but finite there, and infinite without NaN beyond.
    assert_eq!(Celu { alpha: -1.0 }.eval(-1e3f64), [f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY]);
}
