//! Runs as one HTML file: no network, no script, plots as inline SVG, light and dark as the reader's system is, and the document itself
//! inside. Owns: what stands where and how it looks. Must not measure, judge or compute anything that a report of another form lacks.
//! Invariant: every text that comes from a run is escaped.

mod axis;
mod bus;
mod heat;
mod lines;
mod plots;
mod sections;
mod text;

use super::model::{BenchRun, Tool};
use super::series::Series;
use text::escape;

/// The whole page; `title` is what the run is called.
pub fn page(document: &BenchRun, title: &str) -> String {
    let series = Series::all(&document.items);
    let Some(ours) = series.first() else { return String::new() };
    let compares_buses = ours.median().tool == Tool::Bus;
    let body = if compares_buses { buses(document, &series, ours) } else { servers(document, &series, ours) };
    html(document, title, &body)
}

/// Every bus is ours.
fn buses(document: &BenchRun, series: &[Series<'_>], ours: &Series<'_>) -> String {
    let mut body = bus::summary(series);
    body.push_str(&bus::verdicts(series));
    body.push_str(&bus::charts(series));
    body.push_str(&bus::limits(series));
    body.push_str(&sections::audit(series));
    body.push_str(&sections::every_run(&document.items));
    body.push_str(&sections::environment(ours));
    body
}

/// Ours, and others beside it.
fn servers(document: &BenchRun, series: &[Series<'_>], ours: &Series<'_>) -> String {
    let mut body = sections::verdict(ours, series);
    body.push_str(&sections::remarks(ours));
    if series.len() > 1 || ours.runs.len() > 1 {
        body.push_str(&sections::side_by_side(series));
    }
    body.push_str(&sections::targets(ours));
    body.push_str(&plots::all(series));
    body.push_str(&sections::latencies(ours));
    body.push_str(&sections::audit(series));
    if document.items.len() > 1 {
        body.push_str(&sections::every_run(&document.items));
    }
    body.push_str(&sections::environment(ours));
    body
}

fn html(document: &BenchRun, title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{} · flux-bench</title>\n<style>\n{}</style>\n\
         </head>\n<body>\n<main>\n{body}</main>\n<script type=\"application/json\" id=\"flux-bench\">{}</script>\n</body>\n</html>\n",
        escape(title),
        include_str!("style.css"),
        embedded(document),
    )
}

/// JSON that cannot end the element around it.
fn embedded(document: &BenchRun) -> String {
    serde_json::to_string(document).expect("numbers and strings are JSON").replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::super::model::{Point, ProcessSample, Run, Spread};
    use super::*;

    fn run(label: &str) -> Run {
        let mut run = fixture::run();
        run.label = label.to_owned();
        run.timeline.heat_milliseconds = vec![1.0, 2.0, 4.0];
        run.timeline.points = (1..=10)
            .map(|second| Point {
                at_seconds: f64::from(second),
                delivered: 50_000,
                latency: Some(Spread { p50: 1.0, p99: 2.0, max: 4.0 }),
                heat: vec![10, 1_000, 3],
                servers: vec![Some(ProcessSample { cores: 0.8, resident_bytes: 20_000_000 })],
                ..Default::default()
            })
            .collect();
        run
    }

    /// What stands in the page as data, as a browser would read it.
    fn data(page: &str) -> BenchRun {
        let begin = "id=\"flux-bench\">";
        let from = page.find(begin).expect("the data is there") + begin.len();
        let to = from + page[from..].find("</script>").expect("it ends");
        serde_json::from_str(&page[from..to]).expect("it is JSON")
    }

    #[test]
    fn the_page_holds_the_run_itself_and_asks_nobody_for_anything() {
        let document = BenchRun::of(vec![run("flux"), run("other")]);
        let page = page(&document, "a run");
        assert_eq!(data(&page), document);
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("prefers-color-scheme: dark") && page.contains("PASS") && page.contains("Side by side"), "{page}");
        assert!(page.matches("<svg").count() >= 4);
    }

    #[test]
    fn nothing_in_a_run_becomes_markup() {
        let mut hostile = run("</script><script>alert(1)</script>");
        hostile.failures = vec!["<img src=x onerror=alert(1)>".to_owned()];
        hostile.settings.urls = vec!["\"><u>".to_owned()];
        let document = BenchRun::of(vec![hostile]);
        let page = page(&document, "<title>");
        assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("<u>"), "{page}");
        assert_eq!(page.matches("</script>").count(), 1);
        assert_eq!(data(&page), document);
    }
}
