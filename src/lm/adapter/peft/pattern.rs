//! Which modules a PEFT configuration means: lists of endings, regular expressions, layers by number.

use fancy_regex::Regex;
use serde_json::{Map, Value};

/// What PEFT calls all linear maps but the vocabulary's.
const ALL_LINEAR: &str = "all-linear";

/// A pattern over whole module names.
#[derive(Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// The expression as a whole.
    fn whole(expression: &str) -> Result<Self, String> {
        Self::compiled(expression, &format!("^(?:{expression})$"))
    }

    /// The expression at the end of a name, after a dot or as all of it.
    pub fn ending(expression: &str) -> Result<Self, String> {
        Self::compiled(expression, &format!(r"^(?:.*\.)?(?:{expression})$"))
    }

    fn compiled(given: &str, full: &str) -> Result<Self, String> {
        let compiled = Regex::new(full);
        compiled.map(Self).map_err(|error| {
            format!("\"{given}\" is not a regular expression that can be read: {error}")
        })
    }

    /// An expression that takes too long to match fits nothing.
    pub fn fits(&self, module: &str) -> bool {
        self.0.is_match(module).unwrap_or(false)
    }

    /// The number in the first group.
    fn number(&self, module: &str) -> Option<u64> {
        let captures = self.0.captures(module).ok()??;
        captures.get(1)?.as_str().parse().ok()
    }
}

/// Modules by name.
#[derive(Debug)]
enum Modules {
    All,
    /// Names, or what names end with after a dot.
    Endings(Vec<String>),
    Expression(Pattern),
}

impl Modules {
    fn read(key: &str, value: Option<&Value>) -> Result<Option<Self>, String> {
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text == ALL_LINEAR => Ok(Some(Self::All)),
            Some(Value::String(text)) => Pattern::whole(text)
                .map(|pattern| Some(Self::Expression(pattern)))
                .map_err(|error| format!("{key}: {error}")),
            Some(Value::Array(_)) => texts(key, value).map(|names| Some(Self::Endings(names))),
            Some(other) => Err(format!("{key} is {other}, not names or an expression")),
        }
    }

    fn contains(&self, module: &str) -> bool {
        let ends = |name: &String| {
            let before = module.strip_suffix(name.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        match self {
            Self::All => true,
            Self::Endings(names) => names.iter().any(ends),
            Self::Expression(pattern) => pattern.fits(module),
        }
    }
}

/// The modules that an adapter changes.
#[derive(Debug)]
pub struct Selection {
    targets: Modules,
    excluded: Option<Modules>,
    /// Only these layers; all when absent.
    layers: Option<Vec<u64>>,
    /// Where the layer's number stands.
    numbers: Vec<Pattern>,
}

impl Selection {
    pub fn read(fields: &Map<String, Value>) -> Result<Self, String> {
        let modules = |key: &str| Modules::read(key, fields.get(key));
        let layers = match fields.get("layers_to_transform") {
            None | Some(Value::Null) => None,
            Some(Value::Array(numbers)) if numbers.is_empty() => None,
            Some(Value::Array(numbers)) => Some(numbers.iter().map(layer).collect()),
            Some(number) => Some(std::iter::once(layer(number)).collect()),
        };
        let names = match fields.get("layers_pattern") {
            Some(Value::String(name)) if !name.is_empty() => vec![name.clone()],
            Some(Value::Array(_)) => texts("layers_pattern", fields.get("layers_pattern"))?,
            _ => Vec::new(),
        };
        let mut numbers = Vec::new();
        for name in &names {
            let full = format!(r"^(?:.*?\.)?(?:{name})\.(\d+)\.");
            numbers.push(Pattern::compiled(name, &full)?);
        }
        if numbers.is_empty() {
            numbers.push(Pattern::compiled("", r"^.*?\.[^.]*\.(\d+)\.")?);
        }
        Ok(Self {
            targets: modules("target_modules")?.ok_or("target_modules is missing")?,
            excluded: modules("exclude_modules")?,
            layers: layers.transpose()?,
            numbers,
        })
    }

    /// As PEFT decides it: layers count only beside a list of names.
    pub fn contains(&self, module: &str) -> bool {
        if self
            .excluded
            .as_ref()
            .is_some_and(|modules| modules.contains(module))
        {
            return false;
        }
        if !self.targets.contains(module) {
            return false;
        }
        let (Some(layers), Modules::Endings(names)) = (&self.layers, &self.targets) else {
            return true;
        };
        if names.iter().any(|name| name == module) {
            return true;
        }
        let mut numbers = self.numbers.iter().filter_map(|p| p.number(module));
        numbers
            .next()
            .is_some_and(|number| layers.contains(&number))
    }
}

fn layer(number: &Value) -> Result<u64, String> {
    let number_of = number.as_u64();
    number_of.ok_or_else(|| format!("layers_to_transform: {number} is not a layer"))
}

fn texts(key: &str, value: Option<&Value>) -> Result<Vec<String>, String> {
    let items = value
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let text = |item: &Value| item.as_str().map(str::to_owned);
    items
        .iter()
        .map(|item| text(item).ok_or_else(|| format!("{key}: {item} is not a name")))
        .collect()
}
