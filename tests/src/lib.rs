//! What the workspace's tests share.
//!
//! [`fixtures`] makes the synthetic borough of the repository's `fixtures/` folder. It uses none of
//! the product's crates: a fault in them must not be able to hide in the data that tests them.

pub mod docs;
pub mod fixtures;
pub mod npy;
pub mod oracle;
pub mod satscan;
