//! What this screen is set to: language, theme, size. Kept in a small file beside the store, which
//! may be lost.

use std::fs;
use std::path::Path;

use eframe::egui::ThemePreference;
use serde::{Deserialize, Serialize};

/// The file's name in the store's folder.
pub const FILE: &str = "window.json";

/// Longest file that is read, in bytes.
const BYTES_MAX: u64 = 4096;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThemeChoice {
    /// As the desktop.
    #[default]
    System,
    /// By day.
    Light,
    /// By night.
    Dark,
}

impl ThemeChoice {
    /// As egui calls it.
    pub fn preference(self) -> ThemePreference {
        match self {
            Self::System => ThemePreference::System,
            Self::Light => ThemePreference::Light,
            Self::Dark => ThemePreference::Dark,
        }
    }
}

/// What this screen is set to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Language, as its file is called; `None`: as the environment says.
    pub language: Option<String>,
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Size of everything in percent; 100 is what the desktop says.
    pub size: u16,
}

impl Settings {
    /// Sizes one can choose, in percent.
    pub const SIZES: [u16; 4] = [85, 100, 115, 130];

    /// What a file says; the usual where there is none or it says nothing sensible.
    pub fn load(file: &Path) -> Self {
        let short = fs::metadata(file).is_ok_and(|about| about.len() <= BYTES_MAX);
        let text = if short { fs::read(file).ok() } else { None };
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Keeps the settings. A screen that forgets its language is a nuisance, not a fault: what could
    /// not be written is asked for again at the next start.
    pub fn keep(&self, file: &Path) {
        if let Ok(text) = serde_json::to_vec_pretty(self) {
            drop(fs::write(file, text));
        }
    }

    /// Size of everything, as a factor.
    pub fn zoom(&self) -> f32 {
        let percent = if Self::SIZES.contains(&self.size) { self.size } else { 100 };
        f32::from(percent) / 100.0
    }
}
