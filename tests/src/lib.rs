//! What whole-system tests and benchmarks share.

pub mod bench;
