//! The metrics are py-motmetrics' (`motmetrics/make.py` made the tracks and asked it).

use std::collections::BTreeMap;

use super::*;

#[derive(serde::Deserialize)]
struct Expected {
    motmetrics: String,
    cases: BTreeMap<String, Metrics>,
}

#[derive(serde::Deserialize)]
struct Metrics {
    mota: f64,
    idf1: f64,
    num_switches: u64,
    precision: f64,
    recall: f64,
}

fn read(case: &str, side: &str) -> GroundTruth {
    let path =
        format!("{}/src/evaluation/motmetrics/{case}-{side}.csv", env!("CARGO_MANIFEST_DIR"));
    GroundTruth::parse(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_numbers_are_those_of_py_motmetrics() {
    let expected: Expected =
        serde_json::from_str(include_str!("motmetrics/expected.json")).unwrap();
    assert_eq!(expected.motmetrics, "1.4.0");
    assert!(expected.cases.len() >= 4);
    for (case, metrics) in expected.cases {
        let (truth, found) = (read(&case, "truth"), read(&case, "found"));
        let (mut clear, mut identity) = (ClearMot::default(), Identity::default());
        for frame in 1..=truth.last_frame().max(found.last_frame()) {
            clear.add(truth.people(frame), found.people(frame));
            identity.add(truth.people(frame), found.people(frame));
        }
        let near = |what: &str, ours: Option<f64>, theirs: f64| {
            let ours = ours.unwrap();
            assert!((ours - theirs).abs() < 1e-12, "{case} {what}: {ours}, not {theirs}");
        };
        near("MOTA", clear.mota(), metrics.mota);
        near("IDF1", identity.idf1(), metrics.idf1);
        near("precision", clear.precision(), metrics.precision);
        near("recall", clear.recall(), metrics.recall);
        assert_eq!(clear.id_switches(), metrics.num_switches, "{case}");
    }
}
