//! The local engine against independent implementations: stored formats against ggml's, families against transformers'.

mod families;
mod formats;

/// The catalog does not know the engine; what it calls runnable must be.
#[test]
fn the_catalog_offers_what_the_engine_runs() {
    let obstacle = |architecture: &str| {
        let text = format!("file = \"x.gguf\"\narchitecture = \"{architecture}\"");
        let entry: synod::catalog::Entry = toml::from_str(&text).unwrap();
        entry.obstacle()
    };
    for name in synod::lm::config::Family::gguf_names() {
        assert_eq!(obstacle(name), None, "{name}");
    }
    assert!(obstacle("mamba").is_some());
}
