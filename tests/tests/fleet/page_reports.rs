//! Reports, by a real browser and by the command line: they say the same, and look as they should.

use crate::scan::fleet;
use keepwatch_tests::{Browser, eicar, until_some};
use std::fs;
use std::process::Command;

/// What a reader finds in a PDF.
fn text_of(pdf: &std::path::Path) -> String {
    let done = Command::new("pdftotext").args(["-layout".as_ref(), pdf.as_os_str(), "-".as_ref()]).output();
    let done = done.expect("pdftotext (Debian: poppler-utils) is needed; tests/run.sh installs it");
    assert!(done.status.success() && done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_report_is_looked_at_and_taken_home() {
    let (controller, staff, agent) = fleet();
    staff.run(["groups", "create", "财政局"]).ok();
    staff.run(["groups", "create", "预算处", "--parent", "财政局"]).ok();
    staff.run(["groups", "create", "税务局"]).ok();
    let token = staff.json(&["tokens", "create", "--group", "预算处"])["token"].as_str().unwrap().to_owned();
    keepwatch_tests::Agent::new().enroll(&controller, &token).ok();
    staff.set_paths(&[&agent.disk()]);
    fs::write(agent.disk().join("报告.txt"), "报告").unwrap();
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    let file = agent.disk().join("发票 eicar.com");
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
    staff.run(["restore", &agent.host(), "latest", "--watch"]).ok();

    let mut browser = Browser::start(&controller, "en-US");
    browser.log_in("admin", controller.password());
    // By the clocks of the default policy's zone.
    let this_month =
        browser.run("return new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 7)").as_str().unwrap().to_owned();
    for (language, words) in [("en", "Departments now"), ("zh-CN", "各部门现状")] {
        browser.goto("/reports");
        browser.speak(language);
        // The last week comes by itself.
        browser.until_shown(&[words, "财政局"]);
        browser.goto(&format!("/reports?period={this_month}"));
        browser.until_shown(&[words, "发票 eicar.com"]);
        browser.look("reports");
    }
    // What is chosen is what is downloaded.
    browser.run(&format!("document.getElementById('period').value = '{this_month}'"));
    browser.run("document.getElementById('group').value = ''");
    browser.click("#pdf");
    let pdf = browser.downloads().join(format!("守备 {this_month}.pdf"));
    until_some("the PDF is there", || pdf.exists().then_some(()));
    let text = text_of(&pdf);
    for words in ["电脑防护月报", "2 台电脑中", "预算处", "发票 eicar.com", "财政局", "第 1 页"] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }

    // The command line makes the same.
    let own = browser.downloads().join("own.pdf");
    let line =
        ["report", "--period", &this_month, "--format", "pdf", "--language", "zh-CN", "-o", own.to_str().unwrap()];
    staff.run(line).ok();
    let sentence =
        |text: &str| text.lines().find(|line| line.contains("2 台电脑中")).map(|line| line.trim().to_owned());
    assert_eq!(sentence(&text_of(&own)), sentence(&text));
    let csv = staff.run(["report", "--period", &this_month, "--format", "csv", "-o", "-"]).ok().out;
    assert!(csv.starts_with('\u{feff}') && csv.contains("预算处"), "{csv}");
    let plain = staff.run(["report", "--period", "week", "--group", "财政局"]).ok().out;
    assert!(plain.contains("0 of 1 PCs are protected") && !plain.contains("税务局"), "{plain}");
    let refused = staff.run(["report", "--period", "2026-W99"]);
    assert!(refused.err.contains("there is no period '2026-W99'"), "{}", refused.err);
    if let Some(folder) = std::env::var_os("KEEPWATCH_PICTURES") {
        fs::copy(&pdf, std::path::Path::new(&folder).join("report.pdf")).unwrap();
    }
}
