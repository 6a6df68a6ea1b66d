//! The page `docs/methods.md`, made from the documentation of the modules themselves.
//!
//! What a method answers, how it computes and how it can mislead is written once, where the code
//! stands. The list of methods is that of the source folder, so that none can be forgotten. Beside
//! the text stand the request document `docs/requests/NAME.json` and the picture that it made of
//! real data, `docs/pictures/NAME.png`, with its line of `docs/pictures/captions.json`; both are
//! made by `docs/pictures.py`.

mod markdown;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::{fmt::Write as _, fs};

use serde::Deserialize;

use markdown::{Links, module_doc};

/// What to run when the committed page and the generator disagree.
pub const COMMAND: &str = "cargo run -p isopleth-tests --bin generate-docs";

/// What methods share and a reader needs: the section's name, and the file of its documentation.
const SHARED: &[(&str, &str)] = &[
    ("area_series", "area_series.rs"),
    ("hotspots", "hotspots.rs"),
    ("stability", "stability.rs"),
    ("contours", "contours.rs"),
    ("kernel", "kernel.rs"),
    ("bandwidth", "bandwidth/mod.rs"),
    ("rules", "bandwidth/rules.rs"),
    ("estimate", "estimate.rs"),
    ("edge", "edge.rs"),
    ("hours", "domain/hours.rs"),
    ("terms", "domain/terms.rs"),
    ("compare", "compare.rs"),
    ("control_chart", "control_chart.rs"),
    ("harm", "harm.rs"),
    ("network", "network/mod.rs"),
    ("lattice", "lattice/mod.rs"),
    ("stations", "stations.rs"),
    ("score", "evaluation/score.rs"),
];

/// Methods without a picture, each with the reason.
pub const WITHOUT_PICTURE: &[(&str, &str)] = &[
    ("area_audit", "its result is a table"),
    (
        "change",
        "its answer is a table of counts and tests, and colours would hide them",
    ),
    (
        "displacement",
        "the open data tells of no place where something was done",
    ),
    (
        "emerging_hot_spots",
        "the pictures are made of one year of one borough, and a history wants more",
    ),
    (
        "evaluation",
        "it makes a table; the module's own shows what it found on open data",
    ),
    (
        "network_density",
        "the pictures are made of open data that came without an open layer of streets",
    ),
    ("offence_mix", "its result is a table"),
    ("search_effects", "its result is a table"),
    (
        "space_time_scan",
        "the pictures are made of open data, which is dated to the month",
    ),
    (
        "spikes",
        "its result is a table, with a card in words for each area",
    ),
    (
        "surprise",
        "the pictures are made of one year, and a history needs more",
    ),
    (
        "temporal_profile",
        "the pictures are made of open data, which is dated to the month",
    ),
];

/// What `captions.json` says of one picture.
#[derive(Debug, Deserialize)]
struct Caption {
    /// What is to be seen, for those who cannot see it.
    alt: String,
    /// What was computed from what.
    caption: String,
}

/// One section of the page.
struct Section {
    name: String,
    /// The documentation's first paragraph.
    title: String,
    body: String,
}

/// The repository's `docs/` folder.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/isopleth-core/src")
}

/// The methods that the source folder holds, by name, with the file of each.
///
/// # Errors
/// The folder cannot be read.
pub fn methods() -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(core().join("methods"))? {
        let path = entry?.path();
        let inner = path.join("mod.rs");
        let file = if inner.is_file() { inner } else { path.clone() };
        let name = path.file_stem().and_then(|stem| stem.to_str());
        if let (Some(name), true) = (name, file.is_file())
            && name != "mod"
            && file.extension().is_some_and(|ending| ending == "rs")
        {
            found.insert(name.to_owned(), file);
        }
    }
    Ok(found)
}

/// The page.
///
/// # Errors
/// A file cannot be read, a module has no documentation, or a caption is missing.
pub fn page() -> io::Result<String> {
    let methods = methods()?;
    let mut names: Vec<&str> = methods.keys().map(String::as_str).collect();
    names.extend(SHARED.iter().map(|(name, _)| *name));
    let links = Links::to(&names);

    let of_methods = methods
        .iter()
        .map(|(name, file)| section(name, file, &links))
        .collect::<io::Result<Vec<_>>>()?;
    let shared = SHARED
        .iter()
        .map(|(name, file)| section(name, &core().join(file), &links))
        .collect::<io::Result<Vec<_>>>()?;
    let captions = captions()?;

    let mut page = String::from(INTRODUCTION);
    contents(&mut page, "Methods", &of_methods);
    contents(&mut page, "What methods share", &shared);
    for one in of_methods.iter().chain(&shared) {
        write_section(&mut page, one, &captions)?;
    }
    Ok(page)
}

const INTRODUCTION: &str = "\
<!-- Generated from the modules' documentation: see CONTRIBUTING.md. Do not edit by hand. -->

# Methods

What each method answers, by what model, how it can mislead, where it comes from and what it was \
checked against. The text is the documentation of the code itself. Names such as `bandwidth_m` are \
fields of the request document; the README lists them with their defaults.

The pictures are drawn by `docs/pictures.py` from real open data of Havering, a borough of London, \
each by the request that stands beside it. Open police data lies on anonymous map points, not on \
addresses. A picture shows what was recorded, and is never grounds to search anybody.

";

fn contents(page: &mut String, title: &str, sections: &[Section]) {
    let _ = writeln!(page, "**{title}**\n");
    for one in sections {
        let _ = writeln!(page, "- [`{0}`](#{0}): {1}", one.name, one.title);
    }
    page.push('\n');
}

fn section(name: &str, file: &Path, links: &Links<'_>) -> io::Result<Section> {
    let source = fs::read_to_string(file).map_err(|e| told(file, &e))?;
    let doc = module_doc(&source, links);
    let (title, body) = doc.split_once("\n\n").unwrap_or((&doc, ""));
    if title.is_empty() {
        return Err(told(file, &"has no module documentation"));
    }
    Ok(Section {
        name: name.to_owned(),
        title: title.replace('\n', " "),
        body: body.trim_end().to_owned(),
    })
}

fn write_section(
    page: &mut String,
    section: &Section,
    captions: &BTreeMap<String, Caption>,
) -> io::Result<()> {
    let Section { name, title, body } = section;
    let _ = writeln!(page, "## `{name}`\n\n*{title}*\n");
    if folder().join(format!("pictures/{name}.png")).is_file() {
        let Caption { alt, caption } = captions.get(name).ok_or_else(|| {
            let file = folder().join("pictures/captions.json");
            told(&file, &format!("has no caption for {name}"))
        })?;
        let _ = writeln!(page, "![{alt}](pictures/{name}.png)\n\n{caption}\n");
    } else if let Some((_, reason)) = WITHOUT_PICTURE.iter().find(|(of, _)| of == name) {
        let _ = writeln!(page, "No picture: {reason}.\n");
    }
    if !body.is_empty() {
        let _ = writeln!(page, "{body}\n");
    }
    let request = folder().join(format!("requests/{name}.json"));
    if request.is_file() {
        let text = fs::read_to_string(&request).map_err(|e| told(&request, &e))?;
        let _ = writeln!(page, "```json\n{}\n```\n", text.trim_end());
    }
    Ok(())
}

fn captions() -> io::Result<BTreeMap<String, Caption>> {
    let file = folder().join("pictures/captions.json");
    let text = fs::read_to_string(&file).map_err(|e| told(&file, &e))?;
    serde_json::from_str(&text).map_err(|e| told(&file, &e))
}

fn told(file: &Path, what: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("{}: {what}", file.display()),
    )
}
