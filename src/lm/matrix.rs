//! A weight matrix, ready for products.
//!
//! Invariant: a product's row depends on that row of the input alone.

use super::error::ModelError;
use super::float;
use super::gguf::Format;
use super::kernel::{self, Activations, Instructions, Job, Packed};
use candle_core::quantized::{GgmlDType, QMatMul, QTensor, ggml_file};
use candle_core::{Device, Module, Tensor};
use rayon::prelude::*;
use std::cell::OnceCell;
use std::sync::Arc;

/// Output columns one task computes.
const COLUMNS_PER_TASK: usize = 64;

/// A weight matrix of `rows` outputs and `columns` inputs.
pub struct Matrix {
    name: String,
    rows: usize,
    columns: usize,
    store: Store,
}

enum Store {
    Plain(Vec<f32>),
    Packed {
        weights: Packed,
        instructions: Instructions,
    },
    /// Formats without a kernel of ours. Slow, and it uses candle's own threads.
    Candle {
        product: QMatMul,
        table: Arc<QTensor>,
    },
}

/// Rows of numbers to be multiplied; quantised at most once for all products that share them.
pub struct Input<'a> {
    values: &'a [f32],
    columns: usize,
    quantised: OnceCell<Activations>,
}

impl<'a> Input<'a> {
    /// `values` holds whole rows of `columns` numbers.
    #[must_use]
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        debug_assert!(columns > 0 && values.len().is_multiple_of(columns));
        Self {
            values,
            columns,
            quantised: OnceCell::new(),
        }
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn quantised(&self) -> &Activations {
        self.quantised.get_or_init(|| {
            let mut activations = Activations::default();
            activations.quantise(self.values, self.columns);
            activations
        })
    }
}

impl Matrix {
    /// A matrix of plain numbers, row by row.
    #[must_use]
    pub fn plain(name: &str, rows: usize, columns: usize, values: Vec<f32>) -> Self {
        Self {
            name: name.to_owned(),
            rows,
            columns,
            store: Store::Plain(values),
        }
    }

    /// A matrix from the bytes of a file, `rows` rows of `columns` numbers in `format`.
    pub fn stored(
        name: &str,
        format: Format,
        data: &[u8],
        rows: usize,
        columns: usize,
    ) -> Result<Self, ModelError> {
        if let Some(values) = numbers(format, data) {
            return Ok(Self::plain(name, rows, columns, values));
        }
        let store = if let Some(kernel_format) = kernel_format(format)
            && let Some(weights) = Packed::new(kernel_format, data, rows, columns)
        {
            Store::Packed {
                weights,
                instructions: Instructions::detect(),
            }
        } else {
            let dtype = candle_type(format).ok_or_else(|| {
                ModelError::compute(name, format!("the format {format:?} is not supported"))
            })?;
            let table =
                ggml_file::qtensor_from_ggml(dtype, data, vec![rows, columns], &Device::Cpu)
                    .map_err(|e| ModelError::compute(name, e))?;
            let table = Arc::new(table);
            let product =
                QMatMul::from_arc(Arc::clone(&table)).map_err(|e| ModelError::compute(name, e))?;
            Store::Candle { product, table }
        };
        Ok(Self {
            name: name.to_owned(),
            rows,
            columns,
            store,
        })
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `out[i] = W · x[i]` for every row of the activations; `out` has `x.rows() * self.rows()` numbers.
    pub fn product(&self, x: &Input<'_>, out: &mut [f32]) -> Result<(), ModelError> {
        match &self.store {
            Store::Plain(values) => {
                self.plain_product(values, x.values, out);
                Ok(())
            }
            Store::Packed {
                weights,
                instructions,
            } => {
                let mut jobs = [Job { weights, out }];
                kernel::multiply(&mut jobs, x.quantised(), *instructions);
                Ok(())
            }
            Store::Candle { product, .. } => {
                let input = Tensor::from_slice(x.values, (x.rows(), self.columns), &Device::Cpu);
                let result = input
                    .and_then(|input| product.forward(&input))
                    .and_then(|result| result.flatten_all()?.to_vec1::<f32>())
                    .map_err(|e| ModelError::compute(&self.name, e))?;
                out.copy_from_slice(&result);
                Ok(())
            }
        }
    }

    /// The products of several matrices with the same rows: at once where all of them have a kernel.
    pub fn products<const N: usize>(
        matrices: [&Matrix; N],
        x: &Input<'_>,
    ) -> Result<[Vec<f32>; N], ModelError> {
        let mut results = matrices.map(|matrix| vec![0.0; x.rows() * matrix.rows]);
        let mut jobs = Vec::with_capacity(N);
        let mut chosen = Instructions::Portable;
        for (matrix, out) in matrices.into_iter().zip(&mut results) {
            match &matrix.store {
                Store::Packed {
                    weights,
                    instructions,
                } => {
                    chosen = *instructions;
                    jobs.push(Job { weights, out });
                }
                _ => matrix.product(x, out)?,
            }
        }
        if !jobs.is_empty() {
            kernel::multiply(&mut jobs, x.quantised(), chosen);
        }
        Ok(results)
    }

    /// One row of the matrix as plain numbers: a token's embedding.
    pub fn row(&self, index: u32, out: &mut [f32]) -> Result<(), ModelError> {
        let at = index as usize;
        if at >= self.rows {
            return Err(ModelError::compute(
                &self.name,
                format!("row {at} of {} was asked for", self.rows),
            ));
        }
        match &self.store {
            Store::Plain(values) => {
                out.copy_from_slice(&values[at * self.columns..(at + 1) * self.columns]);
            }
            Store::Packed { weights, .. } => weights.row(at, out),
            Store::Candle { table, .. } => {
                let row = Tensor::new(&[index], &Device::Cpu)
                    .and_then(|ids| table.embedding(&ids))
                    .and_then(|row| row.flatten_all()?.to_vec1::<f32>())
                    .map_err(|e| ModelError::compute(&self.name, e))?;
                out.copy_from_slice(&row);
            }
        }
        Ok(())
    }

    fn plain_product(&self, values: &[f32], x: &[f32], out: &mut [f32]) {
        // Columns are computed task by task into their own buffers, then put in place: rows of `out` are interleaved.
        let rows = x.len() / self.columns;
        let tasks = self.rows.div_ceil(COLUMNS_PER_TASK);
        let parts: Vec<Vec<f32>> = (0..tasks)
            .into_par_iter()
            .map(|task| {
                let first = task * COLUMNS_PER_TASK;
                let last = (first + COLUMNS_PER_TASK).min(self.rows);
                let mut part = Vec::with_capacity((last - first) * rows);
                for weights in
                    values[first * self.columns..last * self.columns].chunks_exact(self.columns)
                {
                    for row in x.chunks_exact(self.columns) {
                        part.push(float::dot(weights, row));
                    }
                }
                part
            })
            .collect();
        let mut column = 0;
        for part in parts {
            for results in part.chunks_exact(rows.max(1)) {
                for (row, &result) in results.iter().enumerate() {
                    out[row * self.rows + column] = result;
                }
                column += 1;
            }
        }
    }
}

/// The numbers of plain formats; none for quantised ones.
#[must_use]
pub fn numbers(format: Format, data: &[u8]) -> Option<Vec<f32>> {
    match format {
        Format::F32 => Some(
            data.chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        ),
        Format::F16 => Some(
            data.chunks_exact(2)
                .map(|b| float::from_half(u16::from_le_bytes([b[0], b[1]])))
                .collect(),
        ),
        Format::Bf16 => Some(
            data.chunks_exact(2)
                .map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16))
                .collect(),
        ),
        _ => None,
    }
}

fn kernel_format(format: Format) -> Option<kernel::Format> {
    Some(match format {
        Format::Q4_0 => kernel::Format::Q4_0,
        Format::Q4_1 => kernel::Format::Q4_1,
        Format::Q5_0 => kernel::Format::Q5_0,
        Format::Q5_1 => kernel::Format::Q5_1,
        Format::Q8_0 => kernel::Format::Q8_0,
        _ => return None,
    })
}

fn candle_type(format: Format) -> Option<GgmlDType> {
    Some(match format {
        Format::Q2K => GgmlDType::Q2K,
        Format::Q3K => GgmlDType::Q3K,
        Format::Q4K => GgmlDType::Q4K,
        Format::Q5K => GgmlDType::Q5K,
        Format::Q6K => GgmlDType::Q6K,
        _ => return None,
    })
}
