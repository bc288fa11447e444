"""C readers (views) and writers of the data plane's messages, and the table of API keys.

A reader checks a whole message to its last byte and leaves arrays as places in it; ``…_next`` then gives one element after the other and cannot fail. A writer is one
function per struct, or, where the struct has arrays or records, one per stretch between them: ``…_put_until_<array>`` writes what stands before, and the count.
"""

from pybroker.protocol.codegen.model import PRIMITIVES, FieldModel, MessageModel, Module, Range, StructModel, snake
from pybroker.protocol.definitions.served import DATA_PLANE, PRODUCE_SERVED_FROM, RANGES, SERVED_NOW, SHORT_CUTS

_TYPES = {"bool": "bool", "int8": "int8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t", "uint32": "uint32_t", "int64": "int64_t",
          "uuid": "struct pb_uuid", "string": "struct pb_str", "bytes": "struct pb_bytes", "records": "struct pb_bytes"}  # fmt: skip
_SHORT = {"bool": "bool", "int8": "i8", "int16": "i16", "uint16": "u16", "int32": "i32", "uint32": "u32", "int64": "i64", "uuid": "uuid"}
NOTE = "/* Generated from pybroker/protocol/definitions: do not edit. */\n"


def _condition(versions: Range, valid: Range) -> str:
    if versions.within(valid).empty:
        return "false"
    parts = []
    if versions.low > valid.low:
        parts.append(f"version >= {versions.low}")
    if versions.high < valid.high:
        parts.append(f"version <= {versions.high}")
    return " && ".join(parts) or "true"


def _default(field: FieldModel) -> str:
    if field.type in ("string", "bytes", "records"):
        return "{ NULL, -1 }" if field.default == "null" else "{ NULL, 0 }"
    if field.type == "uuid":
        return "{ { 0 } }"
    if field.type == "bool":
        return field.default or "false"
    value = int(field.default or "0", 0)
    return "INT64_MIN" if value == -(1 << 63) else f"{value}LL" if field.type == "int64" else str(value)


class _Message:
    """All C of one message."""

    def __init__(self, message: MessageModel) -> None:
        self.message, self.valid = message, message.valid
        self.flexible = _condition(message.flexible, message.valid)
        self.header: list[str] = []
        self.source: list[str] = []

    def compact(self, field: FieldModel) -> str:
        return "false" if field.never_compact else self.flexible

    # ---- readers

    def readers(self) -> None:
        for struct in self.message.inner_first:
            self._view(struct)
        for struct in self.message.inner_first:
            self._reader(struct)
        top = self.message.structs[0]
        name = top.c_name.removeprefix("pb_")
        self.header.append(f"int pb__{name}_read(struct pb_reader *reader, int16_t version, struct {top.c_name} *out);")
        self.source.append(
            f"int pb__{name}_read(struct pb_reader *reader, int16_t version, struct {top.c_name} *out) {{\n"
            f"    read_{name}(reader, version, out);\n    return reader->failed || reader->pos != reader->end ? PB_E_PROTOCOL : 0;\n}}\n"
        )
        for struct in self.message.structs[1:]:
            if any(field.is_array and field.struct is struct for other in self.message.structs for field in other.fields):
                self._next(struct)

    def _view(self, struct: StructModel) -> None:
        lines = [f"struct {struct.c_name} {{"]
        for field in struct.fields:
            kind = "struct pb_array" if field.is_array else f"struct {field.struct.c_name}" if field.struct else _TYPES[field.type]
            lines.append(f"    {kind} {field.name};")
        if not struct.fields:
            lines.append("    char nothing;")
        self.header.append("\n".join([*lines, "};"]))

    def _read_value(self, field: FieldModel, target: str, reader: str, nullable: str) -> str:
        if field.struct:
            return f"read_{field.struct.c_name.removeprefix('pb_')}({reader}, version, &{target});"
        if field.type in PRIMITIVES:
            return f"{target} = pb__read_{_SHORT[field.type]}({reader});"
        kind = "str" if field.type == "string" else "bytes"
        return f"pb__read_{kind}({reader}, {self.compact(field)}, {nullable}, &{target});"

    def _read_field(self, lines: list[str], pad: str, field: FieldModel, reader: str) -> None:
        nullable = _condition(field.nullable, self.valid)
        if not field.is_array:
            lines.append(pad + self._read_value(field, f"out->{field.name}", reader, nullable))
            return
        size = PRIMITIVES.get(field.type, 1)
        lines.append(f"{pad}pb__read_array({reader}, {self.compact(field)}, {nullable}, {size}, &out->{field.name});")
        if field.type in PRIMITIVES:
            lines.append(f"{pad}pb__read_skip({reader}, (int64_t)(out->{field.name}.count > 0 ? out->{field.name}.count : 0) * {size});")
        else:
            kind = f"struct {field.struct.c_name}" if field.struct else _TYPES[field.type]
            lines.append(f"{pad}for (int32_t i = 0; i < out->{field.name}.count && !{reader}->failed; i++) {{")
            lines.append(f"{pad}    {kind} item;")
            lines.append(f"{pad}    {self._read_value(field, 'item', reader, 'false')}")
            lines.append(f"{pad}}}")
        lines.append(f"{pad}out->{field.name}.end = {reader}->pos;")

    def _reader(self, struct: StructModel) -> None:
        name = struct.c_name.removeprefix("pb_")
        lines = [f"static void read_{name}(struct pb_reader *reader, int16_t version, struct {struct.c_name} *out) {{", "    (void)version;"]
        for field in struct.fields:
            if field.is_array:
                lines.append(f"    out->{field.name} = (struct pb_array){{ .count = {-1 if field.default == 'null' else 0} }};")
            elif not field.struct:
                kind = _TYPES[field.type]
                default = _default(field)
                lines.append(f"    out->{field.name} = {f'({kind})' if default.startswith('{') else ''}{default};")
            else:
                lines.append(f"    memset(&out->{field.name}, 0, sizeof out->{field.name});")
        for field in struct.fields:
            condition = _condition(field.versions, self.valid)
            if field.is_tagged or condition == "false":
                continue
            if condition == "true":
                self._read_field(lines, "    ", field, "reader")
            else:
                lines.append(f"    if ({condition}) {{")
                self._read_field(lines, "        ", field, "reader")
                lines.append("    }")
        if self.flexible != "false":
            self._read_tags(lines, struct)
        lines.append("}\n")
        self.source.append("\n".join(lines))

    def _read_tags(self, lines: list[str], struct: StructModel) -> None:
        lines.append(f"    if ({self.flexible}) {{")
        if not struct.tags:
            lines += ["        pb__read_tags_skip(reader);", "    }"]
            return
        lines += [
            "        struct pb_tags tags;",
            "        struct pb_reader field;",
            "        pb__read_tags(reader, &tags);",
            "        while (pb__tags_next(reader, &tags, &field)) {",
            "            switch (tags.tag) {",
        ]
        for tagged in struct.tags:
            lines.append(f"                case {tagged.tag}:")
            self._read_field(lines, "                    ", tagged, "(&field)")
            lines.append("                    if (field.failed || field.pos != field.end) reader->failed = 1;")
            lines.append("                    break;")
        lines += ["                default:", "                    break;", "            }", "        }", "    }"]

    def _next(self, struct: StructModel) -> None:
        name = struct.c_name.removeprefix("pb_")
        self.header.append(f"int pb__{name}_next(struct pb_array *array, int16_t version, struct {struct.c_name} *out);")
        self.source.append(
            f"int pb__{name}_next(struct pb_array *array, int16_t version, struct {struct.c_name} *out) {{\n"
            "    if (array->count <= 0) return 0;\n"
            "    struct pb_reader reader = { .pos = array->pos, .end = array->end };\n"
            f"    read_{name}(&reader, version, out);\n"
            "    array->pos = reader.pos;\n    array->count--;\n    return 1;\n}\n"
        )

    # ---- writers

    def writers(self) -> None:
        for struct in self.message.inner_first:
            self._out(struct)
            self._parts(struct)

    def _out(self, struct: StructModel) -> None:
        lines = [f"struct {struct.c_name}_out {{"]
        for field in struct.fields:
            if field.streamed or _always_null(field):
                continue
            if field.is_tagged and field.is_array:
                lines.append(f"    struct pb_bytes {field.name}; /* encoded; data NULL: absent */")
            elif field.struct:
                if field.is_tagged:
                    lines.append(f"    bool has_{field.name};")
                lines.append(f"    struct {field.struct.c_name}_out {field.name};")
            else:
                lines.append(f"    {_TYPES[field.type]} {field.name};")
        if len(lines) == 1:
            lines.append("    char nothing;")
        self.header.append("\n".join([*lines, "};"]))

    def _put_value(self, field: FieldModel, value: str) -> str:
        if _always_null(field):
            return "pb__put_i8_to(writer, -1); /* null: C never gives one */"
        if field.struct:
            return f"pb__{field.struct.c_name.removeprefix('pb_')}_put(writer, version, &{value});"
        if field.type in PRIMITIVES:
            return f"pb__put_{_SHORT[field.type]}_to(writer, {value});"
        return f"pb__put_{'str' if field.type == 'string' else 'bytes'}(writer, {self.compact(field)}, &{value});"

    def _parts(self, struct: StructModel) -> None:
        name = struct.c_name.removeprefix("pb_")
        lines: list[str] = []
        streamed = False
        for field in struct.fields:
            if field.is_tagged:
                continue
            condition = _condition(field.versions, self.valid)
            if field.streamed:
                streamed = True
                what = "put_size" if field.type == "records" else "put_count"
                argument = "size_bytes" if field.type == "records" else "count"
                if condition != "false":
                    lines.append(f"    {'' if condition == 'true' else f'if ({condition}) '}pb__{what}(writer, {self.compact(field)}, {argument});")
                self._function(f"{name}_put_until_{field.name}", struct, lines, f", int32_t {argument}")
                lines = []
            elif condition != "false":
                lines.append(f"    {'' if condition == 'true' else f'if ({condition}) '}{self._put_value(field, f'f->{field.name}')}")
        if self.flexible != "false":
            self._put_tags(lines, struct)
        self._function(f"{name}_put_rest" if streamed else f"{name}_put", struct, lines, "")

    def _function(self, name: str, struct: StructModel, lines: list[str], extra: str) -> None:
        head = f"void pb__{name}(struct pb_writer *writer, int16_t version, const struct {struct.c_name}_out *f{extra})"
        self.header.append(head + ";")
        unused = ["    (void)version;", "    (void)f;"] + ([f"    (void){extra.rsplit(' ', 1)[1]};"] if extra else [])
        self.source.append("\n".join([head + " {", *unused, *(lines or ["    (void)writer;"]), "}\n"]))

    def _put_tags(self, lines: list[str], struct: StructModel) -> None:
        lines.append(f"    if ({self.flexible}) {{")
        if not struct.tags:
            lines += ["        pb__put_uvarint(writer, 0);", "    }"]
            return
        conditions = []
        for field in struct.tags:
            versions = _condition(field.tagged.within(field.versions), self.valid)
            given = f"f->{field.name}.data != NULL" if field.is_array else f"f->has_{field.name}" if field.struct else f"f->{field.name} != {_default(field)}"
            conditions.append(f"({versions} && {given})" if versions != "true" else f"({given})")
        lines.append(f"        pb__put_uvarint(writer, {' + '.join(f'(uint32_t){c}' for c in conditions)});")
        for field, condition in zip(struct.tags, conditions, strict=True):
            lines.append(f"        if {condition} {{")
            lines.append(f"            pb__put_uvarint(writer, {field.tag});")
            if field.is_array:
                lines += [f"            pb__put_uvarint(writer, (uint32_t)f->{field.name}.size);", f"            pb__put_raw(writer, f->{field.name}.data, (size_t)f->{field.name}.size);"]
            else:
                lines += ["            uint8_t *size_at = pb__put_tag_begin(writer);", f"            {self._put_value(field, f'f->{field.name}')}", "            pb__put_tag_end(writer, size_at);"]
            lines.append("        }")
        lines.append("    }")


def _always_null(field: FieldModel) -> bool:
    """A nullable struct outside of an array: what is answered in C has none."""
    return field.struct is not None and not field.is_array and not field.is_tagged and not field.nullable.empty


def _table() -> str:
    from pybroker.protocol.codegen.model import load

    rows = []
    for module in load():
        if module.key not in SERVED_NOW or module.key is None:
            continue
        low, high = RANGES[module.key]
        flexible = module.messages[0].flexible
        served = PRODUCE_SERVED_FROM if module.key == 0 else low
        plane = "DATA" if module.key in DATA_PLANE else "CONTROL"
        rows.append((module.key, f"PB_API_ROW({module.key}, {module.key_name}, {low}, {high}, {served}, {32767 if flexible.empty else flexible.low}, {plane})"))
    return NOTE + "\n".join(row for _, row in sorted(rows)) + "\n"


def generate(modules: list[Module]) -> dict[str, str]:
    """File name to text."""
    header = [NOTE + "#ifndef PB_MSG_H\n#define PB_MSG_H\n", '#include "wire/reader.h"\n#include "wire/writer.h"\n']
    source = [NOTE + '#include "pb_msg.h"\n\n#include <string.h>\n\n#include "base/err.h"\n']
    for module in modules:
        if module.key not in DATA_PLANE + SHORT_CUTS:
            continue
        for message in module.messages:
            part = _Message(message)
            if snake(message.name).endswith("_request"):
                part.readers()
            else:
                part.writers()
            header += part.header
            source += part.source
    header.append("\n#endif")
    return {"pb_msg.h": "\n".join(header) + "\n", "pb_msg.c": "\n".join(source), "api_table.inc": _table()}
