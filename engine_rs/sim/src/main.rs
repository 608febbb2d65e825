//! `kasir-sim`: the store, its writer and its clients in one thread, with dice in the place of time, disk and people. What it
//! plays, and what must hold whatever happens: docs/reliability.md.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod linux;

use std::process::ExitCode;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn main() -> ExitCode {
    linux::main()
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() -> ExitCode {
    eprintln!("The simulation stands in for calls of Linux' C library (glibc), and plays nowhere else.");
    ExitCode::FAILURE
}
