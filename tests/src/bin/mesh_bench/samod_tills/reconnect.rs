//! What it costs samod to find out that nothing has changed while a till was away.

use samod::DocHandle;

use super::wire::{Sent, Till};
use super::{cart, find};
use crate::contestant::Fault;
use crate::quiet;
use crate::rows::Reconnect;

/// How often the till goes away and comes back.
const TIMES: usize = 5;

/// Two tills share `documents` carts of one line; one goes away and comes back, both keep running.
pub(crate) async fn run(documents: usize) -> Result<Reconnect, Fault> {
    let sent = Sent::default();
    let stays = Till::start(0, sent.clone()).await?;
    let leaves = Till::start(1, sent.clone()).await?;
    let mut connection = leaves.dial(&stays).await?;
    let mut carts = Vec::new();
    for number in 0..documents {
        let mut new = cart::empty()?;
        cart::add(&mut new, 1)?;
        let here = stays.repo.create(new).await?;
        let there = find(&leaves.repo, here.document_id()).await?;
        carts.push((here, there));
        quiet::tell(|| format!("reconnect: {number} of {documents} documents shared"));
    }
    quiet::wait_long(&|| sent.bytes()).await;
    in_sync(&carts)?;
    let mut bytes = Vec::new();
    for _ in 0..TIMES {
        connection.close();
        quiet::wait_long(&|| sent.bytes()).await;
        let before = sent.bytes();
        connection = leaves.dial(&stays).await?;
        quiet::wait_long(&|| sent.bytes()).await;
        bytes.push(sent.bytes() - before);
        in_sync(&carts)?;
    }
    stays.stop().await;
    leaves.stop().await;
    bytes.sort_unstable();
    Ok(Reconnect {
        contestant: "samod",
        durability: "memory",
        documents,
        bytes,
        frames: Vec::new(),
    })
}

fn in_sync(carts: &[(DocHandle, DocHandle)]) -> Result<(), Fault> {
    let differs = carts.iter().filter(|(here, there)| {
        here.with_document(|cart| cart.get_heads()) != there.with_document(|cart| cart.get_heads())
    });
    match differs.count() {
        0 => Ok(()),
        some => Err(format!("{some} documents differ between the two tills").into()),
    }
}
