"""Clients of the store against a real Redis: what they refuse, and what its failures become."""

import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from privacy.errors import StoreBusyError, StoreError
from privacy.store.acl import Room
from privacy.store.connect import connect, translated
from privacy.store.patience import WouldWaitError, call_without_waiting
from privacy.store.settings import StoreSettings
from privacy.store.users import LIMITER, PLATFORM, PUBLIC, USERS
from tests.support.redis_server import Store


@contextmanager
def loopback_server(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """Give the address of a server that replies with `answer` of a message, and hangs up if that is empty."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer))
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    while True:
        try:
            session, _ = listener.accept()
        except OSError:
            return
        with session:
            while (message := session.recv(4096)) and (reply := answer(message)):
                session.sendall(reply)


def settings_for(url: str) -> StoreSettings:
    """Return settings that send every user to one address."""
    return StoreSettings(urls=dict.fromkeys(Room, url), passwords={user.name: "sesame" for user in USERS})


def test_a_client_is_not_used_where_nothing_may_wait(store: Store) -> None:
    """No command reaches the server, in a pipeline or alone; afterwards the client is as before."""
    with closing(connect(store.settings, PUBLIC)) as public:
        before = store.root.info("stats")["total_commands_processed"]
        pipeline = public.pipeline(transaction=False)
        pipeline.get("g:release:x")
        for call in (public.ping, pipeline.execute):
            with pytest.raises(WouldWaitError):
                call_without_waiting(call)
        assert store.root.info("stats")["total_commands_processed"] == before + 1
        assert public.ping()


def test_a_client_is_who_it_was_made_for(store: Store) -> None:
    """Replies are bytes, and the rights are the user's own."""
    store.root.set("g:release:x", "document")
    with closing(connect(store.settings, PUBLIC)) as public:
        assert public.get("g:release:x") == b"document"
        with pytest.raises(StoreError, match="does not allow"), translated():
            public.set("g:release:x", "other")


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", "is full"),
        ("MISCONF Errors writing to the AOF file", "cannot write to its disk"),
        ("LOADING Redis is loading the dataset in memory", "is still loading"),
        ("BUSY Redis is busy running a script.", "busy with a script"),
        ("READONLY You can't write against a read only replica.", "takes no writes"),
        ("CLUSTERDOWN Hash slot not served", "part of its cluster"),
        ("MASTERDOWN Link with MASTER is down", "lost its primary"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "moving data"),
        ("NOREPLICAS Not enough good replicas to write.", "too few replicas"),
        ("ERR max number of clients reached", "does not answer"),
    ],
)
def test_replies_that_pass_by_mean_try_again(store: Store, reply: str, meaning: str) -> None:
    """What a later attempt may cure is a StoreBusyError that says what is wrong."""
    with pytest.raises(StoreBusyError, match=meaning), translated():
        store.root.eval(f"return redis.error_reply({reply!r})", 0)


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("WRONGPASS invalid username-password pair or user is disabled.", "password"),
        ("NOAUTH Authentication required.", "password"),
        ("NOPERM User public has no permissions to run the 'set' command", "does not allow"),
        ("ERR ACL failure in script: No permissions to access a key", "does not allow"),
        (
            "WRONGTYPE Operation against a key holding the wrong kind of value",
            "refuses a command with WRONGTYPE",
        ),
        ("ERR secret text", "refuses a command with ERR"),
    ],
)
def test_replies_that_stay_mean_do_not_try_again(store: Store, reply: str, meaning: str) -> None:
    """What no later attempt cures is a plain StoreError, and repeats nothing of the reply but its code."""
    with pytest.raises(StoreError, match=meaning) as caught, translated():
        store.root.eval(f"return redis.error_reply({reply!r})", 0)
    assert not isinstance(caught.value, StoreBusyError)
    assert "secret" not in str(caught.value)


def test_a_full_store_is_busy_and_forgets_nothing(store: Store) -> None:
    """Under `noeviction` a write to a full store fails, also from a script, and what was there stays."""
    store.root.set("v:{a0}:kept", "value")
    script = store.platform.script_load("return redis.call('HSET', KEYS[1], 'field', '1')")
    store.root.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreBusyError, match="is full"), translated():
            store.platform.hset("v:{a0}:r:x", "field", "1")
        with pytest.raises(StoreBusyError, match="is full"), translated():
            store.platform.evalsha(script, 1, "v:{a0}:r:x")
    finally:
        store.root.config_set("maxmemory", 0)
    assert store.root.get("v:{a0}:kept") == b"value"


def test_a_wrong_password_is_refused_without_repeating_it(store: Store) -> None:
    """A process with a password of another store says so, and does not log it."""
    wrong = StoreSettings(urls=store.settings.urls, passwords={"platform": "sesame"})
    with pytest.raises(StoreError, match="refuses this user's password") as caught, translated():
        connect(wrong, PLATFORM).ping()
    assert "sesame" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("reply", [b"", b"-LOADING Redis is loading the dataset\r\n", b"\0garbage\r\n"])
def test_a_server_that_is_no_use_never_shows_in_an_error(reply: bytes) -> None:
    """A server that hangs up, loads, or talks nonsense gives an error without address, user or password."""
    with loopback_server(lambda _: reply) as url, closing(connect(settings_for(url), PLATFORM)) as client:
        with pytest.raises(StoreError) as caught, translated():
            client.ping()
        said = "".join(traceback.format_exception(caught.value, chain=True)).replace(__file__, "")
        assert url.rpartition(":")[2] not in said
        assert "sesame" not in said


def test_nobody_listening_means_try_again() -> None:
    """A refused connection is a StoreBusyError that does not say where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StoreBusyError, match="does not answer") as caught, translated():
        connect(settings_for(f"redis://127.0.0.1:{port}"), PLATFORM).ping()
    assert str(port) not in "".join(traceback.format_exception(caught.value))


def test_a_lost_answer_is_never_asked_for_again() -> None:
    """A command that may have been carried out is sent exactly once."""
    received: list[bytes] = []

    def answer(message: bytes) -> bytes:
        received.append(message)
        # One +OK for each command of the log-in, and a lost connection instead of the answer to INCR.
        return b"" if b"INCRBY" in message else b"+OK\r\n" * message.count(b"*")

    with loopback_server(answer) as url, pytest.raises(StoreBusyError), translated():
        connect(settings_for(url), PLATFORM).incr("p:counter")
    assert len([message for message in received if b"INCRBY" in message]) == 1


def test_a_frozen_server_is_busy(store: Store) -> None:
    """A server that takes the command and never answers ends in StoreBusyError, not in a hang."""
    settings = store.settings
    path = settings.url(Room.PRIVATE, PLATFORM).removeprefix("unix://")
    client = redis.Redis(
        unix_socket_path=path,
        username="platform",
        password=settings.password(PLATFORM),
        socket_timeout=0.05,
        retry=Retry(NoBackoff(), 0),
    )
    client.ping()
    os.kill(store.server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreBusyError, match="does not answer"), translated():
            client.ping()
    finally:
        os.kill(store.server.pid, signal.SIGCONT)
        client.close()


def test_an_idle_connection_that_the_server_closed_is_replaced(store: Store) -> None:
    """After a restart of Redis the first command works, without ever having been sent twice."""
    with closing(connect(store.settings, LIMITER)) as client:
        client.ping()
        store.root.client_kill_filter(user="limiter")
        assert client.ping()
