//! The store's public interface, one program.

mod checkpoint_files;
mod record_errors;
#[path = "../../../../tests/it/support/record_fixture.rs"]
mod record_fixture;
mod record_store;
