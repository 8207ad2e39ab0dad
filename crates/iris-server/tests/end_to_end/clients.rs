//! Other programs ask the models by clients that know nothing of Iris: those of Triton, as they are published.

use std::path::Path;
use std::process::Command;

use crate::process::run_iris;
use crate::server::Config;

const PYTHON: &str = "/usr/bin/python3";

#[test]
fn triton_s_clients_are_answered_in_each_of_their_forms() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = crate_root.join("../../.tools/tritonclient");
    if !packages.exists() || !Path::new(PYTHON).exists() {
        println!("not run: Triton's clients: `cargo xtask test` installs them for {PYTHON}, and they are not there");
        return;
    }
    let config = Config::new();
    let server = config.serve();
    let words = ["token", "create", "-c", &config.folder.path("iris.toml"), "--name", "notebook", "--scope", "infer"];
    let token = run_iris(&words).good().trim().to_owned();
    let mut clients = Command::new(PYTHON);
    let script = crate_root.join("tests/end_to_end/clients.py");
    clients
        .arg(script)
        .args([server.address.trim_start_matches("http://"), &token, &server.token, "blobs"])
        .env("PYTHONPATH", packages);
    let asked = clients.output().expect("Python starts");
    let said = format!("{}{}", String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
    assert!(asked.status.success() && said.contains("good"), "{said}");
}
