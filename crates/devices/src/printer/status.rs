//! What a printer says about itself.

use crate::limits::REPLY_BYTES_MAX;

/// What a printer can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// `DLE EOT 1` to `4`: how it is now, answered at once, with four bytes.
    Condition,
    /// `GS a 255`: report every change without being asked.
    Reports,
    /// `GS r 1`: the paper, answered when everything before was done.
    PaperInOrder,
    /// `GS ( H`: send back these four characters when everything before is on paper.
    ProcessId([u8; 4]),
}

impl Request {
    /// Its bytes.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Condition => (1..=4).flat_map(|what| [0x10, 0x04, what]).collect(),
            Self::Reports => vec![0x1d, b'a', 0xff],
            Self::PaperInOrder => vec![0x1d, b'r', 1],
            Self::ProcessId([a, b, c, d]) => vec![0x1d, b'(', b'H', 6, 0, 48, 48, a, b, c, d],
        }
    }
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// To one part of [`Request::Condition`], in the order of the questions.
    RealTime(u8),
    /// A change was reported.
    Report([u8; 4]),
    /// To [`Request::PaperInOrder`].
    Paper(u8),
    /// To [`Request::ProcessId`].
    ProcessId([u8; 4]),
}

/// How a printer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a lamp of its own on a printer")]
pub struct Condition {
    /// It does not print.
    pub offline: bool,
    /// Its cover is open.
    pub cover_open: bool,
    /// It has no paper.
    pub paper_out: bool,
    /// Its paper ends soon.
    pub paper_low: bool,
    /// The cutter is stuck, or something else a person can put right.
    pub jammed: bool,
    /// It is broken: only its service can help.
    pub broken: bool,
}

impl Condition {
    /// From the four answers to [`Request::Condition`].
    pub const fn from_real_time([printer, cause, error, paper]: [u8; 4]) -> Self {
        Self {
            offline: printer & 0x08 != 0,
            cover_open: cause & 0x04 != 0,
            paper_out: cause & 0x20 != 0 || paper & 0x60 != 0,
            paper_low: paper & 0x0c != 0,
            jammed: error & 0x0c != 0,
            broken: error & 0x20 != 0,
        }
    }

    /// From a report.
    pub const fn from_report([first, second, third, _]: [u8; 4]) -> Self {
        Self {
            offline: first & 0x08 != 0,
            cover_open: first & 0x20 != 0,
            paper_out: third & 0x0c != 0,
            paper_low: third & 0x03 != 0,
            jammed: second & 0x0c != 0,
            broken: second & 0x20 != 0,
        }
    }

    /// Whether it prints what it is sent.
    pub const fn is_ready(self) -> bool {
        !(self.offline || self.cover_open || self.paper_out || self.jammed || self.broken)
    }
}

/// Takes a printer's bytes apart. Answers are told apart by fixed bits; what fits none is noise and is
/// skipped.
#[derive(Debug, Clone, Default)]
pub struct ReplyReader {
    pending: Vec<u8>,
}

impl ReplyReader {
    /// The answers that are complete with these bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Reply> {
        let mut replies = Vec::new();
        for &byte in bytes {
            if self.pending.len() >= REPLY_BYTES_MAX {
                self.pending.clear();
            }
            self.pending.push(byte);
            self.complete(&mut replies);
        }
        replies
    }

    fn complete(&mut self, replies: &mut Vec<Reply>) {
        while let Some(&first) = self.pending.first() {
            let wanted = match first {
                _ if first & 0x93 == 0x10 => 4,
                0x37 => 7,
                _ => 1,
            };
            // A report's other bytes have fixed bits too: what lacks them is none.
            if wanted == 4 && self.pending.iter().skip(1).any(|byte| byte & 0x90 != 0) {
                self.pending.remove(0);
                continue;
            }
            if wanted == 7 && self.pending.get(1).is_some_and(|&second| second != 0x22) {
                self.pending.remove(0);
                continue;
            }
            if self.pending.len() < wanted {
                return;
            }
            let reply: Vec<u8> = self.pending.drain(..wanted).collect();
            replies.extend(match *reply.as_slice() {
                [byte] if byte & 0x93 == 0x12 => Some(Reply::RealTime(byte)),
                [byte] if byte & 0xf0 == 0 => Some(Reply::Paper(byte)),
                [a, b, c, d] => Some(Reply::Report([a, b, c, d])),
                [_, _, a, b, c, d, 0] => Some(Reply::ProcessId([a, b, c, d])),
                _ => None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_every_kind_are_told_apart_however_they_are_cut() {
        let bytes = [
            0x12, 0x1a, 0x14, 0x00, 0x0c, 0x00, 0x37, 0x22, b'A', b'B', b'C', b'D', 0, 0x0c, 0x11,
            0x72,
        ];
        let expected = [
            Reply::RealTime(0x12),
            Reply::RealTime(0x1a),
            Reply::Report([0x14, 0x00, 0x0c, 0x00]),
            Reply::ProcessId(*b"ABCD"),
            Reply::Paper(0x0c),
            Reply::RealTime(0x72),
        ];
        assert_eq!(ReplyReader::default().read(&bytes), expected);
        let mut reader = ReplyReader::default();
        let one_by_one: Vec<Reply> = bytes.iter().flat_map(|&byte| reader.read(&[byte])).collect();
        assert_eq!(one_by_one, expected);
    }

    #[test]
    fn noise_does_not_hide_the_answer_after_it() {
        let mut reader = ReplyReader::default();
        assert_eq!(
            reader.read(&[0xff, 0x10, 0xff, 0x37, 0x37, 0x22, 1, 2, 3, 4, 0]).last(),
            Some(&Reply::ProcessId([1, 2, 3, 4]))
        );
        assert_eq!(reader.read(&[0x12]), [Reply::RealTime(0x12)]);
    }

    #[test]
    fn the_lamps_are_read_from_the_bits_of_the_specification() {
        let fine = Condition::from_real_time([0x12, 0x12, 0x12, 0x12]);
        assert_eq!((fine, fine.is_ready()), (Condition::default(), true));
        let out = Condition::from_real_time([0x1a, 0x32, 0x12, 0x7e]);
        assert!(out.offline && out.paper_out && out.paper_low && !out.is_ready());
        assert!(Condition::from_real_time([0x12, 0x16, 0x12, 0x12]).cover_open);
        assert!(Condition::from_real_time([0x12, 0x12, 0x1a, 0x12]).jammed);
        let low = Condition::from_report([0x14, 0, 0x03, 0]);
        assert!(low.paper_low && low.is_ready());
        assert!(Condition::from_report([0x38, 0, 0x0c, 0]).paper_out);
    }
}
