//! What people write, in Chinese and English: words that are used as often as words are, so
//! that it compresses as text does.

use crate::chance::Chance;
use std::fmt::Write;

pub(crate) const DEPARTMENTS: [&str; 8] =
    ["财务部", "人事部", "办公室", "信息中心", "业务一科", "业务二科", "Legal", "Procurement"];

pub(crate) const USERS: [&str; 24] = [
    "zhang.wei",
    "wang.fang",
    "li.na",
    "liu.yang",
    "chen.jie",
    "yang.min",
    "zhao.lei",
    "huang.yan",
    "zhou.tao",
    "wu.qiang",
    "xu.jing",
    "sun.hao",
    "ma.chao",
    "zhu.lin",
    "hu.bin",
    "guo.ying",
    "he.xin",
    "gao.feng",
    "lin.mei",
    "luo.gang",
    "王小明",
    "李雪",
    "张建国",
    "陈静",
];

const TITLES: [&str; 20] = [
    "预算",
    "年度报告",
    "会议纪要",
    "通知",
    "合同",
    "采购清单",
    "人员名单",
    "工作总结",
    "项目计划",
    "发票",
    "Budget",
    "Minutes",
    "Contract draft",
    "Quarterly report",
    "Inventory",
    "Travel claim",
    "Notice",
    "Plan",
    "Supplier list",
    "Scan",
];

/// Syllables make more words than one would want to write down.
const SYLLABLES: [&str; 40] = [
    "ad", "al", "an", "ar", "as", "ber", "ble", "cal", "com", "con", "de", "di", "en", "er", "es", "for", "gen", "in",
    "ing", "is", "ment", "mi", "na", "ness", "of", "on", "or", "per", "port", "pro", "re", "ser", "sion", "so", "ta",
    "ter", "tion", "tra", "un", "ver",
];

const CHARACTERS: &str = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处";

/// A name for a file.
pub(crate) fn title(chance: &mut Chance) -> &'static str {
    TITLES[chance.zipf(TITLES.len())]
}

/// Sentences, at least `size` bytes of them.
pub(crate) fn prose(size: usize, chance: &mut Chance) -> String {
    let mut text = String::with_capacity(size + 400);
    while text.len() < size {
        sentence(&mut text, chance);
        text.push_str(if chance.below(6) == 0 { "\r\n" } else { " " });
    }
    text
}

/// One sentence, in either language.
pub(crate) fn sentence(text: &mut String, chance: &mut Chance) {
    let words = 4 + chance.below(10);
    if chance.below(5) < 2 {
        for at in 0..words {
            text.push_str(if at == 0 { "" } else { " " });
            word(text, chance);
        }
        text.push('.');
        return;
    }
    let characters: Vec<char> = CHARACTERS.chars().collect();
    for at in 0..words * 2 {
        // Two characters are a word more often than not: the second follows from the first.
        let first = chance.zipf(characters.len());
        text.push(characters[first]);
        text.push(characters[(first * 31 + chance.zipf(12)) % characters.len()]);
        if at % 9 == 8 {
            text.push('，');
        }
    }
    text.push('。');
}

fn word(text: &mut String, chance: &mut Chance) {
    let mut number = chance.zipf(6_000) + 7;
    while number > 0 {
        text.push_str(SYLLABLES[number % SYLLABLES.len()]);
        number /= SYLLABLES.len();
    }
}

/// Lines of values, at least `size` bytes of them.
pub(crate) fn table(size: usize, chance: &mut Chance) -> String {
    let mut text = String::from("\u{feff}编号,日期,部门,姓名,金额,备注\r\n");
    while text.len() < size {
        let (department, user) = (chance.zipf(DEPARTMENTS.len()), chance.zipf(USERS.len()));
        let (number, month, day) = (chance.below(1_000_000), 1 + chance.below(12), 1 + chance.below(28));
        let cents = chance.below(10_000_000);
        let _ = write!(
            text,
            "{number:06},2024-{month:02}-{day:02},{},{},{}.{:02},",
            DEPARTMENTS[department],
            USERS[user],
            cents / 100,
            cents % 100
        );
        word(&mut text, chance);
        text.push_str("\r\n");
    }
    text
}
