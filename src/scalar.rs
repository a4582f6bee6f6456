//! [`Scalar`]: the two precisions, and the dispatch to the vector instructions of the machine.

/// The numbers that a network computes in: `f32` or `f64`.
///
/// Sealed: the kernels rely on IEEE arithmetic of 32 or 64 bits.
pub trait Scalar: ndarray::NdFloat + faer::traits::RealField + Default + bytemuck::Pod + sealed::Sealed {
    /// The name used in files and messages.
    const NAME: &'static str;

    /// Rounds to the nearest number of this precision.
    fn from_f64(value: f64) -> Self;

    /// Exact.
    fn to_f64(self) -> f64;
}

impl Scalar for f64 {
    const NAME: &'static str = "f64";
    fn from_f64(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
}

impl Scalar for f32 {
    const NAME: &'static str = "f32";
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn to_f64(self) -> f64 {
        self.into()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Runs `kernel` compiled for the widest vector instructions that this machine has, found at run time.
///
/// Everything that `kernel` calls must be `#[inline(always)]`, or it is compiled for the baseline.
#[inline(always)]
pub(crate) fn vectorized<R>(kernel: impl FnOnce() -> R) -> R {
    vectorized_within(
        #[inline(always)]
        |_| kernel(),
    )
}

/// The same for a kernel that keeps sums in registers, and must know how many fit.
#[inline(always)]
pub(crate) fn vectorized_within<R>(kernel: impl FnOnce(Registers) -> R) -> R {
    struct Kernel<F>(F);
    impl<R, F: FnOnce(Registers) -> R> pulp::WithSimd for Kernel<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            // A constant by now: what is not for this machine is not compiled for it.
            let large = S::REGISTER_COUNT * S::F64_LANES >= 256;
            self.0(if large { Registers::Large } else { Registers::Small })
        }
    }
    pulp::Arch::new().dispatch(Kernel(kernel))
}

/// What the vector registers of a core hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registers {
    /// 32 of 512 bits: 256 numbers of f64.
    Large,
    /// 16 of 256 bits, 64 numbers of f64, or what else there is.
    Small,
}

impl Registers {
    /// All of them, for tests of kernels.
    #[cfg(test)]
    pub(crate) const ALL: [Registers; 2] = [Registers::Large, Registers::Small];

    /// Those of this machine.
    pub(crate) fn here() -> Self {
        vectorized_within(
            #[inline(always)]
            |registers| registers,
        )
    }

    /// Numbers of a type in one of them.
    pub(crate) const fn vector<T>(self) -> usize {
        match self {
            Registers::Large => vector::<T>(),
            Registers::Small => vector::<T>() / 2,
        }
    }

    /// How many numbers of a type they hold.
    #[inline(always)]
    pub(crate) const fn numbers<T>(self) -> usize {
        let bytes = match self {
            Registers::Large => 32 * 64,
            Registers::Small => 16 * 32,
        };
        bytes / size_of::<T>()
    }
}

/// Numbers of the largest vectors: 8 of `f64`, 16 of `f32`.
pub(crate) const fn vector<T>() -> usize {
    64 / size_of::<T>()
}

/// `sum += w · from`. The sum is copied out and back, or the compiler splits it into single numbers.
#[inline(always)]
pub(crate) fn add_product<T: Scalar, const V: usize>(sum: &mut [T; V], w: T, from: &[T; V]) {
    let mut new = *sum;
    for (n, &f) in new.iter_mut().zip(from) {
        *n = f.mul_add(w, *n);
    }
    *sum = new;
}

/// `sum += w · from`, number by number.
#[inline(always)]
pub(crate) fn add_products<T: Scalar, const V: usize>(sum: &mut [T; V], weights: &[T; V], from: &[T; V]) {
    let mut new = *sum;
    for (n, (&w, &f)) in new.iter_mut().zip(weights.iter().zip(from)) {
        *n = f.mul_add(w, *n);
    }
    *sum = new;
}

/// The index and value of the first number that is not finite.
pub(crate) fn first_non_finite<T: Scalar>(numbers: &[T]) -> Option<(usize, T)> {
    const BLOCK: usize = 512;
    // Whole blocks first.
    let sound = vectorized(
        #[inline(always)]
        || {
            let mut sound = 0;
            for block in numbers.chunks(BLOCK) {
                if !all_finite(block) {
                    break;
                }
                sound += block.len();
            }
            sound
        },
    );
    let k = sound + numbers[sound..].iter().position(|v| !v.is_finite())?;
    Some((k, numbers[k]))
}

/// Whether all numbers are finite, without a branch for each.
#[inline(always)]
fn all_finite<T: Scalar>(numbers: &[T]) -> bool {
    let mut finite = true;
    for &v in numbers {
        finite &= v.is_finite();
    }
    finite
}

/// Numbers from -0.4 to 0.6, neither regular nor drawn, for tests of kernels.
#[cfg(test)]
pub(crate) fn test_number(k: usize) -> f64 {
    ((k * 37 + 11) % 23) as f64 / 23.0 - 0.4
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of two, in lists of any number of blocks, in both precisions.
    #[test]
    fn the_first_that_is_not_finite_is_found() {
        fn check<T: Scalar>() {
            for len in [0, 1, 17, 511, 512, 513, 1500] {
                let sound: Vec<T> = (0..len).map(|k| T::from_f64(test_number(k) * 1e30)).collect();
                assert!(first_non_finite(&sound).is_none());
                for at in (0..len).step_by(7).chain(len.checked_sub(1)) {
                    for value in [T::nan(), T::infinity(), T::neg_infinity()] {
                        let mut numbers = sound.clone();
                        numbers[len - 1] = T::infinity();
                        numbers[at] = value;
                        let (found, what) = first_non_finite(&numbers).expect("there is one");
                        assert!(found == at && (what == value || what.is_nan() && value.is_nan()), "{found}, not {at}");
                    }
                }
            }
        }
        check::<f64>();
        check::<f32>();
    }
}
