//! Exceptions: what no system can forbid while devices are cut off from each other, detected
//! afterwards. Derived from what is held, never written; the same on every replica.

use std::collections::BTreeMap;

use pos_core::ids::{CartId, DeviceId, RecordId, RegisterId};
use pos_core::quantity::Quantity;
use serde::Serialize;

use super::identity::{FeedId, Incarnation};
use super::keys;
use super::life::FeedEnd;
use super::replica::Replica;
use crate::simulation::{self, Mark};
use crate::storage::{Reads, StorageError};

/// Something that should not be, and that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Exception {
    /// One cart was paid by more than one transaction.
    CartPaidTwice {
        /// The cart.
        cart: CartId,
        /// How often.
        times: usize,
    },
    /// More of a receipt was paid back than was sold on it: two tills that could not see each
    /// other refunded it.
    RefundedTooMuch {
        /// The transaction.
        transaction: RecordId,
        /// How many transactions pay it back.
        refunds: usize,
    },
    /// One receipt number was given to more than one transaction: a restored or cloned till.
    ReceiptNumberTwice {
        /// The register.
        register: RegisterId,
        /// The number.
        counter: u64,
    },
    /// Numbers are missing from a register's receipts.
    ReceiptNumbersMissing {
        /// The register.
        register: RegisterId,
        /// First missing number.
        first: u64,
        /// Last missing number.
        last: u64,
    },
    /// Two entries of one feed follow the same entry: a running till was cloned.
    FeedForked {
        /// The device.
        device: DeviceId,
        /// Which of its lives.
        incarnation: u32,
        /// The lane.
        lane: &'static str,
    },
    /// A life was sealed by two others: a disk image was cloned.
    SealedTwice {
        /// The device.
        device: DeviceId,
        /// The life that was sealed.
        incarnation: u32,
    },
    /// A life went on beyond where a later one sealed it: a backup was restored.
    OutgrewItsSeal {
        /// The device.
        device: DeviceId,
        /// The life.
        incarnation: u32,
        /// Last Ledger entry as sealed.
        sealed_at: u64,
        /// Last Ledger entry held.
        reached: u64,
    },
}

impl Exception {
    /// Its id: a hash over its kind and subject, equal on every replica.
    pub fn id(&self) -> [u8; 16] {
        let subject = match self {
            Self::CartPaidTwice { cart, .. } => format!("cart paid twice {cart}"),
            Self::RefundedTooMuch { transaction, .. } => format!("refunded too much {transaction}"),
            Self::ReceiptNumberTwice { register, counter } => {
                format!("receipt number twice {register} {counter}")
            }
            Self::ReceiptNumbersMissing { register, first, last } => {
                format!("receipt numbers missing {register} {first} {last}")
            }
            Self::FeedForked { device, incarnation, lane } => {
                format!("feed forked {device} {incarnation} {lane}")
            }
            Self::SealedTwice { device, incarnation } => {
                format!("sealed twice {device} {incarnation}")
            }
            Self::OutgrewItsSeal { device, incarnation, .. } => {
                format!("outgrew its seal {device} {incarnation}")
            }
        };
        let mut hasher = blake3::Hasher::new_derive_key("tillmesh exception v1");
        hasher.update(subject.as_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        id
    }
}

impl core::fmt::Display for Exception {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::CartPaidTwice { cart, times } => write!(f, "cart {cart} was paid {times} times"),
            Self::RefundedTooMuch { transaction, refunds } => {
                write!(f, "{refunds} refunds of {transaction} pay back more than was sold")
            }
            Self::ReceiptNumberTwice { register, counter } => {
                write!(f, "receipt {register}-{counter:06} was given twice")
            }
            Self::ReceiptNumbersMissing { register, first, last } => {
                write!(f, "receipts {register}-{first:06} to {last:06} are missing")
            }
            Self::FeedForked { device, incarnation, lane } => {
                write!(f, "two {lane} feeds claim to be life {incarnation} of device {device}")
            }
            Self::SealedTwice { device, incarnation } => {
                write!(f, "two copies of device {device} went on after its life {incarnation}")
            }
            Self::OutgrewItsSeal { device, incarnation, sealed_at, reached } => write!(
                f,
                "device {device} was restored from a backup: its life {incarnation} was taken to \
                 end at entry {sealed_at} but reached {reached}"
            ),
        }
    }
}

fn mark(exception: &Exception) {
    match exception {
        Exception::CartPaidTwice { .. } => simulation::reach(Mark::PaidTwice),
        Exception::RefundedTooMuch { .. } => simulation::reach(Mark::RefundedTooMuch),
        Exception::ReceiptNumberTwice { .. } => simulation::reach(Mark::NumberTwice),
        Exception::ReceiptNumbersMissing { .. } => {}
        Exception::FeedForked { .. } => simulation::reach(Mark::FeedForked),
        Exception::SealedTwice { .. } => simulation::reach(Mark::SealedTwice),
        Exception::OutgrewItsSeal { .. } => simulation::reach(Mark::OutgrewSeal),
    }
}

impl Replica {
    /// All exceptions that follow from what is held, sorted.
    pub fn exceptions(&self, reads: &dyn Reads) -> Result<Vec<Exception>, StorageError> {
        let mut found = Vec::new();
        self.carts_paid_twice(reads, &mut found)?;
        self.refunded_too_much(reads, &mut found)?;
        self.broken_series(&mut found);
        self.broken_lives(reads, &mut found)?;
        found.sort();
        // A device that was copied has several lives under one number: what is wrong with them is one
        // thing to look at.
        found.dedup_by_key(|exception| exception.id());
        found.iter().for_each(mark);
        Ok(found)
    }

    fn carts_paid_twice(
        &self,
        reads: &dyn Reads,
        found: &mut Vec<Exception>,
    ) -> Result<(), StorageError> {
        let mut payers: BTreeMap<CartId, usize> = BTreeMap::new();
        for (key, _) in self.overlay.list(reads, keys::CLOSINGS, usize::MAX)? {
            let cart = key.get(1..).and_then(|rest| rest.first_chunk::<16>());
            if let Some(cart) = cart {
                *payers.entry(CartId::from_bytes(*cart)).or_default() += 1;
            }
        }
        let twice = payers.into_iter().filter(|&(_, times)| times > 1);
        found.extend(twice.map(|(cart, times)| Exception::CartPaidTwice { cart, times }));
        Ok(())
    }

    fn refunded_too_much(
        &self,
        reads: &dyn Reads,
        found: &mut Vec<Exception>,
    ) -> Result<(), StorageError> {
        let mut refunds: BTreeMap<RecordId, usize> = BTreeMap::new();
        for (key, _) in self.overlay.list(reads, keys::REFUNDS, usize::MAX)? {
            if let Some(original) = key.get(1..).and_then(|rest| rest.first_chunk::<32>()) {
                *refunds.entry(RecordId::from_bytes(*original)).or_default() += 1;
            }
        }
        for (transaction, refunds) in refunds {
            let Some(sold) = self.transaction(reads, transaction)? else { continue };
            let mut left: BTreeMap<_, Quantity> =
                sold.items.iter().map(|item| (item.line, item.quantity)).collect();
            for item in self.refunds_of(reads, transaction)?.iter().flat_map(|sale| &sale.items) {
                let named = item.returns.filter(|returned| returned.transaction == transaction);
                let Some(line) = named.and_then(|returned| left.get_mut(&returned.line)) else {
                    continue;
                };
                // Quantities of returns are below zero.
                *line = line.checked_add(item.quantity).unwrap_or(*line);
            }
            if left.values().any(|quantity| quantity.is_negative()) {
                found.push(Exception::RefundedTooMuch { transaction, refunds });
            }
        }
        Ok(())
    }

    fn broken_series(&self, found: &mut Vec<Exception>) {
        for (register, _) in self.books.registers() {
            let series = self.books.gapless(register);
            found.extend(series.duplicates.iter().map(|&counter| Exception::ReceiptNumberTwice {
                register: register.clone(),
                counter,
            }));
            found.extend(series.gaps.iter().map(|gap| Exception::ReceiptNumbersMissing {
                register: register.clone(),
                first: gap.from,
                last: gap.to,
            }));
        }
    }

    fn broken_lives(
        &self,
        reads: &dyn Reads,
        found: &mut Vec<Exception>,
    ) -> Result<(), StorageError> {
        for (feed, state) in self.feeds().iter() {
            if state.is_forked() {
                found.push(Exception::FeedForked {
                    device: feed.device,
                    incarnation: feed.incarnation.counter,
                    lane: feed.lane.name(),
                });
            }
        }
        let mut seals: BTreeMap<(DeviceId, Incarnation), Vec<FeedEnd>> = BTreeMap::new();
        for (key, value) in self.overlay.list(reads, keys::SEALS, usize::MAX)? {
            let Some((device, life)) = keys::parse_seal(&key) else { continue };
            let Ok(end) = postcard::from_bytes::<FeedEnd>(&value) else { continue };
            seals.entry((device, life)).or_default().push(end);
        }
        for ((device, life), ends) in seals {
            let incarnation = life.counter;
            if ends.len() > 1 {
                found.push(Exception::SealedTwice { device, incarnation });
            }
            let feed = FeedId { device, incarnation: life, lane: super::entry::Lane::Ledger };
            let reached = self.feeds().get(&feed).and_then(|state| state.heads.last());
            let sealed_at = ends.iter().map(|end| end.seq).max().unwrap_or(0);
            if let Some(&(reached, _)) = reached
                && reached > sealed_at
            {
                found.push(Exception::OutgrewItsSeal { device, incarnation, sealed_at, reached });
            }
        }
        Ok(())
    }

    /// Where every feed ends.
    pub const fn feeds(&self) -> &super::feeds::Feeds {
        &self.feeds
    }
}
