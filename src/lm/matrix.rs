//! A weight matrix, ready for products.
//!
//! Invariant: a product's row depends on that row of the input alone.

use super::config::Activation;
use super::error::ModelError;
use super::gguf::Format;
use super::kernel::{
    self, Activations, BLOCK, Dense, Float, Instructions, Job, Packed, Pool, gate,
};
use candle_core::quantized::{GgmlDType, QMatMul, QTensor, ggml_file};
use candle_core::{Device, Module, Tensor};
use std::cell::OnceCell;
use std::sync::Arc;

/// What computes: instructions and threads.
#[derive(Clone, Copy)]
pub struct Compute<'a> {
    pub instructions: Instructions,
    pub pool: &'a Pool,
}

/// A weight matrix of `rows` outputs and `columns` inputs.
pub struct Matrix {
    name: String,
    rows: usize,
    columns: usize,
    store: Store,
}

enum Store {
    Dense(Dense),
    Packed(Packed),
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
    compute: Compute<'a>,
    quantised: OnceCell<Activations>,
}

impl<'a> Input<'a> {
    /// `values` holds whole rows of `columns` numbers.
    #[must_use]
    pub fn new(values: &'a [f32], columns: usize, compute: Compute<'a>) -> Self {
        debug_assert!(columns > 0 && values.len().is_multiple_of(columns));
        Self {
            values,
            columns,
            compute,
            quantised: OnceCell::new(),
        }
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn quantised(&self) -> &Activations {
        self.quantised.get_or_init(|| {
            let Compute { instructions, pool } = self.compute;
            let mut activations = Activations::default();
            activations.quantise(self.values, self.columns, instructions, pool);
            activations
        })
    }
}

impl Matrix {
    /// A matrix from the bytes of a file: `rows` rows of `columns` numbers in `format`.
    pub fn stored(
        name: &str,
        format: Format,
        data: &[u8],
        rows: usize,
        columns: usize,
    ) -> Result<Self, ModelError> {
        let refused = || {
            let what = format!(
                "{} bytes are not {rows} x {columns} of {format:?}",
                data.len()
            );
            ModelError::compute(name, what)
        };
        let store = if let Some(float) = float(format) {
            Store::Dense(Dense::new(float, data, rows, columns).ok_or_else(refused)?)
        } else if let Some(format) = kernel_format(format)
            && columns.is_multiple_of(BLOCK)
        {
            Store::Packed(Packed::new(format, data, rows, columns).ok_or_else(refused)?)
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

    /// The same numbers as 32-bit floats.
    pub fn dequantised(
        name: &str,
        format: Format,
        data: &[u8],
        rows: usize,
        columns: usize,
    ) -> Result<Self, ModelError> {
        let stored = Self::stored(name, format, data, rows, columns)?;
        if !stored.is_quantised() {
            return Ok(stored);
        }
        let mut bytes = Vec::with_capacity(rows * columns * size_of::<f32>());
        let mut row = vec![0.0; columns];
        for index in (0_u32..).take(rows) {
            stored.row(index, &mut row)?;
            bytes.extend(row.iter().flat_map(|number| number.to_le_bytes()));
        }
        Self::stored(name, Format::F32, &bytes, rows, columns)
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes it holds in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.store {
            Store::Dense(weights) => weights.bytes(),
            Store::Packed(weights) => weights.bytes(),
            Store::Candle { table, .. } => table.storage_size_in_bytes(),
        }
    }

    /// Whether products are computed with activations of eight bits.
    #[must_use]
    pub fn is_quantised(&self) -> bool {
        !matches!(self.store, Store::Dense(_))
    }

    /// The format it is stored in, for reports.
    #[must_use]
    pub fn format(&self) -> String {
        match &self.store {
            Store::Dense(weights) => format!("{:?}", weights.float()),
            Store::Packed(weights) => format!("{:?}", weights.format()),
            Store::Candle { table, .. } => format!("{:?} (candle)", table.dtype()),
        }
    }

    /// `out[i] = W · x[i]` for every row of the activations; `out` has `x.rows() * self.rows()` numbers.
    pub fn product(&self, x: &Input<'_>, out: &mut [f32]) -> Result<(), ModelError> {
        let Compute { instructions, pool } = x.compute;
        match &self.store {
            Store::Dense(weights) => weights.multiply(x.values, out, instructions, pool),
            Store::Packed(weights) => {
                let mut jobs = [Job { weights, out }];
                kernel::multiply(&mut jobs, x.quantised(), instructions, pool);
            }
            Store::Candle { product, .. } => {
                let input = Tensor::from_slice(x.values, (x.rows(), self.columns), &Device::Cpu);
                let result = input
                    .and_then(|input| product.forward(&input))
                    .and_then(|result| result.flatten_all()?.to_vec1::<f32>())
                    .map_err(|e| ModelError::compute(&self.name, e))?;
                out.copy_from_slice(&result);
            }
        }
        Ok(())
    }

    /// The products of several matrices with the same rows: at once where all of them have a kernel.
    pub fn products<const N: usize>(
        matrices: [&Matrix; N],
        x: &Input<'_>,
    ) -> Result<[Vec<f32>; N], ModelError> {
        let mut results = matrices.map(|matrix| vec![0.0; x.rows() * matrix.rows]);
        let mut jobs = Vec::with_capacity(N);
        for (matrix, out) in matrices.into_iter().zip(&mut results) {
            match &matrix.store {
                Store::Packed(weights) => jobs.push(Job { weights, out }),
                _ => matrix.product(x, out)?,
            }
        }
        if !jobs.is_empty() {
            kernel::multiply(
                &mut jobs,
                x.quantised(),
                x.compute.instructions,
                x.compute.pool,
            );
        }
        Ok(results)
    }

    /// `activation(gate · x) * (up · x)`, number by number.
    pub fn gated(
        gate: &Matrix,
        up: &Matrix,
        activation: Activation,
        x: &Input<'_>,
    ) -> Result<Vec<f32>, ModelError> {
        let Compute { instructions, pool } = x.compute;
        if let (Store::Packed(a), Store::Packed(b)) = (&gate.store, &up.store)
            && a.format() == b.format()
        {
            let mut out = vec![0.0; x.rows() * gate.rows];
            kernel::multiply_gated(
                [a, b],
                x.quantised(),
                activation,
                &mut out,
                instructions,
                pool,
            );
            return Ok(out);
        }
        let [mut gates, ups] = Self::products([gate, up], x)?;
        gate::gated_rows(activation, &mut gates, &ups, instructions, pool);
        Ok(gates)
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
            Store::Dense(weights) => weights.row(at, out),
            Store::Packed(weights) => weights.row(at, out),
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
}

/// The numbers of plain formats; none for quantised ones.
#[must_use]
pub fn numbers(format: Format, data: &[u8]) -> Option<Vec<f32>> {
    let words = || {
        data.chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
    };
    match float(format)? {
        Float::F32 => Some(
            data.chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        ),
        Float::Half => Some(words().map(super::float::from_half).collect()),
        Float::Brain => Some(
            words()
                .map(|bits| f32::from_bits(u32::from(bits) << 16))
                .collect(),
        ),
    }
}

fn float(format: Format) -> Option<Float> {
    Some(match format {
        Format::F32 => Float::F32,
        Format::F16 => Float::Half,
        Format::Bf16 => Float::Brain,
        _ => return None,
    })
}

fn kernel_format(format: Format) -> Option<kernel::Format> {
    Some(match format {
        Format::Q4_0 => kernel::Format::Q4_0,
        Format::Q4_1 => kernel::Format::Q4_1,
        Format::Q5_0 => kernel::Format::Q5_0,
        Format::Q5_1 => kernel::Format::Q5_1,
        Format::Q8_0 => kernel::Format::Q8_0,
        Format::Q4K => kernel::Format::Q4K,
        Format::Q5K => kernel::Format::Q5K,
        Format::Q6K => kernel::Format::Q6K,
        _ => return None,
    })
}

fn candle_type(format: Format) -> Option<GgmlDType> {
    Some(match format {
        Format::Q2K => GgmlDType::Q2K,
        Format::Q3K => GgmlDType::Q3K,
        _ => return None,
    })
}
