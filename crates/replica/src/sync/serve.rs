//! Giving: what a peer wants goes to it from the journal, as far as it acknowledges. The log is the
//! queue: a slow peer is behind, and costs no memory.

use pos_core::ids::DeviceId;

use super::engine::{CloseReason, Engine};
use super::message::{Have, Message, Total, Want, Window};
use super::session::{Serving, Session};
use super::{Class, ConnId};
use crate::core::{Cursor, FeedId, FeedState, Lane};
use crate::limits;
use crate::node::Node;
use crate::storage::{Storage, StorageError};

impl Engine {
    /// Sends what has been written or taken in since the last call.
    pub fn pump<S: Storage>(&mut self, node: &mut Node<S>) {
        let grown = node.take_grown();
        for session in self.sessions.values_mut() {
            for feed in &grown {
                if let Some(serving) = session.serving.get_mut(&feed.device) {
                    serving.lagging.insert(*feed);
                }
            }
        }
        // What waits for its flush cannot be sent: without one there is nothing new to send.
        if core::mem::replace(&mut self.pumped_at, node.flushes()) == node.flushes() {
            return;
        }
        for conn in self.conns() {
            self.serve(node, conn);
        }
    }

    /// Begins to serve what a peer asks for.
    pub(super) fn want<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        want: Want,
    ) -> Result<(), CloseReason> {
        let Some(session) = self.sessions.get_mut(&conn) else { return Ok(()) };
        if session.wants_too_much() {
            return Err(CloseReason::Protocol("a want without an end"));
        }
        // Until the index is whole, what is held here is not known, and the want would come to nothing.
        if node.replica().rebuilding().is_some() {
            session.postponed.push(want);
            return Ok(());
        }
        let Want { device, standing, have } = want;
        let mut serving = Serving { standing, ..Serving::default() };
        match have {
            Have::Digest(digest) => {
                if digest != node.replica().held_of(device).digest.to_bytes() {
                    self.send(conn, &Message::Differs(device));
                    return Ok(());
                }
                for (feed, state) in node.replica().feeds_of(device) {
                    serving.cursors.insert(*feed, Cursor::behind(state.reached()));
                }
            }
            Have::Feeds { ends, more } => {
                session.rows.entry(device).or_default().extend(ends);
                if more {
                    return Ok(());
                }
                let rows = session.rows.remove(&device).unwrap_or_default();
                let feeds: Vec<(FeedId, FeedState)> = node
                    .replica()
                    .feeds_of(device)
                    .map(|(feed, state)| (*feed, state.clone()))
                    .collect();
                for (feed, state) in feeds {
                    let row = rows.iter().find(|row| row.feed(device) == feed);
                    // It names only feeds of which it has all up to there: a gap below is none of its
                    // own. Of a fork it may have the other branch.
                    let known = row.filter(|_| !state.is_forked()).is_some_and(|row| {
                        let held = node.query(|replica, reads| {
                            replica.has_entry(reads, feed, row.seq, row.head)
                        });
                        held.unwrap_or(false)
                    });
                    let cursor =
                        row.filter(|_| known).map_or(Cursor::START, |row| Cursor::behind(row.seq));
                    serving.cursors.insert(feed, cursor);
                    if cursor.seq <= state.reached() {
                        serving.lagging.insert(feed);
                    }
                }
            }
        }
        self.begin(node, conn, device, serving);
        Ok(())
    }

    /// Takes up what could not be answered or read while the index was made again.
    pub(super) fn resume<S: Storage>(&mut self, node: &mut Node<S>) {
        if node.replica().rebuilding().is_some() {
            return;
        }
        for conn in self.conns() {
            let Some(session) = self.sessions.get_mut(&conn) else { continue };
            for want in core::mem::take(&mut session.postponed) {
                if let Err(reason) = self.want(node, conn, want) {
                    self.close(conn, reason);
                }
            }
            self.serve(node, conn);
        }
    }

    fn begin<S: Storage>(
        &mut self,
        node: &mut Node<S>,
        conn: ConnId,
        device: DeviceId,
        serving: Serving,
    ) {
        let reached = |feed: &FeedId| node.replica().feed_state(feed).map_or(0, FeedState::reached);
        let behind = |(feed, cursor): (&FeedId, &Cursor)| {
            reached(feed).saturating_add(1).saturating_sub(cursor.seq)
        };
        let entries = serving.cursors.iter().map(behind).fold(0, u64::saturating_add);
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        let by = session.device;
        session.forget_windows_of(device);
        let stored: Vec<(FeedId, u64)> = serving
            .cursors
            .iter()
            .map(|(feed, cursor)| (*feed, cursor.seq.saturating_sub(1)))
            .filter(|(feed, seq)| feed.device == self.me && *seq > 0)
            .collect();
        // A peer that is served for good goes on so while it is asked for more, once.
        let standing = serving.standing
            || session.serving.get(&device).is_some_and(|serving| serving.standing);
        session.serving.insert(device, Serving { standing, ..serving });
        for (feed, seq) in stored {
            self.note_stored(by, feed, seq);
        }
        if entries > 0 {
            self.send(conn, &Message::Total(Total { device, entries }));
        }
        self.serve(node, conn);
    }

    pub(super) fn enough(&mut self, conn: ConnId, device: DeviceId) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.serving.remove(&device);
            session.rows.remove(&device);
            session.postponed.retain(|want| want.device != device);
        }
    }

    /// Sends a peer windows until it has enough to acknowledge or all there is.
    pub(super) fn serve<S: Storage>(&mut self, node: &mut Node<S>, conn: ConnId) {
        let busy = |session: &Session| !session.serving.values().all(Serving::is_idle);
        if !self.sessions.get(&conn).is_some_and(busy) {
            return;
        }
        for feed in self.lagging(conn) {
            while self.send_window(node, conn, feed) {}
        }
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.serving.retain(|_, serving| serving.standing || !serving.lagging.is_empty());
        }
    }

    /// The feeds a peer lacks something of: own ones first, sales before carts.
    fn lagging(&self, conn: ConnId) -> Vec<FeedId> {
        let Some(session) = self.sessions.get(&conn) else { return Vec::new() };
        let mut feeds: Vec<FeedId> =
            session.serving.values().flat_map(|serving| serving.lagging.iter().copied()).collect();
        feeds.sort_by_key(|feed| (feed.lane == Lane::Floor, feed.device != self.me, *feed));
        feeds
    }

    /// Sends the next window of a feed; says whether another one may follow.
    fn send_window<S: Storage>(&mut self, node: &mut Node<S>, conn: ConnId, feed: FeedId) -> bool {
        let Some(session) = self.sessions.get_mut(&conn) else { return false };
        let left = limits::UNACKNOWLEDGED_BYTES_MAX.saturating_sub(session.in_flight_bytes());
        let Some(serving) = session.serving.get_mut(&feed.device) else { return false };
        if left == 0 {
            return false;
        }
        let cursor = serving.cursors.get(&feed).copied().unwrap_or(Cursor::START);
        let bytes = limits::WINDOW_BYTES;
        let from = (feed, cursor, node.flushes());
        // All peers are at the end of a feed most of the time: what goes to one goes to the others.
        let run = match self.read.take() {
            Some((of, run)) if of == from => Ok(Some(run)),
            _ => node.query(|replica, reads| replica.run_from(reads, feed, cursor, bytes)),
        };
        if let Err(StorageError::Damaged(damage)) = &run {
            node.meet_damage(damage);
        }
        let reached = node.replica().feed_state(&feed).map_or(0, FeedState::reached);
        let Ok(Some(run)) = run else {
            // Behind the end there is nothing until the feed grows; before it something waits for its
            // flush, or is missing. Where the end is, an index in the making does not know.
            let end = Cursor { seq: reached, skip: 0 };
            if cursor > end && node.replica().rebuilding().is_none() {
                serving.lagging.remove(&feed);
            }
            return false;
        };
        serving.cursors.insert(feed, run.next);
        let at_end = run.next.seq > reached || (run.next.seq == reached && run.next.skip > 0);
        let (last, bytes) = (run.last, run.bytes);
        let small = at_end && bytes <= limits::LIVE_BYTES_MAX;
        let class = session.class_for(&feed, if small { Class::Live } else { Class::Bulk });
        let id = session.sent(feed, last, bytes, class);
        let Some(store) = node.replica().store_id() else { return false };
        let packed = session.packer.pack(store, feed, run.entries.get());
        self.read = Some((from, run));
        let window = Window { id, packed };
        self.send_as(conn, class, &Message::Window(window));
        true
    }
}
