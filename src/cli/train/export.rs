//! Examples as JSON lines of ids and labels, as trainers around PyTorch read them.

use crate::job::finetune::lessons::Part;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes every example of a part, in the order of the data.
pub(super) fn write(path: &Path, part: &Part) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    for lesson in &part.lessons {
        writeln!(out, "{}", lesson.example.to_json())?;
    }
    out.flush()
}
