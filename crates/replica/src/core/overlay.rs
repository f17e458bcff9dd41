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
}

impl Overlay {
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// Forgets a key that was never written before it was put here: it then never reaches the
    /// disk. One that was is removed.
    pub(crate) fn drop_fresh(&mut self, key: Vec<u8>) {
        if self.changes.remove(&key).is_none() {
            self.remove(key);
        }
    }

    pub(crate) fn get(
        &self,
        below: &dyn Reads,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StorageError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
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
        let on_disk = below.list(prefix, None, limit.saturating_add(removed))?;
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
