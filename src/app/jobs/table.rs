//! A run's table: rows by key as they came, sorted by any column; numbers compare as numbers.

use crate::domain::event::Cell;
use std::cmp::Ordering;
use std::collections::HashMap;

/// More rows nobody reads on a screen; the first ones go.
const MOST_ROWS: usize = 5_000;

/// Rows of one table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub name: String,
    pub title: String,
    /// Headings; the first one is that of the keys.
    pub columns: Vec<String>,
    rows: Vec<Row>,
    /// Where a key's row is.
    places: HashMap<String, usize>,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: String,
    pub cells: Vec<Cell>,
}

impl Table {
    #[must_use]
    pub fn new(name: &str, title: &str, columns: &[String]) -> Table {
        Table {
            name: name.to_owned(),
            title: title.to_owned(),
            columns: columns.to_vec(),
            ..Table::default()
        }
    }

    /// A new row, or the new cells of one that is there.
    pub fn put(&mut self, key: &str, cells: &[Cell]) {
        let row = Row {
            key: key.to_owned(),
            cells: cells.to_vec(),
        };
        if let Some(old) = self.places.get(key).and_then(|at| self.rows.get_mut(*at)) {
            *old = row;
            return;
        }
        if self.rows.len() >= MOST_ROWS {
            self.rows.drain(..MOST_ROWS / 2);
            let places = self.rows.iter().enumerate();
            self.places = places.map(|(at, row)| (row.key.clone(), at)).collect();
        }
        self.places.insert(key.to_owned(), self.rows.len());
        self.rows.push(row);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows in the order of a column, or as they came.
    #[must_use]
    pub fn sorted(&self, by: Option<Sort>) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        if let Some(sort) = by {
            rows.sort_by(|a, b| {
                let (a, b) = (a.cell(sort.column), b.cell(sort.column));
                // What is missing stands last either way.
                match (a, b) {
                    (Some(a), Some(b)) if sort.is_falling => compare(&b, &a),
                    (Some(a), Some(b)) => compare(&a, &b),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                }
            });
        }
        rows
    }
}

/// By which column, and whether the largest stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub column: usize,
    pub is_falling: bool,
}

impl Sort {
    /// The next order: each column with the largest first, then as they came.
    #[must_use]
    pub fn next(by: Option<Sort>, columns: usize) -> Option<Sort> {
        let column = by.map_or(0, |sort| sort.column + 1);
        (column < columns).then_some(Sort {
            column,
            is_falling: column > 0,
        })
    }
}

impl Row {
    /// A cell by its column, from 0: the key, then the cells.
    #[must_use]
    pub fn cell(&self, column: usize) -> Option<Cell> {
        match column.checked_sub(1) {
            None => Some(Cell::Text(self.key.clone())),
            Some(at) => self.cells.get(at).cloned(),
        }
    }
}

fn compare(a: &Cell, b: &Cell) -> Ordering {
    let number = |cell: &Cell| match cell {
        Cell::Number(number) => Some(*number),
        Cell::Text(text) => text.trim().parse().ok(),
    };
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => words(a).cmp(words(b)),
    }
}

fn words(cell: &Cell) -> &str {
    match cell {
        Cell::Text(text) => text,
        Cell::Number(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("t", "t", &["id".into(), "best".into()]);
        for (key, best) in [("9", 0.5), ("10", 0.7), ("2", 0.6)] {
            table.put(key, &[Cell::Number(best)]);
        }
        table
    }

    fn keys(table: &Table, by: Option<Sort>) -> Vec<&str> {
        let rows = table.sorted(by).into_iter();
        rows.map(|row| row.key.as_str()).collect()
    }

    #[test]
    fn a_row_is_changed_in_place_and_numbers_sort_as_numbers() {
        let mut table = table();
        table.put("10", &[Cell::Number(0.1)]);
        assert_eq!(keys(&table, None), ["9", "10", "2"]);
        let by_key = Sort::next(None, 2);
        assert_eq!(keys(&table, by_key), ["2", "9", "10"]);
        let by_best = Sort::next(by_key, 2);
        assert_eq!(keys(&table, by_best), ["2", "9", "10"]);
        table.put("9", &[]);
        assert_eq!(keys(&table, by_best), ["2", "10", "9"]);
        assert_eq!(Sort::next(by_best, 2), None);
    }

    #[test]
    fn a_table_without_end_forgets_its_beginning() {
        let mut table = Table::default();
        for n in 0..20_000 {
            table.put(&n.to_string(), &[]);
        }
        assert!(table.len() <= MOST_ROWS);
        table.put("19999", &[Cell::Number(1.0)]);
        let rows = table.sorted(None);
        assert_eq!(rows.last().unwrap().cells, [Cell::Number(1.0)]);
    }
}
