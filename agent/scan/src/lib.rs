//! Keepwatch's scan engine: the only room that calls yara-x. It compiles rules, walks and
//! reads files safely, and says what matched; it knows nothing of fleets, jobs or wires.
//!
//! It never follows a link it meets, never maps a file, never blocks on a pipe, and never
//! calls a file clean that it has not read whole.

mod apart;
mod below;
mod budget;
mod compiled;
mod handed;
mod identity;
mod judge;
mod label;
mod names;
mod pace;
mod platform;
mod read;
mod rules;
mod scan;
mod scanner;
mod severity;
mod slow;
mod sources;
mod tally;
mod tuning;
mod verdicts;
mod walk;

pub use apart::{RuleText, rule_texts};
pub use compiled::{ReadSources, RuleSet, RulesError, RulesId};
pub use handed::{Hand, Handed};
pub use keepwatch_unpack::{INSIDE, Limits};
pub use pace::Pace;
pub use read::{DEFAULT_WHOLE_BYTES, Skip};
pub use rules::{Check, CompileError, Problem, Rules, check, compile};
pub use scan::{Desk, ScanOptions, scan, scan_handed};
pub use scanner::{Match, ScanError, Scanner};
pub use severity::{INFECTED_FROM, Severity};
pub use slow::SlowRule;
pub use sources::{ReadRulesError, RuleFile, read_rules};
pub use tally::{Found, Observer, Progress, Summary};
pub use tuning::{Allowed, Tuning};
pub use walk::ExcludeError;
