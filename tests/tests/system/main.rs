//! The built binary with real models, as a person or a program drives it.
//!
//! `make test` builds the binary and gets the models first. DOCENT_BIN names another binary, DOCENT_KILLS how many times
//! the indexer is killed (8), DOCENT_SEED with which seed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail and tell so")]

mod asking;
mod bad_files;
mod bad_homes;
mod bad_models;
mod command_line;
mod edits;
mod examples;
mod extracting;
mod finding;
mod home;
mod hostile;
mod interrupting;
mod invented;
mod json_docs;
mod kills;
mod ledger;
mod locations;
mod privacy;
mod scans;
mod traced;
mod watching;
mod watching_roots;
mod workers;
