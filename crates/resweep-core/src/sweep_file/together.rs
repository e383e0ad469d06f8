//! Reads several sweeps as one, for figures and tables that compare them.

use std::collections::HashMap;

use super::diagnostics::error::SweepFileError;
use super::diagnostics::problem::Problems;
use super::diagnostics::source::{SourceId, Sources};
use super::figures::figure::FigureTable;
use super::grid::context::{CountImages, DataFolders, Places, Surroundings};
use super::parse::syntax;
use super::parse::tree::Table;
use super::read::{Tables, name};
use super::sweep_text::{SweepText, document};
use super::values::setting::Point;
use crate::domain::{Configuration, Figure, Sweep, determining};

/// Joins the names of sweeps that are shown together. No sweep's name has it.
pub const JOINT: char = '+';

/// A sweep to read together with others. It must be valid.
pub struct Part<'a> {
    pub name: &'a str,
    pub text: &'a SweepText,
    pub overrides: &'a [String],
    /// The fingerprint of each configuration's images.
    pub images: Vec<&'a str>,
    pub count_images: CountImages<'a>,
}

/// Several sweeps as one.
pub struct Together {
    /// A configuration that several sweeps have is there once. There are no seeds.
    pub sweep: Sweep,
    /// For each part, the place in `sweep` of each of its configurations.
    pub places: Vec<Vec<usize>>,
    /// The figures that cannot show these sweeps, and why.
    pub left_out: Vec<(String, String)>,
}

/// Reads `parts` as one sweep, called `first+second`. Without `declaring`, its figures are those
/// that the first of `parts` declares for itself or for exactly these sweeps; otherwise the figure
/// at a place in the file of another sweep.
///
/// # Errors
/// A part is invalid.
pub fn together(
    parts: &[Part<'_>],
    declaring: Option<(&Part<'_>, usize)>,
) -> Result<Together, SweepFileError> {
    let names: Vec<String> = parts.iter().map(|part| part.name.to_owned()).collect();
    let read: Vec<Read> = parts.iter().map(Read::of).collect::<Result<_, _>>()?;
    let mut grids = Vec::with_capacity(parts.len());
    for (read, part) in read.iter().zip(parts) {
        grids.push(read.grid(part)?);
    }
    let merged = Merged::of(&grids, parts);
    let sweeps: Vec<Vec<String>> = merged.sweeps(&names);
    let points: Vec<Point<'_>> = (merged.points.iter().zip(&sweeps))
        .map(|(point, sweeps)| point.of_sweeps(sweeps))
        .collect();
    let elsewhere = declaring.map(|(part, _)| Read::of(part)).transpose()?;
    let (tables, declared_in) = match (&elsewhere, declaring) {
        (Some(read), Some((part, place))) => {
            let table = read.tables.figures.iter().enumerate();
            (table.filter(|(at, _)| *at == place).collect(), part.name)
        }
        _ => (for_sweeps(&read[0].tables.figures, &names), parts[0].name),
    };
    let (mut figures, left_out) = figures(&tables, &points);
    for figure in &mut figures {
        figure.sweeps.clone_from(&names);
        figure.declared_in = Some(declared_in.to_owned());
    }
    let labels = name(&points, &merged.configurations, &mut figures);
    Ok(Together {
        sweep: Sweep {
            name: names.join(&JOINT.to_string()),
            title: Some(names.join(", ")),
            description: None,
            configurations: merged.configurations,
            labels,
            seeds: Vec::new(),
            adaptive: None,
            seeds_note: None,
            max_attempts: 1,
            figures,
            expectations: Vec::new(),
        },
        places: merged.places,
        left_out,
    })
}

/// The figures that are declared for one sweep or for exactly these, with their places.
fn for_sweeps<'t>(tables: &'t [FigureTable], sweeps: &[String]) -> Vec<(usize, &'t FigureTable)> {
    let tables = tables.iter().enumerate();
    let is_for = |table: &FigureTable| table.sweeps().is_empty() || table.sweeps() == sweeps;
    tables.filter(|(_, table)| is_for(table)).collect()
}

/// The figures of these tables, and those that cannot be made. Without tables, the default figure.
fn figures(
    tables: &[(usize, &FigureTable)],
    points: &[Point<'_>],
) -> (Vec<Figure>, Vec<(String, String)>) {
    let default = FigureTable::default();
    let (mut figures, mut left_out) = (Vec::new(), Vec::new());
    let tables = match tables {
        [] => &[(0, &default)],
        tables => tables,
    };
    for &(place, table) in tables {
        let mut problems = Problems::default();
        let figure = table.resolve(points, &mut problems);
        // A title for one sweep is wrong for several.
        let title = figure.title.clone().filter(|_| !table.sweeps().is_empty());
        let figure = Figure {
            place,
            title,
            ..figure
        };
        match problems.first_message() {
            None => figures.push(figure),
            Some(message) => left_out.push((figure.name, message.to_owned())),
        }
    }
    (figures, left_out)
}

/// The tables of a part.
struct Read {
    sources: Sources,
    root: Table,
    tables: Tables,
}

impl Read {
    fn of(part: &Part<'_>) -> Result<Self, SweepFileError> {
        let mut problems = Problems::default();
        let sources = part.text.sources(part.overrides);
        let defaults = syntax::document(&sources, SourceId::Defaults, &mut problems);
        let root = document(&sources, &mut problems);
        let tables = Tables::read(&root, &defaults, &mut problems);
        match problems.is_empty() {
            true => Ok(Self {
                sources,
                root,
                tables,
            }),
            false => Err(part.text.invalid(sources, problems)),
        }
    }

    fn grid(&self, part: &Part<'_>) -> Result<Grid<'_>, SweepFileError> {
        let mut problems = Problems::default();
        let around = Surroundings {
            folders: DataFolders::NeedNotExist,
            count_images: part.count_images,
        };
        let places = Places::new(&self.root, around);
        let expanded = self.tables.expand(&places, &mut problems);
        let Some((candidates, Some(configurations))) = expanded else {
            return Err(part.text.invalid(self.sources.clone(), problems));
        };
        Ok(Grid {
            points: candidates.iter().map(|candidate| candidate.point).collect(),
            configurations,
        })
    }
}

/// The configurations of one part.
struct Grid<'a> {
    points: Vec<Point<'a>>,
    configurations: Vec<Configuration>,
}

/// The configurations of all parts, each once.
struct Merged<'a> {
    points: Vec<Point<'a>>,
    configurations: Vec<Configuration>,
    places: Vec<Vec<usize>>,
}

impl<'a> Merged<'a> {
    /// Two configurations are the same if they determine the same runs.
    fn of(grids: &[Grid<'a>], parts: &[Part<'_>]) -> Self {
        let mut merged = Self {
            points: Vec::new(),
            configurations: Vec::new(),
            places: Vec::new(),
        };
        let mut known: HashMap<(String, &str), usize> = HashMap::new();
        for (grid, part) in grids.iter().zip(parts) {
            let mut places = Vec::with_capacity(grid.points.len());
            for (index, configuration) in grid.configurations.iter().enumerate() {
                // Plain data always serialise to JSON.
                let form = serde_json::to_string(&determining(configuration)).unwrap_or_default();
                let images = part.images.get(index).copied().unwrap_or_default();
                let place = *known.entry((form, images)).or_insert_with(|| {
                    merged.points.push(grid.points[index]);
                    merged.configurations.push(configuration.clone());
                    merged.points.len() - 1
                });
                places.push(place);
            }
            merged.places.push(places);
        }
        merged
    }

    /// For each configuration, the names of the sweeps that have it.
    fn sweeps(&self, names: &[String]) -> Vec<Vec<String>> {
        let mut sweeps: Vec<Vec<String>> = vec![Vec::new(); self.points.len()];
        for (places, name) in self.places.iter().zip(names) {
            for &place in places {
                if !sweeps[place].contains(name) {
                    sweeps[place].push(name.clone());
                }
            }
        }
        sweeps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, more: &str) -> SweepText {
        let text = format!(
            "[sweep]\nname = \"{name}\"\n[model]\nshortcut = \"A\"\n[train]\niterations = 10\n{more}"
        );
        SweepText::recorded(name.into(), text)
    }

    fn part<'a>(name: &'a str, text: &'a SweepText, images: &[&'a str]) -> Part<'a> {
        Part {
            name,
            text,
            overrides: &[],
            images: images.to_vec(),
            count_images: &|_, _| Ok(100),
        }
    }

    #[test]
    fn nets_of_one_name_are_labelled_with_their_sweeps_and_what_varies_there() {
        let first = text("first", "[axes]\ndepth = [8, 20]\n");
        let second = text("second", "[axes]\nlr = [0.1, 0.01]\ndepth = [8, 14]\n");
        let third = text("third", "[axes]\ndepth = [8]\n");
        let third = SweepText::recorded("third".into(), third.as_str().replace("\"A\"", "\"B\""));
        let parts = [
            part("first", &first, &["x"; 2]),
            part("second", &second, &["x"; 4]),
            part("third", &third, &["x"]),
        ];
        let together = together(&parts, None).expect("valid sweeps");
        let labels: Vec<&str> = together.sweep.labels.iter().map(String::as_str).collect();
        assert_eq!(
            labels,
            [
                "first, second: ResNet-8 A lr=0.1",
                "ResNet-20 A",
                "ResNet-14 A lr=0.1",
                "second: ResNet-8 A lr=0.01",
                "ResNet-14 A lr=0.01",
                "ResNet-8 B",
            ]
        );
        assert_eq!(together.places, [vec![0, 1], vec![0, 2, 3, 4], vec![5]]);
        assert_eq!(together.sweep.name, "first+second+third");
    }

    #[test]
    fn configurations_with_other_images_are_not_shared() {
        let one = text("one", "[axes]\ndepth = [8]\n");
        let other = text("other", "[axes]\ndepth = [8]\n");
        let parts = [part("one", &one, &["x"]), part("other", &other, &["y"])];
        let together = together(&parts, None).expect("valid sweeps");
        assert_eq!(together.sweep.labels, ["one: ResNet-8", "other: ResNet-8"]);
        assert_eq!(together.sweep.figures[0].panels.len(), 1);
    }

    #[test]
    fn a_figure_of_the_file_keeps_its_settings_but_not_the_title_of_one_sweep() {
        let one = text(
            "one",
            "layer_stats = true\n[axes]\ndepth = [8, 14]\n[[figure]]\nname = \"final\"\n\
             title = \"One\"\nkind = \"error-vs-depth\"\ny_max = 50\n[[figure]]\n\
             name = \"both\"\ntitle = \"Two\"\nsweeps = [\"one\", \"other\"]\n[[figure]]\n\
             name = \"elsewhere\"\nsweeps = [\"third\"]\n[[figure]]\nname = \"layers\"\n\
             kind = \"layer-responses\"\n",
        );
        let other = text("other", "[axes]\ndepth = [8, 14]\n");
        let parts = [
            part("one", &one, &["x"; 2]),
            part("other", &other, &["x"; 2]),
        ];
        let together = together(&parts, None).expect("valid sweeps");
        let names: Vec<&str> = together
            .sweep
            .figures
            .iter()
            .map(|f| f.name.as_str())
            .collect();
        assert_eq!(names, ["final", "both"]);
        let [last, both] = &together.sweep.figures[..] else {
            panic!("two figures");
        };
        assert_eq!(
            (last.title.as_deref(), both.title.as_deref()),
            (None, Some("Two"))
        );
        let titles: Vec<Option<&str>> = last.panels.iter().map(|p| p.title.as_deref()).collect();
        assert_eq!(
            titles,
            [Some("one"), Some("one"), Some("other"), Some("other")]
        );
        assert_eq!(last.panels[0].y_max, Some(50.0));
        assert_eq!(together.left_out[0].0, "layers");
    }
}
