//! Countries: how a new store of a country sells until somebody says otherwise.
