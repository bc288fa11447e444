"""Both ways against an independent codec: what we write, kio reads and writes to the same bytes; every message and version that kio has."""

import importlib
import io
import random

import pytest

from pybroker.protocol.codegen.model import FieldModel, MessageModel, StructModel, load, snake

kio_parse = pytest.importorskip("kio.serial._parse", reason="kio is not installed")
kio_serialize = importlib.import_module("kio.serial._serialize")

SMALL = {"int8": 7, "int16": 300, "uint16": 300, "int32": 70000, "uint32": 70000, "int64": 10**10}


def cases():
    for module in load():
        for message in module.messages:
            package = snake(message.name).removesuffix("_request").removesuffix("_response")
            kind = "request" if message.name.endswith("Request") else "response" if message.name.endswith("Response") else None
            if module.key is None or kind is None:
                continue
            for version in range(message.valid.low, message.valid.high + 1):
                yield pytest.param(module.name, message, package, kind, version, id=f"{message.name}-{version}")


def value_of(field: FieldModel, version: int, chance: random.Random, classes: dict, depth: int):
    def one():
        if field.struct:
            return instance(field.struct, version, chance, classes, depth + 1)
        if field.type == "bool":
            return chance.random() < 0.5
        if field.type == "string":
            return "".join(chance.choice("abcä-_.") for _ in range(chance.randrange(6)))
        if field.type in ("bytes", "records"):
            return chance.randbytes(chance.randrange(6))
        if field.type == "uuid":
            return chance.randbytes(16)
        if field.type == "float64":
            return chance.randrange(1000) / 8
        if field.name.endswith("error_code"):
            return chance.choice([0, 1, 3, 29, 75])
        if field.name.endswith("_ms"):
            return chance.randrange(1, 100000) if field.type != "int8" else 1
        return chance.randrange(SMALL[field.type])

    if field.is_array:
        return [one() for _ in range(chance.randrange(1, 3))]
    return one()


def instance(struct: StructModel, version: int, chance: random.Random, classes: dict, depth: int = 0):
    values = {}
    for field in struct.fields:
        if not field.versions.low <= version <= field.versions.high:
            continue
        if field.is_tagged and not field.tagged.low <= version <= field.tagged.high:
            continue
        values[field.name] = value_of(field, version, chance, classes, depth)
    return classes[struct.class_name](**values)


def kio_class(package: str, kind: str, version: int, name: str):
    try:
        module = importlib.import_module(f"kio.schema.{package}.v{version}.{kind}")
    except ModuleNotFoundError:
        pytest.skip(f"kio has no version {version} of {name}")
    return getattr(module, name)


@pytest.mark.parametrize(("module_name", "message", "package", "kind", "version"), list(cases()))
def test_kio_reads_what_we_write_and_writes_the_same(module_name: str, message: MessageModel, package: str, kind: str, version: int):
    theirs = kio_class(package, kind, version, message.name)
    classes = vars(importlib.import_module(f"pybroker.protocol.messages.{module_name}"))
    for seed in range(3):
        ours = instance(message.structs[0], version, random.Random(seed), classes)
        data = bytes(ours.encode(version))
        again, end = type(ours).decode(data, version)
        assert end == len(data)
        assert again.encode(version) == data
        try:
            parsed, size = kio_parse.entity_reader(theirs)(data, 0)
        except ValueError as error:  # kio narrows some integers to enums and durations
            pytest.skip(f"kio cannot hold a value of ours: {error}")
        assert size == len(data)
        out = io.BytesIO()
        kio_serialize.entity_writer(theirs)(out, parsed)
        assert out.getvalue() == data
