"""Asks a server by Triton's own clients, in each of their forms, and says `good` if all of it was answered as it should be.

Called with the server's host and port, a token that may ask models, one that may do everything, the name of a model with one
floating-point input of open batch, and, where the server speaks TLS, the certificate to trust.
"""

import asyncio
import queue
import ssl
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException

address, token, admin_token, model = sys.argv[1:5]
certificate = sys.argv[5] if len(sys.argv) > 5 else None
if certificate:
    rest_tls = {"ssl": True, "ssl_options": {"ca_certs": certificate}}
    rest_aio_tls = {"ssl": True, "ssl_context": ssl.create_default_context(cafile=certificate)}
    grpc_tls = {"ssl": True, "root_certificates": certificate}
else:
    rest_tls = rest_aio_tls = grpc_tls = {}


def auth():
    """Made anew for each call, because the clients write into it."""
    return {"authorization": f"Bearer {token}"}


def admin():
    """The same for whoever may load and unload."""
    return {"authorization": f"Bearer {admin_token}"}


def refused(call, *words):
    """That a call is refused, with these words."""
    try:
        call()
    except InferenceServerException as error:
        said = f"{error.status()} {error.message()}"
        assert all(word in said for word in words), (said, words)
        return
    raise AssertionError(f"not refused: {words}")


def image(seed, batch=1):
    noise = np.random.default_rng(seed).random([batch, *shape[1:]], np.float32)
    return noise * np.float32(255)


def inputs(client, data, binary=True, name=None, datatype="FP32"):
    tensor = client.InferInput(name or input_name, list(data.shape), datatype)
    tensor.set_data_from_numpy(data, **({"binary_data": binary} if client is http else {}))
    return [tensor]


# --- REST, one after the other ---

rest = http.InferenceServerClient(address, concurrency=4, **rest_tls)
assert rest.is_server_live(headers=auth()) and rest.is_server_ready(headers=auth())
assert rest.is_model_ready(model, headers=auth()) and rest.is_model_ready(model, "1", headers=auth())
server = rest.get_server_metadata(headers=auth())
assert server["name"] == "iris" and "binary_tensor_data" in server["extensions"], server
metadata = rest.get_model_metadata(model, headers=auth())
[described] = metadata["inputs"]
input_name, shape = described["name"], described["shape"]
assert described["datatype"] == "FP32" and shape[0] == -1, described
output_names = [output["name"] for output in metadata["outputs"]]
config = rest.get_model_config(model, headers=auth())
assert config["max_batch_size"] > 1 and config["input"][0]["dims"] == shape[1:], config

first = image(1)
answer = rest.infer(model, inputs(http, first), request_id="seven", headers=auth())
assert answer.get_response()["id"] == "seven" and answer.get_response()["model_version"] == "1"
expected = {name: answer.as_numpy(name) for name in output_names}
assert all(array.shape[0] == 1 and array.dtype == np.float32 for array in expected.values())


def same(answer, batch=None):
    for name, array in expected.items():
        got = answer.as_numpy(name)
        assert np.array_equal(got if batch is None else got[batch : batch + 1], array), name


wanted = [http.InferRequestedOutput(name, binary_data=False) for name in output_names]
same(rest.infer(model, inputs(http, first, binary=False), outputs=wanted, model_version="1", headers=auth()))
for coding in ["gzip", "deflate"]:
    compression = {"request_compression_algorithm": coding, "response_compression_algorithm": coding}
    same(rest.infer(model, inputs(http, first), headers=auth(), **compression))
both = np.concatenate([image(2), first])
same(rest.infer(model, inputs(http, both), headers=auth()), batch=1)
pending = [rest.async_infer(model, inputs(http, first), headers=auth()) for _ in range(8)]
for one in pending:
    same(one.get_result())
statistics = rest.get_inference_statistics(model, headers=auth())["model_stats"][0]
assert statistics["inference_stats"]["success"]["count"] >= 13, statistics

refused(lambda: rest.infer("nothing", inputs(http, first), headers=auth()), "404", "there is no model")
refused(lambda: rest.infer(model, inputs(http, first), model_version="2", headers=auth()), "404", "no version")
refused(lambda: rest.infer(model, inputs(http, first, name="other"), headers=auth()), "400", "is missing")
refused(lambda: rest.infer(model, inputs(http, first[:, :, 1:]), headers=auth()), "400", "should be ?x3x")
whole = first.astype(np.int64)
refused(lambda: rest.infer(model, inputs(http, whole, datatype="INT64"), headers=auth()), "INT64", "should be FP32")
refused(lambda: rest.get_model_metadata(model), "401")

# --- The repository ---

ready = {"name": model, "version": "1", "state": "READY", "reason": ""}
assert rest.get_model_repository_index(headers=admin()) == [ready]
refused(lambda: rest.get_model_repository_index(headers=auth()), "403")
refused(lambda: rest.unload_model(model, headers=auth()), "403")
rest.unload_model(model, headers=admin())
assert not rest.is_model_ready(model, headers=auth())
refused(lambda: rest.infer(model, inputs(http, first), headers=auth()), "503")
[unloaded] = rest.get_model_repository_index(headers=admin())
assert unloaded["state"] == "UNAVAILABLE" and "unloaded" in unloaded["reason"], unloaded
refused(lambda: rest.load_model(model, headers=admin(), config="{}"), "400", "config")
refused(lambda: rest.load_model("nothing", headers=admin()), "404", "there is no model")
rest.load_model(model, headers=admin())
same(rest.infer(model, inputs(http, first), headers=auth()))
rest.close()

# --- gRPC, one after the other ---

rpc = grpc.InferenceServerClient(address, **grpc_tls)
assert rpc.is_server_live(headers=auth()) and rpc.is_server_ready(headers=auth())
assert rpc.is_model_ready(model, headers=auth()) and rpc.is_model_ready(model, "1", headers=auth())
assert rpc.get_server_metadata(headers=auth()).extensions == server["extensions"]
metadata = rpc.get_model_metadata(model, headers=auth())
assert (metadata.inputs[0].name, list(metadata.inputs[0].shape)) == (input_name, shape), metadata
config = rpc.get_model_config(model, headers=auth()).config
assert config.max_batch_size > 1 and list(config.input[0].dims) == shape[1:], config
assert config.input[0].data_type == grpc.model_config_pb2.TYPE_FP32, config

answer = rpc.infer(model, inputs(grpc, first), request_id="eight", headers=auth())
assert answer.get_response().id == "eight" and answer.get_response().model_version == "1"
same(answer)
wanted = [grpc.InferRequestedOutput(name) for name in output_names]
same(rpc.infer(model, inputs(grpc, both), outputs=wanted, model_version="1", headers=auth()), batch=1)
for coding in ["gzip", "deflate"]:
    same(rpc.infer(model, inputs(grpc, first), compression_algorithm=coding, headers=auth()))
answers = queue.Queue()


def keep(result, error):
    answers.put((result, error))


for _ in range(8):
    rpc.async_infer(model, inputs(grpc, first), keep, headers=auth())
for _ in range(8):
    result, error = answers.get(timeout=30)
    assert error is None, error
    same(result)
statistics = rpc.get_inference_statistics(model, headers=auth()).model_stats[0]
assert statistics.inference_stats.success.count >= 25, statistics

# A stream: in the order of the requests, and what is wrong does not end it.
rpc.start_stream(keep, headers=auth())
for n in range(10):
    data = first[:, :, 1:] if n == 4 else first
    rpc.async_stream_infer(model, inputs(grpc, data), request_id=str(n), enable_empty_final_response=True)
for n in range(10):
    result, error = answers.get(timeout=30)
    if n == 4:
        assert "should be ?x3x" in error.message(), error
        continue
    assert error is None, error
    assert result.get_response().id == str(n), result.get_response().id
    assert result.get_response().parameters["triton_final_response"].bool_param
    same(result)
rpc.stop_stream()
assert answers.empty()
rpc.start_stream(keep)
_, error = answers.get(timeout=30)
assert "UNAUTHENTICATED" in error.status(), error
rpc.stop_stream()

refused(lambda: rpc.infer("nothing", inputs(grpc, first), headers=auth()), "NOT_FOUND", "there is no model")
refused(lambda: rpc.infer(model, inputs(grpc, first), model_version="2", headers=auth()), "NOT_FOUND", "no version")
refused(lambda: rpc.infer(model, inputs(grpc, first, name="other"), headers=auth()), "INVALID_ARGUMENT", "is missing")
refused(lambda: rpc.infer(model, inputs(grpc, first[:, :, 1:]), headers=auth()), "INVALID_ARGUMENT", "should be ?x3x")
refused(lambda: rpc.infer(model, inputs(grpc, whole, datatype="INT64"), headers=auth()), "INT64", "should be FP32")
refused(lambda: rpc.get_model_metadata(model), "UNAUTHENTICATED")
huge = np.zeros([100, 3, 300, 200], np.float32)
refused(lambda: rpc.infer(model, inputs(grpc, huge), headers=auth()), "RESOURCE_EXHAUSTED", "a message may have")
refused(lambda: rpc.infer(model, inputs(grpc, first), client_timeout=1e-4, headers=auth()), "DEADLINE_EXCEEDED")
refused(lambda: rpc.register_system_shared_memory("a", "/a", 8, headers=auth()), "UNIMPLEMENTED", "is not offered")
rpc.close()

# --- At once ---


async def at_once():
    async with http_aio.InferenceServerClient(address, **rest_aio_tls) as rest:
        pending = [rest.infer(model, inputs(http, first), headers=auth()) for _ in range(4)]
        for answer in await asyncio.gather(*pending):
            same(answer)
    async with grpc_aio.InferenceServerClient(address, **grpc_tls) as rpc:
        pending = [rpc.infer(model, inputs(grpc, first), headers=auth()) for _ in range(4)]
        for answer in await asyncio.gather(*pending):
            same(answer)

        async def requests():
            for n in range(4):
                yield {"model_name": model, "inputs": inputs(grpc, first), "request_id": str(n)}

        order = []
        async for result, error in rpc.stream_infer(requests(), headers=auth()):
            assert error is None, error
            same(result)
            order.append(result.get_response().id)
        assert order == ["0", "1", "2", "3"], order


asyncio.run(at_once())
print("good")
