//! In a real browser: what was found on several PCs, the rule that found it, and how rules spread.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Browser, Controller, Staff, eicar, until};
use serde_json::json;
use std::fs;

fn find_eicar(staff: &Staff, agent: &Agent, name: &str) {
    let file = agent.restored().join(name);
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
}

/// Puts files into the form as somebody does who chooses them.
fn choose(browser: &Browser, files: &[(&str, &str)]) {
    let script = format!(
        "const chosen = new DataTransfer();
         for (const [name, text] of {}) chosen.items.add(new File([text], name));
         document.querySelector('#files').files = chosen.files;",
        json!(files)
    );
    browser.run(&script);
}

fn user(staff: &Staff, role: &str) -> String {
    staff.json(&["users", "create", role, "--role", role])["password"].as_str().unwrap().to_owned()
}

/// What staff put away by hand a PC destroys only where its own file says so.
fn let_delete(agent: &mut Agent) {
    let file = agent.state().join("agent.toml");
    let said = fs::read_to_string(&file).unwrap();
    fs::write(&file, said + "[quarantine]\nallow_delete = true\n").unwrap();
    agent.kill();
    agent.start();
    agent.until_connected();
}

#[test]
fn one_outbreak_on_two_pcs_is_looked_at_put_away_and_acknowledged() {
    let (controller, staff, mut first) = fleet();
    let mut second = Agent::started(&controller, &staff);
    let_delete(&mut first);
    let_delete(&mut second);
    second.until_bundle(1);
    for (agent, name) in [(&first, "发票 eicar.com"), (&second, "invoice.com")] {
        find_eicar(&staff, agent, name);
    }
    let viewer = user(&staff, "viewer");
    let mut browser = Browser::start(&controller, "en-US");
    browser.log_in("viewer", &viewer);
    browser.goto("/detections");
    browser.until_shown(&["Outbreak", "the EICAR test file"]);
    assert_eq!(browser.run("return document.querySelectorAll('tbody tr').length"), json!(1));
    browser.click("tbody th a");
    browser.until_shown(&["On 2 PCs", "invoice.com", "发票 eicar.com", "rule Eicar", "test.yar"]);
    assert_eq!(browser.run("return document.querySelectorAll('.deeds a').length"), json!(0), "a viewer only looks");

    for language in ["en", "zh-CN"] {
        browser.goto("/login");
        browser.speak(language);
        browser.log_in("admin", controller.password());
        browser.goto("/detections");
        browser.wait_for("tbody th a");
        browser.look("outbreaks");
        browser.goto("/detections?view=single&severity=low");
        browser.wait_for(".detections li");
        browser.look("detections-single");
        browser.goto("/detections?state=acknowledged");
        browser.wait_for(".card h2");
        browser.look("detections-none");
        browser.goto("/detections");
        browser.click("tbody th a");
        browser.wait_for("#acknowledge-all");
        browser.look("outbreak");
        browser.click("#acknowledge-all");
        browser.wait_for("#reason");
        browser.look("acknowledge");
        browser.goto("/detections");
        browser.click("tbody th a");
        browser.click("#away-all");
        browser.wait_for("#go");
        browser.look("put-away");
    }

    // Both files go, and come to the quarantine.
    browser.click("#go");
    browser.until_shown(&["已下达隔离任务"]);
    for (agent, name) in [(&first, "发票 eicar.com"), (&second, "invoice.com")] {
        until("the file is put away", || !agent.restored().join(name).exists());
    }
    browser.until_shown(&["已在电脑上隔离"]);
    browser.click("#acknowledge-all");
    browser.write("#reason", "测试文件");
    browser.click("#go");
    browser.until_shown(&["检出已全部标记为已处理", "没有需要您处理的可疑文件"]);
    browser.goto("/detections?state=acknowledged");
    browser.click("tbody th a");
    browser.until_shown(&["处理：测试文件"]);

    for language in ["en", "zh-CN"] {
        browser.speak(language);
        browser.goto("/quarantine?state=all");
        browser.wait_for("tbody tr + tr");
        browser.look("quarantine");
        browser.click("tbody .offers a");
        browser.wait_for("#target");
        browser.look("quarantine-restore");
    }
    browser.click("#go");
    browser.until_shown(&["已下达恢复任务"]);
    let back =
        || [first.restored().join("发票 eicar.com"), second.restored().join("invoice.com")].iter().any(|f| f.exists());
    until("the file is back", back);
    browser.goto("/quarantine");
    browser.click("tbody .offers a:last-child");
    browser.wait_for("#go");
    browser.look("quarantine-delete");
    browser.click("#go");
    browser.until_shown(&["没有被隔离的文件"]);
}

#[test]
fn rules_are_imported_through_the_page_and_their_rollout_halted() {
    let controller = Controller::start();
    let staff = controller.staff();
    let agent = Agent::started(&controller, &staff);
    let mut browser = Browser::start(&controller, "en-US");
    browser.log_in("admin", controller.password());
    browser.goto("/signatures");
    browser.look("signatures-none");
    browser.click("#import");

    // A broken file is named with its line.
    browser.wait_for("#files");
    browser.write("#source", "our own");
    choose(&browser, &[("broken.yar", "rule one { condition: true }\nrule two { condition: nonsense }\n")]);
    browser.click("#go");
    browser.until_shown(&["broken.yar:2", "nonsense", "Nothing can be published"]);
    browser.look("import-broken");

    let good = "rule Marker {\n  meta:\n    description = \"a mark of ours\"\n    license = \"Apache-2.0\"\n    severity = \"high\"\n  strings:\n    $a = \"keepwatch-page-marker\"\n  condition:\n    $a\n}\n";
    for language in ["en", "zh-CN"] {
        browser.speak(language);
        browser.goto("/signatures/import");
        browser.wait_for("#files");
        browser.write("#source", "our own");
        browser.write("#origin", "IT department");
        browser.look("import");
        choose(&browser, &[("ours.yar", good), ("broken.yar", "rule x { condition: nonsense }")]);
        browser.click("#go");
        browser.wait_for("#publish");
        browser.look("import-checked");
    }
    browser.click("#publish");
    browser.until_shown(&["规则已发布", "our own", "IT department", "Apache-2.0"]);
    agent.until_bundle(1);

    // What it finds shows the rule's own text.
    let file = agent.disk().join("marked.txt");
    fs::write(&file, "keepwatch-page-marker").unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
    browser.goto("/detections");
    browser.click("tbody th a");
    browser.until_shown(&["rule Marker {", "keepwatch-page-marker", "ours.yar", "our own"]);

    // A second source, and another version of the first: halted, and let go on.
    let folder = tempfile::tempdir().unwrap();
    staff.import(&crate::scan::rules(folder.path())).ok();
    agent.until_bundle(2);
    for language in ["en", "zh-CN"] {
        browser.speak(language);
        for (name, path) in [
            ("signatures", "/signatures"),
            ("bundle", "/signatures/bundles/2"),
            ("source", "/signatures/source?name=our%20own"),
            ("source-remove", "/signatures/source/remove?name=our%20own"),
            ("rollouts", "/rollouts"),
            ("rollout", "/rollouts/2"),
            ("rollout-halt", "/rollouts/2/halt"),
        ] {
            browser.goto(path);
            browser.wait_for("main h1");
            browser.look(name);
        }
    }
    browser.write("#reason", "误报自用工具");
    browser.click("#go");
    browser.until_shown(&["推送已暂停", "误报自用工具", "已暂停"]);
    browser.look("rollout-halted");
    browser.click("#resume");
    browser.click("#go");
    browser.until_shown(&["推送已继续"]);

    let viewer = user(&staff, "viewer");
    browser.goto("/login");
    browser.log_in("viewer", &viewer);
    browser.goto("/signatures");
    browser.until_shown(&["our own"]);
    browser.goto("/rollouts/2");
    browser.wait_for("#rings");
    assert_eq!(browser.run("return document.querySelectorAll('.deeds a').length"), json!(0), "a viewer only looks");
    browser.goto("/signatures/import");
    browser.until_shown(&["管理员"]);
}
