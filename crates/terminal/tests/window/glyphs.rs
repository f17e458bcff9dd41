//! Every word of every language has its letters in the fonts that ship.

use eframe::egui;
use terminal::window::theme;
use terminal::window::words::{BUILT_IN, Word, Words};

#[test]
fn every_word_of_every_language_can_be_drawn() {
    // The harness panics at a letter that no font has.
    for (id, source) in BUILT_IN {
        let words = Words::new(id, source).unwrap();
        let text: Vec<String> = Word::ALL.iter().map(|word| words.say(*word).to_owned()).collect();
        let mut harness = egui_kittest::Harness::builder()
            .with_size(egui::vec2(1200.0, 20_000.0))
            .with_context_setup(theme::install)
            .build_ui(move |ui| {
                for line in &text {
                    ui.label(line);
                    ui.label(egui::RichText::new(line).font(theme::strong_font(20.0)));
                }
                ui.label("€ £ $ ¥ zł Kč − × · … “ ” „ – ← ↑ ↓ →");
            });
        harness.run();
    }
}
