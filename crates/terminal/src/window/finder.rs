//! The products on the screen: groups for tiles, hits for a search. Building and searching are done on
//! threads of their own; the frame only picks up what is ready.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use pos_core::product::UnitOfMeasure;

use crate::catalogue::{Index, Row};
use crate::counter::view::{CatalogueItem, CatalogueView};

/// Products shown for a search.
const HITS_SHOWN: usize = 40;
/// Groups by tax category that are shown.
const GROUPS_MAX: usize = 8;

/// A group of products to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// What was sold most since the window was opened.
    Often,
    /// All there is.
    All,
    /// What is sold by weight, volume or length.
    Weighed,
    /// What has no price.
    OpenPrice,
    /// A tax category: the only grouping that products have.
    Tax(String),
}

/// Products with their index.
#[derive(Debug, Default)]
pub struct Shelf {
    /// The products.
    pub catalogue: Arc<CatalogueView>,
    /// Their index; `None` where it could not be built.
    index: Option<Index>,
    /// Groups and the products in each, by place.
    groups: Vec<(Group, Vec<usize>)>,
}

impl Shelf {
    fn build(catalogue: Arc<CatalogueView>) -> Self {
        let rows = catalogue.items.iter().map(|item| Row {
            sku: item.sku.as_str(),
            name: &item.name,
            gtins: &item.gtins,
        });
        let index = Index::build(rows).ok();
        let groups = groups(&catalogue.items);
        Self { catalogue, index, groups }
    }

    /// A product by its place.
    pub fn item(&self, at: usize) -> Option<&CatalogueItem> {
        self.catalogue.items.get(at)
    }

    /// The groups beside [`Group::Often`] and [`Group::All`] that have products.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(group, _)| group)
    }

    /// The products of a group, by place; `None` means all.
    pub fn members(&self, group: &Group) -> Option<&[usize]> {
        let found = self.groups.iter().find(|(held, _)| held == group);
        found.map(|(_, members)| members.as_slice())
    }

    /// The products that fit best, by place.
    pub fn search(&self, query: &str) -> Vec<usize> {
        let Some(index) = &self.index else { return Vec::new() };
        index.search(query, HITS_SHOWN).into_iter().map(|hit| hit.row).collect()
    }
}

fn groups(items: &[CatalogueItem]) -> Vec<(Group, Vec<usize>)> {
    let mut by_tax: Vec<(Group, Vec<usize>)> = Vec::new();
    let (mut weighed, mut open) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        if item.unit != UnitOfMeasure::Each {
            weighed.push(at);
        }
        if item.price.is_none() {
            open.push(at);
        }
        let known = by_tax.iter().position(|(group, _)| tax_name(group) == item.tax_category);
        if known.is_none() && by_tax.len() < GROUPS_MAX {
            by_tax.push((Group::Tax(item.tax_category.clone()), vec![at]));
        } else if let Some((_, members)) = known.and_then(|known| by_tax.get_mut(known)) {
            members.push(at);
        }
    }
    if by_tax.len() < 2 {
        by_tax.clear();
    }
    by_tax.sort_by(|(a, _), (b, _)| tax_name(a).cmp(tax_name(b)));
    by_tax.extend([(Group::Weighed, weighed), (Group::OpenPrice, open)]);
    by_tax.retain(|(_, members)| !members.is_empty());
    by_tax
}

fn tax_name(group: &Group) -> &str {
    match group {
        Group::Tax(name) => name,
        _ => "",
    }
}

enum Done {
    Built(Arc<Shelf>),
    Found { query: String, hits: Vec<usize>, shelf: Arc<Shelf> },
}

enum Hands {
    /// Done at once: tests.
    Own,
    /// On threads; the function wakes the window.
    Threads {
        wake: Arc<dyn Fn() + Send + Sync>,
        done: (Sender<Done>, Receiver<Done>),
        searches: Option<Sender<(Arc<Shelf>, String)>>,
    },
}

/// Searches and builds without holding a frame up.
pub struct Finder {
    hands: Hands,
    shelf: Arc<Shelf>,
    ready: bool,
    /// Revision of what is being built.
    building: Option<u64>,
    asked: String,
    answered: String,
    hits: Vec<usize>,
    /// What the hits are places in.
    hits_shelf: Arc<Shelf>,
}

impl core::fmt::Debug for Finder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Finder").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

impl Finder {
    /// One that does all at once, on the caller's thread.
    pub fn immediate() -> Self {
        Self::with(Hands::Own)
    }

    /// One with threads of its own; `wake` is called on them when something is ready.
    pub fn threaded(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with(Hands::Threads { wake: Arc::new(wake), done: channel(), searches: None })
    }

    fn with(hands: Hands) -> Self {
        Self {
            hands,
            shelf: Arc::default(),
            ready: false,
            building: None,
            asked: String::new(),
            answered: String::new(),
            hits: Vec::new(),
            hits_shelf: Arc::default(),
        }
    }

    /// Takes the catalogue as it is now, and what the threads have ready. Once a frame.
    pub fn turn(&mut self, catalogue: &Arc<CatalogueView>) {
        let finished: Vec<Done> = match &self.hands {
            Hands::Own => Vec::new(),
            Hands::Threads { done: (_, done), .. } => done.try_iter().collect(),
        };
        for done in finished {
            self.finish(done);
        }
        let held = self.building.or(self.ready.then_some(self.shelf.catalogue.revision));
        if held != Some(catalogue.revision) && self.building.is_none() {
            self.build(Arc::clone(catalogue));
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Built(shelf) => {
                self.building = None;
                self.ready = true;
                self.shelf = shelf;
                let query = core::mem::take(&mut self.asked);
                self.find(&query);
            }
            Done::Found { query, hits, shelf } => {
                (self.answered, self.hits, self.hits_shelf) = (query, hits, shelf);
            }
        }
    }

    fn build(&mut self, catalogue: Arc<CatalogueView>) {
        self.building = Some(catalogue.revision);
        if !self.ready {
            // Tiles and codes are there at once; only the search waits.
            self.shelf = Arc::new(Shelf { catalogue: Arc::clone(&catalogue), ..Shelf::default() });
        }
        match &self.hands {
            Hands::Own => self.finish(Done::Built(Arc::new(Shelf::build(catalogue)))),
            Hands::Threads { wake, done: (sender, _), .. } => {
                let (wake, sender) = (Arc::clone(wake), sender.clone());
                let work = move || {
                    // The window is gone: nobody waits.
                    drop(sender.send(Done::Built(Arc::new(Shelf::build(catalogue)))));
                    wake();
                };
                // Without a thread the search stays shut; codes are found all the same.
                drop(std::thread::Builder::new().name("catalogue".to_owned()).spawn(work));
            }
        }
    }

    /// Looks for something; the hits come with [`Self::hits`], at a later frame.
    pub fn find(&mut self, query: &str) {
        if self.asked == query {
            return;
        }
        query.clone_into(&mut self.asked);
        if query.trim().is_empty() || !self.ready {
            self.hits.clear();
            self.answered.clear();
            return;
        }
        let shelf = Arc::clone(&self.shelf);
        match &mut self.hands {
            Hands::Own => {
                let hits = shelf.search(query);
                self.finish(Done::Found { query: query.to_owned(), hits, shelf });
            }
            Hands::Threads { wake, done: (sender, _), searches } => {
                let to = searches.get_or_insert_with(|| searcher(Arc::clone(wake), sender.clone()));
                drop(to.send((shelf, query.to_owned())));
            }
        }
    }

    /// The products as they are shown.
    pub fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// The hits of what was asked last, once they are there.
    pub fn hits(&self) -> (&Shelf, &[usize]) {
        (&self.hits_shelf, &self.hits)
    }

    /// Whether the hits are those of `query`.
    pub fn has_answered(&self, query: &str) -> bool {
        query.trim().is_empty() || self.answered == query
    }

    /// Whether the search can be used.
    pub fn is_ready(&self) -> bool {
        self.ready
    }
}

/// A thread that searches; of several queries that wait only the last one counts.
fn searcher(wake: Arc<dyn Fn() + Send + Sync>, done: Sender<Done>) -> Sender<(Arc<Shelf>, String)> {
    let (sender, queries) = channel::<(Arc<Shelf>, String)>();
    let work = move || {
        while let Ok(first) = queries.recv() {
            let (shelf, query) = queries.try_iter().last().unwrap_or(first);
            let hits = shelf.search(&query);
            if done.send(Done::Found { query, hits, shelf }).is_err() {
                return;
            }
            wake();
        }
    };
    drop(std::thread::Builder::new().name("search".to_owned()).spawn(work));
    sender
}
