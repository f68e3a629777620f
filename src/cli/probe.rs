//! `becamera probe URL`: says what a stream is, or why it can't be opened.

use std::{fmt::Write, process::ExitCode};

use becamera_domain::{
    Failure, FailureCode, InvalidField, StreamInfo, StreamUrl, settings::Settings,
};
use serde_json::json;

use crate::vision::{self, probe::StreamDescription};

pub(super) fn run(url: &str, json: bool, settings: &Settings) -> ExitCode {
    let answer = match read_url(url, settings) {
        Ok(url) => Answer { result: vision::inspect(&url, &settings.stream), url },
        Err(error) => {
            log::error!("{error}");
            return ExitCode::from(super::EXIT_USAGE);
        }
    };
    let printed = super::print(&if json { answer.json() } else { answer.text() });
    if answer.result.is_ok() { printed } else { ExitCode::FAILURE }
}

fn read_url(argument: &str, settings: &Settings) -> Result<StreamUrl, InvalidField> {
    let mut line = String::new();
    let text = if argument == "-" {
        std::io::stdin().read_line(&mut line).map_err(|error| {
            InvalidField::new("stream_url", format!("can't be read from standard input: {error}"))
        })?;
        line.trim_end_matches(['\r', '\n'])
    } else {
        argument
    };
    settings.url_policy().check(text)
}

struct Answer {
    url: StreamUrl,
    result: Result<(StreamDescription, StreamInfo), Failure>,
}

impl Answer {
    fn text(&self) -> String {
        let url = &self.url;
        match &self.result {
            Ok((description, StreamInfo { width, height, fps })) => {
                let codec = description.codec.as_deref().unwrap_or("video");
                let mut text = format!("{url}: {codec}, {width}x{height}");
                if let Some(fps) = fps {
                    // Writing to a string can't fail.
                    let _ = write!(text, ", {fps:.1} frames a second");
                }
                text + "\n"
            }
            Err(Failure { code, message }) => format!("{url}: {code}: {message}\n"),
        }
    }

    fn json(&self) -> String {
        let url = self.url.to_string();
        let value = match &self.result {
            Ok((StreamDescription { codec, .. }, StreamInfo { width, height, fps })) => {
                let stream = json!({"codec": codec, "width": width, "height": height, "fps": fps});
                json!({"stream_url": url, "ok": true, "stream": stream})
            }
            Err(Failure { code, message }) => {
                let code = FailureCode::as_str(*code);
                json!({"stream_url": url, "ok": false, "code": code, "error": message})
            }
        };
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_name_the_stream_without_its_password() {
        let url = StreamUrl::trusted("rtsp://admin:hunter2@cam/1").unwrap();
        let description = StreamDescription { codec: Some("h264".into()), ..Default::default() };
        let info = StreamInfo { width: 768, height: 576, fps: Some(10.0) };
        let good = Answer { url: url.clone(), result: Ok((description, info)) };
        assert_eq!(good.text(), "rtsp://***@cam/1: h264, 768x576, 10.0 frames a second\n");
        let failure = Failure::new(FailureCode::Unauthorized, "wrong password");
        let bad = Answer { url, result: Err(failure) };
        assert_eq!(bad.text(), "rtsp://***@cam/1: unauthorized: wrong password\n");
        let value: serde_json::Value = serde_json::from_str(&bad.json()).unwrap();
        assert_eq!(value["code"], "unauthorized");
        assert_eq!(value["stream_url"], "rtsp://***@cam/1");
    }

    #[test]
    fn the_services_url_policy_holds() {
        let refused = read_url("file:///etc/passwd", &Settings::default()).unwrap_err();
        assert_eq!(refused.field, "stream_url");
    }
}
