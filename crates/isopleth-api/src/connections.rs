//! Connections: how many there are, and how long they may keep silent.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::metrics::Counted;
use crate::state::AppState;

/// Answers requests until `shutdown` completes and those under way have been answered.
///
/// axum's own loop neither limits connections nor the time for the head of a request, so that
/// clients that send half a request would hold connections for ever. Nor does it limit the time in
/// which a client takes the next part of an answer. `connections` counts those that are open.
pub(crate) async fn answer(
    mut listener: impl Listener<Addr = SocketAddr>,
    router: Router,
    state: AppState,
    connections: Option<Gauge>,
    shutdown: impl Future<Output = ()>,
) {
    let mut changes = state.rule_changes();
    let mut size = state.rules().limits.max_connections;
    let room = Arc::new(Semaphore::new(size));
    let open = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let wanted = changes.borrow_and_update().limits.max_connections;
        if wanted > size {
            room.add_permits(wanted - size);
            size = wanted;
        } else {
            // Permits that connections hold are asked for again at the next connection.
            size -= room.forget_permits(size - wanted);
        }
        let next = async {
            // Room comes first: who is not accepted waits in the queue of the system.
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, (stream, peer)) = tokio::select! {
            next = next => next,
            Ok(()) = changes.changed() => continue,
            () = &mut shutdown => break,
        };
        let limits = &state.rules().limits;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write_timeout));
        let router = router.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = open.watch(connection);
        let counted = connections.as_ref().map(Counted::new);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke");
            }
            drop((permit, counted));
        });
    }
    drop(listener);
    open.shutdown().await;
}
