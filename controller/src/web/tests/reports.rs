//! Reports: what is shown and downloaded, and that names in them are only names.

use super::*;
use crate::app::summaries::Wanted;
use crate::app::tests::{administrator, enrol_into};
use crate::plan::period::Period;
use futures_util::FutureExt;

async fn pages_with_pcs() -> (Pages, String) {
    let pages = Pages::new().await;
    let cookie = pages.log_in("viewer", "viewer").await;
    pages.app.create_group(&administrator(), "财政局", "").await.unwrap();
    enrol_into(&pages.app, "王伟的电脑", "财政局").await;
    let host = pages.enrol("<script>alert(1)</script>\u{202e}").await;
    pages.enrol("=cmd|' /C calc'!A0").await;
    pages.detect(host, "/home/\"><img src=x>").await;
    (pages, cookie)
}

#[tokio::test]
async fn the_page_offers_periods_and_departments_and_shows_what_was_chosen() {
    let (pages, cookie) = pages_with_pcs().await;
    let bare = pages.get("/reports", &cookie).await.text;
    assert!(bare.contains("hx-get=\"/reports?period=20") && !bare.contains("<article"), "the report follows: {bare}");
    assert_eq!(bare.matches(" selected").count(), 3, "the last week, all of them, the reader's language");

    let month = Period::month_of(pages.app.local_day().await.unwrap());
    let shown = pages.get(&format!("/reports?period={month}&group=&language=en"), &cookie).await.text;
    for words in [
        "0 of 3 PCs are protected; 3 need attention",
        "not over yet",
        "王伟的电脑",
        "all",
        "Open detections",
        "very likely has malware",
    ] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
    assert!(!shown.contains("<script>alert") && !shown.contains("<img src=x") && !shown.contains('\u{202e}'));
    // In another language than the page is.
    let chinese = pages.get(&format!("/reports?period={month}&group=财政局&language=zh-CN"), &cookie).await.text;
    assert!(chinese.contains("lang=\"zh-CN\"") && chinese.contains("1 台电脑中，0 台受保护"), "{chinese}");
    assert!(!chinese.contains("/C calc") && chinese.contains(">Reports<"));
}

#[tokio::test]
async fn a_report_has_the_figures_of_the_first_page() {
    let (pages, cookie) = pages_with_pcs().await;
    let first = pages.get("/", &cookie).await.text;
    let report = pages.get("/reports?period=week", &cookie).await.text;
    let figures = |text: &str, (begin, end): (&str, &str)| -> Vec<String> {
        let text = text.split("class=\"figures\"").nth(1).unwrap();
        let all = text.split(begin).skip(1).map(|rest| rest.split(end).next().unwrap().to_owned());
        all.take(4).collect()
    };
    let first = figures(&first, ("<b>", "</b>"));
    assert_eq!(first, figures(&report, ("<dd>", "</dd>")));
    let csv = pages.get("/reports/file?period=week&format=csv", &cookie).await.text;
    for (label, n) in ["Protected", "Needs attention", "At risk", "Unknown"].iter().zip(first) {
        assert!(csv.contains(&format!("\r\n{label},{n}\r\n")), "{label} {n}: {csv}");
    }
}

#[tokio::test]
async fn files_have_their_kind_and_name_and_no_formula() {
    let (pages, cookie) = pages_with_pcs().await;
    let csv = pages.get("/reports/file?period=2026-W40&group=&language=zh-CN&format=csv", &cookie).await;
    assert_eq!((csv.status, csv.header("content-type")), (StatusCode::OK, "text/csv; charset=utf-8"));
    assert!(csv.header("content-disposition").ends_with("filename*=UTF-8''%E5%AE%88%E5%A4%87%202026-W40.csv"));
    assert!(csv.text.starts_with("\u{feff}电脑防护周报") && csv.text.contains("\"'=cmd|"), "{}", csv.text);
    assert!(csv.text.contains("<script>alert(1)</script>\\u{202e}"), "only a spreadsheet, and plain: {}", csv.text);
    let text = pages.get("/reports/file?period=month&group=财政局&format=text", &cookie).await.text;
    assert!(text.contains("王伟的电脑") && !text.contains("calc"), "{text}");

    let request = Request::builder().uri("/reports/file?period=week&format=pdf").header("host", "localhost:8443");
    let request = request.header("cookie", &cookie).body(Body::empty()).unwrap();
    let response = pages.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert!(response.into_body().collect().await.unwrap().to_bytes().starts_with(b"%PDF-"));
}

#[tokio::test]
async fn what_cannot_be_made_says_why_and_keeps_what_was_chosen() {
    let (pages, cookie) = pages_with_pcs().await;
    for (address, words) in [
        ("/reports?period=2026-W99&group=财政局", "there is no period"),
        ("/reports?period=2999-01&group=财政局", "has not begun"),
        ("/reports?period=week&group=nowhere", "nowhere"),
    ] {
        let got = pages.get(address, &cookie).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
        assert!(got.text.contains("role=\"alert\"") && got.text.contains(words), "{}", got.text);
        let kept = address.contains("财政局");
        assert_eq!(got.text.contains("<option value=\"财政局\" selected"), kept, "{}", got.text);
    }
    for (address, words) in [
        ("/reports/file", "pdf, csv or text"),
        ("/reports/file?format=doc", "pdf, csv or text"),
        ("/reports/file?format=csv&period=x", "there is no period"),
    ] {
        let got = pages.get(address, &cookie).await;
        assert!(got.status == StatusCode::UNPROCESSABLE_ENTITY && got.text.contains(words), "{address}: {}", got.text);
    }
}

#[tokio::test]
async fn a_report_has_its_turn_until_it_is_a_file_and_who_cannot_wait_is_told_to_come_again() {
    let (pages, cookie) = pages_with_pcs().await;
    let wanted = Wanted { period: "week".into(), group: String::new() };
    let mut made = Vec::new();
    for _ in 0..2 {
        made.push(pages.app.summary(&administrator(), &wanted).await.unwrap());
    }
    let mut queue: Vec<_> = (0..8).map(|_| Box::pin(pages.app.reporting.next())).collect();
    assert!(queue.iter_mut().all(|waits| waits.now_or_never().is_none()), "what was gathered is still being made");

    let page = "/reports?period=week&group=财政局";
    let refused = pages.get(page, &cookie).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    // What follows the page is put into it also where it says that.
    let part = pages.send(Method::GET, page, &[("cookie", &cookie), ("hx-request", "true")], "").await;
    assert_eq!(part.status, StatusCode::OK);
    for text in [refused.text, part.text] {
        assert!(text.contains("try again in a minute") && text.contains("<option value=\"财政局\" selected"), "{text}");
    }
    let file = pages.get("/reports/file?period=week&format=csv", &cookie).await;
    assert!(file.status == StatusCode::CONFLICT && file.text.contains("try again in a minute"), "{}", file.text);

    // Those who waited have gone, and what was being made is done.
    drop((queue, made));
    for _ in 0..3 {
        assert!(pages.get(page, &cookie).await.text.contains("<article"));
        assert_eq!(pages.get("/reports/file?period=week&format=csv", &cookie).await.status, StatusCode::OK);
    }
}
