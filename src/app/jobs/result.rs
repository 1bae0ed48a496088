//! Chat with what a run made: an adapter over its base, a whole model, or a preset.

use super::{RunEntry, name};
use crate::app::App;
use crate::app::effect::{Effect, RunEffect};
use crate::domain::council::{Agent, Context, Council};
use crate::domain::device::Device;
use crate::domain::request::{AdapterRef, ModelRef, Sampling, TimeLimits};
use crate::domain::run::{Product, ProductKind};
use crate::store::preset::Preset;
use std::path::Path;

/// The longest answer of a result, in tokens.
const MOST_TOKENS: u32 = 512;

impl App {
    /// Opens the chat with the best of what a run made.
    pub(super) fn chat_with_result(&mut self, entry: &RunEntry) -> Vec<Effect> {
        let Some(product) = best(&entry.summary.products) else {
            let title = name(&entry.summary);
            return self.inform(format!("{title} has made nothing to chat with yet"));
        };
        if product.kind == ProductKind::Preset {
            let path = entry.folder.join(&product.path);
            return vec![Effect::Run(RunEffect::OpenPreset(path))];
        }
        let title = name(&entry.summary);
        match council(&title, product, &entry.folder) {
            Ok(council) => self.chat_with(Preset {
                name: council.name.clone(),
                path: None,
                is_builtin: false,
                council: Ok(council),
                warnings: Vec::new(),
            }),
            Err(why) => self.error(why),
        }
    }

    /// A new session with a preset that stands before all others from now on.
    pub(super) fn chat_with(&mut self, preset: Preset) -> Vec<Effect> {
        if let Err(problem) = &preset.council {
            return self.error(problem.to_string());
        }
        let name = preset.name.clone();
        let mut effects = self.new_session();
        if self.screen != crate::app::Screen::Chat {
            return effects;
        }
        self.presets.retain(|old| old.name != name);
        self.presets.insert(0, preset);
        effects.extend(self.use_preset(&name));
        effects
    }
}

/// What a person would want to try first: what is called best, else what was made last.
fn best(products: &[Product]) -> Option<&Product> {
    let is_talking = |product: &&Product| product.kind != ProductKind::Report;
    let mut talking = products.iter().rev().filter(is_talking);
    let named = talking.clone().find(|p| {
        let words = format!("{} {}", p.title, p.path).to_lowercase();
        words.contains("best")
    });
    named.or_else(|| talking.next())
}

/// One speaker: the product.
fn council(title: &str, product: &Product, folder: &Path) -> Result<Council, String> {
    let path = folder.join(&product.path);
    let base = product.base.as_deref().map(str::parse::<ModelRef>);
    let (model, adapters) = match (product.kind, base) {
        (_, Some(Err(why))) => return Err(why),
        (ProductKind::Adapter, None) => {
            return Err(format!(
                "{} does not say which model it belongs to",
                product.title
            ));
        }
        (ProductKind::Adapter, Some(Ok(base))) => (base, vec![AdapterRef { path, weight: 1.0 }]),
        // A model that a server trained is known there by its name.
        (_, Some(Ok(base))) if base.is_remote() => {
            (ModelRef::new(&product.path, base.endpoint), Vec::new())
        }
        _ => {
            let model = path.to_string_lossy().into_owned();
            (
                ModelRef::new(model, crate::domain::request::LOCAL),
                Vec::new(),
            )
        }
    };
    Ok(Council {
        name: format!("result-{}", slug(title)),
        title: format!("{title}: {}", product.title),
        society: "single".into(),
        description: String::new(),
        system: None,
        sampling: Sampling {
            temperature: Some(0.0),
            max_tokens: Some(MOST_TOKENS),
            ..Sampling::default()
        },
        limits: TimeLimits::default(),
        context: Context::default(),
        multi_turn: true,
        num_proc: 0,
        device: Device::default(),
        agents: vec![Agent {
            part: "speaker".into(),
            name: Some(title.to_owned()),
            model,
            adapters,
            count: 1,
            rounds: Vec::new(),
            system: None,
            sampling: Sampling::default(),
            limits: None,
            context: None,
        }],
        settings: serde_json::Map::new(),
        tools: serde_json::Map::new(),
    })
}

/// A title as a preset's name.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric() && c != '.');
    let words = words.filter(|word| !word.is_empty()).map(str::to_lowercase);
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(kind: ProductKind, path: &str, base: Option<&str>) -> Product {
        Product {
            kind,
            title: path.into(),
            path: path.into(),
            base: base.map(str::to_owned),
        }
    }

    #[test]
    fn an_adapter_speaks_over_its_base() {
        let adapter = product(ProductKind::Adapter, "adapter", Some("smollm2-135m"));
        let made = council("My Run 2", &adapter, Path::new("/runs/r1")).unwrap();
        assert_eq!(made.name, "result-my-run-2");
        let agent = &made.agents[0];
        assert_eq!(agent.model, ModelRef::new("smollm2-135m", "local"));
        assert_eq!(agent.adapters[0].path, Path::new("/runs/r1/adapter"));
        let bare = product(ProductKind::Adapter, "adapter", None);
        assert!(council("x", &bare, Path::new("/")).is_err());
    }

    #[test]
    fn a_model_is_a_folder_or_a_name_at_its_server() {
        let here = product(ProductKind::Model, "/out/model", None);
        let made = council("x", &here, Path::new("/runs/r1")).unwrap();
        assert_eq!(made.agents[0].model, ModelRef::new("/out/model", "local"));
        let there = product(ProductKind::Model, "ft:small:1", Some("small@openai"));
        let made = council("x", &there, Path::new("/runs/r1")).unwrap();
        assert_eq!(made.agents[0].model, ModelRef::new("ft:small:1", "openai"));
    }

    #[test]
    fn the_best_is_tried_before_the_last() {
        let products = [
            product(ProductKind::Adapter, "adapter-best", None),
            product(ProductKind::Adapter, "adapter-last", None),
            product(ProductKind::Report, "report.md", None),
        ];
        assert_eq!(best(&products).unwrap().path, "adapter-best");
        assert_eq!(best(&products[1..]).unwrap().path, "adapter-last");
        assert_eq!(best(&products[2..]), None);
    }
}
