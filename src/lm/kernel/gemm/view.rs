//! Matrices inside slices.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix to be read: any distance between rows and between columns, so transposing costs nothing.
///
/// Invariant: the last number lies inside the slice.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> View<'a> {
    /// Whole rows of `columns` numbers, one behind the other.
    ///
    /// # Panics
    /// When the slice is not whole rows: a programming error.
    #[must_use]
    pub fn new(data: &'a [f32], columns: usize) -> Self {
        assert!(
            columns > 0 && data.len().is_multiple_of(columns),
            "whole rows"
        );
        Self {
            data,
            rows: data.len() / columns,
            columns,
            row_step: columns,
            column_step: 1,
        }
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows as columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// When there are no such rows: a programming error.
    #[must_use]
    pub fn row_range(self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.rows,
            "rows inside"
        );
        let first = (range.start * self.row_step).min(self.data.len());
        Self {
            data: &self.data[first..],
            rows: range.len(),
            ..self
        }
    }

    /// Some of the columns.
    ///
    /// # Panics
    /// When there are no such columns: a programming error.
    #[must_use]
    pub fn column_range(self, range: Range<usize>) -> Self {
        self.transposed().row_range(range).transposed()
    }

    /// The number at a place, and the steps to the next row and column.
    pub(super) fn pointer(&self, row: usize, column: usize) -> (*const f32, usize, usize) {
        debug_assert!(row < self.rows && column < self.columns);
        let at = row * self.row_step + column * self.column_step;
        (self.data[at..].as_ptr(), self.row_step, self.column_step)
    }
}

/// A matrix to be written: numbers of a row lie side by side.
#[derive(Debug)]
pub struct ViewMut<'a> {
    data: *mut f32,
    rows: usize,
    columns: usize,
    row_step: usize,
    borrow: PhantomData<&'a mut [f32]>,
}

// SAFETY: a borrowed slice of floats; who writes through the pointer answers for disjoint places.
unsafe impl Sync for ViewMut<'_> {}

impl<'a> ViewMut<'a> {
    /// Whole rows of `columns` numbers, one behind the other.
    ///
    /// # Panics
    /// When the slice is not whole rows: a programming error.
    #[must_use]
    pub fn new(data: &'a mut [f32], columns: usize) -> Self {
        assert!(
            columns > 0 && data.len().is_multiple_of(columns),
            "whole rows"
        );
        Self {
            rows: data.len() / columns,
            data: data.as_mut_ptr(),
            columns,
            row_step: columns,
            borrow: PhantomData,
        }
    }

    /// Some of the columns.
    ///
    /// # Panics
    /// When there are no such columns: a programming error.
    #[must_use]
    pub fn column_range(self, range: Range<usize>) -> Self {
        assert!(
            range.start < range.end && range.end <= self.columns,
            "columns inside"
        );
        Self {
            data: self.data.wrapping_add(range.start),
            columns: range.len(),
            ..self
        }
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn row_step(&self) -> usize {
        self.row_step
    }

    /// The place of a number.
    ///
    /// # Safety
    /// The row and the column must be inside.
    pub(super) unsafe fn at(&self, row: usize, column: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.data.add(row * self.row_step + column) }
    }

    /// Writes zeros.
    pub(super) fn clear(self) {
        for row in 0..self.rows {
            // SAFETY: whole rows of a view that is borrowed mutably and used up here.
            unsafe { std::slice::from_raw_parts_mut(self.at(row, 0), self.columns) }.fill(0.0);
        }
    }
}
