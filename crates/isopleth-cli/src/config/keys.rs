//! Every key of the configuration: its name, what it means, and how it is set and shown.

use std::path::PathBuf;
use std::time::Duration;

use isopleth_api::Config;

use super::Raw;

/// The effective configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    /// What the service is told.
    pub(crate) service: Config,
    /// What is logged.
    pub(crate) log: String,
    /// Whether logs are JSON lines.
    pub(crate) log_json: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service: Config::new(PathBuf::new()),
            log: "info".to_owned(),
            log_json: false,
        }
    }
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A path.
    Path,
    /// An address with its port.
    Address,
    /// Text.
    Text,
    /// A web address.
    Url,
    /// A list of texts.
    List,
    /// A time in seconds.
    Seconds,
    /// A whole number.
    Count,
    /// True or false.
    Switch,
}

impl Shape {
    /// How help shows a value.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Self::Path => "FILE",
            Self::Address => "ADDRESS",
            Self::Text => "TEXT",
            Self::Url => "URL",
            Self::List => "LIST",
            Self::Seconds => "SECONDS",
            Self::Count => "NUMBER",
            Self::Switch => "BOOL",
        }
    }
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) shape: Shape,
    /// A value to show where there is none.
    pub(crate) example: &'static str,
    set: fn(&mut Settings, &Raw) -> Result<(), String>,
    /// The value as TOML; none where there is none.
    pub(crate) show: fn(&Settings) -> Option<toml::Value>,
}

impl Key {
    /// The flag without its dashes in front.
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Sets the value.
    ///
    /// # Errors
    /// Why it cannot be set.
    pub(crate) fn set(&self, settings: &mut Settings, value: &Raw) -> Result<(), String> {
        (self.set)(settings, value)
    }
}

/// A type of values.
trait Setting: Sized {
    fn read(raw: &Raw) -> Result<Self, String>;
    fn show(&self) -> Option<toml::Value>;
}

fn expected(what: &str, raw: &Raw) -> String {
    let given = match raw {
        Raw::Text(text) => format!("'{text}'"),
        Raw::Integer(n) => n.to_string(),
        Raw::Float(x) => x.to_string(),
        Raw::Boolean(b) => b.to_string(),
        Raw::List(list) => format!("{list:?}"),
    };
    format!("{given} is not {what}")
}

impl Setting for String {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) => Ok(text.clone()),
            other => Err(expected("a text in quotation marks", other)),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.clone().into())
    }
}

impl Setting for PathBuf {
    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map(Self::from)
    }

    fn show(&self) -> Option<toml::Value> {
        let text = self.to_str().filter(|t| !t.is_empty())?;
        Some(text.to_owned().into())
    }
}

impl Setting for std::net::SocketAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        let hint = "an address with a port, like 127.0.0.1:8080 or [::1]:8080";
        let text = String::read(raw)?;
        text.parse().map_err(|_| expected(hint, raw))
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

impl Setting for ipnet::IpNet {
    fn read(raw: &Raw) -> Result<Self, String> {
        let hint = "an address or a network, like 10.0.0.1 or 10.0.0.0/8";
        let text = String::read(raw)?;
        let address = || text.parse::<std::net::IpAddr>().map(Self::from);
        let network = text.parse::<Self>().map(|net| net.trunc());
        network
            .or_else(|_| address())
            .map_err(|_| expected(hint, raw))
    }

    fn show(&self) -> Option<toml::Value> {
        Some(self.to_string().into())
    }
}

/// An empty text is none.
impl<T: Setting> Setting for Option<T> {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) if text.is_empty() => Ok(None),
            given => T::read(given).map(Some),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        self.as_ref()?.show()
    }
}

/// Text has commas between the elements.
impl<T: Setting> Setting for Vec<T> {
    fn read(raw: &Raw) -> Result<Self, String> {
        let texts: Vec<String> = match raw {
            Raw::List(texts) => texts.clone(),
            Raw::Text(text) => {
                let parts = text.split(',').map(str::trim);
                parts.filter(|p| !p.is_empty()).map(Into::into).collect()
            }
            other => return Err(expected("a list of texts", other)),
        };
        texts.into_iter().map(|t| T::read(&Raw::Text(t))).collect()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::Array(
            self.iter().filter_map(T::show).collect(),
        ))
    }
}

impl Setting for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Boolean(b) => Ok(*b),
            Raw::Text(text) if text == "true" || text == "1" => Ok(true),
            Raw::Text(text) if text == "false" || text == "0" => Ok(false),
            other => Err(expected("true or false", other)),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some((*self).into())
    }
}

macro_rules! counts {
    ($($type:ty)*) => {$(
        impl Setting for $type {
            fn read(raw: &Raw) -> Result<Self, String> {
                let read = match raw {
                    Raw::Integer(n) => Self::try_from(*n).ok(),
                    Raw::Text(text) => text.parse().ok(),
                    _ => None,
                };
                // TOML has no larger numbers than those of 63 bits.
                let shown = read.filter(|n| i64::try_from(*n).is_ok());
                shown.ok_or_else(|| expected("a whole number of 0 or more in range", raw))
            }

            fn show(&self) -> Option<toml::Value> {
                Some(i64::try_from(*self).ok()?.into())
            }
        }
    )*};
}
counts!(u32 u64 usize);

/// Seconds, whole or with a fraction.
impl Setting for Duration {
    fn read(raw: &Raw) -> Result<Self, String> {
        let seconds = match raw {
            Raw::Integer(n) => Some(*n as f64),
            Raw::Float(x) => Some(*x),
            Raw::Text(text) => text.parse().ok(),
            _ => None,
        };
        // A year is for ever; clocks of some systems cannot add much more.
        let seconds = seconds.filter(|s| (0.0..=31_536_000.0).contains(s));
        let duration = seconds.and_then(|s| Self::try_from_secs_f64(s).ok());
        duration.ok_or_else(|| expected("a number of seconds from 0 to 31536000", raw))
    }

    fn show(&self) -> Option<toml::Value> {
        let seconds = i64::try_from(self.as_secs()).ok()?;
        Some(if self.subsec_nanos() == 0 {
            seconds.into()
        } else {
            self.as_secs_f64().into()
        })
    }
}

macro_rules! keys {
    ($($name:literal $shape:ident $example:literal $meaning:literal = $($field:ident).+;)*) => {
        &[$(Key {
            name: $name,
            meaning: $meaning,
            shape: Shape::$shape,
            example: $example,
            set: |settings, raw| {
                settings.$($field).+ = Setting::read(raw)?;
                Ok(())
            },
            show: |settings| settings.$($field).+.show(),
        }),*]
    };
}

/// Every key, as a file lists them.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = keys! {
    "store" Path "/var/lib/isopleth/isopleth.gpkg"
        "The store to serve, one GeoPackage file (taken at the start only)" = service.store;
    "bind" Address "127.0.0.1:8080"
        "Address and port to listen on; port 0 takes a free one (taken at the start only)" = service.bind;
    "metrics_bind" Address "127.0.0.1:9464"
        "Address and port of metrics and health, apart from the data; none without it (taken at the start only)" = service.metrics_bind;
    "public_base_url" Url "https://maps.example.org/isopleth"
        "The address that clients reach the service by, where it differs; links start with it" = service.public_base_url;
    "trusted_proxies" List "10.0.0.0/8"
        "Addresses and networks of the proxies whose Forwarded and X-Forwarded-* headers are believed" = service.trusted_proxies;
    "allowed_hosts" List "maps.example.org"
        "Hosts that requests may name; none in the list allows every host" = service.allowed_hosts;
    "allowed_origins" List "https://maps.example.org"
        "Origins of web pages that may read answers; * alone for any, none in the list for no other origin" = service.allowed_origins;
    "basemap" Url "https://tiles.example.org/{z}/{x}/{y}.png"
        "Where the map page finds tiles to lie below its layers; a plain ground without it" = service.basemap;
    "basemap_attribution" Text "© OpenStreetMap contributors"
        "Whom those tiles are owed to; the map page shows it on the map, on paper and in pictures" = service.basemap_attribution;
    "default_limit" Count "10"
        "Features of a page when the request does not say" = service.limits.default_limit;
    "max_limit" Count "10000"
        "Most features of a page; larger requests are cut down to it" = service.limits.max_limit;
    "rate_per_minute" Count "3000"
        "Requests a minute that one client may send in the long run; 0 sets no rate" = service.limits.rate_per_minute;
    "rate_burst" Count "1000"
        "Requests that one client may send at once after a pause, where there is a rate" = service.limits.rate_burst;
    "max_requests" Count "512"
        "Most requests under way at a time; others get 503" = service.limits.max_requests;
    "max_connections" Count "1024"
        "Most connections at a time; others wait to be accepted" = service.limits.max_connections;
    "max_uri_bytes" Count "8192"
        "Longest path with query; longer ones get 414" = service.limits.max_uri;
    "max_headers_bytes" Count "32768"
        "Most bytes of a request's headers; more get 431" = service.limits.max_headers;
    "max_body_bytes" Count "1048576"
        "Largest body of a request; larger ones get 413" = service.limits.max_body;
    "request_timeout_s" Seconds "60"
        "How long an answer may take to begin; then 503" = service.limits.request_timeout;
    "header_timeout_s" Seconds "30"
        "How long a client may take to send the head of a request, or keep a connection idle" = service.limits.header_timeout;
    "write_timeout_s" Seconds "30"
        "How long a client may take no byte of an answer before its connection is closed" = service.limits.write_timeout;
    "startup_wait_s" Seconds "20"
        "How long a request waits for the first publication before it is told to come back" = service.limits.startup_wait;
    "drain_delay_s" Seconds "0"
        "How long /readyz answers 503 before shutdown closes the listener" = service.limits.drain_delay;
    "drain_s" Seconds "20"
        "How long requests under way may take to finish once the listener is closed" = service.limits.drain;
    "poll_interval_s" Seconds "1"
        "How often the store and the configuration file are looked at for changes" = service.limits.poll_interval;
    "kept_runs" Count "32"
        "Runs kept in memory besides the published ones (taken at the start only)" = service.limits.kept_runs;
    "file_cache_folder" Path "/var/cache/isopleth"
        "Folder for files that are downloaded; that of the system for temporary files without it (taken at the start only)" = service.limits.file_cache_folder;
    "file_cache_bytes" Count "4294967296"
        "Most bytes of files for download that are kept, and so the largest file (taken at the start only)" = service.limits.file_cache_bytes;
    "tile_cache_bytes" Count "67108864"
        "Memory for tiles that were cut (taken at the start only)" = service.limits.tile_cache_bytes;
    "max_analysis_area_km2" Count "25000"
        "Most ground of a request that a client has computed; the rectangle around the incidents where no area is named (taken at the start only)" = service.limits.analyses.max_area_km2;
    "max_analysis_cells" Count "500000"
        "Most cells of such a request, times the steps of time where it cuts it (taken at the start only)" = service.limits.analyses.max_cells;
    "max_analysis_replicates" Count "99999"
        "Most permutations, replicates and runs of such a request (taken at the start only)" = service.limits.analyses.max_replicates;
    "max_analysis_incidents" Count "2000000"
        "Most incidents that such a request selects (taken at the start only)" = service.limits.analyses.max_incidents;
    "max_analysis_run_s" Seconds "600"
        "How long such a computation may take (taken at the start only)" = service.limits.analyses.max_run;
    "max_analysis_wait_s" Seconds "5"
        "How long a client is kept waiting for a result before it is told to have a job made (taken at the start only)" = service.limits.analyses.max_wait;
    "analysis_workers" Count "1"
        "Computations that go on at a time (taken at the start only)" = service.limits.analyses.workers;
    "analysis_threads" Count "0"
        "Threads of each computation; as many as there are processors for 0 (taken at the start only)" = service.limits.analyses.threads;
    "analysis_queue" Count "16"
        "Most jobs that wait for a worker; others get 503 (taken at the start only)" = service.limits.analyses.queue;
    "kept_jobs" Count "200"
        "Jobs that are remembered after their end, with up to 32 MB of requests; the oldest go first (taken at the start only)" = service.limits.analyses.kept_jobs;
    "kept_analyses" Count "100"
        "Results that are kept as collections; the oldest go first (taken at the start only)" = service.limits.analyses.kept_analyses;
    "kept_analysis_features" Count "1000000"
        "Most features of all results that are kept; the latest is kept however many it has (taken at the start only)" = service.limits.analyses.kept_features;
    "kept_analyses_s" Seconds "604800"
        "How long a result is kept as a collection (taken at the start only)" = service.limits.analyses.kept_for;
    "log" Text "info"
        "What is logged: error, warn, info, debug, trace, or directives by module" = log;
    "log_json" Switch "false"
        "Whether logs are JSON lines (taken at the start only)" = log_json;
};

#[cfg(test)]
mod tests {
    use isopleth_api::{AnalysisLimits, Limits};

    use super::*;

    #[test]
    fn every_limit_and_every_other_part_has_a_key() {
        // Whoever adds a field has to add a key: these patterns do not compile without it.
        let Config {
            bind: _,
            metrics_bind: _,
            store: _,
            public_base_url: _,
            trusted_proxies: _,
            allowed_hosts: _,
            allowed_origins: _,
            basemap: _,
            basemap_attribution: _,
            limits,
        } = Config::new("s.gpkg".into());
        let Limits {
            default_limit: _,
            max_limit: _,
            kept_runs: _,
            file_cache_folder: _,
            file_cache_bytes: _,
            tile_cache_bytes: _,
            poll_interval: _,
            startup_wait: _,
            drain_delay: _,
            drain: _,
            header_timeout: _,
            write_timeout: _,
            request_timeout: _,
            max_connections: _,
            max_requests: _,
            max_uri: _,
            max_headers: _,
            max_body: _,
            rate_per_minute: _,
            rate_burst: _,
            analyses,
        } = limits;
        let AnalysisLimits {
            max_area_km2: _,
            max_cells: _,
            max_replicates: _,
            max_incidents: _,
            max_run: _,
            max_wait: _,
            workers: _,
            threads: _,
            queue: _,
            kept_jobs: _,
            kept_analyses: _,
            kept_features: _,
            kept_for: _,
        } = analyses;
        assert_eq!(KEYS.len(), 9 + 20 + 13 + 2);
    }
}
