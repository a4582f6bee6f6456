//! [`Windows`]: the arrays of neighboring numbers in a slice.

/// All arrays of `V` consecutive numbers of a slice, of which one is had after a single comparison.
///
/// A range of a slice takes two, for its beginning and for its end, and in a loop of ten multiplications they are a
/// quarter of all instructions. Where `last` is told from the length once, the compiler sees that one is enough.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a, T, const V: usize> {
    numbers: &'a [T],
    /// Where the last one begins.
    last: usize,
}

impl<'a, T, const V: usize> Windows<'a, T, V> {
    /// Panics if there are fewer than `V` numbers.
    #[inline(always)]
    pub(crate) fn new(numbers: &'a [T]) -> Self {
        Windows { numbers, last: numbers.len().checked_sub(V).expect("as many numbers as a window has") }
    }

    /// The one that begins at number `at`; panics if its end is not in the slice.
    #[inline(always)]
    pub(crate) fn at(self, at: usize) -> &'a [T; V] {
        assert!(at <= self.last, "a window within the slice");
        self.numbers[at..].first_chunk().expect("no window begins after the last")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn windows_are_those_of_the_definition() {
        let numbers: Vec<usize> = (10..17).collect();
        fn check<const V: usize>(numbers: &[usize]) {
            for at in 0..9 {
                let found = catch_unwind(|| Windows::<_, V>::new(numbers).at(at));
                match numbers.get(at..at + V) {
                    Some(window) => assert_eq!(found.expect("it is within"), window),
                    None => assert!(found.is_err(), "{V} numbers at {at}"),
                }
            }
        }
        check::<1>(&numbers);
        check::<3>(&numbers);
        check::<7>(&numbers);
        check::<8>(&numbers);
        check::<1>(&[]);
    }
}
