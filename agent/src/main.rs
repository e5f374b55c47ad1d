//! The program; what it does is in the library, so that a load generator can have its rooms, too.

use std::process::ExitCode;

fn main() -> ExitCode {
    keepwatch_agent::main()
}
