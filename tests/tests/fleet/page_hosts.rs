//! The list of PCs, a PC, jobs, enrolment and groups, in a real browser.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Browser, Controller, Staff, eicar, until};
use std::fs;

fn logged_in(controller: &Controller, language: &str) -> Browser {
    let browser = Browser::start(controller, language);
    browser.log_in("admin", controller.password());
    browser
}

#[test]
fn a_pc_is_enrolled_by_the_line_that_the_page_shows_and_found_in_the_list() {
    let controller = Controller::start();
    let browser = logged_in(&controller, "en-US");
    browser.goto("/hosts");
    browser.until_shown(&["No PC has been enrolled yet"]);
    browser.click("main a.button.main");
    browser.wait_for("#uses");
    browser.write("#uses", "none");
    browser.click("#make");
    browser.until_shown(&["Write for how many PCs"]);
    browser.write("#uses", "2");
    browser.click("#make");
    browser.until_shown(&["It is good for 2 PCs"]);
    browser.wait_for("[data-copy=line-linux]:not([hidden])");
    let line = browser.run("return document.getElementById('line-linux').textContent");
    let words: Vec<&str> = line.as_str().unwrap().split(' ').collect();
    let after = |word: &str| words[words.iter().position(|w| *w == word).unwrap() + 1].to_owned();
    let mut agent = Agent::new();
    agent.enroll_at(&after("--controller"), &after("--token")).ok();
    agent.start();
    agent.until_connected();

    browser.goto("/hosts?q=nobody-is-called-so");
    browser.until_shown(&["No PC fits"]);
    browser.goto(&format!("/hosts?q={}", agent.host()));
    browser.until_shown(&["Connected", "1–1 of 1"]);
    browser.click(&format!("#host-{}", agent.host()));
    browser.until_shown(&["This PC", "What was done"]);

    // It is cut off by who types its name, and by nobody else.
    let name = browser.run("return document.querySelector('main h1').textContent").as_str().unwrap().to_owned();
    browser.goto(&format!("/hosts/{}/revoke", agent.host()));
    browser.write("#name", "something else");
    browser.click("#sure");
    browser.until_shown(&["That is not its name"]);
    browser.write("#name", &name);
    browser.click("#sure");
    browser.until_shown(&["The PC was cut off", "Its access was revoked"]);
}

#[test]
fn what_is_done_with_many_is_looked_at_first_and_outlasts_a_refresh() {
    let (controller, staff, agent) = fleet();
    let other = Agent::started(&controller, &staff);
    staff.run(["groups", "create", "财务处"]).ok();
    let browser = logged_in(&controller, "en-US");
    browser.goto("/hosts");
    browser.click(&format!("#tick-{}", agent.host()));
    browser.until_shown(&["With those ticked (1)"]);
    // The list is made anew by what happens; what was ticked stays so.
    staff.run(["scan", &other.host(), other.disk().to_str().unwrap(), "--watch"]).ok();
    until("the tick outlasts it", || {
        browser.run(&format!("return document.getElementById('tick-{}').checked", agent.host())) == true
    });
    browser.click("button[formaction='/hosts/move']");
    browser.until_shown(&["Move 1 PC?"]);
    browser.run("document.getElementById('to').value = '财务处'");
    browser.click("#sure");
    browser.until_shown(&["1 PC is now in 财务处"]);

    browser.goto("/hosts");
    browser.wait_for("#tick-page");
    browser.click("#tick-page");
    browser.until_shown(&["With those ticked (2)"]);
    browser.click("button[value=backup]");
    browser.until_shown(&["Back up 2 PCs?"]);
    browser.click("#sure");
    browser.until_shown(&["2 PCs were asked"]);
    browser.goto("/jobs?kind=backup");
    browser.until_shown(&["Backup", "asked for by admin", "Today"]);
    browser.assert_own();
}

fn seeded() -> (Controller, Staff, Agent) {
    let (controller, staff, agent) = fleet();
    staff.run(["groups", "create", "城东区"]).ok();
    staff.run(["groups", "create", "财务处", "--parent", "城东区"]).ok();
    staff.run(["groups", "create", "人事处", "--parent", "城东区"]).ok();
    staff.run(["hosts", "move", &agent.host(), "--group", "城东区/财务处"]).ok();
    fs::create_dir_all(agent.disk().join("财务/2026")).unwrap();
    fs::write(agent.disk().join("财务/2026/年度 报告.txt"), "报告").unwrap();
    fs::write(agent.disk().join("发票 eicar.com"), eicar()).unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &agent.host(), "--watch"]);
    staff.run(["scan", &agent.host(), "/nowhere/at/all", "--watch"]);
    (controller, staff, agent)
}

#[test]
fn every_page_of_hosts_and_jobs_can_be_looked_at() {
    let (controller, staff, agent) = seeded();
    let second = Agent::started(&controller, &staff);
    let host = agent.host();
    let job = staff.json(&["jobs", "list"])[0]["id"].as_str().unwrap().to_owned();
    let mut browser = Browser::start(&controller, "en-US");
    for language in ["en", "zh-CN"] {
        browser.goto("/login");
        browser.speak(language);
        browser.log_in("admin", controller.password());
        for (name, path) in [
            ("hosts", "/hosts".to_owned()),
            ("hosts-narrowed", "/hosts?q=a&link=on&sort=-name".to_owned()),
            ("hosts-none", "/hosts?q=nobody".to_owned()),
            ("hosts-work", format!("/hosts/work?deed=scan&host={host}&host={}", second.host())),
            ("hosts-move", format!("/hosts/move?host={host}")),
            ("host", format!("/hosts/{host}")),
            ("host-revoke", format!("/hosts/{host}/revoke")),
            ("jobs", "/jobs".to_owned()),
            ("jobs-narrowed", format!("/jobs?host={host}&kind=scan&since=7")),
            ("jobs-change", "/jobs/change?deed=cancel".to_owned()),
            ("job", format!("/jobs/{job}")),
            ("enrol", "/enrol".to_owned()),
            ("groups", "/groups".to_owned()),
            ("groups-edit", "/groups/edit?group=%E5%9F%8E%E4%B8%9C%E5%8C%BA".to_owned()),
        ] {
            browser.goto(&path);
            browser.wait_for("main h1");
            browser.look(name);
        }
        // What a form comes to.
        browser.goto("/enrol");
        browser.write("#uses", "25");
        browser.click("#make");
        browser.wait_for(".fresh");
        browser.look("enrol-made");
        browser.goto("/groups/edit?group=%E8%B4%A2%E5%8A%A1%E5%A4%84");
        browser.run("document.getElementById('parent').value = 'all'");
        browser.click("#move");
        browser.wait_for("#sure");
        browser.look("groups-move");
    }
}
