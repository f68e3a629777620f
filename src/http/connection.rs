//! What must be set on a client's connection itself, and ending it from outside.

use std::{
    any::Any,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::{Arc, Weak},
};

use actix_web::{HttpRequest, dev::Extensions, rt::net::TcpStream};
use becamera_actors::events::Disconnect;
use nix::sys::socket::{Shutdown, shutdown};
use socket2::SockRef;

/// Bytes that the kernel takes for a client before it has sent those it has: what a client does
/// not read must not pile up in megabytes there.
const UNSENT_BYTES: u32 = 64 * 1024;

/// A second handle of the connection, which lives no longer than the connection itself.
struct Handle(Arc<OwnedFd>);

/// Prepares a connection that was just made.
pub(super) fn prepare(connection: &dyn Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES) {
        log::debug!("a connection keeps its own limit: {error}");
    }
    match stream.as_fd().try_clone_to_owned() {
        Ok(handle) => {
            data.insert(Handle(Arc::new(handle)));
        }
        Err(error) => log::warn!("no second handle of a connection: {error}"),
    }
}

/// Ends a request's connection at once, from wherever it is called. Does nothing once the
/// connection is gone.
pub(super) fn disconnect(request: &HttpRequest) -> Disconnect {
    let handle = request.conn_data::<Handle>();
    let handle: Weak<OwnedFd> = handle.map_or_else(Weak::new, |handle| Arc::downgrade(&handle.0));
    Disconnect(Box::new(move || {
        if let Some(handle) = handle.upgrade() {
            // Which side closed it first does not matter.
            let _ = shutdown(handle.as_raw_fd(), Shutdown::Both);
        }
    }))
}
