//! `isopleth serve`.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use isopleth_api::{Config, Limits};

use crate::{BindArg, Failure, StoreArg};

/// Serves the saved layers, areas and sites of a store.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    bind: BindArg,
    /// The address that clients reach the service by, where it differs: `https://maps.example.org`.
    #[arg(long, value_name = "URL")]
    public_base_url: Option<String>,
    /// Write logs as JSON lines.
    #[arg(long)]
    log_json: bool,
}

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        log_to_stderr(self.log_json);
        serve(self.store.store, self.bind, self.public_base_url)
    }
}

/// Structured logs on standard error. `ISOPLETH_LOG` sets the level.
pub(crate) fn log_to_stderr(json: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ISOPLETH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json {
        logs.json().init();
    } else {
        logs.init();
    }
}

/// Serves until interrupted or asked to terminate.
pub(crate) fn serve(
    store: PathBuf,
    bind: BindArg,
    public_base_url: Option<String>,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served: Result<(), Failure> = runtime.block_on(async {
        let config = Config {
            bind: bind.bind,
            store,
            public_base_url,
            limits: Limits::default(),
        };
        let listener = isopleth_api::bind(&config).await?;
        let address = listener.local_addr()?;
        let stop = stop_signal()?;
        announce(address);
        isopleth_api::serve(config, listener, stop).await?;
        Ok(())
    });
    // A layer that is being computed has no one left to read it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
}

/// Says where to look. A service goes on when nobody reads what it says.
fn announce(address: SocketAddr) {
    use std::io::Write;
    let text = format!(
        "Serving on http://{address}/\n  layers          http://{address}/collections\n  API definition  http://{address}/api\nIn QGIS: Layer, Add Layer, Add WFS / OGC API Features Layer, URL http://{address}/\n"
    );
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Completes on interrupt or, where there is one, on a request to terminate. The signals are heard
/// from the call on, not from the first poll.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    let stop = {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
    };
    #[cfg(not(unix))]
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(stop)
}
