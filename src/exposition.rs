//! Metrics in the text format of Prometheus, version 0.0.4.

use crate::process;
use std::fmt::{Display, Write};

/// What a server says of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often what was measured was in which bucket.
    Histogram,
    /// Quantiles of what was measured.
    Summary,
    /// Under a name that others gave, which says something else than the metric is.
    Untyped,
}

/// The name and the value of each label.
pub type Labels<'a> = &'a [(&'a str, &'a dyn Display)];

/// A page of metrics. Writing into memory cannot fail.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric; what has no sample is not on the page.
    pub fn metric<'a>(&'a mut self, name: &'a str, kind: Kind, help: &'a str) -> Metric<'a> {
        Metric { page: self, name, kind, help, is_begun: false }
    }

    /// A counter with one value.
    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric(name, Kind::Counter, help).sample(&[], value);
    }

    /// A gauge with one value.
    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric(name, Kind::Gauge, help).sample(&[], value);
    }

    /// This process, as Prometheus' own clients name it; what the system does not tell is left out.
    pub fn process(&mut self) {
        if let Some(bytes) = process::resident_bytes() {
            self.gauge("process_resident_memory_bytes", "Resident memory.", bytes);
        }
        if let Some(seconds) = process::cpu_seconds() {
            self.counter("process_cpu_seconds_total", "Processor time.", seconds);
        }
        if let Some(count) = process::open_files() {
            self.gauge("process_open_fds", "Open files and connections.", count);
        }
        if let Some(seconds) = process::start_seconds() {
            self.gauge("process_start_time_seconds", "When it began, since 1970 in UTC.", seconds);
        }
    }

    /// The text.
    pub fn text(self) -> String {
        self.0
    }
}

/// A metric of a page.
pub struct Metric<'a> {
    page: &'a mut Page,
    name: &'a str,
    kind: Kind,
    help: &'a str,
    is_begun: bool,
}

impl Metric<'_> {
    /// A value of it.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.suffixed("", labels, value);
    }

    /// What histograms and summaries have beside their name: `_bucket`, `_sum`, `_count`.
    pub fn suffixed(&mut self, suffix: &str, labels: Labels<'_>, value: impl Display) {
        let (name, text) = (self.name, &mut self.page.0);
        if !std::mem::replace(&mut self.is_begun, true) {
            let kind = self.kind.name();
            let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", escaped(self.help, false));
        }
        let _ = write!(text, "{name}{suffix}");
        for (at, (label, value)) in labels.iter().enumerate() {
            let value = escaped(&value.to_string(), true);
            let _ = write!(text, "{}{label}=\"{value}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
            Self::Untyped => "untyped",
        }
    }
}

/// What would end a line, or the value of a label.
fn escaped(text: &str, is_quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if is_quoted { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_a_head_once_and_only_where_it_has_samples() {
        let mut page = Page::default();
        page.metric("none", Kind::Gauge, "Nothing.");
        let mut took = page.metric("took_seconds", Kind::Histogram, "How \"long\"\nit took.");
        took.suffixed("_bucket", &[("of", &"a\"b\\c\nd"), ("le", &"+Inf")], 2);
        took.suffixed("_count", &[], 2);
        page.gauge("open", "Open.", 0.5);
        let expected = "# HELP took_seconds How \"long\"\\nit took.\n# TYPE took_seconds histogram\n\
                        took_seconds_bucket{of=\"a\\\"b\\\\c\\nd\",le=\"+Inf\"} 2\ntook_seconds_count 2\n\
                        # HELP open Open.\n# TYPE open gauge\nopen 0.5\n";
        assert_eq!(page.text(), expected);
    }
}
