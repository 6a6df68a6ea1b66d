//! The map page: `/` for people, and its files under `/assets`.
//!
//! The page is built from `web/` when the feature `web` is on, and carried by the binary. It reads
//! the public API and nothing else; what it shows, a script can read. Without the feature `/` is the
//! landing document as a plain page.

#[cfg(feature = "web")]
mod carried {
    use axum::http::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY};

    use maud::html;

    use crate::call::Call;
    use crate::links::Link;
    use crate::problem::Problem;
    use crate::reply::{Cache, Reply, entity_tag};
    use crate::rules::Rules;

    /// A file of the page. Its name has a hash of its content.
    struct Asset {
        name: &'static str,
        plain: &'static [u8],
        brotli: &'static [u8],
        gzip: &'static [u8],
    }

    include!(concat!(env!("OUT_DIR"), "/web.rs"));

    /// The page, with what the landing document says at its foot.
    pub(crate) fn page(
        call: &Call,
        description: &str,
        rules: &Rules,
        links: &[Link],
    ) -> Option<Reply> {
        let head = html! { @for link in links {
            link rel=(link.rel) type=(link.media) href=(link.href);
        } };
        let nav = html! { nav.service aria-label="Links of this service" {
            p { (description) }
            ul { @for link in links {
                li { a href=(link.href) rel=(link.rel) type=(link.media) { (link.title) } }
            } }
        } };
        let meta = html! {
            meta name="isopleth-basemap" content=(rules.basemap.as_deref().unwrap_or_default());
            @let owed = rules.basemap_attribution.as_deref();
            meta name="isopleth-basemap-attribution" content=(owed.unwrap_or_default());
        };
        let text = PAGE
            .replace("<!--head-->", &(head.into_string() + &meta.into_string()))
            .replace("<!--links-->", &nav.into_string());
        let reply = Reply::text(call, "text/html; charset=utf-8", text);
        Some(reply.with_value(CONTENT_SECURITY_POLICY, policy(rules.basemap.as_deref())))
    }

    /// What the page may load: itself, and the pictures of the basemap where one is named.
    fn policy(basemap: Option<&str>) -> String {
        let other = basemap
            .and_then(origin)
            .map(|o| format!(" {o}"))
            .unwrap_or_default();
        format!(
            "default-src 'self'; img-src 'self' data: blob:{other}; connect-src 'self'{other}; \
             object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
    }

    /// Scheme, host and port of an address.
    fn origin(address: &str) -> Option<&str> {
        let host = address.find("://")? + 3;
        let end = address[host..]
            .find('/')
            .map_or(address.len(), |at| host + at);
        Some(&address[..end])
    }

    /// A file of the page.
    pub(crate) fn asset(call: &Call) -> Result<Reply, Problem> {
        let name = call.segment("assetName");
        let found = ASSETS.binary_search_by(|asset| asset.name.cmp(name));
        let Asset {
            plain,
            brotli,
            gzip,
            ..
        } = &ASSETS[found.map_err(|_| Problem::path_not_found())?];
        let (coding, body) = if call.reads("br") {
            (Some("br"), brotli)
        } else if call.reads("gzip") {
            (Some("gzip"), gzip)
        } else {
            (None, plain)
        };
        let etag = entity_tag(&["asset", name]);
        let reply = Reply::tagged(call, media(name), Cache::Forever, etag, || body.to_vec());
        Ok(match coding {
            Some(coding) => reply.with_header(CONTENT_ENCODING, coding),
            None => reply,
        })
    }

    fn media(name: &str) -> &'static str {
        match name.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_basemap_opens_its_own_origin_only() {
            assert!(policy(None).contains("connect-src 'self';"));
            let named = policy(Some("https://tiles.example.org:8443/{z}/{x}/{y}.png?key=a"));
            assert!(
                named.contains("connect-src 'self' https://tiles.example.org:8443;"),
                "{named}"
            );
            assert!(
                named.contains("blob: https://tiles.example.org:8443;"),
                "{named}"
            );
            assert_eq!(origin("/tiles/{z}/{x}/{y}.png"), None);
        }

        #[test]
        fn files_are_found_by_name_and_the_page_has_its_places() {
            assert!(ASSETS.is_sorted_by_key(|a| a.name));
            for asset in ASSETS {
                assert!(
                    !asset.brotli.is_empty() && !asset.gzip.is_empty(),
                    "{}",
                    asset.name
                );
                assert_ne!(
                    media(asset.name),
                    "application/octet-stream",
                    "{}",
                    asset.name
                );
            }
            assert!(PAGE.contains("<!--head-->") && PAGE.contains("<!--links-->"));
        }
    }
}

#[cfg(feature = "web")]
pub(crate) use carried::{asset, page};

/// There is no page: the landing document is shown as it is.
#[cfg(not(feature = "web"))]
pub(crate) fn page(
    _: &crate::call::Call,
    _: &str,
    _: &crate::rules::Rules,
    _: &[crate::links::Link],
) -> Option<crate::reply::Reply> {
    None
}

/// There is no file.
#[cfg(not(feature = "web"))]
pub(crate) fn asset(_: &crate::call::Call) -> Result<crate::reply::Reply, crate::problem::Problem> {
    Err(crate::problem::Problem::path_not_found())
}
