//! A web server for tests: a handler a path, raw bytes out, a count of what was asked for.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Answers a request: its lines, and the connection to write to.
pub(crate) type Handler = Arc<dyn Fn(Vec<String>, TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Ends with its handle.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
    task: AbortHandle,
}

impl Server {
    pub(crate) async fn start<F>(handler: impl Fn(Vec<String>, TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request, stream| Box::pin(handler(request, stream)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(listener, handler, Arc::clone(&requests))).abort_handle();
        Self { address, requests, task }
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, handler: Handler, requests: Arc<Mutex<Vec<Vec<String>>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (handler, requests) = (Arc::clone(&handler), Arc::clone(&requests));
        connections.spawn(async move {
            let (request, stream) = head(stream).await;
            requests.lock().unwrap().push(request.clone());
            handler(request, stream).await;
        });
    }
}

async fn head(stream: TcpStream) -> (Vec<String>, TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line).await {
            Ok(n) if n > 0 && line != "\r\n" => lines.push(line.trim_end().to_owned()),
            _ => return (lines, reader.into_inner()),
        }
    }
}

/// A complete answer.
pub(crate) async fn reply(mut stream: TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _gone = stream.write_all(&[head.as_bytes(), body].concat()).await;
    let _gone = stream.shutdown().await;
}

/// JPEG pictures as a multipart stream, over and over, as fast as they are taken or `pause` apart.
pub(crate) async fn multipart(mut stream: TcpStream, pictures: Vec<Vec<u8>>, pause: std::time::Duration) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    let mut ticks = tokio::time::interval(pause);
    for picture in pictures.iter().cycle() {
        ticks.tick().await;
        let part = format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
        if stream.write_all(&[part.as_bytes(), picture, b"\r\n"].concat()).await.is_err() {
            return;
        }
    }
}
