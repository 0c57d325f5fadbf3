//! Characters that a searcher takes for the same, as the whole of docent sees them.

pub use docent_core::fold;
pub(crate) use docent_core::{fold_text, is_han, is_unspaced};
