use flux_core::output::{Cell, Column, Document, Resource, Selection};
use serde::Serialize;

use crate::confirm::announce;
use crate::context::Context;
use crate::failure::Failure;

/// Something a command has changed.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// `session`, `retained message`, …
    pub resource: &'static str,
    pub name: String,
    /// What was done: `deleted`, `disconnected`, …
    pub result: &'static str,
}

pub struct Changes;

impl Resource for Changes {
    type Item = Change;

    const KIND: &'static str = "Change";

    fn columns() -> Vec<Column<Change>> {
        vec![
            Self::column("RESOURCE", |change| Cell::text(change.resource)),
            Self::column("NAME", |change| Cell::text(&change.name)),
            Self::column("RESULT", |change| Cell::text(change.result)),
        ]
    }

    fn name(item: &Change) -> String {
        item.name.clone()
    }
}

/// Makes one change for each name, in order, and stops at the first that fails. What was changed until then is printed all the same.
pub async fn make(
    context: &Context,
    names: &[String],
    mut change: impl AsyncFnMut(&str) -> Result<Change, Failure>,
) -> Result<(), Failure> {
    announce(context)?;
    let mut changes = Vec::new();
    let mut result = Ok(());
    for name in names {
        match change(name).await {
            Ok(change) => changes.push(change),
            Err(failure) => {
                result = Err(failure);
                break;
            }
        }
    }
    if !changes.is_empty() {
        context.print(&Document::list::<Changes>(&changes), &Selection { no_headers: true, ..Selection::default() })?;
    }
    result
}
