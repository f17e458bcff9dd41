//! Words for people, in their language. A language is a file of Project Fluent: data, not code.
//!
//! [`Words`] holds one language over English: what a language has not is said in English. The files
//! in `assets/lang` are part of the program; a file in the folder `lang` beside the store is taken as
//! well, and before those.

mod format;
mod list;

use std::fs;
use std::path::Path;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

pub use format::Age;
pub use list::Word;

/// The languages that come with the program: identifier (BCP 47) and file.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("en", include_str!("../../../assets/lang/en.ftl")),
    ("de", include_str!("../../../assets/lang/de.ftl")),
];

/// Longest language file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Most language files that are read from the store's folder.
const FILES_MAX: usize = 40;

/// A language one can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// Identifier: `en`, `de-AT`.
    pub id: String,
    /// Its own name for itself.
    pub name: String,
    /// The file's text.
    source: String,
}

/// What stands in a sentence's gaps.
#[derive(Debug, Clone, Copy)]
pub enum Gap<'a> {
    /// A text.
    Text(&'a str),
    /// A number that may change the words around it.
    Count(u64),
}

impl<'a> From<&'a str> for Gap<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Gap<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Gap<'_> {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<u64> for Gap<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

/// All words of one language.
pub struct Words {
    id: String,
    bundle: FluentBundle<FluentResource>,
    english: FluentBundle<FluentResource>,
    /// What each word says without gaps, by its place in [`Word::ALL`].
    said: Vec<String>,
    numbers: format::Numbers,
}

impl core::fmt::Debug for Words {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Words").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The languages there are: those of the program, and those in a folder, which win.
pub fn languages(folder: Option<&Path>) -> Vec<Language> {
    let mut found: Vec<Language> =
        BUILT_IN.iter().filter_map(|(id, source)| language(id, (*source).to_owned())).collect();
    let files = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let mut paths: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "ftl")) {
        let fits = fs::metadata(path).is_ok_and(|about| about.len() <= FILE_BYTES_MAX);
        let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let source = fs::read_to_string(path).ok().filter(|_| fits);
        if let Some(read) = source.and_then(|source| language(id, source)) {
            found.retain(|held| held.id != read.id);
            found.push(read);
        }
        if found.len() >= FILES_MAX {
            break;
        }
    }
    found
}

/// A language with its name; `None` where the identifier is none.
fn language(id: &str, source: String) -> Option<Language> {
    let words = Words::new(id, &source)?;
    Some(Language { id: id.to_owned(), name: words.say(Word::LanguageName).to_owned(), source })
}

impl Words {
    /// The words of a language file over English; `None` where `id` is no language identifier.
    /// Lines of the file that cannot be read are left out: English stands there.
    pub fn new(id: &str, source: &str) -> Option<Self> {
        Some(Self::over_english(id, bundle(id, source)?))
    }

    fn over_english(id: &str, bundle: FluentBundle<FluentResource>) -> Self {
        let [(english, source), ..] = BUILT_IN;
        let english = LanguageIdentifier::from_bytes(english.as_bytes()).unwrap_or_default();
        let mut words = Self {
            id: id.to_owned(),
            bundle,
            english: bundle_of(english, source),
            said: Vec::new(),
            numbers: format::Numbers::default(),
        };
        words.said = Word::ALL.iter().map(|word| words.fill(*word, &[])).collect();
        words.numbers = format::Numbers::read(&words);
        words
    }

    /// The words of a language one can choose.
    pub fn of(language: &Language) -> Option<Self> {
        Self::new(&language.id, &language.source)
    }

    /// The program's own English.
    pub fn english() -> Self {
        let [(id, source), ..] = BUILT_IN;
        let language = LanguageIdentifier::from_bytes(id.as_bytes()).unwrap_or_default();
        Self::over_english(id, bundle_of(language, source))
    }

    /// The language's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a word without gaps says.
    pub fn say(&self, word: Word) -> &str {
        self.said.get(word as usize).map_or("", String::as_str)
    }

    /// What a word says with its gaps filled.
    pub fn fill(&self, word: Word, gaps: &[(&'static str, Gap<'_>)]) -> String {
        let mut args = FluentArgs::with_capacity(gaps.len());
        for (name, gap) in gaps {
            match gap {
                Gap::Text(text) => args.set(*name, FluentValue::from(*text)),
                Gap::Count(count) => args.set(*name, FluentValue::from(*count)),
            }
        }
        let said = |bundle: &FluentBundle<FluentResource>| {
            let pattern = bundle.get_message(word.key())?.value()?;
            // A gap that is left empty shows its name: a fault of ours, found by a test.
            Some(bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned())
        };
        said(&self.bundle).or_else(|| said(&self.english)).unwrap_or_else(|| word.key().to_owned())
    }
}

fn bundle(id: &str, source: &str) -> Option<FluentBundle<FluentResource>> {
    Some(bundle_of(id.parse().ok()?, source))
}

fn bundle_of(id: LanguageIdentifier, source: &str) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new(vec![id]);
    // The marks that keep directions apart have no glyph, and no language here needs them.
    bundle.set_use_isolating(false);
    let (Ok(resource) | Err((resource, _))) = FluentResource::try_new(source.to_owned());
    // A name that stands twice: the first one counts.
    drop(bundle.add_resource(resource));
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Names and the gaps of each, as they stand in a file.
    fn gaps(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut at = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" = ")
                && !name.starts_with(' ')
            {
                name.clone_into(&mut at);
                assert!(found.insert(at.clone(), BTreeSet::new()).is_none(), "{name} stands twice");
            }
            let names = line.split('$').skip(1).map(|rest| {
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '-').collect::<String>()
            });
            found.entry(at.clone()).or_default().extend(names);
        }
        found.remove("");
        found
    }

    #[test]
    fn every_language_has_every_word_with_the_same_gaps_and_no_other() {
        let names: BTreeSet<String> = Word::ALL.iter().map(|word| word.key().to_owned()).collect();
        let english = gaps(BUILT_IN[0].1);
        for (id, source) in BUILT_IN {
            FluentResource::try_new(source.to_owned()).expect(id);
            let found = gaps(source);
            let has: BTreeSet<String> = found.keys().cloned().collect();
            assert_eq!(has, names, "{id}");
            for (name, gaps) in &found {
                assert_eq!(gaps, &english[name], "{id}: {name}");
            }
        }
    }

    #[test]
    fn what_a_language_lacks_is_said_in_english() {
        let words = Words::new("fr", "pay = Payer").unwrap();
        assert_eq!(words.say(Word::Pay), "Payer");
        assert_eq!(words.say(Word::Cash), "Cash");
    }

    #[test]
    fn counts_change_the_words_around_them() {
        let words = Words::english();
        let stored = |n: u64| words.fill(Word::StatusStored, &[("devices", n.into())]);
        assert_eq!(stored(1), "Stored on this till");
        assert_eq!(stored(3), "Stored on 3 devices");
    }

    #[test]
    fn a_file_in_the_folder_is_a_language_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("fr.ftl"), "language-name = Français\npay = Payer\n").unwrap();
        fs::write(folder.path().join("no language at all.ftl"), "x").unwrap();
        fs::write(folder.path().join("de.txt"), "pay = X").unwrap();
        let found = languages(Some(folder.path()));
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["English", "Deutsch", "Français"]);
    }
}
