//! Which models docent knows, where each comes from, fetched or imported, and verified.
//!
//! A [`ModelStore`] stands over one folder, `<models>/<name>/<files>`, that all homes share. It finds what is
//! installed ([`ModelStore::locate`]), gets what is not from a model hub ([`ModelStore::pull`]) or from files that
//! somebody carried in ([`ModelStore::import`]), and finds the native libraries ([`ModelStore::runtime`],
//! [`ModelStore::pdfium`]). Nothing is installed unless its sha256 is the pinned one.

mod catalogue;
mod hub;
mod import;
mod install;
mod libraries;
mod memory;
mod store;
mod verify;

pub use catalogue::{Catalogue, Entry, FileEntry, Pooling, Role, Source};
pub use hub::{PullOptions, PullProgress, Pulled};
pub use import::{Imported, MANIFEST};
pub use libraries::{MINIMUM_RUNTIME, runtime_version};
pub use memory::machine_memory;
pub use store::{InstalledModel, ModelState, ModelStatus, ModelStore};
