//! Media over UDP, from cameras that send in no other way.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::UdpSocket;

/// Longest packet.
const MAX_PACKET: usize = 65_535;

/// Ports that are tried for a pair.
const ATTEMPTS: u32 = 50;

/// Two neighbouring ports: media, and reports.
pub(super) struct Udp {
    media: UdpSocket,
    reports: UdpSocket,
    /// The camera's; others are not listened to.
    camera: IpAddr,
    reports_port: u16,
    packet: Vec<u8>,
}

impl Udp {
    /// Takes a pair of ports, an even one first.
    pub async fn bind(near: IpAddr, camera: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let media = UdpSocket::bind((near, 0)).await?;
            let port = media.local_addr()?.port();
            if port % 2 == 1 || port == u16::MAX {
                continue;
            }
            match UdpSocket::bind((near, port + 1)).await {
                Ok(reports) => {
                    let packet = vec![0; MAX_PACKET];
                    return Ok(Self { media, reports, camera, reports_port: 0, packet });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The ports' numbers.
    pub fn ports(&self) -> (u16, u16) {
        let port = |socket: &UdpSocket| socket.local_addr().map_or(0, |address| address.port());
        (port(&self.media), port(&self.reports))
    }

    /// Sends a packet to each of the camera's ports, so that firewalls between let answers in.
    pub async fn greet(&mut self, media: u16, reports: u16) {
        self.reports_port = reports;
        const EMPTY_MEDIA: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        const EMPTY_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 0];
        // A courtesy: if it fails, media may come all the same.
        let _ = self.media.send_to(&EMPTY_MEDIA, (self.camera, media)).await;
        let _ = self.reports.send_to(&EMPTY_REPORT, (self.camera, reports)).await;
    }

    /// Awaits a packet of the camera's, with the channel that stands for its port.
    pub async fn receive(&mut self) -> io::Result<(u8, &[u8])> {
        loop {
            let (channel, received) = tokio::select! {
                received = self.media.recv_from(&mut self.packet) => (0, received?),
                // Room for both at once would be needed but for the first one's turn.
                ready = self.reports.readable() => {
                    ready?;
                    match self.reports.try_recv_from(&mut self.packet) {
                        Ok(received) => (1, received),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                        Err(error) => return Err(error),
                    }
                }
            };
            let (length, from): (usize, SocketAddr) = received;
            if from.ip().to_canonical() == self.camera.to_canonical() {
                return Ok((channel, &self.packet[..length]));
            }
        }
    }

    /// Sends the reader's report.
    pub async fn report(&self, packet: &[u8]) {
        if self.reports_port != 0 {
            // Reports are for statistics.
            let _ = self.reports.send_to(packet, (self.camera, self.reports_port)).await;
        }
    }
}
