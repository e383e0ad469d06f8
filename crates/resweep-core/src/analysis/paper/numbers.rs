//! Final errors in percent that the paper and its sequel report for CIFAR-10.

use serde::Serialize;

use crate::domain::{Configuration, Dataset, Shortcut};

/// The source of a reported error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// Table 6 of arXiv 1512.03385.
    #[serde(rename = "table 6")]
    Table6,
    /// Figure 6 of arXiv 1512.03385, extracted from its curves.
    #[serde(rename = "figure 6")]
    Figure6,
    /// Table 1 of the sequel, arXiv 1603.05027: the median of five runs.
    #[serde(rename = "the sequel's table 1")]
    Sequel,
}

impl Source {
    /// The text of the table's footnotes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table6 => "table 6",
            Self::Figure6 => "figure 6",
            Self::Sequel => "the sequel's table 1",
        }
    }
}

/// The reported errors of one network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Number {
    pub depth: usize,
    pub shortcut: Shortcut,
    /// Final test error; the mean if several runs are reported, the median in the sequel.
    pub test: f64,
    /// The best run and the standard deviation over runs, if several are reported.
    pub test_best: Option<f64>,
    pub test_standard_deviation: Option<f64>,
    pub source: Source,
    /// Mean training error from 54,000 iterations on, of figure 6.
    pub train: Option<f64>,
}

const fn number(
    depth: usize,
    shortcut: Shortcut,
    test: f64,
    source: Source,
    train: Option<f64>,
) -> Number {
    Number {
        depth,
        shortcut,
        test,
        test_best: None,
        test_standard_deviation: None,
        source,
        train,
    }
}

/// Every network with a reported error.
pub const NUMBERS: [Number; 11] = [
    number(20, Shortcut::None, 9.69, Source::Figure6, Some(1.3)),
    number(32, Shortcut::None, 10.08, Source::Figure6, Some(1.4)),
    number(44, Shortcut::None, 11.42, Source::Figure6, Some(2.7)),
    number(56, Shortcut::None, 13.23, Source::Figure6, Some(5.8)),
    number(20, Shortcut::A, 8.75, Source::Table6, Some(0.66)),
    number(32, Shortcut::A, 7.51, Source::Table6, Some(0.28)),
    number(44, Shortcut::A, 7.17, Source::Table6, Some(0.19)),
    number(56, Shortcut::A, 6.97, Source::Table6, Some(0.09)),
    Number {
        test_best: Some(6.43),
        test_standard_deviation: Some(0.16),
        ..number(110, Shortcut::A, 6.61, Source::Table6, Some(0.06))
    },
    number(1202, Shortcut::A, 7.93, Source::Table6, Some(0.09)),
    number(110, Shortcut::C, 12.22, Source::Sequel, None),
];

/// The paper's errors of this network on CIFAR-10; `None` for other images, widths, image sizes or
/// networks.
pub fn reference(configuration: &Configuration) -> Option<&'static Number> {
    let model = &configuration.model;
    let comparable = configuration.data.dataset == Dataset::Cifar10
        && model.width == 16
        && model.image_size == 32;
    NUMBERS.iter().find(|number| {
        comparable && number.depth == model.depth && number.shortcut == model.shortcut
    })
}
