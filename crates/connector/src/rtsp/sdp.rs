//! Session descriptions: the video of a camera's, and one for the reader with just that.
//!
//! Only what is needed is looked at, so that lines that are missing, double or malformed elsewhere do
//! no harm.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use becamera_domain::FrameSize;

use super::sps;
use crate::description::StreamDescription;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Encodings that are video without doubt; others named as video are taken where there is none.
const VIDEO: [&str; 12] = [
    "h264",
    "h265",
    "hevc",
    "jpeg",
    "mp4v-es",
    "mpv",
    "mp2t",
    "vp8",
    "vp9",
    "av1",
    "h263",
    "h263-1998",
];

/// The video of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Video {
    /// Payload types, as the `m=` line has them.
    formats: String,
    /// `a=` lines, but for the control URL.
    attributes: Vec<String>,
    /// Where it is set up.
    pub control: Option<String>,
}

/// What a description has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sdp {
    /// The control URL of all of it.
    pub control: Option<String>,
    videos: Vec<Video>,
    /// Kinds of its other media, such as `audio`.
    pub others: Vec<String>,
}

impl Sdp {
    pub fn read(text: &str) -> Self {
        enum Section {
            Session,
            Video,
            Other,
        }
        let mut sdp = Self::default();
        let mut section = Section::Session;
        for line in text.split(['\r', '\n']).map(str::trim) {
            if let Some(media) = line.strip_prefix("m=") {
                let mut words = media.split_ascii_whitespace();
                let kind = words.next().unwrap_or_default().to_ascii_lowercase();
                section = if kind == "video" {
                    let types =
                        words.skip(2).filter(|word| word.bytes().all(|b| b.is_ascii_digit()));
                    let formats = types.collect::<Vec<_>>().join(" ");
                    sdp.videos.push(Video { formats, attributes: Vec::new(), control: None });
                    Section::Video
                } else {
                    sdp.others.push(kind);
                    Section::Other
                };
                continue;
            }
            let Some(attribute) = line.strip_prefix("a=") else { continue };
            let control = attribute.strip_prefix("control:").map(|url| url.trim().to_owned());
            match (&section, sdp.videos.last_mut()) {
                (Section::Session, _) => sdp.control = control.or(sdp.control),
                (Section::Video, Some(video)) => match control {
                    Some(control) => video.control = Some(control),
                    None => {
                        video.attributes.push(line.chars().filter(|c| !c.is_control()).collect())
                    }
                },
                _ => {}
            }
        }
        sdp
    }

    /// The first video that can be one.
    pub fn video(&self) -> Option<&Video> {
        let sure =
            |video: &&Video| video.codec().is_some_and(|codec| VIDEO.contains(&codec.as_str()));
        self.videos.iter().find(sure).or(self.videos.first())
    }
}

impl Video {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find_map(|line| {
            let (own, value) = line.strip_prefix("a=")?.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The encoding's name in lower case.
    pub fn codec(&self) -> Option<String> {
        let fixed = match self.formats.split(' ').next() {
            Some("26") => Some("jpeg"),
            Some("31") => Some("h261"),
            Some("32") => Some("mpv"),
            Some("33") => Some("mp2t"),
            Some("34") => Some("h263"),
            _ => None,
        };
        let named = self.attribute("rtpmap").and_then(|map| {
            let encoding = map.split_ascii_whitespace().nth(1)?;
            Some(encoding.split('/').next()?.to_ascii_lowercase())
        });
        named.or(fixed.map(str::to_owned))
    }

    /// A parameter of the encoding, such as `sprop-parameter-sets`.
    fn parameter(&self, name: &str) -> Option<&str> {
        let format = self.attribute("fmtp")?;
        let (_, parameters) = format.split_once([' ', '\t'])?;
        parameters.split(';').find_map(|parameter| {
            let (own, value) = parameter.split_once('=')?;
            own.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn describe(&self) -> StreamDescription {
        let codec = self.codec();
        let sets = |name| {
            let list = self.parameter(name).unwrap_or_default().split(',');
            list.filter_map(|set| BASE64.decode(set.trim()).ok()).collect::<Vec<_>>()
        };
        let shape = match codec.as_deref() {
            Some("h264") => sets("sprop-parameter-sets").iter().find_map(|set| sps::h264(set)),
            Some("h265" | "hevc") => sets("sprop-sps").iter().find_map(|set| sps::h265(set)),
            _ => None,
        };
        let named = self
            .attribute("framerate")
            .and_then(|text| text.split_ascii_whitespace().next()?.parse::<f32>().ok());
        let fps = named.or(shape.and_then(|shape| shape.fps));
        StreamDescription {
            codec,
            size: shape.map(|shape| FrameSize::new(shape.width, shape.height)),
            fps: fps.filter(|fps| (0.01..=1000.0).contains(fps)),
        }
    }

    /// A description of this alone, in good order.
    pub fn for_reader(&self) -> String {
        let mut text = format!(
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=video 0 RTP/AVP {}\r\n",
            self.formats
        );
        for line in &self.attributes {
            text.push_str(line);
            text.push_str("\r\n");
        }
        text + "a=control:video\r\n"
    }
}

/// A control URL in full: as it stands where it is absolute, else appended to the base. Cameras expect
/// this rather than what RFC 3986 makes of it.
pub(super) fn control_url(base: &str, control: Option<&str>) -> String {
    match control {
        None | Some("" | "*") => base.to_owned(),
        Some(control) if is_absolute(control) => control.to_owned(),
        Some(control) if base.ends_with('/') || control.starts_with('/') => {
            format!("{}/{}", base.trim_end_matches('/'), control.trim_start_matches('/'))
        }
        Some(control) => format!("{base}/{control}"),
    }
}

pub(super) fn is_absolute(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    scheme.len() < url.len() && matches!(scheme.to_ascii_lowercase().as_str(), "rtsp" | "rtsps")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BARE: &str = "m=video 0 RTP/AVP 96\n\
        a=rtpmap:96 H264/90000\n\
        a=framerate: 12.5\n\
        a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAH9oDAEmhAAADAAEAAAMAFA8YMqA=,aMuDyyA=\n\
        a=control:trackID=0\n\
        m=audio 0 RTP/AVP 0\n\
        a=control:trackID=1\n";

    #[test]
    fn a_description_without_session_lines_is_enough() {
        let sdp = Sdp::read(BARE);
        let video = sdp.video().unwrap();
        assert_eq!(video.control.as_deref(), Some("trackID=0"));
        assert_eq!(sdp.others, ["audio"]);
        let described = video.describe();
        assert_eq!(described.codec.as_deref(), Some("h264"));
        assert_eq!(described.size, Some(FrameSize::new(768, 576)));
        assert_eq!(described.fps, Some(12.5));
        let text = video.for_reader();
        assert!(text.starts_with("v=0\r\n") && !text.contains("audio"), "{text}");
        assert!(text.ends_with("a=control:video\r\n") && !text.contains("trackID"), "{text}");
        assert!(text.contains("\r\na=rtpmap:96 H264/90000\r\n"), "{text}");
    }

    #[test]
    fn malformed_lines_elsewhere_do_no_harm() {
        let text = "v=0\r\no=-\r\nc=IN\r\nc=IN IP4 0.0.0.0\r\nt=\r\na=control:*\r\n\
                    m=application 0 RTP/AVP 107\r\na=control:meta\r\n\
                    m=video 0 RTP/AVP 98\r\na=rtpmap:98 vnd.onvif.metadata/90000\r\n\
                    m=video 0 RTP/AVP 26\r\na=control:rtsp://10.0.0.1/jpeg\r\n";
        let sdp = Sdp::read(text);
        assert_eq!(sdp.control.as_deref(), Some("*"));
        let video = sdp.video().unwrap();
        assert_eq!(video.codec().as_deref(), Some("jpeg"));
        assert_eq!(video.control.as_deref(), Some("rtsp://10.0.0.1/jpeg"));
        assert_eq!(Sdp::read("").video(), None);
    }

    #[test]
    fn control_urls_are_appended_as_cameras_expect() {
        let url = |base, control| control_url(base, Some(control));
        assert_eq!(url("rtsp://c/s/", "track1"), "rtsp://c/s/track1");
        assert_eq!(url("rtsp://c/s?x=1", "track1"), "rtsp://c/s?x=1/track1");
        assert_eq!(url("rtsp://c/s", "rtsp://d/t"), "rtsp://d/t");
        assert_eq!(url("rtsp://c/s", "*"), "rtsp://c/s");
        assert_eq!(control_url("rtsp://c/s", None), "rtsp://c/s");
        assert!(!is_absolute("track://x") && !is_absolute("track1"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([vmac]=)?(video|audio|fmtp|[ -~\r\n:;=,]){0,200}") {
            if let Some(video) = Sdp::read(&text).video() {
                video.describe();
                prop_assert!(video.for_reader().len() < text.len() + 200);
            }
        }
    }
}
