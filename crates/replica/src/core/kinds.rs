//! The kinds of ops: a number is never used for another thing. Records of the shop are 100 and
//! above and belong to `pos_core::record`; below are those of the feeds themselves.

/// A new life of a device, which seals the one before.
pub(crate) const INCARNATION_OPENED: u16 = 1;
/// The store is founded.
pub(crate) const FOUNDED: u16 = 2;
/// A device joins.
pub(crate) const DEVICE_ADDED: u16 = 3;
/// A device is shut out.
pub(crate) const DEVICE_REVOKED: u16 = 4;
/// A raw change of the document the op's subject names.
pub(crate) const DOCUMENT_CHANGE: u16 = 10;
/// `pos_core::record`: the settings of the store.
pub(crate) const STORE_OPENED: u16 = 100;
