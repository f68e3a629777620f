#!/usr/bin/env python3
"""Checks licences and sources of all dependencies against deny.toml, where cargo-deny is not installed, and
that none needs a newer Rust than `rust-version` in Cargo.toml.

Reads `cargo metadata` for the targets of deny.toml; needs no network once the crates are fetched. Allows what
cargo-deny would: each crate's SPDX expression must be satisfied by `licenses.allow`, and each must come from a
registry of `sources.allow-registry` or from this repository.
"""
import json
import os
import re
import subprocess
import sys
import tomllib

os.chdir(os.path.join(os.path.dirname(__file__), ".."))
with open("deny.toml", "rb") as file:
    deny = tomllib.load(file)
allowed = set(deny["licenses"]["allow"])
with open("Cargo.toml", "rb") as file:
    rust = tomllib.load(file)["workspace"]["package"]["rust-version"]
registries = {"registry+" + url for url in deny["sources"]["allow-registry"]}


def is_allowed(expression):
    """Whether an SPDX expression can be satisfied with what is allowed."""
    # Older crates separate alternatives by a slash.
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        good = conjunction()
        while words and words[0] == "OR":
            words.pop(0)
            good = conjunction() or good
        return good

    def conjunction():
        good = single()
        while words and words[0] == "AND":
            words.pop(0)
            good = single() and good
        return good

    def single():
        word = words.pop(0)
        if word == "(":
            good = alternatives()
            words.pop(0)
            return good
        if words and words[0] == "WITH":
            word = " ".join([word, words.pop(0), words.pop(0)])
        return word in allowed

    return alternatives()


def version(text):
    """1.92 as numbers that can be compared."""
    return tuple(int(part) for part in text.split(".")[:2])


packages = {}
for target in deny["graph"]["targets"]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
    output = subprocess.run([*command, "--filter-platform", target], check=True, stdout=subprocess.PIPE).stdout
    metadata = json.loads(output)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages.update((package["id"], package) for package in metadata["packages"] if package["id"] in used)

wrong = []
for package in packages.values():
    name = f"{package['name']} {package['version']}"
    if not package["license"]:
        wrong.append(f"{name}: names no licence")
    elif not is_allowed(package["license"]):
        wrong.append(f"{name}: the licence {package['license']} is not allowed by deny.toml")
    if package["source"] is not None and package["source"] not in registries:
        wrong.append(f"{name}: comes from {package['source']}")
    elif package["source"] is None and not package["manifest_path"].startswith(os.getcwd() + os.sep):
        wrong.append(f"{name}: comes from {package['manifest_path']}")
    if version(package["rust_version"] or "1.0") > version(rust):
        wrong.append(f"{name}: needs Rust {package['rust_version']}; rust-version says {rust}")
if wrong:
    sys.exit("\n".join(sorted(wrong)))
print(f"{len(packages)} crates: licences and sources are allowed, Rust {rust} is enough")
