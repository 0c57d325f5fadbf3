//! What this machine has: models, and what the doctor found.

use std::fmt::Write as _;

use docent::{DoctorReport, ModelState, ModelStatus};

use super::{BAD, DIM, DOUBTFUL, GOOD, STRONG, bytes, clean_line, wrap::columns};

/// The models as a table.
pub(crate) fn models(models: &[ModelStatus], folder: &str) -> String {
    let head = ["role", "name", "size", "licence", "languages", "state"].map(str::to_owned);
    let rows: Vec<[String; 6]> = models.iter().map(row).collect();
    let width =
        |column: usize| rows.iter().chain([&head]).map(|row| columns(&row[column])).max().unwrap_or_default();
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    let padded = |row: &[String; 6]| {
        let cells = row
            .iter()
            .zip(&widths)
            .take(5)
            .map(|(cell, width)| format!("{cell}{}  ", " ".repeat(width - columns(cell))));
        cells.collect::<String>()
    };
    let _ = writeln!(text, "{STRONG}{}{}{STRONG:#}", padded(&head), head[5]);
    for (row, model) in rows.iter().zip(models) {
        let colour = match model.state {
            ModelState::Installed => GOOD,
            ModelState::Missing => DIM,
            ModelState::Damaged(_) => BAD,
        };
        let _ = writeln!(text, "{}{colour}{}{colour:#}", padded(row), row[5]);
    }
    let _ = writeln!(text, "{DIM}in {}{DIM:#}", clean_line(folder));
    text
}

fn row(model: &ModelStatus) -> [String; 6] {
    let entry = &model.entry;
    let state = match &model.state {
        ModelState::Installed => "installed".into(),
        ModelState::Missing => "missing".into(),
        ModelState::Damaged(why) => format!("damaged: {}", clean_line(why)),
    };
    [
        entry.role.as_str().to_owned(),
        entry.name.clone(),
        bytes(model.bytes),
        entry.licence.clone(),
        entry.languages.join(","),
        state,
    ]
}

/// The checks, each in a line, with what to do about those that are not well.
pub(crate) fn doctor(report: &DoctorReport) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let colour = match check.state.as_str() {
            "ok" => GOOD,
            "warning" => DOUBTFUL,
            _ => BAD,
        };
        let detail = clean_line(&check.detail);
        let _ = writeln!(text, "{colour}{:<9}{colour:#}{}: {detail}", check.state, check.name);
        if let Some(hint) = &check.hint {
            let _ = writeln!(text, "         {DIM}hint: {}{DIM:#}", clean_line(hint));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use docent::{DoctorCheck, ModelStore};

    use super::{super::plain, *};

    #[test]
    fn checks_come_with_the_way_out() {
        let check = |name: &str, state: &str, detail: &str, hint: Option<&str>| DoctorCheck {
            name: name.into(),
            state: state.into(),
            detail: detail.into(),
            hint: hint.map(str::to_owned),
        };
        let report = DoctorReport {
            healthy: false,
            checks: vec![
                check("memory", "ok", "16000 MB", None),
                check("embedder", "failed", "the model x is not installed", Some("get it")),
            ],
        };
        insta::assert_snapshot!(plain(&doctor(&report)), @"
        ok       memory: 16000 MB
        failed   embedder: the model x is not installed
                 hint: get it
        ");
    }

    #[test]
    fn the_table_stands_in_columns() {
        let folder = tempfile::tempdir().unwrap();
        let all = ModelStore::open(folder.path()).unwrap().list().unwrap();
        let text = plain(&models(&all, "/models"));
        let mut lines = text.lines();
        let head = lines.next().unwrap();
        let state = head.find("state").unwrap();
        for line in lines.take(all.len()) {
            assert_eq!(line.find("missing"), Some(state), "{text}");
        }
        assert!(text.ends_with("in /models\n"));
    }
}
