//! Work in fixed pieces, by one thread or by many.

use rayon::prelude::*;
use std::ops::Range;

/// Who computes the pieces of a layer. The pieces are the same, and so are the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The calling thread.
    Here,
    /// All threads of the pool.
    Threads,
}

impl Spread {
    /// Calls `f(rows, piece)` for every piece of `chunk` rows of `width` numbers.
    pub(crate) fn rows<T: Send>(
        self,
        out: &mut [T],
        width: usize,
        chunk: usize,
        f: impl Fn(Range<usize>, &mut [T]) + Sync,
    ) {
        let call = |(k, piece): (usize, &mut [T])| {
            let rows = piece.len() / width;
            f(k * chunk..k * chunk + rows, piece);
        };
        let pieces = chunk * width;
        if self == Spread::Threads && out.len() > pieces {
            out.par_chunks_mut(pieces).enumerate().for_each(call);
        } else {
            out.chunks_mut(pieces).enumerate().for_each(call);
        }
    }
}

/// Parts of so many things, as even as whole units can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    pub(crate) all: usize,
    pub(crate) unit: usize,
    pub(crate) count: usize,
}

impl Parts {
    /// All in one.
    pub(crate) fn one(all: usize) -> Self {
        Parts { all, unit: 1, count: 1 }
    }

    /// The things of some parts that follow each other.
    pub(crate) fn of(&self, parts: Range<usize>) -> Range<usize> {
        if parts.len() == self.count {
            return 0..self.all;
        }
        let start = |part: usize| (part * self.all.div_ceil(self.unit) / self.count * self.unit).min(self.all);
        start(parts.start)..start(parts.end)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Range<usize>> {
        (0..self.count).map(move |part| self.of(part..part + 1))
    }
}
