//! Getting: whom to ask for the entries of each device. The device itself where it is connected, else
//! one peer that passes them on; and once more another one, where that one does not have all.

use std::collections::{BTreeMap, BTreeSet};

use pos_core::ids::DeviceId;

use super::ConnId;
use super::engine::Engine;
use super::message::{FeedRow, Have, Message, SummaryRow, Total, Want};
use crate::core::{Held, Lane, Replica};
use crate::limits;
use crate::node::Node;
use crate::storage::Storage;

/// A peer that was asked for a device's entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) conn: ConnId,
    /// When it was asked, or last brought something.
    pub(super) heard_ms: u64,
}

/// How far the answer to a want has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    pub(super) conn: ConnId,
    pub(super) taken: u64,
    pub(super) total: u64,
}

impl Engine {
    /// Entries taken in since a peer was found to have more, and entries there were to take in: as
    /// far as peers have said. `None` with nothing to fetch.
    pub fn catching_up(&self, replica: &Replica) -> Option<(u64, u64)> {
        let held = replica.held_by_device();
        let done = held.values().map(|held| held.entries).fold(0, u64::saturating_add);
        let mut announced: BTreeMap<DeviceId, u64> = BTreeMap::new();
        let rows = self.sessions.values().flat_map(|session| session.theirs.values());
        for (device, entries) in rows.map(|row| (row.device, row.entries)) {
            let most = announced.entry(device).or_default();
            *most = entries.max(*most);
        }
        for (device, progress) in &self.progress {
            let mine = held.get(device).map_or(0, |held| held.entries);
            let most = announced.entry(*device).or_default();
            let coming = progress.total.saturating_sub(progress.taken);
            *most = mine.saturating_add(coming).max(*most);
        }
        let left = announced.iter().map(|(device, most)| {
            most.saturating_sub(held.get(device).map_or(0, |held| held.entries))
        });
        let left = left.fold(0, u64::saturating_add);
        let done = done.saturating_sub(self.held_before.unwrap_or(done));
        (left > 0).then(|| (done, done.saturating_add(left)))
    }

    /// Compares a peer's digest with the own one; says what is held here if they differ.
    pub(super) fn digest<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        digest: [u8; 16],
    ) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        if node.replica().held_digest().to_bytes() == digest {
            session.agrees = true;
            session.theirs.clear();
            session.ahead_since.clear();
            session.awaits_summary = false;
            return;
        }
        session.agrees = false;
        session.awaits_summary = true;
        let all = node.replica().held_by_device();
        let row = |(device, held): (DeviceId, Held)| SummaryRow {
            device,
            entries: held.entries,
            digest: held.digest.to_bytes(),
        };
        let rows: Vec<SummaryRow> = all.into_iter().map(row).collect();
        for rows in rows.chunks(limits::ROWS_PER_FRAME) {
            self.send(conn, &Message::Summary(rows.to_vec()));
        }
        if rows.is_empty() {
            self.send(conn, &Message::Summary(Vec::new()));
        }
    }

    pub(super) fn send_digest<S: Storage>(&mut self, node: &mut Node<S>, conn: ConnId, now: u64) {
        let digest = node.replica().held_digest().to_bytes();
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.digests_sent = session.digests_sent.wrapping_add(1);
        // Apart from the others', so that not all peers of a store speak at once.
        let jitter = conn.0.wrapping_mul(7919).wrapping_add(session.digests_sent.wrapping_mul(997));
        let pause = limits::DIGEST_EVERY_MS.saturating_add(jitter % (limits::DIGEST_EVERY_MS / 4));
        session.digest_due_ms = now.saturating_add(pause);
        self.send(conn, &Message::Digest(digest));
    }

    /// Takes in what a peer holds of each device.
    pub(super) fn summary<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        now: u64,
        conn: ConnId,
        rows: Vec<SummaryRow>,
    ) {
        if self.catching_up(node.replica()).is_none() {
            let held = node.replica().held_by_device();
            let held = held.values().map(|held| held.entries).fold(0, u64::saturating_add);
            self.held_before = Some(held);
        }
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.awaits_summary = false;
        for row in rows {
            if session.theirs.len() >= limits::SUMMARY_DEVICES_MAX {
                break;
            }
            if is_ahead(node.replica(), &row) {
                session.ahead_since.entry(row.device).or_insert(now);
            } else {
                session.ahead_since.remove(&row.device);
            }
            session.theirs.insert(row.device, row);
        }
        self.choose(node, now);
    }

    /// Asks for the entries of every device whose source is not the best one, or gone.
    pub(super) fn choose<S: Storage>(&mut self, node: &mut Node<S>, now: u64) {
        self.chosen_ms = now;
        if node.replica().rebuilding().is_some() || node.replica().stopped().is_some() {
            return;
        }
        if self.room_at_ms > now {
            return;
        }
        for author in core::mem::take(&mut self.dropped) {
            if let Some(asked) = self.sources.get(&author).copied() {
                self.ask_again(node, asked.conn, author, now);
            }
        }
        let authors = self.authors(node.replica());
        for &author in &authors {
            if let Some(direct) = self.conn_of(author) {
                self.source_is(node, author, direct, now);
            }
        }
        // The roster first: entries of devices that are not known yet would all be kept aside.
        if !self.direct_are_done(node.replica()) && node.replica().own_role().is_none() {
            return;
        }
        for &author in &authors {
            if author != self.me
                && !self.sources.contains_key(&author)
                && let Some(relay) = self.best_relay(node.replica(), author)
            {
                self.source_is(node, author, relay, now);
            }
        }
        self.repair(node, now);
    }

    /// Everybody who has written something, or is here. Those who are known come first: what a peer
    /// makes up takes nobody's place.
    fn authors(&self, replica: &Replica) -> Vec<DeviceId> {
        let mut known = replica.roster().members().clone();
        known.extend(replica.authors());
        let ready = || self.sessions.values().filter(|session| session.ready);
        known.extend(ready().map(|session| session.device));
        let told: BTreeSet<DeviceId> = ready()
            .flat_map(|session| session.theirs.keys().copied())
            .filter(|device| !known.contains(device))
            .collect();
        known.into_iter().chain(told).take(limits::SUMMARY_DEVICES_MAX).collect()
    }

    fn direct_are_done(&self, replica: &Replica) -> bool {
        self.sessions.values().filter(|session| session.ready).all(|session| {
            session.theirs.get(&session.device).is_none_or(|row| !is_ahead(replica, row))
        })
    }

    /// The peer that holds most of a device's entries; of several the one nearest by its id, so
    /// that not all of a store's relaying falls to one till.
    fn best_relay(&self, replica: &Replica, author: DeviceId) -> Option<ConnId> {
        let held = replica.held_of(author).entries;
        let ready = self.sessions.iter().filter(|(_, session)| session.ready);
        let key = |(conn, session): (&ConnId, &super::session::Session)| {
            let entries = session.theirs.get(&author).map_or(held, |row| row.entries);
            let near: Vec<u8> = session
                .device
                .as_bytes()
                .iter()
                .zip(author.as_bytes())
                .zip(self.me.as_bytes())
                .map(|((a, b), c)| a ^ b ^ c)
                .collect();
            (core::cmp::Reverse(entries), near, *conn)
        };
        ready.map(key).min().map(|(_, _, conn)| conn)
    }

    /// Makes a connection the source of a device's entries.
    fn source_is<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        author: DeviceId,
        conn: ConnId,
        now: u64,
    ) {
        match self.sources.get(&author).map(|asked| asked.conn) {
            Some(current) if current == conn => return,
            Some(former) => self.send(former, &Message::Enough(author)),
            None => {}
        }
        self.ask_again(node, conn, author, now);
    }

    /// Asks a connection for a device's entries, from where this replica is, for good.
    pub(super) fn ask_again<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        author: DeviceId,
        now: u64,
    ) {
        self.sources.insert(author, Asked { conn, heard_ms: now });
        self.ask(node, conn, author, true);
    }

    fn ask<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        device: DeviceId,
        standing: bool,
    ) {
        let held = node.replica().held_of(device).digest.to_bytes();
        let theirs = self.sessions.get(&conn).and_then(|session| session.theirs.get(&device));
        if theirs.is_some_and(|row| row.digest != held) {
            return self.send_rows(node, conn, device, standing);
        }
        self.send(conn, &Message::Want(Want { device, standing, have: Have::Digest(held) }));
    }

    /// A peer holds something else of a device: says what is held here, feed by feed.
    pub(super) fn send_feeds<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        device: DeviceId,
    ) {
        let standing = self.sources.get(&device).is_some_and(|asked| asked.conn == conn);
        let once = self.repairs.get(&device).is_some_and(|asked| asked.conn == conn);
        if standing || once {
            self.send_rows(node, conn, device, standing);
        }
    }

    fn send_rows<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        device: DeviceId,
        standing: bool,
    ) {
        let feeds = node.replica().feeds_of(device);
        let rows: Vec<FeedRow> = feeds
            .filter(|(_, state)| state.is_one_run())
            .filter_map(|(feed, state)| {
                let (seq, head) = *state.heads.last()?;
                let floor = feed.lane == Lane::Floor;
                Some(FeedRow { incarnation: feed.incarnation, floor, seq, head })
            })
            .collect();
        let chunks = rows.chunks(limits::ROWS_PER_FRAME).count().max(1);
        for index in 0..chunks {
            let from = index.saturating_mul(limits::ROWS_PER_FRAME);
            let ends = rows.iter().skip(from).take(limits::ROWS_PER_FRAME).copied().collect();
            let have = Have::Feeds { ends, more: index + 1 < chunks };
            self.send(conn, &Message::Want(Want { device, standing, have }));
        }
    }

    /// Asks those who have been ahead of the source for a while, once.
    fn repair<S: Storage>(&mut self, node: &mut Node<S>, now: u64) {
        let mut ahead: BTreeMap<DeviceId, Vec<ConnId>> = BTreeMap::new();
        for (conn, session) in &mut self.sessions {
            let theirs = &session.theirs;
            session.ahead_since.retain(|author, _| {
                theirs.get(author).is_some_and(|row| is_ahead(node.replica(), row))
            });
            let patience = |(_, since): &(&DeviceId, &u64)| {
                since.saturating_add(limits::SOURCE_PATIENCE_MS) <= now
            };
            for (author, _) in session.ahead_since.iter().filter(patience) {
                ahead.entry(*author).or_default().push(*conn);
            }
        }
        let stalled = |asked: &Asked| asked.heard_ms.saturating_add(limits::WANT_STALLED_MS) <= now;
        for (author, conns) in ahead {
            let source = self.sources.get(&author).copied();
            let is_source = |conn: &ConnId| source.is_some_and(|source| source.conn == *conn);
            if let Some(source) =
                source.filter(|source| conns.contains(&source.conn) && stalled(source))
            {
                self.ask_again(node, source.conn, author, now);
            }
            let others: Vec<ConnId> = conns.into_iter().filter(|conn| !is_source(conn)).collect();
            if self.repairs.get(&author).is_none_or(stalled)
                && let Some(conn) = self.next_helper(author, &others)
            {
                self.repairs.insert(author, Asked { conn, heard_ms: now });
                self.ask(node, conn, author, false);
            }
        }
    }

    /// Whom to ask next of those that may have more of a device: each in turn, for who was asked
    /// last may have had nothing new and still hold something else.
    fn next_helper(&mut self, author: DeviceId, conns: &[ConnId]) -> Option<ConnId> {
        let last = self.helped_last.get(&author);
        let next = conns.iter().find(|conn| last.is_some_and(|last| *conn > last));
        let conn = *next.or(conns.first())?;
        if self.helped_last.len() >= limits::SUMMARY_DEVICES_MAX {
            self.helped_last.clear();
        }
        self.helped_last.insert(author, conn);
        Some(conn)
    }

    /// A window of a device's entries was taken in.
    pub(super) fn heard(
        &mut self,
        conn: ConnId,
        author: DeviceId,
        entries: usize,
        new: usize,
        now: u64,
    ) {
        for asked in [self.sources.get_mut(&author), self.repairs.get_mut(&author)] {
            if let Some(asked) = asked.filter(|asked| asked.conn == conn && new > 0) {
                asked.heard_ms = now;
            }
        }
        let taken = u64::try_from(entries).unwrap_or(u64::MAX);
        if let Some(progress) = self.progress.get_mut(&author).filter(|p| p.conn == conn) {
            progress.taken = progress.taken.saturating_add(taken);
            if progress.taken >= progress.total {
                self.progress.remove(&author);
                if self.repairs.get(&author).is_some_and(|asked| asked.conn == conn) {
                    self.repairs.remove(&author);
                }
            }
        }
    }

    pub(super) fn total(&mut self, conn: ConnId, total: Total) {
        let asked = [self.sources.get(&total.device), self.repairs.get(&total.device)];
        if asked.into_iter().flatten().any(|asked| asked.conn == conn) {
            let progress = Progress { conn, taken: 0, total: total.entries };
            self.progress.insert(total.device, progress);
        }
    }
}

/// Whether a peer holds something of a device that is not here, as far as the counts tell: with a
/// smaller count it asks for what is here, and has more than here afterwards. Where something in
/// between is missing here, what follows it cannot be given, and whoever holds something else may have it.
pub(super) fn is_ahead(replica: &Replica, row: &SummaryRow) -> bool {
    let mine = replica.held_of(row.device);
    let may_have_more = row.entries == mine.entries || !mine.is_whole;
    row.entries > mine.entries || (may_have_more && row.digest != mine.digest.to_bytes())
}
