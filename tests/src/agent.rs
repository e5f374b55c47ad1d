//! An agent with a state folder of its own.

use crate::controller::{Controller, write_clock};
use crate::process::{Process, binary, until};
use crate::staff::{Ran, Staff};
use keepwatch_proto::clock::CLOCK_FILE;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// One PC.
pub struct Agent {
    // First: what it has logged is shown when it goes, and lies in the folder.
    process: Option<Process>,
    folder: TempDir,
}

impl Agent {
    /// A PC that is not enrolled.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), process: None }
    }

    /// A PC that is enrolled and runs, and is connected.
    pub fn started(controller: &Controller, staff: &Staff) -> Self {
        let mut agent = Self::new();
        agent.enroll(controller, &staff.token()).ok();
        agent.start();
        agent.until_connected();
        agent
    }

    /// A PC whose disk is a copy of this one's, which does not run.
    pub fn copy_of(original: &Self, controller: &Controller) -> Self {
        assert!(original.process.is_none(), "a disk is copied while its PC is off");
        let copy = Self::new();
        copy_folder(&original.state(), &copy.state());
        copy.configure(&controller.agent_door());
        copy
    }

    /// Puts its state back to an older copy of it, made by [`Agent::copy_of`].
    pub fn set_back_to(&self, older: &Self) {
        assert!(self.process.is_none() && older.process.is_none(), "while they do not run");
        std::fs::remove_dir_all(self.state()).expect("the state can be removed");
        copy_folder(&older.state(), &self.state());
    }

    /// Tries to enrol.
    pub fn enroll(&self, controller: &Controller, token: &str) -> Ran {
        self.enroll_at(&controller.agent_door(), token)
    }

    /// Becomes another host, of this controller: the one that it was, or its controller, is gone.
    pub fn enroll_anew(&mut self, controller: &Controller, token: &str) {
        self.kill();
        self.enroll_with(&controller.agent_door(), token, &["--force"]).ok();
        self.start();
        self.until_connected();
    }

    /// Tries to enrol at an address.
    pub fn enroll_at(&self, door: &str, token: &str) -> Ran {
        self.enroll_with(door, token, &[])
    }

    fn enroll_with(&self, door: &str, token: &str, more: &[&str]) -> Ran {
        let mut command = Command::new(binary("keepwatch-agent"));
        command.args(["enroll", "--controller", door, "--token", token]).args(more).arg("--state").arg(self.state());
        let ran = Ran::of(command.output().expect("the agent runs"));
        if ran.code == 0 {
            self.configure(door);
        }
        ran
    }

    /// Restores may write where tests look, and reconnecting takes no half minute.
    fn configure(&self, door: &str) {
        let toml = format!(
            "controller = \"{door}\"\nrestore_roots = [{:?}]\n[link]\nreconnect_first_seconds = 1\nreconnect_max_seconds = 2\n",
            self.restored()
        );
        std::fs::create_dir_all(self.restored()).expect("the restore root");
        std::fs::write(self.state().join("agent.toml"), toml).expect("agent.toml");
    }

    /// Starts it, again if need be.
    pub fn start(&mut self) {
        let mut command = Command::new(binary("keepwatch-agent"));
        command.args(["run", "--state"]).arg(self.state()).env(CLOCK_FILE, self.clock_file()).env("NO_COLOR", "1");
        self.process = Some(Process::start(&mut command, &self.folder.path().join("agent.log")));
    }

    /// kill -9, of the process that holds the state and, by that, of its child.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Whether its process has not ended.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the agent runs").pid()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("agent.log")).unwrap_or_default()
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Where restores may write.
    pub fn restored(&self) -> PathBuf {
        self.folder.path().join("restored")
    }

    /// What `status` says.
    pub fn status(&self) -> Value {
        let mut command = Command::new(binary("keepwatch-agent"));
        command.args(["status", "--output", "json", "--state"]).arg(self.state());
        let ran = Ran::of(command.output().expect("the agent runs"));
        serde_json::from_str(&ran.out).unwrap_or(Value::Null)
    }

    /// Its id.
    pub fn host(&self) -> String {
        self.status()["host"].as_str().expect("an id").to_owned()
    }

    /// Waits until it holds a stream.
    pub fn until_connected(&self) {
        until("the agent is connected", || self.status()["connected"] == true);
    }

    /// Waits until it runs this bundle.
    pub fn until_bundle(&self, version: u64) {
        until("the agent runs the bundle", || self.status()["bundle"] == version);
    }

    /// Moves its time on by this much from the computer's.
    pub fn shift_clock(&self, seconds: i64) {
        write_clock(&self.clock_file(), seconds);
    }

    fn clock_file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// A folder for what is on this PC.
    pub fn disk(&self) -> PathBuf {
        let disk = self.folder.path().join("disk");
        std::fs::create_dir_all(&disk).expect("a folder");
        disk
    }

    /// Its key and certificate, as an attacker on the PC has them.
    pub fn stolen_identity(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.state().join("identity").join(name)).expect("an identity");
        format!("{}{}", read("key.pem"), read("certificate.pem"))
    }
}

impl Default for Agent {
    fn default() -> Self {
        Self::new()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file is copied");
        }
    }
}

/// Runs the agent's own commands, without a controller.
pub fn standalone(words: &[&str], paths: &[&Path]) -> Ran {
    let mut command = Command::new(binary("keepwatch-agent"));
    command.args(words).args(paths);
    Ran::of(command.output().expect("the agent runs"))
}
