"""The OpenAPI file: whether it is well-formed, and whether answers are as it says."""

import re

import yaml
from jsonschema import Draft202012Validator, FormatChecker, RefResolutionError, RefResolver
from jsonschema.exceptions import SchemaError, best_match

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# What may stand in each object of OpenAPI 3.1 that is used here; names that begin with `x-` always may.
KEYS = {
    "document": {"openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs",
                 "jsonSchemaDialect", "webhooks"},
    "info": {"title", "summary", "description", "termsOfService", "contact", "license", "version"},
    "path item": {"summary", "description", "servers", "parameters", *METHODS},
    "operation": {"tags", "summary", "description", "externalDocs", "operationId", "parameters", "requestBody",
                  "responses", "callbacks", "deprecated", "security", "servers"},
    "parameter": {"name", "in", "description", "required", "deprecated", "style", "explode", "schema", "example",
                  "examples", "content", "allowEmptyValue", "allowReserved"},
    "request body": {"description", "content", "required"},
    "response": {"description", "headers", "content", "links"},
    "header": {"description", "required", "deprecated", "schema", "example", "examples", "content"},
    "media type": {"schema", "example", "examples", "encoding"},
    "components": {"schemas", "responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes",
                   "links", "callbacks", "pathItems"},
    "schema": {"$ref", "title", "description", "type", "format", "enum", "const", "default", "example", "examples",
               "properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties",
               "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern",
               "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "allOf", "oneOf", "anyOf", "not",
               "contentEncoding", "contentMediaType", "discriminator", "readOnly", "writeOnly", "deprecated"},
}

formats = FormatChecker(formats=())


@formats.checks("date-time")
def _is_time(value):
    return not isinstance(value, str) or bool(re.fullmatch(
        r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)",
        value))


@formats.checks("uuid")
def _is_uuid(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value))


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, which YAML forbids and PyYAML overlooks; leaves times as text."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in entries if tag != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Description:
    """`operations`: (method, path) → operation, with the path's parameters merged in and references followed."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.source = file.read()
        self.document = yaml.load(self.source, _Loader)
        self.resolver = RefResolver("", self.document)
        self.operations = {}
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = dict(item[method])
                    shared = item.get("parameters", []) + operation.get("parameters", [])
                    operation["parameters"] = [self.follow(parameter) for parameter in shared]
                    operation["responses"] = {
                        status: self.follow(response) for status, response in operation["responses"].items()}
                    self.operations[method.upper(), path] = operation

    def follow(self, value):
        while isinstance(value, dict) and "$ref" in value:
            value = self.resolver.resolve(value["$ref"])[1]
        return value

    def why_not(self, schema, value, check_formats=True):
        """None if `value` is as `schema` says, else the sentence that helps most."""
        errors = Draft202012Validator(
            schema, resolver=self.resolver, format_checker=formats if check_formats else None).iter_errors(value)
        try:
            error = best_match(errors)
        except RefResolutionError as error:
            return f"a reference leads nowhere: {error}"
        return error and f"at {error.json_path}: {error.message[:300]}"

    def why_not_message(self, message):
        """As `why_not` of a StreamMessage, but held against the one schema that its type names: a better sentence."""
        stream = self.document["components"]["schemas"]["StreamMessage"]
        mapping = stream["discriminator"]["mapping"]
        kind = message.get("type") if isinstance(message, dict) else None
        if kind not in mapping:
            return f"its type is {kind!r}"
        return self.why_not({"$ref": mapping[kind]}, message) or self.why_not(stream, message)

    # Well-formed

    def mistakes(self):
        """What is wrong with the file itself, a sentence each."""
        self._found = []
        self._references = set()
        document = self.document
        for number, line in enumerate(self.source.decode().splitlines(), 1):
            if len(line) > 120:
                self._say(f"line {number}", "is longer than 120 characters")
        self._keys("document", document, "")
        if not re.fullmatch(r"3\.1\.\d+", str(document.get("openapi"))):
            self._say("openapi", "is not 3.1.x")
        self._keys("info", document["info"], "info")
        for key in ("title", "version"):
            if not isinstance(document["info"].get(key), str):
                self._say("info", f"'{key}' is missing or no string")
        components = document.get("components", {})
        self._keys("components", components, "components")
        for kind, check in (("schemas", self._schema), ("responses", self._response),
                            ("parameters", self._parameter)):
            for name, value in components.get(kind, {}).items():
                if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
                    self._say(f"components/{kind}", f"'{name}' is no name")
                check(value, f"components/{kind}/{name}")
        schemes = components.get("securitySchemes", {})
        self._security(document.get("security", []), schemes, "security")
        tags = {tag["name"] for tag in document.get("tags", [])}
        ids = set()
        shapes = set()
        for path, item in document["paths"].items():
            shape = re.sub(r"\{[^}]*\}", "{}", path)
            if not path.startswith("/") or shape in shapes:
                self._say(path, "does not begin with '/', or is there twice")
            shapes.add(shape)
            self._keys("path item", item, path)
            for parameter in item.get("parameters", []):
                self._parameter(parameter, f"{path} parameters")
        for (method, path), operation in self.operations.items():
            self._operation(method, path, operation, tags, schemes, ids)
        for kind in ("schemas", "responses", "parameters"):
            for name in components.get(kind, {}):
                if f"#/components/{kind}/{name}" not in self._references:
                    self._say(f"components/{kind}/{name}", "is used nowhere")
        return self._found

    def _say(self, where, what):
        self._found.append(f"{where}: {what}")

    def _keys(self, kind, value, where):
        for key in value:
            if key not in KEYS[kind] and not str(key).startswith("x-"):
                self._say(where or "document", f"'{key}' means nothing in a {kind}")

    def _reference(self, value, where):
        """Whether it is a reference; says so if it leads nowhere."""
        if "$ref" not in value:
            return False
        self._references.add(value["$ref"])
        try:
            self.resolver.resolve(value["$ref"])
        except Exception:
            self._say(where, f"{value['$ref']} leads nowhere")
        return True

    def _operation(self, method, path, operation, tags, schemes, ids):
        where = f"{method} {path}"
        raw = self.document["paths"][path][method.lower()]
        self._keys("operation", raw, where)
        for key in ("operationId", "summary", "tags"):
            if not raw.get(key):
                self._say(where, f"has no {key}")
        if raw.get("operationId") in ids:
            self._say(where, "has an operationId that is not its own")
        ids.add(raw.get("operationId"))
        for tag in set(raw.get("tags", [])) - tags:
            self._say(where, f"has the tag '{tag}', which is not declared")
        self._security(raw.get("security", []), schemes, where)
        for parameter in raw.get("parameters", []):
            self._parameter(parameter, f"{where} parameters")
        named = [(parameter.get("in"), parameter.get("name")) for parameter in operation["parameters"]]
        if len(named) != len(set(named)):
            self._say(where, "has a parameter twice")
        in_path = {name for place, name in named if place == "path"}
        if in_path != set(re.findall(r"\{([^}]*)\}", path)):
            self._say(where, f"has the path parameters {sorted(in_path)}")
        if "requestBody" in raw:
            self._keys("request body", raw["requestBody"], where)
            for media, content in raw["requestBody"]["content"].items():
                self._media(content, f"{where} request {media}")
        if not any(status.startswith("2") or status == "101" for status in raw["responses"]):
            self._say(where, "never answers")
        for status, response in raw["responses"].items():
            if not (isinstance(status, str) and re.fullmatch(r"[1-5]\d\d", status)):
                self._say(where, f"{status!r} is no status")
            self._response(response, f"{where} {status}")

    def _security(self, wanted, schemes, where):
        for alternative in wanted:
            for name in alternative:
                if name not in schemes:
                    self._say(where, f"there is no security scheme '{name}'")

    def _parameter(self, parameter, where):
        if self._reference(parameter, where):
            return
        self._keys("parameter", parameter, where)
        where += f" {parameter.get('name')}"
        if parameter.get("in") not in ("query", "path", "header", "cookie"):
            self._say(where, "stands nowhere")
        if parameter.get("in") == "path" and parameter.get("required") is not True:
            self._say(where, "is in the path and not required")
        self._schema(parameter["schema"], where)
        if "example" in parameter:
            self._example(parameter["schema"], parameter["example"], where)

    def _response(self, response, where):
        if self._reference(response, where):
            return
        self._keys("response", response, where)
        if not response.get("description"):
            self._say(where, "has no description")
        for name, header in response.get("headers", {}).items():
            self._keys("header", header, f"{where} {name}")
            self._schema(header["schema"], f"{where} {name}")
        for media, content in response.get("content", {}).items():
            self._media(content, f"{where} {media}")

    def _media(self, content, where):
        self._keys("media type", content, where)
        self._schema(content["schema"], where)
        if "x-event-data" in content:
            self._schema(content["x-event-data"], where)
        if "example" in content:
            self._example(content["schema"], content["example"], where)

    def _example(self, schema, example, where):
        reason = self.why_not(schema, example)
        if reason:
            self._say(where, f"its example is none, {reason}")

    def _schema(self, schema, where):
        if isinstance(schema, bool):
            return
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            self._say(where, f"is no JSON Schema: {error.message}")
            return
        self._keys("schema", schema, where)
        self._reference(schema, where)
        for target in schema.get("discriminator", {}).get("mapping", {}).values():
            self._reference({"$ref": target}, where)
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is False:
            for name in set(schema.get("required", [])) - set(properties):
                self._say(where, f"'{name}' is required, and not allowed")
        if "null" in schema.get("type", []) and "enum" in schema and None not in schema["enum"]:
            self._say(where, "may be null by its type, and not by its enum")
        for name, part in properties.items():
            self._schema(part, f"{where}.{name}")
        for key in ("items", "additionalProperties", "propertyNames", "not"):
            if key in schema:
                self._schema(schema[key], f"{where} {key}")
        for key in ("allOf", "oneOf", "anyOf", "prefixItems"):
            for index, part in enumerate(schema.get(key, [])):
                self._schema(part, f"{where} {key}/{index}")
        if "example" in schema:
            self._example(schema, schema["example"], where)
