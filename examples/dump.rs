#![allow(clippy::all, clippy::unwrap_used, clippy::print_stdout, missing_docs)]
use becamera::vision::{analysis::Analyser, detector};
use becamera_actors::{
    domain::{DetectSettings, Preset},
    settings::{Backend, DetectorSettings},
};
use opencv::{core::Mat, prelude::*, videoio};
use std::{
    io::Write,
    time::{Duration, Instant},
};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    becamera::vision::native::set_up();
    let mut s = DetectSettings { motion_gate: false, ..DetectSettings::default() };
    s.preset = match a[2].as_str() {
        "economy" => Preset::Economy,
        "accurate" => Preset::Accurate,
        _ => Preset::Balanced,
    };
    let mut last: u64 = 400;
    let mut ds = DetectorSettings { backend: Backend::Auto, ..Default::default() };
    for kv in &a[4..] {
        let (k, v) = kv.split_once('=').unwrap();
        match k {
            "interval" => s.interval = Some(v.parse().unwrap()),
            "scale" => s.scale = Some(v.parse().unwrap()),
            "ph" => s.person_height = Some(v.parse().unwrap()),
            "full" => s.full_every = Some(v.parse().unwrap()),
            "conf" => s.confidence = v.parse().unwrap(),
            "nms" => s.nms_iou = v.parse().unwrap(),
            "mode" => {
                s.mode = Some(if v == "full" {
                    becamera_actors::domain::DetectMode::Full
                } else {
                    becamera_actors::domain::DetectMode::Guided
                })
            }
            "model" => ds.model = Some(v.into()),
            "last" => last = v.parse().unwrap(),
            "gate" => s.motion_gate = v == "1",
            "backend" => {
                ds.backend = if v == "opencv" { Backend::OpenCv } else { Backend::OnnxRuntime }
            }
            _ => panic!("{k}"),
        }
    }
    let mut det = detector::load(&ds).unwrap();
    let mut an = Analyser::new(&s, det.input());
    let mut cap = videoio::VideoCapture::from_file(&a[1], videoio::CAP_FFMPEG).unwrap();
    let fps = cap.get(videoio::CAP_PROP_FPS).unwrap();
    let mut out = std::io::BufWriter::new(std::fs::File::create(&a[3]).unwrap());
    let mut frame = Mat::default();
    let (mut spent, mut inf, mut n, mut ninf) = (Duration::ZERO, Duration::ZERO, 0u64, 0);
    while n < last && cap.read(&mut frame).unwrap() {
        let t = Instant::now();
        let r = an.analyse(det.as_mut(), &frame, Duration::from_secs_f64(n as f64 / fps)).unwrap();
        spent += t.elapsed();
        inf += r.inference;
        ninf += r.inferences;
        n += 1;
        for p in r.people {
            writeln!(
                out,
                "{n},{},{},{},{},{},{}",
                p.id.0, p.bbox.left, p.bbox.top, p.bbox.width, p.bbox.height, p.confidence
            )
            .unwrap();
        }
    }
    println!(
        "{} frames {n} ms/frame {:.2} inference {:.2} inferences/frame {:.2}",
        det.backend(),
        spent.as_secs_f64() * 1e3 / n as f64,
        inf.as_secs_f64() * 1e3 / n as f64,
        ninf as f64 / n as f64
    );
}
