//! A session with a camera: describe, set up, play, stay alive, tear down.

use std::{cell::Cell, io, net::SocketAddr, time::Duration};

use becamera_domain::{Failure, FailureCode, StreamUrl, settings::StreamSettings};
use bytes::BytesMut;

use super::{
    message::{Message, next_message},
    sdp::{self, Sdp, Video},
    udp::Udp,
};
use crate::{
    auth::{LOGINS, Login},
    description::StreamDescription,
    door::{Door, Phase},
    head::Head,
    refusal::{refusal, unsupported},
    wire::Wire,
};

/// Longest description in bytes.
const MAX_BODY: usize = 256 * 1024;

/// Most media that is kept while an answer is awaited.
const MAX_EARLY: usize = 1024 * 1024;

/// 503: a server that prepares the stream for another client, or is still ending a session, says
/// so for some tenths of a second.
const BUSY: u16 = 503;
const BUSY_ATTEMPTS: u32 = 6;
const BUSY_PAUSE: Duration = Duration::from_millis(250);

/// UDP is asked for where TCP is refused with this.
const UNSUPPORTED_TRANSPORT: u16 = 461;

/// What a session lasts without a sign of life where the camera does not say it.
const SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// How media comes.
pub(super) enum Transport {
    /// Between the messages, on these channels: media, and reports.
    Interleaved(u8, u8),
    Udp(Udp),
}

/// An answer and its body.
pub(super) struct Answer {
    pub head: Head,
    pub status: u16,
    body: BytesMut,
}

/// A session with a camera.
pub(crate) struct Camera {
    pub(super) wire: Wire,
    door: Door,
    own: Option<SocketAddr>,
    login: Login,
    sequence: u32,
    /// The stream as it was asked for, without a password.
    url: String,
    /// What is played.
    aggregate: String,
    session: Option<String>,
    pub(super) keep_alive: Duration,
    /// Whether its `Public` header has `GET_PARAMETER`.
    pub(super) has_get_parameter: bool,
    pub(super) transport: Transport,
    pub(super) description: String,
    /// Media that came before the answer to `PLAY`.
    pub(super) early: BytesMut,
    ends: (SocketAddr, SocketAddr),
}

impl Camera {
    /// Connects, and has the camera describe its stream and set its video up.
    pub async fn open(
        url: &StreamUrl,
        settings: &StreamSettings,
        phase: &Cell<Phase>,
    ) -> Result<(Self, StreamDescription), Failure> {
        let door = Door::find(url, settings).await?;
        let (wire, near, far) = door.connect(settings.own_address, phase).await?;
        let login = Login::to(url, settings, door.is_private());
        let mut camera = Self {
            wire,
            door,
            own: settings.own_address,
            login,
            sequence: 0,
            url: url.without_credentials().into(),
            aggregate: String::new(),
            session: None,
            keep_alive: SESSION_TIMEOUT / 2,
            has_get_parameter: false,
            transport: Transport::Interleaved(0, 1),
            description: String::new(),
            early: BytesMut::new(),
            ends: (near, far),
        };
        let (video, control) = camera.describe(phase).await?;
        let description = video.describe();
        camera.description = video.for_reader();
        camera.set_up(&control, phase).await?;
        Ok((camera, description))
    }

    async fn describe(&mut self, phase: &Cell<Phase>) -> Result<(Video, String), Failure> {
        phase.set(Phase::Asking("DESCRIBE"));
        let url = self.url.clone();
        let answer =
            self.ask_patiently("DESCRIBE", &url, "Accept: application/sdp\r\n", phase).await?;
        self.check("DESCRIBE", &answer)?;
        let base = answer.head.get("content-base").or(answer.head.get("content-location"));
        let base = base.filter(|base| sdp::is_absolute(base)).unwrap_or(url);
        let sdp = Sdp::read(&String::from_utf8_lossy(&answer.body));
        let Some(video) = sdp.video().cloned() else {
            return Err(unsupported(if sdp.others.is_empty() {
                "The camera's description of the stream can't be understood: it names no media"
                    .to_owned()
            } else {
                format!("The camera's stream has no video, only {}", sdp.others.join(", "))
            }));
        };
        self.aggregate = match sdp.control.as_deref() {
            Some(control) if sdp::is_absolute(control) => control.to_owned(),
            _ => base.clone(),
        };
        let control = sdp::control_url(&base, video.control.as_deref());
        Ok((video, control))
    }

    /// Sets the video up over TCP, or over UDP where the camera sends over nothing else.
    async fn set_up(&mut self, control: &str, phase: &Cell<Phase>) -> Result<(), Failure> {
        phase.set(Phase::Asking("SETUP"));
        let tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let mut answer = self.ask_patiently("SETUP", control, tcp, phase).await?;
        if answer.status == UNSUPPORTED_TRANSPORT && !self.door.is_encrypted() {
            let udp = Udp::bind(self.ends.0.ip(), self.ends.1.ip())
                .await
                .map_err(|error| unsupported(format!("No port for UDP: {error}")))?;
            let (media, reports) = udp.ports();
            let transport = format!("Transport: RTP/AVP;unicast;client_port={media}-{reports}\r\n");
            answer = self.ask_patiently("SETUP", control, &transport, phase).await?;
            self.transport = Transport::Udp(udp);
        }
        self.check("SETUP", &answer)?;
        let session = answer.head.get("session").unwrap_or_default();
        let mut parts = session.split(';').map(str::trim);
        self.session = parts.next().filter(|id| !id.is_empty()).map(str::to_owned);
        let timeout = parts
            .find_map(|part| part.to_ascii_lowercase().strip_prefix("timeout=")?.parse().ok())
            .filter(|seconds| (1..=3600).contains(seconds))
            .map_or(SESSION_TIMEOUT, Duration::from_secs);
        // Some count from their last answer, or round down.
        self.keep_alive = timeout.mul_f32(0.4).min(Duration::from_secs(25));
        let transport = answer.head.get("transport").unwrap_or_default();
        match &mut self.transport {
            Transport::Interleaved(media, reports) => {
                if let Some((first, second)) = number_pair(&transport, "interleaved=") {
                    (*media, *reports) = (first as u8, second as u8);
                }
            }
            Transport::Udp(udp) => {
                if let Some((media, reports)) = number_pair(&transport, "server_port=") {
                    udp.greet(media, reports).await;
                }
            }
        }
        Ok(())
    }

    /// Starts the stream.
    pub(super) async fn play(&mut self, range: Option<&str>) -> Result<(), Failure> {
        let url = self.aggregate.clone();
        let range = format!("Range: {}\r\n", range.unwrap_or("npt=0.000-"));
        let phase = Cell::default();
        let answer = self.ask_patiently("PLAY", &url, &range, &phase).await?;
        self.check("PLAY", &answer)
    }

    /// Ends the session; the answer is not awaited for long.
    pub async fn tear_down(&mut self) {
        if self.session.is_none() {
            return;
        }
        let url = self.aggregate.clone();
        let goodbye = async {
            let _ = self.send("TEARDOWN", &url, "").await;
            let _ = self.answer("TEARDOWN").await;
            self.wire.finish().await;
        };
        let _ = tokio::time::timeout(Duration::from_millis(200), goodbye).await;
    }

    /// Sends a sign of life.
    pub(super) async fn send_sign_of_life(&mut self) -> io::Result<()> {
        let method = if self.has_get_parameter { "GET_PARAMETER" } else { "OPTIONS" };
        let url = self.aggregate.clone();
        self.send(method, &url, "").await
    }

    /// Takes the answer to a sign of life, if its head is that: what the camera offers, or a new
    /// nonce.
    pub(super) fn take_sign_of_life(&mut self, head: &Head) {
        match head.status() {
            Some(401) => _ = self.login.challenged(head),
            Some(200..=299) => {
                self.login.accepted();
                let offers =
                    head.get("public").is_some_and(|public| public.contains("GET_PARAMETER"));
                self.has_get_parameter |= offers;
            }
            // It does not know the method: the other one, then.
            _ => self.has_get_parameter = !self.has_get_parameter,
        }
    }

    fn check(&self, request: &str, answer: &Answer) -> Result<(), Failure> {
        refusal(request, answer.status, self.login.has_credentials()).map_or(Ok(()), Err)
    }

    /// Asks, and again a few times where the camera is busy.
    async fn ask_patiently(
        &mut self,
        method: &'static str,
        url: &str,
        headers: &str,
        phase: &Cell<Phase>,
    ) -> Result<Answer, Failure> {
        let mut attempt = 1;
        loop {
            let answer = self.ask(method, url, headers, phase).await?;
            if answer.status != BUSY || attempt == BUSY_ATTEMPTS {
                return Ok(answer);
            }
            attempt += 1;
            tokio::time::sleep(BUSY_PAUSE).await;
        }
    }

    /// Asks, and logs in where that is asked for.
    async fn ask(
        &mut self,
        method: &'static str,
        url: &str,
        headers: &str,
        phase: &Cell<Phase>,
    ) -> Result<Answer, Failure> {
        let mut reconnects = 0;
        let mut logins = 0;
        loop {
            let sent = self.send(method, url, headers).await;
            let answer = match sent {
                Ok(()) => self.answer(method).await?,
                Err(_) => None,
            };
            let Some(answer) = answer else {
                // Some hang up behind a 401; a request that was never answered is not repeated.
                if logins == 0 || reconnects > 0 || self.session.is_some() {
                    return Err(hung_up(method, self.sequence > 1));
                }
                reconnects += 1;
                (self.wire, ..) = self.door.connect(self.own, phase).await?;
                phase.set(Phase::Asking(method));
                self.login.reconnected();
                continue;
            };
            if answer.status != 401 || logins == LOGINS {
                if answer.status < 400 {
                    self.login.accepted();
                }
                return Ok(answer);
            }
            logins += 1;
            self.login.challenged(&answer.head)?;
            if answer
                .head
                .get("connection")
                .is_some_and(|value| value.eq_ignore_ascii_case("close"))
            {
                reconnects += 1;
                (self.wire, ..) = self.door.connect(self.own, phase).await?;
                self.login.reconnected();
            }
        }
    }

    async fn send(&mut self, method: &str, url: &str, headers: &str) -> io::Result<()> {
        self.sequence += 1;
        let mut request = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: becamera/{}\r\n{headers}",
            self.sequence,
            env!("CARGO_PKG_VERSION"),
        );
        if let Some(session) = &self.session {
            request.push_str(&format!("Session: {session}\r\n"));
        }
        let mut request = request.into_bytes();
        if let Some(value) = self.login.authorization(method, url) {
            request.extend(b"Authorization: ");
            request.extend(value);
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        self.wire.write(&request).await
    }

    /// Reads the next answer; what comes before it is kept or answered. `None` when the camera hangs
    /// up.
    async fn answer(&mut self, method: &str) -> Result<Option<Answer>, Failure> {
        let first = self.sequence == 1;
        loop {
            // Who says something else at first, and then waits, is no camera.
            if first && self.wire.buffer.trim_ascii_start().is_empty() {
                match self.wire.fill().await {
                    Ok(1..) => {}
                    _ => return Ok(None),
                }
            }
            let begin = self.wire.buffer.trim_ascii_start();
            if first && !begin.starts_with(&b"RTSP/"[..begin.len().min(5)]) {
                return Err(not_rtsp());
            }
            match next_message(&mut self.wire).await {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(not_rtsp());
                }
                Err(_) | Ok(None) => return Ok(None),
                Ok(Some(Message::Media(frame))) => {
                    if self.early.len() + frame.len() <= MAX_EARLY {
                        self.early.extend_from_slice(&frame);
                    }
                }
                Ok(Some(Message::Head(head))) => {
                    if head.protocol() != "RTSP" {
                        // It may ask something of us.
                        let Some((_, _)) = head.request().filter(|_| head.first.contains("RTSP/"))
                        else {
                            return Err(not_rtsp());
                        };
                        self.reply(&head).await;
                        continue;
                    }
                    let Some(status) = head.status() else { return Err(not_rtsp()) };
                    let length = head.content_length().unwrap_or(0);
                    if length > MAX_BODY {
                        let message = format!(
                            "The camera's answer to {method} is longer than {MAX_BODY} bytes"
                        );
                        return Err(unsupported(message));
                    }
                    let Ok(body) = self.wire.body(length).await else { return Ok(None) };
                    if (100..200).contains(&status) {
                        continue;
                    }
                    return Ok(Some(Answer { head, status, body }));
                }
            }
        }
    }

    /// Answers a request of the camera's.
    pub(super) async fn reply(&mut self, request: &Head) {
        let length = request.content_length().unwrap_or(0).min(MAX_BODY);
        let _ = self.wire.skip(length).await;
        let sequence = request.get("cseq").unwrap_or_default();
        let sequence: String = sequence.chars().filter(char::is_ascii_digit).collect();
        // If it can't be sent, the camera is gone, which is noticed elsewhere.
        let _ = self
            .wire
            .write(format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n\r\n").as_bytes())
            .await;
    }
}

fn hung_up(method: &str, answered_before: bool) -> Failure {
    if answered_before {
        let message = format!("The camera hung up when it was asked for {method}");
        Failure::new(FailureCode::Unsupported, message)
    } else {
        not_rtsp()
    }
}

fn not_rtsp() -> Failure {
    Failure::new(FailureCode::NotRtsp, "The host answers on this port, but does not speak RTSP")
}

/// `name=4-5` within a `Transport` header; a single number stands for the pair that it begins.
fn number_pair(transport: &str, name: &str) -> Option<(u16, u16)> {
    let part = transport.split([';', ',']).find_map(|part| part.trim().strip_prefix(name))?;
    let (first, second) = part.split_once('-').unwrap_or((part, ""));
    let first: u16 = first.trim().parse().ok()?;
    Some((first, second.trim().parse().unwrap_or(first.wrapping_add(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transports_are_read() {
        let transport = "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=1";
        assert_eq!(number_pair(transport, "interleaved="), Some((2, 3)));
        assert_eq!(number_pair("a; server_port=6000", "server_port="), Some((6000, 6001)));
        assert_eq!(number_pair("a;b", "server_port="), None);
    }
}
