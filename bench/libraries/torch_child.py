"""The process of PyTorch: the same workloads, eager, in float32 without TF32. See child.ts and session.ts."""

import base64
import json
import math
import os
import sys
import time

try:
    import torch
    from torch.nn import functional as F
except ImportError as error:
    missing = str(error)
    torch = None

BATCHES = 4
CHECKED_STEPS = 3
CHECKED_ELEMENTS = 4096
MASK = 0xFFFFFFFF


class Unable(Exception):
    pass


def size_of(shape):
    return math.prod(shape)


def spread(size, most):
    count = min(size, most)
    return [i * size // count for i in range(count)]


def values(fill, shape):
    """As values() of values.ts, bit for bit."""
    size = size_of(shape)
    if "constant" in fill:
        return torch.full(shape, float(fill["constant"]), device=DEVICE)
    # Products of two 32-bit numbers wrap at 64 bits, which leaves the lower 32 as they should be.
    h = (torch.arange(size, dtype=torch.int64, device=DEVICE) + fill["seed"] * 0x9E3779B9) & MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK
    h = h ^ (h >> 16)
    return (fill["scale"] * ((h >> 8).double() / 2**23 - 1)).float().reshape(shape)


OPS = {
    "matmul": lambda i, p: i["a"] @ i["b"],
    "add": lambda i, p: i["a"] + i["b"],
    "mulAddRelu": lambda i, p: F.relu(i["a"] * i["b"] + i["a"]),
    "sum": lambda i, p: i["a"].sum(),
    "sumDim0": lambda i, p: i["a"].sum(0),
    "softmax": lambda i, p: F.softmax(i["a"], -1),
    "conv": lambda i, p: F.conv2d(i["x"], i["w"], padding=p),
    "convDx": lambda i, p: torch.nn.grad.conv2d_input(
        (i["dy"].shape[0], i["w"].shape[1], *i["dy"].shape[2:]), i["w"], i["dy"], padding=p
    ),
    "convDw": lambda i, p: torch.nn.grad.conv2d_weight(
        i["x"], (i["dy"].shape[1], i["x"].shape[1], 2 * p + 1, 2 * p + 1), i["dy"], padding=p
    ),
}


class OpRun:
    def __init__(self, spec):
        self.spec = spec
        self.inputs = {name: values(i["fill"], i["shape"]) for name, i in spec["inputs"].items()}
        self.op = OPS[spec["op"]]

    def step(self, _):
        with torch.no_grad():
            self.out = self.op(self.inputs, self.spec["padding"])

    def values(self, _run):
        out = self.out.reshape(-1).cpu()
        return {"out": out[torch.tensor(self.spec["checked"])].tolist()}


class TrainRun:
    def __init__(self, spec, data):
        self.network = network = spec["network"]
        self.params = [values(p["fill"], p["shape"]).requires_grad_() for p in network["params"]]
        self.stats = [(torch.zeros(c, device=DEVICE), torch.ones(c, device=DEVICE)) for c in network["stats"]]
        self.optimizer = torch.optim.Adam(self.params, lr=spec["lr"], eps=spec["eps"])
        read = lambda text, dtype: torch.frombuffer(bytearray(base64.b64decode(text)), dtype=dtype).to(DEVICE)
        x = read(data["x"], torch.float32).reshape(BATCHES, spec["batch"], *network["input"])
        y = read(data["y"], torch.int32).long().reshape(BATCHES, -1)
        self.batches = [(x[i].contiguous(), y[i].contiguous()) for i in range(BATCHES)]

    def step(self, i):
        x, y = self.batches[i % BATCHES]
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.forward(self.network["layers"], x), y)
        loss.backward()
        self.optimizer.step()
        self.out = loss.detach()

    def forward(self, layers, x):
        for layer in layers:
            x = self.apply(layer, x)
        return x

    def apply(self, layer, x):
        kind = layer["kind"]
        param = lambda name: None if layer[name] is None else self.params[layer[name]]
        if kind == "conv":
            return F.conv2d(x, param("weight"), param("bias"), layer["stride"], layer["padding"])
        if kind == "linear":
            return F.linear(x, param("weight"), param("bias"))
        if kind == "relu":
            return F.relu(x)
        if kind == "gelu":
            return F.gelu(x)
        if kind == "flatten":
            return x.flatten(1)
        if kind == "tokens":
            return x.reshape(-1, x.shape[-1])
        if kind == "globalMean":
            return x.mean((2, 3))
        if kind == "maxPool":
            return F.max_pool2d(x, layer["size"])
        if kind == "batchNorm":
            mean, variance = self.stats[layer["stats"]]
            return F.batch_norm(x, mean, variance, param("weight"), param("bias"), training=True)
        if kind == "layerNorm":
            return F.layer_norm(x, (x.shape[-1],), param("weight"), param("bias"))
        if kind == "attention":
            return self.attention(layer, x)
        if kind == "residual":
            return self.forward(layer["shortcut"], x) + self.forward(layer["body"], x)
        raise Unable(f"there is no layer {kind} in torch_child.py")

    def attention(self, layer, x):
        n, t, d = x.shape
        linear = lambda x, name: F.linear(x, *(self.params[i] for i in layer[name]))
        q, k, v = linear(x, "qkv").reshape(n, t, 3, layer["heads"], -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v)
        return linear(seen.transpose(1, 2).reshape(n, t, d), "out")

    def values(self, run):
        found = {}
        for step in range(1, CHECKED_STEPS + 1):
            found[f"loss {step}"] = [self.out.item()]
            if step < CHECKED_STEPS:
                run(1)
        for p, spec in zip(self.params, self.network["params"]):
            flat = p.detach().reshape(-1).cpu()
            found[f"parameter {spec['name']}"] = flat[torch.tensor(spread(len(flat), CHECKED_ELEMENTS))].tolist()
        return found


class Server:
    steps = 0

    def open(self, request):
        if torch is None:
            raise Unable(f"PyTorch: {missing}")
        global DEVICE
        DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        where = torch.cuda.get_device_name() if DEVICE.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
        return {"version": f"{torch.__version__} ({where})", "adapter": where, "software": DEVICE.type == "cpu"}

    def prepare(self, request):
        spec = request["spec"]
        self.run_of = OpRun(spec) if spec["kind"] == "op" else TrainRun(spec, request["data"])
        self.finish()
        return {"firstMs": self.run(1)[0]}

    def values(self, request):
        return self.run_of.values(self.run)

    def sample(self, request):
        alone, js = self.run(1)
        inner = request["inner"]
        return {"ms": self.run(inner)[0] / inner if inner > 1 else alone, "js": js, "alone": alone}

    def counts(self, request):
        peak = torch.cuda.max_memory_allocated() if DEVICE.type == "cuda" else None
        return {"dispatches": None, "submits": None, "peakBytes": peak}

    def run(self, count):
        began = time.perf_counter()
        for _ in range(count):
            self.run_of.step(self.steps)
            self.steps += 1
        handed = time.perf_counter()
        self.finish()
        return 1000 * (time.perf_counter() - began), 1000 * (handed - began)

    def finish(self):
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()


def serve():
    server = Server()
    requests, replies = os.fdopen(3), os.fdopen(4, "w")
    for line in requests:
        request = json.loads(line)
        try:
            reply = {"result": getattr(server, request["do"])(request)}
        except Unable as error:
            reply = {"unable": str(error)}
        except Exception as error:  # told to the parent, which goes on with other libraries
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    sys.exit(serve())
