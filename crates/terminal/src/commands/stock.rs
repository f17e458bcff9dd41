//! `tillmesh stock`: how much of each product there is.

use pos_core::gtin::Gtin;
use pos_core::price_book::PriceBook;
use pos_core::product::{ProductKind, Sku};
use pos_core::quantity::Quantity;
use serde_json::json;

use super::Context;
use crate::cli::Stock;
use crate::error::TerminalError;
use crate::output::table;

pub(super) fn run(context: &mut Context<'_>, typed: &Stock) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| {
        let books = till.replica().books();
        let book = books.price_book();
        let wanted: Vec<(Sku, Quantity)> = if typed.items.is_empty() {
            books.all_on_hand().map(|(sku, quantity)| (sku.clone(), quantity)).collect()
        } else {
            let skus = typed.items.iter().map(|text| resolve(text, book));
            let skus = skus.collect::<Result<Vec<_>, _>>()?;
            skus.into_iter().map(|sku| (books.on_hand(&sku), sku)).map(|(q, s)| (s, q)).collect()
        };
        let mut rows = Vec::with_capacity(wanted.len());
        let mut shown = table(["sku", "name", "on hand"], &[2]);
        for (sku, quantity) in &wanted {
            let product = book.product(sku);
            let name = product.map_or("", |product| product.name.as_str());
            let is_service = product.is_some_and(|product| product.kind == ProductKind::Service);
            let on_hand = (!is_service).then(|| quantity.to_string());
            rows.push(json!({"sku": sku.as_str(), "name": name, "onHand": on_hand}));
            let on_hand = on_hand.unwrap_or_else(|| "service".to_owned());
            shown.add_row([sku.to_string(), name.to_owned(), on_hand]);
        }
        let digest = till.replica().stock_digest().to_string();
        context.output.answer(&json!({"stock": rows, "stock_digest": digest}), || {
            if wanted.is_empty() { "Nothing has moved yet.".to_owned() } else { shown.to_string() }
        })
    })
}

fn resolve(text: &str, book: &PriceBook) -> Result<Sku, TerminalError> {
    if let Ok(sku) = Sku::new(text)
        && book.product(&sku).is_some()
    {
        return Ok(sku);
    }
    let by_gtin = text.parse::<Gtin>().ok().and_then(|gtin| book.by_gtin(&gtin));
    by_gtin.map(|product| product.sku.clone()).ok_or_else(|| {
        TerminalError::Nothing(format!("no product has the SKU or barcode {text}: check it"))
    })
}
