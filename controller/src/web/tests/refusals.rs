//! What a use case refuses is said in the reader's language, and without commands.

use super::policies::form;
use super::*;

#[tokio::test]
async fn refusals_are_in_the_readers_language_and_name_no_command() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    pages.enrol("pc-1").await;
    let draft = |yaml: &str| form(&[("group", "all"), ("yaml", yaml), ("base", "0"), ("do", "check")]);
    for (method, uri, body, english, chinese) in [
        (Method::GET, "/hosts/nobody", String::new(), "there is no host &#39;nobody&#39;", "没有名为“nobody”的电脑"),
        (Method::GET, "/jobs/7", String::new(), "there is no job &#39;7&#39;", "没有任务“7”"),
        (
            Method::GET,
            "/signatures/source?name=none",
            String::new(),
            "there is no source &#39;none&#39;",
            "没有来源“none”",
        ),
        (
            Method::POST,
            "/policies/edit?group=all",
            draft("scan:\n  treads: 2\n"),
            "did you mean &#39;threads&#39;?",
            "第 2 行第 3 列：scan：没有字段“treads”",
        ),
        (
            Method::POST,
            "/policies/edit?group=all",
            draft("scan:\n  threads: many\n"),
            "invalid type: string",
            "类型不对：写的是",
        ),
        (
            Method::POST,
            "/policies/edit?group=all",
            draft("backup: {bandwidth: [{days: [someday], kib_per_second: 64}]}"),
            "&#39;someday&#39; is no day",
            "“someday”不是星期",
        ),
        (
            Method::POST,
            "/groups/new",
            form(&[("name", "a/b"), ("parent", "all")]),
            "a group&#39;s name has no &#39;/&#39;",
            "分组名不能含“/”",
        ),
        (Method::GET, "/reports?period=2099-01&group=", String::new(), "2099-01 has not begun yet", "2099-01 尚未开始"),
        (Method::GET, "/jobs?state=x&host=nobody", String::new(), "there is no host", "没有名为“nobody”的电脑"),
    ] {
        for (language, words) in [("en", english), ("zh-CN", chinese)] {
            let cookie = format!("{chief}; keepwatch-language={language}");
            let kind = ("content-type", "application/x-www-form-urlencoded");
            let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), kind];
            let got = pages.send(method.clone(), uri, &headers, &body).await;
            assert!(got.status.is_client_error(), "{uri}: {}", got.status);
            assert!(got.text.contains(words), "{uri}: no {words} in {}", got.text);
            assert!(!got.text.contains("keepwatch hosts") && !got.text.contains(" --"), "{uri}: {}", got.text);
        }
    }
}
