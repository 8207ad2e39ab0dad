//! GStreamer's RTSP server, an independent peer: Debian's `gstreamer1.0-rtsp` driven by a few lines of Python.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = r#"
import sys, gi
gi.require_version("Gio", "2.0"); gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, Gst, GstRtspServer, GLib
Gst.init(None)
launch, user, password, scheme, port, certificate = sys.argv[1:7]
server = GstRtspServer.RTSPServer(); server.set_service(port); server.set_address("127.0.0.1")
factory = GstRtspServer.RTSPMediaFactory(); factory.set_launch("( " + launch + " )")
auth = GstRtspServer.RTSPAuth()
if certificate:
    auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(certificate))
if user or certificate:
    server.set_auth(auth)
if user:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if scheme == "digest":
        auth.set_supported_methods(gi.repository.GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP, lambda *_: loop.quit())
loop.run()
"#;

/// Ends with its handle.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

/// Who may look, and how.
#[derive(Clone, Copy, Default)]
pub(crate) struct SignIn<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) scheme: &'a str,
    /// A PEM file with certificate and key: speak TLS.
    pub(crate) certificate: &'a str,
}

impl Server {
    /// Serves what a GStreamer pipeline makes at `/live`; it ends in an RTP payloader called `pay0`.
    pub(crate) fn start(launch: &str, sign_in: SignIn<'_>) -> Self {
        Self::start_at(0, launch, sign_in)
    }

    /// The same on a port that was free a moment ago.
    pub(crate) fn start_at(port: u16, launch: &str, sign_in: SignIn<'_>) -> Self {
        let wanted = port.to_string();
        // Debian's Python, for which the bindings are packaged, and not whichever comes first in the path.
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", SCRIPT, launch, sign_in.user, sign_in.password, sign_in.scheme, &wanted, sign_in.certificate])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is missing; `cargo xtask setup` installs it");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("GStreamer's RTSP server is missing; `cargo xtask setup` installs it");
        Self { child, port }
    }

    pub(crate) fn url(&self, user_info: &str) -> String {
        format!("rtsp://{user_info}127.0.0.1:{}/live", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.stdin.take().map(|mut stdin| stdin.flush());
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A live test picture, coded and payloaded. Its sides are multiples of 8, the unit of RTP's JPEG header.
pub(crate) fn live(codec: &str) -> String {
    let coded = match codec {
        "h264" => {
            "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=-1"
        }
        "h265" => {
            "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph265pay name=pay0 pt=96 config-interval=-1"
        }
        "mjpeg" => "jpegenc ! rtpjpegpay name=pay0",
        "vp8" => "vp8enc deadline=1 ! rtpvp8pay name=pay0",
        other => panic!("{other}"),
    };
    format!("videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=192,framerate=15/1 ! {coded}")
}
