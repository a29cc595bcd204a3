use serde_json::json;

use crate::cli::command::Format;
use crate::report::failure::{API_VERSION, Failure};
use crate::report::number::grouped;
use crate::selftest::{self, Part};

use super::mqtt::write;

/// Runs every part; exit code 1 when the measure did not measure.
pub async fn selftest(messages: usize, format: Format) -> Result<u8, Failure> {
    let parts = selftest::run(messages).await.map_err(|error| Failure::new(1, "selftest", error.to_string()))?;
    let exact = parts.iter().all(Part::holds);
    let text = match format {
        Format::Json => {
            let result = if exact { "PASS" } else { "FAIL" };
            format!("{:#}\n", json!({ "apiVersion": API_VERSION, "kind": "Selftest", "result": result, "items": parts }))
        }
        Format::Table => {
            let mut lines = vec!["SELFTEST  a server with known faults, and what flux-bench says of it".to_owned()];
            for part in &parts {
                lines.push(part.name.clone());
                for figure in &part.figures {
                    let word = if figure.holds() { "ok" } else { "WRONG" };
                    lines.push(format!(
                        "  {:<28} {:>3} {:>12}   reported {:>12}   {word}",
                        figure.name,
                        figure.relation(),
                        grouped(figure.planted),
                        grouped(figure.reported)
                    ));
                }
            }
            lines.push(format!(
                "RESULT  {}",
                if exact { "PASS: the measure measures" } else { "FAIL: do not believe this build" }
            ));
            lines.join("\n") + "\n"
        }
    };
    write(&text)?;
    Ok(u8::from(!exact))
}
