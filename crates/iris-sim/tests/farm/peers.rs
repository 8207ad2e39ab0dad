//! A peer that shares nothing with us: the `ffmpeg` command must decode over the network what it decodes from the file.

use std::path::Path;

use iris_sim::{Credentials, Farm};
use tokio::process::Command;

use crate::support::{Clips, soon, start};

/// One pass of the clip.
const FRAMES: &str = "20";

/// The checksums of the first pictures of an input.
async fn pictures(input: &[&str]) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-loglevel", "error"]).args(input).kill_on_drop(true);
    command.args(["-frames:v", FRAMES, "-vsync", "passthrough", "-f", "framemd5", "-"]);
    let output = soon("ffmpeg's end", command.output()).await.expect("the ffmpeg command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(',').next()).map(|s| s.trim().into()).collect()
}

async fn shows_the_same(clip: &Path) {
    let expected = pictures(&["-i", clip.to_str().expect("a plain path")]).await;
    assert_eq!(expected.len(), 20);
    let farm = start(Farm::builder().clip(clip).credentials(Credentials::new("a", "b"))).await;
    let url = farm.url(0).replace("rtsp://", "rtsp://a:b@");
    for transport in ["tcp", "udp"] {
        let got = pictures(&["-rtsp_transport", transport, "-i", &url]).await;
        assert_eq!(got, expected, "over {transport}");
    }
    farm.shutdown().await;
}

#[tokio::test]
async fn ffmpeg_shows_h264_as_from_the_file() {
    shows_the_same(&Clips::get().h264()).await;
}

#[tokio::test]
async fn ffmpeg_shows_h265_as_from_the_file() {
    shows_the_same(&Clips::get().h265()).await;
}
