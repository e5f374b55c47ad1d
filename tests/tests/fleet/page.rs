//! The pages, in a real browser.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Browser, Controller, Staff, eicar};
use serde_json::json;
use std::fs;

fn find_eicar(staff: &Staff, agent: &Agent) {
    let file = agent.disk().join("发票 eicar.com");
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
}

fn logged_in(controller: &Controller, language: &str) -> Browser {
    let browser = Browser::start(controller, language);
    browser.log_in("admin", controller.password());
    browser
}

#[test]
fn a_detection_shows_without_a_reload_in_both_languages() {
    let (controller, staff, agent) = fleet();
    let browser = logged_in(&controller, "zh-CN");
    let host = staff.only_host()["name"].as_str().unwrap().to_owned();
    browser.goto("/hosts");
    browser.until_shown(&[&host]);
    assert!(!browser.text().contains("发现恶意"), "nothing was found yet");

    // On the list of PCs: the host falls to "at risk" by itself.
    browser.run("window.name = 'never reloaded'");
    find_eicar(&staff, &agent);
    browser.until_shown(&[&host, "有风险"]);
    assert_eq!(browser.run("return window.name"), json!("never reloaded"));

    // On the detections' page, with its Chinese name.
    browser.goto("/detections");
    browser.until_shown(&["Eicar", "EICAR 测试文件", "发票 eicar.com", &host]);
    browser.goto(&format!("/hosts/{}", agent.host()));
    browser.until_shown(&["Eicar"]);
    browser.assert_own();

    let browser = logged_in(&controller, "en-US");
    browser.goto("/hosts");
    browser.until_shown(&[&host, "At risk"]);
}

#[test]
fn every_page_can_be_looked_at() {
    let (controller, staff, agent) = fleet();
    find_eicar(&staff, &agent);
    fs::create_dir_all(agent.disk().join("财务/2026")).unwrap();
    fs::write(agent.disk().join("财务/2026/年度 报告.txt"), "报告").unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    let host = agent.host();
    let snapshot = staff.json(&["snapshots", &host])[0]["id"].as_str().unwrap().to_owned();

    let mut browser = Browser::start(&controller, "en-US");
    for language in ["en", "zh-CN"] {
        browser.goto("/login");
        browser.speak(language);
        browser.look("login");
        browser.log_in("admin", controller.password());
        for (name, path) in [
            ("overview", "/".to_owned()),
            ("hosts", "/hosts".to_owned()),
            ("host", format!("/hosts/{host}")),
            ("snapshot", format!("/hosts/{host}/snapshots/{snapshot}")),
            ("detections", "/detections".to_owned()),
            ("groups", "/groups".to_owned()),
        ] {
            browser.goto(&path);
            browser.wait_for("main h1");
            browser.look(name);
        }
    }
}
