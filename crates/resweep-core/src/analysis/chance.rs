//! Decides whether a run ended no better than guessing, by the rule in `docs/tables.md`. Tables,
//! figures, the report and `status` all use this function.

use crate::domain::{Configuration, Cost, Dataset};

/// An error within this many percentage points below that of guessing still counts as guessing: the
/// choice of evaluation images alone can make such a difference.
const TOLERANCE_POINTS: f64 = 1.0;
/// With many classes, or one that has nearly all images, the tolerance is smaller: this fraction of
/// the guesses that are right or wrong.
const TOLERANCE_SHARE: f64 = 0.1;
/// From this depth on, an initial learning rate that is too high is the likely cause.
const DEEP: usize = 32;

/// The error in percent of guessing uniformly among the classes, for runs recorded without it;
/// `None` if the number of classes is unknown.
fn guessing_percent(configuration: &Configuration, cost: &Cost) -> Option<f64> {
    let classes = match configuration.data.dataset {
        Dataset::Synthetic | Dataset::Cifar10 => 10,
        Dataset::Cifar100 => 100,
        Dataset::Folder => configuration.model.classes(cost.parameters)?,
    };
    Some(100.0 * (1.0 - 1.0 / classes.max(1) as f64))
}

/// Whether a final error in percent is no better than guessing. `recorded` is the error of always
/// answering the largest class, if the database has it; otherwise all classes count as equally
/// large.
pub fn is_chance(
    error_percent: f64,
    recorded: Option<f64>,
    configuration: &Configuration,
    cost: &Cost,
) -> bool {
    let guessing = recorded.or_else(|| guessing_percent(configuration, cost));
    guessing.is_some_and(|guessing| {
        let share = TOLERANCE_SHARE * guessing.min(100.0 - guessing);
        guessing > 0.0 && error_percent >= guessing - TOLERANCE_POINTS.min(share)
    })
}

/// A remedy for a run that ended no better than chance.
pub fn hint(configuration: &Configuration) -> String {
    let depth = configuration.model.depth;
    if depth >= DEEP && configuration.train.warmup.is_none() {
        format!("{depth} layers may need `warmup`")
    } else {
        "try another `lr` or more iterations".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Shortcut;

    fn cost(parameters: u64) -> Cost {
        Cost {
            parameters,
            forward_flops: 0,
            training_flops: 0,
        }
    }

    #[test]
    fn tolerance_is_one_point_or_less_with_many_classes() {
        let mut ten = Configuration::paper(20, Shortcut::A);
        for (error, expected) in [(90.0, true), (92.3, true), (89.0, true), (88.9, false)] {
            assert_eq!(is_chance(error, None, &ten, &cost(0)), expected, "{error}");
        }
        assert!(!is_chance(f64::NAN, None, &ten, &cost(0)));
        ten.data.dataset = Dataset::Cifar100;
        for (error, expected) in [(99.0, true), (98.9, true), (98.8, false)] {
            assert_eq!(is_chance(error, None, &ten, &cost(0)), expected, "{error}");
        }
    }

    #[test]
    fn class_count_of_a_folder_follows_from_the_network() {
        let mut folder = Configuration::paper(20, Shortcut::A);
        folder.data.dataset = Dataset::Folder;
        let of = |classes: u64| cost(269_072 + 65 * classes);
        assert_eq!(guessing_percent(&folder, &of(2)), Some(50.0));
        assert_eq!(guessing_percent(&folder, &of(4)), Some(75.0));
        assert!(is_chance(49.0, None, &folder, &of(2)) && !is_chance(48.9, None, &folder, &of(2)));
        assert!(
            !is_chance(0.0, None, &folder, &of(1)),
            "one class cannot be guessed wrong"
        );
        assert_eq!(guessing_percent(&folder, &cost(7)), None);
    }

    #[test]
    fn recorded_guess_error_takes_precedence() {
        let ten = Configuration::paper(20, Shortcut::A);
        let is_chance = |error, guess| is_chance(error, Some(guess), &ten, &cost(0));
        assert!(is_chance(10.0, 10.0) && is_chance(9.0, 10.0) && !is_chance(8.9, 10.0));
        assert!(is_chance(0.5, 0.5) && !is_chance(0.0, 0.5));
        assert!(!is_chance(0.0, 0.0));
    }

    #[test]
    fn warmup_is_suggested_for_deep_nets_without_one() {
        assert!(hint(&Configuration::paper(110, Shortcut::A)).contains("`warmup`"));
        assert!(!hint(&Configuration::paper(20, Shortcut::A)).contains("`warmup`"));
    }
}
