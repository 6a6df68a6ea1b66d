//! Writes what other programs are given of the fixtures' incidents, beside what they answered.

#[path = "../tests/project/wexbourne/mod.rs"]
#[allow(dead_code)]
mod wexbourne;

fn main() -> std::io::Result<()> {
    for (path, text) in wexbourne::inputs() {
        std::fs::write(wexbourne::fixtures().join("oracles").join(path), text)?;
        println!("{path}");
    }
    Ok(())
}
