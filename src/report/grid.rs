//! A table of texts, for text, Markdown and the page.

use serde::Serialize;

use super::text::markdown_text;

/// A table of texts.
#[derive(Debug, Serialize)]
pub(super) struct Grid {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<GridRow>,
}

/// A row of it.
#[derive(Debug, Serialize)]
pub(super) struct GridRow {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
    /// Whether the row is one that the others are to beat.
    pub(super) is_baseline: bool,
}

impl Grid {
    /// In columns, each as wide as its widest cell.
    pub(super) fn text(&self) -> String {
        let names = self.rows.iter().map(|row| row.name.chars().count());
        let first = names.max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .map(|row| row.cells[column].chars().count());
            cells
                .chain([self.columns[column].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |name: &str, cells: &[String]| {
            let cells = cells.iter().zip(&widths);
            let cells: String = cells
                .map(|(cell, width)| format!("  {cell:>width$}"))
                .collect();
            format!("  {name:<first$}{cells}\n")
        };
        let rows = self.rows.iter().map(|row| line(&row.name, &row.cells));
        std::iter::once(line("", &self.columns))
            .chain(rows)
            .collect()
    }

    /// As a table of Markdown.
    pub(super) fn markdown(&self) -> String {
        let line = |name: &str, cells: &[String]| {
            let cells = cells
                .iter()
                .map(|cell| format!(" {} |", markdown_text(cell)));
            format!("| {} |{}\n", markdown_text(name), cells.collect::<String>())
        };
        let rule = format!("|---|{}\n", "---:|".repeat(self.columns.len()));
        let rows = self.rows.iter().map(|row| line(&row.name, &row.cells));
        [line("", &self.columns), rule]
            .into_iter()
            .chain(rows)
            .collect()
    }
}
