//! Fetches a bundle and judges it. Only what the pinned root vouches for, what is newer
//! than the one in use, what compiles to the number of rules it claims, and what finds the
//! standard test file where it has a rule for it, is fit for use.

use super::scan::rule_files;
use crate::enroll::in_full;
use crate::platform;
use crate::worker::{BundleOrder, Judgement};
use keepwatch_proto::bundle::{Bundle, BundleContent, MAX_PACKED, TARGET};
use keepwatch_scan::{RuleSet, Rules, Scanner};
use reqwest::{Client, StatusCode, Url, header};
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tough::{
    ExpirationEnforcement, Limits, RepositoryLoader, TargetName, Transport, TransportError, TransportErrorKind,
    TransportStream, async_trait,
};

/// No answer for so long is none.
const PATIENCE: Duration = Duration::from_secs(60);
/// Largest piece of metadata.
const MAX_METADATA: usize = 8 << 20;
/// The controller may publish while we fetch, so that pieces do not fit together.
const ROUNDS: u32 = 3;
const ROUND_PAUSE: Duration = Duration::from_secs(2);

/// Fetches and judges.
pub(super) fn run(order: &BundleOrder) -> Judgement {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(fetch_and_judge(order, ROUND_PAUSE)).unwrap_or_else(|judgement| judgement),
        Err(error) => Judgement::Unavailable(error.to_string()),
    }
}

fn unavailable(why: impl ToString) -> Judgement {
    Judgement::Unavailable(why.to_string())
}

async fn fetch_and_judge(order: &BundleOrder, pause: Duration) -> Result<Judgement, Judgement> {
    let http = Http::new(order).map_err(|e| unavailable(in_full(&e)))?;
    let mut round = 1;
    let (bundle, file) = loop {
        match fetch(order, &http).await {
            Err(Judgement::Bad(_)) if round < ROUNDS => tokio::time::sleep(pause).await,
            outcome => break outcome?,
        }
        round += 1;
    };
    let packed = std::fs::read(&file).map_err(unavailable)?;
    Ok(match judge(&packed, order.current, bundle.version, Some(&order.scans)) {
        Ok(rules) => Judgement::Good { bundle: Bundle { rules, ..bundle }, file },
        Err(reason) => {
            let _ = std::fs::remove_file(file);
            Judgement::Bad(reason)
        }
    })
}

/// The bundle's file, as the signed metadata describes it.
async fn fetch(order: &BundleOrder, http: &Http) -> Result<(Bundle, PathBuf), Judgement> {
    let (datastore, incoming) = (order.folder.join("metadata"), order.folder.join("incoming"));
    for folder in [&datastore, &incoming] {
        platform::private_dir(folder).map_err(unavailable)?;
    }
    let url = |folder: &str| Url::parse(&format!("{}/signatures/{folder}/", order.controller)).map_err(unavailable);
    // It would refuse everything after the clock was set back, and expiry is not enforced anyway.
    let _ = std::fs::remove_file(datastore.join("latest_known_time.json"));
    let loaded = RepositoryLoader::new(&order.root, url("metadata")?, url("targets")?)
        .transport(http.clone())
        .limits(Limits { max_root_updates: 64, ..Limits::default() })
        .datastore(&datastore)
        // Many PCs' clocks are wrong, and a PC may be off for longer than any expiry. What is
        // fresh is said by the controller over mutual TLS; older than before is refused anyway.
        .expiration_enforcement(ExpirationEnforcement::Unsafe)
        .load()
        .await;
    let repository = match (loaded, http.trouble()) {
        (Ok(repository), _) => repository,
        (Err(_), Some(trouble)) => return Err(unavailable(trouble)),
        // A controller whose copy lags, as one of several may for a while.
        (Err(error @ tough::error::Error::OlderMetadata { .. }), None) => {
            return Err(unavailable(format!("what the controller has is older than what it had before: {error}")));
        }
        (Err(error), None) => return Err(Judgement::Bad(format!("its signed metadata is not sound: {error}"))),
    };

    let version = repository.targets().signed.version.get();
    if version > order.wanted.version {
        return Err(unavailable("the controller is publishing a newer version"));
    }
    if version < order.wanted.version {
        let wanted = order.wanted.version;
        return Err(unavailable(format!(
            "the signed metadata is of version {version}, older than the announced {wanted}"
        )));
    }
    let name = TargetName::new(TARGET).map_err(unavailable)?;
    let targets = &repository.targets().signed.targets;
    let target =
        targets.get(&name).ok_or_else(|| Judgement::Bad(format!("the signed metadata does not list {TARGET}")))?;
    if target.length > MAX_PACKED {
        return Err(Judgement::Bad(format!("it is larger than {MAX_PACKED} bytes")));
    }
    let sha256 = hex::encode(&*target.hashes.sha256);
    let consistent = repository.root().signed.consistent_snapshot;
    let file_name = if consistent { format!("{sha256}.{TARGET}") } else { TARGET.to_owned() };
    let file = incoming.join(format!("{sha256}.part"));
    clear(&incoming, &file);
    let address = url("targets")?.join(&file_name).map_err(unavailable)?;
    http.download(address, &file, target.length, &sha256).await?;
    Ok((Bundle { version, sha256, size: target.length, rules: 0 }, file))
}

/// Removes what other bundles have left behind.
fn clear(incoming: &Path, keep: &Path) {
    for entry in std::fs::read_dir(incoming).into_iter().flatten().flatten() {
        if entry.path() != keep {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The agent door's files, over mutual TLS. As TUF's transport it remembers trouble on the
/// way, which says nothing against what is fetched.
#[derive(Debug, Clone)]
struct Http {
    client: Client,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Http {
    fn new(order: &BundleOrder) -> reqwest::Result<Self> {
        let identity = reqwest::Identity::from_pem(format!("{}\n{}", order.certificate, order.key).as_bytes())?;
        let client = Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(order.ca.as_bytes())?])
            .identity(identity)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build()?;
        Ok(Self { client, trouble: Arc::default() })
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn in_trouble(&self, why: String) -> String {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
        why
    }

    async fn metadata(&self, url: &Url) -> Result<Option<Vec<u8>>, String> {
        let mut response = self.client.get(url.clone()).send().await.map_err(|e| in_full(&e))?;
        match response.status() {
            StatusCode::OK => {}
            // The chain of roots ends where there is no next one.
            StatusCode::NOT_FOUND if url.path().ends_with(".root.json") => return Ok(None),
            status => return Err(format!("the controller answers {status} for {}", url.path())),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| in_full(&e))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_METADATA {
                return Err(format!("{} is larger than any metadata", url.path()));
            }
        }
        Ok(Some(bytes))
    }

    /// Into `file`, going on where an earlier attempt was cut off.
    async fn download(&self, url: Url, file: &Path, length: u64, sha256: &str) -> Result<(), Judgement> {
        let resumed = file.metadata().map_or(0, |m| m.len());
        let sound = self.fill(url.clone(), file, length).await? && has_hash(file, sha256).map_err(unavailable)?;
        if sound {
            return Ok(());
        }
        std::fs::remove_file(file).map_err(unavailable)?;
        // What an earlier attempt left may have been at fault.
        if resumed > 0 && self.fill(url, file, length).await? && has_hash(file, sha256).map_err(unavailable)? {
            return Ok(());
        }
        Err(Judgement::Bad("the file is not the one that was signed".into()))
    }

    /// False: what came is not of the length given.
    async fn fill(&self, url: Url, path: &Path, length: u64) -> Result<bool, Judgement> {
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(unavailable)?;
        let mut have = file.metadata().map_err(unavailable)?.len();
        if have >= length {
            return Ok(have == length);
        }
        let mut request = self.client.get(url);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let mut response = request.send().await.map_err(|e| unavailable(in_full(&e)))?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::OK => {
                file.set_len(0).map_err(unavailable)?;
                have = 0;
            }
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(false),
            status => return Err(unavailable(format!("the controller answers {status} for the signatures"))),
        }
        while let Some(chunk) = response.chunk().await.map_err(|e| unavailable(in_full(&e)))? {
            have += chunk.len() as u64;
            if have > length {
                return Ok(false);
            }
            file.write_all(&chunk).map_err(unavailable)?;
        }
        file.sync_all().map_err(unavailable)?;
        Ok(have == length)
    }
}

#[async_trait]
impl Transport for Http {
    async fn fetch(&self, url: Url) -> Result<TransportStream, TransportError> {
        match self.metadata(&url).await {
            Ok(Some(bytes)) => Ok(Box::pin(futures_util::stream::iter([Ok(bytes.into())]))),
            Ok(None) => Err(TransportError::new(TransportErrorKind::FileNotFound, url)),
            Err(why) => Err(TransportError::new_with_cause(TransportErrorKind::Other, url, self.in_trouble(why))),
        }
    }
}

fn has_hash(file: &Path, sha256: &str) -> std::io::Result<bool> {
    // Bounded: nothing longer than the largest bundle is kept.
    Ok(hex::encode(Sha256::digest(std::fs::read(file)?)) == sha256)
}

/// How many rules a verified bundle holds, or why it is not fit for use. Their compiled form
/// is left in the folder, so that the first scan need not compile them.
fn judge(packed: &[u8], current: u64, version: u64, folder: Option<&Path>) -> Result<u32, String> {
    let content = BundleContent::unpack(packed).map_err(|e| e.to_string())?;
    if content.version != version {
        return Err(format!("its content is of version {}, its signed metadata of version {version}", content.version));
    }
    if content.version <= current {
        return Err(format!("version {version} is not newer than version {current}, which is in use"));
    }
    let set = RuleSet::prepare(rule_files(&content), folder).map_err(|e| e.to_string())?;
    let rules = set.rules().map_err(|e| e.to_string())?;
    if rules.count() != content.rules as usize {
        return Err(format!("it compiles to {} rules and should to {}", rules.count(), content.rules));
    }
    if knows_eicar(&content) && !finds_eicar(rules) {
        return Err("its rule for the EICAR test file does not find it".into());
    }
    Ok(content.rules)
}

fn knows_eicar(content: &BundleContent) -> bool {
    content.files.iter().any(|file| {
        let mut words = file.source.split_ascii_whitespace().map(str::to_ascii_lowercase);
        let mut after_rule = false;
        words.any(|word| std::mem::replace(&mut after_rule, word == "rule") && word.starts_with("eicar"))
    })
}

fn finds_eicar(rules: &Rules) -> bool {
    // In two parts, so that no scanner finds it in this program.
    let test_file = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let matches = Scanner::new(rules).scan_bytes(Path::new("eicar.com"), test_file.as_bytes());
    matches.is_ok_and(|found| found.iter().any(|m| m.rule.to_ascii_lowercase().starts_with("eicar")))
}

#[cfg(test)]
mod tests;
