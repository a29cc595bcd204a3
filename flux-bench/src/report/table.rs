use comfy_table::{CellAlignment, Table, presets};

use super::bounds::{self, Bounds};
use super::model::{Audit, Costs, OffenceKind, Percentiles, ProcessUse, Run, TargetRow, TargetVerdict, Tool};
use super::number::{bytes, figure, grouped};

/// The report for people.
pub fn render(run: &Run) -> String {
    let mut lines = vec![headline(run), latencies(run)];
    lines.extend(throughput(run));
    lines.push(connections(run));
    lines.extend(recovery(run));
    lines.extend(run.audit.as_ref().map(|audit| audit_line(run, audit)));
    lines.extend(answers(run));
    lines.extend(servers(run));
    lines.push(generator(run));
    if !run.targets.is_empty() {
        lines.push(targets(&run.targets));
    }
    lines.push(result(run));
    lines.extend(remarks(run));
    lines.retain(|line| !line.is_empty());
    lines.join("\n") + "\n"
}

/// One line that says what was run.
pub fn headline(run: &Run) -> String {
    let settings = &run.settings;
    let mut parts =
        vec![format!("flux-bench {} {}", run.tool.name(), run.scenario), format!("{} conns", grouped(settings.connections))];
    if bounds::sends(run) {
        parts.extend(settings.qos.map(|qos| format!("QoS {qos}")));
        parts.push(format!("{} B", settings.size_bytes));
        parts.push(match (settings.messages_per_second, settings.inflight) {
            (Some(rate), _) => format!("open loop {} {}/s", figure(rate), if run.tool == Tool::Http { "req" } else { "msg" }),
            (None, Some(window)) if settings.qos.is_some_and(|qos| qos > 0) => format!("unpaced, window {window}"),
            (None, _) => "unpaced".to_owned(),
        });
        if let (Some(publishers), Some(subscribers)) = (settings.publishers, settings.subscribers) {
            parts.push(format!("{publishers} → {subscribers}"));
        }
    } else {
        parts.push(format!("held {} s", figure(settings.duration_seconds)));
    }
    parts.push(settings.protocol.clone());
    parts.extend(settings.options.iter().map(|(flag, value)| format!("{flag} {value}")));
    parts.push(format!("seed {}", settings.seed));
    parts.join(" · ")
}

/// A borderless table.
pub(super) fn grid(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_header(header);
    table
}

pub(super) fn finished(mut table: Table, right: impl IntoIterator<Item = usize>) -> String {
    for column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn latencies(run: &Run) -> String {
    let latencies = &run.latency_milliseconds;
    let rows: [(&str, &Option<Percentiles>); 5] = [
        ("response (intended)", &latencies.response),
        ("service  (actual)", &latencies.service),
        ("acknowledgement", &latencies.acknowledgement),
        ("generator lag", &latencies.generator_lag),
        ("connect", &latencies.connect),
    ];
    let mut table = grid(&["LATENCY (ms)", "p50", "p90", "p99", "p99.9", "max", "n"]);
    for (name, found) in rows.into_iter().filter_map(|(name, found)| Some((name, found.as_ref()?))) {
        let mut cells = vec![name.to_owned()];
        cells.extend([found.p50, found.p90, found.p99, found.p999, found.max].map(|ms| format!("{ms:.2}")));
        cells.push(grouped(found.count));
        table.add_row(cells);
    }
    if table.is_empty() { String::new() } else { finished(table, 1..7) }
}

fn throughput(run: &Run) -> Option<String> {
    let found = &run.throughput;
    let rate = run.headline_rate()?;
    let of = match run.tool {
        Tool::Http => found.events_per_second.map(|events| format!(" = {} events/s", figure(events))),
        _ => found.messages_per_second.map(|messages| {
            let payload = bytes(rate * run.settings.size_bytes as f64);
            format!(" ({payload}/s of payload) from {} messages/s", figure(messages))
        }),
    };
    Some(format!(
        "THROUGHPUT   {} {}/s{}, over {:.1} s; drained in {:.2} s",
        figure(rate),
        run.unit(),
        of.unwrap_or_default(),
        found.window_seconds,
        found.drain_seconds,
    ))
}

fn connections(run: &Run) -> String {
    let found = &run.connections;
    let mut text = format!(
        "CONNECTIONS  {} in {:.2} s = {} connects/s",
        grouped(found.opened),
        found.seconds,
        figure(found.connects_per_second),
    );
    for (word, count) in [("failed", found.failed), ("lost", found.lost), ("came back", returned(run))] {
        if count > 0 {
            text += &format!(", {} {word}", grouped(count));
        }
    }
    text
}

/// Where clients came back while messages were sent; a recovery has a line of its own.
fn returned(run: &Run) -> u64 {
    if run.connections.recovery.is_none() { run.connections.returned } else { 0 }
}

fn recovery(run: &Run) -> Option<String> {
    let found = run.connections.recovery.as_ref()?;
    let by = |seconds: Option<f64>| seconds.map_or_else(|| "never".to_owned(), |seconds| format!("after {seconds:.2} s"));
    let mut text = format!(
        "RECOVERY     {} messages stored in {:.2} s; all {} clients connected {}, everything delivered {}",
        grouped(found.stored_messages),
        found.storing_seconds,
        grouped(found.clients),
        by(found.connected_seconds),
        by(found.delivered_seconds),
    );
    if found.sessions_lost > 0 {
        text += &format!(", {} sessions LOST", grouped(found.sessions_lost));
    }
    Some(text)
}

fn audit_line(run: &Run, audit: &Audit) -> String {
    let level = match run.settings.options.get("mix") {
        Some(mix) => format!("in the mix {mix}"),
        None => format!("at QoS {}", audit.qos),
    };
    // Of a mix each QoS is judged for itself.
    let allowed = |kind: OffenceKind, count: u64| match (count, audit.forbidden(kind)) {
        (0, _) => "0".to_owned(),
        (count, 0) => format!("{} (allowed {level})", grouped(count)),
        (count, forbidden) if forbidden == count => format!("{} (FORBIDDEN {level})", grouped(count)),
        (count, forbidden) => format!("{} ({} FORBIDDEN {level})", grouped(count), grouped(forbidden)),
    };
    let mut parts = vec![
        match audit.qos {
            0 => format!("sent {}", grouped(audit.sent)),
            _ => format!("acked {}", grouped(audit.acknowledged)),
        },
        format!("delivered {}", grouped(audit.delivered)),
        format!("lost {}", allowed(OffenceKind::Lost, audit.lost)),
        format!("duplicated {}", allowed(OffenceKind::Duplicated, audit.duplicated)),
        format!("reordered {}", allowed(OffenceKind::Reordered, audit.reordered)),
    ];
    for (name, count) in [("recovered", audit.recovered), ("unresolved", audit.unresolved)] {
        if count > 0 {
            parts.push(format!("{name} {}", grouped(count)));
        }
    }
    if audit.unexpected > 0 {
        parts.push(format!("unexpected {}", allowed(OffenceKind::Unexpected, audit.unexpected)));
    }
    let guarantee = run.guarantee.unwrap_or_else(|| audit.guarantee());
    format!("AUDIT        {}  → {}", parts.join("  "), guarantee.words())
}

fn answers(run: &Run) -> Option<String> {
    let parts: Vec<String> = run.answers.iter().map(|answer| format!("{} {}", grouped(answer.count), answer.status)).collect();
    (!parts.is_empty()).then(|| format!("ANSWERS      {}", parts.join(" · ")))
}

fn servers(run: &Run) -> Vec<String> {
    if run.servers.is_empty() {
        return vec![
            "SERVER       not on this machine or not visible; --pid PID or --nodes URL shows its CPU and memory".to_owned(),
        ];
    }
    if let [server] = run.servers.as_slice() {
        return vec![server_line("SERVER", server.whose(), server, &run.costs)];
    }
    // What one of several used says nothing of what a delivery cost: that is the sum's.
    let mut lines: Vec<String> =
        run.servers.iter().map(|server| server_line("SERVER", server.whose(), server, &Costs::default())).collect();
    let together = ProcessUse::together(&run.servers);
    lines.push(server_line("SERVERS", format!("{} together", run.servers.len()), &together, &run.costs));
    lines
}

fn server_line(label: &str, whose: String, used: &ProcessUse, costs: &Costs) -> String {
    let mut parts = vec![whose, format!("CPU {:.0}% of a core", used.cores * 100.0)];
    parts.extend(costs.server_microseconds_per_delivery.map(|cost| format!("{} µs per delivery", figure(cost))));
    parts.extend(costs.server_microseconds_per_request.map(|cost| format!("{} µs per request", figure(cost))));
    parts.push(format!("RSS {}, peak {}", bytes(used.resident_bytes as f64), bytes(used.resident_peak_bytes as f64)));
    parts.extend(costs.server_kilobytes_per_connection.map(|each| format!("{} KB per connection", figure(each))));
    parts.extend(used.descriptors.map(|descriptors| format!("{} descriptors", grouped(descriptors))));
    format!("{label:<13}{}", parts.join(" · "))
}

fn generator(run: &Run) -> String {
    let mut parts =
        vec![format!("{} threads", run.settings.workers), format!("CPU {:.0}% of a core", run.generator.cores * 100.0)];
    if let Some(cost) = run.costs.generator_microseconds_per_delivery {
        let unit = if run.tool == Tool::Http { "request" } else { "delivery" };
        parts.push(format!("{} µs per {unit}", figure(cost)));
    }
    if let Some(busy) = run.machine.busy {
        parts.push(format!("machine {:.0}% busy", busy * 100.0));
    }
    format!("GENERATOR    {}", parts.join(" · "))
}

fn targets(rows: &[TargetRow]) -> String {
    let mut table = grid(&["DESIGN TARGET", "want", "got", "verdict"]);
    for row in rows {
        let verdict = match &row.reason {
            Some(reason) => format!("{} ({reason})", row.verdict.word()),
            None => row.verdict.word().to_owned(),
        };
        table.add_row([row.id.clone(), row.want(), row.got(), verdict]);
    }
    finished(table, 1..3)
}

fn result(run: &Run) -> String {
    use super::model::Conclusion::{AuditBroken, Interrupted};
    let word = match run.result {
        AuditBroken => "FAIL (audit broken)",
        Interrupted => "INTERRUPTED (partial)",
        other => other.word(),
    };
    let count = |verdict| run.targets.iter().filter(|row| row.verdict == verdict).count();
    let [pass, fail, not_tested] = [TargetVerdict::Pass, TargetVerdict::Fail, TargetVerdict::NotTested].map(count);
    format!("RESULT  {word} ({pass} pass, {fail} fail, {not_tested} not tested)")
}

/// What was wrong, what bounded the run, and what to try next.
fn remarks(run: &Run) -> Vec<String> {
    let wrong = run.violations.iter().chain(&run.doubts).chain(&run.failures);
    let mut lines: Vec<String> = wrong.map(|reason| format!("! {reason}")).collect();
    lines.extend(run.connections.failures.iter().take(3).map(|failure| format!("! {failure}")));
    lines.extend(run.connections.losses.iter().take(3).map(|reason| format!("! a connection was lost: {reason}")));
    let Bounds { bounded_by, notes, next } = bounds::of(run);
    lines.extend(bounded_by.map(|what| format!("bounded by: {what}")));
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines.push(format!("next: {next}"));
    lines
}
