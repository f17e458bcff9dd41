//! Proof that something is on disk.

use pos_core::durability::Flushed;

/// A value whose entry was flushed. Only the core makes one, when the disk has confirmed; sending
/// and printing accept nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durable<T>(T);

impl<T> Durable<T> {
    pub(crate) const fn confirmed(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value, without its proof.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Flushed for Durable<T> {}
