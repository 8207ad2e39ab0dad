//! The sockets of a farm and their options. What goes through them is decided elsewhere.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, UdpSocket};

/// How many connections wait to be accepted.
const LISTEN_BACKLOG: u32 = 1024;
/// What the kernel holds for a client that does not read, in bytes (it doubles the number).
const SEND_BUFFER: u32 = 128 * 1024;
/// How often a pair of UDP ports is tried for.
const PORT_ATTEMPTS: usize = 100;

/// A port for RTSP whose connections hold little back for clients that do not read.
pub(crate) fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(addr)?;
    socket.listen(LISTEN_BACKLOG)
}

/// The sockets from which all packets by UDP are sent; RTP's port is even and RTCP's is the next (RFC 3550 §11).
#[derive(Debug)]
pub(crate) struct UdpPair {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl UdpPair {
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<Self> {
        let open = |port| {
            let socket = std::net::UdpSocket::bind((addr.ip(), port))?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        for _ in 0..PORT_ATTEMPTS {
            let first = open(0)?;
            let port = first.local_addr()?.port();
            // The other of an even port and the one after it.
            if let Ok(second) = open(port ^ 1) {
                let (rtp, rtcp) = if port % 2 == 0 { (first, second) } else { (second, first) };
                return Ok(Self { rtp, rtcp });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "found no two neighbouring UDP ports free"))
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        let port = |socket: &UdpSocket| socket.local_addr().map_or(0, |a| a.port());
        (port(&self.rtp), port(&self.rtcp))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn ports_for_udp_are_neighbours_and_the_first_is_even() {
        let pair = UdpPair::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("ports");
        let (rtp, rtcp) = pair.ports();
        assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
    }
}
