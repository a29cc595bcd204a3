use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use crate::cli::command::Format;
use crate::report::failure::{API_VERSION, Failure};
use crate::report::number::figure;
use crate::verdict::target::{self, Bound};

use super::mqtt::write;

pub fn list(format: Format) -> Result<u8, Failure> {
    let targets = target::all();
    let text = match format {
        Format::Json => {
            let items: Vec<_> = targets
                .iter()
                .map(|target| {
                    let (at_least, at_most) = match target.bound() {
                        Bound::AtLeast(bound) => (Some(bound), None),
                        Bound::AtMost(bound) => (None, Some(bound)),
                    };
                    let unit = target.metric.unit().trim();
                    json!({ "id": target.id, "atLeast": at_least, "atMost": at_most, "unit": unit, "source": target.source })
                })
                .collect();
            format!("{:#}\n", json!({ "apiVersion": API_VERSION, "kind": "TargetList", "items": items }))
        }
        Format::Table => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING).set_header(["TARGET", "WANT", "SOURCE"]);
            for target in &targets {
                let unit = target.metric.unit();
                let want = match target.bound() {
                    Bound::AtLeast(bound) => format!("≥ {}{unit}", figure(bound)),
                    Bound::AtMost(bound) => format!("≤ {}{unit}", figure(bound)),
                };
                table.add_row([target.id.clone(), want, target.source.clone()]);
            }
            if let Some(want) = table.column_mut(1) {
                want.set_cell_alignment(CellAlignment::Right);
            }
            if let Some(first) = table.column_mut(0) {
                first.set_padding((0, 2));
            }
            table.trim_fmt() + "\n"
        }
    };
    write(&text)?;
    Ok(0)
}
