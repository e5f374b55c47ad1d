//! The page, in a real browser.

use crate::scan::fleet;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use keepwatch_tests::{Agent, Controller, Staff, eicar, until_some};
use serde_json::json;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// chromedriver, which ends with the test.
struct Driver {
    process: Child,
    port: u16,
    profile: tempfile::TempDir,
}

impl Driver {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: the browser ends with it, however the test ends.
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed (./tests/run.sh does)");
        until_some("chromedriver listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { process, port, profile: tempfile::tempdir().unwrap() }
    }

    async fn browser(&self, language: &str) -> Client {
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
        ];
        let own = [format!("--user-data-dir={}", self.profile.path().display()), format!("--accept-lang={language}")];
        let arguments: Vec<&str> = arguments.into_iter().chain(own.iter().map(String::as_str)).collect();
        let mut capabilities = Capabilities::new();
        capabilities.insert("acceptInsecureCerts".into(), json!(true));
        capabilities.insert(
            "goog:chromeOptions".into(),
            json!({"args": arguments, "prefs": {"intl.accept_languages": language}}),
        );
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{}", self.port)).await.unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.process.id())]).status();
        let _ = self.process.wait();
    }
}

async fn log_in(browser: &Client, controller: &Controller) {
    browser.goto(&controller.staff_door()).await.unwrap();
    let field =
        async |name: &str| browser.wait().for_element(Locator::Css(&format!("input[name={name}]"))).await.unwrap();
    field("name").await.send_keys("admin").await.unwrap();
    field("password").await.send_keys(controller.password()).await.unwrap();
    browser.find(Locator::Css("main form button")).await.unwrap().click().await.unwrap();
    browser.wait().for_element(Locator::Css("main table")).await.unwrap();
}

async fn text(browser: &Client) -> String {
    // A fragment may be swapped while it is read.
    match browser.find(Locator::Css("main")).await {
        Ok(main) => main.text().await.unwrap_or_default(),
        Err(_) => String::new(),
    }
}

async fn until_shown(browser: &Client, words: &[&str]) {
    for _ in 0..900 {
        let shown = text(browser).await;
        if words.iter().all(|w| shown.contains(w)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("waited in vain for {words:?} on the page: {}", text(browser).await);
}

fn name_of(staff: &Staff) -> String {
    staff.only_host()["name"].as_str().unwrap().to_owned()
}

fn find_eicar(staff: &Staff, agent: &Agent) {
    let file = agent.disk().join("发票 eicar.com");
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detection_shows_without_a_reload_in_both_languages() {
    let (controller, staff, agent) = tokio::task::spawn_blocking(fleet).await.unwrap();
    let driver = Driver::start();
    let browser = driver.browser("zh-CN").await;
    log_in(&browser, &controller).await;
    let (host, staff, agent) = tokio::task::spawn_blocking(move || (name_of(&staff), staff, agent)).await.unwrap();
    until_shown(&browser, &[&host]).await;
    assert!(!text(&browser).await.contains("发现恶意"), "nothing was found yet");

    // On the fleet's page: the host falls to "at risk" by itself.
    let before = browser
        .execute("return performance.getEntriesByType('navigation').length + window.name", vec![])
        .await
        .unwrap();
    browser.execute("window.name = 'never reloaded'", vec![]).await.unwrap();
    let (staff, agent) = tokio::task::spawn_blocking(move || {
        find_eicar(&staff, &agent);
        (staff, agent)
    })
    .await
    .unwrap();
    until_shown(&browser, &[&host, AT_RISK_ZH]).await;
    let marked = browser.execute("return window.name", vec![]).await.unwrap();
    assert_eq!(marked, json!("never reloaded"), "{before}");

    // On the detections' page, with its Chinese name.
    browser.goto(&format!("{}/detections", controller.staff_door())).await.unwrap();
    until_shown(&browser, &["Eicar", "EICAR 测试文件", "发票 eicar.com", &host]).await;
    browser.goto(&format!("{}/hosts/{}", controller.staff_door(), agent.host())).await.unwrap();
    until_shown(&browser, &["Eicar"]).await;

    // Nothing came from anywhere else.
    let script = "return performance.getEntriesByType('resource').map(r => r.name)";
    let loaded = browser.execute(script, vec![]).await.unwrap();
    let own = controller.staff_door();
    assert!(loaded.as_array().unwrap().iter().all(|url| url.as_str().unwrap().starts_with(&own)), "{loaded}");
    browser.close().await.unwrap();
    drop(driver);

    let driver = Driver::start();
    let browser = driver.browser("en-US").await;
    log_in(&browser, &controller).await;
    until_shown(&browser, &[&host, "At risk"]).await;
    browser.close().await.unwrap();
    // Processes end where blocking is allowed.
    tokio::task::spawn_blocking(move || drop((controller, staff, agent, driver))).await.unwrap();
}

const AT_RISK_ZH: &str = "有风险";
