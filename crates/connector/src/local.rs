//! The near end: one reader of this process, on the loopback interface.

use std::io;

use tokio::net::{TcpListener, TcpStream};

use crate::{head::Head, wire::Wire};

/// Where the reader of one stream is awaited.
pub(crate) struct Reception {
    listener: TcpListener,
    token: String,
    port: u16,
}

impl Reception {
    /// Listens on a port of its own.
    pub async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, token: format!("{:032x}", rand::random::<u128>()), port })
    }

    /// The URL that the reader must open. Nobody else knows it.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/{}", self.port, self.token)
    }

    /// Awaits the reader, with its first request. Others, who don't know the token, are sent away.
    pub async fn welcome(self) -> io::Result<(Wire, Head)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let _ = stream.set_nodelay(true);
            if let Some(welcome) = self.examine(stream).await {
                return Ok(welcome);
            }
        }
    }

    async fn examine(&self, stream: TcpStream) -> Option<(Wire, Head)> {
        let mut wire = Wire::new(stream);
        // Somebody who connects and says nothing does not keep the reader out for long.
        let request = tokio::time::timeout(std::time::Duration::from_secs(1), wire.head()).await;
        let head = request.ok()?.ok()??;
        let (_, target) = head.request()?;
        target.contains(&self.token).then_some((wire, head))
    }
}
