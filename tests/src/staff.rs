//! The staff's command line, in a home of its own.

use crate::controller::Controller;
use crate::process::{binary, until_some};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// One of the staff, logged in.
pub struct Staff {
    home: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Its stdout.
    pub out: String,
    /// Its stderr.
    pub err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It must have gone well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// A command that runs.
pub struct Running(Child);

impl Running {
    /// Reads what it says until it ends.
    pub fn ended(self) -> Ran {
        Ran::of(self.0.wait_with_output().expect("keepwatch runs"))
    }
}

impl Staff {
    pub(crate) fn login(controller: &Controller, user: &str, password: &str) -> Self {
        let staff = Self { home: tempfile::tempdir().expect("a temporary folder") };
        let file = staff.home.path().join("password");
        std::fs::write(&file, password).expect("the password file");
        let door = controller.staff_door();
        let login = ["login", &door, "--user", user, "--fingerprint", controller.fingerprint(), "--password-file"];
        staff.run(login.iter().map(OsStr::new).chain([file.as_os_str()])).ok();
        staff
    }

    /// Runs `keepwatch` with these words.
    pub fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(words).output().expect("keepwatch runs"))
    }

    /// Begins to run it. What it says is not read until [`Running::ended`]: beyond what a pipe holds, it waits.
    pub fn begin<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Running {
        let mut command = self.command(words);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().expect("keepwatch runs"))
    }

    fn command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary("keepwatch"));
        command
            .args(words)
            .env("XDG_CONFIG_HOME", self.home.path())
            .env("HOME", self.home.path())
            // Nobody is at a terminal to be asked, and what is said is compared.
            .env("KEEPWATCH_YES", "true")
            .env("KEEPWATCH_LANG", "en")
            .env_remove("KEEPWATCH_TOKEN");
        command
    }

    /// What a listing gives.
    #[track_caller]
    pub fn json(&self, words: &[&str]) -> Value {
        let ran = self.run(words.iter().chain(&["--output", "json"])).ok();
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {}", ran.out))
    }

    /// A token for one PC.
    pub fn token(&self) -> String {
        self.json(&["tokens", "create"])["token"].as_str().expect("a token").to_owned()
    }

    /// The only host there is.
    pub fn only_host(&self) -> Value {
        let hosts = self.json(&["hosts", "list"]);
        assert_eq!(hosts.as_array().map(Vec::len), Some(1), "{hosts}");
        hosts[0].clone()
    }

    /// Gives all hosts this policy.
    pub fn set_policy(&self, yaml: &str) {
        let file = self.home.path().join("policy.yaml");
        std::fs::write(&file, yaml).expect("the policy file");
        self.run([OsStr::new("policies"), "apply".as_ref(), "all".as_ref(), "-f".as_ref(), file.as_os_str()]).ok();
    }

    /// A policy that does nothing by itself, for these paths; what fails is not tried again.
    pub fn set_paths(&self, paths: &[&Path]) {
        let paths = serde_json::to_string(paths).expect("paths");
        self.set_policy(&format!(
            "scan: {{schedule: '', paths: {paths}}}\nbackup: {{schedule: '', paths: {paths}, excludes: []}}\nwork: {{retries: 0}}\n"
        ));
    }

    /// Imports rules under a name of their own.
    pub fn import(&self, rules: &Path) -> Ran {
        self.run([OsStr::new("signatures"), "import".as_ref(), rules.as_os_str()])
    }

    /// The newest job of this kind, once it has ended; not one that follows on it because it failed.
    pub fn ended(&self, host: &str, kind: &str) -> Value {
        until_some(&format!("a {kind} ends"), || {
            let jobs = self.json(&["jobs", "list", "--host", host]);
            let newest = jobs.as_array()?.iter().find(|j| j["kind"] == kind && j["retry_of"].is_null())?.clone();
            newest["ended"].is_string().then_some(newest)
        })
    }
}
