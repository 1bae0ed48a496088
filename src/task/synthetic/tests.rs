use super::*;
use std::collections::BTreeMap;

const PARTS: [Part; 3] = [Part::Train, Part::Dev, Part::Test];

#[test]
fn parts_never_share_an_item() {
    let generator = Generator::built_in().unwrap();
    for domain in Domain::ALL {
        let mut part_of = BTreeMap::new();
        for seed in [0, 1] {
            for part in PARTS {
                for index in 0..400 {
                    let (item, key) = generator.keyed_item(seed, domain, part, index);
                    for text in [key, bare(&item)] {
                        let before = part_of.insert(text, part);
                        assert!(before.is_none_or(|before| before == part), "{}", item.id);
                    }
                }
            }
        }
    }
}

#[test]
fn an_item_follows_from_its_place_alone() {
    let generator = Generator::built_in().unwrap();
    for domain in Domain::ALL {
        let late = generator.item(4, domain, Part::Train, 77);
        let _ = generator.item(4, domain, Part::Train, 3);
        assert_eq!(generator.item(4, domain, Part::Train, 77), late);
        assert_ne!(
            generator.item(5, domain, Part::Train, 77).question,
            late.question
        );
    }
}

#[test]
fn every_domain_has_hundreds_of_test_items_of_every_kind() {
    let generator = Generator::built_in().unwrap();
    let kinds = [
        "arithmetic: comparison difference product remainder sum",
        "graph: connectivity cycle shortest",
        "letters: count last reverse",
        "date: between weekday",
        "lore: colour food home sound",
        "orvish: colour food home sound",
        "tool: call plan summarize",
    ];
    for (domain, kinds) in Domain::ALL.into_iter().zip(kinds) {
        let items = generator.distinct(0, domain, Part::Test, 250);
        assert_eq!(items.len(), 250, "{}", domain.name());
        let mut found: Vec<&str> = items
            .iter()
            .filter_map(|item| item.id.split('/').nth(1))
            .collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(format!("{}: {}", domain.name(), found.join(" ")), kinds);
    }
}

#[test]
fn a_few_items_are_what_they_were() {
    let generator = Generator::built_in().unwrap();
    let first = |domain| {
        let item = generator.item(0, domain, Part::Test, 0);
        format!("{} => {}", bare(&item), item.answer)
    };
    let items: Vec<String> = Domain::ALL.into_iter().map(first).collect();
    let expected = include_str!("../../../tests/vectors/sprout/items.txt");
    assert_eq!(items.join("\n----\n") + "\n", expected);
}

#[test]
fn answers_are_read_as_right() {
    use crate::task::read::{Parser, grade};
    let generator = Generator::built_in().unwrap();
    for domain in Domain::ALL {
        for index in 0..100 {
            let item = generator.item(0, domain, Part::Dev, index);
            assert!(
                grade(&item, &item.answer, Parser::Strict, None).is_right,
                "{item:?}"
            );
        }
    }
}
