//! Connections: how many there are, and how long they may keep silent.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;

use crate::config::Limits;

/// Answers requests until `shutdown` completes and those under way have been answered.
///
/// axum's own loop neither limits connections nor the time for the head of a request, so that
/// clients that send half a request would hold connections for ever.
pub(crate) async fn answer(
    mut listener: impl Listener,
    router: Router,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout);
    let room = Arc::new(Semaphore::new(limits.max_connections));
    let open = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            // Room comes first: who is not accepted waits in the queue of the system.
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await.0)
        };
        let (permit, stream) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop(permit);
        });
    }
    drop(listener);
    open.shutdown().await;
}
