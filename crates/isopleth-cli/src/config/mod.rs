//! The configuration of the service: a file, the environment and flags, each stronger than the one
//! before.
//!
//! [`KEYS`] is the one list of what can be configured. A key `max_limit` is `max_limit` in the file,
//! `ISOPLETH_MAX_LIMIT` in the environment, and `--max-limit` on the command line.

mod file;
mod keys;
mod print;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

pub(crate) use keys::{KEYS, Key, Settings, Shape};
pub(crate) use print::print;

/// What starts the names of environment variables.
const PREFIX: &str = "ISOPLETH_";

/// Variables of the environment that mean something else than a key.
const OTHER_VARIABLES: [&str; 3] = [
    "ISOPLETH_CONFIG",
    "ISOPLETH_SHARED",
    "ISOPLETH_REQUIRE_CLIENTS",
];

/// A value as it was given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    /// Text, or anything from the environment or a flag.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A list of texts.
    List(Vec<String>),
}

/// Where a value comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody gave one.
    #[default]
    Default,
    /// The file, at a line.
    File(PathBuf, usize),
    /// A variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment, {name}"),
            Self::Flag(name) => write!(f, "flag, {name}"),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What the reader said.
        reason: String,
    },
    /// A key that does not exist.
    #[error("{at}: '{key}' is not a key{}", hint(nearest))]
    UnknownKey {
        /// Where it stands.
        at: Source,
        /// The key.
        key: String,
        /// The key that is spelled most like it.
        nearest: Option<&'static str>,
    },
    /// A value that the key cannot have.
    #[error("{at}: {key}: {reason}")]
    Value {
        /// Where it stands.
        at: Source,
        /// The key.
        key: &'static str,
        /// Why not.
        reason: String,
    },
    /// Values that do not go together, or that the service cannot follow.
    #[error("{at}: {source}")]
    Invalid {
        /// Where they stand.
        at: Source,
        /// Why not.
        source: isopleth_api::InvalidConfig,
    },
    /// No store was named.
    #[error("no store is named: give store in the file, ISOPLETH_STORE or --store")]
    NoStore,
    /// What is to be logged cannot be read.
    #[error("{at}: log: '{directives}': {reason}")]
    Log {
        /// Where it stands.
        at: Source,
        /// What was given.
        directives: String,
        /// Why not.
        reason: String,
    },
    /// Both listeners want the same address.
    #[error("bind and metrics_bind are both {0}; metrics need an address of their own")]
    SameAddress(std::net::SocketAddr),
}

fn hint(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(key) => format!("; did you mean '{key}'?"),
        None => "; --print-config lists the keys".to_owned(),
    }
}

/// What the command line says of the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// The configuration file.
    pub(crate) file: Option<PathBuf>,
    given: Vec<(&'static Key, String)>,
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if let Some(file) = matches.get_one::<PathBuf>("config") {
            self.file = Some(file.clone());
        }
        for key in KEYS {
            if let Some(values) = matches.get_many::<String>(key.name) {
                let values: Vec<_> = values.map(String::as_str).collect();
                self.given.push((key, values.join(",")));
            }
        }
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("Configuration file (TOML); ISOPLETH_CONFIG names one as well")
            .value_parser(clap::value_parser!(PathBuf));
        KEYS.iter().fold(command.arg(file), |command, key| {
            let arg = Arg::new(key.name)
                .long(key.flag())
                .value_name(key.shape.placeholder())
                .help(key.meaning);
            command.arg(match key.shape {
                Shape::Switch => arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true"),
                Shape::List => arg.action(ArgAction::Append),
                _ => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The effective configuration, where each value comes from, and what was wrong on the way.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// By position in [`KEYS`].
    pub(crate) sources: Vec<Source>,
    pub(crate) errors: Vec<ConfigError>,
    /// Variables of the environment that look like keys and are none.
    pub(crate) strange_variables: Vec<String>,
}

impl Loaded {
    /// The settings, if nothing is wrong.
    ///
    /// # Errors
    /// All that is wrong, one a line.
    pub(crate) fn settings(self) -> Result<Settings, String> {
        if self.errors.is_empty() {
            return Ok(self.settings);
        }
        let lines: Vec<_> = self.errors.iter().map(ToString::to_string).collect();
        Err(lines.join("\n"))
    }
}

/// The file that the flags or the environment name.
pub(crate) fn file_of(flags: &Flags) -> Option<PathBuf> {
    let variable = || std::env::var_os("ISOPLETH_CONFIG").filter(|v| !v.is_empty());
    flags.file.clone().or_else(|| variable().map(PathBuf::from))
}

/// Reads the configuration: file, environment, flags. Everything that is wrong is found at once.
pub(crate) fn load(flags: &Flags) -> Loaded {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment: Vec<_> = std::env::vars_os().filter_map(text).collect();
    load_from(file_of(flags).as_deref(), &environment, flags)
}

fn load_from(path: Option<&Path>, environment: &[(String, String)], flags: &Flags) -> Loaded {
    let mut loaded = Loaded {
        settings: Settings::default(),
        sources: vec![Source::Default; KEYS.len()],
        errors: Vec::new(),
        strange_variables: Vec::new(),
    };
    if let Some(path) = path {
        match file::read(path) {
            Ok(entries) => {
                for entry in entries {
                    let at = Source::File(path.to_owned(), entry.line);
                    match KEYS.iter().position(|k| k.name == entry.key) {
                        Some(index) => match entry.value {
                            Ok(value) => loaded.set(index, &value, at),
                            Err(reason) => loaded.errors.push(ConfigError::Value {
                                at,
                                key: KEYS[index].name,
                                reason,
                            }),
                        },
                        None => loaded.errors.push(ConfigError::UnknownKey {
                            at,
                            nearest: nearest(&entry.key),
                            key: entry.key,
                        }),
                    }
                }
            }
            Err(error) => loaded.errors.push(error),
        }
    }
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else {
            continue;
        };
        match KEYS.iter().position(|k| k.name == key.to_ascii_lowercase()) {
            // An empty variable is how many tools leave one out.
            Some(_) if value.is_empty() => {}
            Some(index) => {
                let at = Source::Environment(name.clone());
                loaded.set(index, &Raw::Text(value.clone()), at);
            }
            None if OTHER_VARIABLES.contains(&name.as_str()) => {}
            None => {
                let hint = hint(&nearest(&key.to_ascii_lowercase()));
                loaded
                    .strange_variables
                    .push(format!("{name} is no key{hint}"));
            }
        }
    }
    for (key, value) in &flags.given {
        if let Some(index) = KEYS.iter().position(|k| k.name == key.name) {
            let at = Source::Flag(format!("--{}", key.flag()));
            loaded.set(index, &Raw::Text(value.clone()), at);
        }
    }
    if loaded.errors.is_empty() {
        loaded.check();
    }
    loaded
}

impl Loaded {
    fn set(&mut self, index: usize, value: &Raw, at: Source) {
        let key = &KEYS[index];
        match key.set(&mut self.settings, value) {
            Ok(()) => self.sources[index] = at,
            Err(reason) => self.errors.push(ConfigError::Value {
                at,
                key: key.name,
                reason,
            }),
        }
    }

    /// Where the first of these keys stands that is not left as it is by default.
    fn given(&self, keys: &[&str]) -> Source {
        let mut found = KEYS.iter().zip(&self.sources);
        let given = found.find(|(k, at)| keys.contains(&k.name) && !matches!(at, Source::Default));
        given.map_or(Source::Default, |(_, at)| at.clone())
    }

    /// Checks what only the whole can be checked for.
    fn check(&mut self) {
        let service = &self.settings.service;
        if let Err(source) = service.check() {
            let at = self.given(&source.keys());
            self.errors.push(ConfigError::Invalid { at, source });
        }
        if service.store.as_os_str().is_empty() {
            self.errors.push(ConfigError::NoStore);
        }
        let directives = &self.settings.log;
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(directives) {
            self.errors.push(ConfigError::Log {
                at: self.given(&["log"]),
                directives: directives.clone(),
                reason: error.to_string(),
            });
        }
        let same = service.metrics_bind == Some(service.bind) && service.bind.port() != 0;
        if same {
            self.errors.push(ConfigError::SameAddress(service.bind));
        }
    }
}

/// The key that is spelled most like a word, if one is anything like it.
fn nearest(word: &str) -> Option<&'static str> {
    let alike = |key: &Key| strsim::jaro_winkler(key.name, word);
    let best = KEYS.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(best) > 0.75).then_some(best.name)
}

#[cfg(test)]
mod tests;
