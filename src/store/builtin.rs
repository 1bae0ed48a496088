//! The files that are compiled in: they are the defaults and the documentation.

/// `config.toml`, the parts that are documented apart from each other: settings, endpoints, prices.
pub const CONFIG: &[(&str, &str)] = &[
    ("config.toml", include_str!("../../data/config.toml")),
    ("endpoints.toml", include_str!("../../data/endpoints.toml")),
    ("prices.toml", include_str!("../../data/prices.toml")),
];

/// Presets by name, in the order of lists (Alt+1 is the first).
pub const PRESETS: &[(&str, &str)] = &[
    ("moa-local", include_str!("../../presets/moa-local.toml")),
    ("self-moa", include_str!("../../presets/self-moa.toml")),
    ("plain", include_str!("../../presets/plain.toml")),
    ("moa-2x3", include_str!("../../presets/moa-2x3.toml")),
    ("moa-mixed", include_str!("../../presets/moa-mixed.toml")),
    (
        "moa-two-families",
        include_str!("../../presets/moa-two-families.toml"),
    ),
    ("moa-ollama", include_str!("../../presets/moa-ollama.toml")),
    ("moa-openai", include_str!("../../presets/moa-openai.toml")),
    (
        "moa-together",
        include_str!("../../presets/moa-together.toml"),
    ),
    (
        "moa-lite-together",
        include_str!("../../presets/moa-lite-together.toml"),
    ),
    ("planner", include_str!("../../presets/planner.toml")),
    (
        "planner-endpoints",
        include_str!("../../presets/planner-endpoints.toml"),
    ),
    ("graph", include_str!("../../presets/graph.toml")),
    (
        "graph-crosswords",
        include_str!("../../presets/graph-crosswords.toml"),
    ),
    (
        "graph-endpoints",
        include_str!("../../presets/graph-endpoints.toml"),
    ),
    ("debate", include_str!("../../presets/debate.toml")),
    (
        "debate-endpoints",
        include_str!("../../presets/debate-endpoints.toml"),
    ),
    ("demo", include_str!("../../presets/demo.toml")),
];

/// Themes by name, in the order of lists.
pub const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "colour-blind",
        include_str!("../../themes/colour-blind.toml"),
    ),
    ("no-colour", include_str!("../../themes/no-colour.toml")),
    ("ember", include_str!("../../themes/ember.toml")),
    ("fjord", include_str!("../../themes/fjord.toml")),
    ("paper", include_str!("../../themes/paper.toml")),
];

/// Specs of jobs by name, in the order of lists.
pub const JOB_PRESETS: &[(&str, &str)] = &[
    (
        "finetune-gsm8k",
        include_str!("../../presets/jobs/finetune-gsm8k.toml"),
    ),
    (
        "finetune-chat",
        include_str!("../../presets/jobs/finetune-chat.toml"),
    ),
    (
        "finetune-critic",
        include_str!("../../presets/jobs/finetune-critic.toml"),
    ),
];
