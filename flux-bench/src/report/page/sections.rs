use super::text::{badge, escape, section, table};
use crate::report::bounds::{self, Bounds};
use crate::report::figures::FIGURES;
use crate::report::model::{Audit, Percentiles, ProcessUse, Run};
use crate::report::number::{bytes, figure, grouped};
use crate::report::series::Series;
use crate::report::{side, table as plain};
use crate::verdict::judge::loses;

/// What the page is opened for: the result, in one look.
pub fn verdict(ours: &Series<'_>, all: &[Series<'_>]) -> String {
    let run = ours.median();
    let conclusion = ours.conclusion();
    let tone = match conclusion.exit_code(true) {
        0 => "good",
        3 | 4 => "bad",
        _ => "warn",
    };
    let repeated = match ours.runs.len() {
        1 => String::new(),
        runs => format!(" · the median of {runs} runs"),
    };
    let beside = match all.len() {
        1 => String::new(),
        servers => format!(" · {servers} servers in turns"),
    };
    let tile =
        |value: String, name: &str| format!("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escape(&value), escape(name));
    let mut tiles: Vec<String> =
        FIGURES.iter().filter_map(|figure| Some(tile(figure.unit.show(ours.middle(figure)?.median), figure.title))).collect();
    if run.settings.publishers == Some(0) {
        tiles.insert(0, tile(grouped(run.connections.opened), "connections"));
    }
    format!(
        "<header class=\"{tone}\">\n<p class=\"verdict\">{}</p>\n<h1>{}</h1>\n<p class=\"when\">{} · {}{repeated}{beside}</p>\n</header>\n\
         <div class=\"tiles\">{}</div>\n",
        escape(conclusion.word()),
        escape(plain::headline(run).trim_start_matches("flux-bench ")),
        escape(ours.label),
        escape(&run.started_at.replace('T', " ").replace('Z', " UTC")),
        tiles.join("")
    )
}

/// What was wrong, what bounded it, what to try.
pub fn remarks(ours: &Series<'_>) -> String {
    let run = ours.median();
    let wrong = run
        .violations
        .iter()
        .chain(&run.doubts)
        .chain(&run.failures)
        .chain(&run.connections.failures)
        .chain(&run.connections.losses);
    let mut items: Vec<String> = wrong.take(12).map(|reason| format!("<li class=\"wrong\">{}</li>\n", escape(reason))).collect();
    let Bounds { bounded_by, notes, next } = bounds::of(run);
    items.extend(bounded_by.map(|what| format!("<li><b>Bounded by</b> {}</li>\n", escape(&what))));
    items.extend(notes.iter().map(|note| format!("<li><b>Note</b> {}</li>\n", escape(note))));
    let (command, why) = next.split_once("   ").unwrap_or((&next, ""));
    items.push(format!("<li><b>Try next</b> <code>{}</code> {}</li>\n", escape(command), escape(why)));
    format!("<ul class=\"remarks\">\n{}</ul>\n", items.concat())
}

pub fn side_by_side(series: &[Series<'_>]) -> String {
    let Some(ours) = series.first() else { return String::new() };
    let mut header = vec![String::new()];
    header.extend(
        series
            .iter()
            .enumerate()
            .map(|(index, series)| format!("<span class=\"key c{index}\"><i></i>{}</span>", escape(series.label))),
    );
    let mut rows = vec![vec!["result".to_owned()]];
    rows[0].extend(series.iter().map(|series| badge(series.conclusion().word())));
    for figure in FIGURES.iter().filter(|figure| series.iter().any(|series| series.middle(figure).is_some())) {
        let mut row = vec![escape(figure.title)];
        row.extend(series.iter().enumerate().map(|(index, theirs)| {
            let Some(middle) = theirs.middle(figure) else { return "–".to_owned() };
            let ratio = ours.middle(figure).filter(|_| index > 0).and_then(|ours| side::ratio(middle, ours));
            let spread =
                (theirs.believable().len() > 1 && middle.median != 0.0).then(|| format!("±{:.0}%", middle.spread() * 100.0));
            let small: Vec<String> = spread.into_iter().chain(ratio).collect();
            format!("{}<small>{}</small>", escape(&figure.unit.show(middle.median)), escape(&small.join(" · ")))
        }));
        rows.push(row);
    }
    let runs = series.iter().map(|series| series.runs.len()).max().unwrap_or(1);
    let about = match runs {
        1 => "<p class=\"about\">The ratio is to the first.</p>\n".to_owned(),
        runs => format!(
            "<p class=\"about\">Medians of {runs} runs in turns, how far they were apart, and the ratio to the first.</p>\n"
        ),
    };
    section("Side by side", &format!("{about}{}", table(&header, &rows)))
}

pub fn targets(ours: &Series<'_>) -> String {
    let run = ours.median();
    if run.targets.is_empty() {
        return String::new();
    }
    let header = ["Target", "Want", "Got", "Verdict"].map(str::to_owned);
    let rows: Vec<Vec<String>> = run
        .targets
        .iter()
        .map(|row| {
            let reason = row.reason.as_ref().map(|reason| format!("<small>{}</small>", escape(reason))).unwrap_or_default();
            vec![
                format!("{}<small>{}</small>", escape(&row.id), escape(&row.source)),
                escape(&row.want()),
                escape(&row.got()),
                format!("{}{reason}", badge(row.verdict.word())),
            ]
        })
        .collect();
    section("Targets", &table(&header, &rows))
}

pub fn latencies(ours: &Series<'_>) -> String {
    let found = &ours.median().latency_milliseconds;
    let header = ["Latency, ms", "p50", "p90", "p99", "p99.9", "max", "mean", "count"].map(str::to_owned);
    let of: [(&str, &str, &Option<Percentiles>); 5] = [
        ("response", "from when it was due", &found.response),
        ("service", "from when it was sent", &found.service),
        ("acknowledgement", "from when it was due", &found.acknowledgement),
        ("generator lag", "the generator's own lateness", &found.generator_lag),
        ("connect", "until the server accepted", &found.connect),
    ];
    let rows: Vec<Vec<String>> = of
        .into_iter()
        .filter_map(|(name, about, found)| {
            let found = found.as_ref()?;
            let mut row = vec![format!("{name}<small>{about}</small>")];
            row.extend([found.p50, found.p90, found.p99, found.p999, found.max, found.mean].map(|ms| format!("{ms:.2}")));
            row.push(grouped(found.count));
            Some(row)
        })
        .collect();
    if rows.is_empty() { String::new() } else { section("Latency", &table(&header, &rows)) }
}

/// What was promised against what arrived, of every server's median run.
pub fn audit(series: &[Series<'_>]) -> String {
    let audited: Vec<(&str, &Run, &Audit)> =
        series.iter().filter_map(|series| Some((series.label, series.median(), series.median().audit.as_ref()?))).collect();
    if audited.is_empty() {
        return String::new();
    }
    let header = ["Server", "sent", "acknowledged", "delivered", "lost", "duplicated", "reordered", "unexpected", "which is"];
    let rows: Vec<Vec<String>> = audited
        .iter()
        .map(|(label, run, audit)| {
            let mut row = vec![escape(label)];
            row.extend([audit.sent, audit.acknowledged, audit.delivered].map(grouped));
            let forbidden = [audit.qos > 0 && !loses(run), audit.qos != 1, true, true];
            let counts = [audit.lost, audit.duplicated, audit.reordered, audit.unexpected];
            row.extend(counts.into_iter().zip(forbidden).map(|(count, forbidden)| match (count, forbidden) {
                (0, _) => "0".to_owned(),
                (count, true) => format!("<b class=\"wrong\">{}</b><small>forbidden</small>", grouped(count)),
                (count, false) => format!("{}<small>allowed</small>", grouped(count)),
            }));
            row.push(run.guarantee.unwrap_or_else(|| audit.guarantee()).words().to_owned());
            row
        })
        .collect();
    let offences: String = audited.iter().map(|(label, _, audit)| offences(label, audit)).collect();
    section("Audit", &(table(&header.map(str::to_owned), &rows) + &offences))
}

fn offences(label: &str, audit: &Audit) -> String {
    if audit.first_offences.is_empty() {
        return String::new();
    }
    let header = ["What", "topic", "stream", "sequence", "QoS", "subscriber"].map(str::to_owned);
    let maybe = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    let rows: Vec<Vec<String>> = audit
        .first_offences
        .iter()
        .map(|offence| {
            vec![
                offence.kind.name().to_owned(),
                escape(&offence.topic),
                maybe(offence.stream.map(u64::from)),
                maybe(offence.sequence),
                maybe(offence.qos.map(u64::from)),
                escape(&offence.subscriber),
            ]
        })
        .collect();
    format!("<h3>The first messages that went wrong at {}</h3>\n{}", escape(label), table(&header, &rows))
}

pub fn every_run(runs: &[Run]) -> String {
    let mut header = vec!["Run".to_owned(), "round".to_owned(), "result".to_owned()];
    let shown: Vec<_> = FIGURES.iter().filter(|figure| runs.iter().any(|run| (figure.of)(run).is_some())).collect();
    header.extend(shown.iter().map(|figure| escape(figure.title)));
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let mut row = vec![escape(&run.label), run.round.to_string(), badge(run.result.word())];
            row.extend(
                shown
                    .iter()
                    .map(|figure| (figure.of)(run).map_or_else(|| "–".to_owned(), |value| escape(&figure.unit.show(value)))),
            );
            row
        })
        .collect();
    section("Every run, in order", &table(&header, &rows))
}

pub fn environment(ours: &Series<'_>) -> String {
    let run = ours.median();
    let (machine, settings) = (&run.environment, &run.settings);
    let build = if machine.optimised { "release" } else { "debug" };
    let mut pairs = vec![
        ("Machine", format!("{} × {}", machine.cores, machine.cpu)),
        ("Memory", machine.memory_bytes.map_or_else(|| "unknown".to_owned(), |memory| bytes(memory as f64))),
        ("Kernel", machine.kernel.clone()),
        ("flux-bench", format!("{} ({build} build), {} threads", machine.version, settings.workers)),
        ("Servers", settings.urls.join(", ")),
        ("Protocol", settings.protocol.clone()),
        (
            "Measured for",
            format!("{} s after {} s of warm-up", figure(settings.duration_seconds), figure(settings.warmup_seconds)),
        ),
        ("Seed", settings.seed.to_string()),
    ];
    let used = |whose: String, used: &ProcessUse| {
        format!("{whose}: {:.0}% of a core, peak {}", used.cores * 100.0, bytes(used.resident_peak_bytes as f64))
    };
    for server in &run.servers {
        pairs.push(("Server process", used(server.whose(), server)));
    }
    if run.servers.len() > 1 {
        let together = ProcessUse::together(&run.servers);
        pairs.push(("Servers together", used(format!("{} processes", run.servers.len()), &together)));
    }
    pairs.push(("Generator", format!("{:.0}% of a core", run.generator.cores * 100.0)));
    if let Some(busy) = run.machine.busy {
        pairs.push(("Machine busy", format!("{:.0}%", busy * 100.0)));
    }
    let list: String = pairs.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value))).collect();
    let command = machine.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    section(
        "How it was made",
        &format!(
            "<pre><code>{}</code></pre>\n<dl>\n{list}</dl>\n<p class=\"about\">This page holds the whole measurement as JSON \
             (<code>flux-bench report FILE --json</code> takes it out of the kept run {}).</p>\n",
            escape(&command),
            escape(&run.id)
        ),
    )
}

/// So that a shell reads it as one word.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
