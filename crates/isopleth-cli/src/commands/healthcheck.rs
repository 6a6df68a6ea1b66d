//! `isopleth healthcheck`: whether the service of a configuration answers, for containers that have
//! no other program to ask with.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use clap::Args;

use crate::Failure;
use crate::config::{self, ConfigError, Flags};

/// How long the service may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the running service for its health; fails if it does not answer 200.
#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    #[command(flatten)]
    flags: Flags,
    /// Ask /readyz, whether there is data to serve, and not /healthz, whether the process lives.
    #[arg(long)]
    ready: bool,
}

impl Healthcheck {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let loaded = config::load(&self.flags);
        let matters = |e: &&ConfigError| !matches!(e, ConfigError::NoStore);
        if let Some(error) = loaded.errors.iter().find(matters) {
            return Err(error.to_string().into());
        }
        let address = reachable(loaded.settings.service.bind);
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let status = ask(address, path).map_err(|e| {
            let why = match e.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    format!("no answer within {} s", PATIENCE.as_secs())
                }
                _ => e.to_string(),
            };
            format!("http://{address}{path}: {why}")
        })?;
        if status != 200 {
            return Err(format!("http://{address}{path} answers {status}").into());
        }
        say!("http://{address}{path} answers 200");
        Ok(())
    }
}

/// An address at which one reaches what listens on another: every address includes this host's own.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let own = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(own, bind.port())
}

/// The status of the answer to a request.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let text = std::str::from_utf8(&head).unwrap_or_default();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|s| s.parse().ok());
    status.ok_or_else(|| std::io::Error::other("what answers is not this service"))
}
