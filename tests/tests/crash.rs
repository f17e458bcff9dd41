//! The crash loop over the beginning of its script; `cargo xtask crash` plays all of it.

use tests::crash::model::Model;
use tests::crash::{cuts, faults, script};

/// Documents: the founding, the products, a shift, sales, a return, a delivery, money to the safe.
const DOCUMENTS: usize = 14;

#[test]
fn whatever_a_power_cut_leaves_every_acknowledged_document_is_there() {
    let documents = script::documents(DOCUMENTS);
    let model = Model::of(&documents);
    let run = cuts::play(&documents, &model).unwrap();
    let cuts = cuts::explore(&run, &documents, &model, &mut |_, _| {}).unwrap();
    println!("{cuts:?}");
    assert!(cuts.counts.recoveries > 2_000 && cuts.counts.torn > 1_000, "{cuts:?}");
    assert!(cuts.counts.outcomes > 40 && cuts.counts.unanswered > 40, "{cuts:?}");
    assert!(cuts.unflushed_most > 8, "{cuts:?}");
}

#[test]
fn whichever_call_of_the_disk_fails_every_acknowledged_document_is_there() {
    let documents = script::documents(DOCUMENTS);
    let model = Model::of(&documents);
    let run = cuts::play(&documents, &model).unwrap();
    let runs = faults::explore(&run, &documents, &model, &mut |_, _| {}).unwrap();
    println!("{runs:?}");
    assert!(runs.failed > 150 && runs.went_on > 0 && runs.stopped > 0, "{runs:?}");
    assert!(runs.not_opened > 0 && runs.counts.torn > 0, "{runs:?}");
}

#[test]
fn the_script_holds_every_kind_of_document_and_its_model_adds_up() {
    let documents = script::documents(script::DOCUMENTS);
    assert_eq!(documents.len(), 200);
    let model = Model::of(&documents);
    let end = model.after(documents.len());
    let sold: i64 = documents
        .iter()
        .map(|document| match document {
            script::Document::Sale { lines, .. } => {
                lines.iter().map(|&(sku, units)| script::PRICES[sku] * units).sum()
            }
            _ => 0,
        })
        .sum();
    assert_eq!(end.sales.amount, sold);
    assert!(end.returns.count > 10 && end.adjustments > 10 && end.pickups.count > 10, "{end:?}");
    assert!(end.shifts > 4 && end.closed > 3, "{end:?}");
    assert_eq!(end.receipts, end.sales.count + end.returns.count);
}
