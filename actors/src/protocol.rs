//! What the service and a worker process say to each other: postcard in length-prefixed frames.
//!
//! A frame is a little-endian `u32` length and that many bytes. A frame longer than
//! [`MAX_FRAME`] is an error of the sender, never an allocation of the receiver.

use std::io::{self, Write};

use becamera_domain::{Exit, Job, RunnerInfo, Scene, SnapshotRequest, StreamEvent};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Longest frame in bytes.
pub const MAX_FRAME: usize = 1 << 20;

/// Raised whenever the messages change: service and worker are the same binary, so a mismatch
/// means that the binary was replaced under a running service.
pub const VERSION: u16 = 4;

/// From the service to a worker process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// First of all: what to become. The configuration is opaque to the protocol (JSON).
    Init {
        /// [`VERSION`] of the service.
        version: u16,
        /// The worker's configuration.
        config: String,
    },
    /// Run a job. Answered by `Reply::Finished`.
    Run(Box<Job>),
    /// Use these lines and zones for the rest of the running job.
    UpdateScene(Box<Scene>),
    /// Make a picture of the running job's camera. Answered by `StreamEvent::Picture`.
    RequestSnapshot(SnapshotRequest),
    /// End the running job.
    Stop,
    /// Leave.
    Shutdown,
}

/// From a worker process to the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Answers `Init`: ready for a job.
    Ready(RunnerInfo),
    /// Answers `Init`: it can't work, and why.
    InitFailed(String),
    /// Something of the running job.
    Event(StreamEvent),
    /// The job is over.
    Finished {
        /// How it ended.
        exit: Exit,
        /// The process must be replaced: a native call is stuck in it.
        retire: bool,
    },
}

/// Why bytes were not a message.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The length prefix is beyond [`MAX_FRAME`].
    #[error("frame of {0} bytes is longer than allowed")]
    TooLong(usize),
    /// The bytes are not a message.
    #[error("malformed message: {0}")]
    Malformed(#[from] postcard::Error),
}

/// Writes one message as one frame.
pub fn write_message(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    frame = postcard::to_extend(message, frame).map_err(io::Error::other)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::other(ProtocolError::TooLong(length)));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    to.write_all(&frame)
}

/// Collects bytes and gives the messages that are complete.
#[derive(Debug, Default)]
pub struct MessageBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl MessageBuffer {
    /// Takes bytes as they came.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete message, if there is one. After an error the stream has lost its
    /// framing and must be given up.
    pub fn next_message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, ProtocolError> {
        let pending = &self.bytes[self.start..];
        let Some((prefix, body)) = pending.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > MAX_FRAME {
            return Err(ProtocolError::TooLong(length));
        }
        let Some(frame) = body.get(..length) else { return Ok(None) };
        let message = postcard::from_bytes(frame)?;
        self.start += 4 + length;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::{Crash, CrashKind, Progress};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_any_fragmentation() {
        let messages = [
            Reply::InitFailed("no model".into()),
            Reply::Event(StreamEvent::Progress(Progress { frames: 3, ..Progress::default() })),
            Reply::Finished {
                exit: Exit::Crashed(Crash::new(CrashKind::Signal(11), "x")),
                retire: true,
            },
        ];
        let mut wire = Vec::new();
        messages.iter().for_each(|m| write_message(&mut wire, m).unwrap());
        for step in 1..wire.len() {
            let mut buffer = MessageBuffer::default();
            let mut got = Vec::new();
            for chunk in wire.chunks(step) {
                buffer.extend(chunk);
                while let Some(message) = buffer.next_message::<Reply>().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, messages, "in steps of {step}");
        }
    }

    #[test]
    fn a_length_beyond_the_cap_is_an_error() {
        let mut buffer = MessageBuffer::default();
        buffer.extend(&u32::MAX.to_le_bytes());
        assert!(matches!(buffer.next_message::<Reply>(), Err(ProtocolError::TooLong(_))));
    }

    #[test]
    fn a_scene_and_a_crossing_come_through_as_they_were() {
        let scene = r#"{"lines":[{"id":"door","from":[0.1,0.5],"to":[0.9,0.5]}],
            "zones":[{"id":"hall","polygon":[[0.1,0.1],[0.9,0.1],[0.5,0.9]]}]}"#;
        let command = Command::UpdateScene(Box::new(serde_json::from_str(scene).unwrap()));
        let crossing = r#"{"camera_id":1,"run":5,"seq":0,"line_id":"door","direction":"out",
            "direction_name":"out","track_id":7,"at":"2026-01-01T00:00:00.123456Z","confidence":0.5}"#;
        let reply = Reply::Event(StreamEvent::Crossing(serde_json::from_str(crossing).unwrap()));
        let (mut wire, mut buffer) = (Vec::new(), MessageBuffer::default());
        write_message(&mut wire, &command).unwrap();
        write_message(&mut wire, &reply).unwrap();
        buffer.extend(&wire);
        assert_eq!(buffer.next_message::<Command>().unwrap(), Some(command));
        assert_eq!(buffer.next_message::<Reply>().unwrap(), Some(reply));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut buffer = MessageBuffer::default();
            buffer.extend(&bytes);
            while let Ok(Some(_)) = buffer.next_message::<Command>() {}
        }
    }
}
