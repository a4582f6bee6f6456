//! [`Custom`]: an activation written by the user.

use crate::dual::Jet2;
use std::fmt;
use std::sync::Arc;

type Function = dyn Fn(f64) -> f64 + Send + Sync;
type Jet = dyn Fn(Jet2) -> Jet2 + Send + Sync;

/// An activation that the caller brings, computed in `f64` also where the network is `f32`.
///
/// ```
/// use colorjet::{Activation, Custom, Jet2};
/// let jet = Custom::from_jet("swish", |z: Jet2| z * z.sigmoid());
/// let [_, slope, _] = Activation::Custom(jet).eval(0.0f64);
/// assert_eq!(slope, 0.5);
/// ```
#[derive(Clone)]
pub struct Custom {
    name: Arc<str>,
    rule: Rule,
    curved: bool,
}

#[derive(Clone)]
enum Rule {
    Closures { value: Arc<Function>, first: Arc<Function>, second: Arc<Function> },
    Jet(Arc<Jet>),
}

impl Custom {
    /// From the function and its two derivatives. They are trusted, not checked.
    pub fn from_closures(
        name: impl Into<String>,
        value: impl Fn(f64) -> f64 + Send + Sync + 'static,
        first: impl Fn(f64) -> f64 + Send + Sync + 'static,
        second: impl Fn(f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        let (value, first, second) = (Arc::new(value), Arc::new(first), Arc::new(second));
        Self::new(name, Rule::Closures { value, first, second })
    }

    /// From the function alone, written for second-order dual numbers.
    pub fn from_jet(name: impl Into<String>, function: impl Fn(Jet2) -> Jet2 + Send + Sync + 'static) -> Self {
        Self::new(name, Rule::Jet(Arc::new(function)))
    }

    fn new(name: impl Into<String>, rule: Rule) -> Self {
        Custom { name: name.into().into(), rule, curved: true }
    }

    /// Declares that the second derivative is zero everywhere (a ramp, a staircase, |z|).
    ///
    /// Units with this function then take no part in the pattern of second derivatives, and what the
    /// closure says about σ'' is not read.
    pub fn piecewise_linear(mut self) -> Self {
        self.curved = false;
        self
    }

    /// The name for messages and plans.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_curved(&self) -> bool {
        self.curved
    }

    /// σ(z) alone.
    pub(super) fn value(&self, z: f64) -> f64 {
        match &self.rule {
            Rule::Closures { value, .. } => value(z),
            Rule::Jet(function) => function(Jet2::variable(z)).value,
        }
    }

    /// σ(z) and σ'(z).
    pub(super) fn first(&self, z: f64) -> [f64; 2] {
        match &self.rule {
            Rule::Closures { value, first, .. } => [value(z), first(z)],
            Rule::Jet(function) => {
                let jet = function(Jet2::variable(z));
                [jet.value, jet.first]
            }
        }
    }

    /// σ(z), σ'(z) and σ''(z).
    pub(super) fn second(&self, z: f64) -> [f64; 3] {
        let [value, first, second] = match &self.rule {
            Rule::Closures { value, first, second } if self.curved => [value(z), first(z), second(z)],
            Rule::Closures { value, first, .. } => [value(z), first(z), 0.0],
            Rule::Jet(function) => {
                let jet = function(Jet2::variable(z));
                [jet.value, jet.first, jet.second]
            }
        };
        [value, first, if self.curved { second } else { 0.0 }]
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Custom").field(&self.name).finish()
    }
}

/// Equal: the same closures (not only the same name), declared alike.
impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        let rules = match (&self.rule, &other.rule) {
            (Rule::Closures { value: a, .. }, Rule::Closures { value: b, .. }) => {
                Arc::as_ptr(a).addr() == Arc::as_ptr(b).addr()
            }
            (Rule::Jet(a), Rule::Jet(b)) => Arc::as_ptr(a).addr() == Arc::as_ptr(b).addr(),
            _ => false,
        };
        rules && self.curved == other.curved && self.name == other.name
    }
}
