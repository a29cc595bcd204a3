use super::model::{Probe, Search, Tool};
use super::number::{figure, grouped};
use super::table::{finished, grid};
use crate::search::{Limit, Phase};

/// The search for people.
pub fn render(search: &Search) -> String {
    let mut table = grid(&["PROBE", "PHASE", "OFFERED", "ACHIEVED", "p50 ms", "p99 ms", "SERVER", "VERDICT"]);
    for probe in &search.probes {
        let verdict = match &probe.reason {
            Some(reason) => format!("no: {reason}"),
            None => "holds".to_owned(),
        };
        table.add_row([
            probe.number.to_string(),
            phase(probe.phase).to_owned(),
            format!("{}/s", figure(probe.offered_per_second)),
            format!("{}/s", figure(probe.achieved_per_second)),
            milliseconds(probe.p50_milliseconds),
            milliseconds(probe.p99_milliseconds),
            probe.server_cores.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2} cores")),
            verdict,
        ]);
    }
    let mut lines = vec![headline(search), finished(table, 2..7), format!("RESULT  {}", result(search))];
    lines.push(format!("bounded by: {}", search.bounded_by));
    lines.extend(next(search).map(|next| format!("next: {next}")));
    lines.join("\n") + "\n"
}

/// One probe, as it is told while the search goes on.
pub fn line(probe: &Probe) -> String {
    let verdict = match &probe.reason {
        Some(reason) => format!("does not hold: {reason}"),
        None => "holds".to_owned(),
    };
    let p99 = probe.p99_milliseconds.map(|p99| format!(", p99 {p99:.2} ms")).unwrap_or_default();
    format!("probe {} ({}): {}/s{p99}: {verdict}", probe.number, phase(probe.phase), figure(probe.offered_per_second))
}

/// What was found, in a sentence.
pub fn result(search: &Search) -> String {
    let partial = if search.interrupted { "INTERRUPTED; so far " } else { "" };
    match search.rate_per_second {
        Some(rate) if search.of == 0 => format!("{partial}{}/s held once, not confirmed", figure(rate)),
        Some(rate) => {
            format!("highest rate that holds: {}/s (confirmed {} of {})", figure(rate), search.confirmed, search.of)
        }
        None if search.limit == Limit::Generator && !search.interrupted => {
            "nothing found: the generator was the limit at the first rate already, which says nothing of the server".to_owned()
        }
        None => format!("{partial}no rate holds"),
    }
}

fn headline(search: &Search) -> String {
    format!(
        "flux-bench search {} {} · {} conns · {} · within {}%",
        search.tool.name(),
        search.scenario,
        grouped(search.connections),
        search.objectives.join(", "),
        figure(search.precision * 100.0)
    )
}

fn next(search: &Search) -> Option<String> {
    let command = format!("flux-bench {} {}", search.tool.name(), search.scenario);
    match (search.rate_per_second, search.limit) {
        (None, Limit::Generator) if !search.interrupted => {
            Some("begin lower with --from, or run the generator on another machine".to_owned())
        }
        (Some(_), Limit::Generator) => Some("run the generator on another machine, or with more --workers".to_owned()),
        (Some(rate), _) => Some(format!("{command} --rate {} --duration 60s   whether it holds for longer", rate.floor())),
        (None, _) if search.tool == Tool::Http => Some(format!("{command} --rate 100   what is slow")),
        (None, _) => Some(format!("{command} --rate 1000   what is slow or lost")),
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Bracket => "bracket",
        Phase::Bisect => "bisect",
        Phase::Confirm => "confirm",
    }
}

fn milliseconds(found: Option<f64>) -> String {
    found.map_or_else(|| "-".to_owned(), |found| format!("{found:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::machine::Environment;

    #[test]
    fn a_generator_that_cannot_begin_is_no_verdict_on_the_server() {
        let mut search = Search {
            id: "search".to_owned(),
            started_at: String::new(),
            tool: Tool::Mqtt,
            scenario: "pair".to_owned(),
            url: String::new(),
            connections: 20,
            objectives: vec!["p99<20ms".to_owned()],
            precision: 0.05,
            probes: vec![],
            rate_per_second: None,
            confirmed: 0,
            of: 0,
            limit: Limit::Generator,
            bounded_by: String::new(),
            interrupted: false,
            environment: Environment::default(),
        };
        assert!(result(&search).starts_with("nothing found: the generator was the limit"), "{}", result(&search));
        assert!(next(&search).is_some_and(|next| next.contains("--from")));
        search.limit = Limit::Objective;
        assert_eq!(result(&search), "no rate holds");
    }
}
