//! The effective configuration as a file that can be read back.

use super::{KEYS, Loaded};

/// The effective configuration as commented TOML: what each key means, where its value comes from,
/// and the value. Keys without a value are commented out, with an example.
pub(crate) fn print(loaded: &Loaded) -> String {
    let mut text = String::from("# Configuration of isopleth serve.\n");
    for (key, source) in KEYS.iter().zip(&loaded.sources) {
        text += &format!("\n# {}.\n# From: {source}.\n", key.meaning);
        match (key.show)(&loaded.settings) {
            Some(value) => text += &format!("{} = {value}\n", key.name),
            None => text += &format!("# {} = \"{}\"\n", key.name, key.example),
        }
    }
    text
}
