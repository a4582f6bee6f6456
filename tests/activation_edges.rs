//! The elementwise functions at their edges: kinks, tails, infinities, NaN, odd parameters; and slices of
//! any length, which give the bits of single points.

use colorjet::Activation::{self, *};
use colorjet::{Custom, ErrorKind, Kind, Network, Scalar};

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

#[test]
fn what_is_finite_everywhere_is_so_at_the_ends_of_all_numbers() {
    fn check<T: Scalar + std::fmt::Debug>(activation: &Activation, ends: [T; 2]) {
        let [least, most] = ends;
        let mut z = vec![T::zero()];
        let mut size = least;
        while size.is_finite() {
            z.extend([size, -size]);
            size *= T::from_f64(1.5);
        }
        z.extend([most, -most]);
        let mut numbers = vec![T::zero(); 3 * z.len()];
        let (value, rest) = numbers.split_at_mut(z.len());
        let (first, second) = rest.split_at_mut(z.len());
        activation.eval_slice_second(&z, value, first, second);
        assert!(numbers.iter().all(|n| n.is_finite()), "{}", activation.name());
    }
    let finite: Vec<_> = all().into_iter().filter(Activation::is_finite_everywhere).collect();
    assert!(finite.len() >= 10);
    for activation in &finite {
        check(activation, [f64::MIN_POSITIVE, f64::MAX]);
        check(activation, [f32::MIN_POSITIVE, f32::MAX]);
    }
}

#[test]
fn kinks_follow_the_documented_convention() {
    for zero in [0.0f64, -0.0] {
        assert_eq!(Relu.eval(zero), [0.0, 0.0, 0.0]);
        assert_eq!(LeakyRelu { alpha: 0.1 }.eval(zero), [0.0, 0.1, 0.0]);
        assert_eq!(Prelu { slope: vec![0.3] }.eval(zero), [0.0, 0.3, 0.0]);
        assert_eq!(Abs.eval(zero), [0.0, 0.0, 0.0]);
        assert_eq!(Step.eval(zero), [0.0; 3]);
        assert_eq!(Elu { alpha: 1.5 }.eval(zero), [0.0, 1.5, 1.5]);
        assert_eq!(Celu { alpha: 2.0 }.eval(zero), [0.0, 1.0, 0.5]);
        assert_eq!(Softsign.eval(zero), [0.0, 1.0, 0.0]);
        assert_eq!(ThresholdedRelu { alpha: 0.0 }.eval(zero), [0.0; 3]);
        assert_eq!(Shrink { lambda: 0.0, bias: 0.5 }.eval(zero), [0.0; 3]);
        assert_eq!(Clip { low: 0.0, high: 6.0 }.eval(zero), Relu.eval(zero));
        let [_, slope, curve] = Selu.eval(zero);
        assert_eq!((slope, curve), (1.0507009873554805 * 1.6732632423543772, slope));
    }
}

#[test]
fn bounds_and_thresholds_belong_to_the_flat_side() {
    let (below, above) = (|x: f64| x.next_down(), |x: f64| x.next_up());
    let clip = Clip { low: -1.5, high: 6.0 };
    assert_eq!([-1.5, below(-1.5), f64::MIN].map(|z| clip.eval(z)), [[-1.5, 0.0, 0.0]; 3]);
    assert_eq!([6.0, above(6.0), f64::MAX].map(|z| clip.eval(z)), [[6.0, 0.0, 0.0]; 3]);
    for z in [above(-1.5), -0.0, 5e-324, below(6.0)] {
        assert_eq!(clip.eval(z), [z, 1.0, 0.0]);
    }
    let [none, all] = [f64::NEG_INFINITY, f64::INFINITY];
    for z in [f64::MIN, -5e-324, 0.0, f64::MAX] {
        assert_eq!(Clip { low: none, high: all }.eval(z), [z, 1.0, 0.0]);
        assert_eq!(Clip { low: 0.0, high: all }.eval(z), Relu.eval(z));
        assert_eq!(Clip { low: 0.25, high: 0.25 }.eval(z), [0.25, 0.0, 0.0]);
    }
    assert_eq!(Clip { low: none, high: 2.0 }.eval(none), [none, 0.0, 0.0]);

    // The value jumps here, and the derivatives are those of the left.
    let jump = ThresholdedRelu { alpha: -2.0 };
    assert_eq!([-2.0, f64::MIN].map(|z| jump.eval(z)), [[0.0; 3]; 2]);
    assert_eq!(jump.eval(above(-2.0)), [above(-2.0), 1.0, 0.0]);

    let shrink = Shrink { lambda: 0.5, bias: 0.25 };
    assert_eq!([-0.5, -0.0, 5e-324, 0.5].map(|z| shrink.eval(z)), [[0.0; 3]; 4]);
    assert_eq!(shrink.eval(above(0.5)), [above(0.5) - 0.25, 1.0, 0.0]);
    assert_eq!(shrink.eval(below(-0.5)), [below(-0.5) + 0.25, 1.0, 0.0]);
    // In single precision at the rounded bounds.
    assert_eq!(Clip { low: 0.1, high: 0.7 }.eval(0.7f32), [0.7, 0.0, 0.0]);
}

/// From mpmath at 700 digits: ends of domains, poles, the smallest and the largest numbers.
#[test]
fn ends_and_poles_keep_their_digits() {
    use std::f64::consts::{FRAC_PI_2, PI};
    let table: [(Activation, f64, [f64; 3]); 30] = [
        (Tan, FRAC_PI_2, [1.633123935319537e16, 2.667093788113571e32, 8.711389406220653e48]),
        (Tan, -17.27875959474386, [-408177829935557.06, 1.6660914085090052e29, -1.360123151198963e44]),
        (Tan, PI, [-1.2246467991473532e-16, 1.0, -2.4492935982947064e-16]),
        (Tan, 1e300, [1.4214488238747245, 3.0205167588948374, 8.587019988849923]),
        (Tan, 1e-300, [1e-300, 1.0, 2e-300]),
        (Asin, 0.9999999999999999, [1.5707963118937354, 67108864.0, 3.022314549036573e23]),
        (Asin, -1e-300, [-1e-300, 1.0, -1e-300]),
        (Acos, 0.9999999999999999, [1.4901161193847656e-08, -67108864.0, -3.022314549036573e23]),
        (Acos, -0.9999999999999999, [3.141592638688632, -67108864.0, 3.022314549036573e23]),
        (Acos, 0.0, [FRAC_PI_2, -1.0, 0.0]),
        (Atan, 1e100, [FRAC_PI_2, 1e-200, -2e-300]),
        (Atan, -1e150, [-FRAC_PI_2, 1e-300, 0.0]),
        (Atan, 1e200, [FRAC_PI_2, 0.0, 0.0]),
        (Atan, 1e-200, [1e-200, 1.0, -2e-200]),
        (Sinh, 710.4, [1.6663642832806496e308, 1.6663642832806496e308, 1.6663642832806496e308]),
        (Sinh, -1e-300, [-1e-300, 1.0, -1e-300]),
        (Cosh, -710.4, [1.6663642832806496e308, -1.6663642832806496e308, 1.6663642832806496e308]),
        (Cosh, 1e-200, [1.0, 1e-200, 1.0]),
        (Asinh, 1e100, [230.95165647996453, 1e-100, -1e-200]),
        (Asinh, -1e150, [-346.0809111296668, 1e-150, 1e-300]),
        (Asinh, 1e200, [461.2101657793691, 1e-200, 0.0]),
        (Asinh, 1.7e308, [710.4199840737882, 5.88235294117647e-309, 0.0]),
        (Asinh, -1e-200, [-1e-200, 1.0, 1e-200]),
        (Acosh, 1.0000000000000002, [2.1073424255447014e-08, 47453132.81212577, -1.0685495562512616e23]),
        (Acosh, 1e100, [230.95165647996453, 1e-100, -1e-200]),
        (Acosh, 1e200, [461.2101657793691, 1e-200, 0.0]),
        (Acosh, 1.7e308, [710.4199840737882, 5.88235294117647e-309, 0.0]),
        (Atanh, 0.9999999999999999, [18.714973875118524, 4503599627370496.0, 4.056481920730334e31]),
        (Atanh, -0.9999999999999999, [-18.714973875118524, 4503599627370496.0, -4.056481920730334e31]),
        (Atanh, 1e-300, [1e-300, 1.0, 2e-300]),
    ];
    for (activation, z, want) in table {
        let got = activation.eval(z);
        for (k, (got, want)) in got.into_iter().zip(want).enumerate() {
            let bound = 2e-15 * want.abs() + 1e-322;
            assert!((got - want).abs() <= bound, "{activation:?} at {z:e}, derivative {k}: {got:e}, not {want:e}");
        }
    }
}

#[test]
fn domains_end_in_infinite_slopes_and_then_nan() {
    let all = f64::INFINITY;
    assert_eq!(Asin.eval(1.0)[1..], [all, all]);
    assert_eq!(Asin.eval(-1.0)[1..], [all, -all]);
    assert_eq!(Acos.eval(1.0), [0.0, -all, -all]);
    assert_eq!(Acosh.eval(1.0), [0.0, all, -all]);
    assert_eq!(Atanh.eval(1.0), [all, all, all]);
    assert_eq!(Atanh.eval(-1.0), [-all, all, -all]);
    for (activation, outside) in [(Asin, 1.0f64), (Acos, 1.0), (Atanh, 1.0), (Acosh, -1.0)] {
        for z in [outside.next_up(), outside * 3.0, outside * all] {
            assert!(activation.eval(z)[0].is_nan(), "{activation:?} at {z}");
            assert!(activation.eval(-3.0f32)[0].is_nan(), "{activation:?}");
        }
    }
    assert!(Acosh.eval(1.0f64.next_down())[0].is_nan());
    // They overflow only where the true value does.
    assert_eq!(Sinh.eval(-711.0), [-all, all, -all]);
    assert_eq!(Cosh.eval(-711.0), [all, -all, all]);
    assert!(Cosh.eval(89.3f32).iter().all(|v| v.is_finite()) && Cosh.eval(89.5f32) == [f32::INFINITY; 3]);
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
            // Fewer results are the same ones.
            let z = &points[start..start + length];
            let [mut value, mut first, mut slope] = [(); 3].map(|()| vec![T::zero(); length]);
            activation.eval_slice(z, &mut value);
            activation.eval_slice_first(z, &mut first, &mut slope);
            for (fewer, all) in [(value, &a), (first, &a), (slope, &b)] {
                assert!(fewer.iter().zip(all).all(|(&x, &y)| bits(x) == bits(y)), "{activation:?}, {start}, {length}");
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
    let grows = matches!(activation, Exp | Sinh | Cosh | Square | Powi(_) | Powf(_) | Reciprocal);
    !grows && !matches!(activation, Log | Sqrt | Asin | Acos | Acosh | Atanh)
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
    assert_eq!(Atan.eval(minus), [-std::f64::consts::FRAC_PI_2, 0.0, 0.0]);
    assert_eq!(Asinh.eval(minus), [minus, 0.0, 0.0]);
    assert_eq!(Acosh.eval(plus), [plus, 0.0, 0.0]);
    assert_eq!(Sinh.eval(minus), [minus, plus, minus]);
    assert_eq!(Cosh.eval(minus), [plus, minus, plus]);
    assert_eq!(Clip { low: -1.0, high: 2.0 }.eval(plus), [2.0, 0.0, 0.0]);
    assert_eq!(Shrink { lambda: 1.0, bias: 1.0 }.eval(minus), [minus, 1.0, 0.0]);
    assert_eq!(Exp.eval(minus), [0.0; 3]);
    assert_eq!(Exp.eval(1e3), [plus; 3]);
}

/// Where the exponential is lost beside 1, the value is 1 and not the number before it, wherever the rest of the
/// argument lies.
#[test]
fn saturated_values_are_exact() {
    for step in 0..4000 {
        let z = 19.5 + 0.1 * f64::from(step);
        assert_eq!([Tanh.eval(z)[0], Tanh.eval(-z)[0], Sigmoid.eval(2.0 * z)[0]], [1.0, -1.0, 1.0], "{z}");
        let z = (0.47 * z) as f32;
        assert_eq!([Tanh.eval(z)[0], Tanh.eval(-z)[0], Sigmoid.eval(2.0 * z)[0]], [1.0, -1.0, 1.0], "{z}");
    }
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
        let [value, slope, curve] = slices(&activation, &z);
        let curved = curve.iter().any(|&c| c != 0.0);
        assert_eq!(activation.is_curved(), curved, "{activation:?}");
        let on_line = |(z_k, v_k): (&f64, &f64)| (value[0] + slope[0] * (z_k - z[0]) - v_k).abs() < 1e-12;
        let affine = !curved && z.iter().zip(&value).all(on_line);
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
    assert_eq!(kind(Clip { low: f64::NAN, high: 1.0 }), ErrorKind::NonFinite);
    assert_eq!(kind(Clip { low: 1.0, high: f64::NAN }), ErrorKind::NonFinite);
    assert_eq!(kind(Clip { low: f64::INFINITY, high: f64::INFINITY }), ErrorKind::NonFinite);
    assert_eq!(kind(Clip { low: -1.0, high: f64::NEG_INFINITY }), ErrorKind::NonFinite);
    assert_eq!(kind(Clip { low: 1.0, high: 0.5 }), ErrorKind::InvalidParameter);
    assert!(Clip { low: f64::NEG_INFINITY, high: f64::INFINITY }.validate().is_ok());
    assert!(Clip { low: 1.0, high: 1.0 }.validate().is_ok());
    assert_eq!(kind(ThresholdedRelu { alpha: f64::INFINITY }), ErrorKind::NonFinite);
    assert_eq!(kind(Shrink { lambda: -0.5, bias: 0.0 }), ErrorKind::InvalidParameter);
    assert_eq!(kind(Shrink { lambda: f64::NAN, bias: 0.0 }), ErrorKind::NonFinite);
    assert_eq!(kind(Shrink { lambda: 0.5, bias: f64::INFINITY }), ErrorKind::NonFinite);
    let text = Celu { alpha: f64::NAN }.validate().unwrap_err().to_string();
    assert_eq!(text, "celu has the alpha NaN");
}

#[test]
fn files_keep_the_function_and_its_parameters() {
    let more = [
        Clip { low: f64::NEG_INFINITY, high: -0.1 },
        Clip { low: f64::NEG_INFINITY, high: f64::INFINITY },
        Shrink { lambda: 0.0, bias: -1.5 },
        ThresholdedRelu { alpha: -3e-7 },
    ];
    // Numbers of 17 digits, which come back to the last bit.
    let long = (1..200).map(|k| Elu { alpha: f64::from(k).sqrt().exp() });
    for activation in all().into_iter().chain(more).chain(long).filter(|a| !matches!(a, Custom(_))) {
        let net = Network::chain([2]).activation(activation.clone()).build().unwrap();
        let again = Network::from_bytes(&net.to_bytes().unwrap()).unwrap();
        assert_eq!(again.structure(), net.structure());
        let (_, layer) = again.layers().last().unwrap();
        let Kind::Elementwise(layer) = layer.kind() else { panic!("{activation:?} is elementwise") };
        assert_eq!(*layer.activation(), activation);
    }
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
        Clip { low: f64::NAN, high: f64::NAN },
        Clip { low: 1.0, high: -1.0 },
        ThresholdedRelu { alpha: f64::NAN },
        Shrink { lambda: -1.0, bias: f64::NAN },
    ];
    for activation in odd {
        for z in [f64::NEG_INFINITY, f64::MIN, -1.0, -0.0, 0.0, 2.0, f64::MAX, f64::INFINITY, f64::NAN] {
            let _ = (activation.eval(z), activation.eval(z as f32));
        }
    }
    // A negative alpha grows on the left; large but finite there, and infinite without NaN beyond.
    assert_eq!(Celu { alpha: -1.0 }.eval(-1e3f64), [f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY]);
}
