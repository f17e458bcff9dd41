//! Every fact a shop keeps, and its bytes.
//!
//! | kind | record | what it says |
//! |---|---|---|
//! | 100 | `StoreOpened` | a store's settings, or their replacement |
//! | 101 | `RegisterAssigned` | which device holds a register |
//! | 102 | `ProductsEdited` | edits of the price book |
//! | 103 | `ShiftOpened` | a register starts to sell |
//! | 104 | `PaymentStarted` | a card is about to be asked for money |
//! | 105 | `TransactionCompleted` | a sale or return that is paid |
//! | 106 | `StockAdjusted` | stock corrected |
//! | 107 | `AccountPosted` | an amount booked to an account |
//! | 108 | `CashMoved` | cash into or out of a drawer |
//! | 109 | `ShiftClosed` | a drawer counted, a Z report fixed |
//!
//! A number is never given to another record, and a record's layout never changes: what must
//! change gets a new number. The kind travels beside the bytes, in the signed header of the entry.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::business_date::{BusinessDate, WallTime};
use crate::codec::{self, CodecError};
use crate::ids::{CartId, DeviceId, IdempotencyKey, RegisterId};
use crate::limits;
use crate::money::Money;
use crate::price_book::ProductEdit;
use crate::report::ZReportError;
use crate::shift::{ShiftClosed, ShiftOpened};
use crate::stock::{AccountPosting, InventoryAdjustment, StockError};
use crate::store::StoreSettings;
use crate::text::TextError;
use crate::till::{CashMovement, CashMovementError};
use crate::transaction::{SaleTransaction, TenderKind, TransactionError, UncheckedTransaction};

/// An immutable fact of a shop.
#[expect(
    clippy::large_enum_variant,
    reason = "a record is made, written and dropped one at a time; a box would show in every match"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Record {
    /// A store's settings, or their replacement.
    StoreOpened(StoreSettings),
    /// A device takes over a register; the later assignment stands.
    RegisterAssigned {
        /// The register.
        register: RegisterId,
        /// Its holder from now on.
        device: DeviceId,
    },
    /// Edits of the price book.
    ProductsEdited(Vec<ProductEdit>),
    /// A register starts to sell.
    ShiftOpened(ShiftOpened),
    /// Durable before the terminal or gateway is called; the record's id is the payment's id.
    PaymentStarted {
        /// The cart that is being paid.
        cart: CartId,
        /// How much the card is asked for; below zero for a refund.
        amount: Money,
        /// How it pays.
        kind: TenderKind,
        /// The register.
        register: RegisterId,
        /// When, by the till's clock.
        wall_time: WallTime,
    },
    /// A sale or return that is paid.
    TransactionCompleted(SaleTransaction),
    /// Stock corrected.
    StockAdjusted(InventoryAdjustment),
    /// An amount booked to an account.
    AccountPosted(AccountPosting),
    /// Cash into or out of a drawer.
    CashMoved(CashMovement),
    /// A drawer counted, a Z report fixed.
    ShiftClosed(ShiftClosed),
}

/// Why bytes are no record. `UnknownKind` may be a record of a newer version: kept and passed on,
/// not applied. All others are a fault of the device that wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// This version does not know the kind.
    #[error("this version does not know records of kind {0}")]
    UnknownKind(u16),
    /// More bytes than a record may have.
    #[error("a record of {found} bytes; at most {max} are allowed", max = limits::RECORD_BYTES_MAX)]
    TooLong {
        /// How many it has.
        found: usize,
    },
    /// The bytes do not say what a record of the kind says.
    #[error("a record of kind {kind} cannot be read: {reason}")]
    Malformed {
        /// The kind.
        kind: u16,
        /// What is wrong.
        reason: String,
    },
    /// The value has another, canonical encoding.
    #[error("a record of kind {kind} is not written in its one canonical form")]
    NotCanonical {
        /// The kind.
        kind: u16,
    },
    /// A transaction whose sums do not hold.
    #[error("a transaction does not hold: {0}")]
    Unbalanced(#[from] TransactionError),
    /// A text or list beyond its bounds.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A list with nothing in it, or with too much.
    #[error("a record of kind {kind} with {found} parts")]
    Count {
        /// The kind.
        kind: u16,
        /// How many parts it has.
        found: usize,
    },
    /// An adjustment beyond its bounds.
    #[error(transparent)]
    Stock(#[from] StockError),
    /// An impossible cash movement.
    #[error(transparent)]
    CashMovement(#[from] CashMovementError),
    /// A Z report whose figures contradict each other.
    #[error(transparent)]
    ZReport(#[from] ZReportError),
    /// A shift without a number, or closed with another shift's report.
    #[error("a shift record contradicts itself")]
    Shift,
}

mod kind {
    pub(super) const STORE_OPENED: u16 = 100;
    pub(super) const REGISTER_ASSIGNED: u16 = 101;
    pub(super) const PRODUCTS_EDITED: u16 = 102;
    pub(super) const SHIFT_OPENED: u16 = 103;
    pub(super) const PAYMENT_STARTED: u16 = 104;
    pub(super) const TRANSACTION_COMPLETED: u16 = 105;
    pub(super) const STOCK_ADJUSTED: u16 = 106;
    pub(super) const ACCOUNT_POSTED: u16 = 107;
    pub(super) const CASH_MOVED: u16 = 108;
    pub(super) const SHIFT_CLOSED: u16 = 109;
}

/// The bytes of a `RegisterAssigned`.
type Assignment = (RegisterId, DeviceId);
/// The bytes of a `PaymentStarted`.
type Started = (CartId, Money, TenderKind, RegisterId, WallTime);

impl Record {
    /// Lowest kind of a record of the shop; below are those of the feeds themselves.
    pub const FIRST_KIND: u16 = kind::STORE_OPENED;

    /// Its kind: see the table of this module.
    pub const fn kind(&self) -> u16 {
        match self {
            Self::StoreOpened(_) => kind::STORE_OPENED,
            Self::RegisterAssigned { .. } => kind::REGISTER_ASSIGNED,
            Self::ProductsEdited(_) => kind::PRODUCTS_EDITED,
            Self::ShiftOpened(_) => kind::SHIFT_OPENED,
            Self::PaymentStarted { .. } => kind::PAYMENT_STARTED,
            Self::TransactionCompleted(_) => kind::TRANSACTION_COMPLETED,
            Self::StockAdjusted(_) => kind::STOCK_ADJUSTED,
            Self::AccountPosted(_) => kind::ACCOUNT_POSTED,
            Self::CashMoved(_) => kind::CASH_MOVED,
            Self::ShiftClosed(_) => kind::SHIFT_CLOSED,
        }
    }

    /// Its bytes, without the kind.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::StoreOpened(settings) => codec::encode(settings),
            Self::RegisterAssigned { register, device } => codec::encode(&(register, device)),
            Self::ProductsEdited(edits) => codec::encode(edits),
            Self::ShiftOpened(shift) => codec::encode(shift),
            Self::PaymentStarted { cart, amount, kind, register, wall_time } => {
                codec::encode(&(cart, amount, kind, register, wall_time))
            }
            Self::TransactionCompleted(sale) => codec::encode(sale),
            Self::StockAdjusted(adjustment) => codec::encode(adjustment),
            Self::AccountPosted(posting) => codec::encode(posting),
            Self::CashMoved(movement) => codec::encode(movement),
            Self::ShiftClosed(closed) => codec::encode(closed),
        }
    }

    /// As [`Self::encode`], for a record made here: refused where [`Self::decode`] would refuse it.
    pub fn encode_readable(&self) -> Result<Vec<u8>, DecodeError> {
        let bytes = self.encode();
        match self {
            // Made by the constructor that checks what was read; only the length is left.
            Self::TransactionCompleted(_) if bytes.len() <= limits::RECORD_BYTES_MAX => Ok(bytes),
            _ => Self::decode(self.kind(), &bytes).map(|_read| bytes),
        }
    }

    /// The record of a kind and its bytes: length first, then form, then meaning. What is read here
    /// encodes to the same bytes again.
    pub fn decode(kind: u16, bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > limits::RECORD_BYTES_MAX {
            return Err(DecodeError::TooLong { found: bytes.len() });
        }
        Self::read(kind, bytes).map_err(|fault| match fault {
            Fault::Codec(CodecError::NotCanonical) => DecodeError::NotCanonical { kind },
            Fault::Codec(CodecError::Trailing(count)) => {
                DecodeError::Malformed { kind, reason: format!("{count} bytes after its end") }
            }
            Fault::Codec(CodecError::Malformed(error)) => {
                DecodeError::Malformed { kind, reason: error.to_string() }
            }
            Fault::Meaning(error) => error,
        })
    }

    fn read(kind: u16, bytes: &[u8]) -> Result<Self, Fault> {
        Ok(match kind {
            kind::STORE_OPENED => {
                Self::StoreOpened(read(bytes, |settings: &StoreSettings| Ok(settings.check()?))?)
            }
            kind::REGISTER_ASSIGNED => {
                let (register, device) = read(bytes, |_: &Assignment| Ok(()))?;
                Self::RegisterAssigned { register, device }
            }
            kind::PRODUCTS_EDITED => {
                Self::ProductsEdited(read(bytes, |edits: &Vec<_>| check_edits(edits))?)
            }
            kind::SHIFT_OPENED => Self::ShiftOpened(read(bytes, |shift: &ShiftOpened| {
                if shift.number == 0 { Err(DecodeError::Shift) } else { Ok(()) }
            })?),
            kind::PAYMENT_STARTED => {
                let (cart, amount, kind, register, wall_time) = read(bytes, |_: &Started| Ok(()))?;
                Self::PaymentStarted { cart, amount, kind, register, wall_time }
            }
            kind::TRANSACTION_COMPLETED => Self::TransactionCompleted(codec::decode_canonical(
                bytes,
                |sale: UncheckedTransaction| {
                    SaleTransaction::try_from(sale).map_err(|error| Fault::Meaning(error.into()))
                },
            )?),
            kind::STOCK_ADJUSTED => {
                Self::StockAdjusted(read(bytes, |made: &InventoryAdjustment| Ok(made.check()?))?)
            }
            kind::ACCOUNT_POSTED => {
                Self::AccountPosted(read(bytes, |posting: &AccountPosting| Ok(posting.check()?))?)
            }
            kind::CASH_MOVED => {
                Self::CashMoved(read(bytes, |movement: &CashMovement| Ok(movement.check()?))?)
            }
            kind::SHIFT_CLOSED => Self::ShiftClosed(read(bytes, check_closed)?),
            _ => return Err(Fault::Meaning(DecodeError::UnknownKind(kind))),
        })
    }

    /// The day it is booked on, if it belongs to one.
    pub const fn business_date(&self) -> Option<BusinessDate> {
        match self {
            Self::ShiftOpened(shift) => Some(shift.business_date),
            Self::TransactionCompleted(sale) => Some(sale.business_date),
            Self::StockAdjusted(adjustment) => Some(adjustment.business_date),
            Self::AccountPosted(posting) => Some(posting.business_date),
            Self::CashMoved(movement) => Some(movement.business_date),
            Self::ShiftClosed(closed) => Some(closed.report.figures.business_date),
            Self::StoreOpened(_)
            | Self::RegisterAssigned { .. }
            | Self::ProductsEdited(_)
            | Self::PaymentStarted { .. } => None,
        }
    }

    /// The name of the command that made it: a command sent again is answered with this record.
    pub const fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        match self {
            Self::TransactionCompleted(sale) => sale.idempotency_key.as_ref(),
            Self::StockAdjusted(adjustment) => adjustment.idempotency_key.as_ref(),
            Self::AccountPosted(posting) => posting.idempotency_key.as_ref(),
            Self::CashMoved(movement) => movement.idempotency_key.as_ref(),
            _ => None,
        }
    }

    /// The cart it is about.
    pub const fn cart(&self) -> Option<CartId> {
        match self {
            Self::PaymentStarted { cart, .. } => Some(*cart),
            Self::TransactionCompleted(sale) => Some(sale.cart),
            _ => None,
        }
    }
}

enum Fault {
    Codec(CodecError),
    Meaning(DecodeError),
}

impl From<CodecError> for Fault {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

fn read<T: Serialize + serde::de::DeserializeOwned>(
    bytes: &[u8],
    check: impl FnOnce(&T) -> Result<(), DecodeError>,
) -> Result<T, Fault> {
    codec::decode_canonical(bytes, |value: T| {
        check(&value).map_err(Fault::Meaning)?;
        Ok(value)
    })
}

fn check_edits(edits: &[ProductEdit]) -> Result<(), DecodeError> {
    if edits.is_empty() || edits.len() > limits::PRODUCT_EDITS_MAX {
        return Err(DecodeError::Count { kind: kind::PRODUCTS_EDITED, found: edits.len() });
    }
    edits.iter().try_for_each(|edit| Ok(edit.check()?))
}

fn check_closed(closed: &ShiftClosed) -> Result<(), DecodeError> {
    closed.report.check()?;
    if closed.shift != closed.report.figures.shift || closed.counted != closed.report.counted {
        return Err(DecodeError::Shift);
    }
    Ok(())
}
