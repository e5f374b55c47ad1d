//! One versioned set of YARA rules, as source. Compiled rules never travel: loading those
//! that others made is not safe. On the wire a bundle is JSON under zstd, signed by way of
//! TUF metadata beside it.

use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// The name under which the signed metadata lists the bundle.
pub const TARGET: &str = "bundle.json.zst";
/// Largest bundle that is taken, unpacked, in bytes. The largest public sets are a tenth of it.
pub const MAX_UNPACKED: u64 = 256 << 20;
/// Largest bundle that is taken, packed, in bytes.
pub const MAX_PACKED: u64 = 64 << 20;

/// Which bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Counts up with each one published. Also the version of the signed metadata.
    pub version: u64,
    /// Of the packed file, in hexadecimal.
    pub sha256: String,
    /// Bytes, packed.
    pub size: u64,
    /// Rules in it.
    pub rules: u32,
}

/// What is in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleContent {
    /// Its version, as in the signed metadata.
    pub version: u64,
    /// Self-test: compiling must give exactly this many rules.
    pub rules: u32,
    /// Its files.
    pub files: Vec<RuleFile>,
}

/// One file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Path below the imported folder; without its ending it is the rules' namespace.
    pub path: String,
    /// YARA source.
    pub source: String,
}

/// A bundle that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Not zstd, or cut off.
    #[error("the bundle cannot be unpacked: {0}")]
    Unpack(#[from] std::io::Error),
    /// Unpacked it is beyond all measure.
    #[error("the bundle unpacks to more than {MAX_UNPACKED} bytes")]
    TooLarge,
    /// Not the content that is expected.
    #[error("the bundle's content cannot be read: {0}")]
    Content(#[from] serde_json::Error),
}

impl RuleFile {
    /// The namespace of the file's rules.
    pub fn namespace(&self) -> &str {
        let name_at = self.path.rfind('/').map_or(0, |slash| slash + 1);
        match self.path[name_at..].rfind('.') {
            Some(dot) if dot > 0 => &self.path[..name_at + dot],
            _ => &self.path,
        }
    }
}

impl BundleContent {
    /// The packed form.
    pub fn pack(&self) -> Result<Vec<u8>, BundleError> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 19)?;
        encoder.write_all(&serde_json::to_vec(self)?)?;
        Ok(encoder.finish()?)
    }

    /// Reads the packed form, within bounds.
    pub fn unpack(packed: &[u8]) -> Result<Self, BundleError> {
        let mut json = Vec::new();
        let read = zstd::Decoder::new(packed)?.take(MAX_UNPACKED + 1).read_to_end(&mut json)?;
        if read as u64 > MAX_UNPACKED {
            return Err(BundleError::TooLarge);
        }
        Ok(serde_json::from_slice(&json)?)
    }
}

impl From<Bundle> for wire::Bundle {
    fn from(b: Bundle) -> Self {
        Self { version: b.version, sha256: b.sha256, size: b.size, rules: b.rules }
    }
}

impl TryFrom<wire::Bundle> for Bundle {
    type Error = WireError;
    fn try_from(b: wire::Bundle) -> Result<Self, WireError> {
        if b.version == 0 {
            return Err(WireError::bad("bundle.version", "is zero"));
        }
        Ok(Self { version: b.version, sha256: b.sha256, size: b.size, rules: b.rules })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn packs_and_unpacks() {
        let file = |path: &str| RuleFile { path: path.into(), source: "rule a { condition: true }".into() };
        let content = BundleContent { version: 3, rules: 1, files: vec![file("office/macro.yar")] };
        assert_eq!(BundleContent::unpack(&content.pack().unwrap()).unwrap(), content);
        for (path, namespace) in
            [("office/macro.yar", "office/macro"), ("a.b/c", "a.b/c"), (".yar", ".yar"), ("x.y.yara", "x.y")]
        {
            assert_eq!(file(path).namespace(), namespace);
        }
    }

    #[test]
    fn a_bomb_and_a_torn_one_are_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let block = vec![b' '; 1 << 20];
        for _ in 0..=MAX_UNPACKED >> 20 {
            encoder.write_all(&block).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 1 << 20);
        assert!(matches!(BundleContent::unpack(&bomb), Err(BundleError::TooLarge)));
        let packed = BundleContent { version: 1, rules: 0, files: vec![] }.pack().unwrap();
        assert!(BundleContent::unpack(&packed[..packed.len() / 2]).is_err());
        assert!(BundleContent::unpack(b"not zstd").is_err());
    }
}
