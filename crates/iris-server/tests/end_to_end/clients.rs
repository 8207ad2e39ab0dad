//! Other programs ask the models by clients that know nothing of Iris: those of Triton and of KServe, as they are published.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::process::run_iris;
use crate::server::{Config, Server};

const PYTHON: &str = "/usr/bin/python3";

/// Whose clients ask, and where they lie: a script here, and packages that a command of the project installs.
struct Clients {
    whose: &'static str,
    script: &'static str,
    packages: &'static str,
    installed_by: &'static str,
}

const TRITON: Clients =
    Clients { whose: "Triton's", script: "clients.py", packages: "tritonclient", installed_by: "cargo xtask test" };
const KSERVE: Clients =
    Clients { whose: "KServe's", script: "kserve_clients.py", packages: "kserve", installed_by: "cargo xtask ci" };

/// Asks a server by all clients; `more` is what else the script is told.
#[expect(clippy::print_stdout, reason = "what did not run is reported")]
fn ask(Clients { whose, script, packages, installed_by }: &Clients, config: &Config, server: &Server, more: &[&str]) {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = crate_root.join("../../.tools").join(packages);
    if !packages.exists() || !Path::new(PYTHON).exists() {
        println!("not run: {whose} clients: `{installed_by}` installs them for {PYTHON}, and they are not there");
        return;
    }
    let words = ["token", "create", "-c", &config.folder.path("iris.toml"), "--name", "notebook", "--scope", "infer"];
    let token = run_iris(&words).good().trim().to_owned();
    let (_, address) = server.address.split_once("://").expect("an address");
    let mut clients = Command::new(PYTHON);
    let script = crate_root.join("tests/end_to_end").join(script);
    clients.arg(script).args([address, &token, &server.token, "blobs"]).args(more);
    let asked = clients.env("PYTHONPATH", packages).output().expect("Python starts");
    let said = format!("{}{}", String::from_utf8_lossy(&asked.stdout), String::from_utf8_lossy(&asked.stderr));
    assert!(asked.status.success() && said.contains("good"), "{said}");
}

#[test]
fn triton_s_clients_are_answered_in_each_of_their_forms() {
    let config = Config::new();
    let server = config.serve();
    ask(&TRITON, &config, &server, &[]);
    server.stop();
}

#[test]
fn kserve_s_clients_are_answered_in_both_of_their_forms() {
    let config = Config::new();
    let server = config.serve();
    ask(&KSERVE, &config, &server, &[]);
    server.stop();
}

#[test]
fn triton_s_clients_are_answered_by_tls() {
    let mut config = Config::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let certificate = config.folder.write("cert.pem", made.cert.pem());
    let key = config.folder.write("key.pem", made.signing_key.serialize_pem());
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).expect("it is ours");
    config.devices(&format!("[server.tls]\ncert = '{certificate}'\nkey = '{key}'\n"));
    let server = config.serve();
    ask(&TRITON, &config, &server, &[&certificate]);
    server.stop();
}
