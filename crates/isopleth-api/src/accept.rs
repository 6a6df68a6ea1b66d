//! What representation a client asks for. Nothing is ever refused for its `Accept`: clients send
//! lists that do not name what they can read.

use isopleth_io::write;

use crate::call::Call;
use crate::problem::Problem;

/// A representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON of the kind that the resource has.
    Json,
    /// HTML.
    Html,
    /// A file format of layers.
    File(write::Format),
}

impl Format {
    /// Its media type without parameters, where it has only one.
    fn media(self) -> Option<&'static str> {
        match self {
            Self::Json => None,
            Self::Html => Some("text/html"),
            Self::File(format) => format.media_type().split(';').next(),
        }
    }
}

/// The representation asked for by `f`, which decides, or else by `Accept`.
///
/// # Errors
/// A [`Problem`] for an `f` that is not in `offered`.
pub(crate) fn format(call: &Call, offered: &[(&str, Format)]) -> Result<Format, Problem> {
    if let Some(given) = call.query.get("f") {
        return offered
            .iter()
            .find(|(name, _)| *name == given)
            .map(|(_, f)| *f)
            .ok_or_else(|| {
                let names: Vec<_> = offered.iter().map(|(n, _)| *n).collect();
                let reason = format!("'{given}' is not offered here; use {}", names.join(", "));
                Problem::invalid_parameter("f", reason)
            });
    }
    Ok(preferred(&call.accept, offered))
}

/// The representation that a list likes best. One that is not JSON must be named, and liked better
/// than any JSON that is named too.
fn preferred(accept: &str, offered: &[(&str, Format)]) -> Format {
    // How much each is liked, and whether it is named rather than meant by a wildcard.
    let mut json = (0.0_f64, false);
    let mut best = ((0.0_f64, false), Format::Json);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|p| p.strip_prefix("q="));
        let quality = quality.map_or(1.0, |q| q.parse().unwrap_or(0.0));
        let named = offered.iter().find(|(_, f)| f.media() == Some(&media));
        if let Some((_, format)) = named {
            if (quality, true) > best.0 {
                best = ((quality, true), *format);
            }
        } else if media.ends_with("json") {
            json = if (quality, true) > json {
                (quality, true)
            } else {
                json
            };
        } else if matches!(media.as_str(), "*/*" | "application/*") && (quality, false) > json {
            json = (quality, false);
        }
    }
    if best.0.0 > 0.0 && best.0 > json {
        best.1
    } else {
        Format::Json
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use write::Format::{Csv, FlatGeobuf};

    const OFFERED: &[(&str, Format)] = &[
        ("json", Format::Json),
        ("html", Format::Html),
        ("csv", Format::File(Csv)),
        ("fgb", Format::File(FlatGeobuf)),
    ];

    #[test]
    fn files_are_had_by_their_media_type() {
        for (accept, expected) in [
            ("text/csv", Format::File(Csv)),
            ("text/csv; header=present", Format::File(Csv)),
            ("Text/CSV, */*", Format::File(Csv)),
            ("text/csv;q=0.5, */*;q=0.1", Format::File(Csv)),
            ("text/csv;q=0.5, */*", Format::Json),
            ("text/csv, application/geo+json", Format::Json),
            ("text/csv;q=0", Format::Json),
            (
                "text/csv;q=0.4, application/flatgeobuf",
                Format::File(FlatGeobuf),
            ),
            ("text/html, text/csv;q=0.9", Format::Html),
            ("application/vnd.google-earth.kml+xml", Format::Json),
            ("application/geo+json, application/json", Format::Json),
        ] {
            assert_eq!(preferred(accept, OFFERED), expected, "{accept}");
        }
    }

    #[test]
    fn only_a_named_preference_gets_html() {
        for (accept, html) in [
            ("", false),
            ("*/*", false),
            ("text/html", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("text/html;q=0.5, application/json", false),
            (
                "application/vnd.oai.openapi+json;version=3.0, text/html;q=0.9",
                false,
            ),
            ("text/html;q=0", false),
            ("text/html;q=banana", false),
            ("text/plain, application/json", false),
        ] {
            assert_eq!(preferred(accept, OFFERED) == Format::Html, html, "{accept}");
        }
    }
}
