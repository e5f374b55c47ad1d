//! Policies, staff, records and sessions, in a real browser.

use crate::scan::fleet;
use keepwatch_tests::{Browser, Controller, eicar};
use serde_json::json;
use std::fs;

fn logged_in(controller: &Controller, language: &str) -> Browser {
    let browser = Browser::start(controller, language);
    browser.log_in("admin", controller.password());
    browser
}

/// Writes a text as it is: an editor would indent, and a keyboard press Enter.
fn put(browser: &Browser, text: &str) {
    browser.wait_for("#yaml");
    let script = "const field = document.getElementById('yaml'); field.value = TEXT; \
                  field.dispatchEvent(new Event('input', {bubbles: true}));";
    browser.run(&script.replace("TEXT", &json!(text).to_string()));
}

fn typed(browser: &Browser) -> String {
    browser.run("return document.getElementById('yaml').value").as_str().unwrap().to_owned()
}

fn save(browser: &Browser, group: &str, yaml: &str, why: &str) {
    browser.goto(&format!("/policies/edit?group={group}"));
    put(browser, yaml);
    browser.write("#why", why);
    browser.click("#check");
    browser.click("#save");
    browser.until_shown(&["The policy is in place"]);
}

/// The groups that the pictures show.
fn tree(controller: &Controller) {
    let staff = controller.staff();
    for (name, above) in [("East", ""), ("Finance", "East"), ("Health", "East"), ("West", "")] {
        let mut words = vec!["groups", "create", name];
        if !above.is_empty() {
            words.extend(["--parent", above]);
        }
        staff.run(words).ok();
    }
}

#[test]
fn broken_yaml_shows_its_line_and_keeps_the_text() {
    let controller = Controller::start();
    let browser = logged_in(&controller, "en-US");
    browser.goto("/policies/edit?group=all");
    let broken = "# 每周三备份\nbackup:\n  shedule: '30 12 * * 3'\n";
    put(&browser, broken);
    browser.click("#check");
    browser.until_shown(&["This cannot be saved yet", "did you mean 'schedule'"]);
    assert_eq!(typed(&browser).trim_end(), broken.trim_end());
    let chosen = "const f = document.getElementById('yaml'); return f.value.slice(f.selectionStart, f.selectionEnd)";
    assert_eq!(browser.run(chosen), json!("  shedule: '30 12 * * 3'"), "the line that is wrong is chosen");
    browser.look("policy-wrong");
    put(&browser, &broken.replace("shedule", "schedule"));
    browser.click("#check");
    browser.wait_for("#save");
    browser.click("#save");
    browser.until_shown(&["The policy is in place"]);
    browser.assert_own();
}

#[test]
fn of_two_people_the_later_is_told_and_an_edition_can_be_taken_up_again() {
    let controller = Controller::start();
    let (first, second) = (logged_in(&controller, "en-US"), logged_in(&controller, "zh-CN"));
    save(&first, "all", "scan:\n  threads: 1\n", "a beginning");
    second.goto("/policies/edit?group=all");
    put(&second, "scan:\n  threads: 1\nbackup:\n  canaries: true\n");
    save(&first, "all", "scan:\n  threads: 4\n", "more threads");
    second.click("#check");
    second.until_shown(&["其他人刚刚修改了这份策略", "more threads", "threads: 4", "canaries: true"]);
    assert!(typed(&second).contains("canaries: true"), "nothing is lost");
    second.look("policy-overtaken");
    put(&second, "scan:\n  threads: 4\nbackup:\n  canaries: true\n");
    second.click("#check");
    second.click("#save");
    second.until_shown(&["策略已生效"]);

    first.goto("/policies/history?group=all");
    first.until_shown(&["edition 3", "edition 2", "more threads", "a beginning"]);
    first.look("policy-history");
    first.click("#undo-2");
    first.until_shown(&["Changed lines", "canaries: true"]);
    first.click("#save");
    first.until_shown(&["The policy is in place", "edition 4", "threads: 4"]);
    assert!(!first.text().contains("canaries: true"));
}

#[test]
fn somebody_new_logs_in_chooses_a_password_and_is_on_record() {
    let controller = Controller::start();
    let admin = logged_in(&controller, "en-US");
    admin.goto("/users");
    admin.write("#name", "王芳");
    admin.click("input[value=viewer]");
    admin.click("#create");
    admin.until_shown(&["One-time password of 王芳"]);
    admin.look("user-made");
    let once = admin.run("return document.getElementById('one-time-password').textContent");
    let once = once.as_str().unwrap().to_owned();

    let fang = Browser::start(&controller, "zh-CN");
    fang.log_in("王芳", &once);
    fang.until_shown(&["请改成自己的密码"]);
    fang.look("account-first");
    fang.write("#old-password", &once);
    fang.write("#new-password", "一个很长的新密码-2026");
    fang.write("#new-password-again", "一个很长的新密码-2026");
    fang.click("#change");
    fang.until_shown(&["密码已修改"]);
    fang.goto("/policies/edit?group=all");
    fang.until_shown(&["您的角色无权执行此操作"]);
    fang.goto("/policies");
    assert_eq!(fang.run("return document.querySelectorAll('a[href=\"/users\"], a[href=\"/audit\"]').length"), json!(0));

    admin.goto("/audit?user=王芳");
    admin.until_shown(&["changed their password", "logged in", "asked for the page", "Refused"]);
    admin.look("audit-of-one");
    admin.goto("/users/%E7%8E%8B%E8%8A%B3");
    admin.click("#end-sessions");
    admin.until_shown(&["The sessions were ended"]);
    fang.goto("/account");
    fang.wait_for("#password");
    admin.click("#ask-remove");
    admin.until_shown(&["This cannot be undone"]);
    admin.look("user-remove");
    admin.click("#remove");
    admin.until_shown(&["The user was removed"]);
}

#[test]
fn what_was_typed_outlives_the_session_and_the_controller() {
    let mut controller = Controller::start();
    let browser = logged_in(&controller, "en-US");
    let yaml = "# kept 留着\nscan:\n  threads: 3\n";
    // Nobody is logged in any more when the form arrives.
    browser.goto("/policies/edit?group=all");
    put(&browser, yaml);
    log_out_elsewhere(&browser);
    browser.click("#check");
    browser.until_shown(&["Your session has ended"]);
    browser.look("login-ended");
    browser.write("input[name=name]", "admin");
    browser.write("input[name=password]", "not the password");
    browser.click("main form button");
    browser.until_shown(&["The name or the password is wrong"]);
    // Meanwhile the controller starts anew.
    controller.kill();
    controller.restart();
    browser.write("input[name=password]", controller.password());
    browser.click("main form button");
    browser.until_shown(&["You are logged in again", "# kept 留着"]);
    browser.look("login-resume");
    browser.click("#resume");
    browser.until_shown(&["Changed lines", "threads: 3"]);
    assert_eq!(typed(&browser).trim_end(), yaml.trim_end());

    // The line drops while one types: the text is offered when the page comes back.
    put(&browser, "scan:\n  threads: 7\n");
    controller.kill();
    browser.run("document.getElementById('check').click()");
    controller.restart();
    browser.goto("/policies/edit?group=all");
    browser.wait_for("#draft:not([hidden])");
    browser.forget_complaints();
    browser.look("policy-draft");
    browser.click("#draft-take");
    assert_eq!(typed(&browser), "scan:\n  threads: 7\n");
    browser.click("#check");
    browser.click("#save");
    browser.until_shown(&["The policy is in place"]);
    browser.goto("/policies/edit?group=all");
    browser.wait_for("#yaml");
    assert_eq!(browser.run("return document.getElementById('draft').hidden"), json!(true), "what is saved is no draft");
}

#[test]
fn a_policy_is_set_by_form_without_a_line_of_yaml() {
    let controller = Controller::start();
    let browser = logged_in(&controller, "zh-CN");
    browser.goto("/policies/group?group=all");
    browser.click("#form");
    browser.wait_for("#backup-schedule");
    let shown = |css: &str| browser.run(&format!("return document.querySelector('{css}').checkVisibility()"));
    assert_eq!(shown("#backup-schedule-time"), json!(false), "no time is asked for what is inherited");
    browser.click("#backup-schedule option[value=weekly]");
    assert_eq!(shown("#backup-schedule-time"), json!(true));
    let ticked = "return [...document.querySelectorAll('#backup-schedule-row input:checked')].map(day => day.value)";
    assert_eq!(browser.run(ticked), json!(["wed"]), "one begins from what holds");
    browser.write("#backup-schedule-time", "25:99");
    browser.write("#backup-keep-weekly", "8");
    browser.write("#backup-cpu-percent", "很多");
    browser.click("#check");
    browser.until_shown(&["有 2 项设置需要修改", "请填写时间", "请填写 1 至 100 之间的整数"]);
    let value = |id: &str| browser.run(&format!("return document.getElementById('{id}').value"));
    assert_eq!((value("backup-schedule-time"), value("backup-keep-weekly")), (json!("25:99"), json!("8")));
    browser.look("policy-form-wrong");
    browser.click("#problem a[href='#backup-cpu-percent']");
    assert_eq!(browser.run("return location.hash"), json!("#backup-cpu-percent"));
    browser.write("#backup-cpu-percent", "２０");
    browser.write("#backup-bandwidth", "512");
    browser.write("#backup-schedule-time", "9：05");
    // Nobody is logged in any more when the form arrives.
    log_out_elsewhere(&browser);
    browser.click("#check");
    browser.wait_for("main input[name=name]");
    browser.write("input[name=name]", "admin");
    browser.write("input[name=password]", controller.password());
    browser.click("main form button");
    browser.until_shown(&["backup.schedule.time: 9：05"]);
    browser.click("#resume");
    browser.wait_for("#save");
    let yaml = "backup:\n  schedule: 5 9 * * wed\n  bandwidth:\n  - kib_per_second: 512\n  cpu_percent: 20\n  keep:\n    weekly: 8\n";
    assert_eq!(typed(&browser), yaml);
    browser.click("#save");
    browser.until_shown(&["策略已生效", "5 9 * * wed"]);
}

/// The session ends in another tab.
fn log_out_elsewhere(browser: &Browser) {
    browser.run("return fetch('/logout', {method: 'POST', redirect: 'manual'}).then(() => 1)");
}

#[test]
fn a_live_page_outlives_errors_restarts_and_the_end_of_the_session() {
    let mut controller = Controller::start();
    let browser = logged_in(&controller, "en-US");
    browser.goto("/groups");
    browser.until_shown(&["Groups", "All PCs"]);
    browser.run("window.name = 'never reloaded'");
    controller.kill();
    browser.wait_for("#stale:not([hidden])");
    assert!(browser.text().contains("Groups"), "what was known stays");
    controller.restart();
    controller.staff().run(["groups", "create", "arrived"]).ok();
    browser.until_shown(&["arrived"]);
    browser.wait_for("#stale[hidden]");
    assert_eq!(browser.run("return window.name"), json!("never reloaded"));

    // An answer that is an error leaves the page as it is.
    browser.run("htmx.ajax('GET', '/policies/group?group=nowhere', {target: '#live', swap: 'outerHTML'})");
    browser.wait_for("#stale:not([hidden])");
    assert!(browser.text().contains("arrived"), "an error blanks nothing: {}", browser.text());

    // The session ends in another tab: nothing is typed here, so the page asks to log in.
    browser.goto("/groups");
    browser.wait_for("#live");
    log_out_elsewhere(&browser);
    controller.staff().run(["groups", "create", "another"]).ok();
    browser.wait_for("#password");
    assert!(browser.path().starts_with("/login?next=/groups"), "{}", browser.path());
}

#[test]
fn a_reason_that_is_being_typed_outlives_the_session() {
    let (controller, staff, agent) = fleet();
    let file = agent.disk().join("eicar.com");
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
    let browser = logged_in(&controller, "en-US");
    browser.goto(&format!("/detections?host={}", agent.host()));
    browser.click("summary");
    browser.write("input[name=reason]", "a test file, 测试");
    log_out_elsewhere(&browser);
    staff.run(["groups", "create", "something-new"]).ok();
    browser.wait_for("#ended:not([hidden])");
    let reason = "return document.querySelector('input[name=reason]').value";
    assert_eq!(browser.run(reason), json!("a test file, 测试"));
    browser.click("form.acknowledge button");
    browser.until_shown(&["Your session has ended"]);
    browser.write("input[name=name]", "admin");
    browser.write("input[name=password]", controller.password());
    browser.click("main form button");
    browser.until_shown(&["You are logged in again", "a test file, 测试"]);
    browser.click("#resume");
    browser.until_shown(&["The detection was acknowledged"]);
}

#[test]
fn what_was_typed_for_an_import_outlives_the_session_and_its_files_are_chosen_again() {
    let controller = Controller::start();
    let browser = logged_in(&controller, "en-US");
    let choose = |text: &str| {
        browser.wait_for("#files");
        browser.run(&format!(
            "const chosen = new DataTransfer(); chosen.items.add(new File([{text}], 'own.yar'));
             document.querySelector('#files').files = chosen.files;"
        ));
    };
    browser.goto("/signatures/import");
    browser.write("#source", "市局 & Co");
    browser.write("#licence", "MIT");
    // More than is on its way when the answer comes.
    choose("'// a comment\\n'.repeat(2 << 20)");
    log_out_elsewhere(&browser);
    browser.click("#go");
    browser.until_shown(&["Your session has ended", "the files have to be chosen again"]);
    browser.look("login-ended-files");
    browser.write("input[name=name]", "admin");
    browser.write("input[name=password]", controller.password());
    browser.click("main form button");
    browser.until_shown(&["nothing was sent", "choose the files again"]);
    browser.look("import-resumed");
    let typed = "return ['source', 'origin', 'licence'].map((field) => document.getElementById(field).value)";
    assert_eq!(browser.run(typed), json!(["市局 & Co", "", "MIT"]));
    choose("'rule kept { condition: false }'");
    browser.click("#go");
    browser.until_shown(&["What the check says", "市局 & Co", "MIT"]);
}

#[test]
fn the_pages_of_rules_and_staff_can_be_looked_at() {
    let controller = Controller::start();
    tree(&controller);
    let mut browser = Browser::start(&controller, "en-US");
    browser.log_in("admin", controller.password());
    browser.goto("/policies");
    browser.wait_for("main h1");
    browser.look("policies-empty");
    let rule = "# 周三午间备份\nlocked: [backup.schedule]\nbackup:\n  schedule: '30 12 * * 3'\n  paths: ['@users', '/srv/共享']\n  timing: {spread_minutes: 120}\n";
    save(&browser, "all", rule, "Office hours");
    save(&browser, "East/Finance", "scan:\n  schedule: '0 3 * * *'\n", "Finance scans every night");
    for language in ["en", "zh-CN"] {
        browser.speak(language);
        for (name, path) in [
            ("policies", "/policies"),
            ("policy", "/policies/group?group=East/Finance"),
            ("policy-form", "/policies/form?group=East/Finance"),
            ("policy-form-own", "/policies/form?group=all"),
            ("policy-simulate", "/policies/simulate?group=all&days=7"),
            ("policy-one-edition", "/policies/history?group=all"),
            ("users", "/users"),
            ("user", "/users/admin"),
            ("account", "/account"),
            ("audit", "/audit"),
        ] {
            browser.goto(path);
            browser.wait_for("main h1");
            browser.look(name);
        }
        browser.goto("/policies/edit?group=East/Finance");
        put(&browser, "scan:\n  schedule: '0 2 * * *'\n  excludes: ['*.iso', '*.vmdk']\n");
        browser.click("#simulate");
        browser.wait_for("#forecast");
        browser.look("policy-edit");
    }
}
