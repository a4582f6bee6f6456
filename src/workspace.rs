//! [`Workspace`]: the memory of a run, kept for the next one.

use crate::buffer::Buffer;
use crate::cost::Passes;
use crate::rotation::RotationSpace;
use crate::tape::Tape;
use crate::tiles::Space;
use crate::vectors::Scratch;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Memory of a run, to be used again: after the first run with it nothing is allocated.
#[derive(Debug)]
pub struct Workspace<T> {
    pub(crate) points: Mutex<Vec<PointSpace<T>>>,
    pub(crate) lanes: Mutex<Vec<LaneSpace<T>>>,
    /// Weights for rotated inputs, for each call that is under way.
    pub(crate) rotated: Mutex<Vec<RotationSpace<T>>>,
    passes: Mutex<Passes>,
    watcher: Watcher,
}

/// Told how many points are done, after every block of them.
struct Watcher(Box<dyn Fn(usize) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl<T> Default for Workspace<T> {
    fn default() -> Self {
        Self::watched(|_| ())
    }
}

impl<T> Workspace<T> {
    /// Empty; the first run makes it as large as it must be.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty; whenever a run has finished some points it calls `watcher` with their number, from any of its threads.
    pub fn watched(watcher: impl Fn(usize) + Send + Sync + 'static) -> Self {
        Workspace {
            points: Mutex::default(),
            lanes: Mutex::default(),
            rotated: Mutex::default(),
            passes: Mutex::default(),
            watcher: Watcher(Box::new(watcher)),
        }
    }

    /// Sweeps made so far, counted where they are made.
    pub fn passes(&self) -> Passes {
        *lock(&self.passes)
    }

    pub(crate) fn count(&self, passes: Passes) {
        *lock(&self.passes) += passes;
    }

    pub(crate) fn finished(&self, points: usize) {
        (self.watcher.0)(points);
    }
}

/// What a block of samples needs, whatever the number of its lanes.
#[derive(Debug)]
pub(crate) struct PointSpace<T> {
    pub(crate) tape: Tape<T>,
    /// Carried beside the values.
    pub(crate) tangents: Vec<Buffer<T>>,
    pub(crate) adjoints: Vec<Buffer<T>>,
    pub(crate) packed: Vec<Packed<T>>,
}

/// Entries that one task found, before they are put in order.
#[derive(Debug)]
pub(crate) struct Packed<T> {
    pub(crate) value: Vec<T>,
    pub(crate) jacobian: Vec<T>,
    pub(crate) diagonal: Vec<T>,
    /// What it carried beside the adjoints.
    pub(crate) tangents: Vec<Buffer<T>>,
    /// Whether these wait for adjoints.
    pub(crate) waits: bool,
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Packed { value: Vec::new(), jacobian: Vec::new(), diagonal: Vec::new(), tangents: Vec::new(), waits: false }
    }
}

impl<T> Packed<T> {
    /// Those of value, Jacobian and second order.
    pub(crate) fn parts(&mut self) -> [&mut [T]; 3] {
        [&mut self.value, &mut self.jacobian, &mut self.diagonal]
    }
}

impl<T> Default for PointSpace<T> {
    fn default() -> Self {
        PointSpace { tape: Tape::default(), tangents: Vec::new(), adjoints: Vec::new(), packed: Vec::new() }
    }
}

/// What a block of lanes needs.
#[derive(Debug)]
pub(crate) struct LaneSpace<T> {
    pub(crate) forward: Vec<Buffer<T>>,
    pub(crate) reverse: Vec<Buffer<T>>,
    pub(crate) sums: Buffer<T>,
    pub(crate) tiles: Space<T>,
    pub(crate) packed: Packed<T>,
    pub(crate) scratch: Scratch<T>,
}

impl<T> Default for LaneSpace<T> {
    fn default() -> Self {
        LaneSpace {
            forward: Vec::new(),
            reverse: Vec::new(),
            sums: Buffer::default(),
            tiles: Space::default(),
            packed: Packed::default(),
            scratch: Scratch::default(),
        }
    }
}

/// A panic elsewhere cannot leave a pool of buffers in a bad state.
pub(crate) fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a space from the pool for the time of a call.
pub(crate) fn lend<S: Default, R>(pool: &Mutex<Vec<S>>, f: impl FnOnce(&mut S) -> R) -> R {
    let taken = lock(pool).pop();
    let mut space = taken.unwrap_or_default();
    let result = f(&mut space);
    lock(pool).push(space);
    result
}
