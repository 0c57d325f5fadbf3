//! The index: a catalog of files (SQLite), a full-text store (tantivy) and a vector store (LanceDB) that are one.
//!
//! There is one commit point, tantivy's `meta.json`: its payload names the generation and the version of the
//! vector store that belongs to it. [`StoreWriter`] publishes generations; [`Store`] reads them, in any number of
//! processes. See `ARCHITECTURE.md` for the protocol.

mod analysis;
mod aside;
mod catalog;
mod check;
mod commit;
mod durable;
mod exact;
mod failure;
mod fault;
mod filter;
mod fold;
mod locks;
mod maintain;
mod payload;
mod snapshot;
mod store;
mod vectors;
mod words;
mod writer;

#[cfg(test)]
mod tests;

pub use fold::fold;
pub use snapshot::SharedStore;
pub use store::{EmbedderIdentity, Store, built_with, exists};
pub use writer::{StoreWriter, probe};
