//! The command, as a user runs it.

#[path = "farm/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the farm")]
mod support;

use std::process::Stdio;

use retina::client::Transport;
use support::{Clips, frames, soon, take};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

fn iris_sim(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iris-sim"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn what_is_asked_wrongly_is_explained() {
    let clip = Clips::get().h264();
    let clip = clip.to_str().expect("a plain path");
    let cases: [(&[&str], &str); 5] = [
        (&["serve"], "--clip"),
        (&["serve", "--clip", "/nowhere/a.mp4"], "cannot read /nowhere/a.mp4"),
        (&["serve", "--clip", clip, "--cameras", "0"], "--cameras"),
        (&["serve", "--clip", clip, "--user", "a"], "--password"),
        (&["serve", "--clip", clip, "--listen", "nowhere"], "--listen"),
    ];
    for (arguments, expected) in cases {
        let output = soon("its end", iris_sim(arguments).output()).await.expect("the command");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn it_lists_its_cameras_serves_and_ends_when_told() {
    let clip = Clips::get().h264();
    let clip = clip.to_str().expect("a plain path");
    for end in ["-TERM", "-INT"] {
        let mut child =
            iris_sim(&["serve", "--cameras", "2", "--clip", clip, "--listen", "127.0.0.1:0", "--report", "1"])
                .spawn()
                .expect("the command");
        let mut urls = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut logged = BufReader::new(child.stderr.take().expect("its log")).lines();
        for camera in 0..2 {
            let url = soon("a URL", urls.next_line()).await.expect("text").expect("a line");
            assert!(url.ends_with(&format!("/cam/{camera}")), "{url}");
            take(&mut frames(&url, Transport::default()).await, 2).await;
        }
        let line = soon("statistics", logged.next_line()).await.expect("text").expect("a line");
        assert!(line.contains("serving") && line.contains("playing"), "{line}");
        let pid = child.id().expect("a running command").to_string();
        let killed = Command::new("kill").args([end, &pid]).status().await.expect("the kill command");
        assert!(killed.success());
        assert!(soon("its end", child.wait()).await.expect("a status").success(), "{end}");
    }
}
