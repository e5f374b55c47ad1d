//! The way from a PC to a file that is back, over a real repository.

use super::*;
use crate::app::events::Report;
use crate::app::tests::enrol_with;
use keepwatch_backup::{BackupOptions, Repository, Silent};
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::BootId;
use keepwatch_proto::job::{Conflict, Ended, JobSpec, JobState, RestoreSpec, Snapshot, Tally};
use keepwatch_proto::verdict::{Infected, Verdict};
use std::path::{Path, PathBuf};

const PASSWORD: &str = "a repository's";

/// A PC with a disk and a repository.
struct Pc {
    host: HostId,
    repository: Repository,
    _folder: TempDir,
    disk: PathBuf,
    boot: BootId,
    seq: u64,
}

impl Pc {
    async fn new(pages: &Pages, name: &str) -> Self {
        let host = enrol_with(&pages.app, name, pages.app.escrow.seal(PASSWORD).unwrap()).await;
        let repository = Repository::init(&pages.app.repositories.storage(host), PASSWORD).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().canonicalize().unwrap().join("disk");
        std::fs::create_dir(&disk).unwrap();
        Self { host, repository, _folder: folder, disk, boot: BootId::new(&pages.app.clock), seq: 0 }
    }

    async fn say(&mut self, pages: &Pages, kinds: Vec<EventKind>) {
        let events = kinds.into_iter().map(|kind| {
            self.seq += 1;
            Event { seq: self.seq, at: pages.app.clock.now(), kind }
        });
        let report = Report::of(self.boot, events.collect());
        pages.app.ingest(self.host, report).await.unwrap();
    }

    /// Backs its disk up; what came of it as said. Returns the snapshot's id.
    async fn back_up(&mut self, pages: &Pages, verdict: Option<Verdict>) -> String {
        let now = pages.app.clock.now();
        let options =
            BackupOptions { paths: vec![self.disk.clone()], host: "pc".into(), time: now, ..BackupOptions::default() };
        let made = self.repository.backup(&options, &Silent).unwrap().snapshot;
        let (job, paths) = (JobId::new(&pages.app.clock), vec![self.disk.to_str().unwrap().to_owned()]);
        let spec = JobSpec::Backup { paths: paths.clone(), excludes: vec![] };
        let snapshot =
            Snapshot { id: made.id.clone(), time: now, paths, files: made.files, bytes: made.bytes, verdict };
        let ended = Ended { outcome: JobState::Succeeded, snapshot: Some(snapshot), ..Ended::failed("") };
        let kinds =
            vec![EventKind::Started { job, spec, scheduled: true, medium: false }, EventKind::Ended { job, ended }];
        self.say(pages, kinds).await;
        made.id
    }

    fn path(&self, name: &str) -> String {
        self.disk.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.disk.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

fn encoded(text: &str) -> String {
    crate::web::words::encoded(text)
}

/// Where a form leads.
fn location(got: &Got) -> String {
    assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text);
    got.header("location").to_owned()
}

#[tokio::test]
async fn a_pc_is_found_by_what_people_know_of_it() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("viewer", "viewer").await;
    assert!(pages.get("/restore", &cookie).await.text.contains("No PC is enrolled yet"));
    let host = pages.enrol("FIN-07").await;
    pages.enrol("<script>alert(1)</script>\u{202e}").await;
    let all = pages.get("/restore", &cookie).await.text;
    assert!(all.contains("FIN-07") && !all.contains("<script>alert") && !all.contains('\u{202e}'), "{all}");
    let htmx = [("cookie", cookie.as_str()), ("hx-request", "true")];
    let some = pages.send(Method::GET, "/restore?q=fin", &htmx, "").await.text;
    assert!(some.contains("FIN-07") && !some.contains("script&"), "{some}");
    assert!(pages.send(Method::GET, "/restore?q=nobody", &htmx, "").await.text.contains("No PC is called that"));
    // Who sends the form and means one is taken there; another form may ask for names.
    assert_eq!(location(&pages.get("/restore?q=fin-07", &cookie).await), format!("/hosts/{host}/restore"));
    assert!(pages.send(Method::GET, "/restore?to_host=fin", &htmx, "").await.text.contains("value=\"FIN-07\""));
    let empty = pages.get(&format!("/hosts/{host}/restore"), &cookie).await.text;
    assert!(empty.contains("There is no snapshot of this PC yet"), "{empty}");
}

#[tokio::test]
async fn a_file_is_found_compared_looked_at_and_chosen() {
    let pages = Pages::new().await;
    let (viewer, operator) = (pages.log_in("viewer", "viewer").await, pages.log_in("operator", "operator").await);
    let mut pc = Pc::new(&pages, "pc-1").await;
    let (gb, ..) = encoding_rs::GB18030.encode("年度报告：收入");
    pc.write("财务/报告.txt", &gb);
    pc.write("财务/page.html", "<script>alert(1)</script>\u{202e}");
    pc.write("photo.png", b"\x89PNG\r\n\x1a\nnot really");
    pc.write("program", b"\x7fELF\0\0\0");
    let first = pc.back_up(&pages, Some(Verdict::default())).await;
    pc.write("财务/报告.txt", "年度报告：支出，第二版");
    let second = pc.back_up(&pages, None).await;
    let host = pc.host;

    // The calendar offers the newest, and the newest clean one.
    let calendar = pages.get(&format!("/hosts/{host}/restore"), &viewer).await.text;
    for part in [
        "Newest snapshot",
        "Newest clean snapshot",
        &first,
        &second,
        "class=\"has\"",
        "Beijing time",
        "calendar bare\"",
    ] {
        assert!(calendar.contains(part), "{part}: {calendar}");
    }
    assert!(!calendar.contains("/whole\""), "a viewer restores nothing");
    let found = pages.get(&format!("/hosts/{host}/restore?q={}", encoded("报告")), &viewer).await.text;
    assert!(found.contains("报告.txt") && found.contains("2 versions") && found.contains("in 2 snapshots"), "{found}");
    assert!(pages.get(&format!("/hosts/{host}/restore?q=nothing"), &viewer).await.text.contains("No file or folder"));
    let bad = pages.get(&format!("/hosts/{host}/restore?q=%2A%5B"), &viewer).await;
    assert!(bad.status == StatusCode::OK && bad.text.contains("id=\"problem\"") && bad.text.contains("value=\"*[\""));

    let path = encoded(&pc.path("财务/报告.txt"));
    let versions = pages.get(&format!("/hosts/{host}/versions?path={path}"), &operator).await.text;
    assert!(versions.contains("Newest clean version") && versions.contains("Not judged"), "{versions}");
    assert!(versions.contains("/restore?picked=") && versions.contains("download"), "{versions}");
    let seen = pages.get(&format!("/hosts/{host}/versions?path={path}"), &viewer).await.text;
    assert!(!seen.contains("/restore?picked=") && !seen.contains("/preview"), "{seen}");

    // Both encodings are read, and a page is shown as the text that it is.
    let at = |id: &str| format!("/hosts/{host}/snapshots/{id}");
    let look = |id: &str, name: &str| format!("{}/preview?path={}", at(id), encoded(&pc.path(name)));
    for (id, said) in [(&first, "GB18030"), (&second, "UTF-8")] {
        let text = pages.get(&look(id, "财务/报告.txt"), &operator).await.text;
        assert!(text.contains("年度报告：") && text.contains(said), "{text}");
    }
    let page = pages.get(&look(&first, "财务/page.html"), &operator).await.text;
    assert!(page.contains("alert(1)") && !page.contains("<script>alert") && !page.contains('\u{202e}'), "{page}");
    let none = pages.get(&look(&first, "program"), &operator).await.text;
    assert!(none.contains("neither a text nor a picture"), "{none}");
    assert!(pages.get(&look(&first, "photo.png"), &operator).await.text.contains("/picture?path="));
    let picture = |name: &str| format!("{}/picture?path={}", at(&first), encoded(&pc.path(name)));
    let request = Request::builder().uri(picture("photo.png")).header("cookie", &operator);
    let got = pages.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(got.headers()["content-type"], "image/png");
    let policy = got.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(pages.get(&picture("财务/page.html"), &operator).await.status, StatusCode::NOT_FOUND);
    assert_eq!(pages.get(&picture("photo.png"), &viewer).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_ticked_goes_along_from_folder_to_folder() {
    let pages = Pages::new().await;
    let (viewer, operator) = (pages.log_in("viewer", "viewer").await, pages.log_in("operator", "operator").await);
    let mut pc = Pc::new(&pages, "pc-1").await;
    for n in 0..1003 {
        pc.write(&format!("many/{n:04}.txt"), "x");
    }
    pc.write("b&c/\"quoted\" <b>.txt", "y".repeat(5000));
    let id = pc.back_up(&pages, None).await;
    let at = format!("/hosts/{}/snapshots/{id}", pc.host);
    let (many, odd) = (encoded(&pc.path("many")), encoded(&pc.path("b&c")));
    let page = pages.get(&format!("{at}?path={many}"), &operator).await.text;
    assert!(page.contains("0000.txt") && !page.contains("1001.txt") && page.contains("1 to 1,000 of 1,003"), "{page}");
    let page = pages.get(&format!("{at}?path={many}&page=2&sort=-name"), &operator).await.text;
    assert!(page.contains("0002.txt") && !page.contains("0003.txt") && page.contains("descending"), "{page}");
    let seen = pages.get(&format!("{at}?path={many}"), &viewer).await.text;
    assert!(!seen.contains("type=\"checkbox\"") && seen.contains("need the role operator"), "{seen}");

    let pick = |form: String| {
        let (pages, at, operator) = (&pages, &at, &operator);
        async move { location(&pages.post(&format!("{at}/pick"), operator, &form).await) }
    };
    let next = pick(format!("path={many}&tick=0001.txt&tick=0007.txt&go={odd}&deed=keep")).await;
    let page = pages.get(&next, &operator).await.text;
    assert!(page.contains("2 chosen") && page.contains("&#34;quoted&#34; &#60;b&#62;.txt"), "{page}");
    let turned = pick(format!("path={many}&tick=0001.txt&go={many}&page=2&sort=-name&deed=keep")).await;
    assert!(turned.contains("&page=2") && turned.contains("&sort=-name"), "{turned}");
    let picked = next.split("picked=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    // One of them is taken back, one of this folder comes along.
    let next = pick(format!("path={many}&picked={picked}&was=0001.txt&was=0007.txt&tick=0007.txt&deed=keep")).await;
    assert!(pages.get(&next, &operator).await.text.contains("1 chosen"));
    let quoted = encoded("\"quoted\" <b>.txt");
    let next = pick(format!("path={odd}&picked={picked}&tick={quoted}&deed=restore")).await;
    assert!(next.starts_with(&format!("{at}/restore?picked=")), "{next}");
    let form = pages.get(&next, &operator).await.text;
    for part in ["0001.txt", "0007.txt", "&#34;quoted&#34; &#60;b&#62;.txt", "Into a new folder"] {
        assert!(form.contains(part), "{part}: {form}");
    }
    // More than an address carries is said.
    let all: String = (0..1003).map(|n| format!("&tick={n:04}.txt")).collect();
    let next = pick(format!("path={many}{all}&deed=restore")).await;
    let page = pages.get(&next, &operator).await.text;
    assert!(page.contains("200 chosen") && page.contains("Choose the folder that they are in"), "{page}");
    let next = pick(format!("path={many}&picked={picked}&deed=clear")).await;
    assert!(pages.get(&next, &operator).await.text.contains("Nothing chosen"));
    let cut = pages.get(&format!("{at}?picked={}", &picked[..5]), &operator).await;
    assert!(cut.status == StatusCode::UNPROCESSABLE_ENTITY && cut.text.contains("choose again"), "{}", cut.text);
}

#[tokio::test]
async fn a_restore_is_looked_at_and_then_asked_for_just_so() {
    let pages = Pages::new().await;
    let (viewer, operator) = (pages.log_in("viewer", "viewer").await, pages.log_in("operator", "operator").await);
    let mut pc = Pc::new(&pages, "pc-1").await;
    pc.write("a.txt", "a");
    pc.write("bad", "b");
    let verdict = Verdict {
        bundle: 1,
        infected: 1,
        files: vec![Infected { path: pc.path("bad"), rules: vec!["R".into()], content: String::new() }],
        ..Verdict::default()
    };
    let id = pc.back_up(&pages, Some(verdict)).await;
    let at = format!("/hosts/{}/snapshots/{id}", pc.host);
    // What is infected says so, and is not offered.
    let folder = pages.get(&format!("{at}?path={}", encoded(&pc.path(""))), &operator).await.text;
    let download = |name: &str| format!("/file?path={}\"", encoded(&pc.path(name)));
    assert!(folder.contains(&download("a.txt")) && !folder.contains(&download("bad")), "{folder}");
    assert!(folder.matches("</svg>Infected</span>").count() == 1 && folder.contains("class=\"stamp\">20"), "{folder}");
    let next = location(
        &pages
            .post(&format!("{at}/pick"), &operator, &format!("path={}&tick=a.txt&deed=restore", encoded(&pc.path(""))))
            .await,
    );
    let picked = next.split("picked=").nth(1).unwrap().to_owned();
    let form = pages.get(&next, &operator).await.text;
    assert!(form.contains("Only an administrator can have them restored") && !form.contains("name=\"infected\""));

    // What is wrong is said, and what was typed is still there.
    let ask = async |more: &str| {
        let form = format!("picked={picked}&{more}");
        pages.post(&format!("{at}/restore"), &operator, &form).await
    };
    let wrong = ask("place=folder&target=relative%20path&conflict=overwrite").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in ["write the full path", "value=\"relative path\"", "value=\"overwrite\" checked", "a.txt", &picked] {
        assert!(wrong.text.contains(part), "{part}: {}", wrong.text);
    }
    let wrong = ask("onto=other&to_host=nobody&place=new").await;
    assert!(wrong.text.contains("there is no host") && wrong.text.contains("value=\"nobody\""), "{}", wrong.text);
    assert!(ask("onto=other&to_host=&place=new").await.text.contains("write the name of the other PC"));
    assert_eq!(ask("place=new&infected=yes").await.status, StatusCode::UNPROCESSABLE_ENTITY, "not an operator's");
    assert_eq!(pages.post(&format!("{at}/restore"), &viewer, "").await.status, StatusCode::FORBIDDEN);

    let job = location(&ask("place=original&conflict=skip&deed=now").await);
    let row = pages.app.job(&crate::app::tests::administrator(), &job["/restore/".len()..]).await.unwrap().row;
    let JobSpec::Restore(spec) = row.spec.0.clone() else { panic!("{:?}", row.spec.0) };
    assert!(spec.dry_run && spec.in_place && spec.conflict == Conflict::Skip, "nothing is written unseen: {spec:?}");
    let page = pages.get(&job, &operator).await.text;
    assert!(page.contains("Looking at what would happen") && page.contains("off or away"), "{page}");
    let early = pages.post(&format!("{job}/go"), &operator, "").await;
    assert_eq!(early.status, StatusCode::CONFLICT, "it still looks");

    let spec = JobSpec::Restore(spec);
    let tally = Tally { files: 3, bytes: 30, replaced: 1, skipped: 2, failed: 1, refused: 1, ..Tally::default() };
    let ended = Ended { outcome: JobState::Succeeded, tally, ..Ended::failed("") };
    let started = EventKind::Started { job: row.id, spec: spec.clone(), scheduled: false, medium: false };
    pc.say(&pages, vec![started, EventKind::Ended { job: row.id, ended }]).await;
    let page = pages.get(&job, &operator).await.text;
    for part in
        ["What would happen", "Would be overwritten", "Infected, would be left out", "Restore now", "place=original"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let seen = pages.get(&job, &viewer).await.text;
    assert!(seen.contains("What would happen") && !seen.contains("/go\"") && !seen.contains("/cancel\""), "{seen}");

    let real = location(&pages.post(&format!("{job}/go"), &operator, "").await);
    assert_eq!(location(&pages.post(&format!("{job}/go"), &operator, "").await), real, "twice is once");
    let row = pages.app.job(&crate::app::tests::administrator(), &real["/restore/".len()..]).await.unwrap().row;
    let JobSpec::Restore(real_spec) = row.spec.0.clone() else { panic!("{:?}", row.spec.0) };
    let JobSpec::Restore(looked) = spec else { unreachable!() };
    assert_eq!(real_spec, RestoreSpec { dry_run: false, ..looked });
    let ended = Ended { outcome: JobState::Partial, tally, ..Ended::failed("") };
    let started = EventKind::Started { job: row.id, spec: row.spec.0, scheduled: false, medium: false };
    pc.say(&pages, vec![started, EventKind::Ended { job: row.id, ended }]).await;
    let done = pages.get(&real, &operator).await.text;
    let left_out = "1 was left out since it is infected.";
    for part in
        ["<h1>Partly restored", "Your files are back.", "What: a.txt", &pc.path("a.txt"), left_out, "by operator"]
    {
        assert!(done.contains(part), "{part}: {done}");
    }
    assert!(!done.contains("Ask us"), "nothing failed otherwise: {done}");
    let chinese = pages.get(&real, &format!("{operator}; keepwatch-language=zh-CN")).await.text;
    assert!(chinese.contains("您好，您的文件已恢复。") && chinese.contains("恢复人：operator"), "{chinese}");
    assert_eq!(pages.post(&format!("{real}/go"), &operator, "").await.status, StatusCode::CONFLICT, "it has written");
    // It is among those that were restored to of late.
    let recent = pages.get("/restore", &viewer).await.text;
    assert!(recent.contains("Restored to lately") && recent.contains("pc-1"), "{recent}");

    // Into a new folder nothing can be overwritten: there one may go ahead, and call it off.
    let now = location(&ask("place=new&deed=now").await);
    assert!(pages.get(&now, &operator).await.text.contains("Restoring"));
    let off = location(&pages.post(&format!("{now}/cancel"), &operator, "").await);
    let page = pages.get(&off, &operator).await.text;
    assert!(page.contains("The job was called off.") && page.contains("It was not done"), "{page}");
}

#[tokio::test]
async fn a_new_pc_takes_over_and_gets_the_files() {
    let pages = Pages::new().await;
    let (operator, admin) = (pages.log_in("li", "operator").await, pages.log_in("wang", "administrator").await);
    let mut old = Pc::new(&pages, "OLD-1").await;
    old.write("a.txt", "a");
    let id = old.back_up(&pages, Some(Verdict::default())).await;
    let new = pages.enrol("NEW-1").await;
    assert_eq!(pages.get("/replace", &operator).await.status, StatusCode::FORBIDDEN);
    assert!(!pages.get("/", &operator).await.text.contains("href=\"/replace\""));
    let first = pages.get("/replace", &admin).await.text;
    assert!(first.contains("Which PC is gone?") && first.contains("OLD-1"), "{first}");
    let second = pages.get(&format!("/replace?old={}", old.host), &admin).await.text;
    assert!(second.contains("takes its place") && second.contains("NEW-1"), "{second}");
    let sure = pages.get(&format!("/replace?old={}&new={new}", old.host), &admin).await.text;
    assert!(sure.contains("cannot be undone") && sure.contains("1 snapshot"), "{sure}");
    let form = format!("old={}&new={new}", old.host);
    let next = location(&pages.post("/replace", &admin, &form).await);
    assert_eq!(next, format!("/hosts/{new}/snapshots/{id}/whole?replaced=true"));
    let files = pages.get(&next, &admin).await.text;
    assert!(files.contains("has taken over") && files.contains("place=original"), "{files}");
    assert!(files.contains(old.disk.to_str().unwrap()), "{files}");
    let again = pages.post("/replace", &admin, &form).await;
    assert!(
        again.status == StatusCode::UNPROCESSABLE_ENTITY && again.text.contains("replaced already"),
        "{}",
        again.text
    );
}
