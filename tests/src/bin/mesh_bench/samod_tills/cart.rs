//! The shared document: a list of lines, each a map of SKU, quantity and price.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc};

use crate::contestant::Fault;

const LINES: &str = "lines";

/// A cart with no line.
pub(super) fn empty() -> Result<Automerge, Fault> {
    let mut cart = Automerge::new();
    edit(&mut cart, |cart| cart.put_object(ROOT, LINES, ObjType::List).map(drop))?;
    Ok(cart)
}

/// Adds line `number`, counted from 1.
pub(super) fn add(cart: &mut Automerge, number: usize) -> Result<(), Fault> {
    let lines = lines(cart)?;
    edit(cart, |cart| {
        let line = cart.insert_object(&lines, cart.length(&lines), ObjType::Map)?;
        cart.put(&line, "sku", sku(number))?;
        cart.put(&line, "qty", 1_u64)?;
        cart.put(&line, "price", 1299_u64)
    })
}

/// How many lines can be read; the last one's SKU is read too.
pub(super) fn count(cart: &Automerge) -> Result<usize, Fault> {
    let lines = lines(cart)?;
    let count = cart.length(&lines);
    let Some(last) = count.checked_sub(1) else { return Ok(0) };
    let (_, line) = cart.get(&lines, last)?.ok_or("the last line is not there")?;
    let (found, _) = cart.get(&line, "sku")?.ok_or("the last line has no SKU")?;
    if found.as_str() != Some(sku(count).as_str()) {
        return Err(format!("line {count} has the SKU {found}").into());
    }
    Ok(count)
}

fn sku(number: usize) -> String {
    format!("MUG-{number:05}")
}

fn lines(cart: &Automerge) -> Result<ObjId, Fault> {
    let (_, lines) = cart.get(ROOT, LINES)?.ok_or("the cart has no list of lines")?;
    Ok(lines)
}

fn edit(
    cart: &mut Automerge,
    change: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> Result<(), AutomergeError>,
) -> Result<(), Fault> {
    let mut transaction = cart.transaction();
    change(&mut transaction)?;
    transaction.commit_with(CommitOptions::default());
    Ok(())
}
