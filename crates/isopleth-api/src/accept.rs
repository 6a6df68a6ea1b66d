//! What representation a client asks for. Nothing is ever refused for its `Accept`: clients send
//! lists that do not name what they can read.

use crate::call::Call;
use crate::problem::Problem;

/// A representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON of the kind that the resource has.
    Json,
    /// HTML.
    Html,
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
    let html = offered.iter().any(|(_, f)| *f == Format::Html) && prefers_html(&call.accept);
    Ok(if html { Format::Html } else { Format::Json })
}

/// Whether a list names HTML and likes it better than any JSON that it names.
fn prefers_html(accept: &str) -> bool {
    let (mut html, mut json) = (0.0_f64, 0.0_f64);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let quality = parts.find_map(|p| p.strip_prefix("q="));
        let quality = quality.map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if media.eq_ignore_ascii_case("text/html") {
            html = html.max(quality);
        } else if media.ends_with("json") {
            json = json.max(quality);
        }
    }
    html > json
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(prefers_html(accept), html, "{accept}");
        }
    }
}
