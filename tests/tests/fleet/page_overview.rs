//! The overview and the wall, in a real browser, over a fleet with a past.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Browser, Controller, Staff, eicar};
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::process::Command;

const HOSTS: usize = 60;
const GROUPS: [&str; 6] = ["档案馆", "城建局", "教育局", "市法院", "税务局", "卫健委"];

/// One PC of each kind of work, as it really happened.
fn work(staff: &Staff, agent: &Agent) {
    fs::write(agent.disk().join("letter.txt"), "dear all").unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    staff.run(["restore", &agent.host(), "latest", "--watch"]).ok();
    let file = agent.disk().join("发票 eicar.com");
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
    for group in GROUPS {
        staff.run(["groups", "create", group]).ok();
    }
}

/// Others like it, and twelve weeks that they went through: nobody waits so long for a test.
fn give_a_past(controller: &mut Controller) {
    controller.kill();
    let mut sql = String::from(
        "PRAGMA foreign_keys = OFF; BEGIN; CREATE TEMP TABLE now AS SELECT CAST(strftime('%s', 'now') AS INTEGER) AS at; \
         CREATE TEMP TABLE h AS SELECT * FROM hosts LIMIT 1; \
         CREATE TEMP TABLE b AS SELECT * FROM jobs WHERE kind = 'backup' LIMIT 1; \
         CREATE TEMP TABLE r AS SELECT * FROM jobs WHERE kind = 'restore' LIMIT 1; \
         CREATE TEMP TABLE s AS SELECT * FROM jobs WHERE kind = 'scan' LIMIT 1; \
         CREATE TEMP TABLE d AS SELECT * FROM detections LIMIT 1; \
         UPDATE b SET client_key = '', whole = 1, state = 'succeeded'; UPDATE s SET client_key = '', whole = 1, state = 'succeeded'; \
         UPDATE r SET client_key = '', state = 'succeeded', kind = 'restore';",
    );
    let id = |kind: usize, n: usize| format!("018f0000-0000-7000-80{kind:02}-{n:012x}");
    for n in 0..HOSTS {
        let group = GROUPS[(n * n + n / 7) % GROUPS.len()];
        let bundle = if n % 11 == 0 { 0 } else { 1 };
        let age = [0, 1, 3, 5, 6, 2, 9, 4, 13, 26, 5, 41][(n + n / 12) % 12];
        let scan = if n % 9 == 4 { 30 } else { 1 };
        writeln!(
            sql,
            "UPDATE h SET id = '{host}', certificate = '{n}', bundle = {bundle}, last_seen = (SELECT at FROM now) - {seen}, \
             enrolled = (SELECT at FROM now) - 90 * 86400, facts = json_set(facts, '$.name', 'PC-{n:04}'), \
             group_name = (SELECT name FROM groups WHERE label = '{group}'); INSERT INTO hosts SELECT * FROM h;",
            host = id(0, n),
            seen = if n % 13 == 5 { 9 * 86_400 } else { 60 },
        )
        .unwrap();
        for (table, kind, age) in [("b", 1, age), ("s", 2, scan)] {
            writeln!(
                sql,
                "UPDATE {table} SET id = '{}', host = '{}', created = (SELECT at FROM now) - {age} * 86400 - 900, \
                 started = created, ended = (SELECT at FROM now) - {age} * 86400; INSERT INTO jobs SELECT * FROM {table};",
                id(kind, n),
                id(0, n)
            )
            .unwrap();
        }
    }
    for n in 0..40_usize {
        let (rule, severity) = [
            ("Ransom_LockBit", "critical"),
            ("Miner_XMRig", "medium"),
            ("Webshell_Generic", "high"),
            ("Pua_Toolbar", "low"),
        ][(n * 7 / 3) % 4];
        let (back, open) = (n * n / 19, if n % 3 == 0 { 0 } else { 1 });
        writeln!(
            sql,
            "UPDATE d SET id = '{}', host = '{}', at = (SELECT at FROM now) - {back} * 86400 - 60, rule = '{rule}', \
             severity = '{severity}', acknowledged = {open}; INSERT INTO detections SELECT * FROM d;",
            id(3, n),
            id(0, n * 5 % HOSTS)
        )
        .unwrap();
        let state = if n % 13 == 12 { "failed" } else { "succeeded" };
        writeln!(
            sql,
            "UPDATE r SET id = '{}', host = '{}', created = (SELECT at FROM now) - {back} * 86400 - 3600, \
             ended = (SELECT at FROM now) - {back} * 86400 - 3600 + {}, state = '{state}'; INSERT INTO jobs SELECT * FROM r;",
            id(4, n),
            id(0, n),
            40 + n * 17
        )
        .unwrap();
    }
    for back in (1..84_usize).filter(|back| !(47..51).contains(back)) {
        let day = format!("(SELECT at FROM now) / 86400 - {back}");
        let risk = 3 + back * 5 % 7 / 2 + back / 30;
        let (attention, unknown) = (6 + back / 9 + back * 3 % 4, back * 11 % 3);
        let stored = 40_000 - 300 * back - back * 37 % 900;
        writeln!(
            sql,
            "INSERT INTO trend_days VALUES ({day}, 0, {free}, {total}); INSERT INTO trend VALUES ({day}, '', {protected}, {attention}, \
             {risk}, {unknown}, 4, {bytes});",
            free = (40_000 + 610 * back as u64) << 20,
            total = 500_u64 << 30,
            protected = HOSTS - risk - attention - unknown,
            bytes = stored
        )
        .unwrap();
    }
    sql.push_str("COMMIT;");
    let file = controller.data().join("past.sql");
    fs::write(&file, sql).unwrap();
    let read = format!(".read {}", file.display());
    let done = Command::new("sqlite3").arg("-bail").arg(controller.data().join("keepwatch.db")).arg(read).output();
    let done = done.expect("sqlite3 is installed (./tests/run.sh does)");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    controller.restart();
}

#[test]
fn the_overview_is_drawn_and_each_figure_leads_to_its_list() {
    let (mut controller, staff, agent) = fleet();
    work(&staff, &agent);
    give_a_past(&mut controller);
    let mut browser = Browser::start(&controller, "en-US");
    for language in ["en", "zh-CN"] {
        browser.goto("/login");
        browser.speak(language);
        browser.log_in("admin", controller.password());
        browser.goto("/");
        browser.wait_for("#chart-stored canvas");
        browser.look("overview-fleet");
        browser.goto("/wall");
        browser.wait_for("main h1");
        browser.look("wall");
        for (scheme, width, height) in [("light", 1920, 1080), ("dark", 1920, 1080), ("dark", 1366, 768)] {
            browser.shade(scheme);
            browser.resize(width, height);
            browser.picture(&format!("wall-{language}-{scheme}-{width}"));
            let tall = browser.run("return document.documentElement.scrollHeight").as_u64().unwrap();
            assert!(tall <= u64::from(height), "the wall is {tall} tall on a screen of {height}");
        }
        browser.shade("light");
        browser.resize(1280, 900);
    }

    // The drawings stay through a refresh, and their numbers can be read.
    browser.goto("/");
    browser.wait_for("#chart-trend canvas");
    browser.run("window.name = 'the same'; document.querySelector('#chart-trend canvas').id = 'drawn'");
    browser.click("#table-trend summary");
    browser.until_shown(&["日期"]);
    fs::write(agent.disk().join("再来 eicar.com"), eicar()).unwrap();
    browser.run("document.querySelector('.places a').focus()");
    let shown = |browser: &Browser| browser.run("return document.querySelector('#to-detections b').textContent");
    let before = shown(&browser);
    staff.run(["scan", &agent.host(), agent.disk().join("再来 eicar.com").to_str().unwrap(), "--watch"]).ok();
    keepwatch_tests::until("the overview counts one more", || shown(&browser) != before);
    keepwatch_tests::until("the drawing is there again", || {
        browser.run("return !!document.querySelector('#chart-trend #drawn')") == json!(true)
    });
    assert_eq!(browser.run("return window.name"), json!("the same"));
    assert_eq!(browser.run("return document.querySelector('#table-trend').open"), json!(true));
    assert_eq!(browser.run("return !!document.activeElement.closest('.places')"), json!(true), "the focus stays");
    browser.assert_own();

    for (way, path) in
        [("#to-at-risk", "/hosts?state=at-risk"), ("#to-detections", "/detections"), ("#to-wall", "/wall")]
    {
        browser.goto("/");
        browser.click(way);
        keepwatch_tests::until("it leads there", || browser.path() == path);
    }
    browser.until_shown(&["正在执行"]);

    // A wall that hears nothing says so.
    controller.kill();
    browser.wait_for("#stale:not([hidden])");
}
