//! kill -9 of controller, agent, worker, or the process that works on a repository, at any moment
//! of what comes after a backup: restore, prune, verification, healing. What was acknowledged
//! restores after each, and every job ends as what it was. KEEPWATCH_KILLS says how often (4
//! unless set).

use crate::interop::restic;
use crate::kills::{Numbers, child_of, kill, snapshots};
use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe};
use keepwatch_tests::{Agent, Controller, Ran, Staff, until, until_some};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files are only ever added, and larger than a pack of folders: whatever pack of content is
/// damaged, the PC still has all of it.
const SMALLEST: usize = 200_000;
/// Snapshots that the policy keeps.
const KEPT: usize = 3;
/// A controller that is killed holds a repository for half an hour more.
const HELD: i64 = 1900;
/// Who is hit where the work had ended before.
const NOBODY: &str = "nobody";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum During {
    Restore,
    Prune,
    Verify,
    Heal,
}

struct Scene {
    controller: Controller,
    staff: Staff,
    agent: Agent,
    host: String,
    repository: PathBuf,
    password: PathBuf,
    numbers: Numbers,
    /// What each snapshot that was acknowledged holds.
    known: BTreeMap<String, BTreeMap<PathBuf, String>>,
    shifted: i64,
    files: u32,
}

impl Scene {
    fn new() -> Self {
        let (controller, staff, agent) = fleet();
        let (host, disk) = (agent.host(), agent.disk());
        // The clock goes on by half an hour with each controller: no rule of it may go by the day.
        let keep = "within_days: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0";
        let keep = format!("keep: {{last: {KEPT}, {keep}}}");
        // What is tried again by itself after a while would be waited for.
        let work = "work: {retries: 0}";
        staff.set_policy(&format!(
            "backup: {{schedule: '', paths: [{disk:?}], scan: false, {keep}}}\nscan: {{schedule: ''}}\n{work}"
        ));
        let mut scene = Self {
            controller,
            staff,
            agent,
            host,
            repository: PathBuf::new(),
            password: PathBuf::new(),
            numbers: Numbers(11),
            known: BTreeMap::new(),
            shifted: 0,
            files: 0,
        };
        for _ in 0..8 {
            scene.add_and_back_up();
        }
        let kit = scene.staff.json(&["recovery-kit", &scene.host]);
        scene.repository = kit["repository"].as_str().unwrap().into();
        scene.password = scene.agent.restored().join("password.txt");
        fs::write(&scene.password, kit["password"].as_str().unwrap()).unwrap();
        scene
    }

    fn add_and_back_up(&mut self) {
        let length = SMALLEST + self.numbers.below(600_000) as usize;
        let noise = self.numbers.noise(length);
        fs::write(self.agent.disk().join(format!("{}.bin", self.files)), noise).unwrap();
        self.files += 1;
        self.staff.run(["backup", &self.host, "--watch"]).ok();
        self.learn();
    }

    /// Nothing changes between two backups: what a new snapshot holds is what is there now.
    fn learn(&mut self) {
        let there = describe(&self.agent.disk());
        for id in snapshots(&self.staff, &self.host) {
            self.known.entry(id).or_insert_with(|| there.clone());
        }
    }

    /// Kills something after a while; says what.
    fn strike(&mut self, during: During) -> &'static str {
        let whom = match during {
            During::Restore => self.numbers.below(3),
            During::Prune | During::Verify => [1, 3][self.numbers.below(2) as usize],
            During::Heal => self.numbers.below(4),
        };
        match whom {
            0 => {
                self.wait(1200);
                self.agent.kill();
                self.agent.start();
                "agent"
            }
            1 => {
                self.wait(1200);
                self.controller.kill();
                self.shifted += HELD;
                self.controller.shift_clock(self.shifted);
                self.controller.restart();
                // A session does not last for all those half hours.
                self.staff = self.controller.staff_as("admin", self.controller.password());
                "controller"
            }
            2 => self.strike_child(self.agent.pid(), "worker"),
            _ => self.strike_child(self.controller.pid(), "maintainer"),
        }
    }

    /// Any moment will do: from before it has begun to after it has ended.
    fn wait(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.numbers.below(most_ms)));
    }

    /// Kills a process's child some time after it has come to be; nobody, where it ended before.
    fn strike_child(&mut self, parent: u32, name: &'static str) -> &'static str {
        for _ in 0..100 {
            if child_of(parent).is_some() {
                self.wait(700);
                return if child_of(parent).is_some_and(|pid| kill(&pid)) { name } else { NOBODY };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        NOBODY
    }

    /// Has the staff's command running while something is killed. Says what that was, and what came of it.
    fn during(&mut self, during: During, words: &[&str]) -> (&'static str, Ran) {
        // A login of its own: the other one is used meanwhile.
        let staff = self.controller.staff_as("admin", self.controller.password());
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let running = std::thread::spawn(move || staff.run(&words));
        let hit = self.strike(during);
        (hit, running.join().unwrap())
    }

    fn newest_job(&self, kind: &str) -> Option<Value> {
        let jobs = self.staff.json(&["jobs", "list", "--host", &self.host]);
        jobs.as_array()?.iter().find(|job| job["kind"] == kind).cloned()
    }

    /// Restores a snapshot that was acknowledged and is to be there.
    fn restore(&self, id: &str, target: &Path) -> Value {
        let before = self.newest_job("restore").map(|job| job["id"].clone());
        self.staff.run(["restore", &self.host, id, "--target", target.to_str().unwrap()]).ok();
        until_some("the restore ends", || {
            self.newest_job("restore").filter(|job| Some(&job["id"]) != before.as_ref() && job["ended"].is_string())
        })
    }

    fn compare(&self, id: &str, target: &Path) {
        let mut restored = describe(&target.join(self.agent.disk().strip_prefix("/").unwrap()));
        // What a process that was killed had not finished bears no file's name.
        restored.retain(|path, _| !path.to_string_lossy().starts_with(".keepwatch-"));
        assert_same(&self.known[id], &restored);
    }

    fn restored_whole(&self, id: &str) {
        let target = self.agent.restored().join("proof");
        let job = self.restore(id, &target);
        assert_eq!(job["state"], "succeeded", "{job}");
        self.compare(id, &target);
        fs::remove_dir_all(target).unwrap();
    }

    fn any_snapshot(&mut self) -> String {
        let all = snapshots(&self.staff, &self.host);
        all[self.numbers.below(all.len() as u64) as usize].clone()
    }

    fn kill_in_restore(&mut self) -> &'static str {
        let (id, target) = (self.any_snapshot(), self.agent.restored().join("struck"));
        let before = self.newest_job("restore").map(|job| job["id"].clone());
        self.staff.run(["restore", &self.host, &id, "--target", target.to_str().unwrap()]).ok();
        let hit = self.strike(During::Restore);
        let job = until_some("the restore ends", || {
            self.newest_job("restore").filter(|job| Some(&job["id"]) != before.as_ref() && job["ended"].is_string())
        });
        match job["state"].as_str().unwrap() {
            "succeeded" => {}
            // It says that it is not done, and the next one takes it up.
            "failed" => {
                assert!(hit == "agent" || hit == "worker", "{hit}: {job}");
                let again = self.restore(&id, &target);
                assert_eq!(again["state"], "succeeded", "{again}");
            }
            other => panic!("{other}: {job}"),
        }
        self.compare(&id, &target);
        fs::remove_dir_all(&target).unwrap();
        hit
    }

    fn kill_in_prune(&mut self) -> &'static str {
        self.add_and_back_up();
        let host = self.host.clone();
        let newest: Vec<String> = snapshots(&self.staff, &host).into_iter().take(KEPT).collect();
        let (hit, _) = self.during(During::Prune, &["retention", "run", &host]);
        let there = snapshots(&self.staff, &host);
        assert_eq!(there[..KEPT], newest, "those that are kept by rule are never touched");
        let ran = self.until_free(&["retention", "run", &host]);
        assert_eq!(snapshots(&self.staff, &host), newest, "what was to go went in the end: {ran:?}");
        hit
    }

    /// Whoever is killed may hold the repository for a moment longer.
    fn until_free(&self, words: &[&str]) -> Ran {
        until_some("the repository is free", || {
            let ran = self.staff.run(words);
            (!ran.err.contains("somebody is at this host's repository")).then_some(ran)
        })
        .ok()
    }

    fn kill_in_verify(&mut self) -> &'static str {
        let host = self.host.clone();
        let (hit, _) = self.during(During::Verify, &["verify", &host]);
        let ran = self.until_free(&["verify", &host]);
        assert!(ran.err.contains("all sound"), "{hit}: {ran:?}");
        hit
    }

    fn kill_in_heal(&mut self) -> &'static str {
        let host = self.host.clone();
        self.damage_one();
        assert_eq!(self.staff.run(["verify", &host]).code, 3);
        let (hit, _) = self.during(During::Heal, &["repair", &host]);
        until("it is healed", || {
            let ran = self.staff.run(["verify", &host]);
            if ran.code == 3 && self.no_job_runs() {
                // Half done: it is begun once more. Refused where it has just been healed.
                self.staff.run(["repair", &host]);
            }
            ran.code == 0 && ran.err.contains("all sound")
        });
        until("the backup that heals ends", || self.no_job_runs());
        self.learn();
        hit
    }

    fn no_job_runs(&self) -> bool {
        let jobs = self.staff.json(&["jobs", "list", "--host", &self.host, "--limit", "1000"]);
        jobs.as_array().is_some_and(|jobs| jobs.iter().all(|job| job["ended"].is_string()))
    }

    /// A bit of one of the packs that hold files' content.
    fn damage_one(&mut self) {
        let walk = walkdir::WalkDir::new(self.repository.join("data")).sort_by_file_name().into_iter();
        let mut packs: Vec<PathBuf> = walk.flatten().map(|entry| entry.into_path()).collect();
        packs.retain(|path| fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() as usize > SMALLEST / 2));
        let pack = &packs[self.numbers.below(packs.len() as u64) as usize];
        let mut content = fs::read(pack).unwrap();
        let at = self.numbers.below(content.len() as u64) as usize;
        content[at] ^= 1 << self.numbers.below(8);
        fs::write(pack, content).unwrap();
    }
}

#[test]
fn whatever_is_killed_in_restore_prune_verify_or_heal_what_was_acknowledged_restores() {
    let kills: usize = std::env::var("KEEPWATCH_KILLS").map_or(4, |n| n.parse().unwrap());
    let mut scene = Scene::new();
    let mut hits = BTreeMap::<(During, &str), usize>::new();
    for n in 0.. {
        let during = [During::Restore, During::Prune, During::Verify, During::Heal][n % 4];
        let hit = match during {
            During::Restore => scene.kill_in_restore(),
            During::Prune => scene.kill_in_prune(),
            During::Verify => scene.kill_in_verify(),
            During::Heal => scene.kill_in_heal(),
        };
        *hits.entry((during, hit)).or_default() += 1;
        let any = scene.any_snapshot();
        scene.restored_whole(&any);
        let killed: usize = hits.iter().filter(|((_, who), _)| *who != NOBODY).map(|(_, count)| count).sum();
        if killed >= kills {
            break;
        }
        assert!(n < 4 * (kills + 1), "hardly anything is hit: {hits:?}");
    }
    println!("{kills} kills: {hits:?}; {} snapshots acknowledged in all", scene.known.len());
    assert!(scene.no_job_runs(), "every job has ended");
    let said = restic(&scene.repository, &scene.password, &["check", "--read-data"]);
    println!("restic check --read-data: {}", said.lines().last().unwrap_or_default());
    assert!(said.contains("no errors were found"), "{said}");
    for id in snapshots(&scene.staff, &scene.host) {
        scene.restored_whole(&id);
    }
}
