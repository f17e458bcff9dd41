//! A till that waits draws nothing.

use eframe::egui::{Key, ViewportId};

use crate::stage::Window;

#[test]
fn nothing_is_drawn_again_when_nothing_happens() {
    let mut window = Window::selling();
    window.scan("2900000000018");
    window.until("a line", |desk| desk.cart.lines.len() == 1);
    // The line that was added stands out for a moment, then all is still.
    for _ in 0..40 {
        window.harness.step();
    }
    for screen in [Key::F1, Key::F3, Key::F5, Key::F8, Key::Escape] {
        window.key(screen);
        window.harness.run_steps(3);
        let delay = window.harness.output().viewport_output[&ViewportId::ROOT].repaint_delay;
        assert_eq!(delay, core::time::Duration::MAX, "after {screen:?}");
    }
}
