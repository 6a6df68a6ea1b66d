//! From a module's documentation to a page's text.

/// The sections of the page that a link between items can lead to.
pub struct Links<'a> {
    sections: &'a [&'a str],
}

impl<'a> Links<'a> {
    pub fn to(sections: &'a [&'a str]) -> Self {
        Self { sections }
    }

    /// A link of rustdoc as the page shows it: to a section if its path names one, else its text.
    fn shown(&self, text: &str, path: &str) -> String {
        let text = text.replace("crate::", "").replace("super::", "");
        let path = path.trim_matches('`');
        // The innermost module that has a section; an item inside it leads there, too.
        match path.rsplit("::").find(|part| self.sections.contains(part)) {
            Some(section) => format!("[{text}](#{section})"),
            None => text,
        }
    }

    /// Text with the links between items resolved and those to the web left alone.
    fn resolve(&self, line: &str) -> String {
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(start) = rest.find(['[', '`']) {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            if let Some((link, after)) = self.link(from) {
                out.push_str(&link);
                rest = after;
                continue;
            }
            // Brackets inside of code are no link.
            let code = from
                .strip_prefix('`')
                .and_then(|inner| Some(inner.find('`')? + 2));
            let (kept, after) = from.split_at(code.unwrap_or(1));
            out.push_str(kept);
            rest = after;
        }
        out + rest
    }

    /// The link that `from` begins with, as shown, and what follows it.
    fn link<'t>(&self, from: &'t str) -> Option<(String, &'t str)> {
        let (text, after) = from.strip_prefix('[')?.split_once(']')?;
        if let Some(target) = after.strip_prefix('(') {
            let (target, after) = target.split_once(')')?;
            let shown = if target.contains("//") || target.starts_with('#') {
                format!("[{text}]({target})")
            } else {
                self.shown(text, target)
            };
            return Some((shown, after));
        }
        let item = text.strip_prefix('`')?.strip_suffix('`')?;
        Some((self.shown(text, item), after))
    }
}

/// A module's documentation as text of the page: without the examples in Rust, which are tests.
pub fn module_doc(source: &str, links: &Links<'_>) -> String {
    let mut lines = Vec::new();
    // Text is resolved a run at a time, since a link may go over the end of a line.
    let mut text = Vec::new();
    let mut block: Option<bool> = None;
    for line in source.lines().filter_map(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if let Some(language) = line.trim_start().strip_prefix("```") {
            if !text.is_empty() {
                lines.push(links.resolve(&std::mem::take(&mut text).join("\n")));
            }
            let kept = block.unwrap_or(!is_rust(language));
            block = if block.is_some() { None } else { Some(kept) };
            if kept {
                lines.push(line.to_owned());
            }
            continue;
        }
        match block {
            Some(true) => lines.push(line.to_owned()),
            Some(false) => {}
            // Sections of the page are of the second rank.
            None if line.starts_with('#') => text.push(format!("##{line}")),
            None => text.push(line.to_owned()),
        }
    }
    lines.push(links.resolve(&text.join("\n")));
    let mut doc = lines.join("\n");
    while doc.contains("\n\n\n") {
        doc = doc.replace("\n\n\n", "\n\n");
    }
    doc.trim().to_owned()
}

/// Whether a block is code of this project, which rustdoc tests and no analyst reads.
fn is_rust(language: &str) -> bool {
    matches!(language.trim(), "" | "rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTIONS: [&str; 2] = ["edge", "knox"];

    #[test]
    fn links_lead_to_sections_or_become_text() {
        let links = Links::to(&SECTIONS);
        for (written, shown) in [
            ("see [`crate::edge`].", "see [`edge`](#edge)."),
            ("[`knox`](super::knox) says", "[`knox`](#knox) says"),
            ("the [list](crate::edge::List)", "the [list](#edge)"),
            ("at most [`MAX_PAIRS`] of", "at most `MAX_PAIRS` of"),
            ("an [ellipse](Ellipse)", "an ellipse"),
            (
                "half open, `[a, b)`: see [`knox`]",
                "half open, `[a, b)`: see [`knox`](#knox)",
            ),
            (
                "[0, 1) and [a](https://b.c/d)",
                "[0, 1) and [a](https://b.c/d)",
            ),
        ] {
            assert_eq!(links.resolve(written), shown);
        }
    }

    #[test]
    fn examples_in_rust_are_left_out_and_others_kept() {
        let source = "//! Title.\n//!\n//! ```\n//! let a = [1];\n//! ```\n//!\n//! ```json\n//! {}\n//! ```\n//! # More\n\nuse x;\n";
        let doc = module_doc(source, &Links::to(&SECTIONS));
        assert_eq!(doc, "Title.\n\n```json\n{}\n```\n### More");
    }
}
