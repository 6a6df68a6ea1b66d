//! `isopleth serve`.

use std::io::IsTerminal;
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
        logs.json().init()
    } else {
        logs.init()
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
        println!("Serving on http://{address}/");
        println!("  layers         http://{address}/collections");
        println!("  API definition http://{address}/api");
        println!(
            "In QGIS: Layer, Add Layer, Add WFS / OGC API Features Layer, URL http://{address}/"
        );
        isopleth_api::serve(config, listener, stop_signal()).await?;
        Ok(())
    });
    // A layer that is being computed has no one left to read it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
}

/// Completes on interrupt or, where there is one, on a request to terminate.
async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut s) => {
                s.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
