//! The vault's user dies between any two steps, or somebody else's hand comes in between.

use super::*;
use crate::ledger::Ledger;
use keepwatch_proto::event::EventKind;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::quarantine::Changed;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whoever does this dies at that step.
fn killed<T>(scene: &Scene, at: Step, does: impl Fn(&Vault) -> T) {
    let vault = scene.meanwhile(move |step| assert!(step != at, "killed at {at:?}"));
    assert!(catch_unwind(AssertUnwindSafe(|| does(&vault))).is_err(), "{at:?}");
}

/// Killed at any moment, either the original is there or the vault has it whole; and the next
/// attempt, by the same id as a job that is tried again or by another, gets it done.
#[test]
fn a_kill_between_any_two_steps_loses_nothing() {
    for step in [Step::Copied, Step::Kept, Step::Compared, Step::Aside, Step::Removed] {
        for same_id in [true, false] {
            let scene = Scene::new();
            let path = scene.file("a");
            let wanted = scene.found(&path);
            killed(&scene, step, |vault| vault.put_away(&wanted));
            let held = scene.vault.list().unwrap().items;
            let key = container::key(&scene.vault.root).unwrap();
            let whole = |h: &Header| container::verify(&scene.vault.file(h.item.id), &key, h).is_ok();
            assert!(path.exists() || held.iter().any(whole), "{step:?}");

            let again = if same_id { wanted } else { scene.found(&path) };
            match scene.vault.put_away(&again) {
                Ok(away) => assert_eq!(away.item.sha256, sha256(BAD)),
                Err(VaultError::NotThere) => assert!(!same_id && [Step::Aside, Step::Removed].contains(&step)),
                Err(error) => panic!("{step:?}: {error}"),
            }
            assert_eq!((scene.files(), scene.held()), (0, 1), "{step:?} {same_id}");
            assert_eq!(fs::read_dir(scene.vault.items()).unwrap().count(), 1, "{step:?}");
            assert_eq!(fs::read_dir(scene.vault.journal()).unwrap().count(), 0, "{step:?}");
        }
    }
}

/// A program saves by a rename while its file is being put away: what it saved is nobody's but its own.
#[test]
fn what_takes_the_files_place_meanwhile_is_not_taken_for_it() {
    for step in [Step::Kept, Step::Compared] {
        let scene = Scene::new();
        let path = scene.file("a");
        let saves = {
            let (new, path) = (scene.home.join("new"), path.clone());
            move || {
                fs::write(&new, "a letter").unwrap();
                fs::rename(&new, &path).unwrap();
            }
        };
        let vault = scene.meanwhile(move |at| {
            if at == step {
                saves()
            }
        });
        assert!(matches!(vault.put_away(&scene.found(&path)), Err(VaultError::Changed)), "{step:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a letter", "{step:?}");
        assert_eq!((scene.files(), scene.held()), (1, 0), "{step:?}");
    }
}

/// The same, and then whoever put it away dies: the next one gives it its name again.
#[test]
fn what_was_moved_aside_and_is_another_comes_back_after_a_kill() {
    let scene = Scene::new();
    let path = scene.file("a");
    let (new, at) = (scene.home.join("new"), path.clone());
    let vault = scene.meanwhile(move |step| {
        assert!(step != Step::Aside, "killed");
        if step == Step::Compared {
            fs::write(&new, "a letter").unwrap();
            fs::rename(&new, &at).unwrap();
        }
    });
    let wanted = scene.found(&path);
    assert!(catch_unwind(AssertUnwindSafe(|| vault.put_away(&wanted))).is_err() && !path.exists());
    assert!(matches!(scene.vault.put_away(&wanted), Err(VaultError::Changed)));
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), scene.files()), ("a letter", 1));
}

/// Where a third one has the name by then, the second is left where it is, and named.
#[test]
fn what_cannot_be_given_its_name_again_is_named() {
    let scene = Scene::new();
    let path = scene.file("a");
    let at = path.clone();
    let vault = scene.meanwhile(move |step| match step {
        Step::Compared => {
            fs::remove_file(&at).unwrap();
            fs::write(&at, "second").unwrap();
        }
        Step::Aside => fs::write(&at, "third").unwrap(),
        _ => {}
    });
    let refused = vault.put_away(&scene.found(&path)).unwrap_err();
    let VaultError::Aside(aside, _) = &refused else { panic!("{refused}") };
    assert_eq!(fs::read_to_string(paths::to_path(aside)).unwrap(), "second");
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), scene.held()), ("third", 0));
    // When the name is free, it has it again.
    fs::remove_file(&path).unwrap();
    scene.vault.put_away(&scene.found(&scene.file("b"))).unwrap();
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), scene.files()), ("second", 1));
}

#[test]
fn a_restore_that_was_killed_is_done_by_the_next_one_wherever_that_goes() {
    for step in [Step::Written, Step::Linked, Step::Published, Step::Settled] {
        for diverted in [false, true] {
            let scene = Scene::new();
            let path = scene.file("a");
            let other = scene.home.parent().unwrap().join("other");
            fs::create_dir(&other).unwrap();
            let id = scene.vault.put_away(&scene.found(&path)).unwrap().item.id;
            killed(&scene, step, |vault| vault.restore(id, &path));
            assert_eq!(scene.held(), 1, "{step:?}");
            let target = if diverted { other.join("b") } else { path.clone() };
            match scene.vault.restore(id, &target) {
                Ok(_) => assert_eq!(fs::read(&target).unwrap(), BAD, "{step:?}"),
                // It was done, but for saying so.
                Err(VaultError::NoItem) => assert!(step == Step::Settled),
                Err(error) => panic!("{step:?}: {error}"),
            }
            let receipt = scene.vault.was_done(id, ItemState::Restored).unwrap().unwrap();
            let told = if step == Step::Settled { &path } else { &target };
            assert_eq!((receipt.changed.target, scene.held()), (paths::of_path(told), 0));
            // Nothing of it stays under another name, in either folder.
            let names: Vec<_> = fs::read_dir(&scene.home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            let there = usize::from(!(diverted && step == Step::Written));
            assert_eq!(names.len(), there, "{step:?} {diverted} {names:?}");
            assert!(names.iter().all(|name| name == "a") && fs::read_dir(&other).unwrap().count() <= 1);
        }
    }
}

#[test]
fn a_medium_that_is_not_in_is_cleared_up_when_it_is_in_again() {
    let scene = Scene::new();
    let (stick, drawer) = (scene.home.join("stick"), scene.home.join("drawer"));
    fs::create_dir(&stick).unwrap();
    let id = scene.vault.put_away(&scene.found(&scene.file("a"))).unwrap().item.id;
    killed(&scene, Step::Written, |vault| vault.restore(id, &stick.join("a")));
    fs::rename(&stick, &drawer).unwrap();
    scene.vault.put_away(&scene.wanted(&scene.file("b"), "")).unwrap();
    assert_eq!(fs::read_dir(&drawer).unwrap().count(), 1);
    fs::rename(&drawer, &stick).unwrap();
    scene.vault.put_away(&scene.wanted(&scene.file("c"), "")).unwrap();
    assert_eq!(fs::read_dir(&stick).unwrap().count(), 0);
    assert_eq!(fs::read_dir(scene.vault.journal()).unwrap().count(), 0);
}

/// Killed before anybody heard of it: it is told all the same, once, and until then nobody hears that
/// it is gone.
#[test]
fn what_became_of_an_item_is_told_whoever_was_killed() {
    for step in [Some(Step::Settled), None] {
        let scene = Scene::new();
        let (clock, state) = (Clock::system(), scene.vault.root.parent().unwrap());
        let ledger = Ledger::open(&state.join("ledger"), HostId::new(&clock), clock.now(), clock).unwrap();
        let told = || -> Vec<Changed> {
            let events = ledger.outbox(0, 100, usize::MAX).unwrap().into_iter();
            let changed = |kind| if let EventKind::QuarantineChanged(changed) = kind { Some(changed) } else { None };
            events.filter_map(|event| changed(event.kind)).collect()
        };
        let item = scene.vault.put_away(&scene.found(&scene.file("a"))).unwrap().item;
        match step {
            Some(step) => killed(&scene, step, |vault| vault.delete(item.id, false)),
            None => drop(scene.vault.delete(item.id, false).unwrap()),
        }
        assert_eq!(scene.vault.contents(None).unwrap().items, std::slice::from_ref(&item), "{step:?}");
        scene.vault.tell_changes(&ledger).unwrap();
        // What is still there is not gone: the next one who comes sees to that.
        assert_eq!((told().len(), scene.held()), if step.is_some() { (0, 1) } else { (1, 0) });
        assert_eq!(scene.vault.delete(item.id, false).unwrap(), Some(item.clone()));
        scene.vault.tell_changes(&ledger).unwrap();
        scene.vault.tell_changes(&ledger).unwrap();
        let deleted = Changed { id: item.id, state: ItemState::Deleted, target: String::new() };
        assert_eq!((told(), scene.vault.contents(None).unwrap().items), (vec![deleted], vec![]));
        // Whoever is asked again, since his order was given twice, says the same.
        assert_eq!(scene.vault.delete(item.id, false).unwrap(), Some(item));
        assert_eq!((told().len(), scene.held()), (1, 0));
    }
}
