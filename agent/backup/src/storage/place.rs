//! Places that a person names in a line of text, as restic does: `s3:` and `sftp:`.

use super::{Storage, default_patience};
use crate::throttle::Throttle;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A bucket of S3, or of a service that speaks its protocol, and what is needed to open it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bucket {
    /// The service's address: `https://HOST[:PORT]`.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// What the objects' names begin with: empty, or with a slash at its end.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key's id.
    pub key: String,
    /// The access key's secret.
    pub secret: String,
    /// The only authority to trust, instead of those that the system does.
    pub ca_pem: Option<String>,
    /// How long to keep trying while the service cannot be reached or is overloaded.
    #[serde(default = "default_patience")]
    pub patience: Duration,
    /// How fast bytes may go.
    #[serde(skip)]
    pub throttle: Throttle,
}

impl Bucket {
    /// A name for people, as restic writes it.
    pub fn location(&self) -> String {
        format!("s3:{}/{}/{}", self.endpoint, self.bucket, self.prefix.trim_end_matches('/'))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("location", &self.location()).finish_non_exhaustive()
    }
}

/// A folder behind an SSH server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sftp {
    /// A name for people, as restic writes it.
    location: String,
    /// The program that makes the connection, and what it is called with.
    pub command: Vec<String>,
    /// The folder there.
    pub path: String,
    /// How long to keep trying while the server cannot be reached.
    #[serde(default = "default_patience")]
    pub patience: Duration,
    /// How fast bytes may go.
    #[serde(skip)]
    pub throttle: Throttle,
}

impl Sftp {
    /// A name for people.
    pub fn location(&self) -> String {
        self.location.clone()
    }
}

/// What is needed to open a bucket, from wherever it is kept.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a text names no place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// `s3:` without a bucket.
    #[error("'{0}' names no bucket; write s3:https://HOST/BUCKET/FOLDER")]
    Bucket(String),
    /// No access key.
    #[error("{0} is not set; an access key is taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    Credentials(&'static str),
    /// `sftp:` without a host or a folder.
    #[error("'{0}' names no folder on a server; write sftp:USER@HOST:/FOLDER or sftp://USER@HOST:PORT//FOLDER")]
    Sftp(String),
    /// The authority's certificate.
    #[error("the authority's certificate cannot be read from {0}: {1}")]
    Authority(String, std::io::Error),
}

impl Storage {
    /// What a person means by `text`: `s3:…`, `sftp:…`, or else a folder. `variable` knows the
    /// names that restic takes a bucket's access key from.
    pub fn named(text: &str, variable: Lookup<'_>) -> Result<Self, PlaceError> {
        if let Some(place) = text.strip_prefix("s3:") {
            return bucket(text, place, variable).map(Self::Bucket);
        }
        if let Some(place) = text.strip_prefix("sftp:") {
            return sftp(text, place, variable).map(Self::Sftp);
        }
        Ok(Self::Folder(PathBuf::from(text)))
    }
}

fn bucket(text: &str, place: &str, variable: Lookup<'_>) -> Result<Bucket, PlaceError> {
    let (scheme, rest) = place.split_once("://").unwrap_or(("https", place));
    let mut parts = rest.splitn(3, '/');
    let filled = |part: Option<&str>| part.filter(|part| !part.is_empty()).map(str::to_owned);
    let none = || PlaceError::Bucket(text.to_owned());
    if !matches!(scheme, "http" | "https") {
        return Err(none());
    }
    let (host, bucket) = (filled(parts.next()).ok_or_else(none)?, filled(parts.next()).ok_or_else(none)?);
    let prefix = parts.next().unwrap_or_default().trim_matches('/');
    let wanted = |name: &'static str| variable(name).ok_or(PlaceError::Credentials(name));
    let ca_pem = match variable("AWS_CA_BUNDLE") {
        Some(path) => Some(std::fs::read_to_string(&path).map_err(|e| PlaceError::Authority(path, e))?),
        None => None,
    };
    Ok(Bucket {
        endpoint: format!("{scheme}://{host}"),
        bucket,
        prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
        region: variable("AWS_DEFAULT_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        key: wanted("AWS_ACCESS_KEY_ID")?,
        secret: wanted("AWS_SECRET_ACCESS_KEY")?,
        ca_pem,
        patience: default_patience(),
        throttle: Throttle::default(),
    })
}

/// `USER@HOST:/FOLDER`, a folder without a slash being one in the user's home; or as a URL, where
/// the folder's first slash ends the port.
fn sftp(text: &str, place: &str, variable: Lookup<'_>) -> Result<Sftp, PlaceError> {
    let none = || PlaceError::Sftp(text.to_owned());
    let (server, path) = match place.strip_prefix("//") {
        Some(url) => url.split_once('/').ok_or_else(none)?,
        None => place.split_once(':').ok_or_else(none)?,
    };
    let (server, port) = match server.rsplit_once(':') {
        Some((server, port)) if place.starts_with("//") => (server, Some(port.parse::<u16>().map_err(|_| none())?)),
        _ => (server, None),
    };
    // What begins with a dash would be an option.
    if server.is_empty() || path.is_empty() || server.starts_with('-') {
        return Err(none());
    }
    let command = match variable("KEEPWATCH_SFTP_COMMAND") {
        Some(command) if !command.trim().is_empty() => command.split_whitespace().map(str::to_owned).collect(),
        _ => ssh(server, port),
    };
    Ok(Sftp {
        location: text.to_owned(),
        command,
        path: path.to_owned(),
        patience: default_patience(),
        throttle: Throttle::default(),
    })
}

/// The system's `ssh`. It never asks, and it finds a dead line.
fn ssh(server: &str, port: Option<u16>) -> Vec<String> {
    let mut words: Vec<String> =
        ["ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=3"]
            .map(str::to_owned)
            .into();
    words.extend(port.into_iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
    words.extend([server, "-s", "sftp"].map(str::to_owned));
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<Storage, PlaceError> {
        Storage::named(text, &|name| {
            name.starts_with("AWS_").then(|| "x".to_owned()).filter(|_| name != "AWS_CA_BUNDLE")
        })
    }

    #[test]
    fn a_bucket_is_named_as_for_restic() {
        for (text, endpoint, bucket, prefix) in [
            ("s3:s3.amazonaws.com/b", "https://s3.amazonaws.com", "b", ""),
            ("s3:https://minio.office:9000/backups/pc-7/", "https://minio.office:9000", "backups", "pc-7/"),
            ("s3:http://127.0.0.1:9000/b/a/守备", "http://127.0.0.1:9000", "b", "a/守备/"),
        ] {
            let Storage::Bucket(found) = named(text).unwrap() else { panic!("{text} is a bucket") };
            assert_eq!((&*found.endpoint, &*found.bucket, &*found.prefix), (endpoint, bucket, prefix));
            assert!(!format!("{found:?}").contains("secret"), "a secret in a debug text");
        }
        for text in ["s3:", "s3:host", "s3:https://host/", "s3:ftp://host/b"] {
            assert!(matches!(named(text), Err(PlaceError::Bucket(_))), "{text}");
        }
        let without = Storage::named("s3:h/b", &|_| None);
        assert!(matches!(without, Err(PlaceError::Credentials("AWS_ACCESS_KEY_ID"))));
    }

    #[test]
    fn a_server_is_named_as_for_restic() {
        for (text, end, path) in [
            ("sftp:li@server:/srv/backups", "li@server -s sftp", "/srv/backups"),
            ("sftp:server:backups", "server -s sftp", "backups"),
            ("sftp://li@server:2222//srv/b", "-p 2222 li@server -s sftp", "/srv/b"),
            ("sftp://server/b", "server -s sftp", "b"),
        ] {
            let Storage::Sftp(found) = named(text).unwrap() else { panic!("{text} is on a server") };
            assert!(found.command.join(" ").ends_with(end), "{:?}", found.command);
            assert_eq!((found.path.as_str(), found.location().as_str()), (path, text));
        }
        for text in ["sftp:", "sftp:host", "sftp:host:", "sftp:-oProxyCommand=x:/b", "sftp://h:99999/b", "sftp://h"] {
            assert!(matches!(named(text), Err(PlaceError::Sftp(_))), "{text}");
        }
        assert!(matches!(named("/mnt/s3:x").unwrap(), Storage::Folder(_)));
    }
}
