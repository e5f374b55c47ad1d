//! Every sentence of the program's is in both catalogues, and in them is nothing else.

use super::*;
use crate::sources;
use fluent_bundle::FluentResource;
use keepwatch_phrases::sources::{bare, literals, worth};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    let entry = |line: &str| {
        let (key, text) = line.split_once(" = ")?;
        let places = text.split("{ $").skip(1).map(|p| p.split(' ').next().unwrap().to_owned()).collect();
        Some((key.to_owned(), places))
    };
    lines.filter_map(entry).collect()
}

/// The string literals that follow any of these words in the sources.
fn said_after(words: &[&str]) -> BTreeSet<String> {
    let of_tests = |path: &Path| path.ends_with("shapes.rs") || path.to_string_lossy().contains("scripted");
    let code = sources::code("").into_iter().filter(|(path, _)| !of_tests(path));
    code.flat_map(|(_, code)| literals(&code, words)).collect()
}

#[test]
fn both_catalogues_have_the_same_keys_and_places() {
    let (english, chinese) = (keys(ENGLISH), keys(CHINESE));
    let words: BTreeMap<_, _> = chinese.iter().filter(|(key, _)| key.starts_with("word-")).collect();
    assert!(words.len() > 40, "{words:?}");
    let sentences = chinese.iter().filter(|(key, _)| !key.starts_with("word-"));
    assert_eq!(sentences.map(|(k, v)| (k.clone(), v.clone())).collect::<BTreeMap<_, _>>(), english);
    FluentResource::try_new(CHINESE.into()).map_err(|(_, errors)| errors).unwrap();
    FluentResource::try_new(ENGLISH.into()).map_err(|(_, errors)| errors).unwrap();
}

#[test]
fn every_sentence_of_the_program_is_in_the_catalogue() {
    let known: BTreeSet<String> = ENGLISH.lines().filter_map(|l| l.split_once(" = ")).map(|(_, t)| bare(t)).collect();
    let mut said =
        said_after(&[".note(", ".note(&format!(", "#[error(", "confirm(context, &format!(", "question = format!("]);
    said.extend(said_after(&["list(&views,", "list(&rows,", "none = format!(", "NONE: &str ="]));
    let missing: Vec<String> =
        said.iter().map(|s| bare(s)).filter(|s| !known.contains(s) && worth(s) && !s.contains('\n')).collect();
    assert!(missing.is_empty(), "i18n/en.ftl and zh-CN.ftl lack:\n{}", missing.join("\n"));
}

#[test]
fn every_heading_and_label_is_in_the_catalogue() {
    let known: BTreeSet<&str> = ENGLISH.lines().filter_map(|l| l.split_once(" = ")).map(|(_, t)| t).collect();
    let mut missing = BTreeSet::new();
    for (_, code) in sources::code("commands") {
        let headings = code.split("HEADER: &'static").skip(1).filter_map(|rest| rest.split(';').next());
        let quoted = headings.flat_map(|h| h.split('"').skip(1).step_by(2)).map(str::to_owned);
        let cards = code.split("fn lines(&self)").skip(1).filter_map(|rest| rest.split("\n    }\n").next());
        // What is put together is a value, not a label.
        let labels = cards.flat_map(|card| {
            card.replace("format!(\"", "").split("(\"").skip(1).map(str::to_owned).collect::<Vec<_>>()
        });
        let labels = labels.filter_map(|rest| rest.split_once("\",").map(|(label, _)| label.to_owned()));
        missing.extend(quoted.chain(labels).filter(|text| !known.contains(text.as_str())));
    }
    assert!(missing.is_empty(), "i18n/en.ftl and zh-CN.ftl lack: {missing:?}");
}

#[test]
fn sentences_are_found_with_what_stands_in_their_places() {
    let chinese = |text: &str| Language::ZhCn.say(text);
    assert_eq!(chinese("The folder is empty."), "文件夹为空。");
    assert_eq!(
        chinese("there is no host 'PC-9'; 'keepwatch hosts list' shows them"),
        "没有名为“PC-9”的电脑；用“keepwatch hosts list”查看全部"
    );
    // Put together of two, and of one that is not known.
    let unknown = chinese("the moon is away; log in with 'keepwatch login'");
    assert_eq!(unknown, "the moon is away；请用“keepwatch login”登录");
    assert_eq!(
        chinese(
            "Cut PC-1 off for good? Its backups stay. Nobody is at a terminal to be asked; say --yes if it is meant"
        ),
        "确定永久停用 PC-1？它的备份会保留。 没有终端可供询问；确认无误请加 --yes"
    );
    // A value that looks like a place is no place.
    assert!(chinese("{ $host } can no longer log in.").starts_with("{ $host } "));
    assert_eq!(Language::En.say("The folder is empty."), "The folder is empty.");
}

#[test]
fn what_a_file_was_not_done_for_stands_behind_its_path() {
    let chinese = |text: &str| Language::ZhCn.say_of(text);
    assert_eq!(
        chinese("2 infected files are in the snapshot; the detections name them"),
        "快照中有 2 个被感染的文件，详见检出"
    );
    assert_eq!(chinese("C:\\a: b.txt: it does not exist"), "C:\\a: b.txt：不存在");
    assert_eq!(chinese("/a: nobody knows why"), "/a: nobody knows why");
    assert_eq!(Language::En.say_of("/a: it does not exist"), "/a: it does not exist");
}

#[test]
fn words_are_translated_one_by_one() {
    assert_eq!(Language::ZhCn.words("at-risk"), "有风险");
    assert_eq!(Language::ZhCn.words("backup-missed, something new"), "错过整次备份、something new");
    assert_eq!(Language::ZhCn.words("2 away, 1 lost"), "2 长期离线、1 失联");
    assert_eq!(Language::En.words("at-risk, x"), "at-risk, x");
}

#[test]
fn every_reason_that_a_pc_can_have_has_its_word() {
    // As the pages have them: their catalogue is tested against the controller's own list.
    let pages =
        [include_str!("../../../src/web/i18n/en/reasons.ftl"), include_str!("../../../src/web/i18n/en/words.ftl")];
    let words: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.lines())
        .filter_map(|l| l.strip_prefix("reason-").or(l.strip_prefix("state-"))?.split(' ').next())
        .collect();
    assert!(words.len() > 30, "{words:?}");
    for word in words {
        assert!(CHINESE.contains(&format!("\nword-{word} = ")), "word-{word}");
    }
}

#[test]
fn the_environment_decides_where_nothing_is_said() {
    let with = |pairs: &'static [(&str, &str)]| {
        Language::of_environment(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    };
    assert_eq!(with(&[("LANG", "zh_CN.UTF-8")]), Language::ZhCn);
    assert_eq!(with(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::En);
    assert_eq!(with(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW")]), Language::ZhCn);
    assert_eq!(with(&[]), Language::En);
}
