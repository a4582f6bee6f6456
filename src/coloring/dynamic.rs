//! Orders whose degrees change while vertices are placed.

use super::conflicts::Conflicts;

/// Mark of a vertex that has been placed.
const PLACED: u32 = u32::MAX;

/// The dynamic orders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dynamic {
    /// The smallest degree among the vertices not yet placed takes the last free place.
    SmallestLast,
    /// The largest number of placed neighbors takes the first free place.
    IncidenceDegree,
    /// The largest degree among the vertices not yet placed takes the first free place.
    LargestFirst,
}

/// The sequence of the vertices in a dynamic order.
///
/// Ties are broken as in ColPack: every degree has one vector of vertices, filled in natural order; the next
/// vertex is popped from its end. A vertex whose degree changes is swapped with the end of its vector, popped
/// from there and pushed to its new one.
///
/// # Complexity
/// O(work of two passes over all conflicts) time, O(n) extra space.
///
/// # References
/// Matula and Beck (1983), for smallest last; Gebremedhin, Nguyen, Patwary, Pothen (2013), section 5.
pub(super) fn dynamic_order(conflicts: &mut impl Conflicts, dynamic: Dynamic) -> Vec<u32> {
    let n = conflicts.len();
    let rising = dynamic == Dynamic::IncidenceDegree;
    let degrees = if rising { vec![0; n] } else { conflicts.degrees() };
    let mut buckets = Buckets::new(&degrees);
    let mut sequence = Vec::with_capacity(n);
    // No degree is below `low` or above `high`.
    let (mut low, mut high) = (0, buckets.vertices.len() - 1);
    for _ in 0..n {
        let (degree, v) = match dynamic {
            Dynamic::SmallestLast => (low..buckets.vertices.len()).find_map(|d| buckets.pop(d)),
            _ => (0..=high).rev().find_map(|d| buckets.pop(d)),
        }
        .expect("a vertex is placed or in a bucket");
        sequence.push(v);
        conflicts.for_each(v, |u| buckets.shift(u, rising));
        // The neighbors moved by one.
        (low, high) = (degree.saturating_sub(1), degree + 1);
    }
    if dynamic == Dynamic::SmallestLast {
        sequence.reverse();
    }
    sequence
}

/// The vertices not yet placed, by degree.
struct Buckets {
    vertices: Vec<Vec<u32>>,
    places: Vec<Place>,
}

/// Where a vertex stands: degree and position lie together, for they are read together.
#[derive(Clone, Copy)]
struct Place {
    /// Its vector, or [`PLACED`].
    degree: u32,
    /// Its index in this vector.
    position: u32,
}

impl Buckets {
    fn new(degrees: &[u32]) -> Self {
        let largest = degrees.iter().max().map_or(0, |&d| d as usize);
        let mut buckets =
            Buckets { vertices: vec![Vec::new(); largest + 1], places: Vec::with_capacity(degrees.len()) };
        for (v, &degree) in degrees.iter().enumerate() {
            let place = buckets.push(v as u32, degree);
            buckets.places.push(place);
        }
        buckets
    }

    fn push(&mut self, v: u32, degree: u32) -> Place {
        let bucket = &mut self.vertices[degree as usize];
        bucket.push(v);
        Place { degree, position: bucket.len() as u32 - 1 }
    }

    /// Places the last vertex of this degree, if there is one; the degree comes along.
    fn pop(&mut self, degree: usize) -> Option<(usize, u32)> {
        let v = self.vertices.get_mut(degree)?.pop()?;
        self.places[v as usize].degree = PLACED;
        Some((degree, v))
    }

    /// Moves `v`, unless it has been placed, to the next degree or the one before.
    fn shift(&mut self, v: u32, up: bool) {
        let Place { degree, position } = self.places[v as usize];
        if degree == PLACED {
            return;
        }
        let bucket = &mut self.vertices[degree as usize];
        bucket.swap_remove(position as usize);
        if let Some(&moved) = bucket.get(position as usize) {
            self.places[moved as usize].position = position;
        }
        let degree = if up { degree + 1 } else { degree - 1 };
        if degree as usize == self.vertices.len() {
            self.vertices.push(Vec::new());
        }
        self.places[v as usize] = self.push(v, degree);
    }
}
