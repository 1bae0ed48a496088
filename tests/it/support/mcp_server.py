"""A server of the Model Context Protocol over standard streams, as small as it can be.

It offers `add`; once `grow` was called also `late`, and `add` then has another schema. `environment` tells the names of its environment variables, `hang` never
answers, `spawn` leaves a child behind.
"""

import json
import os
import subprocess
import sys

NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
NOTHING = {"type": "object", "properties": {}}
tools = {"add": NUMBERS, "grow": NOTHING, "environment": NOTHING, "hang": NOTHING, "spawn": NOTHING}


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def call(name, arguments):
    if name == "add":
        return str(arguments["a"] + arguments["b"])
    if name == "grow":
        tools["late"] = NOTHING
        tools["add"] = {**NUMBERS, "additionalProperties": False}
        send({"method": "notifications/tools/list_changed"})
        return "grown"
    if name == "environment":
        return " ".join(sorted(os.environ))
    if name == "spawn":
        return str(subprocess.Popen(["sleep", "600"]).pid)
    if name == "late":
        return "here"
    raise ValueError("no tool " + name)


for line in sys.stdin:
    message = json.loads(line)
    method, number = message.get("method"), message.get("id")
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "small", "version": "1"},
        }
        send({"id": number, "result": result})
    elif method == "tools/list":
        listed = [{"name": name, "description": name + ".", "inputSchema": schema} for name, schema in tools.items()]
        send({"id": number, "result": {"tools": listed}})
    elif method == "tools/call":
        name = message["params"]["name"]
        if name == "hang":
            continue
        try:
            text, is_error = call(name, message["params"].get("arguments") or {}), False
        except Exception as error:
            text, is_error = str(error), True
        send({"id": number, "result": {"content": [{"type": "text", "text": text}], "isError": is_error}})
    elif number is not None:
        send({"id": number, "error": {"code": -32601, "message": "not known: " + str(method)}})
