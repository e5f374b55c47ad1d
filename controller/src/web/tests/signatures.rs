//! Rules: sent in, checked, published, shown, taken out; and how they spread.

use super::*;
use keepwatch_proto::detection::{Detection, Severity};

const LIMIT: &str = "----kw";

/// As a browser sends the form: fields, and files by their names.
fn upload(fields: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!("--{LIMIT}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    for (name, text) in files {
        let kind = "Content-Type: application/octet-stream";
        body.push_str(&format!(
            "--{LIMIT}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n{kind}\r\n\r\n{text}\r\n"
        ));
    }
    body.push_str(&format!("--{LIMIT}--\r\n"));
    body
}

impl Pages {
    pub(super) async fn upload(&self, cookie: &str, fields: &[(&str, &str)], files: &[(&str, &str)]) -> Got {
        let kind = format!("multipart/form-data; boundary={LIMIT}");
        let headers = [("cookie", cookie), ("sec-fetch-site", "same-origin"), ("content-type", kind.as_str())];
        self.send(Method::POST, "/signatures/import", &headers, &upload(fields, files)).await
    }

    /// Sends in, has a look, publishes.
    async fn publish(&self, cookie: &str, source: &str, text: &str) {
        let sent = self.upload(cookie, &[("source", source)], &[("test.yar", text)]).await;
        let draft = sent.header("location").to_owned();
        assert!(draft.starts_with("/signatures/drafts/"), "{}", sent.text);
        let done = self.post(&draft, cookie, "").await;
        assert_eq!(done.header("location"), "/signatures?notice=published", "{}", done.text);
    }
}

async fn pages() -> (Pages, String, String) {
    let pages = Pages::new().await;
    pages.app.signing.create().await.unwrap();
    let administrator = pages.log_in("wang", "administrator").await;
    let viewer = pages.log_in("viewer", "viewer").await;
    (pages, administrator, viewer)
}

#[tokio::test]
async fn rules_are_checked_looked_at_and_published() {
    let (pages, wang, viewer) = pages().await;
    let none = pages.get("/signatures", &viewer).await.text;
    assert!(none.contains("No rules are published yet") && !none.contains("/signatures/import"), "{none}");

    // What is broken is named with its line, and what was typed is there still.
    let broken = "rule one { condition: true }\nrule two { condition: nonsense }\n";
    let sent = pages.upload(&wang, &[("source", "own")], &[("broken.yar", broken)]).await;
    let text = pages.get(sent.header("location"), &wang).await.text;
    for shown in ["broken.yar:2", "nonsense", "Nothing can be published"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("id=\"publish\""), "{text}");
    for (fields, files, shown) in [
        (
            &[("source", "a/b"), ("origin", "here & there")][..],
            &[("a.yar", "rule a { condition: true }")][..],
            "here &#38; there",
        ),
        (&[("source", "own")], &[], "Choose at least one file"),
        (&[("source", "own")], &[("readme.zip", "no zip")], "cannot be read"),
    ] {
        let got = pages.upload(&wang, fields, files).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", got.text);
        assert!(got.text.contains(shown) && got.text.contains(&format!("value=\"{}\"", fields[0].1)), "{}", got.text);
    }

    // With a good one beside it, the rest can be published without it.
    let good = "rule a {\n meta:\n  license = \"MIT\"\n condition: true\n}\n";
    let sent = pages.upload(&wang, &[("origin", "our own <b>")], &[("own.yar", good), ("broken.yar", broken)]).await;
    let draft = sent.header("location").to_owned();
    let text = pages.get(&draft, &wang).await.text;
    for shown in
        ["1 file does not compile", "broken.yar:2", "1 new rule", "own/own · a", "Publish without the broken files"]
    {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(pages.app.bundles(&crate::app::tests::administrator()).await.unwrap().len(), 0, "nothing is out yet");
    assert_eq!(pages.post(&draft, &wang, "").await.header("location"), "/signatures?notice=published");
    assert_eq!(pages.get(&draft, &wang).await.status, StatusCode::NOT_FOUND, "it is published once");
    let text = pages.get("/signatures", &viewer).await.text;
    for shown in ["own", "MIT", "our own &#60;b&#62;", "wang", "1 new, 0 gone, 0 changed"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }

    // The next version says what it changed, and a source goes when somebody says so.
    pages.publish(&wang, "own", "rule a { condition: false }\nrule b { condition: true }").await;
    let text = pages.get("/signatures/bundles/2", &viewer).await.text;
    assert!(text.contains("own/test · a") && text.contains("own/own · a"), "{text}");
    pages.publish(&wang, "second", "rule c { condition: true }").await;
    let page = pages.get("/signatures/source?name=second", &viewer).await.text;
    assert!(page.contains("test.yar") && !page.contains("/signatures/source/remove"), "{page}");
    assert!(pages.get("/signatures/source/remove?name=second", &wang).await.text.contains("Take this source out?"));
    let done = pages.post("/signatures/source/remove", &wang, "name=second").await;
    assert_eq!(done.header("location"), "/signatures?notice=source-removed", "{}", done.text);
    let text = pages.get("/signatures/bundles/4", &viewer).await.text;
    assert!(text.contains("was taken out") && text.contains("second/test · c"), "{text}");
    for missing in ["/signatures/source?name=second", "/signatures/bundles/9", "/signatures/bundles/x"] {
        assert_eq!(pages.get(missing, &viewer).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn a_detection_shows_the_text_of_its_rule() {
    let (pages, wang, viewer) = pages().await;
    let rule = "rule Bad {\n  meta: note = \"<script>alert(1)</script>\"\n  condition: true\n}";
    pages.publish(&wang, "own", &format!("rule first {{ condition: true }}\n{rule}\n")).await;
    let host = pages.enrol("pc-1").await;
    let id = DetectionId::new(&pages.app.clock);
    let detection = Detection {
        job: JobId::new(&pages.app.clock),
        rule: "Bad".into(),
        namespace: "own/test".into(),
        severity: Severity::High,
        metadata: Default::default(),
        path: "/home/a".into(),
        size: 3,
        sha256: "cd".repeat(32),
        bundle: 1,
    };
    let mut conn = pages.app.store.write().await.unwrap();
    store::detections::insert(&mut conn, &DetectionRow::of(id, host, pages.app.now(), &detection)).await.unwrap();
    drop(conn);
    let text = pages.get(&format!("/detections/{id}"), &viewer).await.text;
    for shown in ["rule Bad {\n", "condition: true\n}", "test.yar, line 2", "/signatures/source?name=own"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("<script>alert") && !text.contains("rule first"), "{text}");
}

#[tokio::test]
async fn a_rollout_is_halted_with_a_reason_and_goes_on() {
    let (pages, wang, viewer) = pages().await;
    let operator = pages.log_in("li", "operator").await;
    assert!(pages.get("/rollouts", &viewer).await.text.contains("No rules are published yet"));
    pages.enrol("pc-1").await;
    pages.publish(&wang, "own", "rule a { condition: true }").await;
    for page in ["/rollouts", "/rollouts/1"] {
        let text = pages.get(page, &viewer).await.text;
        assert!(text.contains("Version 1") && text.contains("Spreading") && text.contains("0 of 1 PCs"), "{text}");
        assert!(!text.contains("/rollouts/1/halt"), "a viewer only looks: {text}");
    }
    let asked = pages.get("/rollouts/1/halt", &operator).await.text;
    assert!(asked.contains("Halt bundle 1?") && asked.contains("No PC has it yet"), "{asked}");
    let empty = pages.post("/rollouts/1/halt", &operator, "reason=%00odd").await;
    assert!(empty.status == StatusCode::UNPROCESSABLE_ENTITY && empty.text.contains("Say why"), "{}", empty.text);
    let done = pages.post("/rollouts/1/halt", &operator, "reason=finds+<our>+tools").await;
    assert_eq!(done.header("location"), "/rollouts/1?notice=rollout-halted");
    let text = pages.get("/rollouts", &viewer).await.text;
    assert!(text.contains("Halted by li, just now: finds &#60;our&#62; tools"), "{text}");
    let text = pages.get("/rollouts/1/halt", &operator).await.text;
    assert!(text.contains("cannot be done now") && !text.contains("id=\"go\""), "{text}");
    assert!(pages.get("/rollouts/1/resume", &operator).await.text.contains("Let bundle 1 go on?"));
    assert_eq!(
        pages.post("/rollouts/1/resume", &operator, "").await.header("location"),
        "/rollouts/1?notice=rollout-resumed"
    );
    assert_eq!(pages.post("/rollouts/1/now", &wang, "").await.header("location"), "/rollouts/1?notice=rollout-spread");
    assert!(pages.get("/rollouts/1", &viewer).await.text.contains("given to all rings at once"));
    assert_eq!(pages.get("/rollouts/7", &viewer).await.status, StatusCode::NOT_FOUND);
}
