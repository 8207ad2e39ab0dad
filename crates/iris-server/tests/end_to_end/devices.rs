//! Devices of a server: a GPU that no machine of ours has is replaced for all to see, or refused.

use serde_json::Value;

use crate::kit::clip;
use crate::process::run_iris;
use crate::server::Config;

const NO_GPU: &str = "[[devices]]\nkind = 'cuda'\nindex = 63\n";

#[test]
fn a_gpu_that_is_not_there_is_replaced_loudly() {
    let mut config = Config::new();
    config.devices(NO_GPU).camera("yard", &clip(), "rate = 120\n");
    let server = config.serve();
    let health = server.until_health("the recording is over", |health| health["cameras"]["yard"]["state"] == "ended");
    assert_eq!((&health["status"], &health["devices"]["cuda-63"]["state"]), (&"degraded".into(), &"lost".into()));
    let why = health["devices"]["cuda-63"]["error"].as_str().expect("a reason");
    assert!(why.contains("GPU 63 by CUDA") || why.contains("CUDA failure"), "{why}");
    let metrics = server.until("all is analysed", |server| {
        let metrics = server.metrics();
        (metrics.stage("iris_stage_emitted_total", "yard", "analytics") == 80.0).then_some(metrics)
    });
    assert_eq!(metrics.value("iris_device_up{device=\"cuda-63\",kind=\"cuda\"}"), Some(0.0));
    assert!(metrics.value("iris_device_fallback").is_some_and(|sessions| sessions >= 1.0));
    let system: Value = serde_json::from_str(&server.get("/api/v1/system")).expect("JSON");
    let problem = system["problems"][0].as_str().expect("a problem");
    assert!(problem.starts_with("device cuda-63: ") && problem.contains("stand in for it"), "{problem}");
    assert!(server.process.err().contains("the device is lost"));

    // Taking it away mends what its absence broke; requiring it is refused and changes nothing.
    config.devices("[[devices]]\nkind = 'cpu'\nthreads = 3\n").write();
    server.reload();
    let health = server.until_health("all is well", |health| health["status"] == "ok");
    assert_eq!(health["devices"].as_object().expect("devices").len(), 3);
    config.devices(&format!("require_gpu = true\n{NO_GPU}")).write();
    let said = server.reload();
    assert!(said.contains("not taken over") && said.contains("device cuda-63: "), "{said}");
    assert_eq!(server.health()["devices"].as_object().expect("devices").len(), 3);
    server.stop();
}

#[test]
fn where_the_gpu_cannot_decode_the_cpu_does() {
    let mut config = Config::new();
    config.devices("decode_gpu = 63\n").camera("yard", &clip(), "rate = 120\n");
    let server = config.serve();
    server.until("all is decoded", |server| {
        (server.metrics().stage("iris_stage_emitted_total", "yard", "decode") == 80.0).then_some(())
    });
    let said = server.process.err();
    assert!(said.contains("GPU 63 cannot decode video: ") && said.contains("video is decoded on the CPU"), "{said}");
    server.stop();

    config.devices(&format!("decode_gpu = 63\nrequire_gpu = true\n{NO_GPU}"));
    let said = run_iris(&["serve", "-c", &config.write()]).bad();
    assert!(said.contains("GPU 63 cannot decode video: "), "{said}");
}

#[test]
fn a_gpu_that_is_required_and_not_there_is_an_error() {
    let mut config = Config::new();
    config.devices(&format!("require_gpu = true\n{NO_GPU}")).camera("yard", &clip(), "");
    let said = run_iris(&["serve", "-c", &config.write()]).bad();
    assert!(said.contains("device cuda-63: "), "{said}");
}
