use super::*;

fn parse(fields: &str) -> Result<PeftConfig, AdapterError> {
    let text = format!(r#"{{"peft_type":"LORA","r":8,"lora_alpha":16,{fields}}}"#);
    PeftConfig::parse(&text, Path::new("a/adapter_config.json"))
}

const QUERY: &str = "model.layers.3.self_attn.q_proj";
const DOWN: &str = "model.layers.12.mlp.down_proj";

fn selected(fields: &str) -> (bool, bool) {
    let config = parse(fields).unwrap();
    (config.selects(QUERY), config.selects(DOWN))
}

#[test]
fn modules_are_selected_as_peft_selects_them() {
    for (fields, expected) in [
        (r#""target_modules":["q_proj","v_proj"]"#, (true, false)),
        (r#""target_modules":["proj"]"#, (false, false)),
        (
            r#""target_modules":["model.layers.3.self_attn.q_proj"]"#,
            (true, false),
        ),
        (r#""target_modules":"all-linear""#, (true, true)),
        (r#""target_modules":".*\\.(q|down)_proj""#, (true, true)),
        (r#""target_modules":"(q|down)_proj""#, (false, false)),
        (r#""target_modules":".*(?<!q)_proj""#, (false, true)),
        (
            r#""target_modules":"all-linear","exclude_modules":["q_proj"]"#,
            (false, true),
        ),
        (
            r#""target_modules":"all-linear","exclude_modules":".*mlp.*""#,
            (true, false),
        ),
        (
            r#""target_modules":["q_proj","down_proj"],"layers_to_transform":[12,13]"#,
            (false, true),
        ),
        (
            r#""target_modules":["q_proj","down_proj"],"layers_to_transform":3"#,
            (true, false),
        ),
        (
            r#""target_modules":["q_proj"],"layers_to_transform":3,"layers_pattern":"layers""#,
            (true, false),
        ),
        (
            r#""target_modules":["q_proj"],"layers_to_transform":3,"layers_pattern":["h"]"#,
            (false, false),
        ),
        (
            r#""target_modules":["q_proj"],"layers_to_transform":[],"layers_pattern":null"#,
            (true, false),
        ),
    ] {
        assert_eq!(selected(fields), expected, "{fields}");
    }
}

#[test]
fn scales_follow_alpha_rank_and_patterns() {
    let scale = |fields: &str| {
        let config = parse(&format!(r#""target_modules":"all-linear",{fields}"#)).unwrap();
        (config.rank(QUERY), config.scale(QUERY), config.scale(DOWN))
    };
    assert_eq!(scale(r#""use_rslora":false"#), (8, 2.0, 2.0));
    let stabilised = (16.0 / 8_f64.sqrt()) as f32;
    assert_eq!(scale(r#""use_rslora":true"#), (8, stabilised, stabilised));
    assert_eq!(
        scale(r#""rank_pattern":{"q_proj":4},"alpha_pattern":{"layers.12.mlp.down_proj":24.0}"#),
        (4, 4.0, 3.0)
    );
    assert_eq!(
        scale(r#""rank_pattern":{".*\\.3\\..*":2},"alpha_pattern":{"proj":1}"#),
        (2, 8.0, 2.0)
    );
}

#[test]
fn what_computes_something_else_is_refused_by_name() {
    for (fields, word) in [
        (r#""use_dora":true"#, "use_dora"),
        (r#""bias":"lora_only""#, "bias"),
        (r#""lora_bias":true"#, "lora_bias"),
        (r#""modules_to_save":["lm_head"]"#, "modules_to_save"),
        (
            r#""trainable_token_indices":[1]"#,
            "trainable_token_indices",
        ),
        (r#""layer_replication":[[0,4]]"#, "layer_replication"),
        (
            r#""init_lora_weights":"pissa_niter_4""#,
            "init_lora_weights",
        ),
        (r#""init_lora_weights":"OLoRA""#, "init_lora_weights"),
        (r#""peft_type":"IA3""#, "peft_type"),
    ] {
        let text = format!(r#""target_modules":"all-linear",{fields}"#);
        let error = parse(&text).unwrap_err();
        assert!(matches!(error, AdapterError::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(word) && text.contains("a/adapter_config.json"),
            "{text}"
        );
    }
    for off in [
        r#""use_dora":false,"bias":"none","modules_to_save":null,"layer_replication":[]"#,
        r#""init_lora_weights":true,"megatron_config":{}"#,
        r#""init_lora_weights":"gaussian""#,
    ] {
        let config = parse(&format!(r#""target_modules":"all-linear",{off}"#)).unwrap();
        assert_eq!(config.warnings, Vec::<String>::new());
    }
}

#[test]
fn nonsense_is_an_error_and_news_are_a_warning() {
    for (fields, word) in [
        ("\"x\":1", "target_modules"),
        (r#""target_modules":7"#, "target_modules"),
        (r#""target_modules":[7]"#, "target_modules"),
        (r#""target_modules":"(""#, "target_modules"),
        (r#""target_modules":[],"r":0"#, "r is 0"),
        (r#""target_modules":[],"r":1.5"#, "r is 1.5"),
        (r#""target_modules":[],"r":1e300"#, "r is 1"),
        (r#""target_modules":[],"r":-4"#, "r is -4"),
        (r#""target_modules":[],"lora_alpha":"8""#, "lora_alpha"),
        (
            r#""target_modules":[],"rank_pattern":{"q":0}"#,
            "rank_pattern",
        ),
        (
            r#""target_modules":[],"alpha_pattern":[1]"#,
            "alpha_pattern",
        ),
        (
            r#""target_modules":[],"layers_to_transform":[-1]"#,
            "layers_to_transform",
        ),
    ] {
        let error = parse(fields).unwrap_err().to_string();
        assert!(error.contains(word), "{fields}: {error}");
    }
    let path = Path::new("c.json");
    assert!(PeftConfig::parse("[1]", path).is_err());
    assert!(PeftConfig::parse("{", path).is_err());
    let config =
        parse(r#""target_modules":[],"use_magic":true,"use_rest":null,"fan_in_fan_out":true"#);
    let warnings = config.unwrap().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("fan_in_fan_out") && warnings[1].contains("use_magic"));
}
