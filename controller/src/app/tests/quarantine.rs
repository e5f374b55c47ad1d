//! What PCs have put away, as the database follows it.

use super::*;
use crate::app::pages::Page;
use crate::app::quarantine::QuarantineView;
use crate::plan::health::{Reason, State};
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::quarantine::{Changed, Contents, Item, ItemState, QuarantineSpec};
use keepwatch_proto::selection::Selection;

struct Scene {
    _folder: tempfile::TempDir,
    app: Arc<App>,
    host: HostId,
    boot: BootId,
    job: JobId,
    seq: u64,
}

impl Scene {
    async fn set() -> Self {
        let (folder, app) = app().await;
        let host = enrol(&app, "PC-1").await;
        let (boot, job) = (BootId::new(&app.clock), JobId::new(&app.clock));
        Self { _folder: folder, app, host, boot, job, seq: 0 }
    }

    fn item(&self, path: &str) -> Item {
        Item {
            id: ItemId::new(&self.app.clock),
            path: path.into(),
            sha256: "cd".repeat(32),
            size: 68,
            rules: vec!["EICAR".into()],
            job: self.job,
            at: self.app.clock.now(),
        }
    }

    fn found(&self, path: &str) -> EventKind {
        let mut story = story(&self.app, self.job);
        let EventKind::Detection(detection) = story.remove(1).kind else { panic!() };
        EventKind::Detection(Detection { path: path.into(), ..detection })
    }

    async fn tells(&mut self, kind: EventKind) {
        self.tells_at(kind, self.app.clock.now()).await;
    }

    async fn tells_at(&mut self, kind: EventKind, at: chrono::DateTime<chrono::Utc>) {
        self.seq += 1;
        let event = Event { seq: self.seq, at, kind };
        self.app.ingest(self.host, report(self.boot, vec![event])).await.unwrap();
    }

    async fn holds(&self, items: Vec<Item>) {
        let contents = Contents { after: None, items, last: true };
        let report = Report { quarantine: Some(contents), ..report(self.boot, vec![]) };
        self.app.ingest(self.host, report).await.unwrap();
    }

    async fn state_of(&self, item: &Item) -> ItemState {
        self.app.quarantined_file(&actor(Role::Viewer), &item.id.to_string()).await.unwrap().row.state.0
    }

    /// How many open detections there are, and of how many the file is put away.
    async fn open(&self) -> (usize, usize) {
        let open = self.app.detections(&administrator(), "", false, &Default::default()).await.unwrap().0;
        (open.len(), open.iter().filter(|d| !d.row.put_away.is_empty()).count())
    }

    async fn health(&self) -> (State, bool, bool) {
        let host = self.app.host(&administrator(), "PC-1").await.unwrap();
        let has = |reason| host.reasons.contains(&reason);
        (host.state, has(Reason::Malware), has(Reason::Detections))
    }
}

#[tokio::test]
async fn what_is_put_away_needs_a_look_and_is_no_risk_until_it_is_back() {
    let mut scene = Scene::set().await;
    for path in ["/home/eicar.com", "/home/eicar.com!/in/it", "/home/eicar.comet"] {
        scene.tells(scene.found(path)).await;
    }
    assert!(scene.health().await.1);
    let item = scene.item("/home/eicar.com");
    scene.tells(EventKind::Quarantined(item.clone())).await;
    // What lay in it is put away with it, and what only begins like it is not.
    assert_eq!(scene.open().await, (3, 2));
    let other = scene.item("/home/eicar.comet");
    scene.tells(EventKind::Quarantined(other.clone())).await;
    assert_eq!(scene.open().await, (3, 3));
    let (state, malware, detections) = scene.health().await;
    assert!(!malware && detections && state != State::AtRisk);

    // Found anew at its old place: it is there again, whatever is put away.
    scene.tells(scene.found("/home/eicar.com")).await;
    assert_eq!(scene.open().await, (3, 2));
    scene.tells(EventKind::Quarantined(item.clone())).await;
    assert_eq!(scene.open().await, (3, 3));

    let back = Changed { id: item.id, state: ItemState::Restored, target: "/home/eicar.com".into() };
    scene.tells(EventKind::QuarantineChanged(back)).await;
    let gone = Changed { id: other.id, state: ItemState::Deleted, target: String::new() };
    scene.tells(EventKind::QuarantineChanged(gone)).await;
    assert_eq!((scene.state_of(&item).await, scene.state_of(&other).await), (ItemState::Restored, ItemState::Deleted));
    // What was destroyed is no risk any more.
    assert_eq!((scene.open().await, scene.health().await.1), ((3, 1), true));
}

#[tokio::test]
async fn the_vault_is_the_truth_after_either_side_lost_something() {
    let mut scene = Scene::set().await;
    scene.tells(scene.found("/home/eicar.com")).await;
    let mut items: Vec<Item> = ["/home/eicar.com", "/b", "/c"].map(|path| scene.item(path)).into();
    items.sort_by_key(|item| item.id);
    let known = items.iter().find(|item| item.path == "/home/eicar.com").unwrap().clone();
    // A database that was brought back from a copy hears of all of it again.
    scene.holds(items.clone()).await;
    for item in &items {
        assert_eq!(scene.state_of(item).await, ItemState::Held);
    }
    assert_eq!(scene.open().await, (1, 1));
    // A page speaks of no more than it names.
    let page = Contents { after: None, items: vec![items[0].clone()], last: false };
    let report = Report { quarantine: Some(page), ..report(scene.boot, vec![]) };
    scene.app.ingest(scene.host, report).await.unwrap();
    assert_eq!(scene.state_of(&items[2]).await, ItemState::Held);
    // Somebody at the PC took one out: nobody knows what became of it.
    let rest: Vec<Item> = items.iter().filter(|item| item.id != known.id).cloned().collect();
    scene.holds(rest).await;
    assert_eq!((scene.state_of(&known).await, scene.open().await), (ItemState::Gone, (1, 0)));
    assert!(scene.health().await.1);
    // It was only that disk which was away.
    scene.holds(items).await;
    assert_eq!((scene.state_of(&known).await, scene.open().await), (ItemState::Held, (1, 1)));
}

#[tokio::test]
async fn a_clock_that_steps_back_between_finding_and_putting_away_leaves_no_risk() {
    let mut scene = Scene::set().await;
    scene.tells(scene.found("/home/eicar.com")).await;
    let before = scene.app.clock.now() - chrono::TimeDelta::hours(1);
    // Another job's, dated before: it may have been found anew since.
    let other = Item { job: JobId::new(&scene.app.clock), at: before, ..scene.item("/home/eicar.com") };
    scene.tells_at(EventKind::Quarantined(other), before).await;
    assert_eq!((scene.open().await, scene.health().await.1), ((1, 0), true));
    let own = Item { at: before, ..scene.item("/home/eicar.com") };
    scene.tells_at(EventKind::Quarantined(own), before).await;
    assert_eq!((scene.open().await, scene.health().await.1), ((1, 1), false));
}

#[tokio::test]
async fn what_a_pc_does_not_tell_of_any_more_can_be_deleted_and_not_brought_back() {
    let mut scene = Scene::set().await;
    let item = scene.item("/home/eicar.com");
    scene.tells(EventKind::Quarantined(item.clone())).await;
    scene.holds(vec![]).await;
    assert_eq!(scene.state_of(&item).await, ItemState::Gone);
    let (app, id, operator) = (scene.app.clone(), item.id.to_string(), actor(Role::Operator));
    assert!(matches!(app.restore_quarantined(&operator, &id, "").await, Err(AppError::Conflict(_))));
    let job = app.delete_quarantined(&operator, &id).await.unwrap();
    assert_eq!(job.row.spec.0, JobSpec::Quarantine(QuarantineSpec::delete(item.id)));
    let gone = Changed { id: item.id, state: ItemState::Deleted, target: String::new() };
    scene.tells(EventKind::QuarantineChanged(gone)).await;
    assert_eq!(scene.state_of(&item).await, ItemState::Deleted);
    // A PC that lists it once more, as one does that is just about to tell, does not bring it back.
    scene.holds(vec![item.clone()]).await;
    assert_eq!(scene.state_of(&item).await, ItemState::Deleted);
    assert!(matches!(app.delete_quarantined(&operator, &id).await, Err(AppError::Conflict(_))));
}

#[tokio::test]
async fn one_pc_says_nothing_of_anothers() {
    let mut scene = Scene::set().await;
    let item = scene.item("/a");
    scene.tells(EventKind::Quarantined(item.clone())).await;
    let thief = enrol(&scene.app, "PC-2").await;
    let gone = Changed { id: item.id, state: ItemState::Deleted, target: String::new() };
    let event = Event { seq: 1, at: scene.app.clock.now(), kind: EventKind::QuarantineChanged(gone) };
    scene.app.ingest(thief, report(BootId::new(&scene.app.clock), vec![event])).await.unwrap();
    assert_eq!(scene.state_of(&item).await, ItemState::Held);
    // One that says it has the same leaves staff in no doubt that something is wrong.
    let event = Event { seq: 1, at: scene.app.clock.now(), kind: EventKind::Quarantined(item.clone()) };
    scene.app.ingest(thief, report(BootId::new(&scene.app.clock), vec![event])).await.unwrap();
    let error = scene.app.delete_quarantined(&administrator(), &item.id.to_string()).await.unwrap_err();
    assert!(error.to_string().contains("PC-1") && error.to_string().contains("PC-2"), "{error}");
}

#[tokio::test]
async fn operators_have_it_done_viewers_look_and_all_of_it_is_recorded() {
    let mut scene = Scene::set().await;
    let item = scene.item("/home/eicar.com");
    scene.tells(EventKind::Quarantined(item.clone())).await;
    let (app, id) = (scene.app.clone(), item.id.to_string());
    let (viewer, operator) = (actor(Role::Viewer), actor(Role::Operator));
    let (all, newest) = (Selection::default(), Page::default());
    assert_eq!(app.quarantine(&viewer, &all, false, &newest).await.unwrap().0.len(), 1);
    let named = Selection { names: vec!["PC-1".into()], ..Selection::default() };
    assert_eq!(app.quarantine(&viewer, &named, false, &newest).await.unwrap().0[0].host_name, "PC-1");
    for refused in [
        app.put_away(&viewer, "PC-1", "/a", "").await,
        app.restore_quarantined(&viewer, &id, "").await,
        app.delete_quarantined(&viewer, &id).await,
    ] {
        assert!(matches!(refused, Err(AppError::Forbidden(_))));
    }
    for (path, sha256) in [("a", ""), ("@users", ""), ("", ""), ("/a", "zz"), ("/a", "abcd")] {
        assert!(matches!(app.put_away(&operator, "PC-1", path, sha256).await, Err(AppError::Invalid(_))), "{path}");
    }
    assert!(matches!(app.restore_quarantined(&operator, &id, "b").await, Err(AppError::Invalid(_))));
    for unknown in ["none", "'; DROP TABLE quarantine; --", &ItemId::new(&app.clock).to_string()] {
        assert!(matches!(app.delete_quarantined(&operator, unknown).await, Err(AppError::NotFound(_))), "{unknown}");
    }

    let put = app.put_away(&operator, "PC-1", "/home/a", "").await.unwrap();
    let JobSpec::Quarantine(spec) = &put.row.spec.0 else { panic!() };
    assert_eq!((spec.path.as_str(), put.row.kind.as_str()), ("/home/a", "quarantine"));
    let back = app.restore_quarantined(&operator, &id, "/home/b").await.unwrap();
    assert_eq!(back.row.spec.0, JobSpec::Quarantine(QuarantineSpec::restore(item.id, "/home/b".into())));
    // It is done now or not at all; a job like any other it is called off.
    assert!(matches!(app.pause_job(&operator, &back.row.id.to_string(), true).await, Err(AppError::Conflict(_))));
    app.cancel_job(&operator, &back.row.id.to_string()).await.unwrap();
    app.delete_quarantined(&operator, &id).await.unwrap();
    let audit = app.audit(&administrator(), &Default::default()).await.unwrap().0;
    assert_eq!(audit.iter().filter(|record| record.action == "job quarantine").count(), 3);
    assert_eq!(audit.iter().filter(|record| record.outcome == "refused").count(), 3);

    let gone = Changed { id: item.id, state: ItemState::Deleted, target: String::new() };
    scene.tells(EventKind::QuarantineChanged(gone)).await;
    assert!(matches!(app.restore_quarantined(&operator, &id, "").await, Err(AppError::Conflict(_))));
    assert_eq!(app.quarantine(&viewer, &all, false, &newest).await.unwrap().0.len(), 0);
    assert_eq!(app.quarantine(&viewer, &all, true, &newest).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn the_list_goes_on_where_a_page_ended_and_shows_each_once() {
    let mut scene = Scene::set().await;
    // All of one moment, as a scan puts them away; and a copy of the PC tells of them too.
    let items: Vec<Item> = ["/a", "/b", "/c"].map(|path| scene.item(path)).into();
    for item in &items {
        scene.tells(EventKind::Quarantined(item.clone())).await;
    }
    let copy = enrol(&scene.app, "PC-2").await;
    let told = |(seq, item): (u64, &Item)| Event { seq, at: item.at, kind: EventKind::Quarantined(item.clone()) };
    let told = (1..).zip(&items).map(told).collect();
    scene.app.ingest(copy, report(BootId::new(&scene.app.clock), told)).await.unwrap();

    let viewer = actor(Role::Viewer);
    let named =
        |names: &[&str]| Selection { names: names.iter().map(|n| (*n).into()).collect(), ..Selection::default() };
    for (hosts, expected) in [(named(&[]), 6), (named(&["PC-1", "PC-2"]), 6), (named(&["PC-2"]), 3)] {
        let whole = scene.app.quarantine(&viewer, &hosts, true, &Page::default()).await.unwrap();
        assert_eq!((whole.0.len(), whole.1.as_str()), (expected, ""));
        let (mut seen, mut page) = (Vec::new(), Page { limit: 1, after: String::new() });
        loop {
            let (files, next) = scene.app.quarantine(&viewer, &hosts, true, &page).await.unwrap();
            assert_eq!(files.len(), 1);
            seen.extend(files);
            if next.is_empty() {
                break;
            }
            page.after = next;
        }
        let keys = |files: &[QuarantineView]| -> Vec<_> { files.iter().map(|f| (f.row.id, f.row.host)).collect() };
        assert_eq!(keys(&seen), keys(&whole.0));
    }
    let nowhere = Page { limit: 0, after: "somewhere".into() };
    assert!(matches!(scene.app.quarantine(&viewer, &named(&[]), true, &nowhere).await, Err(AppError::Invalid(_))));
}
