//! One arithmetic: a row's numbers depend on its own tokens alone; and they are the right numbers.

use super::recorder::{Bench, model, options, prompt, seeded};
use crate::support::tiny_model::Stored;
use synod::lm::cache::{Cache, Table};
use synod::lm::decoder::{Pass, Span, forward};
use synod::lm::engine::Options;
use synod::lm::kernel::Pool;
use synod::lm::model::Model;

/// Logits after each of `prompts`, all in one pass, on `threads` threads.
fn logits(model: &Model, prompts: &[Vec<u32>], threads: usize) -> Vec<Vec<f32>> {
    let config = &model.config;
    let mut cache = Cache::new(config.layers, config.kv_width(), 1 << 24);
    let tables: Vec<Table> = prompts
        .iter()
        .map(|prompt| {
            let mut table = Table::default();
            cache.reserve(&mut table, prompt.len()).unwrap();
            table
        })
        .collect();
    let spans: Vec<_> = prompts
        .iter()
        .zip(&tables)
        .map(|(tokens, table)| Span {
            table,
            start: 0,
            tokens,
            adapter: None,
            wanted: 1,
        })
        .collect();
    let pool = Pool::new(threads).unwrap();
    let pass = forward(config, &model.weights, &mut cache, &pool, &spans, &|| false);
    match pass.unwrap() {
        Pass::Done(logits) => logits,
        Pass::GivenUp => panic!("nobody gave up"),
    }
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_row_has_the_same_bits_alone_among_others_and_on_any_number_of_threads() {
    for stored in [Stored::F32, Stored::Q8_0, Stored::Q4_1] {
        let model = model(stored);
        let prompts: Vec<_> = (1..9).map(|seed| prompt(seed, 5 + seed * 4)).collect();
        let together = logits(&model, &prompts, 2);
        for (prompt, among) in prompts.iter().zip(&together) {
            let alone = logits(&model, std::slice::from_ref(prompt), 1);
            assert_eq!(bits(&alone[0]), bits(among), "{stored:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_text_whatever_else_runs() {
    for stored in [Stored::F32, Stored::Q8_0] {
        let expected = Bench::on(stored, &options()).alone(&prompt(1, 33), seeded(5, 40));
        for (threads, prefill_tokens, others) in [(1, 64, 7), (2, 3, 7), (2, 64, 0), (1, 1, 2)] {
            let options = Options {
                threads,
                prefill_tokens,
                ..options()
            };
            let mut bench = Bench::on(stored, &options);
            for seed in 2..2 + others {
                bench.ask(&prompt(seed, 20 + seed * 3), seeded(9, 10 + seed * 5));
            }
            let heard = bench.ask(&prompt(1, 33), seeded(5, 40));
            bench.run();
            assert_eq!(heard.tokens(), expected, "{stored:?} {options:?}");
        }
    }
}

#[test]
#[ignore = "writes the file that the reference script reads to SYNOD_TINY_MODEL"]
fn the_tiny_model_is_written() {
    let path = std::env::var("SYNOD_TINY_MODEL").unwrap();
    crate::support::tiny_model::write(path.as_ref(), Stored::F32);
}

/// Made by `tests/reference/llama_logits.py` from the tiny model's F32 file.
const REFERENCE: &str = include_str!("../../reference/tiny_logits.txt");
const REFERENCE_PROMPT: [u32; 12] = [1, 40, 77, 200, 13, 258, 261, 7, 99, 40, 41, 42];

fn reference() -> Vec<f32> {
    REFERENCE
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

#[test]
fn logits_are_those_of_an_independent_implementation() {
    let expected = reference();
    let found = logits(&model(Stored::F32), &[REFERENCE_PROMPT.to_vec()], 1).remove(0);
    assert_eq!(found.len(), expected.len());
    // Keys and values are kept in 16 bits: 11 bits of each number.
    for (token, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (found - expected).abs() < 5e-3,
            "token {token}: {found}, expected {expected}"
        );
    }
}

#[test]
fn eight_bits_stay_close_to_the_reference() {
    let expected = reference();
    let found = logits(&model(Stored::Q8_0), &[REFERENCE_PROMPT.to_vec()], 1).remove(0);
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>().sqrt();
    let error = square(&mut found.iter().zip(&expected).map(|(a, b)| a - b));
    let size = square(&mut expected.iter().copied());
    assert!(error / size < 0.05, "relative error {}", error / size);
}

/// Logits of the reference prompt, one line for each token, bits in hexadecimal.
fn as_text(logits: &[f32]) -> String {
    let line = |bits: u32| format!("{bits:08x}\n");
    bits(logits).into_iter().map(line).collect()
}

/// Every number that the program ever computed rests on this: seeds, resumed runs, search results, caches. Who changes the
/// arithmetic on purpose writes the files again with the test below, and says so.
#[test]
fn the_arithmetic_is_the_golden_one_to_the_bit() {
    for (stored, golden) in [
        (
            Stored::F32,
            include_str!("../../vectors/golden/tiny_f32.txt"),
        ),
        (
            Stored::Q8_0,
            include_str!("../../vectors/golden/tiny_q8_0.txt"),
        ),
        (
            Stored::Q4_1,
            include_str!("../../vectors/golden/tiny_q4_1.txt"),
        ),
    ] {
        let found = logits(&model(stored), &[REFERENCE_PROMPT.to_vec()], 2).remove(0);
        assert!(as_text(&found) == golden, "{stored:?} gives other bits");
    }
}

#[test]
#[ignore = "writes the golden files to SYNOD_GOLDEN"]
fn the_golden_files_are_written() {
    let folder = std::path::PathBuf::from(std::env::var("SYNOD_GOLDEN").unwrap());
    for (stored, name) in [
        (Stored::F32, "tiny_f32.txt"),
        (Stored::Q8_0, "tiny_q8_0.txt"),
        (Stored::Q4_1, "tiny_q4_1.txt"),
    ] {
        let found = logits(&model(stored), &[REFERENCE_PROMPT.to_vec()], 1).remove(0);
        std::fs::write(folder.join(name), as_text(&found)).unwrap();
    }
}
