//! Why the command ends early, and with which exit status.

use crate::args::Args;
use clap::CommandFactory;
use clap::error::ErrorKind;
use std::io::{self, Write};
use std::process::ExitCode;

/// What keeps the command from its answer.
#[derive(Debug)]
pub enum Failure {
    /// The computation was refused, in one sentence: status 1.
    Refused(String),
    /// The command line contradicts itself: status 2.
    Usage(String),
    /// Nobody reads on: no failure.
    Unread,
}

impl Failure {
    /// Says it on standard error.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::Unread => ExitCode::SUCCESS,
            Failure::Refused(sentence) => {
                // There is nobody left to tell if this fails.
                _ = writeln!(io::stderr(), "error: {sentence}");
                ExitCode::FAILURE
            }
            Failure::Usage(sentence) => {
                _ = Args::command().error(ErrorKind::ValueValidation, sentence).print();
                ExitCode::from(2)
            }
        }
    }
}

impl From<colorjet::Error> for Failure {
    fn from(error: colorjet::Error) -> Self {
        Failure::Refused(error.to_string())
    }
}

/// Of standard output: all files are read and written by the library, which names them.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Unread,
            _ => Failure::Refused(format!("standard output: {error}")),
        }
    }
}
