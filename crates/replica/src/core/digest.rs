//! Two digests. *Held*: which entries are here. *Meaning*: what they come to. Equal held with
//! different meaning is an alarm: two replicas fold differently.

use std::collections::BTreeMap;

use pos_core::ids::{CartId, DeviceId};

use super::command::CommandError;
use super::replica::Replica;
use crate::documents::DocumentId;
use crate::simulation::{self, Canary};
use crate::storage::Reads;

/// A 16-byte digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of what went into `hasher`.
    pub(crate) fn of(hasher: &blake3::Hasher) -> Self {
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Self(digest)
    }

    /// Its bytes.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// A digest as received.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl core::fmt::Display for Digest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Replica {
    /// Digest of the entries held: ends and gaps of every feed.
    pub fn held_digest(&self) -> Digest {
        self.feeds.digest(|| self.work_out_held_digest())
    }

    /// Over the digests of the devices, of which only those that wrote something since are worked
    /// out anew.
    fn work_out_held_digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh held v2");
        let mut devices: Vec<DeviceId> = self.authors().collect();
        if simulation::is(Canary::DigestInTableOrder) {
            devices.sort_unstable_by_key(|device| (*device < self.device, *device));
        }
        for device in devices {
            hasher.update(device.as_bytes());
            hasher.update(&self.held_of(device).digest.to_bytes());
        }
        Digest::of(&hasher)
    }

    /// Digest of what the entries come to: the books, what is kept aside, the open documents.
    pub fn meaning_digest(&mut self, reads: &dyn Reads) -> Result<Digest, CommandError> {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh meaning v1");
        for (row, value) in self.books.rows() {
            add(&mut hasher, &row);
            add(&mut hasher, &value);
        }
        for (id, (reason, ..)) in &self.held {
            add(&mut hasher, id.as_bytes());
            add(&mut hasher, &postcard::to_stdvec(reason).unwrap_or_default());
        }
        for (id, _) in self.roster.iter().filter(|(id, _)| self.roster.counts(**id)) {
            add(&mut hasher, id.as_bytes());
        }
        for (document, heads) in self.document_heads(reads)? {
            add(&mut hasher, &document.to_bytes());
            for head in heads {
                add(&mut hasher, &head);
            }
        }
        Ok(Digest::of(&hasher))
    }

    /// Digest of the stock on hand alone.
    pub fn stock_digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh stock v1");
        for (sku, quantity) in self.books.all_on_hand() {
            add(&mut hasher, sku.as_str().as_bytes());
            add(&mut hasher, &quantity.thousandths().to_le_bytes());
        }
        Digest::of(&hasher)
    }

    /// The heads of every open cart, remainder and customer.
    fn document_heads(
        &mut self,
        reads: &dyn Reads,
    ) -> Result<BTreeMap<DocumentId, Vec<[u8; 32]>>, CommandError> {
        let mut heads = BTreeMap::new();
        // A paid cart stands here, under the name of what is left of it, only if something is.
        let remainders = self.remainders(reads)?.into_iter();
        let mut carts: Vec<(CartId, CartId)> =
            remainders.map(|(target, view)| (target.document, view.id)).collect();
        for cart in self.carts_listed(reads)? {
            if self.cart_closed(reads, cart)?.is_none() {
                carts.push((cart, cart));
            }
        }
        for (document, cart) in carts {
            self.load_cart(reads, document)?;
            let Some(open) = self.carts.get_mut(&document) else { continue };
            let of_cart = open.heads().iter().map(|head| *head.as_bytes()).collect();
            heads.insert(DocumentId::cart(cart, 0), of_cart);
        }
        heads.extend(self.customer_heads(reads)?);
        Ok(heads)
    }
}

fn add(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    hasher.update(bytes);
}
