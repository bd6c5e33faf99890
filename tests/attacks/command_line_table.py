"""The table of attacks on the command line: an input, the right exit code, and words that it must say."""

import codecs
import gzip
from dataclasses import dataclass, field
from typing import Final

from api.http.command import ExitCode

KEY: Final = "lw_platform_0123456789abcdef_secret"
NOWHERE: Final = "http://127.0.0.1:9"
STAFF: Final = ("--key", KEY, "--platform-url", NOWHERE)
NOTE: Final = ("--note", "a test")
ESCAPE: Final = "\x1b]0;owned\x07\x1b[31m"
REFUSED_CONNECTION: Final = (ExitCode.STORE_ERROR, "does not answer")


@dataclass(frozen=True)
class Attack:
    """An input of the command line.

    Args:
        name: says what it is.
        arguments: of `likewise`; `{folder}` is an empty folder.
        exit_code: the right one.
        says: a part of what is written, on stdout or stderr.
        files: by name, in the folder.
        environment: more of it.
    """

    name: str
    arguments: tuple[str, ...]
    exit_code: int
    says: str
    files: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def purge(name: str, content: bytes, says: str, exit_code: int = ExitCode.WRONG_USAGE) -> Attack:
    """Returns a list of accounts to purge; one that is fine goes as far as the connection."""
    arguments = ("moderation", "purge", "{folder}/list", *NOTE, *STAFF)
    return Attack(f"purge: {name}", arguments, exit_code, says, {"list": content})


def bring_in(name: str, content: bytes, says: str) -> Attack:
    """Returns a history to import that is none."""
    return staff(f"import: {name}", "import", "{folder}/list", says=says, files={"list": content})


def verify(name: str, content: bytes, says: str, *more: str, file: str = "export.ndjson") -> Attack:
    """Returns an export that does not verify."""
    exit_code = ExitCode.CHECK_FAILED if says.startswith("The ledger") else ExitCode.WRONG_USAGE
    return Attack(
        f"verify: {name}", ("ledger", "verify", f"{{folder}}/{file}", *more), exit_code, says, {file: content}
    )


def policy(name: str, content: bytes, says: str) -> Attack:
    """Returns a policy that breaks a rule."""
    arguments = ("policy", "check", "{folder}/policy.toml")
    return Attack(f"policy: {name}", arguments, ExitCode.POLICY_ERROR, says, {"policy.toml": content})


def staff(
    name: str,
    *arguments: str,
    code: int = ExitCode.WRONG_USAGE,
    says: str = "",
    files: dict[str, bytes] | None = None,
) -> Attack:
    """Returns a staff command with a key, to a plane that is not there."""
    environment = {"LIKEWISE_PLATFORM_KEY": KEY, "LIKEWISE_PLATFORM_URL": NOWHERE}
    return Attack(name, arguments, code, says, files or {}, environment)


ATTACKS: Final = (
    staff(
        "id begins with a dash", "moderation", "account", "ban", "-a2001", *NOTE, code=4, says="not answer"
    ),
    staff("id after the options", "moderation", "account", *NOTE, "ban", "-h2001", code=4, says="not answer"),
    staff("id with two dashes", "rights", "object", *NOTE, "--", "--a", code=4, says="not answer"),
    staff("an id that is -h", "rights", "erase", "-h", "--yes", *NOTE, code=4, says="not answer"),
    staff("a banned -h", "moderation", "account", "ban", "-h", *NOTE, code=4, says="not answer"),
    staff("-h behind an id", "rights", "object", "a-1", "-h", *NOTE, says="unexpected extra argument"),
    staff("-h alone", "rights", "object", "-h", says="--help"),
    staff("unknown option", "rights", "object", "a-1", "--nothing", *NOTE, says="No such option"),
    staff("a dash and help", "rights", "erase", "--help", code=0, says="behind `--`"),
    staff("erasing without an answer", "rights", "erase", "a-1", *NOTE, says="add --yes"),
    staff("erasing for sure", "rights", "erase", "-a-1", *NOTE, "--yes", code=4, says="not answer"),
    staff("an argument that is not UTF-8", "rights", "object", "a\udcff", *NOTE, says="is not UTF-8"),
    staff("a note that is not UTF-8", "rights", "object", "a", "--note", "\udcff", says="is not UTF-8"),
    staff("takedown of nothing", "moderation", "takedown", "restore", *NOTE, says="either --video"),
    Attack("escapes in a command", (ESCAPE,), 2, r"\x1b]0;owned\x07"),
    Attack("escapes in an option", ("policy", f"--{ESCAPE}"), 2, r"\x1b[31m"),
    Attack("escapes in a path", ("policy", "check", f"{{folder}}/{ESCAPE}"), 3, r"\x1b[31m"),
    Attack("two lines in a path", ("policy", "check", "{folder}/a\nb"), 3, r"a\nb"),
    Attack("version", ("--version",), 0, "likewise "),
    Attack(
        "no such data folder", ("keys", "list", "--plane", "public", "--data-folder", "{folder}/no"), 4, ""
    ),
    Attack(
        "key with a carriage return",
        ("moderation", "job", "1", "--platform-url", NOWHERE),
        *REFUSED_CONNECTION,
        environment={"LIKEWISE_PLATFORM_KEY": f"{KEY}\r"},
    ),
    *(
        Attack(
            f"key with {name} within",
            ("moderation", "job", "1", "--key", f"{KEY}{text}{KEY}", "--platform-url", NOWHERE),
            2,
            "is no API key",
        )
        for name, text in (("a carriage return", "\r"), ("a line break", "\n"), ("a letter", "é"))
    ),
    *(
        Attack(f"address {url!r}", ("moderation", "job", "1", "--key", KEY, "--platform-url", url), 2, says)
        for url, says in (
            ("127.0.0.1:8081", "--platform-url"),
            ("file:///etc/passwd", "--platform-url"),
            ("http://", "--platform-url"),
            ("http://x:99999999", "is no address"),
            ("http://x:y", "is no address"),
            ("http://[", "is no address"),
            ("http://me:hunter2@x", "holds a user or a password"),
            (f"http://x{ESCAPE}", "--platform-url"),
        )
    ),
    *(
        Attack(
            f"proxy of {url}",
            ("moderation", "job", "1", "--key", KEY, "--platform-url", url),
            4,
            says,
            {},
            {
                "http_proxy": "http://127.0.0.1:9",
                "https_proxy": "http://127.0.0.1:9",
                "HTTP_PROXY": "http://127.0.0.1:9",
                "ALL_PROXY": "http://127.0.0.1:9",
            },
        )
        for url, says in (
            ("http://127.0.0.1:7", "http://127.0.0.1:7 does not answer"),
            ("http://localhost:7", "http://localhost:7 does not answer"),
            ("https://[::1]:7", "https://[::1]:7 does not answer"),
        )
    ),
    purge("a BOM, CRLF and blank lines", codecs.BOM_UTF8 + b'{"account_id":"a-1"}\r\n\r\n', "not answer", 4),
    purge("plain ids", b"a-1\n-a2\n", "not answer", 4),
    purge("CSV", codecs.BOM_UTF8 + b"name;account_id\r\nbot;a-1\r\n", "not answer", 4),
    purge("CSV with quotes", b'"account_id","name"\n"a-1","x, y"\n', "not answer", 4),
    purge("CSV without names", b"a-1,bot\n", "`line 1` names no column"),
    purge("CSV of two widths", b"account_id,name\na-1\n", "`line 2` has 1 columns, and line 1 has 2"),
    purge("CSV that a spreadsheet rounded", b"account_id,n\n7.12346E+18,x\n", "`line 2` has a account_id"),
    purge(
        "CSV with a line break in a field",
        b'name,account_id\n"two\r\nlines",a-1\n\n"x\ny",\n',
        "`line 5` names nothing",
    ),
    purge("CSV with a line break in its names", b'"the\nname";account_id\nx;a-1\n', "not answer", 4),
    purge(
        "CSV with a comma in its names",
        b'"first, last";account_id\n"a, b";a-1\nx\n',
        "`line 3` has 1 columns",
    ),
    purge(
        "CSV with a long field",
        b"account_id,note\na-1," + b"x" * 200_000,
        "`line 2` begins a field of more than",
    ),
    purge(
        "CSV with a quote that stays open", b'account_id,note\na-1,x\na-2,"y\na-3,z\n', "`line 3` has a quote"
    ),
    purge("CSV with text behind a quote", b'account_id,note\n"a"-2,y\n', "`line 2` has a quote"),
    purge("names with a quote that stays open", b'"account_id,note\na-1,x\n', "`line 1` has a quote"),
    purge("CSV of an old Macintosh", b"account_id,n\ra-1,x\r\ra-2\r", "`line 4` has 1 columns"),
    purge("CSV with empty lines of a spreadsheet", b"account_id;n\r\na-1;x\r\n;\r\n", "not answer", 4),
    purge("CSV of delimiters alone", b",,\n,,\n", "names no column"),
    purge("JSON lines that end with CR", b'{"account_id":"a-1"}\r{"account_id"}\r', "`line 2` is not JSON"),
    purge("Latin-1 behind CR", b"a-1\ra-\xe4\r", "`line 2` is not UTF-8"),
    purge("a field without end, in plain ids", b"a-1\n" + b"x" * 200_000, "`line 2` begins a field of more"),
    purge("UTF-16", '{"account_id":"a-1"}\n'.encode("utf-16"), "is UTF-16"),
    purge("UTF-16 without a BOM", "a-1\n".encode("utf-16-le"), "UTF-16"),
    purge("gzip", gzip.compress(b"a-1\n"), "is a gzip file"),
    purge("a spreadsheet", b"PK\x03\x04rest", "is a spreadsheet"),
    bring_in("CSV", b"type,account_id\nlike,a-1\n", "begins with a line that is no JSON object"),
    bring_in("an array", b'[{"type":"like"}]', "begins with a line that is no JSON object"),
    bring_in("JSON lines that end with CR", b'{"a":1}\r{"a":2}\r', "ends its lines with CR alone"),
    bring_in("UTF-16", '{"a":1}\n'.encode("utf-16"), "is UTF-16"),
    bring_in("gzip without its name", gzip.compress(b'{"a":1}\n'), "is a gzip file"),
    purge("an array", b'["a-1"]', "is one JSON array"),
    purge("nothing", b"\n", "is empty"),
    purge("Latin-1", b"a-1\na-\xe4\n", "`line 2` is not UTF-8"),
    purge("a bad second line", b'{"account_id":"a-1"}\n{"account_id":\n', "`line 2` is not JSON"),
    purge("deep JSON", b'{"account_id":' + b"[" * 100_000, "`line 1` is not JSON"),
    purge("two names", b'{"account_id":"a","handle":"b"}', "`line 1` names nothing, or two"),
    policy("deep TOML", b"x = " + b"[" * 10_000, "nested too deeply"),
    policy("a number of 5,000 digits", b"x = " + b"9" * 5_000, "digits"),
    policy("an exponent without end", b"x = 1e" + b"9" * 30, "policy file"),
    policy("a BOM", codecs.BOM_UTF8 + b"x = 1", "x: is no field of a policy"),
    policy("UTF-16 LE", "x = 1".encode("utf-16"), "is UTF-16"),
    policy("UTF-16 BE", codecs.BOM_UTF16_BE + "x = 1".encode("utf-16-be"), "is UTF-16"),
    policy("UTF-32", "x = 1".encode("utf-32"), "is UTF-32"),
    purge("a column twice", b"account_id,account_id\na-1,a-2\n", "names a column twice"),
    purge("UTF-32", "account_id\na-1\n".encode("utf-32"), "is UTF-32"),
    policy("not UTF-8", b"\xff", "policy file"),
    policy("an escape", b'x = "\x1b"', "policy file"),
    Attack("policy: endless", ("policy", "check", "/dev/zero"), 3, "has more than"),
    Attack("policy: a folder", ("policy", "check", "{folder}"), 2, "is a directory"),
    verify("deep JSON", b'{"line":' + b"[" * 100_000 + b"\n", "The ledger does not hold"),
    verify("a gzip bomb of blank lines", gzip.compress(b"\n" * 2**21), "The ledger does", file="x.gz"),
    verify("a gzip bomb of one line", gzip.compress(b"x" * 2**25), "a line of more than", file="x.gz"),
    verify("a gzip file cut off", gzip.compress(b"x" * 99)[:-9], "cannot be read to its end", file="x.gz"),
    verify("earlier without heads", b"", "has no signed tree head", "--since", "{folder}/export.ndjson"),
    verify("deep keys", b"[" * 100_000, "is not a set", "--keys", "{folder}/export.ndjson"),
    Attack(
        "access to a device", ("rights", "access", "a", "--output", "/dev/null", *NOTE), 2, "no regular file"
    ),
    Attack(
        "access to nowhere", ("rights", "access", "a", "--output", "{folder}/no/x", *NOTE), 2, "is not there"
    ),
    *(
        Attack(f"{words[0]} {words[1]} to {path}", (*words, path, *more), 5, f"cannot use {path}")
        for path in ("/proc/version", "/proc/new", "/sys/new")
        for words, more in (
            (("rights", "access", "a", "--output"), NOTE),
            (("ledger", "export"), ()),
            (("audit", "white-box", "--quick", "--report"), ()),
        )
    ),
    Attack("report to -", ("audit", "white-box", "--quick", "--report", "-"), 2, "- is not stdout here"),
    Attack("export to - with JSON", ("ledger", "export", "-", "--json"), 2, "`FILE` is - with --json"),
    staff(
        "progress in -",
        "import",
        "{folder}/list",
        "--progress-file",
        "-",
        says="- is not stdout here",
        files={"list": b"{}"},
    ),
    Attack("export to nowhere", ("ledger", "export", "{folder}/no/x"), 2, "is not there"),
    Attack(
        "report to nowhere", ("audit", "white-box", "--quick", "--report", "{folder}/no/x"), 2, "not there"
    ),
)

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PROBLEM: Final = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n\r\n"
HELLO: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
SERVERS: Final = (
    ("a page", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>hi", 2, "text/html"),
    (
        "a page for an error",
        b"HTTP/1.1 404 No\r\nContent-Type: text/html\r\n\r\n<h1>no",
        2,
        "as no plane does",
    ),
    ("a proxy's error", b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n\r\n<h1>no", 4, "answers 502"),
    ("a redirect", b"HTTP/1.1 302 Found\r\nLocation: http://evil/\x1b[31m\r\n\r\n", 2, "redirects (302)"),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", 2, "does not speak HTTP"),
    ("a Redis", b"-ERR unknown command\r\n", 2, "does not speak HTTP"),
    ("nothing", b"", 4, "does not answer"),
    ("greetings alone", HELLO * 100_000, 2, "does not speak HTTP"),
    ("a greeting, and nothing", HELLO, 4, "does not answer"),
    ("half an answer", HEAD + b'Content-Length: 99\r\n\r\n{"job":', 4, "ends early"),
    ("half of the chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{", 4, "ends early"),
    ("an array", HEAD + b"\r\n[]", 2, "is no JSON object"),
    ("another object", HEAD + b"\r\n{}", 2, "answers with no job"),
    ("deep JSON", HEAD + b"\r\n" + b"[" * 100_000, 2, "is no JSON object"),
    ("the other plane", PROBLEM + b'{"detail":"No such \x1b[31m operation."}', 2, "as no plane does"),
    ("escapes", PROBLEM + rb'{"detail":"No \u001b[31m\u009b\u202e operation."}', 2, r"\x1b[31m\x9b\u202e"),
)
