//! The form of a group's policy, as a browser sends it.

use super::policies::{form, hidden};
use super::*;

const FORM: &str = "/policies/form?group=all";
const EDIT: &str = "/policies/edit?group=all";

/// Every Wednesday at a time, in this edition of the root's document.
fn wednesdays<'a>(base: &'a str, time: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("group", "all"),
        ("base", base),
        ("backup.schedule", "weekly"),
        ("backup.schedule.day", "wed"),
        ("backup.schedule.time", time),
    ]
}

/// What the editor's field holds.
fn typed(text: &str) -> String {
    let field = text.split("<textarea class=\"document\"").nth(1).unwrap_or_default();
    let field = field.split_once(">\n").map_or("", |(_, field)| field).split("</textarea>").next();
    field.unwrap_or_default().replace("&#39;", "'")
}

#[tokio::test]
async fn a_schedule_set_by_form_is_checked_saved_and_holds() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let staff = crate::app::tests::administrator();
    pages.enrol("pc-1").await;
    let empty = pages.get(FORM, &chief).await;
    assert_eq!(empty.status, StatusCode::OK);
    for word in ["Set by form", "Inherited: Wed at 12:40 (product default)", "1 to 100", "Asia/Urumqi", "256 MiB"] {
        assert!(empty.text.contains(word), "{word}: {}", empty.text);
    }
    assert!(!empty.text.contains("id=\"comments\"") && !empty.text.contains("policy-form-"), "{}", empty.text);
    let lists = [("backup.paths", "@users\r\n/srv/共享\r\n"), ("backup.keep.weekly", "8")];
    let more = [("backup.cpu_percent", "20"), ("backup.bandwidth", "512"), ("scan.threads", "")];
    let sent = [wednesdays("0", "12:45"), lists.to_vec(), more.to_vec()].concat();
    let checked = pages.post(FORM, &chief, &form(&sent)).await;
    assert_eq!(checked.status, StatusCode::OK, "{}", checked.text);
    for word in ["1 PC changes", "Backups · Schedule", "45 12 * * wed", "id=\"save\"", "kib_per_second: 512"] {
        assert!(checked.text.contains(word), "{word}: {}", checked.text);
    }
    assert_eq!(pages.app.policy(&staff, "all").await.unwrap().revision, 0, "a form saves nothing");
    let yaml = typed(&checked.text);
    let save = [
        ("group", "all"),
        ("yaml", &yaml),
        ("base", &hidden(&checked.text, "base")),
        ("checked", &hidden(&checked.text, "checked")),
        ("do", "save"),
    ];
    let saved = pages.post(EDIT, &chief, &form(&save)).await;
    assert_eq!(saved.header("location"), "/policies/group?notice=policy-saved&group=all", "{}", saved.text);
    let effective = pages.app.effective_policy(&staff, "all", "").await.unwrap();
    let says = |name: &str| effective.fields.iter().find(|field| field.field == name).unwrap().value.clone();
    assert_eq!((says("backup.schedule"), says("backup.cpu_percent")), ("\"45 12 * * wed\"".into(), "20".into()));
    assert_eq!(says("backup.paths"), "[\"@users\",\"/srv/共享\"]");

    // The form shows what holds now, and the same once more is no change.
    let again = pages.get(FORM, &chief).await.text;
    for word in ["value=\"12:45\"", "value=\"wed\" checked", "value=\"weekly\" selected", "/srv/共享", "4 set here"] {
        assert!(again.contains(word), "{word}: {again}");
    }
    let same = pages.post(FORM, &chief, &form(&[wednesdays("1", "12:45"), lists.to_vec()].concat())).await;
    assert!(same.text.contains("There is nothing to save") && !same.text.contains("id=\"save\""), "{}", same.text);
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_all_that_was_typed_stays() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let many = "/srv/<b>\n".repeat(10_000);
    let cron = |text: &'static str| vec![("backup.schedule", "other"), ("backup.schedule.cron", text)];
    for (mut sent, id, said, kept) in [
        (wednesdays("0", "25:99"), "backup-schedule-time", "a time of the day", "value=\"25:99\""),
        (vec![("scan.cpu_percent", "<b>lots")], "scan-cpu-percent", "from 1 to 100", "&#60;b&#62;lots"),
        (vec![("backup.paths", many.as_str())], "backup-paths", "At most 1,000 lines", "/srv/&#60;b&#62;\n/srv"),
        // What only the policy as a whole can tell is said there, too.
        (cron("61 * * * *"), "backup-schedule-cron", "cannot be read", "value=\"61 * * * *\""),
        (vec![("time_zone", "Mars/Base")], "time-zone", "no such time zone", "value=\"Mars/Base\""),
        (vec![("backup.paths", "@user")], "backup-paths", "what stands for places", "@user"),
        (vec![("backup.bandwidth", "5")], "backup-bandwidth", "are too few", "value=\"5\""),
    ] {
        sent.extend([("group", "all"), ("base", "0"), ("scan.threads", "3"), ("scan.excludes", "**/留下")]);
        let got = pages.post(FORM, &chief, &form(&sent)).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{id}");
        for word in [said, kept, "1 setting needs another look", "**/留下", "value=\"3\"", &format!("href=\"#{id}\"")]
        {
            assert!(got.text.contains(word), "{id}, {word}: {}", got.text);
        }
        let control = got.text.split(&format!("id=\"{id}\"")).nth(1).unwrap().split('>').next().unwrap();
        let described = id.trim_end_matches("-time").trim_end_matches("-cron");
        assert!(control.contains("aria-invalid=\"true\""), "{control}");
        assert!(control.contains(&format!("{described}-wrong")), "{control}");
        assert_eq!(got.text.matches("aria-invalid").count(), 1, "{id}");
        assert!(!got.text.contains("<b>lots") && !got.text.contains("id=\"save\""), "{id}");
    }
    let chinese = format!("{chief}; keepwatch-language=zh-CN");
    let got = pages.post(FORM, &chinese, &form(&wednesdays("0", "25:99"))).await.text;
    assert!(
        got.contains("请填写时间") && got.contains("有 1 项设置需要修改") && !got.contains("policy-form-"),
        "{got}"
    );
    let got = pages.post(FORM, &chinese, &form(&[("group", "all"), ("backup.bandwidth", "5")])).await.text;
    assert!(got.contains("每秒 5 KiB 太低"), "{got}");
}

#[tokio::test]
async fn a_form_sets_no_locked_field_and_is_for_administrators() {
    let pages = Pages::new().await;
    let (chief, viewer) = (pages.log_in("chief", "administrator").await, pages.log_in("looks", "viewer").await);
    let staff = crate::app::tests::administrator();
    pages.app.create_group(&staff, "tax", "").await.unwrap();
    let root = "locked: [backup.schedule]\nbackup: {schedule: '0 9 * * mon'}\nscan: {threads: 4}\n";
    pages.app.set_policy(&staff, "all", root, 0).await.unwrap();
    pages.app.set_policy(&staff, "tax", "# theirs\nscan: {unpack: false}\n", 0).await.unwrap();

    let shown = pages.get("/policies/form?group=tax", &chief).await.text;
    let schedule = shown.split("id=\"backup-schedule-row\"").nth(1).unwrap().split("</fieldset>").next().unwrap();
    assert!(schedule.contains("disabled") && schedule.contains("value=\"mon\" checked"), "{schedule}");
    for word in ["locked by <bdi>All PCs", "Inherited: 4 (All PCs)", "id=\"comments\""] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let above = pages.get(FORM, &chief).await.text;
    assert!(above.contains("Locked against the groups below: <code><bdi>backup.schedule"), "{above}");
    let mut sent = wednesdays("1", "12:40");
    sent[0] = ("group", "tax");
    sent.push(("scan.cpu_percent", "30"));
    let checked = pages.post("/policies/form?group=tax", &chief, &form(&sent)).await;
    let yaml = typed(&checked.text);
    assert_eq!(yaml, "scan:\n  unpack: false\n  cpu_percent: 30\n", "{}", checked.text);
    assert!(checked.text.contains("# theirs"), "that a comment goes is seen: {}", checked.text);

    for got in [pages.get(FORM, &viewer).await, pages.post(FORM, &viewer, &form(&sent)).await] {
        assert_eq!(got.status, StatusCode::FORBIDDEN);
    }
    assert!(!pages.get("/policies/group?group=tax", &viewer).await.text.contains("/policies/form"));
    assert_eq!(pages.get("/policies/form?group=nowhere", &chief).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn of_two_the_later_form_is_told_and_what_was_typed_outlives_the_session() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let staff = crate::app::tests::administrator();
    pages.app.set_policy(&staff, "all", "scan: {threads: 1}\n", 0).await.unwrap();
    pages.app.set_policy(&staff, "all", "scan: {threads: 2}\n", 1).await.unwrap();
    let sent = form(&[wednesdays("1", "12:45"), vec![("scan.threads", "1")]].concat());
    let late = pages.post(FORM, &chief, &sent).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    for word in ["Somebody else changed", "edition 2", "threads: 2", "schedule: 45 12 * * wed"] {
        assert!(late.text.contains(word), "{word}: {}", late.text);
    }
    assert_eq!(typed(&late.text), "scan:\n  threads: 1\nbackup:\n  schedule: 45 12 * * wed\n");
    assert_eq!(hidden(&late.text, "base"), "2");

    let ended = pages.post(FORM, "", &sent).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    for (field, value) in [("to", "/policies/form?group=all"), ("carried.backup.schedule.time", "12:45")] {
        assert_eq!(hidden(&ended.text, field), value, "{}", ended.text);
    }
}
