//! What happens by itself: background flushes, publishing, an orderly stop.

use super::command::Moment;
use super::effect::Effect;
use super::replica::Replica;
use crate::storage::{FrameKind, Reads, Stream};

impl Replica {
    pub(super) fn tick(&mut self, reads: &dyn Reads, at: Moment) {
        if self.stopped.is_some() {
            return;
        }
        if self.may_fetch_aside()
            && let Some(damage) = self.unreadable_aside.take()
        {
            self.meet_damage(&damage, false);
        }
        self.publish_if_due(reads, at);
        if self.floor_due_ms.is_some_and(|due| at.monotonic_ms >= due) {
            // The entry that opened this life may wait as well.
            if self.appended.get(&Stream::OwnLedger) != self.flushed.get(&Stream::OwnLedger) {
                self.effect(Effect::Flush(Stream::OwnLedger));
            }
            self.effect(Effect::Flush(Stream::OwnFloor));
        }
        self.commit_when_flushed();
    }

    /// Publishes, marks the end of the journal, flushes. What is cut off behind such a mark later
    /// is damage, not an unfinished write.
    pub(super) fn close(&mut self, reads: &dyn Reads, at: Moment) {
        self.closing = true;
        if self.stopped.is_some() || self.life.is_none() {
            self.commit_when_flushed();
            return;
        }
        self.publish(reads, at);
        self.write_resume();
        for stream in [Stream::OwnFloor, Stream::OwnLedger] {
            self.append_frame(stream, FrameKind::Closed, Vec::new());
            self.effect(Effect::Flush(stream));
        }
    }
}
