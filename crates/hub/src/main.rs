//! `tillmesh-hub`: collects the folders of tills and reports over their stores.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use comfy_table::Table;
use hub::collect::{CollectError, Collection};
use hub::report::{StoreReport, store_report};
use replica::core::CommandError;
use thiserror::Error;

/// The optional cloud peer of Tillmesh.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example:\n  tillmesh-hub merge till-1 till-2 backup-of-till-3")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Takes the entries of stopped tills' folders, in any order, and prints each store's figures.
    ///
    /// Nothing is added to their journals. The same entry in two folders counts once; what a damaged folder
    /// lacks may come from another till of the store.
    Merge {
        /// Folders of tills (or copies of them).
        #[arg(required = true)]
        folders: Vec<PathBuf>,
        /// Prints one JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Error)]
enum HubError {
    #[error(transparent)]
    Collect(#[from] CollectError),
    #[error(transparent)]
    Report(#[from] CommandError),
}

fn main() -> ExitCode {
    let Task::Merge { folders, json } = Arguments::parse().command;
    match merge(&folders) {
        Ok(stores) => {
            print(&stores, json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn merge(folders: &[PathBuf]) -> Result<Vec<StoreReport>, HubError> {
    let mut collection = Collection::default();
    for folder in folders {
        let collected = collection.add_folder(folder)?;
        for damage in &collected.damaged {
            let (first, last) = (damage.first, damage.last);
            let journal = damage.stream.name();
            eprintln!("{}: {journal} frames {first} to {last} are damaged", folder.display());
        }
        let (new, known) = (collected.new, collected.known);
        eprintln!("{}: {new} entries, {known} more were here already", folder.display());
    }
    collection.stores().map(|(id, store)| Ok(store_report(id, store)?)).collect()
}

fn print(stores: &[StoreReport], json: bool) {
    if json {
        println!("{}", serde_json::json!({ "stores": stores }));
        return;
    }
    let mut table = Table::new();
    table.set_header(["store", "sales", "returns", "sales value", "products", "to look at"]);
    for store in stores {
        table.add_row([
            store.name.clone(),
            store.sales.to_string(),
            store.returns.to_string(),
            format!("{} {}", store.sales_value, store.currency),
            store.products_moved.to_string(),
            store.exceptions.len().to_string(),
        ]);
    }
    println!("{table}");
    for exception in stores.iter().flat_map(|store| &store.exceptions) {
        println!("look at: {exception}");
    }
}
