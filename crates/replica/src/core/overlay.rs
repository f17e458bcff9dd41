//! Changes to the map that wait for the journal: what is folded from an entry may reach the disk
//! only after the entry itself has, or the map would know of sales the journal lost.

use std::collections::BTreeMap;

use crate::storage::{Batch, Reads, StorageError};

/// Key and value of the map.
type Row = (Vec<u8>, Vec<u8>);

/// Waiting changes, read through to the map below them.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// The map below is to be emptied: what it holds counts for nothing.
    below_is_gone: bool,
}

impl Overlay {
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// Removes all rows whose key begins with `prefix`. Those that never reached the map below
    /// are forgotten and never will.
    pub(crate) fn remove_all(
        &mut self,
        below: &dyn Reads,
        prefix: &[u8],
    ) -> Result<(), StorageError> {
        let waiting: Vec<Vec<u8>> = self
            .changes
            .range(prefix.to_vec()..)
            .map(|(key, _)| key.clone())
            .take_while(|key| key.starts_with(prefix))
            .collect();
        for key in waiting {
            self.changes.remove(&key);
        }
        if !self.below_is_gone {
            for (key, _) in below.list(prefix, None, usize::MAX)? {
                self.changes.insert(key, None);
            }
        }
        Ok(())
    }

    /// Forgets everything: the map below is about to be emptied, and is not read until it is.
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
        self.below_is_gone = true;
    }

    /// The map below was emptied.
    pub(crate) fn below_is_back(&mut self) {
        self.below_is_gone = false;
    }

    pub(crate) fn get(
        &self,
        below: &dyn Reads,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StorageError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None if self.below_is_gone => Ok(None),
            None => below.get(key),
        }
    }

    /// All rows whose key begins with `prefix`, at most `limit` of them.
    pub(crate) fn list(
        &self,
        below: &dyn Reads,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<Row>, StorageError> {
        let waiting: Vec<_> = self
            .changes
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .collect();
        let removed = waiting.iter().filter(|(_, value)| value.is_none()).count();
        let on_disk = if self.below_is_gone {
            Vec::new()
        } else {
            below.list(prefix, None, limit.saturating_add(removed))?
        };
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = on_disk.into_iter().collect();
        for (key, value) in waiting {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn take(&mut self) -> Batch {
        Batch { changes: core::mem::take(&mut self.changes) }
    }
}
