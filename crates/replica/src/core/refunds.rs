//! Refunds by receipt: never more than was sold, as far as this device can see.

use pos_core::business_date::WallTime;
use pos_core::ids::{CartId, IdempotencyKey, OperatorId, RecordId, RegisterId};
use pos_core::refund::{Refund, RefundLine, refund, refundable};
use pos_core::sale::Quote;
use pos_core::tender::Tendered;
use pos_core::transaction::{Recorded, SaleTransaction};

use super::command::{CommandError, Completed, Moment};
use super::keys;
use super::replica::Replica;
use crate::storage::{Ordinal, Reads, StorageError};

/// Refunds of one transaction that are looked at, at most.
const REFUNDS_MAX: usize = 1024;

/// What a refund by receipt needs.
#[derive(Debug, Clone)]
pub struct RefundCommand {
    /// The transaction the goods were bought with.
    pub original: RecordId,
    /// What comes back.
    pub lines: Vec<RefundLine>,
    /// The register that pays out.
    pub register: RegisterId,
    /// Who pays out.
    pub operator: OperatorId,
    /// Why the goods come back; may be empty.
    pub reason: String,
    /// What is paid out, below zero.
    pub tenders: Vec<Tendered>,
    /// The command's own name, if it may be sent again.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When the refund took place, if not now.
    pub wall_time: Option<WallTime>,
}

impl Replica {
    pub(super) fn refund(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        command: RefundCommand,
    ) -> Result<(Completed, Ordinal), CommandError> {
        // Until the index is whole, an earlier refund may be out of sight.
        if let Some((done, total)) = self.rebuilding() {
            return Err(CommandError::Rebuilding { done, total });
        }
        self.serves(&command.register)?;
        self.ensure_life(reads, at)?;
        let (shift, business_date) = self.shift_and_date(&command.register)?;
        let original = self.original(reads, command.original)?;
        let earlier = self.refunds_of(reads, command.original)?;
        let transaction = refund(Refund {
            original: &original,
            earlier: &earlier,
            lines: &command.lines,
            cart: CartId::from_bytes(self.derive("tillmesh refund v1")),
            settings: self.settings()?,
            receipt_counter: self.last_receipt(&command.register).saturating_add(1),
            register: command.register,
            business_date,
            shift,
            operator: command.operator,
            reason: command.reason,
            idempotency_key: command.idempotency_key,
            wall_time: command.wall_time.unwrap_or(at.wall),
            tenders: &command.tenders,
        })?;
        self.append_sale(reads, at, vec![command.original], transaction)
    }

    /// What the customer gets back for `lines` of a transaction; amounts are below zero.
    pub fn quote_refund(
        &self,
        reads: &dyn Reads,
        original: RecordId,
        lines: &[RefundLine],
    ) -> Result<Quote, CommandError> {
        let earlier = self.refunds_of(reads, original)?;
        let original = self.original(reads, original)?;
        Ok(pos_core::refund::quote_refund(&original, &earlier, lines)?)
    }

    /// The lines of a transaction of which something can still come back.
    pub fn refundable(
        &self,
        reads: &dyn Reads,
        original: RecordId,
    ) -> Result<Vec<RefundLine>, CommandError> {
        let earlier = self.refunds_of(reads, original)?;
        let left = refundable(&self.original(reads, original)?, &earlier)?;
        let left = left.into_iter().filter(|(_, quantity)| !quantity.is_zero());
        Ok(left.map(|(line, quantity)| RefundLine { line, quantity }).collect())
    }

    fn original(
        &self,
        reads: &dyn Reads,
        id: RecordId,
    ) -> Result<Recorded<SaleTransaction>, CommandError> {
        // What is kept aside is no sale: nothing is paid back for it.
        let counts = !self.held.contains_key(&id);
        let record = self.transaction(reads, id)?.filter(|_| counts);
        let record = record.ok_or(CommandError::UnknownTransaction(id))?;
        Ok(Recorded { id, record })
    }

    /// The transactions that return lines of `original`.
    pub(super) fn refunds_of(
        &self,
        reads: &dyn Reads,
        original: RecordId,
    ) -> Result<Vec<SaleTransaction>, StorageError> {
        let mut refunds = Vec::new();
        for (key, _) in self.overlay.list(reads, &keys::refunds(original), REFUNDS_MAX)? {
            let Some(id) = keys::trailing_entry(&key) else { continue };
            refunds.extend(self.transaction(reads, id)?);
        }
        Ok(refunds)
    }
}
