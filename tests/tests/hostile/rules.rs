//! Rules that take forever.

use crate::scanned::{FOUND, Place};

/// Patterns that send a backtracking matcher through every way to split a row of letters.
#[test]
fn a_rule_that_backtracks_badly() {
    let place = Place::with_rules(
        "rule slow { strings: $a = /x(a+)+(a|aa)*(a+a+)+[^a]b/ $b = /(a|a?)+(a|aa)+.{0,200}.{0,200}zz/ condition: any of them }\n\
         rule quick { strings: $a = \"KEEPWATCH\" condition: $a }",
    );
    let mut letters = vec![b'a'; 4 << 20];
    letters[0] = b'x';
    place.write("letters", &letters);
    place.write("other", b"KEEPWATCH");
    let scanned = place.scan();
    scanned.found("other").ends(FOUND);
}

/// A condition that never ends is ended, costs the file it hung on, and says so.
#[test]
fn a_rule_that_never_ends() {
    let place = Place::with_rules(
        "rule forever { strings: $a = \"KEEPWATCH FOREVER\" condition: $a and for all i in (0..100000000000) : (uint8(i % 7) != 256) }\n\
         rule quick { strings: $a = \"KEEPWATCH\" condition: $a }",
    );
    place.write("hangs", b"KEEPWATCH FOREVER");
    place.write("other", b"KEEPWATCH");
    let scanned = place.scan();
    scanned.found("other").missed("hangs", &["second", "time", "long"]).ends(FOUND);
    // Who has to mend it is told which it is.
    assert_eq!(scanned.summary["slow_rules"][0]["rule"], "forever", "{}", scanned.summary);
}
