//! Readers: source files in, checked rows out.
mod batch;
pub use batch::{KindTerms, NO_TEXT, PlaceText, Row, RowLocation, SourceFile, Texts};
