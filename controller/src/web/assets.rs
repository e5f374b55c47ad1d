//! Style, scripts and pictures, out of the binary. An address with the content's hash in it
//! may be kept for ever: other content has another address.

use super::problem::Problem;
use axum::extract::{Path, Query};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
    hash: String,
}

/// One sheet for all pages, of a file per part.
const STYLE: &str = concat!(
    include_str!("assets/css/base.css"),
    include_str!("assets/css/frame.css"),
    include_str!("assets/css/parts.css"),
    include_str!("assets/css/tables.css"),
    include_str!("assets/css/overview.css"),
    include_str!("assets/css/charts.css"),
    include_str!("assets/css/wall.css"),
    include_str!("assets/css/groups.css"),
    include_str!("assets/css/hosts.css"),
    include_str!("assets/css/host.css"),
    include_str!("assets/css/jobs.css"),
    include_str!("assets/css/enrol.css"),
    include_str!("assets/css/detections.css"),
    include_str!("assets/css/quarantine.css"),
    include_str!("assets/css/signatures.css"),
    include_str!("assets/css/rollouts.css"),
    include_str!("assets/css/snapshot.css"),
    include_str!("assets/css/login.css"),
    include_str!("assets/css/policies.css"),
    include_str!("assets/css/audit.css"),
    include_str!("assets/css/users.css"),
    include_str!("assets/css/restore.css"),
    include_str!("assets/css/reports.css"),
    include_str!("assets/css/narrow.css"),
);

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    vec![
        asset("keepwatch.css", "text/css; charset=utf-8", STYLE.as_bytes()),
        asset("keepwatch.js", "text/javascript; charset=utf-8", include_bytes!("assets/keepwatch.js")),
        asset("hosts.js", "text/javascript; charset=utf-8", include_bytes!("assets/hosts.js")),
        asset("copy.js", "text/javascript; charset=utf-8", include_bytes!("assets/copy.js")),
        asset("policies.js", "text/javascript; charset=utf-8", include_bytes!("assets/policies.js")),
        asset("restore.js", "text/javascript; charset=utf-8", include_bytes!("assets/restore.js")),
        asset("htmx.min.js", "text/javascript; charset=utf-8", include_bytes!("assets/htmx.min.js")),
        asset(
            "echarts.common.min.js",
            "text/javascript; charset=utf-8",
            include_bytes!("assets/echarts.common.min.js"),
        ),
        asset("htmx-sse.min.js", "text/javascript; charset=utf-8", include_bytes!("assets/htmx-sse.min.js")),
        asset("charts.js", "text/javascript; charset=utf-8", include_bytes!("assets/charts.js")),
        asset("wall.js", "text/javascript; charset=utf-8", include_bytes!("assets/wall.js")),
        asset("favicon.svg", "image/svg+xml", include_bytes!("assets/favicon.svg")),
        asset("LICENSES.md", "text/plain; charset=utf-8", include_bytes!("assets/LICENSES.md")),
    ]
});

fn asset(name: &'static str, kind: &'static str, content: &'static [u8]) -> Asset {
    Asset { name, kind, content, hash: hex::encode(&Sha256::digest(content)[..8]) }
}

/// The address of an asset, good for as long as its content.
pub fn address(name: &str) -> String {
    let hash = ASSETS.iter().find(|a| a.name == name).map_or("", |a| &a.hash);
    format!("/assets/{name}?v={hash}")
}

/// The hash that an address names.
#[derive(Deserialize)]
pub struct Version {
    #[serde(default)]
    v: String,
}

/// One of them.
pub async fn serve(
    Path(name): Path<String>,
    Query(version): Query<Version>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|a| a.name == name).ok_or(Problem::NOTHING)?;
    let tag = format!("\"{}\"", asset.hash);
    let keep = if version.v == asset.hash { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(IF_NONE_MATCH).is_some_and(|h| h.as_bytes() == tag.as_bytes());
    let kept = [(ETAG, tag), (CACHE_CONTROL, keep.to_owned())];
    Ok(if known {
        (StatusCode::NOT_MODIFIED, kept).into_response()
    } else {
        (kept, [(CONTENT_TYPE, asset.kind)], asset.content).into_response()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/templates");
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            for forbidden in [" style=", "<style", " onclick=", "javascript:", "http://", "https://", " hx-on"] {
                assert!(!text.contains(forbidden), "{forbidden} in {}", file.path().display());
            }
            for script in text.split("<script").skip(1) {
                assert!(script.starts_with(" src="), "an inline script in {}", file.path().display());
            }
        }
    }

    /// The classes that a sheet lays out by rules of their own: `.name { display: … }`.
    fn laid_out(sheet: &str) -> BTreeSet<String> {
        let mut depth = 0;
        let mut found = BTreeSet::new();
        let mut selectors = "";
        for part in sheet.split_inclusive(['{', '}']) {
            match (part.strip_suffix('{'), depth) {
                (Some(before), _) => {
                    let bare = before.rsplit("*/").next().unwrap_or_default();
                    selectors = if depth == 0 { bare } else { "" };
                    depth += 1;
                }
                (None, _) => {
                    if part.contains("display:") {
                        let alone = |s: &&str| s.starts_with('.') && !s[1..].contains([' ', '.', ':', '>', '[']);
                        found.extend(selectors.split(',').map(str::trim).filter(alone).map(str::to_owned));
                    }
                    depth -= 1;
                }
            }
        }
        found
    }

    #[test]
    fn no_two_sheets_lay_out_the_same_class() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/assets/css");
        let mut owners = BTreeMap::new();
        for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let sheet = std::fs::read_to_string(file.path()).unwrap_or_default();
            for class in laid_out(&sheet) {
                let other = owners.insert(class.clone(), file.file_name());
                assert_eq!(other, None, "{class} is in {} as well", file.path().display());
            }
        }
        assert!(owners.contains_key(".steps") && owners.contains_key(".badge"), "{owners:?}");
    }

    #[test]
    fn each_address_has_its_contents_hash() {
        for asset in ASSETS.iter() {
            assert!(address(asset.name).ends_with(&asset.hash) && asset.hash.len() == 16);
        }
    }
}
