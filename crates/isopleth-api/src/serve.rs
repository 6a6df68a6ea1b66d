//! The service over a store, from start to drain.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt;
use isopleth_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::archive::StoreArchive;
use crate::config::Config;
use crate::connections::answer;
use crate::openapi::ContractError;
use crate::refresh::watch;
use crate::routes::router;
use crate::state::{AppState, InvalidBaseUrl};

/// Why a service cannot start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another with --bind, or port 0 for any")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The public base URL is not one.
    #[error(transparent)]
    BaseUrl(#[from] InvalidBaseUrl),
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
    let address = config.bind;
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Bind { address, source })
}

/// Serves the store until `shutdown` completes and the requests under way have been answered, or
/// have had their time.
///
/// Connections are accepted at once. Requests for data wait until the saved layers have been run
/// for the first time, for as long as [`Limits::startup_wait`](crate::Limits::startup_wait) says.
///
/// # Errors
/// [`ServeError`]; the store and the configuration are checked before anything is served.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let Config {
        store,
        public_base_url,
        limits,
        ..
    } = config;
    // Opened for writing first: that makes the log files and brings an older store up to date.
    drop(Store::open(&store)?);
    let archive = StoreArchive::open(store.clone())?;
    let (poll_interval, drain) = (limits.poll_interval, limits.drain);
    let mut state = AppState::new(limits.clone())?
        .with_archive(Box::new(archive))
        .with_analyses(store.clone(), isopleth_io::analyse);
    if let Some(base) = &public_base_url {
        state = state.with_public_base_url(base)?;
    }
    state.start_analyses().map_err(ServeError::Worker)?;
    let watcher = tokio::spawn(watch(state.clone(), store, poll_interval));

    let (begun, drain_begun) = oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        tracing::info!("shutting down: no new connections, answering those under way");
        // The receiver is gone only when the server has ended already.
        let _ = begun.send(());
    };
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
    });
    let files = Arc::clone(state.files());
    let server = answer(listener, router(state.clone()), &limits, shutdown);
    let out_of_time = async {
        match drain_begun.await {
            Ok(()) => tokio::time::sleep(drain).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = server => {}
        () = out_of_time => {
            tracing::warn!(drain_s = drain.as_secs_f64(), "requests were cut off: out of time");
        }
    }
    watcher.abort();
    state.end_analyses();
    files.clear();
    Ok(())
}
