//! The program: hands over to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(synod::cli::run(std::env::args_os()))
}
