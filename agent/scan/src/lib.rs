//! Keepwatch's scan engine: the only room that calls yara-x. It compiles rules, walks and
//! reads files safely, and says what matched; it knows nothing of fleets, jobs or wires.
//!
//! It never follows a link it meets, never maps a file, never blocks on a pipe, and never
//! calls a file clean that it has not read whole.

mod budget;
mod platform;
mod read;
mod rules;
mod scan;
mod scanner;
mod severity;
mod walk;

pub use read::{DEFAULT_MAX_FILE_BYTES, Skip};
pub use rules::{Check, CompileError, Problem, ReadRulesError, RuleFile, Rules, check, compile, read_rules};
pub use scan::{Found, Observer, ScanOptions, Summary, scan};
pub use scanner::{Match, ScanError, Scanner};
pub use severity::Severity;
pub use walk::ExcludeError;
