//! Papers as who gets them reads them: the PDF is read back by poppler, where that is installed.

use super::*;
use chrono::DateTime;
use std::io::Write;
use std::process::{Command, Stdio};

fn column(title: &str, numbers: bool) -> Column {
    Column { title: title.into(), unit: String::new(), numbers }
}

fn table(rows: usize, total: usize) -> Table {
    let row = |n: usize| {
        let name = match n {
            0 => "<script>alert(1)</script>".to_owned(),
            1 => "=cmd|' /C calc'!A0".to_owned(),
            2 => "龙䶮𬭼的电脑".to_owned(),
            3 => "a".repeat(500),
            n => format!("财务处-PC-{n:05}"),
        };
        let reasons = "离开：超过一周没有消息；备份已逾期；很可能存在恶意软件".to_owned();
        let cells = [Cell::text(name), Cell::text("全市/财政局/预算处"), Cell::text(reasons), Cell::default()];
        Row {
            cells: cells.into_iter().chain([Cell::number("1,234", 1234)]).collect(),
            step: u32::from(n.is_multiple_of(2)),
        }
    };
    let columns = vec![
        column("电脑", false),
        column("部门", false),
        column("原因", false),
        column("自何时起", false),
        column("未处理的检出", true),
    ];
    let empty = "所有电脑均受保护。".into();
    Table { name: "未受保护的电脑".into(), columns, rows: (0..rows).map(row).collect(), total, empty }
}

fn paper(rows: usize) -> Paper {
    let share = |look, label: &str, n| Share { look, label: label.into(), n };
    let bar = Part::Bar(vec![
        share(Look::Good, "受保护", 412),
        share(Look::Warn, "需要处理", 9),
        share(Look::Bad, "有风险", 0),
        share(Look::Unknown, "状态未知", 5),
    ]);
    let section = |heading: &str, parts| Section { heading: heading.into(), note: String::new(), parts };
    Paper {
        language: "zh-CN",
        title: "电脑防护周报：2026 年第 47 周".into(),
        about: "守备 · 全部部门".into(),
        author: "admin".into(),
        made: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        sentence: "430 台电脑中，412 台受保护，18 台需要处理".into(),
        facts: vec![("时段".into(), "2026-11-16 至 2026-11-22".into()), ("生成人".into(), "王伟".into())],
        sections: vec![
            section(
                "电脑现状",
                vec![bar, Part::Facts(vec![("备份占用".into(), Cell::number("1.50 TiB", 1_649_267_441_664))])],
            ),
            section("目前未受保护的电脑", vec![Part::Table(table(rows, rows))]),
            section("本期检出", vec![Part::Table(table(0, 0))]),
        ],
        say_more: Box::new(|n| format!("另有 {n} 项未列出")),
        say_page: Box::new(|page, pages| format!("第 {page} 页，共 {pages} 页")),
    }
}

/// What a program of poppler's makes of a PDF; `None` where it is not installed.
fn poppler(program: &str, arguments: &[&str], pdf: &[u8]) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().write_all(pdf).unwrap();
    let mut command = Command::new(program);
    command.arg(file.path()).args(arguments).stdout(Stdio::piped());
    let done = command.output().ok()?;
    let errors = String::from_utf8(done.stderr).unwrap();
    // What poppler 22 says of every file that has this entry as the standard wants it.
    let wrong = errors.lines().find(|line| !line.contains("Suspects object is wrong type (boolean)"));
    assert!(done.status.success() && wrong.is_none(), "{program}: {errors}");
    // A title may come as UTF-16 in the midst of it.
    Some(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
fn a_pdf_says_what_the_paper_says() {
    let pdf = super::pdf(&paper(400)).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.7"));
    assert!(pdf.len() < 1 << 20, "{} bytes: only glyphs that are shown are in it", pdf.len());
    if let Some(folder) = std::env::var_os("KEEPWATCH_PICTURES") {
        std::fs::write(std::path::Path::new(&folder).join("paper.pdf"), &pdf).unwrap();
    }
    let Some(text) = poppler("pdftotext", &["-layout", "-"], &pdf) else { return };
    for words in [
        "电脑防护周报：2026 年第 47 周",
        "430 台电脑中，412 台受保护，18 台需要处理",
        "生成人",
        "王伟",
        "受保护",
        "1.50 TiB",
        "财务处-PC-00299",
        "另有 100 项未列出",
        "所有电脑均受保护。",
        "龙䶮□的电脑",
        "<script>alert(1)",
        "=cmd|",
        "第 1 页，共",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    assert!(!text.contains("财务处-PC-00300"), "what is too much is left out");
    let pages = text.matches('\u{c}').count();
    assert!(pages > 5 && text.matches("自何时起").count() >= pages - 1, "each page of the table has its head");
    let fonts = poppler("pdffonts", &[], &pdf).unwrap();
    for line in fonts.lines().skip(2) {
        let flags: Vec<&str> = line.split_whitespace().filter(|word| ["yes", "no"].contains(word)).collect();
        assert_eq!(flags, ["yes", "yes", "yes"], "embedded, a part, and readable: {line}");
    }
    let info = poppler("pdfinfo", &[], &pdf).unwrap();
    for words in ["Tagged:          yes", "电脑防护周报", "A4"] {
        assert!(info.contains(words), "{info}");
    }
}

#[test]
fn it_can_be_read_by_who_cannot_see_it() {
    let pdf = super::pdf(&paper(40)).unwrap();
    let Some(tree) = poppler("pdfinfo", &["-struct-text"], &pdf) else { return };
    for words in ["H1", "H2", "Table", "THead", "TH", "TD", "Column", "Row", "Figure", "电脑现状", "离开：超过一周"]
    {
        assert!(tree.contains(words), "{words} is not in\n{tree}");
    }
    assert_eq!(tree.matches("自何时起").count(), 1, "a head that is repeated is read once");
    // By the rules of PDF/UA-1, and not only as far as it went.
    assert!(String::from_utf8_lossy(&pdf).contains("pdfuaid:part"), "it is not PDF/UA");
}

#[test]
fn csv_and_text_say_the_same() {
    let csv = String::from_utf8(super::csv(&paper(400))).unwrap();
    assert!(csv.starts_with('\u{feff}') && csv.contains("\r\n受保护,412\r\n"), "{csv}");
    assert!(csv.contains("\"'=cmd|' /C calc'!A0\",全市/财政局/预算处,") && csv.contains(",,1234\r\n"), "{csv}");
    assert!(csv.contains("财务处-PC-00399"), "a spreadsheet has all of them");
    assert!(csv.contains("备份占用,1649267441664"));
    let plain = super::plain(&paper(60));
    for words in ["430 台电脑中", "受保护    412", "另有 10 项未列出", "所有电脑均受保护。", "1,234"]
    {
        assert!(plain.contains(words), "{words} is not in\n{plain}");
    }
    assert!(!plain.contains(&"a".repeat(60)));
}

#[test]
fn a_paper_of_ten_thousand_rows_is_set_in_time() {
    let begun = std::time::Instant::now();
    let paper = paper(10_000);
    let (pdf, csv) = (super::pdf(&paper).unwrap(), super::csv(&paper));
    assert!(pdf.len() < 1 << 20 && csv.len() < 4 << 20, "{} {}", pdf.len(), csv.len());
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}
