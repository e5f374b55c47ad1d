//! A scan by the agent's own command, under the limits that must hold.

use keepwatch_tests::binary;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Memory that no scan may exceed, in bytes: 768 MiB.
const MEMORY: u64 = 768 << 20;
/// Time that no scan here may take. Generous: two slow cores, and a build without optimisation.
const TIME: Duration = Duration::from_secs(400);
/// What all that is to be found contains.
pub(crate) const SAMPLE: &[u8] = b"-- KEEPWATCH SAMPLE --";
/// The exit codes of the contract.
pub(crate) const CLEAN: i32 = 0;
pub(crate) const FOUND: i32 = 1;
pub(crate) const UNINSPECTED: i32 = 2;

/// A folder of hostile files, and rules.
pub(crate) struct Place {
    folder: TempDir,
    rules: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with_rules("rule sample { strings: $a = \"KEEPWATCH SAMPLE\" condition: $a }")
    }

    pub(crate) fn with_rules(rules: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), rules: rules.into() };
        fs::create_dir(place.root()).unwrap();
        place
    }

    /// What is scanned.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// What lies beside it and must never be read.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Scans it all with two threads.
    pub(crate) fn scan(&self) -> Scanned {
        let (rules, out, err) = (self.outside("rules.yar"), self.outside("out"), self.outside("err"));
        fs::write(&rules, &self.rules).unwrap();
        let mut command = Command::new("prlimit");
        command.arg(format!("--data={MEMORY}")).arg("--").arg(binary("keepwatch-agent"));
        command.arg("scan").arg(self.root()).args(["--threads", "2", "--no-cache", "--output", "json", "--rules"]);
        command.arg(&rules).current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let mut child = command.spawn().expect("prlimit runs (Debian's util-linux)");
        let start = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > TIME {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the scan takes longer than {TIME:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = fs::read_to_string(&err).unwrap();
        assert_eq!(status.signal(), None, "the scan was killed: {said}");
        Scanned::read(status.code().unwrap(), &out, said)
    }
}

/// What a scan said.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) code: i32,
    /// Objects with a detection, below the root.
    pub(crate) found: BTreeSet<String>,
    /// Objects that were not inspected, below the root, and why.
    pub(crate) missed: Vec<(String, String)>,
    pub(crate) summary: Value,
    /// To people, on stderr.
    said: String,
}

impl Scanned {
    fn read(code: i32, out: &Path, said: String) -> Self {
        let text = fs::read_to_string(out).expect("what a scan says is UTF-8");
        let mut scanned = Self { code, found: BTreeSet::new(), missed: vec![], summary: Value::Null, said };
        for line in text.lines() {
            let object: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let path = object["path"].as_str().map(|path| path.split_once("/root/").map_or(path, |(_, below)| below));
            match (object["type"].as_str().unwrap(), path) {
                ("detection", Some(path)) => drop(scanned.found.insert(path.to_owned())),
                ("not_inspected", Some(path)) => {
                    scanned.missed.push((path.to_owned(), object["reason"].as_str().unwrap().to_owned()));
                }
                _ => scanned.summary = object,
            }
        }
        assert!(scanned.summary.is_object(), "a scan ends with a summary: {scanned:?}");
        assert!(!scanned.missed.iter().any(|(_, why)| why.contains("crashed")), "{scanned:?}");
        scanned
    }

    #[track_caller]
    pub(crate) fn found(&self, object: &str) -> &Self {
        assert!(self.found.contains(object), "{object} is not found: {self:?}");
        self
    }

    /// Something of this file was not inspected, for one of these reasons.
    #[track_caller]
    pub(crate) fn missed(&self, file: &str, reasons: &[&str]) -> &Self {
        let named = |(path, why): &(String, String)| path.starts_with(file) && reasons.iter().any(|r| why.contains(r));
        assert!(self.missed.iter().any(named), "{file} is not named for {reasons:?}: {self:?}");
        self
    }

    /// The exit code, and that it is the contract's: 1 when anything was found, else 2 when
    /// anything was not inspected.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> &Self {
        let due = match (self.found.is_empty(), self.missed.is_empty()) {
            (false, _) => FOUND,
            (true, false) => UNINSPECTED,
            (true, true) => CLEAN,
        };
        assert_eq!((self.code, due), (code, code), "{self:?}\n{}", self.said);
        self
    }
}
