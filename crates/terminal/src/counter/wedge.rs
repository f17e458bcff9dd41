//! Scanners that type: a burst of keys is a code, whatever has the focus; what a person types stays
//! typing.
//!
//! Most scanners are keyboards. What tells them apart is time: a scanner strikes a key every few
//! milliseconds and ends with Enter. [`Wedge`] is handed each stroke with the times between which it
//! arrived, and holds it back until it is known what it belongs to: a few hundredths of a second,
//! which nobody notices. Then it gives it out again: as a [`Heard::Code`], or as the stroke it was, in
//! the order in which it came. Nothing is lost, nothing doubled. Pure: times are arguments.
//!
//! A window learns of several strokes at once, at the next frame, and cannot say when each arrived:
//! only that it was after the last look and before this one. Both times are given, and a burst counts
//! as one only when it was fast at its slowest reading. So a hiccup of the machine never makes a scan
//! out of typing. A scan during a hiccup is typing then, and does what a typed code with Enter does.

use pos_core::gtin::Gtin;

/// Times and lengths that tell a scanner from a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Longest time between two strokes of a scanner, in microseconds. Also how long a stroke is held
    /// back.
    pub gap_us: u64,
    /// Longest time a scanner takes for a stroke, over a whole code, in microseconds.
    pub mean_us: u64,
    /// The same for a code that is a GTIN, check digit and all: nobody types one by chance.
    pub gtin_us: u64,
    /// Shortest code, in characters.
    pub shortest: usize,
    /// Longest code; what goes on is not a scan.
    pub longest: usize,
}

impl Pace {
    /// Scanners send a key every 2 to 20 ms; the fastest typists need 60 ms, and 30 ms for a few keys
    /// that their fingers roll over. Held no longer than that, typing feels as it did.
    pub const USUAL: Self =
        Self { gap_us: 30_000, mean_us: 25_000, gtin_us: 45_000, shortest: 4, longest: 256 };
}

impl Default for Pace {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What a stroke is to a scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// A character.
    Character(char),
    /// Belongs to the character that follows: the key that types it.
    Silent,
    /// Enter or Tab: what a scanner ends a code with.
    End,
    /// Anything else: no scanner sends it.
    Other,
}

/// When a stroke arrived, in microseconds on any clock that does not go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Not before this: when strokes were looked for the last time.
    pub after_us: u64,
    /// Not later than this: now.
    pub before_us: u64,
}

/// What the wedge gives out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<E> {
    /// A scanner read this.
    Code(String),
    /// Not of a scanner: to be treated as if there were no wedge.
    Typed(E),
}

/// Holds strokes back until it is known who made them.
#[derive(Debug)]
pub struct Wedge<E> {
    pace: Pace,
    held: Vec<(Stroke, E)>,
    code: String,
    characters: usize,
    /// Earliest time at which the first held stroke can have arrived.
    began_us: u64,
    /// Latest time at which the last held stroke can have arrived.
    last: Option<Arrival>,
}

impl<E> Default for Wedge<E> {
    fn default() -> Self {
        Self::new(Pace::USUAL)
    }
}

impl<E> Wedge<E> {
    /// Nothing held.
    pub fn new(pace: Pace) -> Self {
        Self { pace, held: Vec::new(), code: String::new(), characters: 0, began_us: 0, last: None }
    }

    /// Takes the next stroke.
    pub fn stroke(&mut self, at: Arrival, stroke: Stroke, event: E) -> Vec<Heard<E>> {
        // It may have come right behind the last one, however late it was looked for.
        let mut heard = self.wait(at.after_us);
        match stroke {
            Stroke::Character(_) | Stroke::Silent => {
                if self.characters >= self.pace.longest {
                    self.release(&mut heard);
                }
                self.hold(at, stroke, event);
            }
            Stroke::End if self.is_scan(at) => {
                heard.push(Heard::Code(core::mem::take(&mut self.code)));
                self.forget();
            }
            Stroke::End | Stroke::Other => {
                self.release(&mut heard);
                heard.push(Heard::Typed(event));
            }
        }
        heard
    }

    /// What has become typing because nothing followed; to be called when [`Self::due_us`] has come.
    pub fn wait(&mut self, now_us: u64) -> Vec<Heard<E>> {
        let mut heard = Vec::new();
        if self.due_us().is_some_and(|due| now_us > due) {
            self.release(&mut heard);
        }
        heard
    }

    /// Until when the held strokes wait for another one; `None` when none is held.
    pub fn due_us(&self) -> Option<u64> {
        self.last.map(|last| last.before_us.saturating_add(self.pace.gap_us))
    }

    fn hold(&mut self, at: Arrival, stroke: Stroke, event: E) {
        if self.held.is_empty() {
            self.began_us = at.after_us;
        }
        if let Stroke::Character(letter) = stroke {
            self.code.push(letter);
            self.characters += 1;
        }
        self.held.push((stroke, event));
        self.last = Some(at);
    }

    /// Whether what is held and the end that just arrived can only be a scanner's: fast enough even
    /// if its first stroke came as early and the end as late as can be.
    fn is_scan(&self, end: Arrival) -> bool {
        let strokes = u64::try_from(self.characters).unwrap_or(u64::MAX);
        let took = end.before_us.saturating_sub(self.began_us);
        let each =
            if self.code.parse::<Gtin>().is_ok() { self.pace.gtin_us } else { self.pace.mean_us };
        self.characters >= self.pace.shortest && took <= each.saturating_mul(strokes)
    }

    fn release(&mut self, heard: &mut Vec<Heard<E>>) {
        heard.extend(self.held.drain(..).map(|(_, event)| Heard::Typed(event)));
        self.forget();
    }

    fn forget(&mut self) {
        self.held.clear();
        self.code.clear();
        self.characters = 0;
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Strokes at exact times, in milliseconds since the one before.
    fn play(strokes: &[(u64, Stroke)]) -> Vec<Heard<Stroke>> {
        let mut wedge = Wedge::default();
        let mut now = 1_000_000;
        let mut heard = Vec::new();
        for (gap_ms, stroke) in strokes {
            now += gap_ms * 1000;
            let at = Arrival { after_us: now, before_us: now };
            heard.extend(wedge.stroke(at, *stroke, *stroke));
        }
        heard.extend(wedge.wait(u64::MAX));
        heard
    }

    fn burst(code: &str, gap_ms: u64) -> Vec<(u64, Stroke)> {
        let keys = code.chars().flat_map(|letter| [Stroke::Silent, Stroke::Character(letter)]);
        let mut gap = 200;
        let mut strokes = Vec::new();
        for stroke in keys.chain([Stroke::End]) {
            strokes.push((gap, stroke));
            gap = if stroke == Stroke::Silent { 0 } else { gap_ms };
        }
        strokes
    }

    fn codes(heard: &[Heard<Stroke>]) -> Vec<&str> {
        heard
            .iter()
            .filter_map(|one| match one {
                Heard::Code(code) => Some(code.as_str()),
                Heard::Typed(_) => None,
            })
            .collect()
    }

    fn any_stroke() -> impl Strategy<Value = Stroke> {
        prop_oneof![
            6 => proptest::char::range('0', '9').prop_map(Stroke::Character),
            2 => proptest::char::range('a', 'z').prop_map(Stroke::Character),
            2 => Just(Stroke::Silent),
            2 => Just(Stroke::End),
            1 => Just(Stroke::Other),
        ]
    }

    proptest! {
        #[test]
        fn a_scan_is_heard_between_any_typing(
            before in proptest::collection::vec((60_u64..500, any_stroke()), 0..20),
            after in proptest::collection::vec((60_u64..500, any_stroke()), 0..20),
            code in "[0-9A-Z]{4,40}",
            gap_ms in 0_u64..=20,
        ) {
            let mut strokes = before.clone();
            strokes.extend(burst(&code, gap_ms));
            strokes.extend(after.iter().copied());
            let heard = play(&strokes);
            prop_assert_eq!(codes(&heard), [code.as_str()]);
            let typed: Vec<Stroke> = heard.iter().filter_map(|one| match one {
                Heard::Typed(stroke) => Some(*stroke),
                Heard::Code(_) => None,
            }).collect();
            let expected: Vec<Stroke> =
                before.iter().chain(&after).map(|(_, stroke)| *stroke).collect();
            prop_assert_eq!(typed, expected);
        }

        #[test]
        fn a_person_is_never_taken_for_a_scanner(
            strokes in proptest::collection::vec((30_u64..500, any_stroke()), 0..60),
        ) {
            let heard = play(&strokes);
            prop_assert_eq!(codes(&heard), Vec::<&str>::new());
            prop_assert_eq!(heard.len(), strokes.len());
        }

        #[test]
        fn a_hiccup_of_the_machine_makes_no_scan_out_of_typing(
            text in proptest::collection::vec((50_u64..200, any_stroke()), 1..40),
            frames in proptest::collection::vec(1_u64..900, 60),
        ) {
            // A person types; the window looks only now and then.
            let mut wedge = Wedge::default();
            let (mut typed_at, mut looked, mut frame) = (0, 0, 0);
            let mut queue = text.iter().map(|(gap, stroke)| {
                typed_at += gap * 1000;
                (typed_at, *stroke)
            }).peekable();
            let mut heard = Vec::new();
            for gap in frames.iter().cycle().take(600) {
                frame += gap * 1000;
                let at = Arrival { after_us: looked, before_us: frame };
                while let Some((_, stroke)) = queue.next_if(|(at, _)| *at <= frame) {
                    heard.extend(wedge.stroke(at, stroke, stroke));
                }
                looked = frame;
            }
            heard.extend(wedge.wait(u64::MAX));
            prop_assert_eq!(codes(&heard), Vec::<&str>::new());
            prop_assert_eq!(heard.len(), text.len());
        }

        #[test]
        fn nothing_is_lost_doubled_or_moved(
            strokes in proptest::collection::vec((0_u64..120, any_stroke()), 0..80),
        ) {
            let letters = |strokes: &mut dyn Iterator<Item = Stroke>| -> String {
                strokes.filter_map(|stroke| match stroke {
                    Stroke::Character(letter) => Some(letter),
                    _ => None,
                }).collect()
            };
            let heard = play(&strokes);
            let mut out = String::new();
            for one in &heard {
                match one {
                    Heard::Code(code) => out.push_str(code),
                    Heard::Typed(stroke) => out.push_str(&letters(&mut [*stroke].into_iter())),
                }
            }
            prop_assert_eq!(out, letters(&mut strokes.iter().map(|(_, stroke)| *stroke)));
        }
    }

    #[test]
    fn a_hiccup_in_the_middle_of_a_scan_does_not_tear_it() {
        let mut wedge = Wedge::default();
        let (mut looked, mut heard) = (0, Vec::new());
        // Looked for at 3, 10, 90 and 100 ms: the machine was busy in between.
        for (now, keys) in [(3_000, "40"), (10_000, "063"), (90_000, "81333931"), (100_000, "")] {
            let at = Arrival { after_us: looked, before_us: now };
            for letter in keys.chars() {
                heard.extend(wedge.stroke(at, Stroke::Character(letter), letter));
            }
            looked = now;
        }
        let at = Arrival { after_us: 100_000, before_us: 101_000 };
        heard.extend(wedge.stroke(at, Stroke::End, '\n'));
        assert_eq!(heard, [Heard::Code("4006381333931".to_owned())]);
    }

    #[test]
    fn strokes_wait_a_moment_and_no_longer() {
        let mut wedge = Wedge::default();
        let at = Arrival { after_us: 990, before_us: 1000 };
        assert_eq!(wedge.stroke(at, Stroke::Character('a'), 'a'), []);
        assert_eq!(wedge.due_us(), Some(31_000));
        assert_eq!(wedge.wait(31_000), []);
        assert_eq!(wedge.wait(31_001), [Heard::Typed('a')]);
        assert_eq!(wedge.due_us(), None);
    }

    #[test]
    fn two_scans_without_a_pause_are_two() {
        let mut strokes = burst("4006381333931", 3);
        strokes.extend(burst("96385074", 3).into_iter().map(|(_, stroke)| (3, stroke)));
        assert_eq!(codes(&play(&strokes)), ["4006381333931", "96385074"]);
    }
}
