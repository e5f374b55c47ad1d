#![allow(clippy::unwrap_used)]
//! The vault under hostile hands, full disks and kills.

mod kills;

use super::*;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::quarantine::ItemState;
use std::fs;
use std::sync::Arc;

const BAD: &[u8] = b"X5O!P%@AP this is infected\n";

struct Scene {
    _folder: tempfile::TempDir,
    home: PathBuf,
    vault: Vault,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (home, state) = (base.join("home"), base.join("state"));
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(&state).unwrap();
        let vault = Vault::new(state.join("quarantine"), 1 << 20, vec![state]);
        Self { _folder: folder, home, vault }
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.home.join(name);
        fs::write(&path, BAD).unwrap();
        path
    }

    fn wanted(&self, path: &Path, sha256: &str) -> Wanted {
        let clock = Clock::system();
        let item = Item {
            id: ItemId::new(&clock),
            path: String::new(),
            sha256: String::new(),
            size: 0,
            rules: vec!["eicar".into()],
            job: JobId::new(&clock),
            at: clock.now(),
        };
        let by_name = sha256.is_empty();
        Wanted { item, path: path.to_owned(), sha256: sha256.into(), by_name, system: by_name, inside: false }
    }

    fn found(&self, path: &Path) -> Wanted {
        self.wanted(path, &sha256(BAD))
    }

    /// The vault, of which something happens at each of its steps.
    fn meanwhile(&self, happens: impl Fn(Step) + Send + Sync + 'static) -> Vault {
        Vault { meanwhile: Some(Arc::new(happens)), ..self.vault.clone() }
    }

    /// How many files the folder of the PC has.
    fn files(&self) -> usize {
        fs::read_dir(&self.home).unwrap().count()
    }

    fn held(&self) -> usize {
        self.vault.count().unwrap()
    }
}

fn sha256(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(content))
}

#[test]
fn what_is_put_away_is_gone_cannot_be_read_as_it_is_and_comes_back_as_it_was() {
    let scene = Scene::new();
    let path = scene.file("a.exe");
    let before = fs::metadata(&path).unwrap();
    let away = scene.vault.put_away(&scene.found(&path)).unwrap();
    assert!(!path.exists());
    assert_eq!((away.item.sha256.as_str(), away.item.size), (sha256(BAD).as_str(), BAD.len() as u64));
    assert_eq!((away.item.path, away.names.len(), away.unknown), (paths::of_path(&path), 0, 0));
    let kept = fs::read(scene.vault.file(away.item.id)).unwrap();
    assert!(!kept.windows(BAD.len()).any(|part| part == BAD) && kept.starts_with(b"keepwatch quarantine"));
    assert_eq!(scene.held(), 1);

    let item = scene.vault.restore(away.item.id, &path).unwrap();
    assert_eq!((item.id, fs::read(&path).unwrap()), (away.item.id, BAD.to_vec()));
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.modified().unwrap(), before.modified().unwrap());
    assert_eq!(after.permissions(), before.permissions());
    assert!(matches!(scene.vault.restore(item.id, &path), Err(VaultError::NoItem)));
    assert_eq!(scene.held(), 0);
}

#[test]
fn one_that_is_deleted_is_gone_for_good() {
    let scene = Scene::new();
    let id = scene.vault.put_away(&scene.found(&scene.file("a"))).unwrap().item.id;
    assert_eq!(scene.vault.delete(id, false).unwrap().unwrap().id, id);
    assert!(matches!(scene.vault.restore(id, &scene.home.join("a")), Err(VaultError::NoItem)));
    assert_eq!(fs::read_dir(scene.vault.items()).unwrap().count(), 0);
    let unknown = ItemId::new(&Clock::system());
    assert!(matches!(scene.vault.delete(unknown, true), Err(VaultError::NoItem)));
}

#[test]
fn what_no_rule_has_found_is_destroyed_only_where_that_is_allowed() {
    let scene = Scene::new();
    let mut wanted = scene.wanted(&scene.file("letter"), "");
    wanted.item.rules.clear();
    let id = scene.vault.put_away(&wanted).unwrap().item.id;
    let refused = scene.vault.delete(id, false).unwrap_err();
    assert!(refused.to_string().contains("allow_delete") && scene.held() == 1, "{refused}");
    scene.vault.delete(id, true).unwrap();
    assert_eq!(scene.held(), 0);
}

#[test]
fn what_has_changed_since_it_was_found_is_left_alone() {
    let scene = Scene::new();
    let path = scene.file("a");
    let wanted = scene.found(&path);
    fs::write(&path, "a letter that somebody has just written").unwrap();
    assert!(matches!(scene.vault.put_away(&wanted), Err(VaultError::Changed)));
    assert!(path.exists() && scene.held() == 0);
    fs::remove_file(&path).unwrap();
    assert!(matches!(scene.vault.put_away(&wanted), Err(VaultError::NotThere)));
}

#[test]
fn a_restore_takes_nobodys_place() {
    let scene = Scene::new();
    let path = scene.file("a");
    let id = scene.vault.put_away(&scene.found(&path)).unwrap().item.id;
    fs::write(&path, "new").unwrap();
    assert!(matches!(scene.vault.restore(id, &path), Err(VaultError::InTheWay(_))));
    assert!(matches!(scene.vault.restore(id, &scene.home), Err(VaultError::InTheWay(_))));
    assert!(matches!(scene.vault.restore(id, &scene.home.join("none/b")), Err(VaultError::Target(..))));
    assert_eq!((fs::read(&path).unwrap(), scene.held()), (b"new".to_vec(), 1));
    scene.vault.restore(id, &scene.home.join("b")).unwrap();
    assert_eq!(fs::read(scene.home.join("b")).unwrap(), BAD);
}

#[test]
fn one_that_is_spoilt_does_not_come_back_and_stays() {
    let scene = Scene::new();
    let path = scene.file("a");
    let id = scene.vault.put_away(&scene.found(&path)).unwrap().item.id;
    let kept = scene.vault.file(id);
    let whole = fs::read(&kept).unwrap();
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for spoilt in [&flipped[..], &whole[..whole.len() - 3], b"keepwatch", b""] {
        fs::write(&kept, spoilt).unwrap();
        assert!(matches!(scene.vault.restore(id, &path), Err(VaultError::Damaged(_))));
        assert!(!path.exists() && fs::read_dir(&scene.home).unwrap().count() == 0);
    }
    fs::write(&kept, &whole).unwrap();
    // Another key opens nothing.
    fs::remove_file(scene.vault.root.join("key")).unwrap();
    assert!(matches!(scene.vault.restore(id, &path), Err(VaultError::Damaged(_))));
    assert_eq!(scene.held(), 1);
}

#[test]
fn the_vault_holds_so_much_and_drops_nothing_for_more() {
    let scene = Scene::new();
    let small = scene.vault.put_away(&scene.found(&scene.file("small"))).unwrap().item.id;
    let large = scene.home.join("large");
    fs::write(&large, vec![7; 1 << 20]).unwrap();
    let refused = scene.vault.put_away(&scene.wanted(&large, "")).unwrap_err();
    assert!(refused.to_string().contains("max_mib") && matches!(refused, VaultError::Full(1)), "{refused}");
    assert!(large.exists() && scene.vault.header(small).is_ok() && scene.held() == 1);
}

#[test]
fn the_agents_own_files_stay_and_what_the_system_needs_goes_only_by_name() {
    let scene = Scene::new();
    let own = scene.vault.own[0].join("ledger.redb");
    fs::write(&own, BAD).unwrap();
    for wanted in [scene.found(&own), scene.wanted(&own, "")] {
        assert!(matches!(scene.vault.put_away(&wanted), Err(VaultError::Guarded(_))));
    }
    let system = platform::system_folders().into_iter().find(|folder| folder.is_dir()).unwrap();
    let file = scene.vault.put_away(&scene.found(&system.join("no-such-file-of-ours"))).unwrap_err();
    assert!(matches!(file, VaultError::Guarded(_)), "{file}");
    let file = scene.vault.put_away(&scene.wanted(&system.join("no-such-file-of-ours"), "")).unwrap_err();
    assert!(matches!(file, VaultError::NotThere | VaultError::Linked(_)), "{file}");
    // Nor by name, where the PC's own file says so.
    let real = system.canonicalize().unwrap().join("no-such-file-of-ours");
    let closed = scene.vault.put_away(&Wanted { system: false, ..scene.wanted(&real, "") }).unwrap_err();
    assert!(closed.to_string().contains("system_files"), "{closed}");
}

#[test]
fn a_mailbox_does_not_go_for_the_sake_of_one_mail() {
    let scene = Scene::new();
    let path = scene.home.join("inbox");
    let mails = b"From li@example.com\nSubject: hello\n\nbad\n";
    fs::write(&path, mails).unwrap();
    let found = Wanted { inside: true, ..scene.wanted(&path, &sha256(mails)) };
    let found = Wanted { by_name: false, ..found };
    assert!(matches!(scene.vault.put_away(&found), Err(VaultError::Guarded(_))));
    scene.vault.put_away(&scene.wanted(&path, "")).unwrap();
}

#[test]
fn contents_come_page_by_page_and_what_is_damaged_is_passed_over() {
    let scene = Scene::new();
    let mut ids: Vec<ItemId> = (0..PAGE + 3)
        .map(|n| {
            let path = scene.home.join(n.to_string());
            fs::write(&path, n.to_string()).unwrap();
            scene.vault.put_away(&scene.wanted(&path, "")).unwrap().item.id
        })
        .collect();
    ids.sort();
    fs::write(scene.vault.file(ids[1]), "spoilt").unwrap();
    fs::write(scene.vault.items().join("../key.kwq"), "x").unwrap();
    fs::write(scene.vault.items().join("stranger.kwq"), "x").unwrap();
    let first = scene.vault.contents(None).unwrap();
    assert_eq!((first.items.len(), first.last, first.items[1].id), (PAGE, false, ids[2]));
    let second = scene.vault.contents(first.items.last().map(|item| item.id)).unwrap();
    assert_eq!((second.items.len(), second.last), (2, true));
    let none = Vault::to_look_at(scene.home.join("none")).contents(None).unwrap();
    assert_eq!((none.items.len(), none.last), (0, true));

    // Whoever sits at the PC sees it, and it goes for good where that is wanted.
    let held = scene.vault.list().unwrap();
    assert_eq!((held.items.len(), held.unreadable.len(), held.unreadable[0].0), (PAGE + 2, 1, ids[1]));
    assert!(scene.vault.delete(ids[1], false).unwrap().is_none());
    assert!(scene.vault.list().unwrap().unreadable.is_empty());
}

#[test]
fn what_cannot_be_read_now_is_not_said_to_be_gone() {
    let scene = Scene::new();
    let id = scene.vault.put_away(&scene.found(&scene.file("a"))).unwrap().item.id;
    scene.vault.put_away(&scene.wanted(&scene.file("b"), "")).unwrap();
    // A folder that is opened and not read stands for a disk that fails.
    let (kept, away) = (scene.vault.file(id), scene.home.join("kept"));
    fs::rename(&kept, &away).unwrap();
    fs::create_dir(&kept).unwrap();
    for refused in [scene.vault.contents(None).unwrap_err(), scene.vault.delete(id, false).unwrap_err()] {
        assert!(matches!(refused, VaultError::Vault(_)), "{refused}");
    }
    let held = scene.vault.list().unwrap();
    assert_eq!((held.items.len(), held.unreadable.len(), scene.held()), (1, 1, 2));
    fs::remove_dir(&kept).unwrap();
    fs::rename(&away, &kept).unwrap();
    assert_eq!(scene.vault.contents(None).unwrap().items.len(), 2);

    // Nor is the vault empty where its folder cannot be read.
    let items = scene.vault.items();
    fs::rename(&items, scene.home.join("items")).unwrap();
    fs::write(&items, "no folder").unwrap();
    assert!(scene.vault.contents(None).is_err() && scene.vault.count().is_err() && scene.vault.list().is_err());
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn no_link_leads_anywhere_else() {
        let scene = Scene::new();
        let elsewhere = scene.home.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let victim = elsewhere.join("a");
        fs::write(&victim, "somebody's letter").unwrap();
        // The file itself was swapped for a link, or the folder that it lay in.
        let (file, folder) = (scene.home.join("link"), scene.home.join("folder"));
        symlink(&victim, &file).unwrap();
        symlink(&elsewhere, &folder).unwrap();
        for path in [file.clone(), folder.join("a")] {
            assert!(scene.vault.put_away(&scene.found(&path)).is_err(), "{path:?}");
            assert!(scene.vault.put_away(&scene.wanted(&path, "")).is_err(), "{path:?}");
        }
        let named = scene.vault.put_away(&scene.wanted(&folder.join("a"), "")).unwrap_err();
        assert!(named.to_string().contains("elsewhere/a"), "{named}");
        assert!(victim.exists() && scene.held() == 0);

        // Nor does a restore go through one, or over one.
        let id = scene.vault.put_away(&scene.found(&scene.file("b"))).unwrap().item.id;
        assert!(matches!(scene.vault.restore(id, &folder.join("b")), Err(VaultError::Target(..))));
        assert!(matches!(scene.vault.restore(id, &file), Err(VaultError::InTheWay(_))));
        let dangling = scene.home.join("dangling");
        symlink("/nowhere/at/all", &dangling).unwrap();
        assert!(matches!(scene.vault.restore(id, &dangling), Err(VaultError::InTheWay(_))));
        assert_eq!((fs::read_dir(&elsewhere).unwrap().count(), scene.held()), (1, 1));
    }

    /// A file that lies where links lead is put away all the same where its content says that it is it.
    #[test]
    fn what_was_found_by_way_of_a_link_is_known_by_its_content() {
        let scene = Scene::new();
        let real = scene.home.join("real");
        fs::create_dir(&real).unwrap();
        fs::write(real.join("a"), BAD).unwrap();
        symlink(&real, scene.home.join("way")).unwrap();
        let way = scene.home.join("way/a");
        let away = scene.vault.put_away(&scene.found(&way)).unwrap();
        assert!(away.item.path == paths::of_path(&way) && !real.join("a").exists());
    }

    #[test]
    fn what_is_no_file_is_neither_opened_nor_removed() {
        let scene = Scene::new();
        let fifo = scene.home.join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let folder = scene.home.join("folder");
        fs::create_dir(&folder).unwrap();
        for path in [&fifo, &folder, Path::new("/dev/null"), Path::new("/"), Path::new("relative")] {
            let refused = scene.vault.put_away(&scene.wanted(path, "")).unwrap_err();
            assert!(matches!(refused, VaultError::Open(_)), "{path:?}: {refused}");
        }
        assert!(fifo.exists() && folder.exists() && scene.held() == 0);
    }

    #[test]
    fn any_name_is_kept_as_it_is() {
        let scene = Scene::new();
        for name in [&b"two\nlines"[..], b"\xff\xfe\\x41", b"\x1b[2J", "预算.exe".as_bytes()] {
            let path = scene.home.join(OsStr::from_bytes(name));
            fs::write(&path, BAD).unwrap();
            let id = scene.vault.put_away(&scene.found(&path)).unwrap().item.id;
            let kept = scene.vault.header(id).unwrap().item.path;
            assert_eq!(paths::to_path(&kept), path);
            scene.vault.restore(id, &paths::to_path(&kept)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), BAD);
        }
    }

    #[test]
    fn what_ran_as_its_owner_does_not_do_so_again() {
        let scene = Scene::new();
        let path = scene.file("a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o6755)).unwrap();
        let id = scene.vault.put_away(&scene.found(&path)).unwrap().item.id;
        assert_eq!(fs::metadata(scene.vault.file(id)).unwrap().permissions().mode() & 0o777, 0o600);
        scene.vault.restore(id, &path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o755);
    }

    #[test]
    fn other_names_of_the_same_file_are_told() {
        let scene = Scene::new();
        let path = scene.file("a");
        let below = scene.home.join("below");
        fs::create_dir(&below).unwrap();
        for other in [below.join("b"), scene.home.join("../c")] {
            fs::hard_link(&path, other).unwrap();
        }
        let away = scene.vault.put_away(&scene.found(&path)).unwrap();
        let mut names = away.names;
        names.sort();
        let above = scene.home.parent().unwrap();
        assert_eq!((names, away.unknown), (vec![above.join("c"), below.join("b")], 0));
    }

    #[test]
    fn what_cannot_be_removed_stays_and_so_does_nothing_of_it_in_the_vault() {
        if nix::unistd::geteuid().is_root() {
            // Nothing is closed to root but what is marked so.
            let scene = Scene::new();
            let path = scene.file("a");
            let marked = |mark: &str| std::process::Command::new("chattr").arg(mark).arg(&path).status();
            if !marked("+i").is_ok_and(|status| status.success()) {
                return;
            }
            let refused = scene.vault.put_away(&scene.found(&path));
            marked("-i").unwrap();
            assert!(matches!(refused, Err(VaultError::Stays(_))), "{refused:?}");
            assert!(path.exists() && scene.held() == 0);
            return;
        }
        let scene = Scene::new();
        let path = scene.file("a");
        fs::set_permissions(&scene.home, fs::Permissions::from_mode(0o555)).unwrap();
        let refused = scene.vault.put_away(&scene.found(&path));
        fs::set_permissions(&scene.home, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(refused, Err(VaultError::Stays(_))), "{refused:?}");
        assert!(path.exists() && scene.held() == 0);
    }

    #[test]
    fn on_a_full_disk_the_original_stays() {
        let scene = Scene::new();
        fs::create_dir_all(&scene.vault.root).unwrap();
        let mount = |command: &str, more: &[&str]| {
            let done = std::process::Command::new(command).args(more).arg(&scene.vault.root).status();
            done.is_ok_and(|status| status.success())
        };
        if !mount("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs"]) {
            return;
        }
        let path = scene.home.join("a");
        fs::write(&path, vec![7; 200 << 10]).unwrap();
        let refused = scene.vault.put_away(&scene.wanted(&path, ""));
        let left = fs::read_dir(scene.vault.items()).unwrap().count();
        assert!(mount("umount", &[]));
        assert!(matches!(refused, Err(VaultError::NoRoom(_))), "{refused:?}");
        assert!(path.exists() && left == 0);
    }
}
