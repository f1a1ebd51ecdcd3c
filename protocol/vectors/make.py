#!/usr/bin/env python3
"""Writes the test vectors beside it, from docs/protocol.md alone.

This is a second implementation of the wire forms, with nothing but Python's standard library, so that the vectors
check the Rust code instead of repeating it. `python3 make.py` writes the files anew; they must not change.

The form of a vector file: a line `name:` begins an item; the indented lines after it hold its bytes in hexadecimal,
`xx*N` for N times the byte xx, or after a `"` its text. What follows ` # ` is a remark. Everything else is a remark too.
"""
import base64
import hashlib
import hmac
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
COMMIT_LANE = 0xFFFFFFFF


def run(start, length=32):
    """`length` bytes that count up from `start`."""
    return bytes((start + i) % 256 for i in range(length))


def u16(n):
    return n.to_bytes(2, "big")


def u32(n):
    return n.to_bytes(4, "big")


def sha256(data):
    return hashlib.sha256(data).digest()


def expand(prk, *info):
    """HKDF-SHA-256 Expand to 32 bytes, RFC 5869 section 2.3."""
    return hmac.new(prk, b"".join(info) + b"\x01", hashlib.sha256).digest()


# XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03 and RFC 8439


def rotl(x, n):
    return ((x << n) & 0xFFFFFFFF) | (x >> (32 - n))


def quarter(s, a, b, c, d):
    for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] = rotl(s[z] ^ s[x], n)


def rounds(state):
    s = list(state)
    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)):
            quarter(s, a, b, c, d)
        for a, b, c, d in ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            quarter(s, a, b, c, d)
    return s


def state(key, tail):
    return list(struct.unpack("<16I", b"expand 32-byte k" + key + tail))


def block(key, counter, nonce):
    start = state(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(rounds(start), start)))


def hchacha(key, nonce):
    s = rounds(state(key, nonce))
    return struct.pack("<8I", *s[:4], *s[12:])


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at : at + 16] + b"\x01", "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) % (1 << 128)).to_bytes(16, "little")


def seal(key, nonce, aad, plain):
    """nonce ‖ ciphertext ‖ tag."""
    key, short = hchacha(key, nonce[:16]), bytes(4) + nonce[16:]
    stream = b"".join(block(key, 1 + i, short) for i in range((len(plain) + 63) // 64))
    cipher = bytes(a ^ b for a, b in zip(plain, stream))
    pad = lambda data: data + bytes(-len(data) % 16)
    tagged = pad(aad) + pad(cipher) + struct.pack("<QQ", len(aad), len(cipher))
    return nonce + cipher + poly1305(block(key, 0, short)[:32], tagged)


# Deterministic CBOR, RFC 8949 section 4.2.1


def head(major, n):
    for limit, info, size in ((24, None, 0), (1 << 8, 24, 1), (1 << 16, 25, 2), (1 << 32, 26, 4), (1 << 64, 27, 8)):
        if n < limit:
            return bytes([major << 5 | n]) if info is None else bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def cbor(value):
    return b"".join(data for data, _, _ in annotated(value, "", {}, 0))


def annotated(value, label, names, depth):
    """Lines of (bytes, depth, remark) for a value; `names` gives key -> (label, names of its inner map)."""
    if isinstance(value, bytes):
        return [(head(2, len(value)) + value, depth, f"{label}: {len(value)} bytes")]
    if isinstance(value, str):
        data = value.encode()
        return [(head(3, len(data)) + data, depth, f'{label}: "{value}"'.replace("\n", "\\n"))]
    if isinstance(value, bool):
        return [(b"\xf5" if value else b"\xf4", depth, f"{label}: {str(value).lower()}")]
    if isinstance(value, int):
        return [(head(0, value) if value >= 0 else head(1, -1 - value), depth, f"{label}: {value}")]
    if isinstance(value, list):
        lines = [(head(4, len(value)), depth, f"{label}: array of {len(value)}")]
        for item in value:
            lines += annotated(item, "item", {}, depth + 1)
        return lines
    lines = [(head(5, len(value)), depth, f"{label}: map of {len(value)}".removeprefix(": "))]
    for key in sorted(value):
        inner_label, inner = names.get(key, ("unknown", {}))
        first, *rest = annotated(value[key], f"{inner_label}", inner, depth + 1)
        lines += [(head(0, key) + first[0], first[1], f"{key} {first[2]}"), *rest]
    return lines


# The files


class File:
    def __init__(self, name, about):
        self.name, self.lines = name, [*(f"# {line}" for line in about.splitlines())]

    def item(self, name, *lines):
        """Lines are bytes, (bytes, remark) or (bytes, depth, remark)."""
        self.lines += ["", f"{name}:"]
        for line in lines:
            data, depth, remark = line if isinstance(line, tuple) and len(line) == 3 else (
                (line[0], 0, line[1]) if isinstance(line, tuple) else (line, 0, None))
            self.hex(data, depth, remark)

    def hex(self, data, depth, remark):
        pad = "  " + "  " * depth
        if len(data) > 64 and len(set(data)) == 1:
            pieces = [f"{data[0]:02x}*{len(data)}"]
        else:
            pieces = [data[at : at + 32].hex() for at in range(0, len(data), 32)] or [""]
        for index, piece in enumerate(pieces):
            self.lines.append((f"{pad}{piece}" + (f"  # {remark}" if remark and index == 0 else "")).rstrip())

    def text(self, name, text):
        self.lines += ["", f"{name}:", f'  "{text}']

    def cbor(self, name, value, names):
        self.item(name, *annotated(value, "", names, 0))
        return cbor(value)

    def write(self):
        (HERE / self.name).write_text("\n".join(self.lines) + "\n", encoding="utf-8")


def steps(file, prefix, chain, count):
    for n in range(count):
        file.item(f"{prefix}_chain_{n}", chain)
        file.item(f"{prefix}_address_{n}", expand(chain, b"address"))
        file.item(f"{prefix}_key_{n}", expand(chain, b"key"))
        chain = expand(chain, b"next")


def lanes():
    file = File("lanes.txt", "Lanes and the key schedule: docs/protocol.md section 4.")
    root = run(0x00)
    file.item("root", root)
    for name, lane in (("lane_0", 0), ("lane_7", 7), ("commit", COMMIT_LANE)):
        steps(file, name, expand(root, b"himaya lane", u32(lane)), 3)
    steps(file, "parts_7", expand(root, b"himaya part lane", u32(7)), 2)
    card = run(0x20)
    file.item("card_secret", card)
    steps(file, "inbox", expand(card, b"himaya card inbox"), 2)
    file.item("card_key_address", expand(card, b"himaya card key address"))
    file.item("card_key_key", expand(card, b"himaya card key"))
    reply = run(0x40)
    file.item("reply_secret", reply)
    steps(file, "from_owner", expand(reply, b"himaya contact", b"\x00"), 2)
    steps(file, "to_owner", expand(reply, b"himaya contact", b"\x01"), 2)
    file.write()


def spill_places(seed, count):
    return [(expand(seed, b"himaya chunk address", u32(i)), expand(seed, b"himaya chunk key", u32(i)))
            for i in range(count)]


SEED = run(0xC0)
SPILLED = bytes(i % 251 for i in range(70_000))
SPILL = SEED + u32(len(SPILLED)) + sha256(SPILLED)


# A payload of 8,200 bytes in two parts and a rest of 94 bytes.
PARTED = bytes(i % 251 for i in range(8_200))


def cells():
    key, address, nonce = run(0x60), run(0x80), run(0xA0, 24)
    file = File("cells.txt", "Cells and their frames: docs/protocol.md section 3.")
    file.item("key", key)
    file.item("address", (address, "also the associated data"))
    file.item("nonce", nonce)
    payload = "alert · إنذار".encode()
    frame = [(b"\x01", "kind: inline"), (u16(len(payload)), "length"), (payload, "payload"),
             (bytes(4053 - len(payload)), "zeros")]
    file.item("inline_frame", *frame)
    file.item("inline_cell", seal(key, nonce, address, b"".join(data for data, _ in frame)))
    frame = [(b"\x02", "kind: spill"), (u16(68), "length"), (SEED, "seed"), (u32(len(SPILLED)), "length of the payload"),
             (sha256(SPILLED), "SHA-256 of the payload"), (bytes(4053 - 68), "zeros")]
    file.item("spill_frame", *frame)
    file.item("spill_cell", seal(key, nonce, address, b"".join(data for data, _ in frame)))
    first, second, rest = PARTED[:4053], PARTED[4053:8106], PARTED[8106:]
    frame = [(b"\x03", "kind: parts"), (u16(1 + 64 + len(rest)), "length"), (b"\x02", "count"),
             (sha256(first), "SHA-256 of the first part"), (sha256(second), "SHA-256 of the second part"),
             (rest, "the rest"), (bytes(4053 - 65 - len(rest)), "zeros")]
    file.item("parts_frame", *frame)
    file.item("parts_cell", seal(key, nonce, address, b"".join(data for data, _ in frame)))
    file.item("parts_first_sha256", (sha256(seal(key, nonce, address, b"\x01" + u16(4053) + first)),
                                     "of the cell that holds the first part, with this key, address and nonce"))
    file.write()


def spill():
    file = File("spill.txt", "A spilled payload: docs/protocol.md section 3.3.\n"
                "The payload is 70,000 bytes, byte i being i mod 251. Chunks are given by hash and ends.")
    file.item("seed", SEED)
    file.item("record", (SEED, "seed"), (u32(len(SPILLED)), "length"), (sha256(SPILLED), "SHA-256 of the payload"))
    for i, (address, key) in enumerate(spill_places(SEED, 2)):
        piece = SPILLED[65_496 * i :][:65_496]
        nonce = run(i, 24)
        chunk = seal(key, nonce, address, piece + bytes(65_496 - len(piece)))
        file.item(f"address_{i}", address)
        file.item(f"key_{i}", key)
        file.item(f"nonce_{i}", nonce)
        file.item(f"chunk_{i}_first_64", chunk[:64])
        file.item(f"chunk_{i}_tag", chunk[-16:])
        file.item(f"chunk_{i}_sha256", sha256(chunk))
    file.write()


def scheme(name, body):
    return f"{name}:" + base64.b32encode(body + sha256(body)[:4]).decode().rstrip("=")


def links():
    file = File("links.txt", "Relay links and cards: docs/protocol.md section 6.")
    pin = run(0x10)
    link = [(b"\x01", "version"), (pin, "pin"), (b"relay.example.org:7443", "endpoint")]
    body = b"".join(data for data, _ in link)
    file.item("link_body", *link)
    file.text("link", scheme("himaya-relay", body))
    six = b"\x01" + pin + b"[2001:db8::7]:443"
    file.text("link_ipv6", scheme("himaya-relay", six))
    file.text("forward_link", scheme("himaya-forward", body))
    key = run(0xD0)
    fingerprint = sha256(b"himaya identity" + key)
    file.item("identity_key", (key, "an Ed25519 public key"))
    file.item("fingerprint", fingerprint)
    for name, kind in (("single", 1), ("intake", 2)):
        card = [(b"\x01", "version"), (bytes([kind]), f"kind: {name}"), (run(0x20), "card secret"),
                (fingerprint, "fingerprint"), (run(0x30), "HPKE key hash"), (body, "relay link body")]
        file.item(f"card_{name}_body", *card)
        file.text(f"card_{name}", scheme("himaya-card", b"".join(data for data, _ in card)))
    file.write()


def contact():
    file = File("contact.txt", "First contact: docs/protocol.md section 6. Key packages and Welcomes are stand-ins.")
    names = {0: ("version", {}), 1: ("key package", {}), 2: ("name", {}), 3: ("reply secret", {}), 4: ("note", {})}
    hello = {0: 1, 1: run(0x01, 48), 2: "Shilan", 3: run(0x40)}
    file.cbor("hello", hello, names)
    file.cbor("hello_with_note", {**hello, 2: "ناسرین", 4: "from Hêro's workshop"}, names)
    welcome = {0: 1, 1: run(0x02, 40), 2: SPILL}
    file.cbor("welcome", welcome, {0: ("kind", {}), 1: ("Welcome", {}), 2: ("where the tree lies", {})})
    file.cbor("welcome_since", {**welcome, 3: 20_500},
              {0: ("kind", {}), 1: ("Welcome", {}), 2: ("where the tree lies", {}), 3: ("first window to read", {})})
    names = {0: ("kind", {}), 1: ("group id", {}), 2: ("key package", {})}
    file.cbor("rejoin", {0: 2, 1: run(0x03, 16), 2: run(0x04, 48)}, names)
    file.cbor("event", {0: 3, 1: run(0x03, 16), 2: cbor({0: 1})}, {**names, 2: ("event", {})})
    file.cbor("unknown", {0: 9}, names)
    fingerprints = sorted(sha256(b"himaya identity" + run(n)) for n in (0xD0, 0xD1, 0xD2))
    policy = {0: 1, 1: "Circle of Shilan", 2: 1, 3: 0x004D, 4: [[f, role] for f, role in zip(fingerprints, (1, 3, 2))]}
    file.cbor("policy", policy, {0: ("version", {}), 1: ("name", {}), 2: ("kind: circle", {}),
                                 3: ("ciphersuite", {}), 4: ("roles", {})})
    line = {0: 1, 1: "Night desk: Shilan", 2: 2, 3: 0x004D, 4: [[f, role] for f, role in zip(fingerprints, (1, 4, 2))]}
    file.cbor("policy_line", line, {0: ("version", {}), 1: ("name", {}), 2: ("kind: line", {}),
                                    3: ("ciphersuite", {}), 4: ("roles", {})})
    host = [[f, role] for f, role in zip(fingerprints, (1, 5, 2))]
    file.cbor("refused_policy_role", {**line, 4: host}, {2: ("kind: line", {}), 4: ("a host has no part in a line", {})})
    file.cbor("refused_policy_kind", {**line, 2: 7}, {2: ("a kind of a newer version", {})})
    file.item("offer", (cbor([1, run(0x04, 48)]), "an aside: a KeyPackage for other groups"))
    letter = cbor({0: 2, 1: run(0x03, 16), 2: run(0x04, 48)})
    file.item("letter", (cbor([2, fingerprints[0], letter]), "an aside: a Rejoin to one member"))
    file.write()


def relay():
    file = File("relay.txt", "The relay's calls: docs/protocol.md section 5. The cell is 4,096 times a5.")
    address, cursor, cell = run(0x80), run(0xB0, 16), b"\xa5" * 4096
    descriptor = [(u16(1), "version"), (b"\x00", "access: open"), (bytes([14]), "retention, in windows"),
                  (u32(86_400), "window length, in seconds"), (u32(20_500), "current window"),
                  (u32(20_487), "oldest window"), (u32(4_096), "cell size"), (u32(65_536), "chunk size")]
    file.item("descriptor", *descriptor)
    file.item("descriptor_with_sunset", *descriptor, (u16(3), "section: sunset"), (u16(4), "length"),
              (u32(20849), "the last day, 2027-01-31"))
    file.item("refused_descriptor_two_sunsets", *descriptor, (u16(3), "section: sunset"), (u16(4), "length"),
              (u32(20849), "the last day"), (u16(3), "another"), (u16(4), "length"), (u32(20850), "another last day"))
    file.item("refused_descriptor_short_sunset", *descriptor, (u16(3), "section: sunset"), (u16(3), "length"),
              (bytes([0, 81, 113]), "too short for a day"))
    config = [(bytes([20_487 % 256]), "key id: last byte of the window"), (u16(0x647A), "KEM: X-Wing"),
              (run(0x0C, 1_216), "public key"), (u16(4), "length of the suites"), (u16(1), "KDF: HKDF-SHA256"),
              (u16(3), "AEAD: ChaCha20Poly1305")]
    gateway = [(u16(2), "section: OHTTP key"), (u16(1_229), "length"), (u32(20_487), "first window"), *config]
    file.item("key_config", *config)
    file.item("descriptor_with_gateway", *descriptor, *gateway)
    file.item("refused_descriptor_gateway_twice", *descriptor, *gateway, *gateway)
    file.item("refused_descriptor_gateway_id", *descriptor, *gateway[:3], (b"\x00", "another key id"), *config[1:])
    file.item("refused_descriptor_gateway_suite", *descriptor, *gateway[:-1], (u16(1), "AEAD: AES-128-GCM"))
    file.item("descriptor_with_section", *descriptor, (u16(0x7777), "section of an unknown kind"), (u16(3), "length"),
              (b"\x01\x02\x03", "bytes"))
    file.item("record", (address, "address"), (cell, "cell"))
    file.item("current_head", (u32(20_500), "window"), (cursor, "cursor"))
    file.text("cursor_query", cursor.hex())
    file.item("index", (address[:8], "prefix"), (b"\x90" * 8, "prefix"), (b"\x90" * 8, "the same: two cells share it"))
    file.item("refused_index_unsorted", (b"\x90" * 8, "prefix"), (address[:8], "a lesser one"))
    file.item("pick_cells", (b"\x00", "kind: cells"), (address[:8], "prefix"), (run(0x90)[:8], "prefix"),
              *((bytes([i]) * 8, "prefix") for i in range(2, 32)))
    file.item("pick_chunks", (b"\x01", "kind: chunks"), (u16(1), "count"), (address, "address"))
    file.item("picked_cells", (b"\x01", "present"), (address, "address"), (cell, "cell"),
              (bytes(31 * 4129), "31 times absent, and zeros"))
    file.item("picked_chunks", (b"\x01", "present"), (b"\x5a" * 65536, "chunk"))
    file.item("feed_start", (b"\x00", "kind: start"), (cursor, "cursor"))
    file.item("feed_cell", (b"\x01", "kind: cell"), (cursor, "cursor"), (address, "address"), (cell, "cell"))
    file.item("feed_address", (b"\x02", "kind: address"), (cursor, "cursor"), (address, "address"))
    problem = ('{"type":"urn:himaya:problem:unknown-cursor","title":"The cursor is not known",'
               '"detail":"Ask again without one","status":410}')
    file.text("problem_json", problem)
    file.item("problem", *((problem.encode()[at : at + 32]) for at in range(0, len(problem), 32)),
              (b" " * (512 - len(problem)), "spaces, to 512 bytes in all"))
    file.write()


CHALLENGE = u16(5) + u16(20) + b"relay.himaya.invalid" + b"\x00" + u16(0)


def member():
    file = File("member.txt", "What members say and compute beside MLS: docs/protocol.md sections 6.6, 7.3, 7.7, 7.8.")
    there = (u32(20_500), "window"), (u32(7), "slots of the lane that the relay has")
    file.item("standing_unsure", (b"\x00", "standing: unsure"), *there)
    file.item("standing_missed_nothing", (b"\x01", "standing: missed nothing"), *there)
    file.item("standing_lost", (b"\x02", "standing: an owner who could not follow"), *there, (u32(3), "slot"))
    key = (b"\x01", "newest token key"), (u32(20_498), "its first window"), (run(0x60), "its id")
    gateway = (b"\x02", "newest gateway key"), (u32(20_499), "its first window"), (run(0x80), "hash of its configuration")
    file.item("standing_key", (b"\x01", "standing: missed nothing"), *there, *key)
    file.item("standing_gateway_key", (b"\x01", "standing: missed nothing"), *there, *gateway)
    terms = ((b"\x03", "terms"), (u32(20_501), "the current window where they stood"), (b"\x01", "access"), (b"\x0e", "retention"),
             (b"\x0d", "windows before the current one"), (u32(86_400), "window length"), (u32(22_000), "last day"))
    file.item("standing_terms", (b"\x01", "standing: missed nothing"), *there, *terms)
    file.item("standing_lost_keys", (b"\x02", "standing: an owner who could not follow"), *there, (u32(3), "slot"), *key, *gateway)
    file.item("standing_all", (b"\x00", "standing: unsure"), *there, *key, *gateway, *terms[:-1], (u32(0xFFFF_FFFF), "no end announced"))
    group = run(0x40)
    file.item("group", group)
    for day, members in ((20_700, 1), (20_700, 7), (20_701, 7), (20_702, 200)):
        number = int.from_bytes(sha256(b"himaya turn" + group + day.to_bytes(8, "big"))[:8], "big") % members
        file.item(f"turn_{day}_{members}", (bytes([number]), "the member whose turn it is, from 0"))
    one, other = run(0xA0), run(0x20)
    file.item("fingerprint_one", one)
    file.item("fingerprint_other", other)
    file.item("verification", sha256(b"himaya verify" + min(one, other) + max(one, other))[:16])
    file.item("epoch_authenticator", run(0xC0))
    file.item("group_verification", sha256(b"himaya group" + run(0xC0))[:16])
    file.write()


def elements(start, count):
    return [(run(start + i), "element") for i in range(count)]


def tokens():
    file = File("tokens.txt", "Tokens: docs/protocol.md section 5.9. Elements and authenticators are stand-ins; the real\n"
                "ones are in rfc9497-voprf.txt and batched-tokens.txt.")
    key = run(0x11)
    file.item("key", key)
    file.item("key_id", sha256(key))
    section = [(u16(5), "token type"), (u32(20_497), "first window"), (u32(20_503), "last window in which it issues"),
               (u32(20_510), "last window in which it is accepted"), (key, "key")]
    file.item("key_section", (u16(1), "kind: token key"), (u16(46), "length"), *section)
    before = [(u16(5), "token type"), (u32(20_490), "first window"), (u32(20_496), "last window in which it issues"),
              (u32(20_503), "last window in which it is accepted"), (run(0x12), "key")]
    head = [(u16(1), "version"), (b"\x01", "access: token"), (bytes([14]), "retention, in windows"),
            (u32(86_400), "window length, in seconds"), (u32(20_500), "current window"), (u32(20_487), "oldest window"),
            (u32(4_096), "cell size"), (u32(65_536), "chunk size")]
    own = [(u16(1), "kind: token key"), (u16(46), "length")]
    file.item("descriptor", *head, *own, *before, *own, *section)
    other = [(u16(1), "kind: token key"), (u16(5), "length"), (u16(9), "another token type"), (b"\x01\x02\x03", "its own")]
    file.item("descriptor_with_another_type", *head, *other, *own, *before, *own, *section)
    file.item("refused_descriptor_out_of_turn", *head, *own, *section, *own, *before)
    file.item("refused_descriptor_short_key", *head, (u16(1), "kind"), (u16(45), "length"),
              *section[:4], (key[:31], "31 bytes"))
    file.item("challenge", (u16(5), "token type"), (u16(20), "length"), (b"relay.himaya.invalid", "issuer name"),
              (b"\x00", "no redemption context"), (u16(0), "no origin"))
    file.item("challenge_digest", sha256(CHALLENGE))
    text = lambda data: base64.urlsafe_b64encode(data).decode()
    file.text("www_authenticate", f'PrivateToken challenge="{text(CHALLENGE)}", token-key="{text(key)}"')
    token = [(u16(5), "token type"), (run(0x21), "nonce"), (sha256(CHALLENGE), "challenge digest"),
             (sha256(key), "key id"), (run(0x31, 64), "authenticator")]
    file.item("token", *token)
    file.item("nullifier", sha256(b"".join(data for data, _ in token)))
    file.text("authorization", f'PrivateToken token="{text(b"".join(data for data, _ in token))}"')
    start = [(u16(5), "token type"), (sha256(key)[-1:], "last byte of the key id")]
    file.item("request", *start, (b"\x40\x40", "length: 64, in two bytes"), *elements(0x41, 2))
    file.item("request_of_one", *start, (b"\x20", "length: 32, in one byte"), *elements(0x41, 1))
    file.item("response", (b"\x40\x40", "length"), *elements(0x51, 2), (run(0x61, 64), "proof"))
    file.item("issue_request", (run(0x71), "invite secret"), *start, (b"\x50\x00", "length: 4,096"), *elements(0x41, 128))
    one = b"".join(data for data, _ in start)
    for name, rest in (("empty_list", b"\x00"), ("long_form", b"\x40\x20" + run(0)), ("four_bytes", b"\x80\x00\x00\x20" + run(0)),
                       ("odd_length", b"\x21" + run(0, 33)), ("left_over", b"\x20" + run(0, 33)), ("cut", b"\x20" + run(0, 31))):
        file.item(f"refused_{name}", one + rest)
    file.item("refused_type", u16(1) + one[2:] + b"\x20" + run(0))
    file.write()


def invites():
    file = File("invites.txt", "Invites and kits: docs/protocol.md section 6.6.")
    secret, pin = run(0x71), run(0x10)
    relay = b"\x01" + pin + b"relay.example.org:7443"
    invite = [(b"\x01", "version"), (secret, "invite secret"), (relay, "relay link body")]
    file.item("invite_body", *invite)
    file.text("invite", scheme("himaya-invite", b"".join(data for data, _ in invite)))
    file.item("invite_hash", sha256(b"himaya invite" + secret))
    card = b"\x01\x01" + run(0x20) + sha256(b"himaya identity" + run(0xD0)) + run(0x30) + relay
    kit = [(b"\x01", "version"), (secret, "invite secret"), (card, "card body")]
    file.item("kit_body", *kit)
    file.text("kit", scheme("himaya-kit", b"".join(data for data, _ in kit)))
    file.write()


ENVELOPE = {0: "version", 1: "type", 2: "nonce", 3: "case", 4: "prev", 5: "lamport", 6: "sent", 7: "expires",
            8: "status", 9: "tlp", 10: "lang", 11: "replaces", 12: "body", 13: "author"}
BODIES = {
    1: ["kind", "urgency", "severity", "certainty", "response", "affected", "count", "when", "place", "actor_class",
        "contact", "note", "evidence"],
    2: ["refs", "level", "note"],
    3: ["refs", "note"],
    4: ["text"],
    6: ["needed_by", "date", "adults", "children", "consent", "duration", "area_ok", "area_avoid", "needs", "transport",
        "contact_window", "note"],
    7: ["slots", "from", "until", "place", "features", "max_nights", "notice_h", "state"],
    8: ["request", "offer", "hold_until", "state"],
    9: ["text"],
    10: ["start", "rrule", "grace", "remind", "ladder", "sealed_plan", "offset"],
    11: ["plan", "seq", "answer", "late"],
    12: ["status", "priority", "urgency", "severity", "certainty", "reason", "note", "alternative", "confirms", "verified"],
    13: ["member", "part", "act"],
    14: ["to", "services", "fields_shared", "consent", "reply_by", "state", "reject_reason", "referral"],
    15: ["act", "purpose", "recipient", "fields", "withheld", "given_by", "method", "readback", "withdraws"],
    16: ["about", "reliability", "credibility", "connection", "independent_sources", "verdict", "note"],
    17: ["commitment", "shared_sha256", "stripped", "mime", "size", "captured", "derivations", "custody", "consent"],
    18: ["refs", "reason"],
    19: ["plan", "seq", "answer", "late"],
    20: ["heads", "status", "priority", "lead", "backups", "defender", "opened", "kind", "urgency", "severity", "certainty",
         "place", "summary"],
    21: ["duty_leads", "services", "backup", "plan_b", "women_only"],
    22: ["shifts"],
    23: ["step", "reason", "about"],
}
SENT = 29_500_000


def event(file, name, kind, body, **envelope):
    keys = {label: key for key, label in ENVELOPE.items()}
    fields = {0: 1, 1: kind, 2: run(0x70, 16), 5: 3, 6: SENT, 8: "Actual", 9: "RED", 10: "en", 12: body, 13: run(0xC0)}
    fields.update({keys[label]: value for label, value in envelope.items()})
    names = {key: (label, {}) for key, label in ENVELOPE.items()}
    names[12] = ("body", {i: (label, {}) for i, label in enumerate(BODIES.get(kind, []))})
    data = file.cbor(name, fields, names)
    file.item(f"{name}_id", sha256(data))
    return sha256(data)


def events():
    file = File("events.txt", "Events: docs/protocol.md section 8. An id is the SHA-256 of the bytes above it.")
    shortest = {0: "unspecified", 1: "Immediate", 2: "Severe", 3: "Observed"}
    alert = event(file, "sos", 1, shortest, expires=SENT + 72 * 60)
    earlier = sorted([alert, run(0x05), run(0x06)])
    full = {0: "arrest", 1: "Immediate", 2: "Extreme", 3: "Likely", 4: ["Shelter", "Monitor"], 5: "colleague",
            6: "2-5", 7: SENT - 30, 8: "IQ-AR", 9: "police", 10: "dont_call",
            11: "گرتیان لە بەردەم ماڵ\nدوو کەس", 12: [run(0x07), run(0x08)]}
    event(file, "alert", 1, full, case=run(0x09, 16), prev=earlier, lamport=1_000, expires=SENT + 72 * 60,
          status="Exercise", tlp="AMBER+STRICT", lang="ckb", replaces=alert)
    event(file, "ack", 2, {0: [alert], 1: "acting", 2: "On my way"}, prev=[alert], lamport=4)
    event(file, "all_clear", 3, {0: sorted([alert, run(0x05)])}, prev=[alert], lamport=5)
    event(file, "notice", 4, {0: "Réunion demain à 9 h."}, lang="fr")
    event(file, "leave", 5, {})
    file.lines += ["", "# What a newer version might send: kept, shown as \"update needed\", same bytes again."]
    event(file, "newer_type", 77, {0: "what", 1: [1, 2]})
    event(file, "newer_words", 1, {**shortest, 0: "drone_strike", 10: "carrier_pigeon"}, status="Rehearsal")
    newer = {**shortest, 40: [run(0x07)]}
    event(file, "newer_keys", 1, newer)
    file.write()


HOUR, DAY = 60, 24 * 60
# One full example of each type of a desk: name, type, body, what stands in the envelope besides.
DESK = [
    ("shelter_request", 6, {0: "date", 1: SENT + 3 * DAY, 2: 2, 3: 1, 4: run(0x20), 5: "30d", 6: ["IQ-AR", "IQ-SU"], 7: ["IQ-NI"],
                            8: ["step_free", "child_safe"], 9: "need", 10: [1_320, 360], 11: "Une chambre suffit."}, {}),
    ("offer", 7, {0: 1, 1: SENT, 2: SENT + 30 * DAY, 3: "IQ-SU", 4: ["step_free", "child_safe", "private_room"], 5: 14,
                  6: 12, 7: "open"}, {}),
    ("match", 8, {0: run(0x21), 1: run(0x22), 2: SENT + 12 * HOUR, 3: "proposed"}, {}),
    ("match_carried", 8, {0: run(0x21), 1: run(0x22), 3: "host_ok", 4: run(0x29)}, {}),
    ("handover_note", 9, {0: "The bench by the north gate"}, {"expires": SENT + 6 * HOUR}),
    ("check_in_plan", 10, {0: SENT + HOUR, 1: "FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8", 2: 30, 3: 10,
                           4: [[0, "contacts", "ask"], [30, "desk", "alert"], [60, "desk", "open_case"],
                               [120, "everybody", "open_plan"]], 5: "My sister knows where I am.", 6: 180}, {}),
    ("check_in", 11, {0: run(0x23), 1: 3, 2: "delay", 3: 30}, {}),
    ("triage", 12, {0: "DECLINED", 1: "P2", 2: "Expected", 3: "Severe", 4: "Likely", 5: "Outside our region", 6: "Ask again on Monday",
                    7: "The line of the neighbouring organisation", 8: run(0x24), 9: "code_phrase"}, {"tlp": "AMBER+STRICT"}),
    ("assignment", 13, {0: run(0xC0), 1: "lead", 2: "take"}, {}),
    ("referral", 14, {0: ["organisation", run(0x25)], 1: ["legal", "urgent_relocation"], 2: ["kind", "place", "needs"], 3: run(0x26),
                      4: SENT + DAY, 5: "rejected", 6: "No lawyer in that region", 7: run(0x27)}, {}),
    ("consent", 15, {0: "grant", 1: "referral", 2: ["organisation", run(0x25)], 3: ["kind", "place", "needs"], 4: ["note"], 5: "self",
                     6: "call", 7: True}, {"expires": SENT + 90 * DAY}),
    ("consent_withdrawn", 15, {0: "withdraw", 1: "referral", 2: ["organisation", run(0x25)], 5: "via_contact", 6: "message",
                               7: False, 8: run(0x26)}, {}),
    ("verification", 16, {0: run(0x28), 1: "B", 2: "2", 3: "witness", 4: 2, 5: "probable", 6: "Two people who do not know each other"}, {}),
    ("evidence", 17, {0: run(0x29), 1: run(0x2A), 2: True, 3: "image/jpeg", 4: 25 * 1024 * 1024, 5: SENT - DAY,
                      6: [["stripped", run(0x2A)]], 7: [["collected", SENT - DAY, run(0xC0)], ["sealed", SENT, run(0xC0)]],
                      8: run(0x26)}, {}),
    ("stand_down", 18, {0: [run(0x21)], 1: "I am safe at home"}, {}),
    ("duress", 19, {0: run(0x23), 1: 3, 2: "delay", 3: 30}, {}),
    ("snapshot", 20, {0: [run(0x24), run(0x27)], 1: "ACTIVE", 2: "P1", 3: run(0xC0), 4: [run(0xB0)], 5: run(0xD0), 6: SENT - DAY,
                      7: "arrest", 8: "Immediate", 9: "Extreme", 10: "Observed", 11: "IQ-AR", 12: "A lawyer is on the way."}, {}),
    ("desk_policy", 21, {0: [run(0xC0)], 1: ["legal"], 2: ["organisation", run(0x25)], 3: [["Night line", "+964 1 234 5678"]],
                         4: [run(0xB0)]}, {}),
    ("shift_roster", 22, {0: [[run(0xB0), SENT, SENT + 8 * HOUR], [run(0xC0), SENT + 8 * HOUR, SENT + 16 * HOUR]]}, {}),
    ("escalation", 23, {0: 2, 1: "no_ack", 2: run(0x28)}, {}),
]


def desk():
    file = File("desk.txt", "Events of a desk: docs/protocol.md section 8.3. A Duress has the size of the CheckIn that it seems to be.")
    for name, kind, body, envelope in DESK:
        event(file, name, kind, body, **envelope)
    file.write()


def refused():
    file = File("refused.txt", "Bytes that are no events, each with its reason: docs/protocol.md section 8.")
    base = {0: 1, 1: 4, 2: run(0x70, 16), 5: 3, 6: SENT, 8: "Actual", 9: "RED", 10: "en", 12: {0: "hello"}, 13: run(0xC0)}
    alert = {**base, 1: 1, 12: {0: "arrest", 1: "Immediate", 2: "Severe", 3: "Observed"}}
    ack = {**base, 1: 2, 12: {0: [run(0x05)], 1: "human"}}
    good = cbor(base)
    cases = {
        "malformed_cut_short": good[:-1],
        "malformed_bytes_left_over": good + b"\x00",
        "deterministic_long_integer": good.replace(b"\x05\x03\x06", b"\x05\x18\x03\x06"),
        "deterministic_indefinite_map": b"\xbf" + good[1:] + b"\xff",
        "deterministic_keys_out_of_order": good[:1] + good[3:5] + good[1:3] + good[5:],
        "version_2": cbor({**base, 0: 2}),
        "missing_nonce": cbor({k: v for k, v in base.items() if k != 2}),
        "missing_kind": cbor({**alert, 12: {k: v for k, v in alert[12].items() if k != 0}}),
        "type_lamport_text": cbor({**base, 5: "3"}),
        "type_body_array": cbor({**base, 12: []}),
        "limit_nonce_15": cbor({**base, 2: run(0x70, 15)}),
        "missing_author": cbor({k: v for k, v in base.items() if k != 13}),
        "limit_author_31": cbor({**base, 13: run(0xC0, 31)}),
        "limit_case_20": cbor({**base, 3: run(0x70, 20)}),
        "limit_prev_9": cbor({**base, 4: [run(n) for n in range(9)]}),
        "limit_prev_empty": cbor({**base, 4: []}),
        "limit_expires_not_after_sent": cbor({**base, 7: SENT}),
        "limit_lang_36": cbor({**base, 10: "en-" + "abcdefgh-" * 3 + "abcdef"}),
        "limit_status_33": cbor({**base, 8: "x" * 33}),
        "limit_tlp_space": cbor({**base, 9: "RED "}),
        "limit_text_2001": cbor({**base, 12: {0: "ა" * 2_001}}),
        "limit_text_empty": cbor({**base, 12: {0: ""}}),
        "limit_note_501": cbor({**alert, 12: {**alert[12], 11: "ا" * 501}}),
        "limit_response_4": cbor({**alert, 12: {**alert[12], 4: ["Monitor"] * 4}}),
        "limit_evidence_5": cbor({**alert, 12: {**alert[12], 12: [run(n) for n in range(5)]}}),
        "limit_evidence_31": cbor({**alert, 12: {**alert[12], 12: [run(0, 31)]}}),
        "limit_refs_65": cbor({**ack, 12: {0: [run(n) for n in range(65)], 1: "human"}}),
        "missing_level": cbor({**ack, 12: {0: [run(0x05)]}}),
        "order_refs": cbor({**ack, 12: {0: [run(0x06), run(0x05)], 1: "human"}}),
        "order_prev_repeated": cbor({**base, 4: [run(0x05), run(0x05)]}),
    }
    # One or more of each type of a desk: the full example, with one thing that it may not have.
    full = {name: (kind, body, envelope) for name, kind, body, envelope in DESK}

    def wrong(case, name, change, **envelope):
        kind, body, around = full[name]
        keys = {label: key for key, label in ENVELOPE.items()}
        fields = {**base, 1: kind, 12: {k: v for k, v in {**body, **change}.items() if v is not None}}
        fields.update({keys[label]: value for label, value in {**around, **envelope}.items()})
        cases[case] = cbor({k: v for k, v in fields.items() if v is not None})

    wrong("limit_request_no_adult", "shelter_request", {2: 0})
    wrong("limit_request_adults_10", "shelter_request", {2: 10})
    wrong("limit_request_children_10", "shelter_request", {3: 10})
    wrong("missing_request_children", "shelter_request", {3: None})
    wrong("missing_request_consent", "shelter_request", {4: None})
    wrong("missing_request_date", "shelter_request", {1: None})
    wrong("limit_request_date_tonight", "shelter_request", {0: "tonight"})
    wrong("limit_request_needs_8", "shelter_request", {8: ["step_free"] * 8})
    wrong("limit_request_area_9", "shelter_request", {6: ["IQ-AR"] * 9})
    wrong("limit_request_place_street", "shelter_request", {6: ["Gulan Street 12"]})
    wrong("limit_request_window", "shelter_request", {10: [0, 1_440]})
    wrong("limit_request_note_501", "shelter_request", {11: "x" * 501})
    wrong("limit_offer_slots_10", "offer", {0: 10})
    wrong("missing_offer_from", "offer", {1: None})
    wrong("limit_offer_until", "offer", {2: SENT})
    wrong("missing_offer_place", "offer", {3: None})
    wrong("limit_offer_place_address", "offer", {3: "36.19,44.01"})
    wrong("limit_offer_nights", "offer", {5: 367})
    wrong("limit_offer_notice", "offer", {6: 169})
    wrong("missing_match_request", "match", {0: None})
    wrong("missing_match_state", "match", {3: None})
    wrong("limit_match_hold_over_48_hours", "match", {2: SENT + 48 * HOUR + 1})
    wrong("limit_match_carries_proposal", "match", {4: run(0x29)})
    wrong("limit_match_hold_past", "match", {2: SENT})
    wrong("limit_match_hold_without_proposal", "match", {3: "host_ok"})
    wrong("limit_handover_301", "handover_note", {0: "x" * 301})
    wrong("limit_handover_over_24_hours", "handover_note", {}, expires=SENT + 24 * HOUR + 1)
    wrong("missing_handover_expires", "handover_note", {}, expires=None)
    wrong("limit_plan_without_end", "check_in_plan", {1: "FREQ=DAILY"})
    wrong("limit_plan_no_rule", "check_in_plan", {1: "every day;COUNT=3"})
    wrong("limit_plan_too_often", "check_in_plan", {1: "FREQ=HOURLY;UNTIL=20991231T235900Z"})
    wrong("limit_plan_grace_14", "check_in_plan", {2: 14})
    wrong("limit_plan_grace_721", "check_in_plan", {2: 721})
    wrong("missing_plan_remind", "check_in_plan", {3: None})
    wrong("limit_plan_ladder_5", "check_in_plan", {4: [[n, "desk", "ask"] for n in range(5)]})
    wrong("order_plan_ladder", "check_in_plan", {4: [[30, "desk", "ask"], [0, "desk", "alert"]]})
    wrong("limit_plan_ladder_week", "check_in_plan", {4: [[7 * DAY + 1, "desk", "ask"]]})
    wrong("limit_plan_sealed_2001", "check_in_plan", {5: "x" * 2_001})
    wrong("limit_plan_offset", "check_in_plan", {6: -841})
    wrong("missing_check_in_plan", "check_in", {0: None})
    wrong("missing_check_in_seq", "check_in", {1: None})
    wrong("missing_check_in_late", "check_in", {3: None})
    wrong("limit_check_in_late_ok", "check_in", {2: "ok"})
    wrong("limit_check_in_late_1441", "check_in", {3: 1_441})
    wrong("limit_duress_late_ok", "duress", {2: "ok"})
    wrong("missing_triage_reason", "triage", {5: None})
    wrong("missing_triage_alternative", "triage", {7: None})
    wrong("limit_triage_note_1001", "triage", {6: "x" * 1_001})
    wrong("limit_triage_purged", "triage", {0: "PURGED"})
    wrong("limit_triage_held", "triage", {0: "DURESS_HOLD"})
    wrong("type_triage_priority", "triage", {1: 1})
    wrong("missing_assignment_part", "assignment", {1: None})
    wrong("limit_assignment_member_31", "assignment", {0: run(0xC0, 31)})
    wrong("limit_referral_to_two", "referral", {0: ["organisation", run(0x25), run(0x26)]})
    wrong("limit_referral_to_authority", "referral", {0: ["authority", run(0x25)]})
    wrong("limit_referral_services_none", "referral", {1: None})
    wrong("limit_referral_fields_25", "referral", {2: ["kind"] * 25})
    wrong("missing_referral_consent", "referral", {3: None})
    wrong("limit_referral_reply_past", "referral", {4: SENT})
    wrong("missing_referral_reason", "referral", {6: None})
    wrong("limit_referral_reason_accepted", "referral", {5: "accepted"})
    wrong("missing_referral_referral", "referral", {7: None})
    wrong("limit_consent_authority", "consent", {2: ["authority", run(0x25)]})
    wrong("type_consent_recipient_text", "consent", {2: "everybody"})
    wrong("missing_consent_fields", "consent", {3: None})
    wrong("missing_consent_readback", "consent", {7: None})
    wrong("limit_consent_over_90_days", "consent", {}, expires=SENT + 90 * DAY + 1)
    wrong("missing_consent_expires", "consent", {}, expires=None)
    wrong("limit_consent_grant_withdraws", "consent", {8: run(0x26)})
    wrong("missing_verification_about", "verification", {0: None})
    wrong("missing_verification_credibility", "verification", {2: None})
    wrong("limit_verification_sources_100", "verification", {4: 100})
    wrong("limit_evidence_commitment_31", "evidence", {0: run(0x29, 31)})
    wrong("missing_evidence_stripped", "evidence", {2: None})
    wrong("limit_evidence_mime", "evidence", {3: "a picture"})
    wrong("limit_evidence_size", "evidence", {4: 25 * 1024 * 1024 + 1})
    wrong("order_evidence_custody", "evidence", {7: [["sealed", SENT, run(0xC0)], ["collected", SENT - DAY, run(0xC0)]]})
    wrong("limit_stand_down_no_refs", "stand_down", {0: None})
    wrong("missing_snapshot_status", "snapshot", {1: None})
    wrong("limit_snapshot_purged", "snapshot", {1: "PURGED"})
    wrong("limit_snapshot_heads", "snapshot", {0: None})
    wrong("order_snapshot_backups", "snapshot", {4: [run(0xB1), run(0xB0)]})
    wrong("limit_policy_no_lead", "desk_policy", {0: None})
    wrong("limit_policy_authority", "desk_policy", {2: ["authority", run(0x25)]})
    wrong("limit_policy_plan_b_9", "desk_policy", {3: [["a", "1"]] * 9})
    wrong("limit_roster_empty", "shift_roster", {0: None})
    wrong("limit_roster_shift", "shift_roster", {0: [[run(0xB0), SENT, SENT]]})
    wrong("order_roster", "shift_roster", {0: [[run(0xB0), SENT, SENT + 1], [run(0xB0), SENT - 1, SENT]]})
    wrong("limit_escalation_step_0", "escalation", {0: 0})
    wrong("limit_escalation_step_5", "escalation", {0: 5})
    wrong("missing_escalation_about", "escalation", {2: None})
    for name, data in cases.items():
        file.item(name, data)
    file.write()


if __name__ == "__main__":
    for write in (lanes, cells, spill, links, contact, relay, member, tokens, invites, events, desk, refused):
        write()
