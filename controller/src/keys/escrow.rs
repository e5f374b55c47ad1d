//! Repository passwords are kept encrypted (the `age` format) to this controller's key
//! and, where one is set, to an offline recovery key.

use super::{KeyError, read, write_secret};
use age::armor::{ArmoredWriter, Format};
use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How the secret half of a key begins.
const SECRET: &str = "AGE-SECRET-KEY-";

/// The public half of an offline key, as people write it: the key itself, or what a file with
/// nothing else but comments holds.
pub fn recipient(text: &str) -> Result<Recipient, KeyError> {
    let refuse = |why: String| Err(KeyError::Recovery(why));
    // Never shown: it may stand in a log, or on a screen that others see.
    if text.to_ascii_uppercase().contains(SECRET) {
        return refuse("this is the secret half; keep it away from the controller".into());
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next()) {
        (Some(key), None) => match Recipient::from_str(key) {
            Ok(recipient) => Ok(recipient),
            Err(why) => refuse(format!("'{}' is none ({why})", key.escape_debug())),
        },
        (None, _) => refuse("there is none".into()),
        (Some(_), Some(_)) => refuse("there are several lines; name one key".into()),
    }
}

/// The secret half of an offline key, out of what `age-keygen` wrote.
pub fn identity(text: &str) -> Result<Identity, KeyError> {
    let mut lines = text.lines().map(str::trim).filter(|line| line.starts_with(SECRET));
    let key = lines.next().ok_or_else(|| KeyError::Identity(format!("no line begins with '{SECRET}'")))?;
    Identity::from_str(key).map_err(|why| KeyError::Identity(why.to_owned()))
}

/// The key that opens them, and to whom they are encrypted.
pub struct Escrow {
    identity: Identity,
    folder: PathBuf,
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
        Ok(Self { identity, folder: folder.into() })
    }

    /// The public half of the offline key, where one is set. Looked up each time: it is set by
    /// another process. One that cannot be read does not look like none.
    pub fn recovery(&self) -> Result<Option<Recipient>, KeyError> {
        let path = self.folder.join(RECOVERY);
        match std::fs::read_to_string(&path) {
            Ok(text) => recipient(&text).map(Some).map_err(|error| {
                let mend = "'keepwatch-controller recovery-key set' sets it anew";
                KeyError::Recovery(format!("{} holds none, {mend}. {error}", path.display()))
            }),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(KeyError::File(path, e)),
        }
    }

    /// From now on passwords are encrypted to this offline key too, or to none.
    pub fn set_recovery(&self, recovery: Option<&Recipient>) -> Result<(), KeyError> {
        let path = self.folder.join(RECOVERY);
        let at = |e| KeyError::File(path.clone(), e);
        let gone = |path: &Path| match std::fs::remove_file(path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(at(e)),
            _ => Ok(()),
        };
        let Some(recovery) = recovery else { return gone(&path) };
        let staged = self.folder.join("recovery.new");
        gone(&staged)?;
        write_secret(&staged, recovery.to_string().as_bytes())?;
        std::fs::rename(&staged, &path).map_err(at)
    }

    /// To whom a host must encrypt its repository password.
    pub fn recipients(&self) -> Result<Vec<String>, KeyError> {
        Ok(self.all()?.iter().map(ToString::to_string).collect())
    }

    fn all(&self) -> Result<Vec<Recipient>, KeyError> {
        Ok(std::iter::once(self.identity.to_public()).chain(self.recovery()?).collect())
    }

    /// The password in an escrowed (armored) ciphertext.
    pub fn unseal(&self, sealed: &str) -> Result<String, KeyError> {
        let plain = age::decrypt(&self.identity, sealed.as_bytes()).map_err(|e| KeyError::Escrow(e.to_string()))?;
        String::from_utf8(plain).map_err(|e| KeyError::Escrow(e.to_string()))
    }

    /// A password, encrypted to all who may recover it.
    pub fn seal(&self, password: &str) -> Result<String, KeyError> {
        seal(&self.all()?, password)
    }
}

/// A text, encrypted (armored) to these and nobody else.
pub fn seal(recipients: &[Recipient], plain: &str) -> Result<String, KeyError> {
    let failed = |why: String| KeyError::Seal(why);
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|r| r as &dyn age::Recipient))
        .map_err(|e| failed(e.to_string()))?;
    let write = || {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(plain.as_bytes())?;
        writer.finish()?.finish()
    };
    let armored = write().map_err(|e: std::io::Error| failed(e.to_string()))?;
    String::from_utf8(armored).map_err(|e| failed(e.to_string()))
}

/// What was sealed to an offline key, by its secret half.
pub fn open_with(identity: &Identity, sealed: &[u8]) -> Result<String, KeyError> {
    let plain = age::decrypt(identity, sealed).map_err(|e| KeyError::Sealed(e.to_string()))?;
    String::from_utf8(plain).map_err(|e| KeyError::Sealed(e.to_string()))
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
        let recipient = Recipient::from_str(&one.recipients().unwrap()[0]).unwrap();
        let sealed = age::encrypt_and_armor(&recipient, b"secret").unwrap();
        assert_eq!(one.unseal(&sealed).unwrap(), "secret");
        assert!(matches!(other.unseal(&sealed), Err(KeyError::Escrow(_))));
        assert!(matches!(one.unseal("garbage"), Err(KeyError::Escrow(_))));
    }

    #[test]
    fn an_offline_key_is_a_recipient_too_from_when_it_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (Identity::generate(), Identity::generate());
        let public = |key: &Identity| recipient(&key.to_public().to_string()).unwrap();
        Escrow::create(folder.path(), Some(&public(&first))).unwrap();
        let escrow = Escrow::open(folder.path()).unwrap();
        assert_eq!(escrow.recipients().unwrap()[1], first.to_public().to_string());
        let opens = |key: &Identity, sealed: &str| open_with(key, sealed.as_bytes()).is_ok_and(|p| p == "secret");
        assert!(opens(&first, &escrow.seal("secret").unwrap()));
        // Set by another process: whoever serves need not be started anew.
        Escrow::open(folder.path()).unwrap().set_recovery(Some(&public(&second))).unwrap();
        let sealed = escrow.seal("secret").unwrap();
        assert!(opens(&second, &sealed) && !opens(&first, &sealed));
        assert_eq!(escrow.unseal(&sealed).unwrap(), "secret");
        escrow.set_recovery(None).unwrap();
        escrow.set_recovery(None).unwrap();
        assert!(!opens(&second, &escrow.seal("secret").unwrap()));
        // What is there and cannot be read is not none.
        std::fs::write(folder.path().join(RECOVERY), "age1spoilt").unwrap();
        assert!(escrow.seal("secret").is_err() && escrow.recipients().is_err());
        Escrow::open(folder.path()).unwrap().set_recovery(Some(&public(&first))).unwrap();
        assert!(opens(&first, &escrow.seal("secret").unwrap()));
    }

    #[test]
    fn a_key_is_read_as_people_keep_it_and_a_secret_is_never_repeated() {
        let key = Identity::generate();
        let (public, secret) = (key.to_public().to_string(), key.to_string().expose_secret().to_owned());
        assert_eq!(recipient(&format!("# of the safe\n\n {public}\n")).unwrap().to_string(), public);
        let keygen = format!("# created: 2026-11-26\n# public key: {public}\n{secret}\n");
        assert_eq!(identity(&keygen).unwrap().to_public().to_string(), public);
        for (text, word) in [
            ("age1nonsense".to_owned(), "age1nonsense"),
            (String::new(), "there is none"),
            (format!("{public}\n{public}"), "several"),
            (keygen, "secret half"),
            (secret.to_lowercase(), "secret half"),
        ] {
            let said = recipient(&text).unwrap_err().to_string();
            assert!(said.contains(word) && !said.contains(&secret[20..]), "{said}");
        }
        for text in [public.clone(), "AGE-SECRET-KEY-1SPOILT".into()] {
            assert!(matches!(identity(&text), Err(KeyError::Identity(_))));
        }
        assert!(matches!(open_with(&key, b"garbage"), Err(KeyError::Sealed(_))));
    }
}
