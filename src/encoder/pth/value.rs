//! What a pickle makes.

use std::fmt;
use tch::Kind;

/// The index of a value among all values of a pickle. Values refer to each other by index, so that a loop or a deep nesting
/// does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id(pub(super) u32);

/// A value; text lies in the pickle.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'p> {
    /// None, fractions, bytes and sets. No weight depends on them, so their content is not kept.
    Plain,
    Bool(bool),
    Int(i64),
    Text(&'p str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global<'p>),
    Storage(Storage<'p>),
    View(View<'p>),
    /// What calling this would give.
    Opaque(Global<'p>),
}

impl Value<'_> {
    /// How many values it names.
    pub(super) fn named(&self) -> usize {
        match self {
            Self::Tuple(items) | Self::List(items) => items.len(),
            Self::Dict(items) => 2 * items.len(),
            Self::View(view) => view.shape.len() + view.strides.len(),
            _ => 0,
        }
    }
}

/// The name of a class or function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Global<'p> {
    pub(super) module: &'p str,
    pub(super) name: &'p str,
}

impl fmt::Display for Global<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

/// Numbers in a row, that tensors are views of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'p> {
    pub(super) key: &'p str,
    pub(super) kind: Kind,
    /// Count of numbers.
    pub(super) length: i64,
}

/// A tensor as a view of a storage; what it says is not checked yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View<'p> {
    pub(super) storage: Storage<'p>,
    /// Its first number.
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    /// Numbers from one to the next, along each axis.
    pub(super) strides: Vec<i64>,
}
