//! The `isopleth` command.

/// Prints a line to standard output. Whoever closed the pipe has seen enough: then the command ends
/// (`println!` would panic).
macro_rules! say {
    ($($arg:tt)*) => {
        crate::print_line(format_args!($($arg)*))
    };
}

mod commands;
mod config;
mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// What a command fails with: a message for the person at the terminal.
type Failure = Box<dyn std::error::Error>;

/// Finds where incidents concentrate, says how sure it is, and serves the answer as map layers.
#[derive(Debug, Parser)]
#[command(name = "isopleth", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a synthetic borough through the whole job and serve the layers.
    Demo(commands::demo::Demo),
    /// Read source files into a store.
    Ingest(commands::ingest::Ingest),
    /// Load and list area boundaries.
    #[command(subcommand)]
    Areas(commands::ground::Areas),
    /// Load and list sites: schools, pubs, police stations.
    #[command(subcommand)]
    Sites(commands::ground::Sites),
    /// Load and list the centre lines of streets.
    #[command(subcommand)]
    Streets(commands::ground::Streets),
    /// Load and list tables of ready-made counts: area by category by month.
    #[command(subcommand)]
    Counts(commands::counts::CountTables),
    /// Run a request document and write the layer.
    Analyse(commands::analyse::Analyse),
    /// Save requests as named layers.
    #[command(subcommand)]
    Layer(commands::layer::Layers),
    /// Show or replace the policy table that says what an offence term means.
    #[command(subcommand)]
    Policy(commands::policy::Policies),
    /// Load, list and show harm schedules, which say what an offence weighs.
    #[command(subcommand)]
    Harm(commands::harm::Harm),
    /// Write a GeoPackage copy for other programs.
    Export(commands::export::Export),
    /// Serve the saved layers, areas and sites over HTTP.
    Serve(commands::serve::Serve),
    /// Ask whether the running service answers.
    Healthcheck(commands::healthcheck::Healthcheck),
}

/// The store that a command works on.
#[derive(Debug, Args)]
struct StoreArg {
    /// The store, one GeoPackage file.
    #[arg(long, value_name = "FILE")]
    store: PathBuf,
}

/// Where to listen.
#[derive(Debug, Args)]
struct BindArg {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(c) => c.run(),
        Command::Ingest(c) => c.run(),
        Command::Areas(c) => c.run(),
        Command::Sites(c) => c.run(),
        Command::Streets(c) => c.run(),
        Command::Counts(c) => c.run(),
        Command::Analyse(c) => c.run(),
        Command::Layer(c) => c.run(),
        Command::Policy(c) => c.run(),
        Command::Harm(c) => c.run(),
        Command::Export(c) => c.run(),
        Command::Serve(c) => c.run(),
        Command::Healthcheck(c) => c.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has seen enough.
        Err(e) if is_broken_pipe(e.as_ref()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn print_line(line: std::fmt::Arguments) {
    use std::io::Write;
    if let Err(e) = writeln!(std::io::stdout().lock(), "{line}") {
        std::process::exit(i32::from(e.kind() != std::io::ErrorKind::BrokenPipe));
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
