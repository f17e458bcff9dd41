//! Names of documents and of those who write them.

use core::fmt;

use pos_core::ids::{CartId, CustomerId};

/// The SHA-256 by which a change names another; covers all of its past.
pub type ChangeHash = [u8; 32];

/// One writer of a document: one device in one incarnation, so that a restored backup never
/// continues the sequence of its former self.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId([u8; 16]);

impl ActorId {
    /// Wraps 16 bytes that already are an actor's id.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The first 8 bytes in hexadecimal: what a single-writer cell's key carries.
    pub(super) fn short(self) -> String {
        let mut text = self.to_string();
        text.truncate(16);
        text
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({self})")
    }
}

/// Who signed the entry that carries a change. The caller has checked the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    device: [u8; 32],
    actor: ActorId,
}

impl Author {
    /// The author that a device is in one of its incarnations.
    pub fn new(device: &[u8; 32], incarnation: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh actor v1");
        hasher.update(device).update(incarnation);
        Self { device: *device, actor: ActorId(first(hasher.finalize().as_bytes())) }
    }

    /// The device's public key.
    pub const fn device(&self) -> &[u8; 32] {
        &self.device
    }

    /// The actor id its changes must carry.
    pub const fn actor(&self) -> ActorId {
        self.actor
    }
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (slot, byte) in out.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    out
}

/// What a document holds, hence what its changes may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// An open cart, a table.
    Cart,
    /// A customer.
    Customer,
    /// The published stock counters of one device and business day.
    StockCounters,
}

impl DocumentKind {
    const fn code(self) -> u8 {
        match self {
            Self::Cart => 1,
            Self::Customer => 2,
            Self::StockCounters => 3,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Cart),
            2 => Some(Self::Customer),
            3 => Some(Self::StockCounters),
            _ => None,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Customer => "customer",
            Self::StockCounters => "stock",
        }
    }
}

/// The name of one document.
///
/// The epoch counts its renewals: when a document nears its bounds, a new one with the next epoch
/// starts from its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId {
    kind: DocumentKind,
    key: [u8; 16],
    epoch: u16,
}

impl DocumentId {
    /// Length of the compact form, in bytes.
    pub const LEN: usize = 19;

    /// The document of a cart.
    pub const fn cart(cart: CartId, epoch: u16) -> Self {
        Self { kind: DocumentKind::Cart, key: *cart.as_bytes(), epoch }
    }

    /// The document of a customer.
    pub const fn customer(customer: CustomerId, epoch: u16) -> Self {
        Self { kind: DocumentKind::Customer, key: *customer.as_bytes(), epoch }
    }

    /// The stock counters a device publishes for a business day (days since 1970-01-01). The key
    /// is 12 bytes of a hash of the device key, then the day: the id itself says who may write.
    pub fn stock_counters(device: &[u8; 32], business_day: i32, epoch: u16) -> Self {
        let mut key = [0; 16];
        let tag = owner_tag(device);
        let day = business_day.to_be_bytes();
        for (slot, byte) in key.iter_mut().zip(tag.iter().chain(&day)) {
            *slot = *byte;
        }
        Self { kind: DocumentKind::StockCounters, key, epoch }
    }

    /// What it holds.
    pub const fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The 16 bytes that tell it from others of its kind.
    pub const fn key(&self) -> &[u8; 16] {
        &self.key
    }

    /// How often it was renewed.
    pub const fn epoch(&self) -> u16 {
        self.epoch
    }

    /// The business day of stock counters, in days since 1970-01-01; `None` for other kinds.
    pub fn business_day(&self) -> Option<i32> {
        let [.., a, b, c, d] = self.key;
        (self.kind == DocumentKind::StockCounters).then(|| i32::from_be_bytes([a, b, c, d]))
    }

    /// Whether a device may write to it at all.
    pub fn admits(&self, device: &[u8; 32]) -> bool {
        self.kind != DocumentKind::StockCounters || self.key.starts_with(&owner_tag(device))
    }

    /// The compact form: kind, key, epoch (big-endian). Sorts like the id.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        let epoch = self.epoch.to_be_bytes();
        let parts = [self.kind.code()].into_iter().chain(self.key).chain(epoch);
        for (slot, byte) in out.iter_mut().zip(parts) {
            *slot = byte;
        }
        out
    }

    /// Reads the compact form; `None` when the length or the kind is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (key, epoch) = rest.split_at_checked(16)?;
        Some(Self {
            kind: DocumentKind::from_code(*kind)?,
            key: key.try_into().ok()?,
            epoch: u16::from_be_bytes(epoch.try_into().ok()?),
        })
    }

    /// The writer of the document's first change: nobody's, so that every device makes the same.
    pub(super) fn genesis_actor(&self) -> ActorId {
        let hash = blake3::derive_key("tillmesh document genesis v1", &self.to_bytes());
        ActorId(first(&hash))
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind.word())?;
        self.key.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "/{}", self.epoch)
    }
}

fn owner_tag(device: &[u8; 32]) -> [u8; 12] {
    first(&blake3::derive_key("tillmesh stock counters owner v1", device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compact_form_gives_the_id_back_and_sorts_like_it() {
        let cart = DocumentId::cart(CartId::from_bytes([7; 16]), 2);
        let customer = DocumentId::customer(CustomerId::from_bytes([1; 16]), 0);
        let stock = DocumentId::stock_counters(&[9; 32], 14_945, 1);
        for id in [cart, customer, stock] {
            assert_eq!(DocumentId::from_bytes(&id.to_bytes()), Some(id));
            assert_eq!(DocumentId::from_bytes(&id.to_bytes()[..18]), None);
        }
        assert!(cart < customer && cart.to_bytes() < customer.to_bytes());
        assert_eq!(DocumentId::from_bytes(&[0; 19]), None);
        assert_eq!(cart.to_string(), format!("cart/{}/2", "07".repeat(16)));
    }

    #[test]
    fn stock_counters_name_their_writer_and_their_day() {
        let stock = DocumentId::stock_counters(&[9; 32], -3, 1);
        assert_eq!(stock.business_day(), Some(-3));
        assert!(stock.admits(&[9; 32]));
        assert!(!stock.admits(&[8; 32]));
        assert!(DocumentId::cart(CartId::from_bytes([7; 16]), 0).admits(&[8; 32]));
    }

    #[test]
    fn an_incarnation_makes_another_actor() {
        let (first, second) = (Author::new(&[1; 32], b"1"), Author::new(&[1; 32], b"2"));
        assert_ne!(first.actor(), second.actor());
        assert_eq!(first.device(), second.device());
        assert_eq!(first, Author::new(&[1; 32], b"1"));
    }
}
