//! Measured search quality.

use std::fmt::Write as _;

use docent::EvalReport;
use serde_json::Value;

use super::{DIM, STRONG, count, number};

/// The metrics, a line each, and the latencies.
pub(crate) fn eval(report: &EvalReport) -> String {
    let mut text = String::new();
    let (queries, judged) = (report.queries as u64, report.judged as u64);
    let _ = writeln!(
        text,
        "{}, {} with a relevant document",
        count(queries, "query").replace("querys", "queries"),
        number(judged)
    );
    // By their names in JSON, so that both outputs call them the same.
    if let Ok(Value::Object(metrics)) = serde_json::to_value(report.metrics) {
        for (name, value) in metrics {
            let _ = writeln!(text, "{name:<12}{STRONG}{:.4}{STRONG:#}", value.as_f64().unwrap_or_default());
        }
    }
    let took = &report.latency_ms;
    let _ = writeln!(
        text,
        "{DIM}ms per search: p50 {:.1}, p95 {:.1}, p99 {:.1}{DIM:#}",
        took.p50, took.p95, took.p99
    );
    text
}
