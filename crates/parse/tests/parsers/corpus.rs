//! The small bilingual corpus of `examples/corpus`: each format's text, and where it stands.

use std::path::{Path, PathBuf};

use docent_core::{Block, BlockKind, ParsedDocument, Parser};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/corpus")
}

fn read(file: &str) -> ParsedDocument {
    let bytes = std::fs::read(corpus().join(file)).unwrap();
    super::parsers().parse(Path::new(file), &bytes).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The text of the only block of `document` that holds `phrase`, and the block.
#[track_caller]
fn find<'d>(document: &'d ParsedDocument, phrase: &str) -> (&'d str, &'d Block) {
    let mut found = document
        .blocks
        .iter()
        .map(|block| (document.block_text(block), block))
        .filter(|(text, _)| text.contains(phrase));
    let first = found.next().unwrap_or_else(|| panic!("{phrase:?} not found in {}", document.text));
    assert!(found.next().is_none(), "{phrase:?} is there twice");
    first
}

#[test]
fn every_file_is_read_without_loss() {
    let mut waiting = vec![corpus()];
    let mut files = 0;
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            files += 1;
            let document = super::parsers().parse(&path, &std::fs::read(&path).unwrap()).unwrap();
            assert!(!document.text.contains(['\u{fffd}', '\0', '\u{feff}']), "{}", path.display());
            assert!(document.blocks.iter().all(|block| block.location.chars.is_some()), "{}", path.display());
        }
    }
    assert_eq!(files, 39);
}

#[test]
fn pdf_pages_and_headings() {
    let manual = read("products/ax-200/service-manual.pdf");
    assert_eq!((manual.pages, manual.title.as_deref()), (Some(3), Some("AX-200 service manual")));
    let (_, code) = find(&manual, "Dry running: pressure too low");
    assert_eq!(code.location.page, Some(3));
    assert_eq!(
        code.location.heading,
        ["AX-200 centrifugal pump: service manual", "5 Error codes of the controller"]
    );
    let (_, torque) = find(&manual, "tighten the housing bolts crosswise to 65 Nm");
    assert_eq!(torque.location.page, Some(2));
    let report = read("quality/incidents/质量事故报告-2026-07.pdf");
    assert_eq!((report.pages, report.language.as_deref()), (Some(2), Some("cmn")));
    let (text, cause) = find(&report, "实测硬度为 HRC 38");
    assert!(text.contains("生产批号") || text.starts_with("机械密封 MS-2207"), "{text}");
    assert_eq!(cause.location.page, Some(1));
    assert_eq!(cause.location.heading, ["质量事故报告", "二、原因分析"]);
    assert_eq!(find(&report, "提前45天书面通知").1.location.page, Some(2));
}

#[test]
fn word_headings_and_tables() {
    let contract = read("legal/contracts/采购合同-机械密封.docx");
    let (goods, place) = find(&contract, "碳化硅机械密封 45 mm");
    assert_eq!(place.kind, BlockKind::Table);
    assert!(goods.lines().any(|row| row == "MS-2215\t碳化硅机械密封 45 mm\t1200\t655\t786000"), "{goods}");
    assert_eq!(&goods[..place.header], "部件号\t名称\t数量（套）\t单价（元）\t金额（元）\n");
    assert_eq!(place.location.heading, ["机械密封采购合同", "第一条 标的物"]);
    let handbook = read("hr/suzhou/员工手册.docx");
    let (allowance, place) = find(&handbook, "夜班津贴");
    assert_eq!((allowance, place.kind), ("夜班津贴为每班60元。", BlockKind::ListItem));
    assert_eq!(place.location.heading, ["员工手册", "第四章 福利"]);
}

#[test]
fn sheets_and_cells() {
    let prices = read("products/price-list-2026.xlsx");
    let (rows, place) = find(&prices, "KS-65-080");
    assert_eq!(place.location.sheet.as_deref(), Some("Sensors and gateways"));
    assert_eq!(place.location.cells.as_deref(), Some("A1:D5"));
    assert_eq!(rows.lines().nth(3), Some("KS-65-080\tS-65 flow sensor, DN 80\t865\t2"));
    let budget = read("sales/苏州预算-2026.xlsx");
    let (_, place) = find(&budget, "三坐标测量机");
    assert_eq!(place.location.sheet.as_deref(), Some("设备采购"));
    assert_eq!(place.location.cells.as_deref(), Some("A1:E4"));
}

#[test]
fn slides_and_notes() {
    let update = read("sales/board-update-q3-2026.pptx");
    assert_eq!(update.pages, Some(4));
    let (_, note) = find(&update, "second quote for the solar roof");
    assert_eq!(
        (note.location.slide, &note.location.heading[..]),
        (Some(4), &["Plan for 2027".to_owned()][..])
    );
    assert_eq!(find(&update, "Gross margin 38.2 %").1.location.slide, Some(2));
    let training = read("it/gateway/网关培训.pptx");
    assert_eq!(find(&training, "红灯闪烁：SD卡故障").1.location.slide, Some(3));
    assert_eq!(find(&training, "现场演示天线的安装").1.location.slide, Some(2));
}

#[test]
fn mail_and_its_attachment() {
    let claim = read("mail/2026-05-20-warranty-claim.eml");
    assert_eq!(claim.title.as_deref(), Some("AX-200 pumps stopped with E-4021"));
    let (_, body) = find(&claim, "PO-BZ-7741");
    assert_eq!(body.location.part.as_deref(), Some("body"));
    let (log, part) = find(&claim, "reset by operator M. Pols");
    assert_eq!((part.kind, part.location.part.as_deref()), (BlockKind::Table, Some("event-log.csv")));
    assert_eq!(log[..part.header].trim_end(), "time,pump,event,pressure_bar");
    let complaint = read("mail/2026-09-03-客户投诉.eml");
    assert!(complaint.text.contains("顾海燕 <guhaiyan@runze.example>"));
    assert!(find(&complaint, "RZ-20260803-05").0.contains("延误13天"));
}

#[test]
fn pages_without_their_navigation_and_scripts() {
    let guide = read("hr/onboarding-guide.html");
    assert_eq!(guide.title.as_deref(), Some("Onboarding guide - Kadeflow Pumps"));
    assert!(guide.text.starts_with("Welcome to Kadeflow\n"), "{}", guide.text);
    let (text, shoes) = find(&guide, "Safety shoes");
    assert!(text.contains("up to €120 a year"));
    assert_eq!(shoes.location.heading, ["Welcome to Kadeflow", "Good to know"]);
    let vpn = read("it/vpn-setup.html");
    let (codes, place) = find(&vpn, "V-207");
    assert_eq!(place.kind, BlockKind::Table);
    assert!(codes.contains("V-207\t证书已过期\t联系 IT 服务台更新证书，分机 6620"));
}

#[test]
fn texts_in_other_encodings_and_their_lines() {
    let notice = read("hr/suzhou/消防培训通知.txt");
    let (text, place) = find(&notice, "邱振东");
    assert!(text.starts_with("各部门：\n    为提高全体员工的消防安全意识"));
    assert_eq!(place.location.lines, Some([3, 5]));
    let installing = read("products/s-65-安装说明.txt");
    let (text, place) = find(&installing, "长按 SET 键8秒");
    assert!(text.contains("DN80 的拧紧力矩为50牛·米"));
    assert_eq!(place.location.lines, Some([3, 8]));
    let meeting = read("meetings/台灣經銷商會議記錄-2026-05.md");
    let (_, place) = find(&meeting, "獨家代理區域為台中以南");
    assert_eq!(place.location.heading, ["台灣經銷商會議記錄", "二、新年度約定"]);
    assert_eq!(place.location.lines, Some([15, 15]));
}

#[test]
fn tables_code_and_settings_as_they_stand_in_the_file() {
    let prices = read("products/产品价格表.csv");
    assert_eq!(prices.mime, "text/csv");
    assert!(prices.block_text(&prices.blocks[0])[..prices.blocks[0].header].starts_with("部件号,产品名称"));
    assert_eq!(prices.blocks[0].location.lines, Some([1, 12]));
    let script = read("it/gateway/pump_health.py");
    let (_, main) = find(&script, "def health_score");
    assert_eq!((main.kind, main.location.lines), (BlockKind::Code, Some([15, 22])));
    let settings = read("it/gateway/gateway-default.json");
    assert!(find(&settings, "192.168.88.1").0.starts_with("{\n"));
}
