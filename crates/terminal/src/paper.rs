//! Receipts for paper and screen, made from what is on disk alone.

use jiff::tz::TimeZone;
use pos_core::business_date::WallTime;
use pos_core::money::MoneyError;
use pos_core::receipt::{LocalTime, ReceiptDocument, ReceiptEdition, receipt};
use pos_core::store::StoreSettings;
use pos_core::transaction::Recorded;
use replica::core::{Completed, Durable};

/// Characters on a line of the usual 80 mm printer.
pub const WIDTH: usize = 42;

/// The receipt of a sale that is on disk: nothing else can be printed.
pub fn receipt_of(
    paid: &Durable<Completed>,
    settings: &StoreSettings,
    zone: &TimeZone,
    edition: ReceiptEdition,
) -> Result<ReceiptDocument, MoneyError> {
    let Completed { id, transaction, .. } = paid.get();
    let local_time = local_time(transaction.wall_time, zone);
    let recorded = Recorded { id: *id, record: transaction.clone() };
    receipt(&recorded, settings, local_time, edition)
}

/// A moment as it is printed.
pub(crate) fn local_time(at: WallTime, zone: &TimeZone) -> LocalTime {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(timestamp) => {
            let zoned = timestamp.to_zoned(zone.clone());
            LocalTime {
                date: zoned.strftime("%Y-%m-%d").to_string(),
                time: zoned.strftime("%H:%M").to_string(),
            }
        }
        // Beyond what a calendar shows: the business date still stands on the receipt.
        Err(_) => LocalTime { date: String::new(), time: String::new() },
    }
}
