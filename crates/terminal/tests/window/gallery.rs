//! Every screen as a picture, by day and night, in both languages and both ways of holding a tablet.
//! Drawn without a display, for people to look at: pictures are not compared.

use std::fs;
use std::path::PathBuf;

use eframe::egui::{Theme, Vec2};
use terminal::window::state::Overlay;

use crate::shop;
use crate::stage::{Looks, Window};

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("gallery");
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn all(looks: Looks, suffix: &str) {
    for (name, view, overlay) in shop::screens() {
        let mut window = Window::of(view, looks);
        let state = &mut window.state().surface.state;
        match overlay {
            Some(shop::Laid::Over(overlay)) => state.lay(Some(overlay)),
            Some(shop::Laid::Query(query)) => query.clone_into(&mut state.drafts.query),
            Some(shop::Laid::Drawer) => state.drawer = true,
            None => {}
        }
        if state.overlay == Some(Overlay::Customer) {
            "mar".clone_into(&mut state.drafts.customer);
        }
        window.harness.run();
        let size = (whole(looks.size.x), whole(looks.size.y));
        let picture =
            window.painter.borrow_mut().draw(&window.harness.ctx, window.harness.output(), size);
        assert!(picture.colours() > 20, "{name} is empty");
        picture.save(&folder().join(format!("{name}{suffix}.png")));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the size of a window")]
fn whole(points: f32) -> usize {
    points as usize
}

#[test]
fn every_screen_by_day() {
    all(Looks::USUAL, "");
}

#[test]
fn every_screen_by_night() {
    all(Looks { theme: Theme::Dark, ..Looks::USUAL }, "-dark");
}

#[test]
fn every_screen_in_german() {
    all(Looks { language: "de", ..Looks::USUAL }, "-de");
}

#[test]
fn every_screen_on_a_tablet_held_upright() {
    all(Looks { size: Vec2::new(800.0, 1280.0), ..Looks::USUAL }, "-upright");
}
