//! A tiny random model in a GGUF file: Llama shape, byte-level BPE, a chat template. Deterministic to the bit.

use std::path::Path;

/// How the matrices are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    F32,
    Q8_0,
    Q4_1,
}

pub const LAYERS: u64 = 2;
pub const WIDTH: u64 = 64;
pub const HEADS: u64 = 4;
pub const KV_HEADS: u64 = 2;
pub const FEED: u64 = 96;
pub const CONTEXT: u32 = 8192;
pub const END: u32 = 2;

const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MERGES: [&str; 6] = ["Ġ t", "h e", "i n", "Ġt he", "a n", "an d"];
const TEMPLATE: &str = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Writes the model to `path`.
pub fn write(path: &Path, stored: Stored) {
    std::fs::write(path, bytes(stored)).expect("the model file is written");
}

/// The whole file.
pub fn bytes(stored: Stored) -> Vec<u8> {
    changed(stored, &mut |_, _| {})
}

/// The whole file, its layers' matrices as `change` leaves them; it is shown each by name, row after row.
pub fn changed(stored: Stored, change: &mut dyn FnMut(&str, &mut [f32])) -> Vec<u8> {
    let tokens = vocabulary();
    let vocabulary = tokens.len() as u64;
    let mut meta = Meta::default();
    meta.text("general.architecture", "llama");
    meta.text("general.name", "tiny");
    meta.number("llama.block_count", LAYERS as u32);
    meta.number("llama.context_length", CONTEXT);
    meta.number("llama.embedding_length", WIDTH as u32);
    meta.number("llama.feed_forward_length", FEED as u32);
    meta.number("llama.attention.head_count", HEADS as u32);
    meta.number("llama.attention.head_count_kv", KV_HEADS as u32);
    meta.number("llama.rope.dimension_count", (WIDTH / HEADS) as u32);
    meta.float("llama.rope.freq_base", 10_000.0);
    meta.float("llama.attention.layer_norm_rms_epsilon", 1e-5);
    meta.text("tokenizer.ggml.model", "gpt2");
    meta.text("tokenizer.ggml.pre", "smollm");
    let kinds = (0..tokens.len()).map(|i| if i < SPECIAL.len() { 3 } else { 1 });
    meta.numbers("tokenizer.ggml.token_type", &kinds.collect::<Vec<i32>>());
    meta.texts("tokenizer.ggml.tokens", &tokens);
    meta.texts("tokenizer.ggml.merges", &MERGES.map(String::from));
    meta.number("tokenizer.ggml.bos_token_id", 1);
    meta.number("tokenizer.ggml.eos_token_id", END);
    meta.text("tokenizer.chat_template", TEMPLATE);

    let mut random = Random(20_261_121);
    let mut tensors = Tensors::default();
    tensors.matrix(
        "token_embd.weight",
        WIDTH,
        vocabulary,
        stored,
        random.floats(WIDTH * vocabulary, 1.0),
    );
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let kv = WIDTH / HEADS * KV_HEADS;
        for (part, columns, rows) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, kv),
            ("attn_v", WIDTH, kv),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", WIDTH, FEED),
            ("ffn_up", WIDTH, FEED),
            ("ffn_down", FEED, WIDTH),
        ] {
            let mut values = random.floats(columns * rows, 0.3);
            change(&name(part), &mut values);
            tensors.matrix(&name(part), columns, rows, stored, values);
        }
        for part in ["attn_norm", "ffn_norm"] {
            tensors.vector(
                &name(part),
                random.floats(WIDTH, 0.5).iter().map(|x| x + 1.0).collect(),
            );
        }
    }
    tensors.vector("output_norm.weight", vec![1.0; WIDTH as usize]);
    // Control tokens have the logit 0, so a greedy answer never ends by chance.
    let mut head = random.floats(WIDTH * vocabulary, 0.6);
    head[..SPECIAL.len() * WIDTH as usize].fill(0.0);
    tensors.matrix("output.weight", WIDTH, vocabulary, stored, head);
    file(&meta, &tensors)
}

/// Three control tokens, the 256 letters of bytes, and what the merges make.
fn vocabulary() -> Vec<String> {
    let mut tokens: Vec<String> = SPECIAL.map(String::from).to_vec();
    let mut next = 0x100;
    for byte in 0..=255_u8 {
        let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let letter = if printable {
            char::from(byte)
        } else {
            next += 1;
            char::from_u32(next - 1).expect("a letter")
        };
        tokens.push(letter.to_string());
    }
    tokens.extend(MERGES.map(|merge| merge.replace(' ', "")));
    tokens
}

fn file(meta: &Meta, tensors: &Tensors) -> Vec<u8> {
    let mut out = b"GGUF".to_vec();
    out.extend(3_u32.to_le_bytes());
    out.extend(tensors.count.to_le_bytes());
    out.extend(meta.count.to_le_bytes());
    out.extend(&meta.bytes);
    out.extend(&tensors.table);
    out.resize(out.len().next_multiple_of(32), 0);
    out.extend(&tensors.data);
    out
}

#[derive(Default)]
struct Meta {
    bytes: Vec<u8>,
    count: u64,
}

impl Meta {
    fn key(&mut self, key: &str, kind: u32) {
        self.count += 1;
        put_text(&mut self.bytes, key);
        self.bytes.extend(kind.to_le_bytes());
    }

    fn number(&mut self, key: &str, value: u32) {
        self.key(key, 4);
        self.bytes.extend(value.to_le_bytes());
    }

    fn float(&mut self, key: &str, value: f32) {
        self.key(key, 6);
        self.bytes.extend(value.to_le_bytes());
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key, 8);
        put_text(&mut self.bytes, value);
    }

    fn array(&mut self, key: &str, kind: u32, length: usize) {
        self.key(key, 9);
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend((length as u64).to_le_bytes());
    }

    fn numbers(&mut self, key: &str, values: &[i32]) {
        self.array(key, 5, values.len());
        self.bytes
            .extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        self.array(key, 8, values.len());
        for value in values {
            put_text(&mut self.bytes, value);
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

#[derive(Default)]
struct Tensors {
    table: Vec<u8>,
    data: Vec<u8>,
    count: u64,
}

impl Tensors {
    fn vector(&mut self, name: &str, values: Vec<f32>) {
        self.put(name, &[values.len() as u64], Stored::F32, &values);
    }

    fn matrix(&mut self, name: &str, columns: u64, rows: u64, stored: Stored, values: Vec<f32>) {
        self.put(name, &[columns, rows], stored, &values);
    }

    fn put(&mut self, name: &str, shape: &[u64], stored: Stored, values: &[f32]) {
        self.data.resize(self.data.len().next_multiple_of(32), 0);
        put_text(&mut self.table, name);
        self.table.extend((shape.len() as u32).to_le_bytes());
        self.table
            .extend(shape.iter().flat_map(|n| n.to_le_bytes()));
        let kind: u32 = match stored {
            Stored::F32 => 0,
            Stored::Q8_0 => 8,
            Stored::Q4_1 => 3,
        };
        self.table.extend(kind.to_le_bytes());
        self.table.extend((self.data.len() as u64).to_le_bytes());
        self.count += 1;
        match stored {
            Stored::F32 => self
                .data
                .extend(values.iter().flat_map(|v| v.to_le_bytes())),
            Stored::Q8_0 => values.chunks(32).for_each(|block| self.eight_bits(block)),
            Stored::Q4_1 => values.chunks(32).for_each(|block| self.four_bits(block)),
        }
    }

    /// One block of Q8_0 with a scale that is a power of two, so that it is exact in 16 bits.
    fn eight_bits(&mut self, block: &[f32]) {
        let largest = block.iter().fold(0_f32, |a, x| a.max(x.abs()));
        let exponent = power_above(largest / 127.0);
        self.data.extend(half_power(exponent).to_le_bytes());
        let scale = 2_f32.powi(exponent);
        self.data
            .extend(block.iter().map(|x| (x / scale).round() as i8 as u8));
    }

    /// One block of Q4_1 with a scale and a minimum that are powers of two.
    fn four_bits(&mut self, block: &[f32]) {
        let largest = block.iter().fold(0_f32, |a, x| a.max(x.abs()));
        let exponent = power_above(largest / 8.0);
        self.data.extend(half_power(exponent).to_le_bytes());
        // The minimum is -8 scales.
        self.data
            .extend((half_power(exponent + 3) | 0x8000).to_le_bytes());
        let scale = 2_f32.powi(exponent);
        let nibble = |x: f32| ((x / scale).round() + 8.0).clamp(0.0, 15.0) as u8;
        for i in 0..16 {
            self.data
                .push(nibble(block[i]) | nibble(block[i + 16]) << 4);
        }
    }
}

/// The least power of two that is not below `x`.
fn power_above(x: f32) -> i32 {
    let mut exponent = -14;
    while exponent < 10 && 2_f32.powi(exponent) < x {
        exponent += 1;
    }
    exponent
}

/// 2^exponent as a 16-bit float.
fn half_power(exponent: i32) -> u16 {
    u16::try_from(exponent + 15).expect("a normal 16-bit float") << 10
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Numbers in -scale..scale.
    fn floats(&mut self, count: u64, scale: f32) -> Vec<f32> {
        (0..count)
            .map(|_| ((self.next() >> 40) as f32 / 8_388_608.0 - 1.0) * scale)
            .collect()
    }
}
