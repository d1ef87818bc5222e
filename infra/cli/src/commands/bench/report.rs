//! Figures beside their targets, as tables and as JSON. Knows nothing of what is measured.

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

/// What a measurement found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub title: &'static str,
    pub figures: Vec<Figure>,
    pub notes: Vec<String>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub name: String,
    /// None where this machine does not tell.
    pub value: Option<f64>,
    pub unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Whether the target is met; none where there is no target, or the sizes are too small to judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
}

/// What a figure has to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }

    fn words(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", number(bound)),
            Self::AtMost(bound) => format!("≤ {}", number(bound)),
        }
    }
}

impl Report {
    pub fn new(title: &'static str) -> Self {
        Self { title, ..Self::default() }
    }

    /// Adds a figure without a target.
    pub fn tell(&mut self, name: impl Into<String>, value: impl Into<Option<f64>>, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value: value.into(), unit, target: None, holds: None });
    }

    /// Adds a figure with its target. A figure that could not be had misses it, unless it is not judged.
    pub fn check(
        &mut self,
        name: impl Into<String>,
        value: impl Into<Option<f64>>,
        unit: &'static str,
        target: Target,
        judged: bool,
    ) {
        let value = value.into();
        let holds = judged.then(|| value.is_some_and(|value| target.is_met_by(value)));
        self.figures.push(Figure { name: name.into(), value, unit, target: Some(target), holds });
    }

    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The figure of this name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name)?.value
    }

    /// The targets missed, in words.
    pub fn missed(&self) -> impl Iterator<Item = String> + '_ {
        self.figures.iter().filter(|figure| figure.holds == Some(false)).map(|figure| {
            let target = figure.target.map_or_else(String::new, Target::words);
            let value = figure.value.map_or_else(|| "not available".to_owned(), number);
            format!("{}: {} is {value}, should be {target} {}", self.title, figure.name, figure.unit)
        })
    }

    /// The table for people.
    pub fn table(&self) -> Table {
        let mut table = plain([self.title, "figure", "unit", "target", ""]);
        for figure in &self.figures {
            let verdict = match (figure.target, figure.holds) {
                (None, _) => "",
                (Some(_), None) => "not judged",
                (Some(_), Some(true)) => "yes",
                (Some(_), Some(false)) => "NO",
            };
            table.add_row([
                &figure.name,
                &figure.value.map_or_else(|| "not available".to_owned(), number),
                figure.unit,
                &figure.target.map_or_else(String::new, Target::words),
                verdict,
            ]);
        }
        align_right(&mut table, [1, 3]);
        table
    }
}

/// An empty table.
pub fn plain<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_header(header);
    table
}

/// Lines numbers up.
pub fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A number with as many digits as say something.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        whole if whole.fract() == 0.0 || whole >= 1000.0 => 0,
        large if large >= 100.0 => 1,
        small if small < 0.1 => 4,
        _ => 2,
    };
    format!("{value:.digits$}")
}
