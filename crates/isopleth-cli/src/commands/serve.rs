//! `isopleth serve`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::Args;
use isopleth_api::{Config, Server};
use isopleth_store::Store;
use tokio::sync::{mpsc, oneshot};
use tracing_subscriber::EnvFilter;

use crate::config::{self, Flags, Loaded, Settings};
use crate::{BindArg, Failure};

/// Serves the saved layers, areas and sites of a store.
///
/// Every option can also stand in the configuration file (max_limit = 100) and in the environment
/// (ISOPLETH_MAX_LIMIT=100). Flags win over the environment, and that over the file. SIGHUP and
/// changes of the file are followed without a break.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: Flags,
    /// Print the effective configuration, with the source of each value, and end.
    #[arg(long, help_heading = "Configuration")]
    print_config: bool,
    /// Check the configuration, the store and the addresses, and end.
    #[arg(long, help_heading = "Configuration", conflicts_with = "print_config")]
    check_config: bool,
}

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let loaded = config::load(&self.flags);
        if self.check_config {
            return check(loaded);
        }
        for variable in &loaded.strange_variables {
            eprintln!("warning: {variable}");
        }
        if self.print_config {
            let text = config::print(&loaded);
            loaded.settings()?;
            say!("{}", text.trim_end());
            return Ok(());
        }
        let settings = loaded.settings()?;
        let log = log_to_stderr(&settings)?;
        serve(
            settings.service,
            Some(Follow {
                flags: self.flags,
                log,
            }),
        )
    }
}

/// Finds everything that keeps the service from starting.
fn check(loaded: Loaded) -> Result<(), Failure> {
    let mut wrong: Vec<String> = loaded.errors.iter().map(ToString::to_string).collect();
    wrong.extend(loaded.strange_variables);
    let service = &loaded.settings.service;
    if !service.store.as_os_str().is_empty()
        && let Err(error) = Store::open_read_only(&service.store)
    {
        wrong.push(format!("store: {error}"));
    }
    let addresses = [
        ("bind", Some(service.bind)),
        ("metrics_bind", service.metrics_bind),
    ];
    for (key, address) in addresses {
        let Some(address) = address else { continue };
        match std::net::TcpListener::bind(address) {
            // It may be this very service that is running.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                say!("{key}: {address} is in use at present");
            }
            Err(error) => wrong.push(format!("{key}: cannot listen on {address}: {error}")),
            Ok(_) => {}
        }
    }
    if wrong.is_empty() {
        say!("the configuration is sound");
        return Ok(());
    }
    Err(wrong.join("\nerror: ").into())
}

/// Changes what is logged.
type SetLog = Box<dyn Fn(&str) -> Result<(), String> + Send>;

/// Structured logs on standard error.
pub(crate) fn log_to_stderr(settings: &Settings) -> Result<SetLog, Failure> {
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&settings.log)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    macro_rules! start {
        ($logs:expr) => {{
            let logs = $logs.with_filter_reloading();
            let handle = logs.reload_handle();
            logs.init();
            Box::new(move |directives: &str| {
                let filter = EnvFilter::try_new(directives).map_err(|e| e.to_string())?;
                handle.reload(filter).map_err(|e| e.to_string())
            })
        }};
    }
    Ok(if settings.log_json {
        start!(logs.json())
    } else {
        start!(logs)
    })
}

/// A configuration that is read again when it changes.
struct Follow {
    flags: Flags,
    log: SetLog,
}

/// Serves a store at an address, with the defaults.
pub(crate) fn serve_plainly(store: PathBuf, bind: &BindArg) -> Result<(), Failure> {
    let settings = Settings {
        service: Config {
            bind: bind.bind,
            ..Config::new(store)
        },
        log: std::env::var("ISOPLETH_LOG").unwrap_or_else(|_| "info".to_owned()),
        ..Settings::default()
    };
    drop(log_to_stderr(&settings)?);
    serve(settings.service, None)
}

/// Serves until interrupted or asked to terminate.
fn serve(config: Config, follow: Option<Follow>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served: Result<(), Failure> = runtime.block_on(async {
        let listener = isopleth_api::bind(&config).await?;
        let metrics = isopleth_api::bind_metrics(&config).await?;
        let address = listener.local_addr()?;
        if let Some(listener) = &metrics {
            let address = listener.local_addr()?;
            tracing::info!(%address, "metrics and health are apart from the data");
        }
        let stop = stop_signal()?;
        let (ready, opened) = oneshot::channel();
        let mut server = Server::new(config, listener)
            .with_metrics(metrics)
            .telling(ready);
        if let Some(follow) = follow {
            let (sender, receiver) = mpsc::channel(1);
            server = server.following(receiver);
            tokio::spawn(follow.watch(Hangup::new()?, sender));
        }
        tokio::spawn(async move {
            if opened.await.is_ok() {
                announce(address);
                tell_manager(sd_notify::NotifyState::Ready);
            }
        });
        let stop = async {
            stop.await;
            tell_manager(sd_notify::NotifyState::Stopping);
        };
        server.run(stop).await?;
        Ok(())
    });
    // A layer that is being computed has no one left to read it.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    served
}

/// Tells a service manager, if there is one that wants to know.
fn tell_manager(state: sd_notify::NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

impl Follow {
    /// Reads the configuration again at every hangup signal and whenever the file has changed.
    async fn watch(self, mut hangup: Hangup, changes: mpsc::Sender<Result<Config, String>>) {
        let path = config::file_of(&self.flags);
        let mut every = config::load(&self.flags)
            .settings
            .service
            .limits
            .poll_interval;
        let mut seen = content(path.as_deref());
        loop {
            let asked = tokio::select! {
                () = hangup.heard() => true,
                () = tokio::time::sleep(every) => false,
            };
            let now = content(path.as_deref());
            if !asked && now == seen {
                continue;
            }
            seen = now;
            let settings = config::load(&self.flags).settings();
            let change = settings.and_then(|settings| {
                (self.log)(&settings.log)?;
                every = settings.service.limits.poll_interval;
                Ok(settings.service)
            });
            if changes.send(change).await.is_err() {
                return;
            }
        }
    }
}

/// What a file holds; none while it cannot be read.
fn content(path: Option<&Path>) -> Option<Vec<u8>> {
    std::fs::read(path?).ok()
}

/// The signal to read the configuration again, where there is one. It is heard from the beginning.
struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
        })
    }

    async fn heard(&mut self) {
        #[cfg(unix)]
        if self.signal.recv().await.is_some() {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Says where to look. A service goes on when nobody reads what it says.
fn announce(address: std::net::SocketAddr) {
    use std::io::Write;
    let text = format!(
        "Serving on http://{address}/\n  Open it in a browser for the map; scripts and GIS clients start there, too.\nIn QGIS: Layer, Add Layer, Add WFS / OGC API Features Layer, URL http://{address}/\n"
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
