//! What can go wrong with a command, in words that say what to do about it.

use std::path::PathBuf;

use pos_core::money::MoneyError;
use pos_core::report::ReportError;
use pos_core::sale::SaleError;
use pos_core::tender::TenderError;
use replica::core::{CommandError, RosterError};
use replica::net::mesh::MeshError;
use replica::pairing::{Refusal, TicketError};
use replica::recovery::{PhraseError, RecoverError};
use replica::storage::StorageError;
use replica::store::OpenError;
use thiserror::Error;

use crate::csv_file::CsvError;
use crate::replay::ReplayError;

/// Why a command of the command line failed. Every text names the thing and the remedy.
#[derive(Debug, Error)]
pub enum TerminalError {
    /// No store was founded in the folder.
    #[error("there is no store in {}: run `tillmesh init` first, or name another folder with --store", .0.display())]
    NoStore(PathBuf),
    /// One was.
    #[error("{} already holds the store {name:?}: use it, or name another folder with --store", .folder.display())]
    StoreExists {
        /// The folder.
        folder: PathBuf,
        /// The store's name.
        name: String,
    },
    /// The platform has no data folder.
    #[error("no folder for the store is known here: name one with --store or TILLMESH_STORE")]
    NoFolder,
    /// The folder holds a store, but not the key of the device that wrote it.
    #[error(
        "the key of this till, files/device.key in {}, is {reason}: put it back from a copy, \
         without it nothing can be signed as this till",
        .folder.display()
    )]
    Key {
        /// The folder.
        folder: PathBuf,
        /// `missing`, `damaged`.
        reason: &'static str,
    },
    /// No window can be opened.
    #[error(
        "no window can be opened ({0}): start the till on a machine with a screen and OpenGL 2.1, or \
         use the commands (`tillmesh --help`)"
    )]
    Window(String),
    /// The operating system gives no random numbers.
    #[error("the system gives no random numbers ({0}): no key can be made")]
    Random(String),
    /// The folder could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The till refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The till cannot be put on the network.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// A sale that could not be finished; its cart waits.
    #[error("{error}; the cart is kept: go on with `tillmesh sell --cart {cart}`")]
    Unpaid {
        /// Why.
        error: Box<TerminalError>,
        /// The cart.
        cart: String,
    },
    /// The sale was refused.
    #[error(transparent)]
    Sale(#[from] SaleError),
    /// A tender was refused.
    #[error(transparent)]
    Tender(#[from] TenderError),
    /// A sum does not hold.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A report cannot be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A file cannot be read.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// A replay stopped.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The twelve words are not right.
    #[error(transparent)]
    Phrase(#[from] PhraseError),
    /// The recovery phrase could not act.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A pairing code that is none.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// No device was let in.
    #[error(transparent)]
    Pairing(#[from] Refusal),
    /// What was typed does not fit.
    #[error("{0}")]
    Usage(String),
    /// Nothing is there to report about.
    #[error("{0}")]
    Nothing(String),
    /// Rows were left out, and that was not to be.
    #[error("{rows} rows of {} could not be used and --strict was asked for: mend them, then run this again", .path.display())]
    Strict {
        /// How many.
        rows: usize,
        /// The file.
        path: PathBuf,
    },
    /// The folder does not hold what it should.
    #[error(
        "not all in {} is sound (findings: {findings}): each is named above, what is not is sound",
        .folder.display()
    )]
    Damage {
        /// How many.
        findings: usize,
        /// The folder.
        folder: PathBuf,
    },
    /// The answer could not be written.
    #[error("the output could not be written: {0}")]
    Output(#[from] std::io::Error),
}

impl TerminalError {
    /// What the process ends with: 2 for wrong use, 3 for damage, 1 for all else.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Phrase(_) | Self::Ticket(_) => 2,
            Self::Damage { .. } => 3,
            _ => 1,
        }
    }

    /// A short name for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoStore(_) | Self::Command(CommandError::NoStore) => "no_store",
            Self::StoreExists { .. } => "store_exists",
            Self::NoFolder => "no_folder",
            Self::Key { .. } => "device_key",
            Self::Window(_) => "window",
            Self::Random(_) => "random",
            Self::Open(OpenError::InUse { .. }) => "in_use",
            Self::Open(_) => "open",
            Self::Storage(StorageError::Full(_)) | Self::Command(CommandError::DiskFull) => {
                "disk_full"
            }
            Self::Command(CommandError::Stopped(_)) => "writing_stopped",
            Self::Command(CommandError::Rebuilding { .. }) => "rebuilding",
            Self::Storage(_) | Self::Command(CommandError::Disk(_)) => "disk",
            Self::Command(CommandError::Roster(RosterError::UnknownDevice(_))) => "unknown_device",
            Self::Phrase(_) => "phrase",
            Self::Recover(_) => "recover",
            Self::Ticket(_) | Self::Pairing(_) => "pairing",
            Self::Command(_) | Self::Sale(_) | Self::Tender(_) | Self::Money(_) => "refused",
            Self::Unpaid { error, .. } => error.kind_of_cause(),
            Self::Report(_) => "report",
            Self::Mesh(_) => "network",
            Self::Csv(_) => "file",
            Self::Replay(_) => "replay",
            Self::Usage(_) => "usage",
            Self::Nothing(_) => "nothing",
            Self::Strict { .. } => "strict",
            Self::Damage { .. } => "damage",
            Self::Output(_) => "output",
        }
    }

    const fn kind_of_cause(&self) -> &'static str {
        match self {
            Self::Command(CommandError::Stopped(_)) => "writing_stopped",
            Self::Command(CommandError::DiskFull) => "disk_full",
            _ => "refused",
        }
    }
}
