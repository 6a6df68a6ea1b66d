//! The part of the configuration that may change while the service runs, ready for use.

use std::path::Path;
use std::sync::Arc;

use axum::http::uri::Authority;
use axum::http::{HeaderValue, Uri};
use ipnet::IpNet;
use serde_json::Value as Json;
use tower_http::cors::CorsLayer;

use crate::config::{Config, Limits};
use crate::cors;
use crate::openapi;
use crate::rate::Rate;
use crate::state::InvalidBaseUrl;

/// A configuration that a service cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// The public base URL is not one.
    #[error(transparent)]
    BaseUrl(#[from] InvalidBaseUrl),
    /// An origin is not one.
    #[error(
        "allowed_origins: '{0}' is not an origin: give scheme and host, with a port where it is not the scheme's \
         own, and nothing after it (https://maps.example.org); or * alone for any"
    )]
    Origin(String),
    /// A host is not one.
    #[error(
        "allowed_hosts: '{0}' is not a host: give a name or an address, with a port where it matters"
    )]
    Host(String),
    /// A basemap is not one.
    #[error(
        "basemap: '{0}' is no address of map tiles: give an http or https address with {{z}}, {{x}} and {{y}} \
         (https://tiles.example.org/{{z}}/{{x}}/{{y}}.png)"
    )]
    Basemap(String),
    /// Tiles are owed to somebody, and there are none.
    #[error(
        "basemap_attribution names whom the tiles of a basemap are owed to, but there is no basemap; give one, or \
         leave this out"
    )]
    NothingOwed,
    /// Files for download cannot be kept where they are to be.
    #[error("file_cache_folder: {path}: {reason}; name a folder that can be written to")]
    Folder {
        /// The folder.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A limit that would let nothing through.
    #[error("{0} is 0, which would let nothing through; give at least 1")]
    Zero(&'static str),
    /// The default page is larger than the largest.
    #[error("default_limit is {default}, more than max_limit, which is {max}; lower it")]
    DefaultLimit {
        /// Features of a page when the request does not say.
        default: u64,
        /// Most features of a page.
        max: u64,
    },
}

impl InvalidConfig {
    /// The keys that are at fault, as a configuration file calls them.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        match self {
            Self::BaseUrl(_) => vec!["public_base_url"],
            Self::Origin(_) => vec!["allowed_origins"],
            Self::Host(_) => vec!["allowed_hosts"],
            Self::Basemap(_) => vec!["basemap"],
            Self::NothingOwed => vec!["basemap_attribution"],
            Self::Folder { .. } => vec!["file_cache_folder"],
            Self::Zero(key) => vec![key],
            Self::DefaultLimit { .. } => vec!["default_limit", "max_limit"],
        }
    }
}

/// What requests are handled by.
#[derive(Clone)]
pub(crate) struct Rules {
    /// The limits.
    pub(crate) limits: Limits,
    /// What links start with, if it does not follow the request.
    pub(crate) public_base_url: Option<String>,
    /// Proxies that are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// Hosts that requests may name, in lower case; empty for all.
    pub(crate) allowed_hosts: Vec<String>,
    /// Where the map page finds tiles to lie below its layers.
    pub(crate) basemap: Option<String>,
    /// Whom those tiles are owed to, in words.
    pub(crate) basemap_attribution: Option<String>,
    /// What pages of other origins may do; None for nothing.
    pub(crate) cors: Option<CorsLayer>,
    /// How many requests a client may send.
    pub(crate) rate: Option<Arc<Rate>>,
    /// The API definition before it is expanded, with these limits.
    pub(crate) contract: Json,
}

impl Rules {
    /// The rules of the default configuration with other limits, for the API definition as it was
    /// written.
    pub(crate) fn plain(limits: Limits, contract: &Json) -> Self {
        Self {
            public_base_url: None,
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            basemap: None,
            basemap_attribution: None,
            cors: cors::layer(&[HeaderValue::from_static("*")]),
            rate: Rate::new(limits.rate_per_minute, limits.rate_burst).map(Arc::new),
            contract: openapi::with_limits(contract.clone(), &limits),
            limits,
        }
    }

    /// The rules of a configuration that takes the place of these. Clients keep what was counted
    /// against them, unless they may now send more or less.
    ///
    /// # Errors
    /// [`InvalidConfig`].
    pub(crate) fn changed(&self, config: &Config, contract: &Json) -> Result<Self, InvalidConfig> {
        config.check()?;
        let base = config.public_base_url.as_deref();
        let mut next = Self {
            public_base_url: base.map(base_url).transpose()?,
            trusted_proxies: config.trusted_proxies.clone(),
            allowed_hosts: hosts(&config.allowed_hosts)?,
            basemap: config.basemap.clone(),
            basemap_attribution: config.basemap_attribution.clone(),
            cors: cors::layer(&origins(&config.allowed_origins)?),
            ..Self::plain(config.limits.clone(), contract)
        };
        let rate = |limits: &Limits| (limits.rate_per_minute, limits.rate_burst);
        if rate(&next.limits) == rate(&self.limits) {
            next.rate.clone_from(&self.rate);
        }
        Ok(next)
    }
}

impl Config {
    /// Whether a service can follow it.
    ///
    /// # Errors
    /// [`InvalidConfig`], the first that is found.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        check(&self.limits)?;
        self.limits
            .file_cache_folder
            .as_deref()
            .map_or(Ok(()), folder)?;
        self.public_base_url.as_deref().map(base_url).transpose()?;
        hosts(&self.allowed_hosts)?;
        origins(&self.allowed_origins)?;
        match &self.basemap {
            Some(address) => basemap(address),
            None if self.basemap_attribution.is_some() => Err(InvalidConfig::NothingOwed),
            None => Ok(()),
        }
    }
}

/// Whether files can be kept in a folder, which is made where there is none.
fn folder(path: &Path) -> Result<(), InvalidConfig> {
    let made = std::fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path));
    made.map(drop).map_err(|error| InvalidConfig::Folder {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Whether an address is one of tiles, and one that a page may be allowed to load from.
fn basemap(text: &str) -> Result<(), InvalidConfig> {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .and_then(|rest| rest.split('/').next());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    let named = host.is_some_and(|h| !h.is_empty() && h.bytes().all(plain));
    if named && ["{z}", "{x}", "{y}"].iter().all(|part| text.contains(part)) {
        Ok(())
    } else {
        Err(InvalidConfig::Basemap(text.to_owned()))
    }
}

fn check(limits: &Limits) -> Result<(), InvalidConfig> {
    let counts = [
        ("max_limit", limits.max_limit),
        ("default_limit", limits.default_limit),
        ("max_connections", limits.max_connections as u64),
        ("max_requests", limits.max_requests as u64),
        ("max_uri_bytes", limits.max_uri as u64),
        ("max_headers_bytes", limits.max_headers as u64),
        ("rate_burst", u64::from(limits.rate_burst)),
        ("file_cache_bytes", limits.file_cache_bytes),
    ];
    let times = [
        ("poll_interval_s", limits.poll_interval),
        ("header_timeout_s", limits.header_timeout),
        ("write_timeout_s", limits.write_timeout),
        ("request_timeout_s", limits.request_timeout),
    ];
    let zero = counts.iter().find(|(_, n)| *n == 0).map(|(name, _)| name);
    let zero = zero.or_else(|| {
        times
            .iter()
            .find(|(_, t)| t.is_zero())
            .map(|(name, _)| name)
    });
    if let Some(name) = zero {
        return Err(InvalidConfig::Zero(name));
    }
    if limits.default_limit > limits.max_limit {
        return Err(InvalidConfig::DefaultLimit {
            default: limits.default_limit,
            max: limits.max_limit,
        });
    }
    Ok(())
}

/// A public base URL without the slash at its end.
pub(crate) fn base_url(base: &str) -> Result<String, InvalidBaseUrl> {
    let host = base
        .strip_prefix("https://")
        .or_else(|| base.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b);
    if !host.is_some_and(|h| !h.is_empty() && !h.starts_with('/') && h.bytes().all(plain)) {
        return Err(InvalidBaseUrl(base.to_owned()));
    }
    Ok(base.trim_end_matches('/').to_owned())
}

fn hosts(given: &[String]) -> Result<Vec<String>, InvalidConfig> {
    let host = |text: &String| {
        let fits = text.parse::<Authority>().is_ok_and(|a| a.as_str() == text);
        if fits && !text.contains('@') && !text.contains('*') {
            Ok(text.to_ascii_lowercase())
        } else {
            Err(InvalidConfig::Host(text.clone()))
        }
    };
    given.iter().map(host).collect()
}

fn origins(given: &[String]) -> Result<Vec<HeaderValue>, InvalidConfig> {
    let origin = |text: &String| {
        let invalid = || InvalidConfig::Origin(text.clone());
        if text == "*" && given.len() == 1 {
            return Ok(HeaderValue::from_static("*"));
        }
        // Browsers send origins in lower case and without a slash at the end.
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map(Authority::as_str).unwrap_or_default();
        let written = format!("{scheme}://{authority}");
        let plain = !scheme.is_empty() && !authority.is_empty() && !authority.contains(['@', '*']);
        if !plain || written != *text || *text != text.to_ascii_lowercase() {
            return Err(invalid());
        }
        HeaderValue::try_from(written).map_err(|_| invalid())
    };
    given.iter().map(origin).collect()
}
