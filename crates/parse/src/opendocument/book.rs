//! Sheets of OpenDocument: cells as they are shown, at their place.

use docent_core::{DocumentBuilder, ParseError};

use super::{
    End,
    elements::{Element, Ns},
};
use crate::{
    ParseOptions,
    html::push_collapsed,
    sheets::{Budget, Sheet, one_line},
};

/// A filled row or column that is repeated more often than this is there so often only.
const MOST_ROWS: u32 = 1000;
const MOST_COLUMNS: u32 = 256;

/// The workbook being read.
pub(super) struct Book {
    budget: Budget,
    /// The sheet that is open, with its name.
    sheet: Option<(String, Sheet)>,
    /// The place of the next row and cell.
    row: u32,
    column: u32,
    /// How often the open row stands there.
    rows: u32,
    /// The filled cells of the open row: first column, how often, text.
    filled: Vec<(u32, u32, String)>,
    cell: Option<Cell>,
}

/// The cell that is open.
struct Cell {
    columns: u32,
    text: String,
    /// What it says where it shows nothing.
    value: Option<String>,
}

impl Book {
    pub(super) fn new(options: &ParseOptions) -> Self {
        Self {
            budget: Budget::new(options),
            sheet: None,
            row: 0,
            column: 0,
            rows: 1,
            filled: Vec::new(),
            cell: None,
        }
    }

    /// Begins an element; `None`: it is left out.
    pub(super) fn start(&mut self, element: &Element<'_>) -> Option<End> {
        match (element.ns, element.local()) {
            (Ns::Table, "table") => {
                let name = element.attribute("name").unwrap_or_default();
                // A table in a cell, or what is kept of another file.
                if self.sheet.is_some() || name.starts_with("'file:") {
                    return None;
                }
                self.sheet = Some((name.into_owned(), Sheet::default()));
                self.row = 0;
                return Some(End::Table);
            }
            (Ns::Table, "table-row") if self.sheet.is_some() => {
                self.rows = element.number("number-rows-repeated");
                self.column = 0;
                self.filled.clear();
                return Some(End::Row);
            }
            (Ns::Table, "table-cell") if self.sheet.is_some() => {
                let columns = element.number("number-columns-repeated");
                self.cell = Some(Cell { columns, text: String::new(), value: value(element) });
                return Some(End::Cell);
            }
            (Ns::Table, "covered-table-cell") => {
                // What it holds is not shown.
                self.column = self.column.saturating_add(element.number("number-columns-repeated"));
                return None;
            }
            (Ns::Text, "p" | "h" | "s" | "tab" | "line-break") => self.text(" "),
            (Ns::Draw, _) => return None,
            _ => {}
        }
        Some(End::Nothing)
    }

    pub(super) fn text(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell {
            push_collapsed(&mut cell.text, text);
        }
    }

    pub(super) fn end(&mut self, end: End, builder: &mut DocumentBuilder) -> Result<(), ParseError> {
        match end {
            End::Cell => {
                let Some(cell) = self.cell.take() else { return Ok(()) };
                if let Some(text) = one_line(&cell.text).or(cell.value) {
                    self.filled.push((self.column, cell.columns.min(MOST_COLUMNS), text));
                }
                self.column = self.column.saturating_add(cell.columns);
            }
            End::Row => {
                self.put_row()?;
                self.row = self.row.saturating_add(self.rows);
            }
            End::Table => {
                if let Some((name, sheet)) = self.sheet.take() {
                    sheet.add_to(builder, &name, &mut self.budget)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn put_row(&mut self) -> Result<(), ParseError> {
        let filled = std::mem::take(&mut self.filled);
        let Some((_, sheet)) = &mut self.sheet else { return Ok(()) };
        if filled.is_empty() {
            return Ok(());
        }
        for row in 0..self.rows.min(MOST_ROWS) {
            for (first, columns, text) in &filled {
                for column in 0..*columns {
                    self.budget.take(text.len())?;
                    let place = (self.row.saturating_add(row), first.saturating_add(column));
                    sheet.put(place, text.clone());
                }
            }
        }
        Ok(())
    }
}

/// The value of a cell, for programs that do not write what it shows.
fn value(cell: &Element<'_>) -> Option<String> {
    let kind = cell.attribute("value-type")?;
    let text = match &*kind {
        "date" => cell.attribute("date-value")?.replacen('T', " ", 1),
        "time" => cell.attribute("time-value")?.into_owned(),
        "string" => cell.attribute("string-value")?.into_owned(),
        "boolean" => cell.attribute("boolean-value")?.to_uppercase(),
        "percentage" => {
            let value = cell.attribute("value")?;
            match value.parse::<f64>() {
                // Without the noise of binary fractions: 0.07 is 7%.
                Ok(share) => format!("{}%", (share * 1e8).round() / 1e6),
                Err(_) => value.into_owned(),
            }
        }
        "currency" => {
            let unit = cell.attribute("currency").unwrap_or_default();
            format!("{} {unit}", cell.attribute("value")?)
        }
        _ => cell.attribute("value")?.into_owned(),
    };
    one_line(&text)
}
