//! All curves as CSV: one row for each x, one column for each series, empty where a series has no point.

use crate::job::record::RunRecord;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The table with its heading.
#[must_use]
pub fn curves(record: &RunRecord) -> String {
    let names: Vec<&String> = record.curves.keys().collect();
    let mut rows: BTreeMap<Ordered, Vec<Option<f64>>> = BTreeMap::new();
    for (column, name) in names.iter().enumerate() {
        for point in &record.curves[*name] {
            let row = rows
                .entry(Ordered(point.x))
                .or_insert_with(|| vec![None; names.len()]);
            row[column] = Some(point.y);
        }
    }
    let mut text = String::from("x");
    for name in names {
        text.push(',');
        text.push_str(&quoted(name));
    }
    text.push('\n');
    for (x, row) in rows {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", x.0);
        for cell in row {
            let _ = match cell {
                Some(y) => write!(text, ",{y}"),
                None => write!(text, ","),
            };
        }
        text.push('\n');
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Finite numbers in their order.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;
    use crate::job::record::Point;

    #[test]
    fn series_stand_side_by_side() {
        let mut record = RunRecord::of(&RunId("r".into()), &[]);
        let curve = |points: &[(f64, f64)]| {
            let point = |&(x, y): &(f64, f64)| Point { x, y, at: 0 };
            points.iter().map(point).collect::<Vec<Point>>()
        };
        record.curves.insert(
            "loss".into(),
            curve(&[(1.0, 2.5), (2.0, 2.0), (10.0, 1e-7)]),
        );
        record.curves.insert("a,b".into(), curve(&[(2.0, -1.0)]));
        assert_eq!(
            curves(&record),
            "x,\"a,b\",loss\n1,,2.5\n2,-1,2\n10,,0.0000001\n"
        );
    }
}
