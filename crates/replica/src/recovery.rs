//! The recovery phrase: twelve words that outrank every device of the store.
//!
//! The phrase is shown once, when a store is founded, and kept off the tills. Its key is a manager
//! from the founding on, comes before all others when managers disagree, and cannot be revoked. So
//! a stolen manager's tablet never has the last word, and a store whose last manager is lost gets
//! a new one.
//!
//! The words are BIP-39's English list: 128 random bits and a check of four. The key is derived
//! from the bits by one hash: they are all random, so nothing has to be made slow, and there is no
//! passphrase. Purses for coins derive other keys from the same words, on purpose.

use core::fmt;

use bip39::{Language, Mnemonic};
use pos_core::ids::{DeviceId, StoreId};
use thiserror::Error;

use crate::core::{
    Command, CommandError, DeviceKey, EntryId, Identity, IngestError, Moment, Outcome, RosterRecord,
};
use crate::journal::Options;
use crate::memory::MemoryStorage;
use crate::node::Node;
use crate::storage::{FrameKind, Reads, Scanned, Storage, StorageError, Stream};

/// Words of a phrase.
pub const PHRASE_WORDS: usize = 12;
/// Letters that tell every word of the list from the others.
const UNIQUE_LETTERS: usize = 4;
/// Bytes of journal the key writes at most in one go.
const SEGMENT_BYTES: u64 = 16 << 20;
const RESERVE_BYTES: u64 = 4 << 20;
const SCAN_BYTES: usize = 1 << 20;

/// Why a text is no recovery phrase. Whoever typed it looks at the paper again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PhraseError {
    /// Too few or too many words.
    #[error("a recovery phrase has {PHRASE_WORDS} words, this one has {0}")]
    WordCount(usize),
    /// A word that is not on the list, or stands for several.
    #[error(
        "word {place} of the phrase, {word:?}, is none of the list: look for a slip of the pen"
    )]
    UnknownWord {
        /// Which, from 1.
        place: usize,
        /// As typed.
        word: String,
    },
    /// The words do not belong together.
    #[error("all words are known, but they do not belong together: one is wrong or out of place")]
    Checksum,
}

/// A recovery phrase. Never printed by accident: what shows it is [`RecoveryPhrase::words`].
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryPhrase {
    entropy: [u8; 16],
}

impl RecoveryPhrase {
    /// The phrase of 16 random bytes.
    pub const fn from_entropy(entropy: [u8; 16]) -> Self {
        Self { entropy }
    }

    /// A phrase as it is typed: in any case, with any blanks between the words; the first four
    /// letters of a word are enough, they are its own on the list.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let typed: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        if typed.len() != PHRASE_WORDS {
            return Err(PhraseError::WordCount(typed.len()));
        }
        let mut words = Vec::with_capacity(PHRASE_WORDS);
        for (index, word) in typed.into_iter().enumerate() {
            match whole_word(&word) {
                Some(whole) => words.push(whole),
                None => return Err(PhraseError::UnknownWord { place: index + 1, word }),
            }
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &words.join(" "))
            .map_err(|_checksum| PhraseError::Checksum)?;
        let (bytes, _length) = mnemonic.to_entropy_array();
        let entropy = bytes.first_chunk().ok_or(PhraseError::Checksum)?;
        Ok(Self { entropy: *entropy })
    }

    /// The words, in order.
    pub fn words(&self) -> Vec<&'static str> {
        // 16 bytes are a length that always has a phrase.
        Mnemonic::from_entropy_in(Language::English, &self.entropy)
            .map(|mnemonic| mnemonic.words().collect())
            .unwrap_or_default()
    }

    /// The public half of its key: what a founding names.
    pub fn device(&self) -> DeviceId {
        DeviceKey::from_secret(self.secret()).device()
    }

    /// The key, for a life with this random nonce.
    pub fn identity(&self, nonce: [u8; 8]) -> Identity {
        Identity::new(self.secret(), nonce)
    }

    fn secret(&self) -> [u8; 32] {
        blake3::derive_key("tillmesh recovery key v1", &self.entropy)
    }
}

impl fmt::Debug for RecoveryPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryPhrase(..)")
    }
}

/// A word of the list by itself or by four letters and more of it.
fn whole_word(typed: &str) -> Option<&'static str> {
    if let Some(index) = Language::English.find_word(typed) {
        return Language::English.word_list().get(usize::from(index)).copied();
    }
    let mut whole = Language::English.words_by_prefix_iter(typed);
    match (whole.next(), whole.next()) {
        (Some(only), None) if typed.len() >= UNIQUE_LETTERS => Some(only),
        _ => None,
    }
}

/// Why the recovery key could not act. Nothing was written.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// No entries of a store are here.
    #[error("this device holds no store yet: fetch one first, from a till or from a copy")]
    NoStore,
    /// The phrase is another store's.
    #[error("this is not the recovery phrase of this store ({0})")]
    OtherStore(StoreId),
    /// What is to be written was refused.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// What was written could not be taken in.
    #[error("what the recovery key wrote could not be taken in: {0}")]
    NotTaken(#[from] IngestError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] StorageError),
}

/// Writes roster records with the recovery key, into the store that `node` holds, and gives their
/// ids. The key is a device of its own for that moment: it writes a feed of its own in a fresh life
/// (`nonce` is random), in memory; `node` takes the feed in as it takes in everybody's, and passes
/// it on. Neither the phrase nor its key reaches a disk.
pub fn act<S: Storage>(
    node: &mut Node<S>,
    phrase: &RecoveryPhrase,
    nonce: [u8; 8],
    at: Moment,
    records: &[RosterRecord],
) -> Result<Vec<EntryId>, RecoverError> {
    let store = node.replica().store_id().ok_or(RecoverError::NoStore)?;
    let recovery = node.replica().roster().recovery().ok_or(RecoverError::NoStore)?;
    if phrase.device() != recovery {
        return Err(RecoverError::OtherStore(store));
    }
    let known = node.query(|replica, disk| replica.roster_entries(disk, recovery))?;
    let disk = MemoryStorage::new(Options::new(SEGMENT_BYTES, RESERVE_BYTES))?;
    let mut writer = Node::start(phrase.identity(nonce), disk)?;
    writer.join(store)?;
    for entry in &known {
        writer.ingest(at, &[entry])?;
    }
    let mut ids = Vec::with_capacity(records.len());
    for record in records {
        match writer.execute(at, Command::ChangeRoster(record.clone()))? {
            Outcome::Recorded(id) => ids.push(id.into_inner()),
            _ => return Err(CommandError::NothingToDo.into()),
        }
    }
    let written = own_entries(writer.storage())?;
    let window: Vec<&[u8]> = written.iter().map(Vec::as_slice).collect();
    if !window.is_empty() {
        node.ingest(at, &window)?;
    }
    Ok(ids)
}

fn own_entries(disk: &MemoryStorage) -> Result<Vec<Vec<u8>>, StorageError> {
    let mut entries = Vec::new();
    let mut next = 0;
    while next < disk.next_ordinal(Stream::OwnLedger) {
        let scanned = disk.scan(Stream::OwnLedger, next, SCAN_BYTES)?;
        let before = next;
        for item in scanned {
            match item {
                Scanned::Frame(frame) => {
                    next = frame.ordinal.saturating_add(1);
                    if frame.kind == FrameKind::Entry {
                        entries.push(frame.payload);
                    }
                }
                Scanned::Damaged(damage) => next = damage.last.saturating_add(1),
            }
        }
        if next == before {
            break;
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors of BIP-39 (the reference implementation's `vectors.json`), 128 bits.
    const VECTORS: [(u8, &str); 3] = [
        (
            0x00,
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
             abandon about",
        ),
        (0x7f, "legal winner thank year wave sausage worth useful legal winner thank yellow"),
        (0xff, "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"),
    ];

    #[test]
    fn phrases_are_those_of_the_published_vectors() {
        for (byte, words) in VECTORS {
            let phrase = RecoveryPhrase::from_entropy([byte; 16]);
            assert_eq!(phrase.words().join(" "), words);
            assert_eq!(RecoveryPhrase::parse(words).unwrap(), phrase);
        }
    }

    #[test]
    fn a_phrase_may_be_typed_carelessly_and_is_checked() {
        let phrase = RecoveryPhrase::from_entropy([0x7f; 16]);
        let careless = " LEGAL winn thank year\twave saus worth usef Legal\nwinner than yello ";
        assert_eq!(RecoveryPhrase::parse(careless).unwrap(), phrase);
        let parse = |text: &str| RecoveryPhrase::parse(text).unwrap_err();
        assert_eq!(parse("legal winner"), PhraseError::WordCount(2));
        let slip = "legal winner thank year wave sausage worth useful legal winner thank yelow";
        assert!(matches!(parse(slip), PhraseError::UnknownWord { place: 12, .. }));
        let swapped = "winner legal thank year wave sausage worth useful legal winner thank yellow";
        assert_eq!(parse(swapped), PhraseError::Checksum);
    }

    #[test]
    fn a_phrase_is_never_printed_by_accident() {
        let phrase = RecoveryPhrase::from_entropy([0; 16]);
        assert!(!format!("{phrase:?}").contains("abandon"));
    }

    #[test]
    fn the_key_of_a_phrase_never_changes() {
        let phrase = RecoveryPhrase::from_entropy([0x7f; 16]);
        assert_eq!(phrase.device().to_string(), KEY_OF_LEGAL_WINNER);
        assert_ne!(phrase.device(), RecoveryPhrase::from_entropy([0; 16]).device());
    }

    const KEY_OF_LEGAL_WINNER: &str =
        "601ba810ca221ed67a2c1b9e7c9433687e6a2131b9528f9a03437fd3b0d701e3";
}
