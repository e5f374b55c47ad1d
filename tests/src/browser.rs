//! A real Chromium at the pages, driven through chromedriver. It waits for what a page shows,
//! looks at it in light and dark, narrow and wide, and leaves a picture of each look.

use crate::{Controller, until, until_some};
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tokio::runtime::Runtime;

/// axe-core 4.14.1 as published on npm, under the MPL-2.0; see LICENSE-axe-core beside it.
const AXE: &str = include_str!("browser/axe.min.js");
/// Rules of WCAG 2.2 AA and below, and of good practice.
const RULES: &str = r#"["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]"#;
/// Where pictures go; unset: a folder beside the temporary files.
const PICTURES: &str = "KEEPWATCH_PICTURES";

/// A browser with a profile of its own. It ends with the test.
pub struct Browser {
    client: Client,
    origin: String,
    language: String,
    runtime: Runtime,
    _driver: Driver,
    profile: tempfile::TempDir,
}

struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

impl Browser {
    /// A browser whose user prefers this language, at the log-in page.
    pub fn start(controller: &Controller, language: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: the browser ends with it, however the test ends.
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed (./tests/run.sh does)");
        let driver = Driver(process);
        until_some("chromedriver listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        let profile = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(language, &profile));
        let client = runtime.block_on(builder.connect(&format!("http://127.0.0.1:{port}"))).unwrap();
        let origin = controller.staff_door();
        let browser = Self { client, origin, language: language.into(), runtime, _driver: driver, profile };
        browser.goto("/login");
        browser
    }

    /// Logs in at the log-in page, and waits for the page behind it.
    pub fn log_in(&self, name: &str, password: &str) {
        self.goto("/login");
        self.write("input[name=name]", name);
        self.write("input[name=password]", password);
        self.click("main form button");
        self.wait_for("#ways");
    }

    /// Goes to a page of the controller's.
    pub fn goto(&self, path: &str) {
        self.runtime.block_on(self.client.goto(&format!("{}{path}", self.origin))).unwrap();
    }

    /// The address of the page, without the controller's name.
    pub fn path(&self) -> String {
        let url = self.runtime.block_on(self.client.current_url()).unwrap();
        url.as_str().strip_prefix(&self.origin).unwrap_or(url.as_str()).to_owned()
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.runtime.block_on(self.client.execute(script, vec![])).unwrap()
    }

    /// Waits until the page has an element.
    pub fn wait_for(&self, css: &str) {
        until(&format!("the page at {} has {css}", self.path()), || {
            self.runtime.block_on(self.client.find(Locator::Css(css))).is_ok()
        });
    }

    /// Clicks on an element, once it is there. Live pages may replace it meanwhile: then again.
    pub fn click(&self, css: &str) {
        until(&format!("{css} can be clicked at {}", self.path()), || {
            self.runtime.block_on(async { self.client.find(Locator::Css(css)).await?.click().await }).is_ok()
        });
    }

    /// Writes into a field, in place of what is there.
    pub fn write(&self, css: &str, text: &str) {
        until(&format!("{css} can be written into at {}", self.path()), || {
            let write = async {
                let field = self.client.find(Locator::Css(css)).await?;
                field.clear().await?;
                field.send_keys(text).await
            };
            self.runtime.block_on(write).is_ok()
        });
    }

    /// Presses keys where the focus is.
    pub fn press(&self, keys: &[Key]) {
        let keys: String = keys.iter().copied().map(char::from).collect();
        self.runtime.block_on(async {
            self.client.active_element().await.unwrap().send_keys(&keys).await.unwrap();
        });
    }

    /// Types a text where the focus is.
    pub fn type_in(&self, text: &str) {
        self.runtime.block_on(async { self.client.active_element().await.unwrap().send_keys(text).await.unwrap() });
    }

    /// What people read of the page's main part.
    pub fn text(&self) -> String {
        // A fragment may be swapped while it is read.
        let read = async { self.client.find(Locator::Css("main")).await?.text().await };
        self.runtime.block_on(read).unwrap_or_default()
    }

    /// Waits until the page says all of these.
    pub fn until_shown(&self, words: &[&str]) {
        until_some(&format!("{words:?} on the page at {}", self.path()), || {
            let shown = self.text();
            words.iter().all(|word| shown.contains(word)).then_some(())
        });
    }

    /// What the page shows, in this language from now on.
    pub fn speak(&mut self, language: &str) {
        self.language = language.into();
        self.run(&format!("document.cookie = 'keepwatch-language={language}; path=/; secure; samesite=strict'"));
        self.runtime.block_on(self.client.refresh()).unwrap();
    }

    /// How large the window is inside.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Light or dark, as the user's system says.
    pub fn shade(&self, scheme: &str) {
        // Without motion: colours on their way from light to dark are neither.
        let still = json!({"name": "prefers-reduced-motion", "value": "reduce"});
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}, still]});
        self.devtools("Emulation.setEmulatedMedia", features);
    }

    /// Looks at the page as it is, in light and dark, narrow and wide: axe finds nothing wrong, nothing
    /// sticks out at the side, the browser had nothing to complain of, and each look leaves a picture.
    pub fn look(&self, name: &str) {
        for (scheme, width, height) in
            [("light", 1280, 900), ("dark", 1920, 1080), ("light", 360, 740), ("dark", 360, 740)]
        {
            self.shade(scheme);
            self.resize(width, height);
            self.picture(&format!("{name}-{}-{scheme}-{width}", self.language));
            let wide = self.run("return document.documentElement.scrollWidth").as_u64().unwrap();
            assert!(wide <= u64::from(width), "{name} is {wide} wide in a window of {width}");
            let wrong = self.violations();
            assert!(wrong.is_empty(), "{name}, {scheme}, {width}: {}", wrong.join("\n"));
        }
        self.shade("light");
        self.resize(1280, 900);
        self.assert_own();
    }

    /// Keeps a picture of the whole page.
    pub fn picture(&self, name: &str) {
        let shot = self.devtools("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        let folder =
            std::env::var_os(PICTURES).map_or_else(|| std::env::temp_dir().join("keepwatch-pictures"), PathBuf::from);
        fs::create_dir_all(&folder).unwrap();
        let image = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, shot["data"].as_str().unwrap()).unwrap();
        fs::write(folder.join(format!("{name}.png")), image).unwrap();
    }

    /// What axe finds wrong, each with where.
    pub fn violations(&self) -> Vec<String> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             if (!window.axe) {{ {AXE} }}
             axe.run(document, {{runOnly: {RULES}}}).then(
                 r => done(r.violations.map(v => v.id + ': ' + v.help + ' ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | '))),
                 e => done(['axe failed: ' + e]));"
        );
        let found = self.runtime.block_on(self.client.execute_async(&script, vec![])).unwrap();
        found.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    /// Nothing came from anywhere else, and the browser refused nothing.
    pub fn assert_own(&self) {
        let loaded = self.run("return performance.getEntriesByType('resource').map(r => r.name)");
        let foreign: Vec<&Value> =
            loaded.as_array().unwrap().iter().filter(|url| !url.as_str().unwrap().starts_with(&self.origin)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
        let worst = self.complaints();
        assert!(worst.is_empty(), "{worst:?}");
    }

    /// Lets go what the browser complained of so far: where it should.
    pub fn forget_complaints(&self) {
        self.complaints();
    }

    /// What went wrong since it was last asked. That a page is itself an answer like "422" is none.
    fn complaints(&self) -> Vec<Value> {
        let refused = format!(
            "{}{} - Failed to load resource: the server responded with a status of 4",
            self.origin,
            self.path()
        );
        let log = self.runtime.block_on(self.client.issue_cmd(Log)).unwrap();
        let severe = log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE");
        severe.filter(|entry| !entry["message"].as_str().is_some_and(|m| m.starts_with(&refused))).cloned().collect()
    }

    /// Where downloads go.
    pub fn downloads(&self) -> PathBuf {
        self.profile.path().join("downloads")
    }

    fn devtools(&self, command: &str, parameters: Value) -> Value {
        let command = DevTools { command: command.into(), parameters };
        self.runtime.block_on(self.client.issue_cmd(command)).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.client.clone().close());
    }
}

fn capabilities(language: &str, profile: &tempfile::TempDir) -> Capabilities {
    let own =
        [format!("--user-data-dir={}", profile.path().join("profile").display()), format!("--accept-lang={language}")];
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=1280,900",
    ];
    let arguments: Vec<&str> = arguments.into_iter().chain(own.iter().map(String::as_str)).collect();
    let preferences = json!({
        "intl.accept_languages": language,
        "download.default_directory": profile.path().join("downloads"),
        "download.prompt_for_download": false,
    });
    let mut capabilities = Capabilities::new();
    capabilities.insert("acceptInsecureCerts".into(), json!(true));
    capabilities.insert("goog:loggingPrefs".into(), json!({"browser": "ALL"}));
    capabilities.insert("goog:chromeOptions".into(), json!({"args": arguments, "prefs": preferences}));
    capabilities
}

/// A command of the browser's own protocol, which chromedriver hands on.
#[derive(Debug)]
struct DevTools {
    command: String,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.command, "params": self.parameters}).to_string()))
    }
}

/// What the browser had to say since it was last asked.
#[derive(Debug)]
struct Log;

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}
