//! Who sent a request and by which address, seen through the proxies in between.
//!
//! Anyone can send `Forwarded` and `X-Forwarded-*`. They are believed from proxies that the
//! configuration names, and from no one else, and are read from right to left: each proxy adds to
//! the right, so that what a client has put there itself stays on the left and is never reached.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::header::{FORWARDED, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::problem::Problem;
use crate::rules::Rules;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Where a request comes from and what links of its answer start with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Address of the client; of the last proxy that is believed where it does not tell, and none
    /// where there is no connection.
    pub(crate) client: Option<IpAddr>,
    /// What links start with, without a slash at the end.
    pub(crate) base: Result<String, Problem>,
    /// Host and port that the client used, in lower case.
    host: Option<String>,
}

/// What the proxies say.
#[derive(Debug, Default)]
struct Told {
    client: Option<IpAddr>,
    scheme: Option<String>,
    host: Option<String>,
    prefix: Option<String>,
}

impl Visit {
    /// Reads a request.
    pub(crate) fn of(rules: &Rules, request: &Request) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(address)| address.ip().to_canonical());
        let told = match peer.filter(|&p| trusted(&rules.trusted_proxies, p)) {
            Some(peer) => told(&rules.trusted_proxies, request.headers(), peer),
            None => Told::default(),
        };
        let client = told.client.or(peer);
        let host = told.host.clone().or_else(|| own_host(request));
        let base = match &rules.public_base_url {
            Some(base) => Ok(base.clone()),
            None => base(&told, host.as_deref()),
        };
        let host = host.map(|h| h.to_ascii_lowercase());
        Self { client, base, host }
    }

    /// Whether the host is one of those that may be named, with or without its port.
    pub(crate) fn host_is_among(&self, allowed: &[String]) -> bool {
        let Some(host) = &self.host else {
            return allowed.is_empty();
        };
        let without_port = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        allowed.is_empty() || allowed.iter().any(|a| a == host || a == without_port)
    }
}

fn trusted(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|net| net.contains(&address))
}

/// The host that the request itself names.
fn own_host(request: &Request) -> Option<String> {
    // Two of them are refused (RFC 9112, 3.2): a proxy may have looked at the other.
    let header = request.headers().get_all(HOST).iter();
    let header = header.map(|h| h.to_str().unwrap_or("?"));
    let header = header.reduce(|_, _| "?");
    let authority = request.uri().authority().map(Authority::as_str);
    authority.or(header).map(str::to_owned)
}

fn told(proxies: &[IpNet], headers: &HeaderMap, peer: IpAddr) -> Told {
    let mut told = if headers.contains_key(FORWARDED) {
        by_forwarded(proxies, headers, peer)
    } else {
        by_x_forwarded(proxies, headers, peer)
    };
    if told.prefix.is_none() {
        told.prefix = list(headers, &X_FORWARDED_PREFIX).last().cloned();
    }
    told
}

/// The elements of a header that lists them, from all its lines.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let texts = lines.map(|v| v.to_str().unwrap_or("?"));
    let elements = texts.flat_map(|text| split(text, ','));
    elements.filter(|e| !e.is_empty()).collect()
}

/// The parts of a text between separators that are not inside quotation marks.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        if c == separator && !quoted {
            parts.push(String::new());
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|p| p.trim().to_owned()).collect()
}

/// RFC 7239: every proxy adds one element, which has all that it knows.
fn by_forwarded(proxies: &[IpNet], headers: &HeaderMap, peer: IpAddr) -> Told {
    let mut told = Told {
        client: Some(peer),
        ..Told::default()
    };
    for element in list(headers, &FORWARDED).iter().rev() {
        let mut client = None;
        for pair in split(element, ';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"').to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => client = address(&value),
                "proto" => told.scheme = Some(value),
                "host" => told.host = Some(value),
                _ => {}
            }
        }
        // An obfuscated client is told from no other: its proxy stands for it.
        let Some(client) = client else { break };
        told.client = Some(client);
        if !trusted(proxies, client) {
            break;
        }
    }
    told
}

/// The older headers, each a list of its own. What the first proxy that is believed has added to
/// each is as far from the right as there are proxies; where a list is shorter, not all have added.
fn by_x_forwarded(proxies: &[IpNet], headers: &HeaderMap, peer: IpAddr) -> Told {
    let (mut client, mut hops) = (peer, 0);
    for element in list(headers, &X_FORWARDED_FOR).iter().rev() {
        if !trusted(proxies, client) {
            break;
        }
        let Some(next) = address(element) else { break };
        client = next;
        hops += 1;
    }
    let outermost = |name: &HeaderName| {
        let elements = list(headers, name);
        let index = elements.len().saturating_sub(hops.max(1));
        elements.get(index).cloned()
    };
    Told {
        client: Some(client),
        scheme: outermost(&X_FORWARDED_PROTO),
        host: outermost(&X_FORWARDED_HOST),
        prefix: outermost(&X_FORWARDED_PREFIX),
    }
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let plain: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
    let with_port = || text.parse().ok().map(|a: SocketAddr| a.ip());
    plain.or_else(with_port).map(|a| a.to_canonical())
}

/// What links start with where the configuration does not say. All of it goes into links, so it
/// must look like what it stands for.
fn base(told: &Told, host: Option<&str>) -> Result<String, Problem> {
    let scheme = told
        .scheme
        .as_deref()
        .unwrap_or("http")
        .to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(Problem::bad_request(
            "the proxy forwards a scheme that is neither http nor https",
        ));
    }
    let host = host.ok_or_else(|| Problem::bad_request("the request has no Host header"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(Problem::bad_request(
            "the Host header is not a host with an optional port",
        ));
    }
    let prefix = told.prefix.as_deref().unwrap_or_default();
    let prefix = prefix.trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%".contains(&b);
    let rooted = prefix.is_empty() || prefix.starts_with('/') && !prefix.starts_with("//");
    let dots = prefix.split('/').any(|s| s == "." || s == "..");
    if !rooted || dots || !prefix.bytes().all(plain) {
        return Err(Problem::bad_request(
            "the proxy forwards a prefix that is not a path from the root",
        ));
    }
    Ok(format!("{scheme}://{host}{prefix}"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn rules(proxies: &[&str]) -> Rules {
        let config = Config {
            trusted_proxies: proxies.iter().map(|p| p.parse().unwrap()).collect(),
            ..Config::new("s.gpkg".into())
        };
        let contract = serde_json::json!({});
        let plain = Rules::plain(config.limits.clone(), &contract);
        plain.changed(&config, &contract).unwrap()
    }

    fn visit(peer: &str, headers: &[(&str, &str)]) -> Visit {
        let mut request = Request::builder().uri("/").header("host", "inner:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        Visit::of(&rules(&["10.0.0.0/8", "2001:db8:9::/48"]), &request)
    }

    fn seen(peer: &str, headers: &[(&str, &str)]) -> (String, String) {
        let visit = visit(peer, headers);
        (visit.client.unwrap().to_string(), visit.base.unwrap())
    }

    fn told(client: &str, base: &str) -> (String, String) {
        (client.to_owned(), base.to_owned())
    }

    #[test]
    fn strangers_are_not_believed() {
        let headers = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-prefix", "/evil"),
            ("forwarded", "for=1.1.1.1;proto=https;host=evil.example"),
        ];
        let own = told("192.0.2.1", "http://inner:8080");
        assert_eq!(seen("192.0.2.1", &headers), own);
    }

    #[test]
    fn a_proxy_is_believed() {
        let headers = [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "maps.example.org"),
            ("x-forwarded-prefix", "/isopleth/"),
        ];
        let public = told("192.0.2.7", "https://maps.example.org/isopleth");
        assert_eq!(seen("10.0.0.1", &headers), public);
        let forwarded = [
            (
                "forwarded",
                r#"for="[2001:db8::7]:99";proto=https;host="maps.example.org:444""#,
            ),
            ("x-forwarded-prefix", "/isopleth"),
            ("x-forwarded-for", "9.9.9.9"),
        ];
        let public = told("2001:db8::7", "https://maps.example.org:444/isopleth");
        assert_eq!(seen("10.0.0.1", &forwarded), public);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for headers in [
            [("host", "another.example")],
            [("x-forwarded-prefix", "/a/../b")],
        ] {
            assert!(visit("10.0.0.1", &headers).base.is_err(), "{headers:?}");
        }
    }

    #[test]
    fn what_clients_add_themselves_is_not_reached() {
        let headers = [
            ("x-forwarded-for", "1.1.1.1, 192.0.2.7, 10.0.0.2"),
            (
                "x-forwarded-host",
                "evil.example, maps.example.org, inner.example",
            ),
            ("x-forwarded-proto", "gopher, https, http"),
        ];
        let public = told("192.0.2.7", "https://maps.example.org");
        assert_eq!(seen("10.0.0.1", &headers), public);
        let forwarded = [(
            "forwarded",
            "for=1.1.1.1;host=evil.example;proto=http, for=192.0.2.7;host=maps.example.org;proto=https, for=10.0.0.2",
        )];
        assert_eq!(seen("10.0.0.1", &forwarded), public);
    }

    #[test]
    fn a_client_that_its_proxy_hides_is_the_proxy() {
        let (client, _) = seen("10.0.0.1", &[("forwarded", "for=1.1.1.1, for=_hidden")]);
        assert_eq!(client, "10.0.0.1");
        let (client, _) = seen("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, unknown")]);
        assert_eq!(client, "10.0.0.1");
    }

    #[test]
    fn what_cannot_be_a_link_is_refused() {
        for (name, value) in [
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-host", "maps.example.org/x"),
            ("x-forwarded-host", "a\"b"),
            ("x-forwarded-prefix", "isopleth"),
            ("x-forwarded-prefix", "//evil.example"),
            ("x-forwarded-prefix", "/a\"b"),
        ] {
            assert!(
                visit("10.0.0.1", &[(name, value)]).base.is_err(),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn hosts_are_compared_with_or_without_their_port() {
        let own = visit("192.0.2.1", &[]);
        for (allowed, among) in [
            (&[][..], true),
            (&["inner"], true),
            (&["inner:8080"], true),
            (&["inner:80"], false),
            (&["other", "inner"], true),
            (&["other"], false),
        ] {
            let allowed: Vec<_> = allowed.iter().map(|h: &&str| (*h).to_owned()).collect();
            assert_eq!(own.host_is_among(&allowed), among, "{allowed:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value in "[ -~]{0,60}", name in 0..5_usize) {
            let names = [
                "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
                "x-forwarded-prefix",
            ];
            let seen = visit("10.0.0.1", &[(names[name], &value)]);
            prop_assert!(seen.client.is_some());
            if let Ok(base) = seen.base {
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~%:[]".contains(&b);
                prop_assert!(base.starts_with("http") && base.bytes().all(plain));
            }
        }

        #[test]
        fn no_text_on_the_left_changes_who_the_client_is(value in "[ -!#-+--~]{0,40}") {
            let headers = [("x-forwarded-for", format!("{value}, 192.0.2.7"))];
            let seen = visit("10.0.0.1", &[(headers[0].0, &headers[0].1)]);
            prop_assert_eq!(seen.client.unwrap().to_string(), "192.0.2.7");
        }
    }
}
