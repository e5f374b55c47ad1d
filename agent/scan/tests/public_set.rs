//! A real public rule set, where one lies beside the checkout.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use keepwatch_scan::{Scanner, compile, read_rules};
use std::path::Path;

#[test]
fn a_public_rule_set_compiles_whole_and_scans() {
    let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/rules");
    if !set.is_dir() {
        println!("skipped: there is no public rule set beside this checkout");
        return;
    }
    let rules = compile(&read_rules(&[set]).unwrap()).unwrap();
    assert!(rules.count() > 1000, "{}", rules.count());
    let mut scanner = Scanner::new(&rules);
    assert!(scanner.scan_bytes(Path::new("letter.txt"), b"Dear colleague").unwrap().is_empty());
}
