//! Work on the rows of a block in fixed pieces, by one thread or by many.

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
