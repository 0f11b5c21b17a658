#!/usr/bin/env python3
"""Verifies a bundle of receipts (see ../evidence.md) with Python's standard library alone.
    verify.py BUNDLE [--root HEX]... [--checkpoint FILE]... [--key NAME+ID+KEY]...
Prints one JSON document. Exits 0 when it is verified, 1 when it was tampered with, 3 when nothing from outside confirms it.
"""
import base64, hashlib, json, re, sys

HEADER = "bundle version section sections head index path checkpoint sum".split()
RECEIPT = ["index", "fields", "path"]
canonical = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
sha256 = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
leaf_hash = lambda text: sha256(b"\0", text.encode())
is_whole = lambda value: type(value) is int and 0 <= value < 2**53
is_path = lambda value: type(value) is list and all(type(h) is str and re.fullmatch("[0-9a-f]{64}", h) for h in value)

def is_plain(value, level=1):
    """Whether JSON libraries agree on a value: whole numbers, names that are not numbers, and at most 64 levels."""
    if type(value) is dict:
        return not any(re.fullmatch("[0-9]+", name) for name in value) and is_plain(list(value.values()), level)
    if type(value) is list:
        return level <= 64 and all(is_plain(one, level + 1) for one in value)
    return value is None or type(value) in (str, bool) or is_whole(value)

def root_from(leaf, index, size, path):
    """The root to which a proof leads (RFC 6962), or None if it does not fit the tree."""
    node, rest, fits = leaf, [bytes.fromhex(h) for h in path], index < size
    while size > 1:
        if index != size - 1 or index % 2 == 1:
            if not rest:
                return None
            node = sha256(b"\1", rest.pop(0), node) if index % 2 else sha256(b"\1", node, rest.pop(0))
        index, size = index // 2, (size + 1) // 2
    return node if fits and not rest else None

# Ed25519 (RFC 8032), verification only: points in extended coordinates on the curve over the field of P.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, d - c, d + c, f + e
    return (w * x % P, y * z % P, x * y % P, w * z % P)

def multiply(number, point):
    total = (0, 1, 1, 0)
    for bit in bin(number)[2:]:
        total = add(total, total)
        total = add(total, point) if bit == "1" else total
    return total

def decode(raw):
    y, sign = int.from_bytes(raw, "little") & (2**255 - 1), raw[31] >> 7
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x * pow(2, (P - 1) // 4, P) % P if (v * x * x - u) % P else x
    if y >= P or (v * x * x - u) % P or (x == 0 and sign):
        return None
    x = P - x if x % 2 != sign else x
    return (x, y, 1, x * y % P)

BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def ed25519(key, message, signature):
    a, r, s = decode(key), decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if None in (a, r) or s >= L or any(multiply(8, point)[0] % P == 0 for point in (a, r)):  # or of small order
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    left, right = multiply(s, BASE), add(r, multiply(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))

def unbase64(text):
    raw = base64.b64decode(text.encode()) if re.fullmatch("[A-Za-z0-9+/]*={0,2}", text) and len(text) % 4 == 0 else b""
    return raw if raw and base64.b64encode(raw).decode() == text else None

def parse_checkpoint(note):
    """[origin, size, root, body, [(name, bytes)]] of a signed note, or None."""
    body, found, rest = note.partition("\n\n")
    lines = body.split("\n")
    if not found or len(lines) < 3 or not lines[0] or not re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]):
        return None
    root, signatures, is_text = unbase64(lines[2]), [], not re.search("[\ud800-\udfff]", note)
    if int(lines[1]) >= 2**53 or not is_text or not root or len(root) != 32 or (rest and not rest.endswith("\n")):
        return None
    for line in rest.split("\n")[:-1]:
        parts = re.fullmatch("\u2014 ([^\\s\ufeff]+) (\\S+)", line)
        raw = parts and unbase64(parts[2])
        if not raw or len(raw) < 5:
            return None
        signatures.append((parts[1], raw))
    return lines[0], int(lines[1]), root, body + "\n", signatures

def signers(body, signatures, keys):
    """Which of these keys have signed a note, and which have a signature that is wrong."""
    good, wrong = [], []
    for key in dict.fromkeys(keys):
        parts = re.fullmatch("([^\\s+\ufeff]+)\\+([0-9a-f]{8})\\+(.+)", key)
        raw = parts and unbase64(parts[3])
        named = raw and parts[1].encode("utf-8", "replace")
        if not raw or len(raw) != 33 or raw[0] not in (1, 4) or sha256(named, b"\n", raw).hex()[:8] != parts[2]:
            continue
        for name, signed in signatures:
            text, signature, time = body, signed[4:], 0
            if raw[0] == 4:  # a witness's cosignature: a time, then a signature of time and text
                signature, time = signed[12:], int.from_bytes(signed[4:12], "big")
                text = f"cosignature/v1\ntime {time}\n{body}"
            if name == parts[1] and signed[:4].hex() == parts[2]:
                valid = len(signature) == 64 and time < 2**53 and ed25519(raw[1:], text.encode(), signature)
                (good if valid else wrong).append(key)
    return good, wrong

def verify(data, roots=(), checkpoints=(), keys=()):
    problems, sections, seen, said, head = [], [], set(), 0, None  # head: of the current section, if it holds
    pieces = data.decode("utf-8", "replace").split("\n")
    problems += ["the file does not end with a line break"] if pieces.pop() != "" else []
    for number, text in enumerate(pieces, 1):
        wrong = lambda what: problems.append(f"line {number}: {what}")
        try:
            line = json.loads(text)
            names = list(line) if type(line) is dict and is_plain(line) and canonical(line) == text else None
        except (ValueError, RecursionError):
            names = None
        if names not in (HEADER, RECEIPT):
            wrong("not canonical JSON of a header or receipt")
        elif names == HEADER:
            head, anchored = None, []
            is_header = line["bundle"] == "temporal-http-tasks receipts" and line["version"] == 2
            claimed = line["head"] if type(line["head"]) is dict else {}
            if not is_header or not is_whole(claimed.get("receipts")) or not is_path([claimed.get("receiptsRoot")]):
                wrong("not a header of version 2")
                continue
            if line["sum"] != sha256(canonical({k: line[k] for k in HEADER[:-1]}).encode()).hex():
                wrong("the sum is not that of the line")
            total, place = line["sections"], len(sections) + 1
            is_order = is_whole(line["section"]) and line["section"] == place and is_whole(total) and total >= place
            if not is_order or said not in (0, total):
                wrong("the section is out of order")
            said = total if is_whole(total) else 0
            leaf = leaf_hash(canonical(claimed))
            seen.add(leaf.hex())
            anchored += ["root"] if leaf.hex() in roots else []
            note, index, path = line["checkpoint"], line["index"], line["path"]
            log = parse_checkpoint(note) if type(note) is str else None
            if note is None and index is None and path == []:
                if keys or checkpoints:
                    wrong("the checkpoint is missing")
            elif log is None or not is_whole(index) or not is_path(path):
                wrong("not a checkpoint with a proof")
            else:
                origin, size, root, body, signatures = log
                own = [key for key in claimed["keys"] if type(key) is str] if type(claimed.get("keys")) is list else []
                good, bad = signers(body, signatures, own + list(keys))
                lacks_own = own and not set(own) & set(good)
                if origin != claimed.get("origin") or root_from(leaf, index, size, path) != root:
                    wrong("the head is not in the log of the checkpoint")
                for kept in map(parse_checkpoint, checkpoints):
                    if kept is None or kept[0] != origin or (kept[1] == size and kept[2] != root):
                        wrong("the given checkpoint contradicts")
                    if kept and kept[1:3] == (size, root):  # a witness may have signed this one instead
                        more = signers(kept[3], kept[4], keys)
                        anchored, good, bad = anchored + ["checkpoint"], good + more[0], bad + more[1]
                if bad or lacks_own or (keys and not set(keys) & set(good)):
                    wrong("a signature is wrong or missing")
                anchored += ["key"] if set(keys) & set(good) else []
            head, last = claimed, -1
            sections.append({"head": head, "merkleRoot": leaf.hex(), "receipts": 0, "sealed": head["receipts"], "anchoredBy": anchored})
        else:
            index, fields, path = line["index"], line["fields"], line["path"]
            is_whole_line = is_whole(index) and type(fields) is list and len(fields) == 23 and is_path(path)
            if head is None or not is_whole_line or index <= last:
                wrong("not a receipt with a proof, below a header and in order")
                continue
            last = index
            ids = [head.get(name) for name in (["sweepId"] if head.get("kind") == "sweep" else ["workflowId", "runId"])]
            of_head = all(type(own) is str and own == field for own, field in zip(ids, fields))
            text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
            leaf = leaf_hash(re.sub("[\ud800-\udfff]", lambda lone: f"\\u{ord(lone[0]):04x}", text))
            root = root_from(leaf, index, head["receipts"], path)
            is_sealed = of_head and root is not None and root.hex() == head["receiptsRoot"]
            sections[-1]["receipts"] += is_sealed
            is_sealed or wrong("not a receipt that was sealed")
    problems += ["sections are missing"] if not sections or said != len(sections) else []
    problems += [f"no section has the root {root}" for root in roots if root not in seen]
    anchored = bool(sections) and all(s["anchoredBy"] for s in sections)
    complete = 0 < said == len(sections) and all(s["receipts"] == s["sealed"] for s in sections)
    facts = {"exit": 1 if problems else 0 if anchored else 3, "anchored": anchored, "complete": complete}
    return {**facts, "sections": sections, "problems": problems}

def main(args):
    given, options = list(zip(args[2::2], args[3::2])), ("--root", "--checkpoint", "--key")
    if len(args) < 2 or len(args) % 2 or any(option not in options for option, _ in given):
        sys.exit(__doc__)
    roots, files, keys = ([v for o, v in given if o == option] for option in options)
    notes = [open(name, encoding="utf-8", newline="").read() for name in files]
    result = verify(open(args[1], "rb").read(), roots, notes, keys)
    sys.exit(print(json.dumps(result, indent=2)) or result["exit"])

if __name__ == "__main__":
    main(sys.argv)
