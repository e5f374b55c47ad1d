//! What the controller and its agents say is in the catalogue, in both languages.

use super::*;
use crate::sources::{bare, code, literals, worth};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each key with the places in its text and in its text for pages, where it has one.
fn keys(text: &str) -> BTreeMap<String, [BTreeSet<String>; 2]> {
    let places = |text: &str| text.split("{ $").skip(1).map(|p| p.split(' ').next().unwrap().to_owned()).collect();
    let mut keys: BTreeMap<String, [BTreeSet<String>; 2]> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let Some((key, text)) = line.split_once(" = ") else { continue };
        if key == "    .page" {
            keys.get_mut(&last).unwrap()[1] =
                BTreeSet::from(["page".to_owned()]).union(&places(text)).cloned().collect();
        } else {
            last = key.to_owned();
            assert!(keys.insert(last.clone(), [places(text), BTreeSet::new()]).is_none(), "{key} is there twice");
        }
    }
    keys
}

#[test]
fn both_languages_have_the_same_keys_and_places() {
    for [english, chinese] in SAID {
        for text in [english, chinese] {
            FluentResource::try_new(text.into()).map_err(|(_, errors)| errors).unwrap();
        }
        let (english, chinese) = (keys(english), keys(chinese));
        assert!(english.len() > 100);
        assert_eq!(english, chinese);
    }
    // All files are one catalogue.
    let all: Vec<String> = SAID.iter().flat_map(|[english, _]| keys(english).into_keys()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn pages_name_no_command() {
    for text in SAID.iter().flatten() {
        let mut rest = text.lines().filter(|l| !l.starts_with('#')).peekable();
        while let Some(line) = rest.next() {
            let commands = |text: &str| {
                ["'keepwatch ", "“keepwatch ", " --", "'policies "].iter().any(|command| text.contains(command))
            };
            let with_own = rest.peek().is_some_and(|next| next.starts_with("    .page"));
            let named = line.replace("(--init)", "");
            assert!(!commands(&named) || with_own, "this needs a text for the pages: {line}");
        }
    }
}

/// Where the controller and its agents say something to people, and the words before it.
const SOURCES: [(&str, &[&str]); 15] = [
    ("controller/src/app", &REFUSALS),
    ("controller/src/web", &REFUSALS),
    ("controller/src/handout.rs", &REFUSALS),
    ("controller/src/handout", &REFUSALS),
    ("controller/src/plan/tree.rs", &["#[error("]),
    ("controller/src/plan/placement.rs", &["#[error("]),
    ("proto/src/network.rs", &["#[error("]),
    ("proto/src/selection.rs", &["#[error("]),
    ("agent/backup/src/error.rs", &["#[error("]),
    ("agent/backup/src/storage.rs", &["#[error("]),
    ("agent/backup/src/restore", &[".failed(path, ", "Err("]),
    ("agent/src/quarantine/error.rs", &["#[error("]),
    ("agent/src/places.rs", &["Err("]),
    ("agent/src/jobs", &["Err(", "Ended::failed(", "return (None, ", "Ok((None, ", "(ended, "]),
    ("agent/src/work", &["Ended::failed(", "Judgement::Bad(", "unavailable("]),
];
const REFUSALS: [&str; 11] = [
    "NotFound(",
    "Invalid(",
    "Conflict(",
    "Forbidden(",
    "Repository(",
    "note(conn, job, ",
    "note(conn, *job, ",
    "note(&mut tx, job, ",
    "note(conn, row.id, &",
    "note(conn, job, &",
    "note(&mut tx, job.id, &",
];

#[test]
fn whatever_is_said_is_in_the_catalogue() {
    let lines = SAID.iter().flat_map(|[english, _]| english.lines());
    let known: BTreeSet<String> = lines.filter_map(|l| l.split_once(" = ")).map(|(_, t)| bare(t)).collect();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut said = BTreeSet::new();
    for (place, words) in SOURCES {
        let files = code(&project.join(place));
        assert!(!files.is_empty(), "{place} is no more");
        said.extend(files.iter().flat_map(|(_, code)| literals(code, words)).map(|text| bare(&text)));
    }
    assert!(said.len() > 200, "{}", said.len());
    let missing: Vec<&String> = said.iter().filter(|text| worth(text) && !known.contains(*text)).collect();
    assert!(missing.is_empty(), "the files in controller/phrases/src/said lack: {missing:#?}");
}

#[test]
fn each_reader_has_a_sentence_in_their_way() {
    let catalogue = Catalogue::new(&SAID);
    let english = "there is no job '7'; 'keepwatch jobs list' shows them";
    for (reader, text) in [
        (Reader::ChineseTerminal, "没有任务“7”；用“keepwatch jobs list”查看全部"),
        (Reader::EnglishPage, "there is no job '7'"),
        (Reader::ChinesePage, "没有任务“7”"),
    ] {
        assert_eq!(catalogue.say(reader, english), text);
    }
}

#[test]
fn sentences_come_apart() {
    let catalogue = Catalogue::new(&SAID);
    for (english, chinese) in [
        ("", ""),
        ("the moon is away", "the moon is away"),
        // Of two, one of which has the mark within itself, and of one that is not known.
        (
            "2 files or folders are not in the snapshot; the failures name them; the moon is away; cancelled",
            "2 个文件或文件夹不在快照中，名称见失败列表；the moon is away；已取消",
        ),
        // A number is a number, and not all that stands before a sentence.
        ("so 2 replaced", "so 2 replaced"),
        ("2 replaced", "覆盖 2 项"),
        // One within another, and lines.
        (
            "line 3: backup.bandwidth: 7 KiB a second are too few; write at least 8, or 0 (in the group 'Tax')\ncancelled",
            "第 3 行：backup.bandwidth：每秒 7 KiB 太低；请至少写 8，或写 0（在分组“Tax”中）\n已取消",
        ),
        (
            "the policy cannot be read: line 2, column 3: scan: unknown field `treads`, expected one of `a`, `b`; did \
             you mean 'threads'?",
            "无法读取策略：第 2 行第 3 列：scan：没有字段“treads”，可用：`a`, `b`；是否想写“threads”？",
        ),
        (
            "left out: 3 as too large, 1 as caches; slowest: /a; b (90 s); no signatures are here yet",
            "未包含：3 个过大、1 个缓存；最慢：/a；b (90 s)；这里还没有特征库",
        ),
        (
            "slowest: /a (90 s); rules to mend, or to disable in the policy: R; /b is not a file",
            "最慢：/a (90 s)；需要修正或在策略中停用的规则：R；/b 不是文件",
        ),
        // What looks like a place is none.
        ("there is no job '{ $job }'; 'keepwatch jobs list' shows them", "没有任务“{ $job }”"),
    ] {
        assert_eq!(catalogue.say(Reader::ChinesePage, english), chinese);
    }
    // However much somebody else's text holds, and however deep it goes.
    let much = "; ".repeat(900);
    assert_eq!(catalogue.say(Reader::ChinesePage, &much).matches('；').count(), MOST_PARTS - 1);
    for hostile in ["line 1: ".repeat(250), "line 1: ".repeat(100_000), "; a; cannot b: ".repeat(130)] {
        assert!(catalogue.say(Reader::ChinesePage, &hostile).len() >= hostile.len() / 2);
    }
}
