//! Writes `docs/methods.md` from the documentation of the modules.

use std::{fs, io};

use isopleth_tests::docs;

fn main() -> io::Result<()> {
    let page = docs::page()?;
    fs::write(docs::folder().join("methods.md"), &page)?;
    println!("methods.md: {} bytes", page.len());
    Ok(())
}
