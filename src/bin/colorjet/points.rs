//! Where to differentiate: one point or a batch, from an `.npy` file.

use crate::failure::Failure;
use colorjet::{Network, Scalar, numpy};
use ndarray::Array2;
use std::path::Path;

/// Points, the rows of a matrix.
pub struct Points {
    /// points × n.
    pub rows: Array2<f64>,
    /// The file holds a single point without an axis for points, and results have none either.
    pub single: bool,
}

impl Points {
    /// Reads points for the network.
    ///
    /// An array of shape (n), or of the shape of the network's input if it has only one, is one point; with one
    /// more axis in front it is a batch. What could be either is one point. If n = 1, a list is a batch too.
    pub fn read(path: &Path, net: &Network) -> Result<Self, Failure> {
        let array = numpy::read(path)?;
        let n = net.inputs();
        let mut shapes = vec![vec![n]];
        if let &[input] = net.input_layers()
            && net.layer(input).shape() != [n]
        {
            shapes.push(net.layer(input).shape().to_vec());
        }
        let shape = array.shape().to_vec();
        let single = shapes.contains(&shape) || (n == 1 && shape.is_empty());
        let batch = shape.split_first().is_some_and(|(_, rest)| shapes.iter().any(|s| s == rest))
            || (n == 1 && shape.len() == 1);
        if !single && !batch {
            let expected: Vec<String> = shapes.iter().map(|s| format!("{s:?}")).collect();
            let batches: Vec<String> = expected.iter().map(|s| s.replacen('[', "[B, ", 1)).collect();
            return Err(Failure::Refused(format!(
                "in file {:?}: its shape is {shape:?}; expected is one point, {}, or a batch of B points, {}",
                path.display().to_string(),
                expected.join(" or "),
                batches.join(" or "),
            )));
        }
        let points = if single { 1 } else { shape[0] };
        // In C order, whatever the file's.
        let numbers = if array.is_standard_layout() {
            array.into_raw_vec_and_offset().0
        } else {
            array.iter().copied().collect()
        };
        let rows = Array2::from_shape_vec((points, n), numbers).expect("as many numbers as the shape says");
        Ok(Points { rows, single })
    }

    /// The points in another precision.
    pub fn cast<T: Scalar>(&self) -> Array2<T> {
        self.rows.mapv(T::from_f64)
    }
}
