//! A repository damaged in each kind of object: what can be restored is, byte for byte, and what
//! cannot is named.

use super::*;
use crate::Error;

/// How an object is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Halved,
    Cut(u64),
    Flipped,
    Missing,
}

const ALL: [Damage; 4] = [Damage::Cut(20), Damage::Cut(0), Damage::Flipped, Damage::Missing];

fn damage(path: &Path, how: Damage) {
    match how {
        Damage::Halved => damage(path, Damage::Cut(fs::metadata(path).unwrap().len() / 2)),
        Damage::Cut(bytes) => fs::File::options().write(true).open(path).unwrap().set_len(bytes).unwrap(),
        Damage::Missing => fs::remove_file(path).unwrap(),
        Damage::Flipped => {
            let mut content = fs::read(path).unwrap();
            // Often enough that no part is spared.
            content.iter_mut().step_by(31).for_each(|byte| *byte ^= 0x10);
            fs::write(path, content).unwrap();
        }
    }
}

fn noise(n: u32) -> Vec<u8> {
    (0..60_000u32).flat_map(|i| (i ^ n).wrapping_mul(2_654_435_761 + n).rotate_left(i % 31).to_le_bytes()).collect()
}

fn objects(repository: &Path, kind: &str) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(repository.join(kind)).sort_by_file_name().into_iter().flatten();
    walk.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

/// The folder and all in it, once more.
pub(super) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().flatten() {
        let place = to.join(entry.path().strip_prefix(from).unwrap());
        match entry.file_type().is_dir() {
            true => fs::create_dir_all(place).unwrap(),
            false => drop(fs::copy(entry.path(), place).unwrap()),
        }
    }
}

/// Two backups: each has its snapshot, its index, its pack of folders and its pack of content.
struct Scene {
    stage: Stage,
    snapshots: Vec<String>,
    /// The objects that came with the first one, but for config and key.
    firsts: Vec<PathBuf>,
    runs: std::cell::Cell<u32>,
}

const KINDS: [&str; 3] = ["data", "index", "snapshots"];

impl Scene {
    fn new() -> Self {
        let stage = Stage::new();
        let (mut snapshots, mut firsts) = (Vec::new(), Vec::new());
        for (n, name) in ["first", "second"].into_iter().enumerate() {
            fs::create_dir_all(stage.source().join(name).join("inner")).unwrap();
            for (k, file) in ["a", "inner/b"].into_iter().enumerate() {
                fs::write(stage.source().join(name).join(file), noise((2 * n + k) as u32)).unwrap();
            }
            snapshots.push(stage.backup().snapshot.id);
            if n == 0 {
                firsts = KINDS.into_iter().flat_map(|kind| objects(&stage.path("repository"), kind)).collect();
            }
        }
        Self { stage, snapshots, firsts, runs: std::cell::Cell::new(0) }
    }

    /// Another copy of the repository.
    fn copy(&self) -> PathBuf {
        self.runs.set(self.runs.get() + 1);
        let to = self.stage.path(&format!("copy {}", self.runs.get()));
        copy(&self.stage.path("repository"), &to);
        to
    }

    /// An object of the first backup, in a copy.
    fn first(&self, copy: &Path, fits: impl Fn(&Path, u64) -> bool) -> PathBuf {
        let object = self.firsts.iter().find(|path| fits(path, fs::metadata(path).unwrap().len())).unwrap();
        copy.join(object.strip_prefix(self.stage.path("repository")).unwrap())
    }

    fn restore(&self, copy: &Path, snapshot: &str) -> Result<(RestoreReport, PathBuf), Error> {
        self.runs.set(self.runs.get() + 1);
        let target = self.stage.path(&format!("out {}", self.runs.get()));
        let options =
            RestoreOptions { snapshot: snapshot.to_owned(), target: Some(target.clone()), ..RestoreOptions::default() };
        let report = Repository::open(&Storage::Folder(copy.to_owned()), PASSWORD)?.restore(&options, &Silent)?;
        Ok((report, below(&target, &self.stage.source())))
    }

    /// Restores, and holds that all is there as it was or named, itself or a folder above. Says what
    /// was named.
    fn whole_or_named(&self, copy: &Path, snapshot: &str) -> Result<Vec<PathBuf>, Error> {
        let (report, restored) = self.restore(copy, snapshot)?;
        let names: &[&str] = if snapshot == self.snapshots[0] { &["first"] } else { &["first", "second"] };
        let mut named: Vec<PathBuf> = report.failures.iter().map(|failure| failure.path.clone()).collect();
        assert!(report.failures.iter().all(|failure| !failure.reason.is_empty()));
        assert_eq!(report.failed, named.len() as u64);
        named.sort();
        for file in names.iter().flat_map(|name| [format!("{name}/a"), format!("{name}/inner/b")]) {
            let is_named = named.iter().any(|path| self.stage.source().join(&file).starts_with(path));
            let (there, meant) = (fs::read(restored.join(&file)), fs::read(self.stage.source().join(&file)).unwrap());
            assert_eq!(there.is_ok_and(|content| content == meant), !is_named, "{file}: {report:?}");
        }
        Ok(named)
    }

    fn open(copy: &Path) -> Repository {
        Repository::open(&Storage::Folder(copy.to_owned()), PASSWORD).unwrap()
    }
}

#[test]
fn whichever_object_is_damaged_all_comes_back_or_is_named() {
    let scene = Scene::new();
    let repository = scene.stage.path("repository");
    for object in KINDS.into_iter().flat_map(|kind| objects(&repository, kind)) {
        for how in [Damage::Halved, Damage::Flipped] {
            let copy = scene.copy();
            damage(&copy.join(object.strip_prefix(&repository).unwrap()), how);
            for snapshot in &scene.snapshots {
                match scene.whole_or_named(&copy, snapshot) {
                    Ok(_) => {}
                    Err(Error::LostSnapshot(lost)) => assert!(object.ends_with(lost), "{object:?} {how:?}"),
                    Err(error) => panic!("{object:?} {how:?}: {error}"),
                }
            }
            fs::remove_dir_all(copy).unwrap();
        }
    }
}

#[test]
fn damage_costs_what_needs_it_and_nothing_else() {
    let scene = Scene::new();
    let [first, both] = [&scene.snapshots[0], &scene.snapshots[1]];
    let is = |kind: &'static str| move |path: &Path, _: u64| path.components().any(|part| part.as_os_str() == kind);
    let path = |name: &str| scene.stage.source().join(name);
    for how in ALL {
        // An index is made anew of what the packs say.
        let copy = scene.copy();
        damage(&scene.first(&copy, is("index")), how);
        let before = objects(&copy, "index");
        for snapshot in [first, both] {
            assert_eq!(scene.whole_or_named(&copy, snapshot).unwrap(), [] as [PathBuf; 0], "{how:?}");
        }
        assert_eq!(objects(&copy, "index"), before, "who restores stores nothing");
        let mut read = Vec::new();
        Scene::open(&copy).read_file(both, &path("first/a"), None, &mut read).unwrap();
        assert_eq!(read, noise(0));

        let copy = scene.copy();
        damage(&scene.first(&copy, |path, size| is("data")(path, size) && size > 100_000), how);
        let lost = [path("first/a"), path("first/inner/b")];
        assert_eq!(scene.whole_or_named(&copy, both).unwrap(), lost, "{how:?}");

        // Folders: those above are of each backup itself.
        let copy = scene.copy();
        damage(&scene.first(&copy, |path, size| is("data")(path, size) && size < 100_000), how);
        assert_eq!(scene.whole_or_named(&copy, both).unwrap(), [path("first")], "{how:?}");
        let mut seen = 0;
        let mut count = |_| {
            seen += 1;
            std::ops::ControlFlow::Continue(())
        };
        let told = Scene::open(&copy).entries(both, &path(""), true, &mut count).unwrap_err().to_string();
        assert!(seen == 5 && told.contains("/source/first: "), "{seen}: {told}");

        let copy = scene.copy();
        damage(&scene.first(&copy, is("snapshots")), how);
        assert_eq!(scene.whole_or_named(&copy, both).unwrap(), [] as [PathBuf; 0], "{how:?}");
        assert_eq!(Scene::open(&copy).snapshots().unwrap().len(), 1);
        let told = scene.restore(&copy, first).unwrap_err().to_string();
        assert!(told.contains(first) && (told.contains("it is damaged") || how == Damage::Missing), "{told}");
    }
}

#[test]
fn without_config_or_key_nothing_opens_and_it_is_said_what_to_bring_back() {
    let scene = Scene::new();
    let storage = |copy: &Path| Storage::Folder(copy.to_owned());
    for how in ALL {
        for (object, word) in [("config", "'config'"), ("keys", "folder 'keys'")] {
            let copy = scene.copy();
            let path = if object == "keys" { objects(&copy, "keys").remove(0) } else { copy.join(object) };
            let good = fs::read(&path).unwrap();
            damage(&path, how);
            let told = Repository::open(&storage(&copy), PASSWORD).err().unwrap();
            assert!(matches!(told, Error::NoConfig { .. } | Error::NoKey { .. }), "{object} {how:?}: {told:?}");
            let told = told.to_string();
            assert!(told.contains(word) && told.contains("any copy of the repository"), "{object} {how:?}: {told}");
            // Nor is a new one made in its place.
            Repository::init(&storage(&copy), PASSWORD).err().unwrap();
            fs::write(path, good).unwrap();
            assert_eq!(scene.whole_or_named(&copy, "latest").unwrap(), [] as [PathBuf; 0]);
        }
    }
    let copy = scene.copy();
    fs::remove_dir_all(copy.join("keys")).unwrap();
    assert!(matches!(Repository::open(&storage(&copy), PASSWORD), Err(Error::NoKey { .. })));
    let wrong = Repository::open(&storage(&scene.copy()), "another");
    assert!(matches!(wrong, Err(Error::WrongPassword(_))));
}

#[test]
fn one_key_that_is_damaged_hides_no_other() {
    let scene = Scene::new();
    for how in [Damage::Cut(20), Damage::Cut(0), Damage::Flipped] {
        let copy = scene.copy();
        let good = objects(&copy, "keys").remove(0);
        // On either side of the good one, in whatever order they are tried.
        for name in ["00", "ff"].map(|part| part.repeat(32)) {
            fs::copy(&good, copy.join("keys").join(&name)).unwrap();
            damage(&copy.join("keys").join(name), how);
        }
        assert_eq!(scene.whole_or_named(&copy, "latest").unwrap(), [] as [PathBuf; 0], "{how:?}");
        let told = Repository::open(&Storage::Folder(copy), "another").err().unwrap().to_string();
        assert!(told.contains("2 of them are damaged"), "{told}");
    }
}

#[test]
fn a_look_finds_each_damage_and_what_can_be_healed_is() {
    let scene = Scene::new();
    let repository = scene.stage.path("repository");
    for object in KINDS.into_iter().flat_map(|kind| objects(&repository, kind)) {
        for how in [Damage::Cut(20), Damage::Missing] {
            let copy = scene.copy();
            let object = object.strip_prefix(&repository).unwrap();
            damage(&copy.join(object), how);
            let found = Scene::open(&copy).verify(0, 1).unwrap();
            let kind = object.iter().next().unwrap().to_str().unwrap();
            if (kind, how) == ("snapshots", Damage::Missing) {
                // That one is known to be gone by who had it acknowledged.
                continue;
            }
            assert!(!found.is_sound(), "{object:?} {how:?}: {found:?}");
            let name = object.file_name().unwrap().to_str().unwrap();
            let told = format!("{found:?}");
            assert!(told.contains(name) || how == Damage::Missing && kind == "index", "{object:?} {how:?}: {told}");
            assert!(kind == "snapshots" || found.files_affected > 0 && !found.snapshots_affected.is_empty());

            let open = Scene::open(&copy);
            open.set_aside(&found.damaged).unwrap();
            if kind == "data" {
                let again = Scene::open(&copy).verify(0, 1).unwrap();
                assert!(!again.snapshots_affected.is_empty(), "what is lost is not forgotten: {again:?}");
            }
            let options = BackupOptions { time: scene.stage.options().time, ..scene.stage.options() };
            Scene::open(&copy).backup(&options, &Silent).unwrap();
            let healed = Scene::open(&copy).verify(0, 1).unwrap();
            let is_content = fs::metadata(repository.join(object)).unwrap().len() > 100_000;
            if kind != "data" || is_content {
                assert!(healed.is_sound(), "{object:?} {how:?}: {healed:?}");
                // Ours go on without what was not set aside; whoever may remove it, does.
                let _ = fs::remove_file(copy.join(object));
                restic::check(&copy);
            }
            let lost = scene.whole_or_named(&copy, "latest").unwrap();
            assert_eq!(lost, [] as [PathBuf; 0], "{object:?} {how:?}: {found:?} {healed:?}");
        }
    }
}
