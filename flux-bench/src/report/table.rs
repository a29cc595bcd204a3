use comfy_table::{CellAlignment, Table, presets};

use crate::audit::settle::Audit;
use crate::engine::outcome::Outcome;
use crate::load::latency::Percentiles;
use crate::plan::settings::{Load, Scenario, Settings};
use crate::verdict::judge::{Conclusion, Judgement, Row, Verdict};
use crate::verdict::metric;
use crate::verdict::target::Bound;

use super::number::{bytes, figure, grouped};

/// The report for people.
pub fn render(settings: &Settings, outcome: &Outcome, judgement: &Judgement) -> String {
    let mut lines = vec![headline(settings)];
    lines.push(latencies(settings, outcome));
    if settings.scenario != Scenario::Conns {
        lines.push(throughput(settings, outcome));
    }
    lines.push(connections(outcome));
    if let Some(audit) = &outcome.audit {
        lines.push(audit_line(audit));
    }
    lines.push(server(outcome));
    lines.push(generator(settings, outcome));
    if !judgement.rows.is_empty() {
        lines.push(targets(&judgement.rows));
    }
    lines.push(result(judgement));
    lines.extend(remarks(settings, outcome, judgement));
    lines.join("\n") + "\n"
}

fn headline(settings: &Settings) -> String {
    let mut parts = vec![
        format!("flux-bench mqtt {}", settings.scenario.name()),
        format!("{} conns", grouped(settings.connections() as u64)),
    ];
    if settings.scenario == Scenario::Conns {
        parts.push(format!("held {}", humantime::format_duration(settings.duration)));
    } else {
        parts.push(format!("QoS {}", settings.qos));
        parts.push(format!("{} B", settings.size));
        parts.push(match settings.load {
            Load::Paced(rate) => format!("open loop {} msg/s", figure(rate)),
            Load::Unpaced if settings.qos > 0 => format!("unpaced, window {}", settings.inflight),
            Load::Unpaced => "unpaced".to_owned(),
        });
        parts.push(format!("{} → {}", settings.publishers, settings.subscribers));
    }
    parts.push(format!("MQTT {}", settings.login.protocol.name()));
    parts.push(format!("seed {}", settings.seed));
    parts.join(" · ")
}

fn grid(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn finished(mut table: Table, right: impl IntoIterator<Item = usize>) -> String {
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

fn latencies(settings: &Settings, outcome: &Outcome) -> String {
    let paced = matches!(settings.load, Load::Paced(_));
    let lag = outcome.lag.percentiles();
    let rows: [(&str, Percentiles); 5] = [
        ("response (intended)", outcome.response.percentiles()),
        ("service  (actual)", outcome.service.percentiles()),
        ("acknowledgement", outcome.acknowledgement.percentiles()),
        ("generator lag", lag),
        ("connect", outcome.connect.percentiles()),
    ];
    let mut table = grid(&["LATENCY (ms)", "p50", "p90", "p99", "p99.9", "max", "n"]);
    for (name, found) in rows {
        if found.count == 0 || (name == "generator lag" && !paced) {
            continue;
        }
        let mut cells = vec![name.to_owned()];
        cells.extend([found.p50, found.p90, found.p99, found.p999, found.max].map(|ms| format!("{ms:.2}")));
        cells.push(grouped(found.count));
        table.add_row(cells);
    }
    finished(table, 1..7)
}

fn throughput(settings: &Settings, outcome: &Outcome) -> String {
    let rate = metric::deliveries_per_second(outcome);
    format!(
        "THROUGHPUT   {} deliveries/s ({}/s of payload) from {} messages/s, over {:.1} s; drained in {:.2} s",
        figure(rate),
        bytes(rate * settings.size as f64),
        figure(metric::sent_per_second(outcome)),
        outcome.window as f64 / 1e9,
        outcome.draining as f64 / 1e9,
    )
}

fn connections(outcome: &Outcome) -> String {
    let totals = &outcome.totals;
    let mut text = format!(
        "CONNECTIONS  {} in {:.2} s = {} connects/s",
        grouped(totals.connected),
        outcome.connecting as f64 / 1e9,
        figure(metric::connects_per_second(outcome)),
    );
    if totals.failed > 0 {
        text += &format!(", {} failed", grouped(totals.failed));
    }
    if totals.lost > 0 {
        text += &format!(", {} lost", grouped(totals.lost));
    }
    text
}

fn audit_line(audit: &Audit) -> String {
    let allowed = |count: u64, allowed: bool| match (count, allowed) {
        (0, _) => "0".to_owned(),
        (count, true) => format!("{} (allowed at QoS {})", grouped(count), audit.qos),
        (count, false) => format!("{} (FORBIDDEN at QoS {})", grouped(count), audit.qos),
    };
    let mut parts = vec![
        match audit.qos {
            0 => format!("sent {}", grouped(audit.sent)),
            _ => format!("acked {}", grouped(audit.acknowledged)),
        },
        format!("delivered {}", grouped(audit.delivered)),
        format!("lost {}", allowed(audit.lost, audit.qos == 0)),
        format!("duplicated {}", allowed(audit.duplicated, audit.qos == 1)),
        format!("reordered {}", allowed(audit.reordered, false)),
    ];
    for (name, count) in [("recovered", audit.recovered), ("unresolved", audit.unresolved)] {
        if count > 0 {
            parts.push(format!("{name} {}", grouped(count)));
        }
    }
    if audit.unexpected > 0 {
        parts.push(format!("unexpected {}", allowed(audit.unexpected, false)));
    }
    format!("AUDIT        {}  → {}", parts.join("  "), audit.guarantee().words())
}

fn server(outcome: &Outcome) -> String {
    let Some(server) = &outcome.server else {
        return "SERVER       not on this machine or not visible; --pid PID shows its CPU and memory".to_owned();
    };
    let mut parts = vec![format!("{} (pid {})", server.name, server.pid), format!("CPU {:.0}% of a core", server.cores * 100.0)];
    if let Some(cost) = metric::server_microseconds_per_delivery(outcome) {
        parts.push(format!("{} µs per delivery", figure(cost)));
    }
    parts.push(format!("RSS {}, peak {}", bytes(server.resident as f64), bytes(server.resident_peak as f64)));
    if let Some(each) = metric::kilobytes_per_connection(outcome) {
        parts.push(format!("{} KB per connection", figure(each)));
    }
    if let Some(descriptors) = server.descriptors {
        parts.push(format!("{} descriptors", grouped(descriptors)));
    }
    format!("SERVER       {}", parts.join(" · "))
}

fn generator(settings: &Settings, outcome: &Outcome) -> String {
    let mut parts =
        vec![format!("{} threads", settings.workers), format!("CPU {:.0}% of a core", outcome.generator.cores * 100.0)];
    if let Some(cost) = metric::generator_microseconds_per_delivery(outcome) {
        parts.push(format!("{} µs per delivery", figure(cost)));
    }
    if let Some(busy) = outcome.machine.busy {
        parts.push(format!("machine {:.0}% busy", busy * 100.0));
    }
    format!("GENERATOR    {}", parts.join(" · "))
}

fn targets(rows: &[Row]) -> String {
    let mut table = grid(&["DESIGN TARGET", "want", "got", "verdict"]);
    for row in rows {
        let unit = row.target.metric.unit();
        let want = match row.target.bound() {
            Bound::AtLeast(bound) => format!("≥ {}{unit}", figure(bound)),
            Bound::AtMost(bound) => format!("≤ {}{unit}", figure(bound)),
        };
        let got = row.got.map_or_else(|| "-".to_owned(), |got| format!("{}{unit}", figure(got)));
        let verdict = match &row.verdict {
            Verdict::Pass => "PASS".to_owned(),
            Verdict::Fail => "FAIL".to_owned(),
            Verdict::NotTested(reason) => format!("NOT TESTED ({reason})"),
        };
        table.add_row([row.target.id.clone(), want, got, verdict]);
    }
    finished(table, 1..3)
}

fn result(judgement: &Judgement) -> String {
    let word = match judgement.conclusion {
        Conclusion::Pass => "PASS",
        Conclusion::Fail => "FAIL",
        Conclusion::AuditBroken => "FAIL (audit broken)",
        Conclusion::Invalid => "INVALID",
        Conclusion::Interrupted => "INTERRUPTED (partial)",
    };
    let pass = judgement.count(|verdict| *verdict == Verdict::Pass);
    let fail = judgement.count(|verdict| *verdict == Verdict::Fail);
    let not_tested = judgement.rows.len() - pass - fail;
    format!("RESULT  {word} ({pass} pass, {fail} fail, {not_tested} not tested)")
}

/// What was wrong, what bounded the run, and what to try next.
fn remarks(settings: &Settings, outcome: &Outcome, judgement: &Judgement) -> Vec<String> {
    let wrong = judgement.violations.iter().chain(&judgement.doubts).chain(&judgement.failures);
    let mut lines: Vec<String> = wrong.map(|reason| format!("! {reason}")).collect();
    lines.extend(outcome.failures.iter().take(3).map(|failure| format!("! {failure}")));
    lines.extend(outcome.losses.iter().take(3).map(|reason| format!("! a connection was lost: {reason}")));
    if settings.scenario != Scenario::Conns {
        lines.push(format!("bounded by: {}", bounded_by(settings, outcome)));
    }
    if outcome.lag.percentiles().count > 0 && full(outcome) {
        lines.push("note: the machine was full; latencies include the generator's own wait for a processor".to_owned());
    }
    if cfg!(debug_assertions) {
        lines.push("note: this is a debug build of flux-bench; build with --release before believing a rate".to_owned());
    }
    lines.push(format!("next: {}", next(settings, judgement)));
    lines
}

fn bounded_by(settings: &Settings, outcome: &Outcome) -> String {
    let server = outcome.server.as_ref().map(|server| server.cores);
    let generator = outcome.generator.cores;
    let shares = match server {
        Some(server) => format!("server {server:.2} cores, generator {generator:.2}"),
        None => format!("generator {generator:.2} cores"),
    };
    if let Load::Paced(_) = settings.load
        && outcome.sent_in_window > 0
        && outcome.totals.shed == 0
        && outcome.draining < 1_000_000_000
        && !full(outcome)
    {
        return format!("the offered rate ({shares})");
    }
    if full(outcome) {
        return format!("the machine's processors ({shares})");
    }
    if generator > 0.93 * settings.workers as f64 {
        return format!("the generator's {} threads ({shares}); more --workers may show more", settings.workers);
    }
    if settings.qos > 0 && settings.load == Load::Unpaced {
        return format!(
            "waiting: round trips with {} messages unacknowledged, or the server's own limits ({shares})",
            settings.inflight
        );
    }
    format!("the server ({shares}, machine not full)")
}

/// No processor was left, so that everyone waited for one, the generator too.
fn full(outcome: &Outcome) -> bool {
    outcome.machine.busy.is_some_and(|busy| busy > 0.93)
}

fn next(settings: &Settings, judgement: &Judgement) -> String {
    let name = settings.scenario.name();
    match (judgement.conclusion, settings.load) {
        (Conclusion::Invalid, Load::Paced(rate)) => {
            format!("flux-bench mqtt {name} --rate {}   a rate it can keep", (rate / 2.0).ceil())
        }
        (Conclusion::AuditBroken, _) => "-o json has the whole audit; the server's log may say why".to_owned(),
        _ if settings.scenario == Scenario::Conns => {
            format!("flux-bench mqtt pair --conns {}   traffic over as many connections", settings.connections())
        }
        (_, Load::Paced(_)) => format!("flux-bench mqtt {name} --rate max   how much it can take"),
        (_, Load::Unpaced) => format!("flux-bench mqtt {name} --rate 5000   how fast it answers when it is not full"),
    }
}
