//! Bytes as a MatrixMarket file; the structure is colored.

#![no_main]

use colorjet::Pattern;
use colorjet::coloring::{Order, Side, check_partial_distance2, partial_distance2_coloring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(pattern) = Pattern::from_matrix_market(bytes) else { return };
    if pattern.rows() + pattern.cols() > 1 << 16 {
        return;
    }
    assert_eq!(pattern.transpose().transpose(), pattern);
    for side in [Side::Columns, Side::Rows] {
        let coloring = partial_distance2_coloring(&pattern, side, Order::SmallestLast);
        assert_eq!(check_partial_distance2(&pattern, side, &coloring), Ok(()));
    }
});
