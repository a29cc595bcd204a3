use flux_core::output::{Cell, Column, Document, Resource};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::command::Read;
use crate::report::failure::Failure;
use crate::report::number;
use crate::verdict::target::{self, Target};

use super::show::show;

/// A target as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    id: String,
    at_least: Option<f64>,
    at_most: Option<f64>,
    unit: String,
    about: String,
    source: String,
    /// The command whose runs are judged by it.
    test: Option<String>,
    /// What no run of flux-bench has.
    not_tested: Option<String>,
}

struct Targets;

impl From<Target> for Listed {
    fn from(target: Target) -> Self {
        let (bound, unit) = (target.bound(), target.unit().to_owned());
        Listed {
            id: target.id,
            at_least: bound.at_least(),
            at_most: bound.at_most(),
            unit,
            about: target.about,
            source: target.source,
            test: target.test,
            not_tested: target.needs.map(|needs| format!("needs {needs}")),
        }
    }
}

impl Listed {
    fn want(&self) -> String {
        number::bound(self.at_least, self.at_most, &self.unit)
    }

    fn how(&self) -> String {
        match (&self.test, &self.not_tested) {
            (Some(test), _) => test.clone(),
            (None, reason) => format!("NOT TESTED ({})", reason.as_deref().unwrap_or("nobody said how")),
        }
    }
}

impl Resource for Targets {
    type Item = Listed;

    const KIND: &'static str = "Target";

    fn columns() -> Vec<Column<Listed>> {
        vec![
            Self::column("TARGET", |target| Cell::text(&target.id)),
            Self::column("WANT", |target| Cell::text(target.want())),
            Self::column("TEST", |target| Cell::text(target.how())),
            Self::wide("MEANING", |target| Cell::text(&target.about)),
            Self::wide("SOURCE", |target| Cell::text(&target.source)),
        ]
    }

    fn name(item: &Listed) -> String {
        item.id.clone()
    }
}

pub fn list(read: &Read) -> Result<u8, Failure> {
    let listed: Vec<Listed> = target::all().into_iter().map(Listed::from).collect();
    show(&Document::list::<Targets>(&listed), read)?;
    Ok(0)
}

pub fn explain(id: &str, read: &Read) -> Result<u8, Failure> {
    let Some(target) = target::all().into_iter().find(|target| target.id == id) else {
        return Err(Failure::usage(format!("there is no target '{id}'")).hint("flux-bench targets list"));
    };
    show(&Document::details::<Targets>(&Listed::from(target)), read)?;
    Ok(0)
}
