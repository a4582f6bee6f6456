//! [`Buffer`]: numbers that begin where a line of the cache begins.
//!
//! A vector of the widest instructions fills a line. What the allocator returns for large sizes begins 16 bytes behind
//! a line, so that every load and store of a vector would touch two; batches would be carried up to a fifth slower.

use num_traits::Zero;
use std::ops::{Deref, DerefMut};

/// Bytes of a line, and of the widest vectors.
const LINE: usize = 64;

/// A list of numbers, aligned.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    /// The numbers, and room for the begin.
    numbers: Vec<T>,
    start: usize,
    len: usize,
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Buffer { numbers: Vec::new(), start: 0, len: 0 }
    }
}

impl<T: Copy + Zero> Buffer<T> {
    /// Makes it so long; allocates only if it has never been as long, and then it is all zero. Otherwise it holds what it held,
    /// or held once.
    pub(crate) fn resize(&mut self, len: usize) {
        let room = LINE / size_of::<T>() - 1;
        if len > 0 && self.numbers.len() < len + room {
            // Old numbers need not be copied.
            self.numbers = Vec::new();
            self.numbers = vec![T::zero(); len + room];
            self.start = self.numbers.as_ptr().align_offset(LINE).min(room);
        }
        self.len = len;
    }

    /// Makes it at least so long.
    pub(crate) fn fit(&mut self, len: usize) {
        if self.len < len {
            self.resize(len);
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.numbers[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.numbers[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of any length, after any other.
    #[test]
    fn buffers_begin_with_a_line() {
        let mut buffer = Buffer::<f32>::default();
        for len in [0, 1, 1000, 3, 100_000, 0, 100_001] {
            buffer.resize(len);
            assert_eq!(buffer.len(), len);
            assert!(len == 0 || buffer.as_ptr().addr().is_multiple_of(LINE));
        }
        assert!(buffer.iter().all(|&v| v == 0.0));
        buffer.fit(5);
        assert_eq!(buffer.len(), 100_001);
    }
}
