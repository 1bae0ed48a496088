//! Items of sprout's domains, made up by `task::synthetic`: named where a file could be.

use super::{Format, Item, SetError, Split};
use crate::task::synthetic::{Domain, Generator, Part};
use std::path::Path;

/// How many items each part of a domain has.
const COUNT: usize = 200;
const WORD: &str = "sprout";

/// What a path names: `sprout`, `sprout:graph`, `sprout:graph,date` and each with a seed behind it, `sprout:graph:7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) domains: Vec<Domain>,
    pub(super) seed: u64,
}

/// What the path names, where it is none of a file.
pub(super) fn named(path: &Path, format: Option<Format>) -> Option<Named> {
    let rest = path.to_str()?.strip_prefix(WORD)?;
    let is_wanted = format.is_none_or(|format| format == Format::Sprout) && !path.exists();
    let mut named = Named {
        domains: Domain::ALL.to_vec(),
        seed: 0,
    };
    if !is_wanted {
        return None;
    }
    if rest.is_empty() {
        return Some(named);
    }
    let rest = rest.strip_prefix(':')?;
    let (domains, seed) = match (rest.split_once(':'), rest.parse()) {
        (Some((domains, seed)), _) => (Some(domains), seed.parse().ok()?),
        (None, Ok(seed)) => (None, seed),
        (None, Err(_)) => (Some(rest), 0),
    };
    if let Some(domains) = domains {
        named.domains = domains
            .split(',')
            .map(Domain::named)
            .collect::<Option<_>>()?;
    }
    named.seed = seed;
    Some(named)
}

/// The items, each once, domain by domain.
pub(super) fn items(named: &Named, path: &Path, split: Split) -> Result<Vec<Item>, SetError> {
    let generator = Generator::built_in().map_err(|error| SetError::Unusable {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    let part = match split {
        Split::Dev => Part::Dev,
        Split::Test => Part::Test,
    };
    let domains = named.domains.iter();
    Ok(domains
        .flat_map(|&domain| generator.distinct(named.seed, domain, part, COUNT))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_seed_are_named() {
        let read =
            |text: &str| named(Path::new(text), None).map(|named| (named.domains, named.seed));
        let all = Domain::ALL.to_vec();
        assert_eq!(read("sprout"), Some((all.clone(), 0)));
        assert_eq!(read("sprout:7"), Some((all, 7)));
        assert_eq!(read("sprout:graph"), Some((vec![Domain::Graph], 0)));
        assert_eq!(
            read("sprout:graph,date:7"),
            Some((vec![Domain::Graph, Domain::Date], 7))
        );
        for other in ["sprouts", "sprout:herbs", "sprout:graph:x", "sprout.jsonl"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_set_has_every_item_once() {
        let path = Path::new("sprout:lore,letters");
        let set = super::super::load(path, None, Split::Test).unwrap();
        assert_eq!((set.format, set.items.len()), (Format::Sprout, 2 * COUNT));
        let ids: std::collections::BTreeSet<&str> =
            set.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids.len(), set.items.len());
    }
}
