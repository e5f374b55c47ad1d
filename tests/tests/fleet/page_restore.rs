//! A file back in a minute, by the pages and by nothing else, in a real browser.

use crate::scan::fleet;
use fantoccini::key::Key;
use keepwatch_tests::{Agent, Browser, Controller, Staff, eicar, until, until_some};
use serde_json::json;
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A fleet of one, whose documents are where restores may go back to, in two snapshots.
fn scene() -> (Controller, Staff, Agent, PathBuf) {
    let (controller, staff, agent) = fleet();
    let documents = agent.restored().join("documents");
    fs::create_dir_all(documents.join("财务/2026")).unwrap();
    fs::write(documents.join("财务/2026/年度预算 budget.txt"), "第一版：收入 100\n").unwrap();
    fs::write(documents.join("letter.txt"), "Dear all,\n\nthe meeting is at nine.\n").unwrap();
    fs::write(documents.join("photo.png"), picture()).unwrap();
    staff.set_paths(&[&documents]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    fs::write(documents.join("财务/2026/年度预算 budget.txt"), "第二版：收入 200，支出 150\n").unwrap();
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    (controller, staff, agent, documents)
}

/// A small picture: 2 × 2 pixels of grey.
fn picture() -> Vec<u8> {
    let text = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVR4nGNoaGD4/x8ABQMCgH8WGwAAAABJRU5ErkJggg==";
    base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).unwrap()
}

fn logged_in(controller: &Controller, language: &str) -> Browser {
    let browser = Browser::start(controller, language);
    browser.log_in("admin", controller.password());
    browser
}

fn name(staff: &Staff) -> String {
    staff.only_host()["name"].as_str().unwrap().to_owned()
}

/// A hand at the mouse that counts.
struct Hand<'a> {
    browser: &'a Browser,
    clicks: Cell<u32>,
    began: Instant,
}

impl<'a> Hand<'a> {
    fn at(browser: &'a Browser) -> Self {
        Self { browser, clicks: Cell::new(0), began: Instant::now() }
    }

    fn click(&self, css: &str) {
        self.browser.click(css);
        self.clicks.set(self.clicks.get() + 1);
    }

    fn done(&self, what: &str) {
        let seconds = self.began.elapsed().as_secs_f32();
        eprintln!("{what}: {} clicks, {seconds:.1} s", self.clicks.get());
        assert!(self.began.elapsed() < Duration::from_secs(60), "{what} took more than a minute");
    }
}

#[test]
fn a_deleted_file_is_back_in_its_place_within_a_minute() {
    let (controller, staff, agent, documents) = scene();
    let browser = logged_in(&controller, "zh-CN");
    let file = documents.join("财务/2026/年度预算 budget.txt");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();

    let hand = Hand::at(&browser);
    hand.click("#ways a[href='/restore']");
    browser.write("#q", &name(&staff));
    browser.until_shown(&["查找结果"]);
    hand.click("#found .choices a");
    browser.wait_for("table.calendar");
    browser.write("#q", "预算");
    hand.click("#found .hits a");
    browser.until_shown(&["各个版本", "最新的无毒版本"]);
    hand.click("a.button.main");
    hand.click("#place-original");
    hand.click("#look");
    browser.wait_for("#go");
    browser.until_shown(&["将新增的文件", "将被覆盖", "尚未写入任何内容"]);
    assert!(!file.exists(), "a look writes nothing");
    hand.click("#go");
    browser.until_shown(&["已恢复", "转告说明"]);
    hand.done("a deleted file, back in its place");
    assert_eq!(fs::read(&file).unwrap(), kept);
    let note = browser.run("return document.getElementById('note').value");
    let note = note.as_str().unwrap();
    for part in ["年度预算 budget.txt", file.to_str().unwrap(), "恢复人：admin"] {
        assert!(note.contains(part), "{part}: {note}");
    }

    // What is there stays where one keeps both: what comes back gets another name.
    fs::write(&file, "something else, and newer").unwrap();
    browser.goto(&format!("/hosts/{}/restore?q=budget", agent.host()));
    browser.click("#found .hits a");
    browser.click("a.button.main");
    browser.click("#place-original");
    browser.click("#look");
    browser.click("#go");
    browser.until_shown(&["已恢复", "转告说明"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "something else, and newer");
    assert_eq!(fs::read(file.with_file_name("年度预算 budget (restored).txt")).unwrap(), kept);
    browser.assert_own();
}

#[test]
fn one_file_is_downloaded_at_once_and_several_are_restored_into_a_new_folder() {
    let (controller, staff, agent, documents) = scene();
    let browser = logged_in(&controller, "en-US");
    let host = agent.host();
    let letter = fs::read(documents.join("letter.txt")).unwrap();

    let hand = Hand::at(&browser);
    hand.click("#ways a[href='/restore']");
    browser.wait_for("#found .choices a");
    hand.click("#found .choices a");
    browser.write("#q", "letter");
    hand.click("#found .hits a");
    hand.click("tr.best a[download]");
    let got = browser.downloads().join("letter.txt");
    until("the file is there", || fs::read(&got).is_ok_and(|bytes| bytes == letter));
    hand.done("one file, downloaded");

    // Ticks go along from folder to folder.
    let snapshot = staff.json(&["snapshots", &host])[0]["id"].as_str().unwrap().to_owned();
    let folder = documents.to_str().unwrap();
    browser.goto(&format!("/hosts/{host}/snapshots/{snapshot}?path={folder}"));
    browser.click("input[name=tick][value='letter.txt']");
    browser.until_shown(&["1 chosen"]);
    browser.click("a[data-go$='/财务']");
    browser.until_shown(&["2026", "1 chosen"]);
    browser.click("input[name=tick][value='2026']");
    browser.until_shown(&["2 chosen"]);
    browser.click("#restore");
    browser.until_shown(&["letter.txt", "财务/2026", "Into a new folder"]);
    browser.click("#now");
    browser.until_shown(&["Your files are back", "New files"]);
    let row = staff.json(&["jobs", "list", "--limit", "1"]);
    let target = PathBuf::from(row[0]["target"].as_str().unwrap());
    let below = target.join(documents.strip_prefix("/").unwrap());
    assert_eq!(fs::read(below.join("letter.txt")).unwrap(), letter);
    assert!(below.join("财务/2026/年度预算 budget.txt").exists() && !below.join("photo.png").exists());
    browser.assert_own();
}

#[test]
fn all_of_it_goes_by_the_keyboard() {
    let (controller, staff, _agent, documents) = scene();
    let browser = logged_in(&controller, "en-US");
    let file = documents.join("letter.txt");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let is_at = |css: &str| browser.run(&format!("return document.activeElement.matches({css:?})")) == json!(true);
    let tab_to = |css: &str| {
        browser.wait_for(css);
        for _ in 0..80 {
            if is_at(css) {
                return;
            }
            browser.press(&[Key::Tab]);
        }
        panic!("Tab never comes to {css} at {}", browser.path());
    };
    let enter = || browser.press(&[Key::Enter]);

    tab_to("#ways a[href='/restore']");
    enter();
    browser.wait_for("#q:focus");
    browser.type_in(&name(&staff));
    enter();
    browser.wait_for("table.calendar");
    // The calendar, by its arrows: two snapshots of one day.
    tab_to("table.calendar td a");
    let first = browser.run("return document.activeElement.href");
    browser.press(&[Key::Right]);
    assert_ne!(browser.run("return document.activeElement.href"), first);
    browser.press(&[Key::Home]);
    assert_eq!(browser.run("return document.activeElement.href"), first);
    enter();
    browser.wait_for("table.entries");
    // Down to the folder, a tick, and Enter.
    for _ in 0..documents.components().count() - 1 {
        let depth = browser.run("return document.querySelectorAll('.crumbs a[data-go]').length");
        tab_to("table.entries tbody a[data-go]");
        enter();
        until("the next folder", || {
            browser.run("return document.querySelectorAll('.crumbs a[data-go]').length") != depth
        });
        if browser.text().contains("letter.txt") {
            break;
        }
    }
    tab_to("input[name=tick][value='letter.txt']");
    browser.type_in(" ");
    browser.until_shown(&["1 chosen"]);
    enter();
    tab_to("#place-new");
    browser.press(&[Key::Down]);
    until("the next choice is taken", || is_at("#place-original:checked"));
    tab_to("#look");
    enter();
    tab_to("#go");
    enter();
    browser.until_shown(&["Your files are back"]);
    assert_eq!(fs::read(&file).unwrap(), kept);
    tab_to("#copy");
    enter();
    until("it is copied", || browser.run("return document.getElementById('copy').textContent") == json!("Copied"));
}

#[test]
fn a_replaced_pc_is_led_to_its_files() {
    let (controller, staff, old, documents) = scene();
    let gone = old.host();
    let new = Agent::started(&controller, &staff);
    let mut browser = logged_in(&controller, "en-US");
    drop(old);
    browser.click("#ways a[href='/replace']");
    browser.wait_for("#found .choices a");
    browser.look("replace-old");
    browser.click(&format!("#pc-{gone}"));
    browser.until_shown(&["takes its place"]);
    browser.look("replace-new");
    browser.click(&format!("#pc-{}", new.host()));
    browser.until_shown(&["cannot be undone"]);
    browser.look("replace-sure");
    browser.speak("zh-CN");
    browser.until_shown(&["不可撤销"]);
    browser.look("replace-sure");
    browser.click("#confirm");
    browser.until_shown(&["已接替旧电脑"]);
    browser.look("replace-files");
    browser.click(".choices a");
    // The new one keeps its files elsewhere.
    browser.click("#place-new");
    browser.click("#look");
    browser.click("#go");
    browser.until_shown(&["已恢复", "转告说明"]);
    let row = staff.json(&["jobs", "list", "--limit", "1"]);
    let target = PathBuf::from(row[0]["target"].as_str().unwrap());
    assert!(target.starts_with(new.restored()), "{}", target.display());
    let back = target.join(documents.strip_prefix("/").unwrap()).join("letter.txt");
    assert_eq!(fs::read_to_string(back).unwrap(), "Dear all,\n\nthe meeting is at nine.\n");
    assert_eq!(staff.json(&["hosts", "show", &gone])["reasons"][0], "replaced");
}

#[test]
fn a_viewer_sees_and_cannot_do() {
    let (controller, staff, agent, documents) = scene();
    let made = staff.json(&["users", "create", "zhao", "--role", "viewer"]);
    let browser = Browser::start(&controller, "en-US");
    browser.log_in("zhao", made["password"].as_str().unwrap());
    let host = agent.host();
    let snapshot = staff.json(&["snapshots", &host])[0]["id"].as_str().unwrap().to_owned();
    let folder = documents.to_str().unwrap();
    let file = documents.join("letter.txt");
    for (path, shown) in [
        ("/restore".to_owned(), name(&staff)),
        (format!("/hosts/{host}/restore?q=letter"), "letter.txt".to_owned()),
        (format!("/hosts/{host}/snapshots/{snapshot}?path={folder}"), "letter.txt".to_owned()),
        (format!("/hosts/{host}/versions?path={}", file.display()), "Newest clean version".to_owned()),
    ] {
        browser.goto(&path);
        browser.until_shown(&[&shown]);
        let deeds = browser.run(
            "return [...document.querySelectorAll('main a, main button')].filter(e => /picked=.|\\/file|\\/preview|\\/whole/.test(e.href) || e.name === 'deed').length",
        );
        assert_eq!(deeds, json!(0), "{path}");
    }
    for path in ["preview?path=/", "restore", "whole", "file?path=/"] {
        browser.goto(&format!("/hosts/{host}/snapshots/{snapshot}/{path}"));
        browser.until_shown(&["That is not for your role"]);
    }
    browser.goto("/replace");
    browser.until_shown(&["That is not for your role"]);
}

#[test]
fn each_page_of_restoring_can_be_looked_at() {
    let (controller, staff, agent, documents) = scene();
    fs::write(documents.join("发票 eicar.com"), eicar()).unwrap();
    fs::write(documents.join("letter.txt"), "Dear all,\n\nthe meeting is at ten.\n").unwrap();
    staff.run(["backup", &agent.host(), "--watch"]);
    let host = agent.host();
    let snapshots = staff.json(&["snapshots", &host]);
    let (newest, clean) = (snapshots[0]["id"].as_str().unwrap(), snapshots[1]["id"].as_str().unwrap());
    let (folder, letter) = (documents.display(), documents.join("letter.txt"));
    let mut browser = logged_in(&controller, "en-US");
    for language in ["en", "zh-CN"] {
        browser.goto("/restore");
        browser.speak(language);
        for (name, path) in [
            ("restore-find", "/restore".to_owned()),
            ("restore-calendar", format!("/hosts/{host}/restore")),
            ("restore-search", format!("/hosts/{host}/restore?q=e")),
            ("restore-versions", format!("/hosts/{host}/versions?path={}", letter.display())),
            ("restore-browse", format!("/hosts/{host}/snapshots/{newest}?path={folder}")),
            ("restore-preview", format!("/hosts/{host}/snapshots/{clean}/preview?path={}", letter.display())),
            ("restore-picture", format!("/hosts/{host}/snapshots/{clean}/preview?path={folder}/photo.png")),
            ("restore-infected", format!("/hosts/{host}/snapshots/{newest}/preview?path={folder}/发票 eicar.com")),
            ("restore-whole", format!("/hosts/{host}/snapshots/{clean}/whole")),
            ("restore-place", format!("/hosts/{host}/snapshots/{newest}/restore?place=original")),
            ("restore-other", format!("/hosts/{host}/snapshots/{newest}/restore?place=folder&onto=other")),
        ] {
            browser.goto(&path);
            browser.wait_for("main h1");
            browser.look(name);
        }
        // Refused by the PC, looked at, done.
        browser.goto(&format!("/hosts/{host}/snapshots/{newest}?path={folder}"));
        browser.click("input[name=tick][value='letter.txt']");
        browser.click("input[name=tick][value='财务']");
        browser.click("input[name=tick][value='发票 eicar.com']");
        browser.look("restore-ticked");
        browser.click("#restore");
        browser.click("#place-folder");
        browser.write("#target", "/proc/nowhere");
        browser.click("#look");
        let refused = if language == "en" { "It was not done" } else { "未能完成" };
        browser.until_shown(&[refused]);
        browser.look("restore-refused");
        browser.click("a.button.main");
        until_some("what was typed is still there", || {
            let typed = browser.run("return document.getElementById('target')?.value");
            (typed == json!("/proc/nowhere")).then_some(())
        });
        browser.click("#place-original");
        browser.click("#conflict-overwrite");
        browser.click("#look");
        browser.wait_for("#go");
        browser.look("restore-looked");
        browser.click("#go");
        browser.wait_for("#note");
        browser.look("restore-done");
        browser.goto("/restore");
        browser.wait_for("#found .choices a");
        browser.look("restore-recent");
    }
}
