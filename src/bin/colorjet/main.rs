//! The command `colorjet`: derivatives of network files, colorings of matrix files.
//!
//! `args` is the command line; `plan`, `derivative`, `laplacian`, `value` and `color` answer one question each; the others serve
//! them: `points` reads where to differentiate, `report` says what came out, `progress` what is going on.

#![forbid(unsafe_code)]

mod args;
mod color;
mod derivative;
mod failure;
mod laplacian;
mod plan;
mod points;
mod progress;
mod report;
mod value;

use args::{Args, Command};
use clap::{CommandFactory, Parser};
use colorjet::Quantity;
use failure::Failure;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Plan(args) => plan::run(args),
        Command::Jacobian(args) => derivative::run(args, Quantity::Jacobian),
        Command::HessianDiagonal(args) => derivative::run(args, Quantity::HessianDiagonal),
        Command::Laplacian(args) => laplacian::run(args),
        Command::Value(args) => value::run(args),
        Command::Color(args) => color::run(args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "colorjet", &mut script);
            Ok(io::stdout().write_all(&script)?)
        }
    }
}
