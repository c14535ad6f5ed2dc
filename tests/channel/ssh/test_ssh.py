from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from cinestream_ops.channel.conversation import Conversation
from cinestream_ops.channel.dial import straight
from cinestream_ops.channel.link import connect
from cinestream_ops.channel.route import route
from cinestream_ops.channel.ssh import ssh
from cinestream_ops.errors import Unreachable
from cinestream_ops.state import frames

ECHO = ["cat"]
LIVES = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def never(unknown):
    raise AssertionError(f"asked about {unknown}")


def python(program):
    return ["python3", "-I", "-S", "-c", program]


def test_what_is_written_comes_back_byte_for_byte(server):
    every_byte = bytes(range(256)) * 1000

    with ssh(server.target, never, argv=ECHO) as (outbox, inbox):
        frames.send(outbox, every_byte)
        echoed = frames.receive(inbox)

    assert every_byte == echoed


def test_both_ways_are_independent(server):
    program = "import sys; sys.stdout.buffer.write(b'x' * 5_000_000); sys.stdout.flush(); print(len(sys.stdin.buffer.read()))"

    with ssh(server.target, never, argv=python(program)) as (outbox, inbox):
        outbox.write(b"y" * 3_000_000)
        outbox.close()
        said = inbox.read()

    assert b"x" * 5_000_000 + b"3000000\n" == said


def test_the_program_sees_the_end_of_file_at_once(server):
    program = "import sys, time; sys.stdin.buffer.read(); print(time.time(), flush=True)"

    with ssh(server.target, never, argv=python(program)) as (outbox, inbox):
        closed = time.time()
        outbox.close()
        seen = float(inbox.read())

    assert seen - closed < 1


def test_leaving_the_block_waits_until_the_program_has_tidied_up(server, tmp_path):
    mark = tmp_path / "tidied"
    program = (
        f"import sys, time; sys.stdin.read(); time.sleep(0.3); open({str(mark)!r}, 'w').close()"
    )

    with ssh(server.target, never, argv=python(program)):
        pass

    assert mark.exists()


def test_a_program_that_is_killed_ends_the_stream(server):
    with ssh(server.target, never, argv=python(LIVES)) as (_, inbox):
        os.kill(int(inbox.readline()), signal.SIGKILL)

        with pytest.raises(EOFError):
            frames.receive(inbox)


def test_a_conversation_that_breaks_off_is_told(server):
    with pytest.raises(Unreachable) as broken:
        kill_it_and_listen(server.target)

    assert f"`root@127.0.0.1:{server.target.port}` ended the conversation" == str(broken.value)


def kill_it_and_listen(target):
    with ssh(target, never, argv=python(LIVES)) as (_, inbox):
        os.kill(int(inbox.readline()), signal.SIGKILL)
        frames.receive(inbox)


@pytest.mark.parametrize("verb", ["listen", "speak", "ask"])
def test_the_last_words_of_a_program_that_died_are_told(server, verb):
    with pytest.raises(Unreachable) as broken:
        meet_one_that_dies(server.target, verb)

    assert (f"`root@127.0.0.1:{server.target.port}` ended the conversation: disk full") == str(
        broken.value
    )


def meet_one_that_dies(target, verb):
    with ssh(target, never, argv=python("import sys; sys.exit('disk full')")) as (outbox, inbox):
        if verb == "listen":
            frames.receive(inbox)
        if verb == "ask":
            Conversation(outbox, inbox).ask({"do": "look"})
        while verb == "speak":
            frames.send(outbox, b"is anybody there?")


def test_much_on_stderr_holds_nothing_up(server):
    program = "import sys; sys.stderr.write('e' * 40_000_000); print('done', flush=True)"

    with ssh(server.target, never, argv=python(program)) as (_, inbox):
        said = inbox.readline()

    assert b"done\n" == said


def test_a_talkative_login_shell_tears_no_frame(another, tmp_path):
    noise = tmp_path / "noise"
    noise.write_text("echo 'Welcome!'; echo 12\n")
    noisy = another(f'ForceCommand . {noise}; eval "$SSH_ORIGINAL_COMMAND"')

    with ssh(noisy.target, never, argv=ECHO) as (outbox, inbox):
        frames.send(outbox, b"hello")
        echoed = frames.receive(inbox)

    assert b"hello" == echoed


def test_a_large_upload_arrives_whole(server):
    program = (
        "import hashlib, sys; print(hashlib.file_digest(sys.stdin.buffer, 'sha256').hexdigest())"
    )
    payload = os.urandom(1024 * 1024) * 32

    with ssh(server.target, never, argv=python(program)) as (outbox, inbox):
        outbox.write(payload)
        outbox.close()
        digest = inbox.readline().decode().strip()

    assert hashlib.sha256(payload).hexdigest() == digest


def test_small_frames_do_not_wait_for_acknowledgements(server):
    with ExitStack() as stack:
        sock = stack.enter_context(straight(route(server.target)[-1]))

        without_delay = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert without_delay


def test_an_error_inside_the_block_leaves_as_it_is(server):
    with pytest.raises(KeyError), ssh(server.target, never, argv=ECHO):
        raise KeyError


def test_a_closed_link_leaves_no_thread_behind(server):
    link = connect(server.target, {})

    link.close()

    assert not link.transport.is_alive()


def test_a_connection_that_is_cut_is_told_at_once(server):
    with pytest.raises(Unreachable) as broken:
        cut_the_line(server.target)

    assert f"`root@127.0.0.1:{server.target.port}` ended the conversation" == str(broken.value)


def cut_the_line(target):
    program = "import os, sys; print(os.getppid(), flush=True); sys.stdin.read()"
    with ssh(target, never, argv=python(program)) as (_, inbox):
        os.kill(int(inbox.readline()), signal.SIGKILL)
        frames.receive(inbox)


def test_a_hundred_mebibytes_arrive_whole(server):
    payload = os.urandom(1024 * 1024) * 100
    count = "import sys; print(len(sys.stdin.buffer.read()))"

    with ssh(server.target, never, argv=python(count)) as (outbox, inbox):
        outbox.write(payload)
        outbox.close()
        counted = int(inbox.readline())

    assert len(payload) == counted


def test_commands_that_need_no_ssh_do_not_pay_for_it():
    program = (
        "import sys; import cinestream_ops.channel.ssh, cinestream_ops.channel.inventory\n"
        "print('paramiko' in sys.modules)\n"
        "from cinestream_ops.channel.library import load_paramiko; load_paramiko()\n"
        "print('paramiko' in sys.modules, 'invoke' in sys.modules)"
    )

    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)

    assert b"False\nTrue False\n" == said.stdout
