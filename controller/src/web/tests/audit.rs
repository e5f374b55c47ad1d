//! The page of the records.

use super::policies::form;
use super::*;

#[tokio::test]
async fn records_are_told_in_words_and_found() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let viewer = pages.log_in("looks", "viewer").await;
    let host = pages.enrol("pc-\u{202e}<b>1").await;
    pages.post(&format!("/hosts/{host}/scan"), &chief, "").await;
    let staff = crate::app::tests::administrator();
    pages.app.set_policy(&staff, "all", "scan: {threads: 2}\n# =1+1\n", 0).await.unwrap();
    assert_eq!(pages.get("/users", &viewer).await.status, StatusCode::FORBIDDEN);
    assert_eq!(pages.get("/audit", &viewer).await.status, StatusCode::FORBIDDEN);

    let text = pages.get("/audit", &chief).await.text;
    for word in ["asked for a scan", "changed a policy", "logged in", "asked for the page", "Refused", "<b>1"] {
        assert_eq!(text.contains(word), word != "<b>1", "{word}: {text}");
    }
    assert!(text.contains(&format!("href=\"/hosts/{host}\"")) && !text.contains('\u{202e}'), "{text}");
    for (query, there, gone) in [
        ("user=looks", "asked for the page", "asked for a scan</td>"),
        ("action=job+scan", "asked for a scan</td>", "logged in</td>"),
        ("outcome=refused", "asked for the page", "logged in</td>"),
        ("object=ALL", "changed a policy</td>", "logged in</td>"),
        ("object=%25", "Nothing on record fits", "logged in</td>"),
        ("until=2020-01-01", "Nothing on record fits", "logged in</td>"),
        ("from=2020-01-01", "logged in</td>", "Nothing on record"),
        ("from=soon", "cannot be read", "logged in</td>"),
    ] {
        let text = pages.get(&format!("/audit?{query}"), &chief).await.text;
        assert!(text.contains(there) && !text.contains(gone), "{query}: {text}");
    }
    let kept = pages.get("/audit?user=%3Cb%3E&from=soon", &chief).await.text;
    assert!(kept.contains("&#60;b&#62;") && kept.contains("value=\"soon\""), "{kept}");
    assert_eq!(pages.get("/audit?after=x", &chief).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_table_is_for_spreadsheets_and_reckons_nothing() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let host = pages.enrol("pc-1").await;
    let detection = pages.detect(host, "/x").await;
    let reason = form(&[("reason", "=HYPERLINK(\"http://evil\",\"a\")"), ("next", "/detections")]);
    pages.post(&format!("/detections/{detection}/acknowledge"), &chief, &reason).await;
    let got = pages.get("/audit/file?user=chief", &chief).await;
    assert_eq!(got.header("content-type"), "text/csv; charset=utf-8");
    assert!(got.header("content-disposition").starts_with("attachment; filename=\"keepwatch-audit-"));
    assert!(got.text.starts_with("\u{feff}Time: Beijing time (UTC+8),Who,"), "{}", got.text);
    assert!(got.text.contains("\"'=HYPERLINK(\"\"http://evil\"\",\"\"a\"\")\"\r\n"), "{}", got.text);
    assert!(got.text.contains(",audit export,"), "taking it away is on record: {}", got.text);
    assert_eq!(pages.get("/audit/file?from=x", &chief).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn long_records_come_page_by_page() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let staff = crate::app::tests::administrator();
    for n in 0..105 {
        pages.app.create_group(&staff, &format!("g{n}"), "").await.unwrap();
    }
    let first = pages.get("/audit?action=group+create", &chief).await.text;
    let next = first.split("id=\"older\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let second = pages.get(&next, &chief).await.text;
    assert!(
        second.contains("g0</bdi>") && !second.contains("g104</bdi>") && !second.contains("id=\"older\""),
        "{second}"
    );
    assert!(second.contains("Newest"), "{second}");
}

/// What records name is known here, so that each is told in words.
#[test]
fn every_deed_has_its_words() {
    let app = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app");
    let mut folders = vec![app];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let demanded = code.split("demand(").skip(1).filter_map(|rest| rest.split(')').next()?.split('"').nth(1));
            let recorded = code.split("action: \"").skip(1).filter_map(|rest| rest.split('"').next());
            for deed in demanded.chain(recorded) {
                assert!(pages::audit::DEEDS.contains(&deed), "'{deed}' of {} has no words", path.display());
            }
        }
    }
}
