//! Evidence that a fact is on disk, for what must not act before it is.

/// Evidence that a fact has been flushed to disk. Paper, drawer and card reader act on nothing else:
/// what they do cannot be taken back.
///
/// One type has it, the replica's `Durable`, which only the core can make and only when the disk has
/// confirmed. The devices ask for the trait because they may not know the replica. Whoever implements
/// it for a type of his own has switched the rule off.
pub trait Flushed {}

impl<T: Flushed + ?Sized> Flushed for &T {}
