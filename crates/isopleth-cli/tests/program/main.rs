//! The program as it is run: commands, exit codes, the service in a process of its own.

mod clients;
mod counts;
mod jobs;
mod kill;
mod main_job;
mod serve;
mod support;
mod weights;
