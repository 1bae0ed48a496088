//! What a machine could do at most with a model: bounds from the bytes and the operations of a token.

use crate::lm::kernel::peak;
use crate::lm::matrix::Compute;
use crate::lm::model::Model;
use serde::Serialize;
use std::time::Instant;

/// Bytes of the buffer that measures memory: more than caches hold.
const BUFFER: usize = 512 << 20;
/// Attempts of each measurement; the best one counts.
const ATTEMPTS: usize = 5;
/// Turns of the loops that measure arithmetic: some milliseconds.
const TURNS: usize = 2_000_000;

/// Rates of this machine, measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Machine {
    pub memory_gb_per_second: f64,
    /// Multiplications of bytes with addition, in thousand millions a second; 0 without vector instructions for them.
    pub integer_gmac_per_second: f64,
    pub float_gmac_per_second: f64,
}

/// What one token costs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Weights that are read once for each pass, in bytes.
    pub weights: f64,
    /// Keys and values of one token of context, in bytes.
    pub token: f64,
    /// Multiplications with layers' weights, by bytes and by floats.
    pub layers: [f64; 2],
    /// The same with the vocabulary head.
    pub head: [f64; 2],
    /// Float multiplications with one token of context.
    pub attention: f64,
}

impl Machine {
    /// Measures, for about a second.
    pub fn measure(compute: Compute<'_>) -> Self {
        let pool = compute.pool;
        let numbers = vec![1_u64; BUFFER / size_of::<u64>()];
        let best = |work: &dyn Fn() -> u64| {
            (0..ATTEMPTS)
                .map(|_| {
                    let start = Instant::now();
                    let done = work() as f64;
                    done / start.elapsed().as_secs_f64().max(1e-9)
                })
                .fold(0.0, f64::max)
        };
        let read = || {
            std::hint::black_box(peak::read(&numbers, pool));
            BUFFER as u64
        };
        Self {
            memory_gb_per_second: best(&read) / 1e9,
            integer_gmac_per_second: best(&|| peak::integers(compute.instructions, TURNS, pool))
                / 1e9,
            float_gmac_per_second: best(&|| peak::floats(compute.instructions, TURNS, pool)) / 1e9,
        }
    }

    /// Seconds of products at least.
    fn products(&self, [integers, floats]: [f64; 2]) -> f64 {
        let by_bytes = if self.integer_gmac_per_second > 0.0 {
            integers / (self.integer_gmac_per_second * 1e9)
        } else {
            integers / (self.float_gmac_per_second * 1e9)
        };
        by_bytes + floats / (self.float_gmac_per_second * 1e9)
    }

    /// Tokens a second of a prompt at most.
    pub fn prefill(&self, cost: &Cost, prompt: f64) -> f64 {
        let attention = prompt * (prompt + 1.0) / 2.0 * cost.attention;
        let layers = self.products(cost.layers) * prompt + self.products(cost.head);
        let memory = cost.weights / (self.memory_gb_per_second * 1e9);
        prompt / (layers + self.products([0.0, attention])).max(memory)
    }

    /// Tokens a second of all sequences together at most, with `context` tokens before each.
    pub fn decode(&self, cost: &Cost, streams: f64, context: f64) -> f64 {
        let bytes = cost.weights + streams * context * cost.token;
        let memory = bytes / (self.memory_gb_per_second * 1e9);
        let work = self.products(cost.layers) + self.products(cost.head);
        let attention = self.products([0.0, context * cost.attention]);
        streams / memory.max(streams * (work + attention))
    }
}

impl Cost {
    pub fn of(model: &Model) -> Self {
        let (config, weights) = (&model.config, &model.weights);
        let mut layers = [0.0; 2];
        let mut bytes = 0.0;
        for layer in &weights.layers {
            for linear in [
                &layer.query,
                &layer.key,
                &layer.value,
                &layer.output,
                &layer.gate,
                &layer.up,
                &layer.down,
            ] {
                let matrix = &linear.matrix;
                bytes += matrix.bytes() as f64;
                layers[usize::from(!matrix.is_quantised())] +=
                    (matrix.rows() * matrix.columns()) as f64;
            }
        }
        let head = &weights.head;
        let mut heads = [0.0; 2];
        heads[usize::from(!head.is_quantised())] = (head.rows() * head.columns()) as f64;
        Self {
            weights: bytes + head.bytes() as f64,
            token: (config.layers * 2 * config.kv_width() * size_of::<u16>()) as f64,
            layers,
            head: heads,
            attention: (config.layers * 2 * config.query_width()) as f64,
        }
    }
}
