//! What a host says of itself. A PC that was taken over can lie here, so nothing is
//! decided by it alone.

use crate::wire::agent as wire;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Longest text taken for one fact, in bytes.
const LONGEST: usize = 255;
/// So many addresses are told and taken.
pub const MOST_ADDRESSES: usize = 16;

/// What a host is, by its own word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The PC's own host name.
    pub name: String,
    /// `linux` or `windows`.
    pub system: String,
    /// As the system calls itself.
    pub system_version: String,
    /// `x86_64`, `aarch64` …
    pub architecture: String,
    /// Version of the agent.
    pub agent_version: String,
    /// Bytes of the disk that holds the agent's state.
    pub disk_total: u64,
    /// Free bytes of that disk.
    pub disk_free: u64,
    /// Addresses of its interfaces, without loopback.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
}

impl From<Facts> for wire::Facts {
    fn from(f: Facts) -> Self {
        Self {
            name: f.name,
            system: f.system,
            system_version: f.system_version,
            architecture: f.architecture,
            agent_version: f.agent_version,
            disk_total: f.disk_total,
            disk_free: f.disk_free,
            addresses: f.addresses.iter().map(IpAddr::to_string).collect(),
        }
    }
}

impl From<wire::Facts> for Facts {
    fn from(f: wire::Facts) -> Self {
        Self {
            name: tame(&f.name),
            system: tame(&f.system),
            system_version: tame(&f.system_version),
            architecture: tame(&f.architecture),
            agent_version: tame(&f.agent_version),
            disk_total: f.disk_total,
            disk_free: f.disk_free,
            addresses: f.addresses.iter().take(MOST_ADDRESSES).filter_map(|text| text.parse().ok()).collect(),
        }
    }
}

/// Without control characters (a terminal obeys them) and of bounded length.
fn tame(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if out.len() > LONGEST {
        out.truncate(out.floor_char_boundary(LONGEST));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pc_says_of_itself_is_text_and_bounded() {
        let facts = Facts::from(wire::Facts { name: format!("\x1b[2J{}", "守".repeat(1000)), ..Default::default() });
        assert!(facts.name.starts_with("\u{FFFD}[2J守"));
        assert!(facts.name.len() <= LONGEST);
        let address = |n: usize| if n == 1 { "\x1b[2J".to_owned() } else { format!("10.0.0.{n}") };
        let addresses = (0..100).map(address).collect();
        let facts = Facts::from(wire::Facts { addresses, ..Default::default() });
        assert_eq!(facts.addresses.len(), MOST_ADDRESSES - 1);
        // As it was stored before there were addresses.
        let old = r#"{"name":"a","system":"","system_version":"","architecture":"","agent_version":"","disk_total":0,"disk_free":0}"#;
        assert!(serde_json::from_str::<Facts>(old).is_ok_and(|facts| facts.addresses.is_empty()));
    }
}
