//! The pages of the policies.

use super::*;

/// A form's fields as a browser sends them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| words::encoded(text).replace('/', "%2F");
    fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// The value of a hidden field.
pub fn hidden(text: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    text.split(&field).nth(1).unwrap_or_default().split('"').next().unwrap_or_default().to_owned()
}

const EDIT: &str = "/policies/edit?group=all";

#[tokio::test]
async fn a_policy_is_checked_then_saved_and_can_be_taken_back() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    pages.enrol("pc-1").await;
    let empty = pages.get("/policies", &chief).await.text;
    assert!(empty.contains("Nobody has written a policy yet"), "{empty}");
    let text = pages.get(EDIT, &chief).await.text;
    assert_eq!((hidden(&text, "base").as_str(), text.contains("id=\"save\"")), ("0", false));

    let yaml = "scan:\r\n  schedule: '0 3 * * *'\r\n";
    let draft = |base: &str, checked: &str, deed: &str| {
        form(&[
            ("group", "all"),
            ("yaml", yaml),
            ("why", "nights are quiet"),
            ("base", base),
            ("checked", checked),
            ("do", deed),
        ])
    };
    // Nothing is saved before what it does was seen.
    let unseen = pages.post(EDIT, &chief, &draft("0", "", "save")).await;
    assert_eq!(unseen.status, StatusCode::OK);
    assert!(
        unseen.text.contains("has changed since it was checked") && unseen.text.contains("1 PC changes"),
        "{}",
        unseen.text
    );
    assert_eq!(pages.app.policy(&crate::app::tests::administrator(), "all").await.unwrap().revision, 0);
    let checked = pages.post(EDIT, &chief, &draft("0", "", "check")).await.text;
    for word in ["1 PC changes", "pc-1", "Scans · Schedule", "0 3 * * *", "id=\"save\"", "nights are quiet"] {
        assert!(checked.contains(word), "{word}: {checked}");
    }
    let tried = pages.post(EDIT, &chief, &draft("0", "", "simulate")).await.text;
    assert!(tried.contains("What would run when") && tried.contains("Beijing time"), "{tried}");
    let mark = hidden(&checked, "checked");
    let saved = pages.post(EDIT, &chief, &draft("0", &mark, "save")).await;
    assert_eq!(saved.header("location"), "/policies/group?notice=policy-saved&group=all");
    let text = pages.get(saved.header("location"), &chief).await.text;
    for word in ["The policy is in place", "0 3 * * *", "edition 1", "this group"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    // The same once more is no change.
    let same = pages.post(EDIT, &chief, &draft("1", "", "check")).await.text;
    assert!(same.contains("There is nothing to save") && !same.contains("id=\"save\""), "{same}");

    let second = form(&[("group", "all"), ("yaml", "scan: {threads: 2}"), ("base", "1"), ("do", "check")]);
    let mark = hidden(&pages.post(EDIT, &chief, &second).await.text, "checked");
    let got = pages.post(EDIT, &chief, &format!("{}&checked={mark}", second.replace("do=check", "do=save"))).await;
    assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.text);
    let history = pages.get("/policies/history?group=all", &chief).await.text;
    for word in ["edition 2", "edition 1", "chief", "nights are quiet", "edition=1", "<del>"] {
        assert!(history.contains(word), "{word}: {history}");
    }
    // An earlier one is taken up through the same door.
    let undo = pages.get("/policies/edit?group=all&edition=1", &chief).await.text;
    assert!(
        undo.contains("Back to edition 1") && undo.contains("id=\"save\"") && undo.contains("1 PC changes"),
        "{undo}"
    );
    let again = form(&[
        ("group", "all"),
        ("yaml", "scan:\n  schedule: '0 3 * * *'\n"),
        ("base", &hidden(&undo, "base")),
        ("checked", &hidden(&undo, "checked")),
        ("do", "save"),
    ]);
    assert_eq!(pages.post(EDIT, &chief, &again).await.status, StatusCode::SEE_OTHER);
    let own = pages.app.policy(&crate::app::tests::administrator(), "all").await.unwrap();
    assert_eq!((own.revision, own.yaml.as_str()), (3, "scan:\n  schedule: '0 3 * * *'\n"));
    assert_eq!(pages.get("/policies/edit?group=all&edition=9", &chief).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_line_and_the_text_stays() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    for (yaml, said) in [
        ("scan:\n  treads: 2 # </textarea><script>alert(1)</script>\n", "did you mean"),
        ("scan:\n  schedule: '61 * * * *'\n", "line 2"),
        ("scan:\n  bad: [\n", "line"),
        ("just words", ""),
    ] {
        let sent = form(&[("group", "all"), ("yaml", yaml), ("why", "<b>why</b>"), ("base", "0"), ("do", "check")]);
        let got = pages.post(EDIT, &chief, &sent).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{yaml}");
        assert!(got.text.contains("cannot be saved yet") && got.text.contains(said), "{yaml}: {}", got.text);
        assert!(got.text.contains("aria-invalid") && !got.text.contains("id=\"save\""), "{}", got.text);
        assert!(!got.text.contains("<script>alert") && !got.text.contains("<b>why"), "{}", got.text);
        let kept = yaml.lines().next().unwrap();
        assert!(got.text.contains(kept), "{kept} is kept: {}", got.text);
        assert!(said.is_empty() || got.text.contains("class=\"here\""), "{yaml}: {}", got.text);
    }
    let large = "x".repeat(LARGEST_DOCUMENT + 1);
    assert_eq!(pages.post(EDIT, &chief, &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    // What is locked above names who locked it.
    let staff = crate::app::tests::administrator();
    pages.app.create_group(&staff, "tax", "").await.unwrap();
    pages.app.set_policy(&staff, "all", "locked: [scan.schedule]", 0).await.unwrap();
    let sent = form(&[("group", "tax"), ("yaml", "scan: {schedule: ''}"), ("base", "0"), ("do", "check")]);
    let got = pages.post("/policies/edit?group=tax", &chief, &sent).await;
    assert!(got.text.contains("is locked by the group"), "{}", got.text);
    assert!(pages.get("/policies/group?group=tax", &chief).await.text.contains("locked by"));
}

#[tokio::test]
async fn of_two_who_edit_the_later_is_told_and_loses_nothing() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let staff = crate::app::tests::administrator();
    pages.app.set_policy(&staff, "all", "scan: {threads: 1}\n", 0).await.unwrap();
    let draft = |base: &str, checked: &str, deed: &str| {
        let yaml = "scan: {threads: 3}\nbackup: {canaries: true}\n";
        form(&[("group", "all"), ("yaml", yaml), ("base", base), ("checked", checked), ("do", deed)])
    };
    let mark = hidden(&pages.post(EDIT, &chief, &draft("1", "", "check")).await.text, "checked");
    pages.app.set_policy(&staff, "all", "scan: {threads: 2}\n", 1).await.unwrap();
    let late = pages.post(EDIT, &chief, &draft("1", &mark, "save")).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    for word in ["Somebody else changed", "edition 2", &staff.user, "scan: {threads: 2}", "backup: {canaries: true}"] {
        assert!(late.text.contains(word), "{word}: {}", late.text);
    }
    // From then on it is an edit of theirs; it is looked at before it is saved.
    assert_eq!((hidden(&late.text, "base").as_str(), hidden(&late.text, "checked").as_str()), ("2", ""));
    let old = pages.post(EDIT, &chief, &draft("2", &mark, "save")).await;
    assert_eq!(old.status, StatusCode::OK, "the old mark is none of this edition");
    let mark = hidden(&pages.post(EDIT, &chief, &draft("2", "", "check")).await.text, "checked");
    assert_eq!(pages.post(EDIT, &chief, &draft("2", &mark, "save")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(pages.app.policy(&staff, "all").await.unwrap().revision, 3);
}

#[tokio::test]
async fn groups_of_every_name_have_their_pages_and_viewers_only_look() {
    let pages = Pages::new().await;
    let viewer = pages.log_in("looks", "viewer").await;
    let staff = crate::app::tests::administrator();
    let hostile = "<script>alert(1)</script>&group=all".replace('/', "");
    let above = pages.app.create_group(&staff, "东区 局", "").await.unwrap().path;
    let path = pages.app.create_group(&staff, &hostile, &above).await.unwrap().path;
    pages.app.set_policy(&staff, &path, "# \u{202e}<script>alert(1)\nscan: {threads: 2}\n", 0).await.unwrap();
    for page in ["/policies/group", "/policies/history", "/policies/simulate"] {
        let got = pages.get(&format!("{page}?group={}", words::encoded(&path)), &viewer).await;
        assert_eq!(got.status, StatusCode::OK, "{page}");
        assert!(got.text.contains("东区 局") && !got.text.contains("<script>alert"), "{page}: {}", got.text);
        assert!(!got.text.contains('\u{202e}') && !got.text.contains("/policies/edit"), "{page}: {}", got.text);
    }
    let tree = pages.get("/policies", &viewer).await.text;
    assert!(tree.contains("Its own") && !tree.contains("<script>alert"), "{tree}");
    assert_eq!(pages.get("/policies/group?group=nowhere", &viewer).await.status, StatusCode::NOT_FOUND);
    assert_eq!(pages.get(EDIT, &viewer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(pages.post(EDIT, &viewer, "yaml=&do=save").await.status, StatusCode::FORBIDDEN);
    let chinese = pages.get("/policies/group", &format!("{viewer}; keepwatch-language=zh-CN")).await.text;
    assert!(chinese.contains("对本分组电脑生效的策略") && !chinese.contains("field-"), "{chinese}");
}
