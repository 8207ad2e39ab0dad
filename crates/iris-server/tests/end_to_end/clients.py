"""Asks a server by Triton's own clients, in each of their forms, and says `good` if all of it was answered as it should be.

Called with the server's host and port, a token that may ask models, one that may do everything, and the name of a model with
one floating-point input of open batch.
"""

import asyncio
import sys

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException

address, token, admin_token, model = sys.argv[1:]


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
    tensor.set_data_from_numpy(data, binary_data=binary)
    return [tensor]


# --- One after the other ---

rest = http.InferenceServerClient(address, concurrency=4)
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

# --- At once ---


async def at_once():
    async with http_aio.InferenceServerClient(address) as rest:
        pending = [rest.infer(model, inputs(http, first), headers=auth()) for _ in range(4)]
        for answer in await asyncio.gather(*pending):
            same(answer)


asyncio.run(at_once())
print("good")
