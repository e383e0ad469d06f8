//! Shortens names to fit while keeping different names distinct. Pure.

use std::collections::HashSet;

use super::text::{Weight, shorten, width};

const ELLIPSIS: char = '\u{2026}';
/// Characters kept on each side of the part in which names differ.
const CONTEXT: usize = 4;

/// Keys of up to this length are not abbreviated.
const SHORT_KEY: usize = 3;

/// The space for a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space {
    pub size: f64,
    pub weight: Weight,
    /// The maximum width of a name.
    pub limit: f64,
}

impl Space {
    fn fits(&self, text: &str) -> bool {
        width(text, self.size, self.weight) <= self.limit
    }

    fn shorten(&self, text: &str) -> String {
        shorten(text, self.size, self.weight, self.limit)
    }
}

/// A method to shorten names, which returns one for each.
type Way = fn(&[String]) -> Vec<String>;

/// The methods, mildest first.
const WAYS: [Way; 5] = [
    <[String]>::to_vec,
    without_common_words,
    without_common_ends,
    with_initials,
    with_values,
];

/// The methods that do not cut words.
const OF_WORDS: [Way; 4] = [
    <[String]>::to_vec,
    without_common_words,
    with_initials,
    with_values,
];

/// Shortens names to the available width. Different names stay different: common words, the common
/// beginning and end, and the names of keys are removed; if that is not enough, the middle is
/// removed; otherwise names are numbered.
pub(super) fn distinct(names: &[String], space: Space) -> Vec<String> {
    if names.iter().all(|name| space.fits(name)) {
        return names.to_vec();
    }
    let mut kinds: Vec<&String> = names.iter().collect();
    kinds.sort();
    kinds.dedup();
    let shortened =
        |way: &Way| -> Vec<String> { way(names).iter().map(|name| space.shorten(name)).collect() };
    let is_apart = |shown: &Vec<String>| {
        let seen: HashSet<&String> = shown.iter().collect();
        let is_left = |(shown, name): (&String, &String)| name.is_empty() || !shown.is_empty();
        seen.len() == kinds.len() && shown.iter().zip(names).all(is_left)
    };
    let fits = |shown: &Vec<String>| shown.iter().all(|name| space.fits(name));
    let whole = OF_WORDS.iter().map(|way| way(names));
    let whole = whole.filter(|shown| fits(shown)).find(is_apart);
    let found = whole.or_else(|| WAYS.iter().map(shortened).find(is_apart));
    found.unwrap_or_else(|| numbered(names, &kinds, space))
}

/// Each name after the number of the first equal one: `#12 plain-8…`.
fn numbered(names: &[String], kinds: &[&String], space: Space) -> Vec<String> {
    let number = |name: &String| kinds.binary_search(&name).unwrap_or(0) + 1;
    let names = names.iter().map(|name| {
        let number = format!("#{}", number(name));
        let room = space.limit - width(&format!("{number} "), space.size, space.weight);
        let rest = shorten(name, space.size, space.weight, room);
        match name.is_empty() {
            true => String::new(),
            false => format!("{number} {rest}").trim_end().to_owned(),
        }
    });
    names.collect()
}

/// Replaces the words that every name has by an ellipsis.
fn without_common_words(names: &[String]) -> Vec<String> {
    let words = |name: &String| name.split(' ').map(str::to_owned).collect::<Vec<String>>();
    let mut common: HashSet<String> = names.first().map(words).into_iter().flatten().collect();
    for name in names {
        let own: HashSet<String> = words(name).into_iter().collect();
        common.retain(|word| own.contains(word));
    }
    let without = |name: &String| {
        let own = words(name);
        let mut kept: Vec<&str> = Vec::new();
        for word in &own {
            match common.contains(word) {
                true if kept.last() == Some(&"\u{2026}") => {}
                true => kept.push("\u{2026}"),
                false => kept.push(word),
            }
        }
        kept.join(" ")
    };
    names.iter().map(without).collect()
}

/// Removes the common beginning and end of all names, except for a few characters.
fn without_common_ends(names: &[String]) -> Vec<String> {
    let characters: Vec<Vec<char>> = names.iter().map(|name| name.chars().collect()).collect();
    let Some(first) = characters.first() else {
        return Vec::new();
    };
    let shortest = characters.iter().map(Vec::len).min().unwrap_or(0);
    let common = |at: &dyn Fn(&[char], usize) -> char| {
        let same = |i: &usize| characters.iter().all(|name| at(name, *i) == at(first, *i));
        (0..shortest).take_while(same).count()
    };
    let begin = common(&|name, i| name[i]).saturating_sub(CONTEXT);
    let end = common(&|name, i| name[name.len() - 1 - i]).saturating_sub(CONTEXT);
    let cut = |name: &Vec<char>| {
        let end = end.min(name.len() - begin);
        let middle: String = name[begin..name.len() - end].iter().collect();
        let mark = |is_cut: bool| {
            if is_cut {
                String::from(ELLIPSIS)
            } else {
                String::new()
            }
        };
        mark(begin > 0) + middle.trim() + &mark(end > 0)
    };
    characters.iter().map(cut).collect()
}

/// The words in which names differ, with abbreviated keys: `bs=16 wd=0.1`.
fn with_initials(names: &[String]) -> Vec<String> {
    of_settings(names, |key, value| {
        if key.len() <= SHORT_KEY {
            return format!("{key}={value}");
        }
        let parts = key.split('_').filter_map(|part| part.chars().next());
        let initials: String = parts.collect();
        format!("{initials}={value}")
    })
}

/// The words in which names differ, without keys: `16 0.1`.
fn with_values(names: &[String]) -> Vec<String> {
    of_settings(names, |_, value| value.to_owned())
}

fn of_settings(names: &[String], say: impl Fn(&str, &str) -> String) -> Vec<String> {
    let less = without_common_words(names);
    let words = less.iter().map(|name| {
        let words = name.split(' ').filter(|word| *word != "\u{2026}");
        let words = words.map(|word| match word.split_once('=') {
            Some((key, value)) if !key.is_empty() => say(key, value),
            _ => word.to_owned(),
        });
        words.collect::<Vec<String>>().join(" ")
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn space(limit: f64) -> Space {
        Space {
            size: 12.0,
            weight: Weight::Regular,
            limit,
        }
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn names_that_fit_stay_as_they_are() {
        let short = names(&["plain-20", "ResNet-20"]);
        assert_eq!(distinct(&short, space(150.0)), short);
    }

    #[test]
    fn names_that_differ_at_the_end_or_in_the_middle_stay_distinct() {
        let ends = names(&[
            "path = pictures-of-last-summer-at-the-sea/version-one",
            "path = pictures-of-last-summer-at-the-sea/version-two",
        ]);
        let shown = distinct(&ends, space(180.0));
        assert!(
            shown[0].ends_with("one") && shown[1].ends_with("two"),
            "{shown:?}"
        );
        let middle = names(&[
            "pictures-of-last-summer-at-the-north-sea-in-colour-resized",
            "pictures-of-last-summer-at-the-south-sea-in-colour-resized",
        ]);
        let shown = distinct(&middle, space(120.0));
        assert!(
            shown[0].contains("nor") && shown[1].contains("sou"),
            "{shown:?}"
        );
    }

    #[test]
    fn a_grid_of_settings_is_named_by_what_differs() {
        let mut grid = Vec::new();
        for (batch, lr) in [(16, "0.1"), (16, "0.05"), (32, "0.1"), (32, "0.05")] {
            for (momentum, decay) in [(0.9, 0.0001), (0.9, 0.0005), (0.95, 0.0001), (0.95, 0.0005)]
            {
                grid.push(format!(
                    "plain-8 batch_size={batch} lr={lr} momentum={momentum} weight_decay={decay}"
                ));
            }
        }
        let shown = distinct(&grid, space(200.0));
        assert_eq!(shown[0], "bs=16 lr=0.1 m=0.9 wd=0.0001");
        for limit in [150.0, 120.0, 100.0] {
            let shown = distinct(&grid, space(limit));
            let apart: HashSet<&String> = shown.iter().collect();
            assert_eq!(apart.len(), grid.len(), "{shown:?}");
            assert!(
                shown.iter().all(|name| space(limit).fits(name)),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn all_names_fit_and_stay_distinct() {
        for seed in 0..60 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let words = [
                "plain-8",
                "lr=0.05",
                "x",
                "very_long_word_indeed=1",
                "a=2",
                "深さ",
            ];
            let count = rng.random_range(1..40);
            let name = |rng: &mut ChaCha8Rng| -> String {
                let count = rng.random_range(1..9);
                let chosen = (0..count).map(|_| words[rng.random_range(0..words.len())]);
                chosen.collect::<Vec<&str>>().join(" ")
            };
            let names: Vec<String> = (0..count).map(|_| name(&mut rng)).collect();
            let space = space(rng.random_range(40.0..150.0));
            let shown = distinct(&names, space);
            for (i, one) in shown.iter().enumerate() {
                assert!(space.fits(one), "{one}");
                for j in 0..i {
                    assert_eq!(shown[j] == *one, names[j] == names[i], "{one}");
                }
            }
        }
    }
}
