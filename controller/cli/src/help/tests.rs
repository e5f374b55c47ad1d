//! Every text of the help has its Chinese, which is up to date, and in the catalogue is nothing else.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the catalogue says to be the English of each key, and the Chinese.
fn catalogue() -> BTreeMap<String, (String, String)> {
    let (mut found, mut english) = (BTreeMap::new(), Vec::new());
    for line in CHINESE.lines() {
        if let Some(comment) = line.strip_prefix('#') {
            english.push(comment.strip_prefix(' ').unwrap_or(comment));
        } else if let Some((key, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
            let chinese = text(key, &[]).unwrap_or_default();
            assert!(found.insert(key.to_owned(), (english.join("\n"), chinese)).is_none(), "{key} stands there twice");
            english.clear();
        } else if line.is_empty() {
            english.clear();
        }
    }
    found
}

/// Every English text of a command and of all below it, with its key; an argument's may have another
/// one, which it shares.
fn texts(command: &Command, key: &str, found: &mut Vec<(String, Option<String>, String)>) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    if let Some(long) = command.get_long_about() {
        let long = long.to_string();
        let (_, more) = long.split_once("\n\n").unwrap();
        found.push((format!("{key}-more"), None, more.to_owned()));
    }
    found.push((key.to_owned(), None, about));
    if let Some(behind) = command.get_after_help() {
        found.push((format!("{key}-behind"), None, behind.to_string()));
    }
    for arg in command.get_arguments() {
        let id = arg.get_id();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        assert!(arg.get_long_help().is_none(), "{key} {id}: the catalogue has no place for a second paragraph");
        let values = arg.get_possible_values();
        let explained =
            values.iter().filter_map(|value| Some(format!("\n{}: {}", value.get_name(), value.get_help()?)));
        let help = explained.fold(help, |help, value| help + &value);
        found.push((format!("{key}--{id}"), Some(format!("help--{id}")), help));
    }
    for sub in command.get_subcommands() {
        texts(sub, &format!("{key}-{}", sub.get_name()), found);
    }
}

#[test]
fn every_text_of_the_help_is_translated_as_it_is_now() {
    FluentResource::try_new(CHINESE.into()).map_err(|(_, errors)| errors).unwrap();
    let mut english = Vec::new();
    texts(&Arguments::command(), "help", &mut english);
    let catalogue = catalogue();
    let (mut used, mut wrong) = (BTreeSet::new(), Vec::new());
    for (own, shared, text) in english.into_iter().filter(|(_, _, text)| !text.is_empty()) {
        let key = [Some(own.clone()), shared].into_iter().flatten().find(|key| catalogue.contains_key(key));
        let entry = format!("{}\n{own} =", text.lines().map(|l| format!("# {l}")).collect::<Vec<_>>().join("\n"));
        match key.and_then(|key| Some((catalogue.get(&key)?, key))) {
            Some(((translates, chinese), key)) if *translates == text && *chinese != text => {
                used.insert(key);
            }
            _ => wrong.push(entry),
        }
    }
    assert!(wrong.is_empty(), "i18n/help.zh-CN.ftl lacks, or has of another English:\n{}", wrong.join("\n"));
    let left: Vec<_> = catalogue.keys().filter(|key| key.starts_with("help") && !used.contains(*key)).collect();
    assert!(left.is_empty(), "i18n/help.zh-CN.ftl has what no help says: {left:?}");
}

/// What a line brings in Chinese, as it is printed.
fn said(line: &str) -> String {
    let error = command(Language::ZhCn).try_get_matches_from(line.split(' ')).unwrap_err();
    rendered(&error).to_string()
}

/// What of clap's own English is in it.
fn english(text: &str) -> Option<&str> {
    let own = ["error:", "tip:", "Usage", "Options:", "Commands:", "Arguments:", "Everywhere", "Print "];
    let more =
        ["[default", "[possible", "[env", "OPTIONS", "COMMAND", "a value is", "argument '", "For more", " found"];
    own.into_iter().chain(more).find(|words| text.contains(words))
}

#[test]
fn help_and_errors_are_chinese_from_top_to_bottom() {
    for (line, words) in [
        ("keepwatch", &["用法：", "命令：", "选项：", "通用选项：", "显示此帮助", "退出码：", "rollouts"][..]),
        ("keepwatch --help", &["用法：", "守备"]),
        ("keepwatch help hosts", &["电脑：是否受保护", "用法："]),
        ("keepwatch hosts show -h", &["参数：", "显示一台电脑的全部信息"]),
        ("keepwatch rollouts show -h", &["版本号"]),
        ("keepwatch jobs list -h", &["[默认：50]"]),
        ("keepwatch policies apply --help", &["文档只写本分组要改变的内容"]),
        ("keepwatch users create ann -h", &["viewer：可查看"]),
        ("keepwatch hosts --nonsense", &["错误：", "没有参数“--nonsense”", "用法：", "详细说明"]),
        ("keepwatch hosts list --outptu json", &["没有参数“--outptu”", "提示：", "是否指“--output”？"]),
        ("keepwatch hsots", &["没有命令“hsots”", "是否指“hosts”？"]),
        ("keepwatch hosts show", &["缺少必需的参数：", "<HOST>"]),
        ("keepwatch hosts --lang fr", &["“--lang <LANGUAGE>”不能取值“fr”", "可选值：en、zh-CN"]),
        ("keepwatch tokens create --uses", &["“--uses <N>”需要一个值"]),
        ("keepwatch tokens create --uses 0", &["“--uses <N>”不能取值“0”"]),
        ("keepwatch tokens create --uses 1 --uses 2", &["“--uses <N>”只能使用一次"]),
        ("keepwatch hosts show a b", &["没有参数“b”"]),
        ("keepwatch login --ca f --fingerprint 00", &["--fingerprint"]),
    ] {
        let said = said(line);
        words.iter().for_each(|word| assert!(said.contains(word), "{line}: no {word} in\n{said}"));
        assert_eq!(english(&said), None, "{line}:\n{said}");
    }
}

#[test]
fn english_is_what_clap_says() {
    let error = command(Language::En).try_get_matches_from(["keepwatch", "hsots"]).unwrap_err();
    assert!(error.to_string().contains("a similar subcommand exists: 'hosts'"), "{error}");
}

#[test]
fn the_line_decides_before_the_environment() {
    let of = |line: &str, pairs: &'static [(&str, &str)]| {
        let line: Vec<OsString> = line.split(' ').map(Into::into).collect();
        language(&line, |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    };
    let chinese = &[("LANG", "zh_CN.UTF-8")][..];
    assert_eq!(of("keepwatch", chinese), Language::ZhCn);
    assert_eq!(of("keepwatch --lang en hosts", chinese), Language::En);
    assert_eq!(of("keepwatch --lang=en --help", chinese), Language::En);
    assert_eq!(of("keepwatch hosts --lang", chinese), Language::ZhCn);
    assert_eq!(of("keepwatch hosts --lang fr", chinese), Language::ZhCn);
    assert_eq!(of("keepwatch scan pc -- --lang=en", chinese), Language::ZhCn);
    assert_eq!(of("keepwatch", &[("KEEPWATCH_LANG", "zh"), ("LANG", "C")]), Language::ZhCn);
    assert_eq!(of("keepwatch", &[("KEEPWATCH_LANG", "fr")]), Language::En);
}
