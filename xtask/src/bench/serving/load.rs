//! Clients that send a picture again and again, each over one connection, and how long they wait: HTTP/1.1 as far as it is
//! needed, so that clients take little of the cores that they share with the server.

use std::cell::Cell;

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Who is asked.
pub(super) struct Target {
    /// Host and port.
    pub(super) address: String,
    pub(super) path: String,
    pub(super) token: Option<String>,
}

/// What all clients together saw.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) seconds: f64,
    /// How long each request took, in seconds.
    pub(super) latencies: Vec<f64>,
    /// How many boxes the last answer had.
    pub(super) boxes: usize,
}

/// Sends so many requests by so many clients.
pub(super) async fn load(target: &Target, picture: &[u8], requests: usize, clients: usize) -> Result<Load> {
    let (left, began) = (Cell::new(requests), Instant::now());
    let all = try_join_all((0..clients).map(|_| client(target, picture, &left))).await?;
    let mut load = Load { seconds: began.elapsed().as_secs_f64(), ..Load::default() };
    for (latencies, boxes) in all {
        load.latencies.extend(latencies);
        load.boxes = load.boxes.max(boxes);
    }
    Ok(load)
}

async fn client(target: &Target, picture: &[u8], left: &Cell<usize>) -> Result<(Vec<f64>, usize)> {
    let Target { address, path, token } = target;
    let token = token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = picture.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n{token}\r\n"
    );
    let request = [head.as_bytes(), picture].concat();
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let (mut latencies, mut boxes) = (Vec::new(), 0);
    while left.get() > 0 {
        left.set(left.get() - 1);
        let began = Instant::now();
        stream.write_all(&request).await?;
        let (body, stays) = answer(&mut stream).await?;
        latencies.push(began.elapsed().as_secs_f64());
        let seen: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
        boxes = seen["detections"].as_array().context("the answer has no detections")?.len();
        if !stays {
            stream = BufReader::new(TcpStream::connect(address).await?);
        }
    }
    Ok((latencies, boxes))
}

/// The body of an answer, and whether the connection can be used again.
async fn answer(stream: &mut BufReader<TcpStream>) -> Result<(Vec<u8>, bool)> {
    let (mut status, mut length, mut stays) = (String::new(), None, true);
    stream.read_line(&mut status).await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            bail!("the answer breaks off");
        }
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(':') {
            Some(("content-length", value)) => length = Some(value.trim().parse()?),
            Some(("connection", value)) => stays = value.trim() != "close",
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.context("the answer has no length")?];
    stream.read_exact(&mut body).await?;
    if status.split_whitespace().nth(1) != Some("200") {
        bail!("it answered {}: {}", status.trim_end(), String::from_utf8_lossy(&body));
    }
    Ok((body, stays))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn every_request_is_sent_once_and_a_refusal_is_an_error() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let target = Target { address: listener.local_addr()?.to_string(), path: "/x".into(), token: Some("t".into()) };
        let server = async {
            let (stream, _) = listener.accept().await?;
            let mut stream = BufReader::new(stream);
            let mut served = 0;
            loop {
                let (mut head, mut line) = (String::new(), String::new());
                while stream.read_line(&mut line).await? > 2 {
                    head.push_str(&line);
                    line.clear();
                }
                assert!(
                    head.starts_with("POST /x HTTP/1.1\r\n") && head.contains("Authorization: Bearer t\r\n"),
                    "{head}"
                );
                stream.read_exact(&mut [0; 3]).await?;
                served += 1;
                let (status, body) =
                    if served <= 3 { ("200 OK", "{\"detections\": [1, 2]}") } else { ("503 Busy", "later") };
                let length = body.len();
                let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).await?;
                if served > 3 {
                    return anyhow::Ok(served);
                }
            }
        };
        let client = async {
            let left = Cell::new(5);
            client(&target, b"jpg", &left).await
        };
        let (served, seen) = tokio::join!(server, client);
        assert_eq!(served?, 4);
        let error = seen.expect_err("it is refused").to_string();
        assert!(error.contains("503 Busy") && error.contains("later"), "{error}");
        Ok(())
    }
}
