"""Lets good inputs of schemathesis reach the simulators: no schema knows the gateway's keys and allowed origins."""

import os

import schemathesis

ORIGIN = os.environ["FUZZ_ORIGIN"]
KEYS = os.environ["FUZZ_KEYS"].split(",")


@schemathesis.hook
def map_body(context, body):
    """Changes only what is a text of the right form, so that a bad input stays a bad one."""
    if isinstance(body, dict):
        if isinstance(body.get("app"), str) and body["app"] != "":
            body["app"] = KEYS[len(body["app"]) % len(KEYS)]
        if isinstance(body.get("uri"), str) and body["uri"].startswith(("http://", "https://")):
            body["uri"] = ORIGIN + ("/user/items/get" if len(body["uri"]) % 2 else "/__sim/state")
    return body
