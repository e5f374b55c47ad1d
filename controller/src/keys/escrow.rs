//! Repository passwords are kept encrypted (the `age` format) to this controller's key
//! and, where one is set, to an offline recovery key.

use super::{KeyError, read, write_secret};
use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use std::path::Path;
use std::str::FromStr;

/// The public half of an offline key, as people write it.
pub fn recipient(text: &str) -> Result<Recipient, KeyError> {
    Recipient::from_str(text.trim()).map_err(|e| KeyError::Recovery(format!("'{}' is none ({e})", text.escape_debug())))
}

/// The key that opens them, and to whom they are encrypted.
pub struct Escrow {
    identity: Identity,
    recovery: Option<Recipient>,
}

const KEY: &str = "escrow.key";
const RECOVERY: &str = "recovery.pub";

impl Escrow {
    /// Makes a new key in `folder`; `recovery` is the public half of an offline key.
    pub fn create(folder: &Path, recovery: Option<&Recipient>) -> Result<(), KeyError> {
        std::fs::create_dir_all(folder).map_err(|e| KeyError::File(folder.into(), e))?;
        if let Some(recovery) = recovery {
            write_secret(&folder.join(RECOVERY), recovery.to_string().as_bytes())?;
        }
        write_secret(&folder.join(KEY), Identity::generate().to_string().expose_secret().as_bytes())
    }

    /// Opens the one in `folder`.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let identity =
            Identity::from_str(read(&folder.join(KEY))?.trim()).map_err(|e| KeyError::Escrow(e.to_string()))?;
        let recovery = match read(&folder.join(RECOVERY)) {
            Ok(text) => Some(Recipient::from_str(text.trim()).map_err(|e| KeyError::Escrow(e.to_string()))?),
            Err(_) => None,
        };
        Ok(Self { identity, recovery })
    }

    /// To whom a host must encrypt its repository password.
    pub fn recipients(&self) -> Vec<String> {
        std::iter::once(self.identity.to_public()).chain(self.recovery.clone()).map(|r| r.to_string()).collect()
    }

    /// The password in an escrowed (armored) ciphertext.
    pub fn unseal(&self, sealed: &str) -> Result<String, KeyError> {
        let plain = age::decrypt(&self.identity, sealed.as_bytes()).map_err(|e| KeyError::Escrow(e.to_string()))?;
        String::from_utf8(plain).map_err(|e| KeyError::Escrow(e.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_controllers_key_opens_what_was_sealed_to_it() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Escrow::create(one.path(), None).unwrap();
        Escrow::create(other.path(), None).unwrap();
        let (one, other) = (Escrow::open(one.path()).unwrap(), Escrow::open(other.path()).unwrap());
        let recipient = Recipient::from_str(&one.recipients()[0]).unwrap();
        let sealed = age::encrypt_and_armor(&recipient, b"secret").unwrap();
        assert_eq!(one.unseal(&sealed).unwrap(), "secret");
        assert!(matches!(other.unseal(&sealed), Err(KeyError::Escrow(_))));
        assert!(matches!(one.unseal("garbage"), Err(KeyError::Escrow(_))));
    }

    #[test]
    fn an_offline_key_is_a_recipient_too() {
        let folder = tempfile::tempdir().unwrap();
        let offline = Identity::generate();
        Escrow::create(folder.path(), Some(&recipient(&offline.to_public().to_string()).unwrap())).unwrap();
        let recipients = Escrow::open(folder.path()).unwrap().recipients();
        assert_eq!(recipients.len(), 2);
        assert_eq!(recipients[1], offline.to_public().to_string());
        assert!(matches!(recipient("age1nonsense"), Err(KeyError::Recovery(_))));
    }
}
