//! The curves of figures 1, 4, 6 and 7 of "Deep Residual Learning for Image Recognition" (He et al.
//! 2015, arXiv 1512.03385), extracted from the vector graphics of the paper's PDF with a resolution
//! of about 0.03 percentage points of error.

use std::sync::LazyLock;

use strum::EnumString;

/// Columns: figure, panel, net, depth, series, x, y.
static FILE: &str = include_str!("curves.csv");

/// One line of a figure of the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// `fig1`, `fig4`, `fig6` or `fig7`.
    pub figure: &'static str,
    /// The panel's position or content, such as `left`.
    pub panel: &'static str,
    /// Whether the network has shortcuts.
    pub residual: bool,
    pub depth: usize,
    pub series: Series,
    /// Iterations and errors in percent, clipped where the paper clips them (20 % on CIFAR-10); for
    /// [`Series::LayerStd`] the layer from 1 and its standard deviation.
    pub points: Vec<(f64, f64)>,
}

/// The quantity on the y axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Series {
    /// Training error.
    Train,
    /// Test error; in figure 4 validation error on ImageNet.
    Test,
    /// Standard deviation of a layer's response (section 4.2, figure 7).
    LayerStd,
}

/// Every curve, in the order of the figures.
pub fn curves() -> &'static [Curve] {
    static CURVES: LazyLock<Vec<Curve>> = LazyLock::new(|| {
        let mut curves: Vec<Curve> = Vec::new();
        for (curve, point) in FILE.lines().skip(1).filter_map(row) {
            match curves.iter_mut().find(|known| known.is_of(&curve)) {
                Some(known) => known.points.push(point),
                None => curves.push(Curve {
                    points: vec![point],
                    ..curve
                }),
            }
        }
        curves
    });
    &CURVES
}

impl Curve {
    fn is_of(&self, other: &Curve) -> bool {
        let key = |curve: &Curve| {
            let Curve { figure, panel, .. } = *curve;
            (figure, panel, curve.residual, curve.depth, curve.series)
        };
        key(self) == key(other)
    }
}

/// Parses a line of the file: a curve without points, and one of its points.
fn row(line: &'static str) -> Option<(Curve, (f64, f64))> {
    let [figure, panel, net, depth, series, x, y] =
        line.split(',').collect::<Vec<_>>().try_into().ok()?;
    let curve = Curve {
        figure,
        panel,
        residual: net == "resnet",
        depth: depth.parse().ok()?,
        series: series.parse().ok()?,
        points: Vec::new(),
    };
    Some((curve, (x.parse().ok()?, y.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_file_is_a_point() {
        let points: usize = curves().iter().map(|curve| curve.points.len()).sum();
        assert_eq!(points, FILE.lines().count() - 1);
    }

    #[test]
    fn the_curves_end_at_the_papers_errors() {
        // table 6 of the paper: ResNet-20 8.75, -32 7.51, -44 7.17, -56 6.97
        for (depth, error) in [(20, 8.75), (32, 7.51), (44, 7.17), (56, 6.97)] {
            let curve = curves()
                .iter()
                .find(|curve| {
                    curve.figure == "fig6"
                        && curve.panel == "middle"
                        && curve.depth == depth
                        && curve.series == Series::Test
                })
                .expect("the curve");
            let (iteration, last) = *curve.points.last().expect("points");
            assert!(
                iteration > 63_000.0 && (last - error).abs() < 0.1,
                "{depth}: {last}"
            );
        }
    }
}
