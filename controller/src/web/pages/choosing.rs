//! What a list can be narrowed by: what there is to choose, what is chosen, and the way to drop it.

use crate::web::i18n::{Language, Value};

/// A value to choose.
pub(super) struct Choosable {
    /// As an address has it.
    pub(super) value: String,
    /// What people read.
    pub(super) label: String,
    /// Whether it is chosen.
    pub(super) chosen: bool,
}

impl Choosable {
    /// It is chosen where it is what was asked for.
    pub(super) fn new(value: impl Into<String>, label: String, asked: &str) -> Self {
        let value = value.into();
        Self { chosen: value == asked, value, label }
    }
}

/// A respect to choose in.
pub(super) struct Facet {
    /// As an address has it.
    pub(super) name: &'static str,
    /// What people read.
    pub(super) label: String,
    /// Whether it stands behind the others.
    pub(super) rare: bool,
    /// What there is.
    pub(super) options: Vec<Choosable>,
}

/// Something that was chosen, and the way to drop it.
pub(super) struct Chip {
    pub(super) label: String,
    pub(super) href: String,
}

impl Chip {
    /// In this respect, that was chosen.
    pub(super) fn new(language: Language, respect: &str, chosen: &str, href: String) -> Self {
        let values = [("what", Value::Text(respect)), ("value", Value::Text(chosen))];
        Self { label: language.with("hosts-chip", &values), href }
    }
}
