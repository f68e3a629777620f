//! The reference of all metrics, as it stands in `docs/reference/metrics.md`.

use std::fmt::Write;

use super::{Metrics, declare::Declaration};

const HEAD: &str = "\
# Metrics

<!-- Generated from actors/src/metrics/mod.rs by `just docs-reference`; a test keeps it so. -->

`GET /metrics` answers in Prometheus' text format. A metric with labels appears with its first series, and a
camera's, line's, zone's or site's series go when it is deleted. What to watch, and the alerts that come with
becamera, are in [health and alerts](../operations/health-and-alerts.md).

| metric | type | labels | unit | meaning |
|---|---|---|---|---|
";

const PROCESS: &str = "
## The process

Prometheus' usual metrics of a process, of the service itself: its workers' are `becamera_worker_cpu_seconds`
and `becamera_worker_resident_bytes`.

| metric | type | meaning |
|---|---|---|
";

/// The reference as Markdown: every metric with its type, labels, unit and meaning.
///
/// Fails as [`Metrics::new`] does.
pub fn reference() -> Result<String, prometheus::Error> {
    let mut text = HEAD.to_owned();
    for declaration in Metrics::DECLARATIONS {
        let Declaration { name, kind, help, labels, buckets: _ } = declaration;
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (labels, unit) = (labels.join(", "), unit(name));
        // Writing to a string can't fail.
        let _ = writeln!(text, "| `becamera_{name}` | {kind} | {labels} | {unit} | {help} |");
    }
    text += "\nBuckets of the histograms, upper bounds in seconds:\n\n";
    for Declaration { name, buckets, .. } in Metrics::DECLARATIONS {
        if !buckets.is_empty() {
            let bounds: Vec<_> = buckets.iter().map(f64::to_string).collect();
            let _ = writeln!(text, "- `becamera_{name}`: {}", bounds.join(", "));
        }
    }
    text += PROCESS;
    for family in Metrics::new("reference")?.registry.gather() {
        if family.name().starts_with("becamera_process_") {
            let kind = format!("{:?}", family.get_field_type()).to_lowercase();
            let _ = writeln!(text, "| `{}` | {kind} | {} |", family.name(), family.help());
        }
    }
    Ok(text)
}

/// What a metric's value counts in, by Prometheus' naming of metrics.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total") {
        name if name.contains("frames_per_second") => "frames per second",
        name if name.ends_with("_seconds") => "seconds",
        name if name.ends_with("_bytes") => "bytes",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_registered_as_declared_and_explained() {
        let metrics = Metrics::new("test").unwrap();
        let text = metrics.render().unwrap();
        let reference = reference().unwrap();
        for Declaration { name, kind, help, labels, .. } in Metrics::DECLARATIONS {
            assert!(help.ends_with('.') && !help.contains("  "), "{name}: {help}");
            assert!(reference.contains(&format!("| `becamera_{name}` | {kind} |")), "{name}");
            let shown = text.contains(&format!("# HELP becamera_{name} {help}\n# TYPE"));
            assert!(shown || !labels.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_deleted_cameras_series_go_and_others_stay() {
        let metrics = Metrics::new("test").unwrap();
        for camera in ["1", "2"] {
            metrics.people.with_label_values(&[camera]).set(3);
            metrics.frame_age_seconds.with_label_values(&[camera]).set(1.0);
        }
        metrics.forget_camera(1.try_into().unwrap());
        let text = metrics.render().unwrap();
        assert!(!text.contains(r#"camera="1""#), "{text}");
        assert_eq!(text.matches(r#"{camera="2"}"#).count(), 2, "{text}");
    }
}
