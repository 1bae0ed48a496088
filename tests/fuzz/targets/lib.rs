//! What the targets share: files made of an input, and a decoder put to use.

use std::path::Path;
use std::sync::LazyLock;
use synod::lm::cache::{Cache, Table};
use synod::lm::config::Config;
use synod::lm::decoder::{Span, forward};
use synod::lm::kernel::Pool;
use synod::lm::weights::Weights;

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(1).expect("a pool of this thread alone"));

/// Computes a few tokens: what was accepted must also run.
pub fn think(config: &Config, weights: &Weights) {
    let tokens = [0, 1, 2].map(|token| token % u32::try_from(config.vocabulary).unwrap_or(1));
    let mut cache = Cache::new(config.layers, config.kv_width(), 1 << 22);
    let mut table = Table::default();
    if cache.reserve(&mut table, tokens.len()).is_err() {
        return;
    }
    let span = Span {
        table: &table,
        start: 0,
        tokens: &tokens,
        adapter: None,
        wanted: 1,
    };
    let _ = forward(config, weights, &mut cache, &POOL, &[span], &|| false);
}

/// A safetensors file of a header's text and data: the length in front is always right, so that what follows is reached.
pub fn write_tensors(path: &Path, header: &[u8], data: &[u8]) {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    std::fs::write(path, bytes).expect("a file is written");
}

/// The three parts of an input, divided by zero bytes: settings, header, data.
pub fn parts(input: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut parts = input.splitn(3, |&byte| byte == 0);
    Some((parts.next()?, parts.next()?, parts.next()?))
}
