"""Asks a server by the inference clients of KServe's SDK, and says `good` if all of it was answered as it should be.

Called with the server's host and port, a token, and the name of a model with one floating-point input of open batch.
"""

import asyncio
import sys

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput

address, token, _, model = sys.argv[1:5]
base = f"http://{address}"
auth = {"authorization": f"Bearer {token}"}
metadata = tuple(auth.items())


async def by_rest():
    """The model's input and outputs, and what it answers to an image."""
    rest = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await rest.is_server_live(base, headers=auth) and await rest.is_server_ready(base, headers=auth)
    assert await rest.is_model_ready(base, model, headers=auth)
    described = httpx.get(f"{base}/v2/models/{model}", headers=auth).json()
    [given] = described["inputs"]
    image = np.random.default_rng(1).random([1, *given["shape"][1:]], np.float32) * np.float32(255)
    names = [output["name"] for output in described["outputs"]]
    answers = []
    for binary in [True, False]:
        outputs = [RequestedOutput(name, {"binary_data": binary}) for name in names]
        request = ask(given["name"], image, binary, outputs)
        answers.append(await rest.infer(base, request, model_name=model, headers=dict(auth)))
        assert answers[-1].id == "nine", answers[-1]
    for status, headers, name in [(401, {}, model), (404, auth, "nothing")]:
        try:
            await rest.infer(base, ask(given["name"], image, True), model_name=name, headers=dict(headers))
            raise AssertionError(f"not refused: {status}")
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == status, error
    await rest.close()
    return given["name"], image, names, answers


def ask(name, image, binary, outputs=None):
    tensor = InferInput(name, list(image.shape), "FP32")
    tensor.set_data_from_numpy(image, binary_data=binary)
    return InferRequest(model, [tensor], request_id="nine", request_outputs=outputs)


async def by_grpc(name, image):
    """The same."""
    rpc = InferenceGRPCClient(address, retries=0)
    assert await rpc.is_server_live(headers=metadata) and await rpc.is_server_ready(headers=metadata)
    assert await rpc.is_model_ready(model, headers=metadata)
    answers = [await rpc.infer(ask(name, image, binary), headers=metadata) for binary in [True, False]]
    assert all(answer.id == "nine" for answer in answers), answers
    try:
        await rpc.infer(ask(name, image, True))
        raise AssertionError("not refused")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    await rpc.close()
    return answers


async def by_both():
    name, image, names, answers = await by_rest()
    answers += await by_grpc(name, image)
    for answer in answers:
        for output, expected in zip(answer.outputs, answers[0].outputs, strict=True):
            assert output.name in names and np.array_equal(output.as_numpy(), expected.as_numpy()), output.name


asyncio.run(by_both())
print("good")
