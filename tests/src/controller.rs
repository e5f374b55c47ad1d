//! A controller on loopback.

use crate::process::{Process, binary, until_some};
use crate::staff::{Ran, Staff};
use keepwatch_proto::clock::CLOCK_FILE;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A controller with a data folder of its own.
pub struct Controller {
    // First: what it has logged is shown when it goes, and lies in the folder.
    process: Option<Process>,
    folder: TempDir,
    fingerprint: String,
    password: String,
    agents: u16,
    staff: u16,
    metrics: u16,
    database: Option<String>,
}

impl Controller {
    /// Makes one and starts it, on its embedded database.
    pub fn start() -> Self {
        Self::start_on(None)
    }

    /// Makes one and starts it on a database.
    pub fn start_on(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut init = Command::new(binary("keepwatch-controller"));
        init.arg("init").arg("--data").arg(folder.path().join("data")).args(["--name", "localhost"]);
        if let Some(database) = &database {
            init.env("KEEPWATCH_DATABASE", database);
        }
        let made = init.output().expect("init runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let told = String::from_utf8(made.stdout).expect("init speaks UTF-8");
        let (fingerprint, password) = (word_after(&told, "CA fingerprint"), word_after(&told, "one-time password"));
        let mut controller =
            Self { folder, fingerprint, password, agents: 0, staff: 0, metrics: 0, database, process: None };
        controller.restart();
        controller
    }

    /// Another one with the same keys over the same database; its repositories are a copy.
    pub fn another(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copied = Command::new("cp").arg("-r").args([self.data(), folder.path().join("data")]).status();
        assert!(copied.expect("cp runs").success());
        let (fingerprint, password) = (self.fingerprint.clone(), self.password.clone());
        let (database, process) = (self.database.clone(), None);
        let mut other = Self { folder, fingerprint, password, agents: 0, staff: 0, metrics: 0, database, process };
        other.restart();
        other
    }

    /// Starts it again after [`Controller::kill`], on the same ports.
    pub fn restart(&mut self) {
        let mut command = Command::new(binary("keepwatch-controller"));
        command.arg("serve").arg("--data").arg(self.data());
        command.args([
            "--agents",
            &format!("127.0.0.1:{}", self.agents),
            "--staff",
            &format!("127.0.0.1:{}", self.staff),
            "--metrics",
            &format!("127.0.0.1:{}", self.metrics),
        ]);
        command.env(CLOCK_FILE, self.clock_file()).env("NO_COLOR", "1");
        if let Some(database) = &self.database {
            command.env("KEEPWATCH_DATABASE", database);
        }
        let log = self.folder.path().join("controller.log");
        let _ = std::fs::remove_file(&log);
        let mut process = Process::start(&mut command, &log);
        let line = until_some("the controller serves", || {
            assert!(process.is_running(), "the controller ended: {}", process.log());
            process.log().lines().find(|l| l.contains("serving")).map(str::to_owned)
        });
        (self.agents, self.staff) = (port(&line, "agents="), port(&line, "staff="));
        self.metrics = port(&line.replace('"', ""), "metrics=");
        self.process = Some(process);
    }

    /// What it has logged since it was started.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Runs one of its commands on its data folder, whether it serves or not.
    pub fn run(&self, words: &[&str]) -> Ran {
        let mut command = Command::new(binary("keepwatch-controller"));
        command.args(words).arg("--data").arg(self.data()).env(CLOCK_FILE, self.clock_file()).env("NO_COLOR", "1");
        if let Some(database) = &self.database {
            command.env("KEEPWATCH_DATABASE", database);
        }
        Ran::of(command.output().expect("the controller runs"))
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Of its CA.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The first administrator's.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The agent door.
    pub fn agent_door(&self) -> String {
        format!("https://localhost:{}", self.agents)
    }

    /// The staff door.
    pub fn staff_door(&self) -> String {
        format!("https://localhost:{}", self.staff)
    }

    /// What it shows to Prometheus.
    pub fn metrics(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.metrics)
    }

    /// Its CA's certificate.
    pub fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.data().join("keys/ca.pem")).expect("the CA's certificate")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the controller runs").pid()
    }

    /// Moves its time on by this much from the computer's.
    pub fn shift_clock(&self, seconds: i64) {
        write_clock(&self.clock_file(), seconds);
    }

    fn clock_file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Another of the staff, logged in.
    pub fn staff_as(&self, user: &str, password: &str) -> Staff {
        Staff::login(self, user, password)
    }

    /// The administrator, logged in.
    pub fn staff(&self) -> Staff {
        Staff::login(self, "admin", &self.password)
    }
}

/// Replaced whole: the process may read it at any time.
pub(crate) fn write_clock(file: &Path, seconds: i64) {
    let staged = file.with_extension("new");
    std::fs::write(&staged, seconds.to_string()).and_then(|()| std::fs::rename(&staged, file)).expect("the clock file");
}

fn word_after(text: &str, label: &str) -> String {
    let line =
        text.lines().find(|l| l.trim_start().starts_with(label)).unwrap_or_else(|| panic!("no '{label}' in {text}"));
    line.trim_start()[label.len()..].trim().to_owned()
}

fn port(line: &str, label: &str) -> u16 {
    let address = line.split(label).nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an address");
    address.rsplit(':').next().and_then(|p| p.parse().ok()).expect("a port")
}
