//! Which bodies are compressed.

use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Smallest body that is worth it, in bytes.
const WORTH: u64 = 256;

/// gzip, Brotli and Zstandard at their fastest: features are made of long repetitions, which the
/// fastest levels find as well, and every answer waits for its compression.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(WORTH).and(is_compressible))
}

/// Text is, and vector tiles are. Files that are compressed inside are not, and parts of files must
/// stay the bytes that were asked for.
fn is_compressible(status: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    if status == StatusCode::PARTIAL_CONTENT || headers.contains_key(CONTENT_RANGE) {
        return false;
    }
    let media = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media = media.unwrap_or_default().split(';').next();
    let media = media.unwrap_or_default().trim().to_ascii_lowercase();
    let known = [
        "application/vnd.mapbox-vector-tile",
        "application/x-protobuf",
        "application/javascript",
        "application/x-ndjson",
    ];
    media.starts_with("text/")
        || media.ends_with("json")
        || media.ends_with("json-seq")
        || media.ends_with("+xml")
        || media.ends_with("/xml")
        || known.contains(&media.as_str())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn text_and_tiles_are_compressed_and_packed_files_are_not() {
        for (media, expected) in [
            ("application/geo+json", true),
            ("application/json", true),
            ("application/problem+json", true),
            ("application/vnd.oai.openapi+json;version=3.0", true),
            ("application/vnd.mapbox-vector-tile", true),
            ("application/vnd.google-earth.kml+xml", true),
            ("image/svg+xml", true),
            ("text/csv; charset=utf-8", true),
            ("Text/HTML", true),
            ("application/geo+json-seq", true),
            ("application/flatgeobuf", false),
            ("application/geopackage+sqlite3", false),
            ("application/vnd.apache.parquet", false),
            ("application/zip", false),
            ("application/pdf", false),
            ("image/png", false),
            ("font/woff2", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            let compressed = |status, headers: &HeaderMap| {
                is_compressible(status, Version::HTTP_11, headers, &Extensions::new())
            };
            assert_eq!(compressed(StatusCode::OK, &headers), expected, "{media}");
            assert!(
                !compressed(StatusCode::PARTIAL_CONTENT, &headers),
                "{media}"
            );
        }
    }
}
