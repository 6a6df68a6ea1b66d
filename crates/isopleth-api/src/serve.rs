//! The service over a store, from start to drain.

use std::future::Future;
use std::net::SocketAddr;

use axum::serve::ListenerExt;
use isopleth_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::archive::StoreArchive;
use crate::config::Config;
use crate::connections::answer;
use crate::openapi::ContractError;
use crate::refresh::watch;
use crate::routes::{operations, router};
use crate::rules::InvalidConfig;
use crate::state::AppState;

/// Why a service cannot start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another with {key}, or port 0 for any")]
    Bind {
        /// What the configuration calls it.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration cannot be followed.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread to compute analyses on.
    #[error("cannot start a thread for analyses: {0}; allow more threads to the process")]
    Worker(std::io::Error),
    /// The embedded API definition is broken.
    #[error(transparent)]
    Contract(#[from] ContractError),
}

/// Takes the configured address. Its port 0 becomes a free one, which
/// [`local_addr`](TcpListener::local_addr) tells.
///
/// # Errors
/// [`ServeError::Bind`].
pub async fn bind(config: &Config) -> Result<TcpListener, ServeError> {
    bound(config.bind, "bind").await
}

/// Takes the address for metrics and health, if one is configured.
///
/// # Errors
/// [`ServeError::Bind`].
pub async fn bind_metrics(config: &Config) -> Result<Option<TcpListener>, ServeError> {
    match config.metrics_bind {
        Some(address) => bound(address, "metrics_bind").await.map(Some),
        None => Ok(None),
    }
}

async fn bound(address: SocketAddr, key: &'static str) -> Result<TcpListener, ServeError> {
    let taken = TcpListener::bind(address).await;
    taken.map_err(|source| ServeError::Bind {
        key,
        address,
        source,
    })
}

/// Serves the store until `shutdown` completes and the requests under way have been answered, or
/// have had their time: a [`Server`] with one address and a configuration that does not change.
///
/// # Errors
/// [`ServeError`]; the store and the configuration are checked before anything is served.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    Server::new(config, listener).run(shutdown).await
}

/// A service over a store that has its addresses.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    changes: Option<mpsc::Receiver<Result<Config, String>>>,
    ready: Option<oneshot::Sender<()>>,
}

impl Server {
    /// A service at one address.
    #[must_use]
    pub fn new(config: Config, listener: TcpListener) -> Self {
        Self {
            config,
            listener,
            metrics: None,
            changes: None,
            ready: None,
        }
    }

    /// The same, with metrics and health at an address of their own.
    #[must_use]
    pub fn with_metrics(mut self, listener: Option<TcpListener>) -> Self {
        self.metrics = listener;
        self
    }

    /// The same, following changes of the configuration while it runs. An error is why a change
    /// could not be read; it is logged and counted, and the configuration stays as it was.
    #[must_use]
    pub fn following(mut self, changes: mpsc::Receiver<Result<Config, String>>) -> Self {
        self.changes = Some(changes);
        self
    }

    /// The same, telling when the store is open and connections are answered.
    #[must_use]
    pub fn telling(mut self, ready: oneshot::Sender<()>) -> Self {
        self.ready = Some(ready);
        self
    }

    /// Serves until `shutdown` completes and the requests under way have been answered, or have had
    /// their time.
    ///
    /// Connections are accepted at once. Requests for data wait until the saved layers have been
    /// run for the first time, for as long as [`Limits::startup_wait`](crate::Limits::startup_wait)
    /// says. From the begin of shutdown `/readyz` answers 503; after
    /// [`Limits::drain_delay`](crate::Limits::drain_delay) the listener is closed.
    ///
    /// # Errors
    /// [`ServeError`]; the store and the configuration are checked before anything is served.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServeError> {
        let Self {
            config,
            listener,
            metrics,
            changes,
            ready,
        } = self;
        let state = AppState::new(config.limits.clone())?;
        state.apply(&config)?;
        // Opened for writing first: that makes the log files and brings an older store up to date.
        drop(Store::open(&config.store)?);
        let archive = StoreArchive::open(config.store.clone())?;
        let state = state
            .with_archive(Box::new(archive))
            .with_analyses(config.store.clone(), isopleth_io::analyse);
        state.start_analyses().map_err(ServeError::Worker)?;

        let mut beside = JoinSet::new();
        beside.spawn(watch(state.clone(), config.store.clone()));
        if let Some(listener) = metrics {
            let (state, router) = (state.clone(), operations(state.clone()));
            beside.spawn(answer(
                listener,
                router,
                state,
                None,
                std::future::pending(),
            ));
        }
        if let Some(changes) = changes {
            beside.spawn(follow(state.clone(), config, changes));
        }

        if let Some(ready) = ready {
            // Who is not there any more need not be told.
            let _ = ready.send(());
        }
        let (begun, drain_begun) = oneshot::channel();
        let closing = {
            let state = state.clone();
            async move {
                shutdown.await;
                state.drain();
                let delay_s = state.limits().drain_delay.as_secs_f64();
                tracing::info!(delay_s, "shutting down: /readyz answers 503");
                tokio::time::sleep(state.limits().drain_delay).await;
                tracing::info!("no new connections, answering requests under way");
                // The receiver is gone only when the server has ended already.
                let _ = begun.send(());
            }
        };
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
        });
        let open = state.metrics().connections.clone();
        let served = router(state.clone());
        let server = answer(listener, served, state.clone(), Some(open), closing);
        let out_of_time = async {
            match drain_begun.await {
                Ok(()) => tokio::time::sleep(state.limits().drain).await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = server => {}
            () = out_of_time => {
                let drain_s = state.limits().drain.as_secs_f64();
                tracing::warn!(drain_s, "requests were cut off: out of time");
            }
        }
        beside.abort_all();
        state.end_analyses();
        state.files().clear();
        Ok(())
    }
}

/// Applies changes of the configuration for as long as there is someone to send them.
async fn follow(
    state: AppState,
    started: Config,
    mut changes: mpsc::Receiver<Result<Config, String>>,
) {
    while let Some(change) = changes.recv().await {
        let applied = change.and_then(|config| {
            state.apply(&config).map_err(|e| e.to_string())?;
            Ok(config)
        });
        state.metrics().reloaded(applied.is_ok());
        match applied {
            Ok(config) => {
                tracing::info!("the configuration was read anew and is followed");
                for key in waiting(&started, &config) {
                    tracing::warn!(key, "the new value is taken at the next start only");
                }
            }
            Err(error) => {
                tracing::error!(error, "the configuration stays as it was");
            }
        }
    }
}

/// The keys whose new values have to wait for a restart.
fn waiting<'a>(started: &Config, now: &Config) -> impl Iterator<Item = &'a str> {
    let changed = [
        ("bind", started.bind != now.bind),
        ("metrics_bind", started.metrics_bind != now.metrics_bind),
        ("store", started.store != now.store),
        (
            "kept_runs",
            started.limits.kept_runs != now.limits.kept_runs,
        ),
        (
            "file_cache_folder",
            started.limits.file_cache_folder != now.limits.file_cache_folder,
        ),
        (
            "file_cache_bytes",
            started.limits.file_cache_bytes != now.limits.file_cache_bytes,
        ),
        (
            "limits of analyses",
            started.limits.analyses != now.limits.analyses,
        ),
        (
            "tile_cache_bytes",
            started.limits.tile_cache_bytes != now.limits.tile_cache_bytes,
        ),
    ];
    changed.into_iter().filter(|(_, c)| *c).map(|(key, _)| key)
}
