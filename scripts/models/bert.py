"""A BERT encoder as an ONNX graph with ONNX Runtime's fused attention, and its dynamic int8 form.

Inputs: input_ids, attention_mask, token_type_ids (int64, batch x sequence). Output: last_hidden_state (f32, batch x
sequence x hidden). Tensors come in a dict: emb.{word,pos,type}, emb.ln.{w,b}, and for layer N
lN.{q,k,v,ao,fi,fo}.{w,b} (weights as outputs x inputs) and lN.{aln,oln}.{w,b}.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class _Graph:
    """Nodes and constants as they are added; every node is named after its one output."""

    def __init__(self, tensors, epsilon):
        self.tensors, self.epsilon = tensors, epsilon
        self.nodes, self.constants = [], []

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def index(self, name, value):
        return self.constant(name, np.array((value,), np.int64))

    def node(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def tensor(self, name):
        return self.constant(name, self.tensors[name])

    def linear(self, x, name, output):
        weight = self.constant(f"{name}.w", self.tensors[f"{name}.w"].T)
        product = self.node("MatMul", [x, weight], f"{output}_mm")
        return self.node("Add", [product, self.tensor(f"{name}.b")], output)

    def norm(self, x, name, output):
        inputs = [x, self.tensor(f"{name}.w"), self.tensor(f"{name}.b")]
        return self.node("LayerNormalization", inputs, output, axis=-1, epsilon=float(self.epsilon))

    def gelu(self, x, prefix):
        scaled = self.node("Mul", [x, "rsqrt2"], f"{prefix}_f2")
        erf = self.node("Erf", [scaled], f"{prefix}_erf")
        plus_one = self.node("Add", [erf, "one"], f"{prefix}_e1")
        product = self.node("Mul", [x, plus_one], f"{prefix}_fe")
        return self.node("Mul", [product, "half"], f"{prefix}_gelu")


def build(tensors, hidden, layers, heads, epsilon):
    """The encoder in f32."""
    graph = _Graph(tensors, epsilon)
    x = _embeddings(graph)
    graph.node("Cast", ["attention_mask"], "mask32", to=TensorProto.INT32)
    for layer in range(layers):
        x = _layer(graph, x, layer, heads, last=layer == layers - 1)
    dims = ["batch", "sequence"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, dims) for name in names]
    outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*dims, hidden])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    body = helper.make_graph(graph.nodes, "bert", inputs, outputs, graph.constants)
    model = helper.make_model(body, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model


def _embeddings(graph):
    graph.index("i0", 0)
    graph.index("i1", 1)
    graph.constant("one", np.float32(1))
    graph.constant("half", np.float32(0.5))
    graph.constant("rsqrt2", np.float32(1 / np.sqrt(2)))
    shape = graph.node("Shape", ["input_ids"], "shape")
    length = graph.node("Slice", [shape, "i1", graph.index("i2", 2)], "S")
    positions = graph.node("Slice", [graph.tensor("emb.pos"), "i0", length, "i0"], "pos")
    words = graph.node("Gather", [graph.tensor("emb.word"), "input_ids"], "word")
    types = graph.node("Gather", [graph.tensor("emb.type"), "token_type_ids"], "type")
    both = graph.node("Add", [words, types], "wt")
    return graph.norm(graph.node("Add", [both, positions], "wtp"), "emb.ln", "emb")


def _layer(graph, x, layer, heads, last):
    name = f"l{layer}"
    q, k, v = (graph.linear(x, f"{name}.{part}", f"{name}_{part}") for part in "qkv")
    inputs = [q, k, v, "", "mask32"]
    attended = graph.node("MultiHeadAttention", inputs, f"{name}_mha", domain="com.microsoft", num_heads=heads)
    attended = graph.linear(attended, f"{name}.ao", f"{name}_ao")
    x = graph.norm(graph.node("Add", [attended, x], f"{name}_r1"), f"{name}.aln", f"{name}_x1")
    inner = graph.gelu(graph.linear(x, f"{name}.fi", f"{name}_fi"), name)
    outer = graph.linear(inner, f"{name}.fo", f"{name}_fo")
    output = "last_hidden_state" if last else f"{name}_x2"
    return graph.norm(graph.node("Add", [outer, x], f"{name}_r2"), f"{name}.oln", output)


def to_int8(source, target):
    """Weights to int8 per channel, activations quantised as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        source,
        target,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gather"],
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )
